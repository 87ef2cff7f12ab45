package apply_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

const invalidIndexes = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"

// indexRelease makes a table and builds an index on it without blocking.
func indexRelease(t *testing.T, statements ...string) *release.Release {
	t.Helper()
	sql := ""
	for _, statement := range statements {
		sql += statement + ";\n"
	}
	return releaseOf(t, "1", "1_a.sql", "CREATE SCHEMA s; CREATE TABLE s.a (x int)", "2_b.sql", sql)
}

// A build that is interrupted while it waits for an old transaction leaves an invalid index, as in production.
func TestApplyRepairsAnInterruptedBuild(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := indexRelease(t, `CREATE INDEX CONCURRENTLY IF NOT EXISTS "the Index" ON s.a (x)`)
	writer := dial(t, tn.admin.Config())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := tn.options()
	opts.Crash = func(point string) {
		if point != apply.PointAloneIntent {
			return
		}
		run(t, writer, "BEGIN; INSERT INTO s.a VALUES (1)")
		watcher := dial(t, tn.admin.Config())
		go func() {
			defer cancel()
			for waiting := 0; waiting == 0 && ctx.Err() == nil; {
				err := watcher.QueryRow(ctx, "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for writers%'").Scan(&waiting)
				if err != nil {
					return
				}
			}
		}()
	}
	conn := tn.connect(t)
	_, err := apply.Apply(ctx, conn, rel, opts)
	require.ErrorIs(t, err, context.Canceled)
	hangUp(t, conn)
	run(t, writer, "COMMIT")
	standing, err := apply.State(t.Context(), tn.admin)
	require.NoError(t, err)
	require.Equal(t, "2_b.sql", standing.Unfinished().File)

	cleared := false
	opts = tn.options()
	opts.Crash = func(point string) { cleared = cleared || point == apply.PointAloneCleared }
	_, err = tn.apply(t, rel, opts)
	require.NoError(t, err)
	require.True(t, cleared, "an invalid index was found and dropped")
	require.Zero(t, number(t, tn.admin, invalidIndexes))
	require.Equal(t, 1, number(t, tn.admin, `SELECT count(*) FROM pg_index WHERE indexrelid = 's."the Index"'::regclass AND indisvalid`))
}

