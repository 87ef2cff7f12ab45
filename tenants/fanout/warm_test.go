package fanout_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/directory"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/workers/fleettest"
)

// newCache starts a cache of pools of a role.
func newCache(t *testing.T, f *fleettest.Fleet, role tenants.Role, cfg poolcache.Config) *poolcache.Cache {
	t.Helper()
	dir := directory.New(f.Registry, role)
	cache, err := poolcache.New(cfg, dir)
	require.NoError(t, err)
	require.NoError(t, cache.Start(t.Context()))
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { dir.Follow(ctx, cache, nil) })
	t.Cleanup(func() {
		stop()
		following.Wait()
		cache.Stop()
	})
	return cache
}

// warmUp opens the pools of tenants.
func warmUp(t *testing.T, f *fleettest.Fleet, cache *poolcache.Cache, slugs ...string) {
	t.Helper()
	for _, slug := range slugs {
		lease, err := cache.Acquire(t.Context(), f.Tenant(t, slug).ID)
		require.NoError(t, err)
		require.NoError(t, lease.Pool().Ping(t.Context()))
		lease.Release()
	}
}

func TestOpenPoolsAreUsed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog")
	cache := newCache(t, f, tenants.RoleReadOnly, poolcache.Config{})
	warmUp(t, f, cache, "ant", "bee")
	before := cache.Stat()
	settings := `SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('search_path'), current_setting('TimeZone'),
		current_setting('transaction_read_only'), pg_advisory_lock(4711)::text IS NULL, (SELECT count(*) FROM customers)`
	a := ask(t, f, fanout.Request{SQL: settings, Cache: cache, Timeout: 7 * time.Second, LockTimeout: time.Second})
	for slug, n := range map[string]string{"ant": "1", "bee": "2", "cat": "3", "dog": "4"} {
		require.Equal(t, []string{"7s|1s|public|UTC|on|f|" + n}, a.rows[slug])
		require.Equal(t, slug == "ant" || slug == "bee", a.outcome(t, slug).Warm, slug)
	}
	after := cache.Stat()
	require.Equal(t, before.Hits, after.Hits, "a scan is no use of the cache")
	require.Equal(t, before.Misses, after.Misses)
	require.Equal(t, before.Opens, after.Opens)

	// The connection is as it was.
	lease, open := cache.Peek(f.Tenant(t, "ant").ID)
	require.True(t, open)
	defer lease.Release()
	require.EqualValues(t, 1, lease.Pool().Stat().TotalConns())
	var timeout string
	var locks int
	require.NoError(t, lease.Pool().QueryRow(t.Context(), `SELECT current_setting('statement_timeout'), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())`).Scan(&timeout, &locks))
	require.Equal(t, "0", timeout)
	require.Zero(t, locks)

	// Also after a query that failed there, and it cannot write either.
	for sql, why := range map[string]string{
		"SELECT pg_advisory_lock(1), 1 / (count(*) - count(*)) FROM customers": "division by zero",
		"WITH gone AS (DELETE FROM customers RETURNING 1) SELECT * FROM gone":  "(",
		"SELECT set_config('transaction_read_only', 'off', true)":              "read-write",
	} {
		a = ask(t, f, fanout.Request{SQL: sql, Cache: cache, Slugs: []string{"ant"}})
		require.True(t, a.outcome(t, "ant").Warm, sql)
		require.Contains(t, a.outcome(t, "ant").Reason, why, sql)
		require.EqualValues(t, 1, lease.Pool().Stat().TotalConns(), sql)
		require.NoError(t, lease.Pool().QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`).Scan(&locks))
		require.Zero(t, locks, sql)
	}

	// Who is cancelled leaves nothing running there.
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := try(ctx, f, fanout.Request{SQL: "SELECT pg_sleep(60)", Cache: cache, Slugs: []string{"bee"}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	conn := server(t, fleettest.SecondServerURL(t))
	defer conn.Close(context.WithoutCancel(t.Context()))
	var sleeping int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'PgSleep'`, f.Tenant(t, "bee").Database).Scan(&sleeping))
	require.Zero(t, sleeping)
}

