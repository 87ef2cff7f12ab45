package gentle

import (
	"errors"
	"fmt"
	"time"
)

// Options of a session. The zero value acts as the connection's own role with the default waits.
type Options struct {
	// OwnerRole is the role to become with SET ROLE, so that it owns what is made. Defaults to "": none.
	OwnerRole string
	// Dedicated says that the connection was opened for this call and is closed after it. Its settings, its role and the lock
	// are then left to its end, which saves a round trip and what a new session pays for its first look at each
	// function. Defaults to false: the connection is put in order before and after.
	Dedicated bool
	// Kept says that the connection serves one session after the other, all with these options, and nobody else. Its role and its settings then
	// stay, and the plans of [Command.Plan]; only the lock is given back. No statement that is sent may change a setting for longer than its
	// transaction. Defaults to false.
	Kept bool
	// Name is the application_name that a kept connection takes, and IdleName the one that it has when the lock was given back. They default
	// to the one that it has.
	Name, IdleName string
	// LockWait is how long another session that changes this database is waited for. Defaults to 30 s; the context
	// bounds it too.
	LockWait time.Duration
	// LockPolicy is how locks on tables are waited for.
	LockPolicy LockPolicy
	// StatementTimeout bounds each statement of a transaction, for callers to give to [TransactionTimeouts]. Defaults to
	// 15 s; negative is none. Statements that run alone have none.
	StatementTimeout time.Duration
}

// WithDefaults fills in what is zero.
func (o Options) WithDefaults() Options {
	if o.LockWait == 0 {
		o.LockWait = 30 * time.Second
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 15 * time.Second
	}
	o.LockPolicy = o.LockPolicy.withDefaults()
	return o
}

// Validate refuses what cannot be done. It is asked after WithDefaults.
func (o Options) Validate() error {
	if o.Kept && o.Dedicated {
		return errors.New("a connection is Kept or Dedicated, not both")
	}
	if o.LockWait < 0 {
		return fmt.Errorf("LockWait is %v", o.LockWait)
	}
	return o.LockPolicy.validate()
}
