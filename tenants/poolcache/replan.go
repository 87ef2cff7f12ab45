package poolcache

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Replan runs one statement, and once more when the server refused a plan that the connection had cached for it, because a
// table has other columns or other types by now (SQLSTATE 0A000, "cached plan must not change result type"). pgx forgets that plan
// with the error, so the second try makes a new one. In a transaction nothing is run again: that is aborted, and the
// caller repeats it as a whole, or not.
//
// run must be one statement, or harmless when the first of several runs twice.
func Replan(conn *pgx.Conn, run func() error) error {
	err := run()
	if !IsStalePlan(err) || conn.PgConn().TxStatus() != 'I' {
		return err
	}
	return run()
}

// codeNotSupported is feature_not_supported.
const codeNotSupported = "0A000"

// IsStalePlan reports whether an error is the server's refusal of a cached plan whose table has changed. The statement had no effect.
func IsStalePlan(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == codeNotSupported && pg.Routine == "RevalidateCachedQuery"
}
