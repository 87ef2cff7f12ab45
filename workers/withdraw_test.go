package workers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A release of which the second new file fails everywhere is taken back. What was applied of its first one stays in what comes next, which then
// reaches everybody.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(1) }) // a warm database of it stands in nobody's way
	f.Worker(t)
	ctx := t.Context()
	for _, slug := range []string{"a", "b", "c", "d", "e"} {
		f.Do(t, jobs.Provision{Slug: slug})
	}
	sample, err := release.LoadNewest(ctx, f.Pool)
	require.NoError(t, err)
	first := fleettest.Extended(sample, `CREATE TABLE tiers (name text PRIMARY KEY)`)
	bad := fleettest.Extended(first, `SELECT 1 / 0`)
	f.Publish(t, bad, "bad")
	policy := rollout.Policy{Waves: []float64{100}, Bake: -1}
	id, _, err := rollout.Start(ctx, f.Pool, "bad", rollout.Selector{}, policy, "test")
	require.NoError(t, err)
	awaitRollout(t, f, id, rollout.Paused)
	withdraw := func() ([]workers.Part, error) {
		_, parts, err := workers.Withdraw(ctx, f.Registry, "bad", "test", "it divides by zero")
		return parts, err
	}
	_, err = withdraw()
	require.ErrorContains(t, err, "rollout "+id+" to bad has not ended")
	require.NoError(t, rollout.Abort(ctx, f.Pool, id, "test"))
	r := awaitRollout(t, f, id, rollout.Aborted)
	failed := r.Of(-1, rollout.Failed)
	require.GreaterOrEqual(t, failed, 2)
	require.Equal(t, fleettest.Release, scan[string](t, f, `SELECT tenantry.setting('current_release')`), "an abort gives it back")

	execControl(t, f, `UPDATE tenantry.settings SET value = '"bad"' WHERE key = 'current_release'`)
	_, err = withdraw()
	require.ErrorContains(t, err, "new tenants get bad")
	execControl(t, f, `UPDATE tenantry.settings SET value = to_jsonb($1::text) WHERE key = 'current_release'`, fleettest.Release)
	require.ErrorIs(t, f.TryPublish(ctx, fleettest.Extended(first, `SELECT 2`), "early"), release.ErrNotExtended)

	parts, err := withdraw()
	require.NoError(t, err)
	require.Len(t, parts, failed)
	require.Equal(t, first.Files[len(first.Files)-1].Name, parts[0].File)
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.quarantines WHERE released_at IS NULL`))

	// Nobody gets it any more, by any door.
	_, _, err = rollout.Start(ctx, f.Pool, "bad", rollout.Selector{}, policy, "test")
	require.ErrorIs(t, err, release.ErrWithdrawn)
	require.ErrorContains(t, err, "it divides by zero")
	_, err = f.Jobs.Submit(ctx, jobs.Migrate{Tenant: "a", Release: "bad"}, nil)
	require.ErrorIs(t, err, jobs.ErrConflict)
	_, err = f.Jobs.Retry(ctx, scan[string](t, f, `SELECT id FROM tenantry.operations WHERE kind = 'migrate' AND state = 'failed' LIMIT 1`))
	require.ErrorIs(t, err, jobs.ErrConflict)
	_, err = f.Pool.Exec(ctx, `UPDATE tenantry.settings SET value = '"bad"' WHERE key = 'current_release'`)
	require.ErrorContains(t, err, "withdrawn")
	_, err = withdraw()
	require.ErrorContains(t, err, "is withdrawn")
	_, err = f.Pool.Exec(ctx, `UPDATE tenantry.releases SET withdrawn_at = NULL, withdrawn_by = NULL, withdrawn_for = NULL, kept_files = NULL WHERE name = 'bad'`)
	require.ErrorContains(t, err, "never changes")

	require.ErrorIs(t, f.TryPublish(ctx, bad, "bad"), release.ErrWithdrawn)

	// What tenants have of it is not forgotten.
	require.ErrorIs(t, f.TryPublish(ctx, fleettest.Extended(sample, `CREATE TABLE other (name text PRIMARY KEY)`), "forgets"), release.ErrNotExtended)
	require.ErrorIs(t, f.TryPublish(ctx, sample, "forgets"), release.ErrNotExtended)
	f.Publish(t, fleettest.Extended(first, `ALTER TABLE tiers ADD COLUMN rank integer`), "good")
	id, _, err = rollout.Start(ctx, f.Pool, "", rollout.Selector{}, policy, "test")
	require.NoError(t, err)
	r = awaitRollout(t, f, id, rollout.Completed)
	require.Equal(t, 5, r.Of(-1, rollout.Done))
	require.Equal(t, "good", f.Tenant(t, "a").Release)

	// One at which somebody stands cannot be taken back, nor one that others hold.
	execControl(t, f, `UPDATE tenantry.settings SET value = to_jsonb($1::text) WHERE key = 'current_release'`, fleettest.Release)
	_, _, err = workers.Withdraw(ctx, f.Registry, "good", "test", "second thoughts")
	require.ErrorContains(t, err, "tenants that stand at good: 5, such as a")
	_, _, err = workers.Withdraw(ctx, f.Registry, fleettest.Release, "test", "second thoughts")
	require.ErrorContains(t, err, "is not the newest")
	_, _, err = workers.Withdraw(ctx, f.Registry, "nobody", "test", "none")
	require.ErrorIs(t, err, release.ErrNotFound)
}

// When the only new file was begun somewhere, nothing can be taken back, and the error says where.
func TestWithdrawNothing(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	ctx := t.Context()
	f.Do(t, jobs.Provision{Slug: "a"})
	f.Do(t, jobs.Provision{Slug: "b"})
	sample, err := release.LoadNewest(ctx, f.Pool)
	require.NoError(t, err)
	more := fleettest.ExtendedAlone(sample, `CREATE TABLE tiers (name text PRIMARY KEY)`, `SELECT 1 / 0`)
	f.Publish(t, more, "more")
	require.Equal(t, jobs.StateFailed, f.Ends(t, f.Submit(t, jobs.Migrate{Tenant: "a", Release: "more"})).State)
	_, _, err = workers.Withdraw(ctx, f.Registry, "more", "test", "second thoughts")
	require.ErrorContains(t, err, more.Files[len(more.Files)-1].Name+", tenants have a part: a")
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.releases WHERE withdrawn_at IS NOT NULL`))
}
