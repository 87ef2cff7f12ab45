package workers_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// rolloutFleet has n tenants at the sample's release and a release after it.
func rolloutFleet(t *testing.T, n int, statements ...string) *fleettest.Fleet {
	t.Helper()
	f, _ := workedFleet(t, n, statements...)
	return f
}

// workedFleet is [rolloutFleet] with its worker.
func workedFleet(t *testing.T, n int, statements ...string) (*fleettest.Fleet, *workers.Runtime) {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "n1")
	worker := f.Worker(t)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = f.Submit(t, jobs.Provision{Slug: fmt.Sprintf("t%02d", i)})
	}
	for _, id := range ids {
		f.Succeeds(t, id)
	}
	if len(statements) == 0 {
		statements = []string{`ALTER TABLE customers ADD COLUMN tier text`, `CREATE TABLE tiers (name text PRIMARY KEY)`}
	}
	f.Extend(t, "next", statements...)
	return f, worker
}

// behindSuspend is a fleet of two, of which t00 is to be suspended; that does not begin until the row is released.
func behindSuspend(t *testing.T) (*fleettest.Fleet, *held) {
	t.Helper()
	f, worker := workedFleet(t, 2)
	worker.Stop()
	f.Submit(t, jobs.Suspend{Tenant: "t00"})
	h := hold(t, f, `SELECT FROM tenantry.operations WHERE kind = 'suspend' FOR UPDATE`)
	f.Worker(t)
	return f, h
}

func startRollout(t *testing.T, f *fleettest.Fleet, p rollout.Policy) string {
	t.Helper()
	id, _, err := rollout.Start(t.Context(), f.Pool, "next", rollout.Selector{}, p, "test")
	require.NoError(t, err)
	return id
}

// awaitRollout waits until a rollout has a state.
func awaitRollout(t *testing.T, f *fleettest.Fleet, id string, states ...rollout.State) rollout.Rollout {
	t.Helper()
	var r rollout.Rollout
	require.Eventually(t, func() bool {
		var err error
		r, err = rollout.Get(t.Context(), f.Pool, id)
		require.NoError(t, err)
		return slices.Contains(states, r.State)
	}, time.Minute, 20*time.Millisecond, "it does not come to %v: %v", states, func() any { r, _ := rollout.Get(t.Context(), f.Pool, id); return r }())
	return r
}

// quick is a policy without rest.
func quick() rollout.Policy { return rollout.Policy{Waves: []float64{20, 100}, Bake: -1} }

