package workers_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// budgetOf is what a worker may have of a node's connections, 0 when it does not know the node.
func budgetOf(rt *workers.Runtime, node string) int {
	for _, n := range rt.Cache().Stat().Nodes {
		if n.Node == node {
			return n.Budget
		}
	}
	return 0
}

func requireBudget(t *testing.T, want int, node string, list ...*workers.Runtime) {
	t.Helper()
	for _, rt := range list {
		require.Eventually(t, func() bool { return budgetOf(rt, node) == want }, 20*time.Second, 10*time.Millisecond,
			"%s: %d and not %d", node, budgetOf(rt, node), want)
	}
}

// A node's connections are divided among the workers that are alive, whoever comes, goes, or dies.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	node := f.Node(t, "n1", func(s *provision.NodeSpec) {
		s.MaxConnections, s.PoolerURL = new(60), new("postgres://127.0.0.1:6432/")
	})
	quick := func(c *workers.Config) { c.Lease = time.Second }
	one := f.Worker(t, quick) // alone, it has all; else two are left for workers that join
	requireBudget(t, 60, "n1", one)
	requireBudget(t, 60, "n1/pooler", one)
	two := f.Worker(t, quick)
	three := f.Worker(t, quick)
	requireBudget(t, 19, "n1", one, two, three)
	requireBudget(t, 19, "n1/pooler", one, two, three)
	three.Stop()
	requireBudget(t, 29, "n1", one, two)

	// One that dies is counted until its lease has run out.
	execControl(t, f, `INSERT INTO tenantry.workers (id, host, pid, version, lease) VALUES ('dying', 'h', 1, 'v', '3 seconds')`)
	requireBudget(t, 19, "n1", one, two)
	requireBudget(t, 29, "n1", one, two)

	execControl(t, f, `UPDATE tenantry.nodes SET max_connections = 10 WHERE id = $1`, node.ID)
	requireBudget(t, 4, "n1", one, two)
	execControl(t, f, `UPDATE tenantry.nodes SET max_connections = 1 WHERE id = $1`, node.ID)
	requireBudget(t, 1, "n1", one, two) // each must be able to work
}

// A worker that joins takes its share when the others have given it up, not before.
func TestBudgetOfAJoiner(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.MaxConnections = new(60) })
	list := []*workers.Runtime{f.Worker(t)}
	requireBudget(t, 60, "n1", list...)
	for range 2 {
		list = append(list, f.Worker(t))
		sum := 0
		require.Eventually(t, func() bool {
			sum = 0
			for _, rt := range list {
				sum += budgetOf(rt, "n1")
			}
			// The joiner counts from when it knows the node.
			require.LessOrEqual(t, sum, 61, "one connection of the joiner's beside the whole budget of a worker that was alone")
			return budgetOf(list[len(list)-1], "n1") == 58/len(list)
		}, 20*time.Second, time.Millisecond)
		require.LessOrEqual(t, sum, 60)
	}
}

// The sum of what two workers have open never exceeds the node's budget, as the server counts it.
func TestBudgetHoldsOnTheServer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	const most = 6
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.MaxConnections = new(most) })
	pools := func(c *workers.Config) { c.Pools = poolcache.Config{MaxConns: 2, WaitTimeout: 20 * time.Second} }
	list := []*workers.Runtime{f.Worker(t, pools), f.Worker(t, pools)}
	var ids, names []string
	for i := range 5 {
		made, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: fmt.Sprintf("t%d", i)}, nil)
		require.NoError(t, err)
		f.Succeeds(t, made.OperationID)
		ids, names = append(ids, made.TenantID), append(names, made.Database)
	}
	requireBudget(t, (most-2)/2, "n1", list...)
	var crew sync.WaitGroup
	errs := &errorLog{}
	for i := range 12 {
		crew.Go(func() {
			for n := range 6 {
				lease, err := list[i%2].Cache().Acquire(ctx, ids[(i+n)%len(ids)])
				if err != nil {
					errs.add("acquire", err)
					return
				}
				_, err = lease.Pool().Exec(ctx, `SELECT count(*) FROM customers`)
				errs.add("query", err)
				lease.Release()
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		crew.Wait()
	}()
	highest := 0
	for watching := true; watching; {
		select {
		case <-done:
			watching = false
		default:
		}
		highest = max(highest, scan[int](t, f, `SELECT count(*) FROM pg_stat_activity WHERE datname = ANY ($1) AND backend_type = 'client backend'`, names))
	}
	require.Empty(t, errs.all())
	require.LessOrEqual(t, highest, most)
	require.Greater(t, highest, most/2, "only one of them worked: this shows nothing")
}
