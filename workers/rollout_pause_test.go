package workers_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestRolloutPauseIsPunctual pauses at moments drawn by lot. Once Pause has returned nobody begins, neither in the ledger nor in a database;
// what runs ends.
func TestRolloutPauseIsPunctual(t *testing.T) {
	t.Parallel()
	const tenantsInAll, pauses = 24, 3
	f := rolloutFleet(t, tenantsInAll, `SELECT pg_sleep(0.25)`, `CREATE TABLE tiers (name text PRIMARY KEY)`)
	ctx := t.Context()
	now := func() time.Time { return scan[time.Time](t, f, `SELECT clock_timestamp()`) }
	id := startRollout(t, f, rollout.Policy{Waves: []float64{10, 100}, Bake: -1, Parallel: 4})
	parent := scan[string](t, f, `SELECT operation_id FROM tenantry.rollouts WHERE id = $1`, id)
	type stop struct{ from, until time.Time }
	var stops []stop
	for range pauses {
		<-time.After(time.Duration(100+rand.IntN(400)) * time.Millisecond)
		require.NoError(t, rollout.Pause(ctx, f.Pool, id, "test"))
		s := stop{from: now()}
		under := scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE parent_id = $1 AND finished_at IS NULL`, parent)
		require.LessOrEqual(t, under, 4, "what did not run was taken back")
		require.Eventually(t, func() bool {
			return scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE parent_id = $1 AND finished_at IS NULL`, parent) == 0
		}, 10*time.Second, 10*time.Millisecond, "what runs does not end")
		require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.rollout_members WHERE rollout_id = $1 AND state = 'failed'`, id))
		<-time.After(1100 * time.Millisecond)
		s.until = now()
		stops = append(stops, s)
		require.NoError(t, rollout.Resume(ctx, f.Pool, id, false))
	}
	awaitRollout(t, f, id, rollout.Completed)

	for _, s := range stops {
		begun := scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE parent_id = $1 AND started_at BETWEEN $2 AND $3`, parent, s.from, s.until)
		require.Zero(t, begun, "somebody began after the pause")
	}
	// The same, by the databases' own histories: what was applied while it was paused had begun before.
	members, err := rollout.Members(ctx, f.Pool, id)
	require.NoError(t, err)
	for _, m := range members {
		started := scan[time.Time](t, f, `SELECT started_at FROM tenantry.operations WHERE id = $1`, *m.OperationID)
		for _, e := range applied(t, f, m.Slug, *m.OperationID) {
			for _, s := range stops {
				if e.AppliedAt.After(s.from) && e.AppliedAt.Before(s.until) {
					require.True(t, started.Before(s.from), "%s was begun on during a pause", m.Slug)
					require.Less(t, e.AppliedAt.Sub(s.from), 5*time.Second)
				}
			}
		}
	}
}

// applied is what an operation has applied to a tenant's database, by that database's history.
func applied(t *testing.T, f *fleettest.Fleet, slug, operation string) []apply.Entry {
	t.Helper()
	conn := f.Connect(t, slug, tenants.RoleMigrator)
	_, err := conn.Exec(t.Context(), `SET ROLE `+pgx.Identifier{f.Tenant(t, slug).Database + "_owner"}.Sanitize())
	require.NoError(t, err)
	standing, err := apply.State(t.Context(), conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	var entries []apply.Entry
	for _, e := range standing.Entries {
		if e.OperationID == operation {
			entries = append(entries, e)
		}
	}
	require.Len(t, entries, 2, "%s", slug)
	return entries
}
