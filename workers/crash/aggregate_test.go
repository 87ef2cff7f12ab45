package crash_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// aggregatePoints are passed by workers that run an aggregate: those that move the run on, when it asks for batches and when it ends, and those that ask a batch.
var aggregatePoints = []string{
	"aggregate.advance.within", "aggregate.advance.within#2", "aggregate.advance.within#3",
	"operation.start.before", "operation.start.after", "aggregate.batch.read", "aggregate.batch.asked", "operation.change.within", "aggregate.batch.written", "aggregate.batch.written#2",
	"operation.settle.before", "operation.settle.after",
}

// aggregated are the tenants of the test, and how many rows each answers.
var aggregated = []struct {
	slug string
	rows int
}{{"ant", 1}, {"bee", 3}, {"cat", 0}, {"dog", 40}}

// TestAggregateCrash kills a worker while it runs an aggregate for a day that was run before, so that rows are replaced. Another one goes on: each tenant's rows are there once,
// as the tenant has them now.
func TestAggregateCrash(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	points := aggregatePoints
	if crashtest.FormOf(t) == crashtest.Short {
		points = []string{"aggregate.advance.within#2", "operation.change.within", "aggregate.batch.written"}
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			second := s.Fleet.NodeAt(t, fleettest.SecondServerURL(t), "second")
			withWorker(t, s, func() {
				for i, one := range aggregated {
					node := s.Node.Name
					if i%2 == 1 {
						node = second.Name
					}
					s.Fleet.Do(t, jobs.Provision{Slug: one.slug, Node: node, Labels: map[string]string{"asked": "yes"}})
					addCustomers(t, s, one.slug, one.rows)
				}
				_, err := aggregate.Define(t.Context(), s.Fleet.Registry, aggregate.Spec{
					Name: "names", SQL: `SELECT name, count(*) AS n FROM customers GROUP BY 1`, Labels: map[string]string{"asked": "yes"}, By: "test",
				})
				require.NoError(t, err)
				s.Fleet.Do(t, jobs.Aggregate{Aggregate: "names"})
				for _, one := range aggregated {
					addCustomers(t, s, one.slug, one.rows)
				}
			})
			id := s.Fleet.Submit(t, jobs.Aggregate{Aggregate: "names"})
			a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint="+point)
			require.NoError(t, a.Await(ended(t, s, id)))
			a.Kill()
			b := program(t).Start(t, s.Fleet, "B", longLease)
			s.Fleet.Succeeds(t, id)
			b.Stop(t)
			for _, one := range aggregated {
				tenant := s.Fleet.Tenant(t, one.slug).ID
				require.Equal(t, one.rows, value[int](t, s, `SELECT count(*) FROM aggregates.names WHERE tenant_id = $1`, tenant), one.slug)
				require.Equal(t, 2*one.rows, value[int](t, s, `SELECT coalesce(sum(n), 0) FROM aggregates.names WHERE tenant_id = $1`, tenant), one.slug)
			}
			require.Equal(t, "4 4", value[string](t, s, `SELECT contributed || ' ' || tenants FROM tenantry.aggregate_days`))
			require.Zero(t, value[int](t, s, `SELECT count(*) FROM tenantry.aggregate_batches`))
			require.Zero(t, value[int](t, s, `SELECT count(*) FROM tenantry.operations WHERE finished_at IS NULL`))
			require.Zero(t, value[int](t, s, `SELECT count(*) FROM tenantry.aggregate_slices WHERE state <> 'contributed' OR run <> $1`, id))
		})
	}
}

// addCustomers adds as many customers as there are names.
func addCustomers(t *testing.T, s *crashtest.Scene, slug string, names int) {
	t.Helper()
	conn := s.Fleet.Connect(t, slug, tenants.RoleApp)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err := conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO customers (name) SELECT 'n' || i FROM generate_series(1, %d) i`, names))
	require.NoError(t, err)
}
