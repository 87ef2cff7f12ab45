package aggregate_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/workers/fleettest"
)

// states gives the slices' states by slug.
func states(t *testing.T, f *fleettest.Fleet) map[string]string {
	t.Helper()
	return scan[map[string]string](t, f.Pool, `SELECT jsonb_object_agg(t.slug, s.state || ' ' || s.tries) FROM tenantry.aggregate_slices s JOIN tenantry.tenants t ON t.id = s.tenant_id`)
}

// A node on which a tenant is being made is left alone, others are asked; for five minutes at most.
func TestANodeAtWorkIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	define(t, f, aggregate.Spec{Name: "polite", SQL: customersSQL})
	exec(t, f, `
		INSERT INTO tenantry.operations (id, kind, args, state, database_id, started_at)
		SELECT 'op_making', 'provision', '{}', 'running', t.database_id, now() FROM tenantry.tenants t WHERE t.slug = 'ant'`)
	id := f.Submit(t, jobs.Aggregate{Aggregate: "polite"})
	require.Eventually(t, func() bool { return states(t, f)["bee"] == "contributed 1" }, 20*time.Second, 10*time.Millisecond)
	require.Never(t, func() bool { return states(t, f)["ant"] != "due 0" }, 1500*time.Millisecond, 100*time.Millisecond)
	exec(t, f, `UPDATE tenantry.aggregate_slices SET next_at = now() - interval '6 minutes'`)
	exec(t, f, `UPDATE tenantry.aggregate_runs SET dispatched_at = now() - interval '6 minutes'`)
	f.Succeeds(t, id)
	require.Equal(t, "contributed 1", states(t, f)["ant"])
}

// Whom a batch has had no time for comes with the next one, and that is no try.
func TestWhoHasHadNoTurn(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	w := f.Worker(t)
	for _, slug := range []string{"ant", "bee"} {
		f.Do(t, jobs.Provision{Slug: slug})
	}
	define(t, f, aggregate.Spec{Name: "slow", SQL: customersSQL})
	w.Stop()
	run := f.Submit(t, jobs.Aggregate{Aggregate: "slow"})
	require.NoError(t, aggregate.Advance(t.Context(), f.Pool, run))
	batch, err := aggregate.ReadBatch(t.Context(), f.Pool, scan[string](t, f.Pool, `SELECT operation_id FROM tenantry.aggregate_batches`))
	require.NoError(t, err)
	require.Len(t, batch.Tenants, 2)
	c := aggregate.NewCollector(batch)
	c.Ended(fanout.Outcome{TenantID: f.Tenant(t, "ant").ID, State: fanout.Failed, Reason: "a reason"})
	c.Ended(fanout.Outcome{TenantID: f.Tenant(t, "bee").ID, State: fanout.Unasked, Reason: "there was no time for it"})
	require.Empty(t, c.Rest())
	require.NoError(t, pgx.BeginFunc(t.Context(), f.Pool, func(tx pgx.Tx) error { return batch.Write(t.Context(), tx, c.Flush()) }))
	require.Equal(t, map[string]string{"ant": "due 1", "bee": "due 0"}, states(t, f))
	require.Equal(t, "bee", scan[string](t, f.Pool, `SELECT t.slug FROM tenantry.aggregate_slices s JOIN tenantry.tenants t ON t.id = s.tenant_id WHERE s.next_at <= now()`))

	// Workers come back: the batch is found without anything to ask, and the run goes on to its end.
	f.Worker(t)
	require.Equal(t, "2 of 2 tenants", resultOf(t, f.Succeeds(t, run)).Coverage())
}
