package apply_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/gentle"
)

func TestApplyTwiceAtOnce(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := crashRelease(t)
	type outcome struct {
		result apply.Result
		err    error
	}
	outcomes := make(chan outcome)
	for range 3 {
		conn := tn.connect(t)
		go func() {
			result, err := apply.Apply(t.Context(), conn, rel, tn.options())
			outcomes <- outcome{result, err}
		}()
	}
	applied := 0
	for range 3 {
		o := <-outcomes
		require.NoError(t, o.err)
		applied += o.result.Applied
	}
	require.Equal(t, rel.StatementCount(), applied, "each statement once, whoever ran it")
	require.Equal(t, 3, number(t, tn.admin, "SELECT count(*) FROM steps"))
}

func TestApplyWaitsForTheLock(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1", "1_a.sql", "CREATE TABLE a (x int)")
	holder := tn.connect(t)
	run(t, holder, "SELECT pg_advisory_lock($1)", gentle.LockKey)
	run(t, holder, "SET application_name = 'somebody else'")

	opts := tn.options()
	opts.LockWait = 50 * time.Millisecond
	_, err := tn.apply(t, rel, opts)
	var locked *gentle.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, int(holder.PgConn().PID()), locked.Holder.PID)
	require.Equal(t, "somebody else", locked.Holder.ApplicationName)
	require.GreaterOrEqual(t, locked.Waited, opts.LockWait)
	require.Regexp(t, `^apply release 1: take the lock on the database: not free after \S+, last held by pid \d+ \(somebody else\)$`, err.Error())
	require.Equal(t, gentle.Blocked, gentle.Classify(err))
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM pg_namespace WHERE nspname = '_tenantry'"))

	conn := tn.connect(t)
	done := make(chan error)
	go func() {
		_, err := apply.Apply(t.Context(), conn, rel, tn.options())
		done <- err
	}()
	run(t, holder, "SELECT pg_advisory_unlock($1)", gentle.LockKey)
	require.NoError(t, <-done)
}

func TestApplyRetriesWhatIsLocked(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "CREATE TABLE busy (x int); ALTER TABLE busy OWNER TO "+tn.owner)
	rel := releaseOf(t, "1", "1_a.sql", "CREATE TABLE a (x int); ALTER TABLE busy ADD COLUMN y int")
	reader := dial(t, tn.admin.Config())
	run(t, reader, "SET application_name = 'a long report'")
	run(t, reader, "BEGIN; SELECT FROM busy")

	opts := tn.options()
	opts.LockPolicy.Budget = 100 * time.Millisecond
	_, err := tn.apply(t, rel, opts)
	var blocked *gentle.BlockedError
	require.ErrorAs(t, err, &blocked)
	require.Positive(t, blocked.Tries)
	require.Equal(t, []gentle.Holder{{PID: int(reader.PgConn().PID()), ApplicationName: "a long report", Holds: "busy"}}, blocked.Sessions)
	require.ErrorContains(t, err, "canceling statement due to lock timeout (SQLSTATE 55P03); 0 of 2 statements are applied and stay; gave up after")
	require.ErrorContains(t, err, "likely in the way: pid ")
	require.Equal(t, gentle.Blocked, gentle.Classify(err))
	var failure *apply.StatementError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, 2, failure.StatementNo)

	opts = tn.options()
	tries := 0
	opts.Crash = func(point string) {
		if point != apply.PointTxBefore {
			return
		}
		if tries++; tries == 3 {
			run(t, reader, "COMMIT")
		}
	}
	result, err := tn.apply(t, rel, opts)
	require.NoError(t, err)
	require.Equal(t, 2, result.Retries)
	require.Equal(t, 2, result.Applied)
}

func TestApplyRetriesAloneStatementsThatMayRunAgain(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "CREATE TABLE busy (x int); ALTER TABLE busy OWNER TO "+tn.owner)
	rel := releaseOf(t, "1", "1_a.sql", "VACUUM FULL busy")
	reader := dial(t, tn.admin.Config())
	run(t, reader, "BEGIN; SELECT FROM busy")
	opts := tn.options()
	opts.LockPolicy.Budget = 100 * time.Millisecond
	_, err := tn.apply(t, rel, opts)
	var blocked *gentle.BlockedError
	require.ErrorAs(t, err, &blocked)
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history"), "the intent is taken back")
	run(t, reader, "COMMIT")
	require.Equal(t, 1, tn.mustApply(t, rel).Applied)
}

func TestApplyStopsWaitingWithTheContext(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "CREATE TABLE busy (x int); ALTER TABLE busy OWNER TO "+tn.owner)
	reader := dial(t, tn.admin.Config())
	run(t, reader, "BEGIN; SELECT FROM busy")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := tn.options()
	opts.LockPolicy.Pause, opts.LockPolicy.MaxPause, opts.LockPolicy.Budget = time.Hour, time.Hour, 24*time.Hour
	failed := make(chan struct{})
	opts.Progress = func(done, _ int, _ string) {
		if done == 1 {
			close(failed)
		}
	}
	go func() {
		<-failed
		cancel()
	}()
	_, err := apply.Apply(ctx, tn.connect(t), releaseOf(t, "1", "1_a.sql", "SELECT 1; ALTER TABLE busy ADD COLUMN y int"), opts)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, gentle.Transient, gentle.Classify(err))
	run(t, reader, "COMMIT")
}
