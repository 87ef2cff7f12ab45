package lint_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/lint"
)

// aloneTruths run outside of a transaction. hold is what another session does meanwhile, so that they have to wait and can be
// looked at.
var aloneTruths = []struct {
	sql, rules, setup, hold string
}{
	{sql: `CREATE INDEX CONCURRENTLY x ON customers (age)`, hold: `SELECT count(*) FROM customers`},
	{sql: `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS x ON customers (age)`, hold: `SELECT count(*) FROM customers`, rules: "index_if_not_exists"},
	{sql: `DROP INDEX CONCURRENTLY customers_name`, hold: `SELECT count(*) FROM customers`},
	{sql: `REINDEX INDEX CONCURRENTLY customers_name`, hold: `SELECT count(*) FROM customers`},
	{sql: `REINDEX TABLE CONCURRENTLY customers`, hold: `SELECT count(*) FROM customers`},
	{sql: `VACUUM FULL customers`, hold: `SELECT count(*) FROM customers`, rules: "vacuum_full"},
	{sql: `VACUUM customers`, hold: `LOCK TABLE customers IN SHARE UPDATE EXCLUSIVE MODE`},
	{sql: `VACUUM (ANALYZE, VERBOSE) customers`, hold: `LOCK TABLE customers IN SHARE UPDATE EXCLUSIVE MODE`},
	{sql: `ALTER TABLE events DETACH PARTITION events_old CONCURRENTLY`, hold: `SELECT count(*) FROM events_old`},
}

func TestTruthAlone(t *testing.T) {
	t.Parallel()
	for _, test := range aloneTruths {
		t.Run(test.sql, func(t *testing.T) { //nolint:paralleltest // few at a time on a small machine
			verdict := lintOn(t, test.setup, test.sql).Statements[0]
			var rules []string
			for _, finding := range verdict.Findings {
				rules = append(rules, finding.Rule)
			}
			require.ElementsMatch(t, strings.Fields(test.rules), rules)

			database := newWorld(t, test.setup)
			seen := watchWaiting(t, database, test.sql, test.hold)
			require.Equal(t, seen.locksFor(verdict), locksOf(verdict), "locks")
			require.Equal(t, seen.rewritten, relationsWith(verdict, lint.Rewrites, lint.Empties), "tables with another file")
		})
	}
}

// watchWaiting runs a statement while another session stands in its way, looks at every lock that it takes until it is done,
// and at the files afterwards.
func watchWaiting(t *testing.T, database, sql, hold string) seen {
	t.Helper()
	conn, holder, observer := server(t, database), server(t, database), server(t, database)
	before := relations(t, observer)
	tx, err := holder.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), hold)
	require.NoError(t, err)

	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), sql)
		ended <- err
	}()
	pid := conn.PgConn().PID()
	require.Eventually(t, func() bool {
		var waits bool
		err := observer.QueryRow(t.Context(), `SELECT wait_event_type IS NOT DISTINCT FROM 'Lock' FROM pg_stat_activity WHERE pid = $1`, pid).Scan(&waits)
		return err == nil && waits
	}, testTimeout, 5*time.Millisecond)
	var s seen
	s.locks, s.kinds = locks(t, observer, pid, before)
	require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context())))
	require.NoError(t, <-ended)
	for oid, after := range relations(t, observer) {
		if was, there := before[oid]; there && was.File != after.File && (was.Kind == "r" || was.Kind == "m") {
			s.rewritten = append(s.rewritten, was.Name)
		}
	}
	slices.Sort(s.rewritten)
	return s
}