func TestRolloutReachesEverybody(t *testing.T) {
	t.Parallel()
	f := rolloutFleet(t, 12)
	id := startRollout(t, f, quick())
	r := awaitRollout(t, f, id, rollout.Completed)
	require.Equal(t, 12, r.Of(-1, rollout.Done))
	require.Equal(t, 3, r.Of(0, rollout.Done))
	var pace rollout.Pace
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT parallel, best_ms FROM tenantry.rollout_paces WHERE rollout_id = $1`, id).Scan(&pace.Parallel, &pace.BestMS))
	require.InDelta(t, 17, pace.Parallel, 15, "in its bounds")
	require.Positive(t, pace.BestMS, "the node's latency was measured")
	for i := range 12 {
		require.Equal(t, "next", f.Tenant(t, fmt.Sprintf("t%02d", i)).Release)
	}
	parent := f.Succeeds(t, r.OperationID)
	require.Equal(t, jobs.Progress{Done: 12, Total: 12}, parent.Progress)
	children, err := f.Jobs.List(t.Context(), jobs.Filter{Parent: r.OperationID})
	require.NoError(t, err)
	require.Len(t, children, 12)

	// Again: everybody is up to date, nobody is asked.
	id = startRollout(t, f, quick())
	r = awaitRollout(t, f, id, rollout.Completed)
	require.Equal(t, 12, r.Of(-1, rollout.SkippedUpToDate))
	children, err = f.Jobs.List(t.Context(), jobs.Filter{Parent: r.OperationID})
	require.NoError(t, err)
	require.Empty(t, children)
}

// A release that divides by zero where a customer has the poison's name.
const poison = `INSERT INTO customers (name) SELECT 'x' || 1 / (CASE WHEN exists (SELECT FROM customers WHERE name = 'poison') THEN 0 ELSE 1 END)`

func poisoned(t *testing.T, f *fleettest.Fleet, slugs ...string) {
	t.Helper()
	for _, slug := range slugs {
		conn := f.Connect(t, slug, tenants.RoleApp)
		_, err := conn.Exec(t.Context(), `INSERT INTO customers (name) VALUES ('poison')`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
}

func cured(t *testing.T, f *fleettest.Fleet, slugs ...string) {
	t.Helper()
	for _, slug := range slugs {
		conn := f.Connect(t, slug, tenants.RoleApp)
		_, err := conn.Exec(t.Context(), `DELETE FROM customers WHERE name = 'poison'`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
}

// A canary that fails stops the rollout; the tenant is in quarantine with its evidence; cured, retried and resumed it ends.
func TestRolloutPausesAtItsBudget(t *testing.T) {
	t.Parallel()
	f := rolloutFleet(t, 10, poison)
	poisoned(t, f, "t03")
	policy := quick()
	policy.Canary = []string{"t03"}
	id := startRollout(t, f, policy)
	r := awaitRollout(t, f, id, rollout.Paused)
	require.Equal(t, rollout.Budget, r.Reason)
	require.Equal(t, 1, r.Of(-1, rollout.Failed))
	require.Equal(t, 9, r.Of(-1, rollout.Pending))
	require.Equal(t, "22012", r.Failures[0].Code)
	require.Contains(t, r.Failures[0].Statement, ".sql:1")
	quarantined, err := rollout.Quarantine(t.Context(), f.Pool)
	require.NoError(t, err)
	require.Len(t, quarantined, 1)
	require.Equal(t, "t03", quarantined[0].Slug)
	require.Contains(t, quarantined[0].Evidence["message"], "division by zero")
	require.Equal(t, fleettest.Release, f.Tenant(t, "t03").Release)

	cured(t, f, "t03")
	n, err := rollout.Retry(t.Context(), f.Pool, id, "", "test")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, rollout.Resume(t.Context(), f.Pool, id, false))
	r = awaitRollout(t, f, id, rollout.Completed)
	require.Equal(t, 10, r.Of(-1, rollout.Done))
	quarantined, err = rollout.Quarantine(t.Context(), f.Pool)
	require.NoError(t, err)
	require.Empty(t, quarantined)
}

// The same failure twice stops a rollout although its budget would allow more; going on leaves those behind.
func TestRolloutStopsForSystemicFailures(t *testing.T) {
	t.Parallel()
	f := rolloutFleet(t, 12, poison)
	poisoned(t, f, "t08", "t09", "t10", "t11")
	policy := quick()
	policy.MaxFailures = rollout.Failures{Percent: 90}
	policy.Parallel = 1
	id := startRollout(t, f, policy)
	for {
		r := awaitRollout(t, f, id, rollout.Paused, rollout.CompletedWithExceptions)
		if r.State != rollout.Paused {
			require.Equal(t, 8, r.Of(-1, rollout.Done))
			require.Equal(t, 4, r.Of(-1, rollout.Failed))
			break
		}
		require.NoError(t, rollout.Resume(t.Context(), f.Pool, id, false))
	}
	// The next rollout leaves them alone until they are released.
	id = startRollout(t, f, policy)
	r := awaitRollout(t, f, id, rollout.CompletedWithExceptions)
	require.Equal(t, 4, r.Of(-1, rollout.SkippedQuarantined))
	cured(t, f, "t08", "t09", "t10", "t11")
	require.NoError(t, rollout.Release(t.Context(), f.Pool, f.Tenant(t, "t08").ID, "test"))
	id = startRollout(t, f, policy)
	r = awaitRollout(t, f, id, rollout.CompletedWithExceptions)
	require.Equal(t, 1, r.Of(-1, rollout.Done))
}

// Pinned and suspended tenants are left alone, also those that became so after the plan.
func TestRolloutLeavesAlone(t *testing.T) {
	t.Parallel()
	f := rolloutFleet(t, 8)
	ctx := t.Context()
	pin := func(slug string) {
		require.NoError(t, rollout.Pin(ctx, f.Pool, f.Tenant(t, slug).ID, fleettest.Release, "waits for its auditor", "test", time.Now().Add(time.Hour)))
	}
	pin("t01")
	f.Do(t, jobs.Suspend{Tenant: "t02"})
	policy := quick()
	policy.Canary = []string{"t00"}
	policy.Gate = `SELECT EXISTS (SELECT FROM tenantry.pins p JOIN tenantry.tenants t ON t.id = p.tenant_id WHERE t.slug = 't05')`
	id := startRollout(t, f, policy)
	r := awaitRollout(t, f, id, rollout.Paused)
	require.Equal(t, rollout.Gate, r.Reason)
	require.Equal(t, 1, r.Of(-1, rollout.Done))
	pin("t05")
	f.Do(t, jobs.Suspend{Tenant: "t06"})
	require.NoError(t, rollout.Resume(ctx, f.Pool, id, false))
	r = awaitRollout(t, f, id, rollout.CompletedWithExceptions)
	require.Equal(t, 2, r.Of(-1, rollout.SkippedPinned))
	require.Equal(t, 2, r.Of(-1, rollout.SkippedInactive))
	require.Equal(t, 4, r.Of(-1, rollout.Done))
	require.NoError(t, rollout.Unpin(ctx, f.Pool, f.Tenant(t, "t05").ID))
	require.ErrorIs(t, rollout.Unpin(ctx, f.Pool, f.Tenant(t, "t05").ID), rollout.ErrNotPinned)
}

// From the pause on nobody begins; what was queued is taken back; an abort ends it, a new rollout does the rest.
func TestRolloutPauseAndAbort(t *testing.T) {
	t.Parallel()
	f := rolloutFleet(t, 12, `SELECT pg_sleep(0.4)`)
	ctx := t.Context()
	policy := rollout.Policy{Waves: []float64{100}, Bake: -1, Parallel: 2}
	id := startRollout(t, f, policy)
	require.Eventually(t, func() bool {
		r, err := rollout.Get(ctx, f.Pool, id)
		require.NoError(t, err)
		return r.Of(-1, rollout.Done) > 0
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, rollout.Pause(ctx, f.Pool, id, "test"))
	began := scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE parent_id IS NOT NULL AND attempt > 0`)
	_, _, err := rollout.Start(ctx, f.Pool, "next", rollout.Selector{}, policy, "test")
	require.ErrorContains(t, err, id, "its tenants wait in the other one")
	require.Eventually(t, func() bool {
		return scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE parent_id IS NOT NULL AND finished_at IS NULL`) == 0
	}, 10*time.Second, 10*time.Millisecond)
	require.Never(t, func() bool {
		return scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE parent_id IS NOT NULL AND attempt > 0`) > began
	}, 1500*time.Millisecond, 50*time.Millisecond, "somebody begins after the pause")

	require.NoError(t, rollout.Resume(ctx, f.Pool, id, false))
	require.Eventually(t, func() bool {
		return scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE parent_id IS NOT NULL AND attempt > 0`) > began
	}, 10*time.Second, 10*time.Millisecond)
	r, err := rollout.Get(ctx, f.Pool, id)
	require.NoError(t, err)
	_, err = f.Jobs.Cancel(ctx, r.OperationID) // the same as an abort
	require.NoError(t, err)
	r = awaitRollout(t, f, id, rollout.Aborted)
	require.Positive(t, r.Of(-1, rollout.Pending))
	require.Zero(t, r.Of(-1, rollout.Applying))
	op, err := f.Jobs.Get(ctx, r.OperationID)
	require.NoError(t, err)
	require.Equal(t, jobs.StateCancelled, op.State)

	id = startRollout(t, f, rollout.Policy{Waves: []float64{100}, Bake: -1})
	r = awaitRollout(t, f, id, rollout.Completed)
	require.Equal(t, 12, r.Of(-1, rollout.Done, rollout.SkippedUpToDate))
}

// New tenants get the old release during the first wave and the new one after it; who was made meanwhile is taken along.
func TestRolloutAndNewTenants(t *testing.T) {
	t.Parallel()
	f := rolloutFleet(t, 6)
	ctx := t.Context()
	execControl(t, f, `UPDATE tenantry.settings SET value = to_jsonb($1::text) WHERE key = 'current_release'`, fleettest.Release)
	current := func() string {
		return scan[string](t, f, `SELECT value #>> '{}' FROM tenantry.settings WHERE key = 'current_release'`)
	}
	policy := quick()
	policy.Gate = `SELECT EXISTS (SELECT FROM tenantry.tenants WHERE slug = 'late' AND state = 'active')`
	f.Do(t, jobs.Suspend{Tenant: "t05"})
	id := startRollout(t, f, policy)
	awaitRollout(t, f, id, rollout.Paused)
	require.Equal(t, fleettest.Release, current())
	f.Do(t, jobs.Provision{Slug: "late"})
	require.Equal(t, fleettest.Release, f.Tenant(t, "late").Release)
	f.Do(t, jobs.Resume{Tenant: "t05"})
	require.NoError(t, rollout.Resume(ctx, f.Pool, id, false))
	r := awaitRollout(t, f, id, rollout.Completed)
	require.Equal(t, 7, r.Of(-1, rollout.Done))
	require.Equal(t, "next", f.Tenant(t, "late").Release)
	require.Equal(t, "next", f.Tenant(t, "t05").Release)
	require.Equal(t, "next", current())
	f.Do(t, jobs.Provision{Slug: "later"})
	require.Equal(t, "next", f.Tenant(t, "later").Release)
}

