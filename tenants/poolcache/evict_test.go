package poolcache_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants/poolcache"
)

func TestEvictAgainstAcquire(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	ctx := within(t)

	var group errgroup.Group
	var uses atomic.Int64
	stop := make(chan struct{})
	for range 64 {
		group.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if err := b.use(ctx, tenant); err != nil {
					return err
				}
				uses.Add(1)
			}
		})
	}
	for epoch := int64(2); epoch <= 20; epoch++ {
		before := uses.Load()
		b.resolver.change(tenant, func(target *poolcache.Target) { target.Epoch = epoch })
		require.NoError(t, b.Evict(tenant, epoch).Wait(ctx))
		eventually(t, "the tenant is used again", func() bool { return uses.Load() > before+64 })
	}
	close(stop)
	require.NoError(t, group.Wait())
	require.Positive(t, b.Stat().Evictions[poolcache.ReasonEpoch])
	lease := b.lease(t, tenant)
	defer lease.Release()
	require.EqualValues(t, 20, lease.Epoch())
}

func TestEvictWhileLeased(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	lease := b.lease(t, tenant)

	b.resolver.change(tenant, func(target *poolcache.Target) { target.Epoch = 2 })
	eviction := b.Evict(tenant, 2)
	require.Equal(t, 1, eviction.Pools())
	impatient, cancel := context.WithTimeout(within(t), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, eviction.Wait(impatient), context.DeadlineExceeded)
	require.NoError(t, ask(within(t), lease.Pool()), "the lease goes on")

	next := b.lease(t, tenant)
	require.EqualValues(t, 2, next.Epoch(), "others get the new one")
	require.NoError(t, lease.Context().Err())
	require.Zero(t, b.Evict(tenant, 1).Pools(), "there is nothing of an earlier epoch than that")
	again := b.Evict(tenant, 2)
	require.Equal(t, 1, again.Pools(), "what is being closed is awaited too")
	lease.Release()
	require.NoError(t, eviction.Wait(within(t)))
	require.NoError(t, again.Wait(within(t)))
	next.Release()
}

func TestEvictDuringOpen(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	entered, resume := b.resolver.hold()
	defer resume()

	got := make(chan error, 1)
	var lease poolcache.Lease
	go func() {
		var err error
		lease, err = b.Acquire(within(t), tenant)
		got <- err
	}()
	<-entered // with a target of epoch 1 in hand
	b.resolver.change(tenant, func(target *poolcache.Target) { target.Epoch = 2 })
	require.Zero(t, b.Evict(tenant, 2).Pools())
	resume()
	require.NoError(t, <-got)
	defer lease.Release()
	require.EqualValues(t, 2, lease.Epoch())
}

func TestEvictDuringConnect(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 2)
	b.SetBudget("live", 1)
	hog := b.lease(t, tenants[0])
	conn, err := hog.Pool().Acquire(within(t))
	require.NoError(t, err)

	got := make(chan error, 1)
	go func() { got <- b.use(within(t), tenants[1]) }()
	eventually(t, "its dial waits", func() bool { return b.node("live").Waiting == 1 })
	b.resolver.change(tenants[1], func(target *poolcache.Target) { target.Epoch = 2 })
	eviction := b.Evict(tenants[1], 2)
	require.Equal(t, 1, eviction.Pools())
	require.NoError(t, eviction.Wait(within(t)))
	conn.Release()
	hog.Release()
	require.NoError(t, <-got, "it looked again where the tenant is")
	require.EqualValues(t, 2, b.Entries()[len(b.Entries())-1].Epoch)
}

func TestEvictAfterConnect(t *testing.T) {
	t.Parallel()
	tenant := databases(t, 1)[0]
	var b *bundle
	var once sync.Once
	b = newBundle(t, poolcache.Config{Configure: func(_ string, pc *pgxpool.Config) error {
		pc.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) {
			once.Do(func() { // connected, but nobody has the pool yet
				b.resolver.change(tenant, func(target *poolcache.Target) { target.Epoch = 2 })
				b.Evict(tenant, 2)
			})
			return true, nil
		}
		return nil
	}})
	lease := b.lease(t, tenant)
	defer lease.Release()
	require.EqualValues(t, 2, lease.Epoch())
}

func TestEvictDemandsTheNewEpoch(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	b.Evict(tenant, 5)
	_, err := b.Acquire(within(t), tenant)
	require.ErrorIs(t, err, poolcache.ErrStale)

	b.Evict(tenant, poolcache.AnyEpoch)
	b.resolver.change(tenant, func(target *poolcache.Target) { target.Epoch = 5 })
	require.NoError(t, b.use(within(t), tenant))
}

func TestEvictThenDropDatabase(t *testing.T) {
	t.Parallel()
	one, two := newBundle(t, poolcache.Config{}), newBundle(t, poolcache.Config{})
	name := one.user.Role // any name that nobody else uses
	admin, err := pgx.Connect(within(t), mustURL(t))
	require.NoError(t, err)
	defer admin.Close(context.Background())
	_, err = admin.Exec(within(t), fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 STRATEGY file_copy", name))
	require.NoError(t, err)
	for _, process := range []*bundle{one, two} {
		process.resolver.set(name, process.user.Target("live", name))
		require.NoError(t, process.use(within(t), name))
	}

	// The order in which a database is dropped: fence it, have every process evict it, then act.
	_, err = admin.Exec(within(t), fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS false", name))
	require.NoError(t, err)
	for _, process := range []*bundle{one, two} {
		process.resolver.remove(name)
		require.NoError(t, process.Evict(name, 2).Wait(within(t)))
	}
	begin := time.Now()
	_, err = admin.Exec(within(t), "DROP DATABASE "+name)
	require.NoError(t, err)
	require.Less(t, time.Since(begin), 4*time.Second, "the server waits 5 s for connections to go")
	_, err = one.Acquire(within(t), name)
	require.ErrorIs(t, err, errUnknown)
}

func TestEvictNodeAndAll(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 3)
	b.resolver.set(tenants[2], b.user.Target("other", tenants[2]))
	for _, tenant := range tenants {
		require.NoError(t, b.use(within(t), tenant))
	}
	eviction := b.EvictNode("live")
	require.Equal(t, 2, eviction.Pools())
	require.NoError(t, eviction.Wait(within(t)))
	require.Equal(t, 1, sessions(t, b.user))
	require.NoError(t, b.EvictAll().Wait(within(t)))
	require.Zero(t, sessions(t, b.user))
	require.Equal(t, map[poolcache.Reason]int64{poolcache.ReasonNode: 2, poolcache.ReasonAll: 1}, b.Stat().Evictions)
}