// What is prepared on a connection of a pool fits whatever is asked next, and tables that have changed.
func TestOpenPoolsAreAskedAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	cache := newCache(t, f, tenants.RoleReadOnly, poolcache.Config{})
	warmUp(t, f, cache, "ant")
	for i, test := range []struct{ sql, want string }{
		{"SELECT 1", "1"},
		{"SELECT 1", "1"},
		{"SELECT 2", "2"},
		{"SELECT 2, 3", "2|3"},
		{"SELECT 1", "1"},
		{"SELECT * FROM (SELECT t.* FROM thing t) a", "x"},
		{"SELECT * FROM (SELECT t.* FROM thing t) a", "x"},
		{"SELECT * FROM (SELECT t.* FROM thing t) a", "x|7"},
		{"SELECT * FROM (SELECT t.* FROM thing t) a", "x|7"},
	} {
		switch i {
		case 5:
			change(t, f, "ant", "CREATE TABLE thing (a text)", "INSERT INTO thing VALUES ('x')", "GRANT SELECT ON thing TO PUBLIC")
		case 7:
			change(t, f, "ant", "ALTER TABLE thing ADD COLUMN b int DEFAULT 7")
		}
		a := ask(t, f, fanout.Request{SQL: test.sql, Cache: cache})
		require.True(t, a.outcome(t, "ant").Warm)
		require.Equal(t, []string{test.want}, a.rows["ant"], a.Coverage())
	}
	lease, open := cache.Peek(f.Tenant(t, "ant").ID)
	require.True(t, open)
	defer lease.Release()
	var prepared int
	require.NoError(t, lease.Pool().QueryRow(t.Context(), `SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'tenantry_fanout_%'`).Scan(&prepared))
	require.LessOrEqual(t, prepared, 6, "they pile up")

	// A text that cannot be prepared is no trouble of the next.
	_, err := try(t.Context(), f, fanout.Request{SQL: "SELECT (", Cache: cache})
	var refused *fanout.StatementError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, ask(t, f, fanout.Request{SQL: "SELECT nothing", Cache: cache}).Coverage(), "42703")
	require.Equal(t, []string{"1"}, ask(t, f, fanout.Request{SQL: "SELECT 1", Cache: cache}).rows["ant"])
}

// A pool of another role would see other rows: who is warm must not decide what is answered.
func TestPoolsOfAnotherRoleAreNotUsed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	for _, slug := range []string{"ant", "bee"} {
		change(t, f, slug, `ALTER TABLE customers ENABLE ROW LEVEL SECURITY`,
			`CREATE POLICY app ON customers TO `+tenants.Ident(f.Tenant(t, slug).Database+"_app")+` USING (true)`)
	}
	cache := newCache(t, f, tenants.RoleApp, poolcache.Config{})
	warmUp(t, f, cache, "ant")
	a := ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", Cache: cache})
	require.Equal(t, map[string][]string{"ant": {"0"}, "bee": {"0"}}, a.rows)
	require.False(t, a.outcome(t, "ant").Warm)
}

// A scan does not take the connections of tenants that are at work.
func TestAScanClosesNoOpenPool(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibi", "jay", "koi", "lux")
	cache := newCache(t, f, tenants.RoleApp, poolcache.Config{NodeBudget: 6})
	warmUp(t, f, cache, "ant", "bee", "cat", "dog", "eel", "fox")
	for range 3 {
		a := ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", Cache: cache, Parallel: 6})
		require.True(t, a.Complete(), a.Coverage())
	}
	for _, n := range cache.Stat().Nodes {
		require.Zero(t, n.Reclaims, n.Node)
	}
	for _, slug := range []string{"ant", "bee", "cat", "dog", "eel", "fox"} {
		lease, open := cache.Peek(f.Tenant(t, slug).ID)
		require.True(t, open, slug)
		require.EqualValues(t, 1, lease.Pool().Stat().IdleConns(), slug)
		lease.Release()
	}
}

// What is opened beside the cache counts in its budget, and its breaker is heeded.
func TestConnectionsAreCharged(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")
	cache := newCache(t, f, tenants.RoleReadOnly, poolcache.Config{NodeBudget: 1})
	const name = "test/charged"
	done := make(chan answer, 1)
	go func() {
		got, _ := try(t.Context(), f, fanout.Request{SQL: "SELECT pg_sleep(0.2)", Cache: cache, Application: name, Parallel: 4})
		done <- got
	}()
	most := 0
	for {
		most = max(most, running(t, name, "true"))
		select {
		case a := <-done:
			require.True(t, a.Complete(), a.Coverage())
			require.Equal(t, 2, most, "one on each of two nodes")
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
