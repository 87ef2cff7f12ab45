package workers_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers/fleettest"
)

func warmNames(t *testing.T, f *fleettest.Fleet) []string {
	t.Helper()
	rows, err := f.Pool.Query(t.Context(), `SELECT name FROM tenantry.databases WHERE state = 'warm' ORDER BY id`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

func awaitWarm(t *testing.T, f *fleettest.Fleet, n int) []string {
	t.Helper()
	require.Eventually(t, func() bool { return len(warmNames(t, f)) == n }, time.Minute, 20*time.Millisecond, "the pool is not filled to %d", n)
	return warmNames(t, f)
}

// blackHole is an address that takes connections and says nothing; it counts them.
func blackHole(t *testing.T) (addr string, knocks *atomic.Int64) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	knocks = &atomic.Int64{}
	var mu sync.Mutex
	var held []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			knocks.Add(1)
			mu.Lock()
			held = append(held, conn)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		for _, conn := range held {
			_ = conn.Close()
		}
	})
	return l.Addr().String(), knocks
}

func setNodeURL(t *testing.T, f *fleettest.Fleet, node tenants.Node, host string) {
	t.Helper()
	u, err := url.Parse(node.URL)
	require.NoError(t, err)
	if host != "" {
		u.Host = host
	}
	execControl(t, f, `UPDATE tenantry.nodes SET url = $2 WHERE id = $1`, node.ID, u.String())
}

// A claim is a transaction on the control database and nothing else: the node may be away.
func TestWarmClaimContactsNoNode(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	node := f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(2) })
	rt := f.Worker(t)
	names := awaitWarm(t, f, 2)
	rt.Stop()
	hole, knocks := blackHole(t)
	setNodeURL(t, f, node, hole)

	claim := func(tx pgx.Tx, slug string) jobs.Created {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		made, err := f.Jobs.CreateTenantTx(ctx, tx, jobs.Provision{Slug: slug}, nil)
		require.NoError(t, err)
		require.Equal(t, "active", made.State)
		return made
	}
	tx, err := f.Pool.Begin(ctx)
	require.NoError(t, err)
	rolledBack := claim(tx, "acme")
	require.Equal(t, names[0], rolledBack.Database)
	require.Len(t, warmNames(t, f), 2, "nobody else sees it before commit")
	_, err = f.Registry.Tenant(ctx, "acme")
	require.ErrorIs(t, err, tenants.ErrNoTenant)
	require.NoError(t, tx.Rollback(ctx))
	require.Equal(t, names, warmNames(t, f), "after a rollback it is warm again")

	tx, err = f.Pool.Begin(ctx)
	require.NoError(t, err)
	made := claim(tx, "acme")
	require.Equal(t, rolledBack.Database, made.Database, "the same one")
	require.NoError(t, tx.Commit(ctx))
	require.Equal(t, tenants.StateActive, f.Tenant(t, "acme").State)
	require.Equal(t, jobs.StateSucceeded, operation(t, f, made.OperationID).State)
	require.Equal(t, names[1:], warmNames(t, f))
	require.Zero(t, knocks.Load(), "a claim has contacted the node")

	setNodeURL(t, f, node, "")
	conn := f.Connect(t, "acme", tenants.RoleApp)
	_, err = conn.Exec(ctx, `INSERT INTO customers (name) VALUES ('Ada')`)
	require.NoError(t, err, "the claimed database cannot be used")
	f.Connect(t, "acme", tenants.RoleMigrator)
	f.Connect(t, "acme", tenants.RoleReadOnly)
}