// Dying between the drop of an invalid index and the new build converges.
func TestApplyDiesWhileRepairing(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := indexRelease(t, "CREATE INDEX CONCURRENTLY a_x ON s.a (x)")
	require.Equal(t, apply.PointAloneEffect, tn.dies(t, rel, at(apply.PointAloneEffect)))
	run(t, tn.admin, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 's.a_x'::regclass")
	require.Equal(t, apply.PointAloneCleared, tn.dies(t, rel, at(apply.PointAloneCleared)))
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM pg_class WHERE relname = 'a_x'"))
	require.Equal(t, 1, tn.mustApply(t, rel).Applied)
	require.Zero(t, number(t, tn.admin, invalidIndexes))
}

// An effect that was not recorded is found, not made again.
func TestApplyFindsTheUnrecordedEffect(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := indexRelease(t, "CREATE INDEX CONCURRENTLY a_x ON s.a (x)", "DROP INDEX CONCURRENTLY s.a_x")
	require.Equal(t, apply.PointAloneEffect, tn.dies(t, rel, at(apply.PointAloneEffect)))
	recorded := false
	died := tn.dies(t, rel, func(_ int, point string) bool {
		recorded = recorded || point == apply.PointAloneRecorded
		return recorded && point == apply.PointAloneEffect
	})
	require.Equal(t, apply.PointAloneEffect, died, "of the second statement")
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM pg_class WHERE relname = 'a_x'"))
	require.Equal(t, 1, tn.mustApply(t, rel).Applied)
}

func TestApplyClearsAFailedBuild(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := indexRelease(t, "CREATE UNIQUE INDEX CONCURRENTLY a_x ON s.a (x)")
	opts := tn.options()
	opts.Crash = func(point string) {
		if point == apply.PointTxCommitted {
			run(t, tn.admin, "INSERT INTO s.a VALUES (1), (1)")
		}
	}
	_, err := tn.apply(t, rel, opts)
	var failure *apply.StatementError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "23505", failure.SQLState)
	require.Equal(t, 2, failure.Applied)
	require.Zero(t, number(t, tn.admin, invalidIndexes), "a failed build is dropped at once")
	require.Equal(t, 2, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history"), "its intent is taken back")

	run(t, tn.admin, "TRUNCATE s.a")
	require.Equal(t, 1, tn.mustApply(t, rel).Applied)
}

// An index of the same name that somebody else made is not taken for ours.
func TestApplyDoesNotAdoptAnIndex(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := indexRelease(t, "CREATE INDEX CONCURRENTLY a_x ON s.a (x)")
	tn.mustApply(t, releaseOf(t, "0", "1_a.sql", "CREATE SCHEMA s; CREATE TABLE s.a (x int)"))
	run(t, tn.admin, "CREATE INDEX a_x ON s.a ((x + 1))")
	_, err := tn.apply(t, rel, tn.options())
	require.ErrorContains(t, err, "already exists (SQLSTATE 42P07)")
	_, err = tn.apply(t, rel, tn.options())
	require.ErrorContains(t, err, "already exists (SQLSTATE 42P07)")
}

func TestApplyDropIndexThatIsNotThere(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := indexRelease(t, "DROP INDEX CONCURRENTLY s.none")
	for range 2 {
		_, err := tn.apply(t, rel, tn.options())
		require.ErrorContains(t, err, "SQLSTATE 42704", "the second call does not take the missing index for its work")
	}
}

func TestApplyClearsRemainsOfReindex(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1",
		"1_a.sql", "CREATE TABLE a (x int); CREATE INDEX a_x ON a (x); CREATE TABLE b (x int); CREATE INDEX b_x ON b (x)",
		"2_b.sql", "REINDEX INDEX CONCURRENTLY a_x",
	)
	require.Equal(t, apply.PointAloneIntent, tn.dies(t, rel, at(apply.PointAloneIntent)))
	run(t, tn.admin, "CREATE INDEX a_x_ccnew ON a (x); CREATE INDEX b_x_ccnew ON b (x)")
	run(t, tn.admin, "ALTER INDEX a_x_ccnew OWNER TO "+tn.owner)
	run(t, tn.admin, "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('a_x_ccnew'::regclass, 'b_x_ccnew'::regclass)")
	require.Equal(t, 1, tn.mustApply(t, rel).Applied)
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM pg_class WHERE relname = 'a_x_ccnew'"))
	require.Equal(t, 1, number(t, tn.admin, "SELECT count(*) FROM pg_class WHERE relname = 'b_x_ccnew'"), "another table's")
}

// Somebody else's build of the same name is not dropped under their hands.
func TestApplyLeavesABuildInProgressAlone(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	tn.mustApply(t, releaseOf(t, "0", "1_a.sql", "CREATE SCHEMA s; CREATE TABLE s.a (x int)"))
	writer := dial(t, tn.admin.Config())
	run(t, writer, "BEGIN; INSERT INTO s.a VALUES (1)")
	builder := dial(t, tn.admin.Config())
	built := make(chan error)
	go func() {
		_, err := builder.Exec(t.Context(), "CREATE INDEX CONCURRENTLY a_x ON s.a (x)")
		built <- err
	}()
	require.Eventually(t, func() bool {
		return number(t, tn.admin, "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for writers%'") == 1
	}, testTimeout, testTick)
	_, err := tn.apply(t, indexRelease(t, "CREATE INDEX CONCURRENTLY a_x ON s.a (x)"), tn.options())
	require.ErrorContains(t, err, `index "s"."a_x" is being built by another session`)
	require.Equal(t, gentle.Blocked, gentle.Classify(err))
	run(t, writer, "COMMIT")
	require.NoError(t, <-built)
	require.Zero(t, number(t, tn.admin, invalidIndexes))
}
