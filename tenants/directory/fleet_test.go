package directory_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/directory"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// service is what a Go service that keeps pools of tenants is made of.
type service struct {
	*poolcache.Cache
	dir   *directory.Directory
	name  string // application_name of its sessions on the control database
	asked *questions
}

// questions counts what a service has asked the control database.
type questions struct {
	mu  sync.Mutex
	sql []string
}

func (q *questions) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sql = append(q.sql, data.SQL)
	return ctx
}

func (q *questions) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// of gives how many there were in which these words are.
func (q *questions) of(words string) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, sql := range q.sql {
		if strings.Contains(sql, words) {
			n++
		}
	}
	return n
}

// newService starts one with a pool of its own on the control database.
func newService(t *testing.T, f *fleettest.Fleet, cfg poolcache.Config) *service {
	t.Helper()
	s := &service{name: "test/service", asked: &questions{}}
	control, err := pgxpool.ParseConfig(f.URL)
	require.NoError(t, err)
	control.ConnConfig.RuntimeParams["application_name"] = s.name
	control.ConnConfig.Tracer = s.asked
	pool, err := pgxpool.NewWithConfig(t.Context(), control)
	require.NoError(t, err)
	s.dir = directory.New(tenants.NewRegistry(pool, f.Keys), tenants.RoleApp)
	s.Cache, err = poolcache.New(cfg, s.dir)
	require.NoError(t, err)
	log := fleettest.Log(t)
	ctx, stop := context.WithCancel(log.WithContext(context.Background()))
	require.NoError(t, s.Start(ctx))
	var following sync.WaitGroup
	following.Go(func() { s.dir.Follow(ctx, s.Cache, nil) })
	t.Cleanup(func() {
		stop()
		following.Wait()
		s.Stop()
		pool.Close()
	})
	return s
}

// use runs a query of the application through a cache.
func use(ctx context.Context, c *poolcache.Cache, tenantID string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	lease, err := c.Acquire(ctx, tenantID)
	if err != nil {
		return err
	}
	defer lease.Release()
	var n int
	return lease.Pool().QueryRow(ctx, `SELECT count(*) FROM customers WHERE name <> $1`, "nobody").Scan(&n)
}

// epochOf is that of a tenant's open pool, 0 where there is none.
func epochOf(c *poolcache.Cache, tenantID string) int64 {
	for _, e := range c.Entries() {
		if e.Tenant == tenantID {
			return e.Epoch
		}
	}
	return 0
}

func sessions(t *testing.T, f *fleettest.Fleet, database string) int {
	t.Helper()
	var n int
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = $1`, database).Scan(&n))
	return n
}

// settled waits until a tenant can be used again: a failure of a moment ago is remembered for a moment.
func settled(t *testing.T, c *poolcache.Cache, tenantID string) {
	t.Helper()
	require.Eventually(t, func() bool { return use(t.Context(), c, tenantID) == nil }, 15*time.Second, 20*time.Millisecond)
}

// What happens to a tenant reaches every process with pools: an API's service here, a worker there.
func TestEveryProcessLetsGo(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1")
	api := newService(t, f, poolcache.Config{}).Cache
	one, two := f.Worker(t), f.Worker(t)
	caches := map[string]*poolcache.Cache{"the API's": api, "a worker's": one.Cache(), "another worker's": two.Cache()}
	f.Do(t, jobs.Provision{Slug: "acme"})
	tenant := f.Tenant(t, "acme")

	everybodyHas := func() int64 {
		for name, c := range caches {
			settled(t, c, tenant.ID)
			require.Equal(t, f.Tenant(t, "acme").Epoch, epochOf(c, tenant.ID), "the pool of %s is of another time", name)
		}
		require.GreaterOrEqual(t, sessions(t, f, tenant.Database), len(caches))
		return f.Tenant(t, "acme").Epoch
	}
	nobodyHas := func(what string, older int64) {
		for name, c := range caches {
			require.Eventually(t, func() bool { e := epochOf(c, tenant.ID); return e == 0 || e > older }, 10*time.Second, 5*time.Millisecond,
				"%s cache still has its pool after %s", name, what)
		}
		requireAcknowledged(t, f)
	}
	refused := func(what string) {
		for name, c := range caches {
			require.ErrorIs(t, use(ctx, c, tenant.ID), directory.ErrNotActive, "%s cache after %s", name, what)
		}
		require.Zero(t, sessions(t, f, tenant.Database), "sessions after %s", what)
	}

	epoch := everybodyHas()
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	nobodyHas("suspending", epoch)
	refused("suspending")
	f.Do(t, jobs.Resume{Tenant: "acme"})
	epoch = everybodyHas()

	before, err := f.Registry.TenantURL(ctx, tenant.ID, tenants.RoleApp, true)
	require.NoError(t, err)
	f.Do(t, jobs.Rotate{Tenant: "acme"})
	nobodyHas("rotating", epoch)
	_, err = pgx.Connect(ctx, before)
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, "28P01", pg.Code, "the old password still works")
	epoch = everybodyHas()

	f.Do(t, jobs.Delete{Tenant: "acme"})
	nobodyHas("deleting", epoch)
	refused("deleting")
	f.Do(t, jobs.Undelete{Tenant: "acme"})
	epoch = everybodyHas()
	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	nobodyHas("purging", epoch)
	refused("purging")
	require.ErrorIs(t, use(ctx, api, "tnt_000000000000000000000000"), tenants.ErrNoTenant)
}

// requireAcknowledged waits until every live worker has said that it obeyed the newest fence.
func requireAcknowledged(t *testing.T, f *fleettest.Fleet) {
	t.Helper()
	require.Eventually(t, func() bool {
		var behind int
		require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT count(*) FROM tenantry.workers WHERE state = 'alive' AND fenced_seq < (SELECT max(seq) FROM tenantry.fences)`).Scan(&behind))
		return behind == 0
	}, 10*time.Second, 5*time.Millisecond)
}