// New tenants do not go on getting a release whose rollout was given up.
func TestAbortGivesNewTenantsWhatTheyGotBefore(t *testing.T) {
	t.Parallel()
	f := rolloutFleet(t, 8)
	ctx := t.Context()
	execControl(t, f, `UPDATE tenantry.settings SET value = to_jsonb($1::text) WHERE key = 'current_release'`, fleettest.Release)
	current := func() string {
		return scan[string](t, f, `SELECT value #>> '{}' FROM tenantry.settings WHERE key = 'current_release'`)
	}
	id := startRollout(t, f, rollout.Policy{Canary: []string{"t00"}, Waves: []float64{50, 100}, Bake: -1, Gate: `SELECT wave = 0 FROM tenantry.rollouts`})
	r := awaitRollout(t, f, id, rollout.Paused)
	require.Equal(t, 1, r.Wave)
	require.Equal(t, "next", current())
	require.NoError(t, rollout.Abort(ctx, f.Pool, id, "test"))
	awaitRollout(t, f, id, rollout.Aborted)
	require.Equal(t, fleettest.Release, current())
	f.Do(t, jobs.Provision{Slug: "after"})
	require.Equal(t, fleettest.Release, f.Tenant(t, "after").Release)
}

// A tenant that was asked to be suspended before its turn came has not failed.
func TestSuspendedBeforeItsTurn(t *testing.T) {
	t.Parallel()
	f, suspend := behindSuspend(t)
	id := startRollout(t, f, rollout.Policy{Waves: []float64{100}, Bake: -1})
	require.Eventually(t, func() bool {
		return scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE kind = 'migrate' AND state = 'waiting'`) == 1
	}, 30*time.Second, 10*time.Millisecond)
	suspend.release()
	r := awaitRollout(t, f, id, rollout.CompletedWithExceptions)
	require.Equal(t, 1, r.Of(-1, rollout.SkippedInactive))
	require.Equal(t, 1, r.Of(-1, rollout.Done))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.quarantines`))
	f.Do(t, jobs.Resume{Tenant: "t00"})
	id = startRollout(t, f, rollout.Policy{Waves: []float64{100}, Bake: -1})
	awaitRollout(t, f, id, rollout.Completed)
}

