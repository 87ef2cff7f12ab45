package aggregate_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestManyTenants asks a fleet on two nodes, of which some tenants cannot answer at first. AGGREGATE_TENANTS is how many there are; make many has 1,000.
func TestManyTenants(t *testing.T) {
	t.Parallel()
	n := 30
	if text := os.Getenv("AGGREGATE_TENANTS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.NodeAt(t, fleettest.SecondServerURL(t), "n2")
	f.Worker(t, func(c *workers.Config) { c.Concurrency = map[string]int{jobs.QueueProvision: 4} })
	ids := make([]string, n)
	for i := range ids {
		ids[i] = f.Submit(t, jobs.Provision{Slug: slugOf(i), Node: fmt.Sprintf("n%d", i%2+1)})
	}
	ctx := t.Context()
	for _, id := range ids {
		op, err := f.Jobs.Wait(ctx, id)
		require.NoError(t, err)
		require.Equal(t, jobs.StateSucceeded, op.State, "%+v", op.Error)
	}
	broken := max(1, n/100)
	for i := range broken {
		f.Change(t, slugOf(i), `ALTER TABLE customers RENAME TO clients`)
	}
	exec(t, f, `CREATE OR REPLACE FUNCTION tenantry.aggregate_pause(p_tries integer) RETURNS interval LANGUAGE sql AS $$ SELECT interval '500 milliseconds' $$`)
	// Each answers with a number of its own, so that a tenant that is there twice, or a wrong one, changes the sum.
	define(t, f, aggregate.Spec{Name: "numbers", SQL: `SELECT substr(:tenant, 2)::int + count(*) AS number FROM customers`, On: slugOf(n - 1)})
	begun := time.Now()
	id := f.Submit(t, jobs.Aggregate{Aggregate: "numbers"})
	require.Eventually(t, func() bool {
		return scan[int](t, f.Pool, `SELECT contributed FROM tenantry.aggregate_days`) == n-broken
	}, 2*time.Minute, 10*time.Millisecond)
	t.Logf("%d of %d tenants after %s", n-broken, n, time.Since(begun).Round(time.Millisecond))
	for i := range broken {
		f.Change(t, slugOf(i), `ALTER TABLE clients RENAME TO customers`)
	}
	r := resultOf(t, f.Succeeds(t, id))
	require.Equal(t, fmt.Sprintf("%[1]s of %[1]s tenants", fanout.Grouped(n)), r.Coverage())
	require.EqualValues(t, n*(n-1)/2, scan[int64](t, f.Pool, `SELECT sum(number)::bigint FROM aggregates.numbers`))
	require.Equal(t, n, scan[int](t, f.Pool, `SELECT count(DISTINCT tenant_id) FROM aggregates.numbers`))
	require.Equal(t, n, scan[int](t, f.Pool, `SELECT count(*) FROM aggregates.numbers`))
}

func slugOf(i int) string { return fmt.Sprintf("t%05d", i) }