// A lease that nobody gives back, with a transaction open, does not hold up a suspension.
func TestALeaseDoesNotHoldUpAFence(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1")
	api := newService(t, f, poolcache.Config{}).Cache
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	tenant := f.Tenant(t, "acme")
	lease, err := api.Acquire(ctx, tenant.ID)
	require.NoError(t, err)
	defer lease.Release()
	tx, err := lease.Pool().Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	_, err = tx.Exec(ctx, `INSERT INTO customers (name) VALUES ('Ada')`)
	require.NoError(t, err)
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	require.Zero(t, sessions(t, f, tenant.Database))
	require.Error(t, tx.Commit(ctx), "the session was not ended")
	require.ErrorIs(t, use(ctx, api, tenant.ID), directory.ErrNotActive)
}

// A notification that is lost with its connection is made up for by reading again.
func TestFencesAreReadAgainWhenTheListenerDies(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1")
	api := newService(t, f, poolcache.Config{EpochPoll: -1}) // nothing but Follow tells it
	worker := f.Worker(t, func(c *workers.Config) { c.Pools.EpochPoll = -1 })
	f.Do(t, jobs.Provision{Slug: "acme"})
	tenant := f.Tenant(t, "acme")
	for round := range 3 {
		settled(t, api.Cache, tenant.ID)
		settled(t, worker.Cache(), tenant.ID)
		epoch := f.Tenant(t, "acme").Epoch
		require.Equal(t, epoch, epochOf(api.Cache, tenant.ID))
		// Ended in the very transaction that makes the fence: nobody listens when it is announced.
		var ended int
		require.NoError(t, pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name IN ($1, 'tenantry/ledger')`, api.name).Scan(&ended); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `SELECT tenantry.fence_tenant($1)`, tenant.ID)
			return err
		}))
		require.GreaterOrEqual(t, ended, 2, "round %d: no listener was ended", round)
		for _, c := range []*poolcache.Cache{api.Cache, worker.Cache()} {
			require.Eventually(t, func() bool { e := epochOf(c, tenant.ID); return e == 0 || e > epoch }, 10*time.Second, 10*time.Millisecond)
		}
		requireAcknowledged(t, f)
	}
}

// between has something happen after epochs were read and before anybody acts on it.
type between struct {
	*directory.Directory
	once sync.Once
	do   func()
}

func (b *between) Epochs(ctx context.Context, ids []string) (map[string]int64, error) {
	epochs, err := b.Directory.Epochs(ctx, ids)
	b.once.Do(b.do)
	return epochs, err
}

// A process may acknowledge a fence only when it has no older pool, also if it has just begun to follow.
func TestNoFenceIsAcknowledgedTooEarly(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	tenant := f.Tenant(t, "acme")

	pool, err := workers.OpenControl(ctx, f.URL, "test/early")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	dir := directory.New(tenants.NewRegistry(pool, f.Keys), tenants.RoleApp)
	var fence int64
	resolver := &between{Directory: dir, do: func() {
		if err := f.Pool.QueryRow(ctx, `SELECT tenantry.fence_tenant($1)`, tenant.ID).Scan(&fence); err != nil {
			panic(err)
		}
	}}
	cache, err := poolcache.New(poolcache.Config{EpochPoll: -1}, resolver)
	require.NoError(t, err)
	require.NoError(t, cache.Start(ctx))
	t.Cleanup(cache.Stop)
	require.NoError(t, use(ctx, cache, tenant.ID)) // a pool that is open before anybody follows
	old := epochOf(cache, tenant.ID)

	acknowledged := make(chan error, 1)
	following, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		dir.Follow(following, cache, func(seq int64) {
			if fence == 0 || seq < fence {
				return
			}
			var err error
			if epochOf(cache, tenant.ID) == old {
				err = errors.New("acknowledged while the old pool is open")
			}
			select {
			case acknowledged <- err:
			default:
			}
		})
	}()
	select {
	case err := <-acknowledged:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		require.Fail(t, "never acknowledged")
	}
	stop()
	<-done
}

// A follower that cannot reach the control database keeps trying, and says nothing that it does not know.
func TestFollowOutlivesItsPool(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	pool, err := pgxpool.New(ctx, "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1")
	require.NoError(t, err)
	defer pool.Close()
	dir := directory.New(tenants.NewRegistry(pool, nil), tenants.RoleApp)
	cache, err := poolcache.New(poolcache.Config{}, dir)
	require.NoError(t, err)
	require.NoError(t, cache.Start(ctx))
	defer cache.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		dir.Follow(ctx, cache, func(int64) { t.Error("acknowledged without having read anything") })
	}()
	require.Error(t, use(ctx, cache, "tnt_000000000000000000000000"))
	select {
	case <-done:
		require.Fail(t, "it gave up")
	default:
	}
	stop()
	<-done
}
