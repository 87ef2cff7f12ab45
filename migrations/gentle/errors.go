package gentle

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrOutcomeUnknown says that the connection was lost after something was sent that may have taken effect. Look at
// what is there before anything is sent again.
var ErrOutcomeUnknown = errors.New("outcome unknown: the connection was lost before the answer came")

// Holder is another session of the same database, which has what is in the way.
type Holder struct {
	PID int
	// ApplicationName is what the session calls itself.
	ApplicationName string
	// Holds says what is in the way, such as "public.invoices". "" for the advisory lock.
	Holds string
}

// String gives "pid 42 (tenantry op_… attempt 1) holds public.invoices".
func (h Holder) String() string {
	text := fmt.Sprintf("pid %d (%s)", h.PID, h.ApplicationName)
	if h.Holds != "" {
		text += " holds " + h.Holds
	}
	return text
}

// LockedError says that another session changes this database and did not finish in time. Nothing was run.
type LockedError struct {
	// Holder of the lock when it was last looked at; its PID is 0 when it was gone by then.
	Holder Holder
	Waited time.Duration
	// Err is the context's error when that ended the waiting, else nil.
	Err error
}

// Error names the holder.
func (e *LockedError) Error() string {
	text := fmt.Sprintf("take the lock on the database: not free after %v, last held by %v", e.Waited.Round(time.Millisecond), e.Holder)
	if e.Holder.PID == 0 {
		text = fmt.Sprintf("take the lock on the database: not free after %v", e.Waited.Round(time.Millisecond))
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *LockedError) Unwrap() error { return e.Err }

// BlockedError says that locks on tables could not be had within the budget. What it wraps tells what could not be done.
type BlockedError struct {
	Tries  int
	Waited time.Duration
	// Sessions that hold locks on tables of the database, as seen after the last try; at most five.
	Sessions []Holder
	Err      error
}

// Error names who is likely in the way.
func (e *BlockedError) Error() string {
	text := fmt.Sprintf("%v; gave up after %d tries in %v", e.Err, e.Tries, e.Waited.Round(time.Millisecond))
	if len(e.Sessions) == 0 {
		return text
	}
	names := make([]string, len(e.Sessions))
	for i, holder := range e.Sessions {
		names[i] = holder.String()
	}
	return text + "; likely in the way: " + strings.Join(names, ", ")
}

// Unwrap returns Err.
func (e *BlockedError) Unwrap() error { return e.Err }
