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

// A long transaction costs one try, whichever of a file's statements it is in the way of: then it is waited for outside of the queue.
func TestApplyGivesWay(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"first": "ALTER TABLE busy ADD COLUMN y int; SELECT 1",
		"late":  "SELECT 1; ALTER TABLE busy ADD COLUMN y int",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			run(t, tn.admin, "CREATE TABLE busy (x int); ALTER TABLE busy OWNER TO "+tn.owner)
			opts := tn.options()
			opts.LockPolicy.GiveWay = testTimeout
			tries := 0
			opts.Crash = func(point string) {
				if point == apply.PointTxBefore {
					tries++
				}
			}
			rel := releaseOf(t, "1", "1_a.sql", change) // takes its time, so before
			heldFor(t, dial(t, tn.admin.Config()), "SELECT FROM busy", 700*time.Millisecond)
			result, err := tn.apply(t, rel, opts)
			require.NoError(t, err)
			require.Equal(t, 2, tries)
			require.Equal(t, 1, result.Retries)
			require.Greater(t, result.Duration, 600*time.Millisecond)
		})
	}
}
