package preflight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// answer is what came of a question.
type answer struct {
	// rows that were counted; for a check 0 is true and 1 is not.
	rows int
	// bad says why a check's answer is none.
	bad string
	err error
}

// ask puts one question in a transaction of its own, so that its lock is held no longer than it takes.
func ask(ctx context.Context, conn *pgx.Conn, q question, timeout time.Duration, beforeEnd func(context.Context, *pgx.Conn)) answer {
	ctx, cancel := context.WithTimeout(ctx, timeout+5*time.Second) // the server's own timeout comes first
	defer cancel()
	var a answer
	a.err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, fmt.Sprintf("%dms", timeout.Milliseconds())); err != nil {
			return err //nolint:wrapcheck // told as a finding
		}
		rows, err := tx.Query(ctx, q.sql)
		if err != nil {
			return err //nolint:wrapcheck // told as a finding
		}
		if q.check {
			a.rows, a.bad, err = verdict(rows)
		} else {
			a.rows, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
		}
		if err == nil {
			beforeEnd(ctx, conn)
		}
		return err //nolint:wrapcheck // told as a finding
	})
	return a
}

// verdict reads the answer to a check: nothing but one row with true is well. What else it is, is not kept.
func verdict(rows pgx.Rows) (int, string, error) {
	defer rows.Close()
	answers, yes := 0, false
	bad := ""
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return 1, "", err //nolint:wrapcheck // told as a finding
		}
		if answers++; answers > 1 {
			return 1, "it gives more than one row", nil
		}
		is, ok := values[0].(bool)
		if !ok && values[0] != nil {
			bad = "its answer is no boolean"
		}
		yes = is
	}
	switch {
	case rows.Err() != nil:
		return 1, "", rows.Err() //nolint:wrapcheck // told as a finding
	case answers == 0:
		return 1, "it gives no row", nil
	case yes:
		return 0, "", nil
	default:
		return 1, bad, nil
	}
}

// finding says what an answer means, nil when all is well.
func (q question) finding(a answer) *Finding {
	var f Finding
	switch {
	case a.err != nil && q.check:
		f = q.unanswered(a.err)
	case a.err != nil:
		f = notLooked("not looked whether "+q.what, "the question failed: "+reason(a.err))
	case a.rows == 0:
		return nil
	case q.check:
		f = blocking(CheckFailed, q.what+" is not true", a.bad, q.fix)
	default:
		f = blocking(Rows, "not so: "+q.what, count(a.rows)+" "+q.rows, q.fix)
	}
	return &f
}

// unanswered: a check that could not be asked is never taken for one that holds. What has no answer in time is not known; so is what speaks of
// something that an earlier statement of the release may make. Any other failure is the check's own.
func (q question) unanswered(err error) Finding {
	code := ""
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		code = pg.Code
	}
	const look = "a check is asked of the database as it was before the release, and has a few seconds"
	undefined := code == pgerrcode.UndefinedTable || code == pgerrcode.UndefinedColumn || code == pgerrcode.UndefinedFunction
	switch {
	case code == "" || code == pgerrcode.QueryCanceled || code == pgerrcode.LockNotAvailable || (undefined && !q.early):
		return warning(CheckUnknown, q.what+" is not known", reason(err), look)
	default:
		return blocking(CheckFailed, q.what+" cannot be asked", reason(err), look)
	}
}

// reason says an error without anything that a row may hold: the server's message only where it speaks of names.
func reason(err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return "no answer"
	case pg.Code == pgerrcode.QueryCanceled:
		return "no answer in time"
	case pg.Code == pgerrcode.LockNotAvailable:
		return "a table is locked"
	case pgerrcode.IsSyntaxErrororAccessRuleViolation(pg.Code):
		return fmt.Sprintf("%s (%s)", pg.Message, pg.Code)
	default:
		return "SQLSTATE " + pg.Code
	}
}

func count(n int) string {
	if n >= mostRows {
		return fmt.Sprintf("%d or more", mostRows)
	}
	return fmt.Sprint(n)
}
