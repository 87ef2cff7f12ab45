package apply

import (
	"context"
	"errors"
	"time"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// Options of Apply. The zero value applies as the connection's own role with the default waits.
type Options struct {
	// OwnerRole is the role to become with SET ROLE, so that it owns what is made. Defaults to "": none.
	OwnerRole string
	// OperationID of the operation or rollout on whose behalf this happens; it is kept in the history. Defaults to "".
	OperationID string
	// Dedicated says that the connection was opened for this call and is closed after it. Its settings, its role and the lock
	// are then left to its end, which saves a round trip and what a new session pays for its first look at each
	// function. Defaults to false: the connection is put in order before and after.
	Dedicated bool
	// Fence is called once, when the lock is held and before anything is changed; its error ends the call. Whoever may have been
	// superseded while it waited for the connection or the lock asks here. Defaults to nil: nobody is asked.
	Fence func(ctx context.Context) error
	// LockWait is how long another session that changes this database is waited for. Defaults to 30 s; the context
	// bounds it too.
	LockWait time.Duration
	// LockPolicy is how locks on tables are waited for, in files that run in a transaction.
	LockPolicy gentle.LockPolicy
	// StatementTimeout bounds each statement of a file that runs in a transaction. Defaults to 15 s; negative is
	// none. Files without a transaction have none: they are where long statements belong.
	StatementTimeout time.Duration
	// Progress is told after every statement how many of this call's statements have run, of how many, and which was
	// last ("00002_invoices.sql:14"). After a rollback the number falls again. It is called on Apply's goroutine, also
	// while locks are held, and must return at once. Defaults to nil: nobody is told.
	Progress func(done, total int, what string)
	// Crash is called with a Point wherever a process could die with consequences. Defaults to nil.
	Crash func(point string)
}

func (o Options) withDefaults() Options {
	held := o.session().WithDefaults()
	o.LockWait, o.LockPolicy, o.StatementTimeout = held.LockWait, held.LockPolicy, held.StatementTimeout
	if o.Fence == nil {
		o.Fence = func(context.Context) error { return nil }
	}
	if o.Progress == nil {
		o.Progress = func(int, int, string) {}
	}
	if o.Crash == nil {
		o.Crash = func(string) {}
	}
	return o
}

// errUnnamed refuses a release that a database could not say it stands at.
var errUnnamed = errors.New("the release has no name: publish and load it")

func (o Options) validate(rel *release.Release) error {
	if rel.Name == "" {
		return errUnnamed
	}
	return o.session().Validate()
}

// session gives what is about the session and not about the release.
func (o Options) session() gentle.Options {
	return gentle.Options{
		OwnerRole:        o.OwnerRole,
		Dedicated:        o.Dedicated,
		LockWait:         o.LockWait,
		LockPolicy:       o.LockPolicy,
		StatementTimeout: o.StatementTimeout,
	}
}
