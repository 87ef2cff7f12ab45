package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A server that was stopped counts on, and one that crashed has begun anew: what it had counted is lost, and that is seen.
func TestCountersAfterACrash(t *testing.T) {
	t.Parallel()
	server := privateServer(t)
	f := fleettest.New(t)
	f.NodeAt(t, server.URL("postgres"), "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	admin := provision.NewAdmin(f.Registry, 2)
	t.Cleanup(admin.Close)
	prov := provision.New(f.Registry, admin, nil)
	db, err := f.Registry.DatabaseOf(t.Context(), f.Tenant(t, "acme").ID)
	require.NoError(t, err)
	counters := func() (c tenants.Counters) {
		t.Helper()
		require.Eventually(t, func() bool {
			facts, err := prov.Facts(t.Context(), db.ID)
			c = facts.Counters
			return err == nil
		}, 30*time.Second, 50*time.Millisecond)
		return c
	}
	require.Eventually(t, func() bool { // until all that provisioning did is counted
		before := counters()
		<-time.After(1500 * time.Millisecond)
		return before.Changed(counters()) == ""
	}, 30*time.Second, time.Millisecond)
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "ALTER ROLE postgres SET track_counts = off")
	require.NoError(t, err)
	require.False(t, counters().Complete, "a role's sessions do not count")
	_, err = conn.Exec(t.Context(), "ALTER ROLE postgres RESET track_counts")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	before := counters()
	require.True(t, before.Complete)
	require.NoError(t, server.Restart(t.Context()))
	require.Empty(t, before.Changed(counters()), "it was stopped")

	conn, err = pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }() // it is broken by then
	require.NoError(t, syscall.Kill(int(conn.PgConn().PID()), syscall.SIGKILL))
	require.Eventually(t, func() bool { return conn.Ping(t.Context()) != nil }, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(before.Changed(counters()), "anew") }, 30*time.Second, 50*time.Millisecond,
		"a session was killed: all are, and the server recovers")

	before = counters()
	measured := func() tenants.Activity {
		t.Helper()
		var list []provision.Measure
		require.Eventually(t, func() bool {
			node, err := f.Registry.Node(t.Context(), "n1")
			require.NoError(t, err)
			list, err = prov.Measure(t.Context(), node, []string{db.Name})
			return err == nil && len(list) == 1
		}, 30*time.Second, 50*time.Millisecond)
		return list[0].Activity
	}
	app := f.Connect(t, "acme", tenants.RoleApp)
	_, err = app.Exec(t.Context(), `INSERT INTO customers (name, email) SELECT 'c', i || '@example.com' FROM generate_series(1, 5000) i`)
	require.NoError(t, err)
	require.NoError(t, app.Close(t.Context()))
	var were tenants.Activity
	require.Eventually(t, func() bool { were = measured(); return were.RowsWritten >= 5000 }, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, server.Kill(t.Context()))
	require.NoError(t, server.Restart(t.Context()))
	require.Contains(t, before.Changed(counters()), "anew", "it was killed")
	since, whole, known := measured().Since(were)
	require.True(t, known)
	require.False(t, whole)
	require.GreaterOrEqual(t, since.RowsWritten, int64(0))
	require.Less(t, since.RowsWritten, int64(5000), "nothing of before the crash")
}
