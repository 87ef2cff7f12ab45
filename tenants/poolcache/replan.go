package poolcache

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Replan runs one statement, or one batch, and once more when the server refused what the connection had cached for it,
// because a table has other columns or other types by now ([IsStalePlan]). pgx forgets that with the error, so the second
// try makes it anew. Nothing is run again in a transaction that was open before: it is aborted, and whoever began it
// repeats it as a whole, or not. One that begins and ends within run is repeated.
//
// run must read its results to their end, return their error (that of Scan, of Rows.Err, of BatchResults.Close), and begin
// with nothing: no row has been read when a plan is refused, but a batch may have had results before. It must be one
// statement, one batch or one transaction, or harmless when the first of several runs twice.
func Replan(conn *pgx.Conn, run func() error) error {
	within := conn.PgConn().TxStatus() != idle
	err := run()
	if within || !IsStalePlan(err) || conn.PgConn().TxStatus() != idle || conn.PgConn().IsBusy() {
		return err
	}
	return run()
}

// idle is the status of a connection that is in no transaction.
const idle = 'I'

const (
	codeNotSupported = "0A000" // feature_not_supported
	codeProtocol     = "08P01" // protocol_violation
)

// IsStalePlan reports whether an error is the server's refusal of what a connection has cached for a statement, because its
// tables have changed: of a plan (0A000, "cached plan must not change result type"), or, where only descriptions are
// cached (pgx.QueryExecModeCacheDescribe), of the wrong number of formats (08P01). The statement had no effect and gave no
// rows. A plan that is refused within a function is the function's own, and another try meets it again.
func IsStalePlan(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Where != "" {
		return false
	}
	return pg.Code == codeNotSupported && pg.Routine == "RevalidateCachedQuery" ||
		pg.Code == codeProtocol && pg.Routine == "PortalSetResultFormat"
}
