package apply_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
)

// heldFor keeps a table in an open transaction for a while, or until the test lets it go.
func heldFor(t *testing.T, conn *pgx.Conn, sql string, d time.Duration) {
	t.Helper()
	run(t, conn, "BEGIN")
	run(t, conn, sql)
	ended := make(chan error, 1)
	timer := time.AfterFunc(d, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
		defer cancel()
		_, err := conn.Exec(ctx, "COMMIT")
		ended <- err
	})
	t.Cleanup(func() {
		if !timer.Stop() {
			require.NoError(t, <-ended)
		}
	})
}

// A long transaction costs one try: then it is waited for outside of the queue, whatever it has of the table.
func TestApplyGivesWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ change, hold string }{
		"read":      {"ALTER TABLE busy ADD COLUMN y int", "SELECT FROM busy"},
		"written":   {"CREATE INDEX busy_x ON busy (x)", "INSERT INTO busy VALUES (1)"},
		"quoted":    {`ALTER TABLE "Busy Too" ADD COLUMN y int`, `SELECT FROM "Busy Too"`},
		"index":     {"DROP INDEX busy_n", "SELECT FROM busy WHERE n = 1"},
		"reference": {"DROP TABLE child", "SELECT FROM busy"},
		"partition": {"ALTER TABLE parted ADD COLUMN y int", "SELECT FROM parted_1"},
		"late":      {"SELECT 1; ALTER TABLE busy ADD COLUMN y int", "SELECT FROM busy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			run(t, tn.admin, "SET ROLE "+tn.owner)
			run(t, tn.admin, `CREATE TABLE busy (x int, n int PRIMARY KEY); CREATE INDEX busy_n ON busy (n, x); CREATE TABLE "Busy Too" (x int);
				CREATE TABLE child (n int REFERENCES busy); CREATE TABLE parted (x int) PARTITION BY LIST (x);
				CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1); INSERT INTO busy SELECT 0, 0`)
			run(t, tn.admin, "RESET ROLE")
			if name == "written" {
				c.hold = "UPDATE busy SET x = 1"
			}
			opts := tn.options()
			opts.LockPolicy.GiveWay = testTimeout
			tries := 0
			opts.Crash = func(point string) {
				if point == apply.PointTxBefore {
					tries++
				}
			}
			rel := releaseOf(t, "1", "1_a.sql", c.change) // takes its time, so before
			heldFor(t, dial(t, tn.admin.Config()), c.hold, 700*time.Millisecond)
			result, err := tn.apply(t, rel, opts)
			require.NoError(t, err)
			require.Equal(t, 2, tries)
			require.Equal(t, 1, result.Retries)
			require.Greater(t, result.Duration, 600*time.Millisecond)
		})
	}
}

// What cannot be seen to be in the way is tried again all the same, and who holds another table is not waited for.
func TestApplyTriesWhatItCannotSee(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "SET ROLE "+tn.owner)
	run(t, tn.admin, `CREATE TABLE busy (x int); CREATE TABLE other (x int);
		CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS 'BEGIN ALTER TABLE busy ADD COLUMN y int; END'`)
	run(t, tn.admin, "RESET ROLE")
	opts := tn.options()
	opts.LockPolicy.GiveWay = testTimeout
	rel := releaseOf(t, "1", "1_a.sql", "SELECT change()")
	heldFor(t, dial(t, tn.admin.Config()), "SELECT FROM other", testTimeout)
	heldFor(t, dial(t, tn.admin.Config()), "SELECT FROM busy", 500*time.Millisecond)
	result, err := tn.apply(t, rel, opts)
	require.NoError(t, err)
	require.Greater(t, result.Retries, 2)
}

// Who holds the table all the time is tried against again and again, and named at the end.
func TestApplyGivesWayForNoLongerThanItsBudget(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "CREATE TABLE busy (x int); ALTER TABLE busy OWNER TO "+tn.owner)
	reader := dial(t, tn.admin.Config())
	run(t, reader, "SET application_name = 'a long report'")
	heldFor(t, reader, "SELECT FROM busy", testTimeout)
	heldFor(t, dial(t, tn.admin.Config()), "SELECT FROM pg_class", testTimeout)
	opts := tn.options()
	opts.LockPolicy.GiveWay, opts.LockPolicy.Budget = 100*time.Millisecond, 500*time.Millisecond
	_, err := tn.apply(t, releaseOf(t, "1", "1_a.sql", "ALTER TABLE busy ADD COLUMN y int"), opts)
	var blocked *apply.BlockedError
	require.ErrorAs(t, err, &blocked)
	require.Equal(t, []apply.Session{{PID: int(reader.PgConn().PID()), ApplicationName: "a long report", Holds: "busy"}}, blocked.Sessions)
	require.Greater(t, blocked.Tries, 2)
	require.Less(t, blocked.Tries, 8)
}
