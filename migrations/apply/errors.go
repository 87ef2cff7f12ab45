package apply

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrDiverged says that a database's history and the release contradict each other. Nothing was run.
var ErrDiverged = errors.New("the database's history diverges from the release")

// DivergedError names the statement at which history and release part.
type DivergedError struct {
	// Release is the name of the release that was to be applied.
	Release     string
	Version     string
	File        string
	StatementNo int
	// Reason says how they differ.
	Reason string
}

// Error names file, statement and release.
func (e *DivergedError) Error() string {
	return fmt.Sprintf("%v %s: %s, statement %d %s", ErrDiverged, e.Release, e.File, e.StatementNo, e.Reason)
}

// Is makes errors.Is(err, ErrDiverged) true.
func (e *DivergedError) Is(target error) bool { return target == ErrDiverged }

// ErrOutcomeUnknown says that the connection was lost after something was sent that may have taken effect. Call Apply
// again: it looks at the history.
var ErrOutcomeUnknown = errors.New("outcome unknown: the connection was lost before the answer came")

// StatementError says which statement failed and what of the work is there nevertheless.
type StatementError struct {
	File string
	// Line of the file: where the statement begins or, when the server told, where in it the error is. 0 for COMMIT.
	Line int
	// StatementNo counts from 1 within the file; 0 for COMMIT.
	StatementNo int
	// SQLState is the server's code, "" when the connection failed.
	SQLState string
	// Applied is how many of the statements this call had to apply are applied and recorded; they stay.
	Applied int
	// Total is how many statements this call had to apply.
	Total int
	// Err is a *pgconn.PgError or the connection's error.
	Err error
}

// Error gives place, the server's message and how much is applied; nothing of the server's detail, which may hold rows.
func (e *StatementError) Error() string {
	where := fmt.Sprintf("%s:%d, statement %d", e.File, e.Line, e.StatementNo)
	if e.StatementNo == 0 {
		where = e.File + ", COMMIT"
	}
	return fmt.Sprintf("apply %s: %v; %d of %d statements are applied and stay", where, e.Err, e.Applied, e.Total)
}

// Unwrap returns Err.
func (e *StatementError) Unwrap() error { return e.Err }

// Session is another session of the same database.
type Session struct {
	PID int
	// ApplicationName is what the session calls itself.
	ApplicationName string
	// Holds says what is in the way, such as "public.invoices". "" for the advisory lock.
	Holds string
}

// String gives "pid 42 (tenantry op_… attempt 1) holds public.invoices".
func (s Session) String() string {
	text := fmt.Sprintf("pid %d (%s)", s.PID, s.ApplicationName)
	if s.Holds != "" {
		text += " holds " + s.Holds
	}
	return text
}

// LockedError says that another session changes this database and did not finish in time. Nothing was run.
type LockedError struct {
	// Holder of the lock when it was last looked at; its PID is 0 when it was gone by then.
	Holder Session
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

// BlockedError says that locks on tables could not be had within the budget. What it wraps tells how much is applied.
type BlockedError struct {
	Tries  int
	Waited time.Duration
	// Sessions that hold locks on tables of the database, as seen after the last try; at most five.
	Sessions []Session
	Err      error
}

// Error names who is likely in the way.
func (e *BlockedError) Error() string {
	text := fmt.Sprintf("%v; gave up after %d tries in %v", e.Err, e.Tries, e.Waited.Round(time.Millisecond))
	if len(e.Sessions) == 0 {
		return text
	}
	names := make([]string, len(e.Sessions))
	for i, session := range e.Sessions {
		names[i] = session.String()
	}
	return text + "; likely in the way: " + strings.Join(names, ", ")
}

// Unwrap returns Err.
func (e *BlockedError) Unwrap() error { return e.Err }

// UnresolvedError says that a statement was sent earlier, that its outcome was never recorded, and that looking at the
// database cannot tell it. A person must; [Resolve] records what was found.
type UnresolvedError struct {
	Version     string
	File        string
	Line        int
	StatementNo int
	// Kind of the statement, such as "DoStmt".
	Kind string
}

// Error says what to do.
func (e *UnresolvedError) Error() string {
	where := fmt.Sprintf("WHERE version = '%s' AND statement_no = %d", strings.ReplaceAll(e.Version, "'", "''"), e.StatementNo)
	return fmt.Sprintf("apply %s:%d, statement %d (%s): it was begun earlier and its outcome is not known. "+
		"Look whether it took effect. If it did: UPDATE _tenantry.schema_history SET status = 'done' %s. "+
		"If it did not: DELETE FROM _tenantry.schema_history %s. Then apply again",
		e.File, e.Line, e.StatementNo, e.Kind, where, where)
}