// Somebody's open transaction on a tenant's row makes nobody wait for a pause; that tenant is taken back when it is over.
func TestPauseWhileATenantIsHeld(t *testing.T) {
	t.Parallel()
	f, _ := behindSuspend(t)
	ctx := t.Context()
	id := startRollout(t, f, rollout.Policy{Waves: []float64{100}, Bake: -1})
	waits := func() int {
		return scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE kind = 'migrate' AND state = 'waiting'`)
	}
	require.Eventually(t, func() bool {
		return waits() == 1 && scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE kind = 'migrate' AND state = 'succeeded'`) == 1
	}, 30*time.Second, 10*time.Millisecond)
	api := hold(t, f, `SELECT FROM tenantry.tenants WHERE slug = 't00' FOR UPDATE`)
	begun := time.Now()
	require.NoError(t, rollout.Pause(ctx, f.Pool, id, "test"))
	require.Less(t, time.Since(begun), 3*time.Second, "the pause waits for somebody's transaction")
	require.Equal(t, 1, waits())
	api.release()
	require.Eventually(t, func() bool { return waits() == 0 }, 10*time.Second, 10*time.Millisecond, "it is not taken back")
	r, err := rollout.Get(ctx, f.Pool, id)
	require.NoError(t, err)
	require.Equal(t, rollout.Paused, r.State)
	require.Equal(t, 1, r.Of(-1, rollout.Pending))
}

// held is a transaction that holds a row of the control database.
type held struct {
	t    *testing.T
	tx   pgx.Tx
	once sync.Once
}

func hold(t *testing.T, f *fleettest.Fleet, lock string) *held {
	t.Helper()
	tx, err := f.Pool.Begin(t.Context())
	require.NoError(t, err)
	h := &held{t: t, tx: tx}
	t.Cleanup(h.release)
	_, err = tx.Exec(t.Context(), lock)
	require.NoError(t, err)
	return h
}

func (h *held) release() {
	h.once.Do(func() { require.NoError(h.t, h.tx.Rollback(context.WithoutCancel(h.t.Context()))) })
}