func TestTwentyClaimsOverTenWarmDatabases(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(10) })
	rt := f.Worker(t)
	warm := awaitWarm(t, f, 10)
	rt.Stop()
	made := make([]jobs.Created, 20)
	errs := make([]error, 20)
	var crew sync.WaitGroup
	for i := range made {
		crew.Go(func() { made[i], errs[i] = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: fmt.Sprintf("t%d", i)}, nil) })
	}
	crew.Wait()
	databases, active := map[string]bool{}, 0
	for i, m := range made {
		require.NoError(t, errs[i])
		databases[m.Database] = true
		if m.State == "active" {
			active++
			require.Contains(t, warm, m.Database)
		} else {
			require.Equal(t, "requested", m.State)
			require.NotContains(t, warm, m.Database)
		}
	}
	require.Equal(t, 10, active)
	require.Len(t, databases, 20, "two tenants share a database")
	require.Empty(t, warmNames(t, f))

	f.Worker(t)
	for _, m := range made {
		f.Succeeds(t, m.OperationID)
	}
	require.Equal(t, 20, scan[int](t, f, `SELECT count(DISTINCT t.database_id) FROM tenantry.tenants t JOIN tenantry.databases d ON d.id = t.database_id AND d.tenant_id = t.id
		WHERE t.state = 'active' AND d.state = 'assigned'`))
	require.NotElementsMatch(t, warm, awaitWarm(t, f, 10), "the pool is filled again with others")
	require.Equal(t, 10, scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE tenant_id IS NULL AND state <> 'dropped'`), "not more than the target")
}

// A refused claim takes nothing out of the pool, and asking twice takes one.
func TestClaimsThatAreRefusedOrAskedTwice(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(2) })
	rt := f.Worker(t)
	awaitWarm(t, f, 2)
	rt.Stop()
	keyed := &jobs.Options{IdempotencyKey: "signup-1"}
	first, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "acme"}, keyed)
	require.NoError(t, err)
	require.True(t, first.New)
	left := warmNames(t, f)
	require.Len(t, left, 1)

	_, err = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "acme"}, nil)
	require.ErrorIs(t, err, jobs.ErrConflict)
	require.Equal(t, left, warmNames(t, f), "a slug that is taken")
	tx, err := f.Pool.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "SAVEPOINT s")
	require.NoError(t, err)
	_, err = f.Jobs.CreateTenantTx(ctx, tx, jobs.Provision{Slug: "acme"}, nil)
	require.ErrorIs(t, err, jobs.ErrConflict)
	_, err = tx.Exec(ctx, "ROLLBACK TO s")
	require.NoError(t, err)
	require.NoError(t, tx.Commit(ctx))
	require.Equal(t, left, warmNames(t, f), "the same in a caller's transaction that goes on")

	var crew sync.WaitGroup
	again := make([]jobs.Created, 10)
	errs := make([]error, 10)
	for i := range again {
		crew.Go(func() { again[i], errs[i] = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "acme"}, keyed) })
	}
	crew.Wait()
	for i, m := range again {
		require.NoError(t, errs[i])
		require.False(t, m.New)
		m.New = true
		require.Equal(t, first, m, "the same tenant")
	}
	_, err = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "globex"}, keyed)
	require.ErrorIs(t, err, jobs.ErrConflict, "the key is another request's")
	require.Equal(t, left, warmNames(t, f))

	// The same for a key that nobody has used yet.
	keyed = &jobs.Options{IdempotencyKey: "signup-2"}
	for i := range again {
		crew.Go(func() { again[i], errs[i] = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "globex"}, keyed) })
	}
	crew.Wait()
	made := 0
	for i, m := range again {
		require.NoError(t, errs[i])
		require.Equal(t, again[0].TenantID, m.TenantID)
		if m.New {
			made++
		}
	}
	require.Equal(t, 1, made)
	require.Empty(t, warmNames(t, f))
	require.Equal(t, 2, scan[int](t, f, `SELECT count(*) FROM tenantry.tenants`))
}

// What waits with an old schema is of no use to new tenants: it is dropped, and the pool filled with the new one.
func TestNewReleaseRenewsTheWarmPool(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(2) })
	f.Worker(t)
	old := awaitWarm(t, f, 2)
	f.Extend(t, "sample-2", "CREATE TABLE later (id int)")
	require.Eventually(t, func() bool {
		names := warmNames(t, f)
		return len(names) == 2 && !slices.Contains(names, old[0]) && !slices.Contains(names, old[1]) &&
			scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE finished_at IS NULL`) == 0
	}, time.Minute, 20*time.Millisecond, "the pool is not renewed")
	require.Equal(t, 2, scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE state = 'dropped' AND name = ANY ($1)`, old))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_database WHERE datname = ANY ($1)`, old), "old ones are still on the server")
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_roles WHERE left(rolname, 24) = ANY ($1)`, old))

	made, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	require.Equal(t, "active", made.State)
	require.Equal(t, "sample-2", f.Tenant(t, "acme").Release)
	_, err = f.Connect(t, "acme", tenants.RoleApp).Exec(ctx, `INSERT INTO later VALUES (1)`)
	require.NoError(t, err)
}

// A node on which builds keep failing is left alone, and that can be seen; once it is well and some time has passed it is filled.
func TestFailingBuildsPauseTheRefill(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	node := f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(2) })
	execControl(t, f, "ALTER ROLE "+tenants.Ident(node.Provisioner)+" NOCREATEDB")
	f.Worker(t)
	const failed = `SELECT count(*) FROM tenantry.operations WHERE kind = 'warm' AND state = 'failed'`
	require.Eventually(t, func() bool {
		execControl(t, f, `SELECT pg_notify('tenantry_warm', '')`) // refill now, and not every few seconds
		return scan[int](t, f, failed) >= 3 && scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE finished_at IS NULL`) == 0 &&
			scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE state <> 'dropped'`) == 0
	}, time.Minute, 100*time.Millisecond, "builds do not fail cleanly")
	for range 3 {
		require.Zero(t, scan[int](t, f, `SELECT tenantry.refill_warm()`), "it goes on asking for what fails")
	}
	require.LessOrEqual(t, scan[int](t, f, failed), 4, "two rounds of two, then a pause")
	uses, err := f.Registry.NodeUses(ctx)
	require.NoError(t, err)
	require.Zero(t, uses[node.ID], "what failed is cleared away; the doctor compares this with the target")
	ops, err := f.Jobs.List(ctx, jobs.Filter{Kind: jobs.KindWarm})
	require.NoError(t, err)
	for _, op := range ops {
		require.Equal(t, "42501", op.Error.Code, op.Error.Message)
	}
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_roles WHERE left(rolname, 24) IN (SELECT name FROM tenantry.databases)`), "roles of failed builds are left")

	// Tenants are still made, without a warm database, as soon as the node is well.
	execControl(t, f, "ALTER ROLE "+tenants.Ident(node.Provisioner)+" CREATEDB")
	made, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	require.Equal(t, "requested", made.State)
	f.Succeeds(t, made.OperationID)
	require.Zero(t, scan[int](t, f, `SELECT tenantry.refill_warm()`), "still within ten minutes of the failures")
	execControl(t, f, `UPDATE tenantry.operations SET created_at = created_at - interval '11 minutes' WHERE kind = 'warm'`)
	execControl(t, f, `SELECT pg_notify('tenantry_warm', '')`)
	awaitWarm(t, f, 2)
}

