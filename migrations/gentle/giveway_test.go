package gentle_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
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
func TestRetryGivesWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change []string
		hold   string
	}{
		"read":      {[]string{"ALTER TABLE busy ADD COLUMN y int"}, "SELECT FROM busy"},
		"written":   {[]string{"CREATE INDEX busy_x ON busy (x)"}, "UPDATE busy SET x = 1"},
		"quoted":    {[]string{`ALTER TABLE "Busy Too" ADD COLUMN y int`}, `SELECT FROM "Busy Too"`},
		"index":     {[]string{"DROP INDEX busy_n"}, "SELECT FROM busy WHERE n = 1"},
		"reference": {[]string{"DROP TABLE child"}, "SELECT FROM busy"},
		"partition": {[]string{"ALTER TABLE parted ADD COLUMN y int"}, "SELECT FROM parted_1"},
		"late":      {[]string{"SELECT 1", "ALTER TABLE busy ADD COLUMN y int"}, "SELECT FROM busy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			run(t, tn.admin, "SET ROLE "+tn.owner)
			run(t, tn.admin, `CREATE TABLE busy (x int, n int PRIMARY KEY); CREATE INDEX busy_n ON busy (n, x); CREATE TABLE "Busy Too" (x int);
				CREATE TABLE child (n int REFERENCES busy); CREATE TABLE parted (x int) PARTITION BY LIST (x);
				CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1); INSERT INTO busy SELECT 0, 0`)
			run(t, tn.admin, "RESET ROLE")
			opts := tn.options()
			opts.LockPolicy.GiveWay = testTimeout
			s := tn.open(t, opts)
			heldFor(t, dial(t, tn.admin.Config()), c.hold, 700*time.Millisecond)
			begun := time.Now()
			tries, err := change(t.Context(), s, c.change...)
			require.NoError(t, err)
			require.Equal(t, 2, tries)
			require.Equal(t, 1, s.Retries())
			require.Greater(t, time.Since(begun), 600*time.Millisecond)
		})
	}
}

// What cannot be seen to be in the way is tried again all the same, and who holds another table is not waited for.
func TestRetryTriesWhatItCannotSee(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "SET ROLE "+tn.owner)
	run(t, tn.admin, `CREATE TABLE busy (x int); CREATE TABLE other (x int);
		CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS 'BEGIN ALTER TABLE busy ADD COLUMN y int; END'`)
	run(t, tn.admin, "RESET ROLE")
	opts := tn.options()
	opts.LockPolicy.GiveWay = testTimeout
	s := tn.open(t, opts)
	heldFor(t, dial(t, tn.admin.Config()), "SELECT FROM other", testTimeout)
	heldFor(t, dial(t, tn.admin.Config()), "SELECT FROM busy", 500*time.Millisecond)
	_, err := change(t.Context(), s, "SELECT change()")
	require.NoError(t, err)
	require.Greater(t, s.Retries(), 2)
}

// Who holds the table all the time is tried against again and again, and named at the end.
func TestRetryGivesWayForNoLongerThanItsBudget(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "CREATE TABLE busy (x int); ALTER TABLE busy OWNER TO "+tn.owner)
	reader := dial(t, tn.admin.Config())
	run(t, reader, "SET application_name = 'a long report'")
	heldFor(t, reader, "SELECT FROM busy", testTimeout)
	heldFor(t, dial(t, tn.admin.Config()), "SELECT FROM pg_class", testTimeout)
	opts := tn.options()
	opts.LockPolicy.GiveWay, opts.LockPolicy.Budget = 100*time.Millisecond, 500*time.Millisecond
	s := tn.open(t, opts)
	tries, err := change(t.Context(), s, "ALTER TABLE busy ADD COLUMN y int")
	var blocked *gentle.BlockedError
	require.ErrorAs(t, err, &blocked)
	require.Equal(t, []gentle.Holder{{PID: int(reader.PgConn().PID()), ApplicationName: "a long report", Holds: "busy"}}, blocked.Sessions)
	require.Equal(t, tries, blocked.Tries)
	require.Greater(t, blocked.Tries, 2)
	require.Less(t, blocked.Tries, 8)
	require.ErrorContains(t, err, "likely in the way: pid ")
	require.Equal(t, gentle.Blocked, gentle.Classify(err))
	require.False(t, s.InTransaction())
}

func TestRetryStopsWaitingWithTheContext(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "CREATE TABLE busy (x int); ALTER TABLE busy OWNER TO "+tn.owner)
	opts := tn.options()
	opts.LockPolicy.Pause, opts.LockPolicy.MaxPause, opts.LockPolicy.Budget = time.Hour, time.Hour, 24*time.Hour
	s := tn.open(t, opts)
	reader := dial(t, tn.admin.Config())
	run(t, reader, "BEGIN; SELECT FROM busy")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries := 0
	err := s.Retry(ctx, gentle.Names("busy"), func(lockTimeout time.Duration) error {
		tries++
		_, err := s.Do(ctx, "change", append(s.AloneTimeouts(lockTimeout), gentle.Command{SQL: "ALTER TABLE busy ADD COLUMN y int"})...)
		time.AfterFunc(0, cancel)
		return err
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "stopped waiting")
	require.Equal(t, "55P03", gentle.SQLState(err))
	require.Equal(t, 1, tries)
	run(t, reader, "COMMIT")
}

// An error that says nothing of locks, or of what is not known, is not tried again.
func TestRetryTriesOnlyWhatMayPass(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	s := tn.open(t, tn.options())
	tries, err := change(t.Context(), s, "SELECT FROM elsewhere")
	require.Equal(t, "42P01", gentle.SQLState(err))
	require.Equal(t, 1, tries)
	require.False(t, s.InTransaction(), "rolled back")
	tries = 0
	err = s.Retry(t.Context(), nil, func(time.Duration) error {
		tries++
		return gentle.ErrOutcomeUnknown
	})
	require.ErrorIs(t, err, gentle.ErrOutcomeUnknown)
	require.Equal(t, 1, tries)
	require.Zero(t, s.Retries())
}
