package apply

import (
	"errors"
	"fmt"
	"strings"
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