// What a pool has more than its target is given up, the newest first, and a node that drains keeps nothing.
func TestSurplusIsGivenUp(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	node := f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(3) })
	f.Worker(t)
	all := awaitWarm(t, f, 3)
	execControl(t, f, `UPDATE tenantry.nodes SET warm_target = 1`)
	execControl(t, f, `SELECT pg_notify('tenantry_warm', '')`)
	require.Equal(t, all[:1], awaitWarm(t, f, 1), "a claim would take the oldest: it stays")
	idle := func() bool {
		return scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE finished_at IS NULL`) == 0
	}
	require.Eventually(t, idle, time.Minute, 20*time.Millisecond)
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_database WHERE datname = ANY ($1)`, all[1:]), "they are still on the server")
	require.Zero(t, scan[int](t, f, `SELECT tenantry.refill_warm()`), "at its target a pool is left alone")

	// A tenant's database is no surplus.
	made, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	require.Equal(t, all[0], made.Database)
	awaitWarm(t, f, 1)
	_, err = f.Registry.SetNodeState(ctx, node.ID, tenants.NodeDraining)
	require.NoError(t, err)
	awaitWarm(t, f, 0)
	require.Eventually(t, idle, time.Minute, 20*time.Millisecond)
	require.Equal(t, []string{made.Database}, scan[[]string](t, f, `SELECT array_agg(datname::text) FROM pg_database WHERE datname IN (SELECT name FROM tenantry.databases)`))
	_, err = f.Registry.SetNodeState(ctx, node.ID, tenants.NodeActive)
	require.NoError(t, err)
	awaitWarm(t, f, 1)
}
