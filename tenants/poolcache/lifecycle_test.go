package poolcache_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// TestStopReturnsEverything is not parallel because it counts goroutines.
func TestStopReturnsEverything(t *testing.T) {
	u := newUser(t)
	tenants := databases(t, 20)
	before := runtime.NumGoroutine()
	cache, err := poolcache.New(poolcache.Config{}, poolcache.ResolverFunc(
		func(_ context.Context, tenant string) (poolcache.Target, error) { return u.Target("live", tenant), nil }))
	require.NoError(t, err)
	require.NoError(t, cache.Start(context.Background()))
	require.NoError(t, cache.Start(context.Background()), "twice")
	var group errgroup.Group
	for _, tenant := range tenants {
		group.Go(func() error {
			lease, err := cache.Acquire(within(t), tenant)
			if err != nil {
				return err
			}
			defer lease.Release()
			return ask(within(t), lease.Pool())
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 20, sessions(t, u))

	cache.Stop()
	require.Zero(t, sessions(t, u), "at once")
	eventually(t, "goroutines are back to the start", func() bool { return runtime.NumGoroutine() <= before })
	cache.Stop()
	_, err = cache.Acquire(within(t), tenants[0])
	require.ErrorIs(t, err, poolcache.ErrNotRunning)
	require.ErrorIs(t, cache.Start(context.Background()), poolcache.ErrNotRunning)
}

func TestStopWaitsForLeases(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	lease := b.lease(t, tenant)
	stopped := make(chan struct{})
	go func() {
		b.Stop()
		close(stopped)
	}()
	eventually(t, "no more leases are given", func() bool {
		lease, err := b.Acquire(within(t), tenant)
		lease.Release()
		return errors.Is(err, poolcache.ErrNotRunning)
	})
	require.NoError(t, ask(within(t), lease.Pool()))
	lease.Release()
	<-stopped
	require.Equal(t, map[poolcache.Reason]int64{poolcache.ReasonStopped: 1}, b.Stat().Evictions)
}

func TestStopDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{Linger: 100 * time.Millisecond})
	lease := b.lease(t, databases(t, 1)[0])
	conn, err := lease.Pool().Acquire(within(t))
	require.NoError(t, err)
	stopped := make(chan struct{})
	go func() {
		b.Stop()
		close(stopped)
	}()
	eventually(t, "it stops", func() bool { return b.Stat().Entries == 0 })
	b.advance(t, 5*time.Second)
	<-lease.Context().Done()
	b.advance(t, 5*time.Second)
	<-stopped // although neither was released
	require.Zero(t, sessions(t, b.user))
	conn.Release()
	lease.Release()
}

func TestStopEndsOpenings(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 2)
	b.SetBudget("live", 0)
	got := make(chan error, 2)
	go func() { got <- b.use(within(t), tenants[0]) }()
	eventually(t, "a dial waits", func() bool { return b.node("live").Waiting == 1 })
	entered, resume := b.resolver.hold()
	defer resume()
	go func() { got <- b.use(within(t), tenants[1]) }()
	<-entered
	b.Stop()
	require.ErrorIs(t, <-got, poolcache.ErrNotRunning)
	require.ErrorIs(t, <-got, poolcache.ErrNotRunning)
}

func TestStartsContextStops(t *testing.T) {
	t.Parallel()
	cache, err := poolcache.New(poolcache.Config{}, &resolver{})
	require.NoError(t, err)
	_, err = cache.Acquire(within(t), "t")
	require.ErrorIs(t, err, poolcache.ErrNotRunning, "before it is started")
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, cache.Start(ctx))
	_, err = cache.Acquire(within(t), "t")
	require.ErrorIs(t, err, errUnknown)
	cancel()
	eventually(t, "it has stopped", func() bool {
		_, err := cache.Acquire(within(t), "t")
		return errors.Is(err, poolcache.ErrNotRunning)
	})
	cache.Stop()

	never, err := poolcache.New(poolcache.Config{}, &resolver{})
	require.NoError(t, err)
	never.Stop()
	never.Stop()
	require.ErrorIs(t, never.Start(context.Background()), poolcache.ErrNotRunning)
}

func TestLeaseAfterRelease(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	lease := b.lease(t, databases(t, 1)[0])
	twin := lease
	lease.Release()
	lease.Release()
	require.Panics(t, func() { lease.Pool() })
	require.Panics(t, func() { lease.Context() })
	require.Panics(t, func() { twin.Release() })
	var zero poolcache.Lease
	zero.Release()
	b.repair(t)
}

// repair evicts what a test has broken.
func (b *bundle) repair(tb testing.TB) {
	tb.Helper()
	for _, e := range b.Entries() {
		b.Rehold(e.Tenant)
		require.NoError(tb, b.Evict(e.Tenant, poolcache.AnyEpoch).Wait(within(tb)))
	}
}

func TestConfigureIsHeeded(t *testing.T) {
	t.Parallel()
	calls := map[string]int{}
	b := newBundle(t, poolcache.Config{Configure: func(_ string, pc *pgxpool.Config) error {
		pc.MaxConns = 1
		pc.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
			calls["connect"]++
			cc.RuntimeParams["application_name"] = "configured"
			return nil
		}
		pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			calls["connected"]++
			_, err := conn.Exec(ctx, "SET statement_timeout = '7s'")
			return err
		}
		pc.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) {
			calls["prepare"]++
			return true, nil
		}
		return nil
	}})
	lease := b.lease(t, databases(t, 1)[0])
	defer lease.Release()
	var name, timeout string
	require.NoError(t, lease.Pool().QueryRow(within(t),
		"SELECT current_setting('application_name'), current_setting('statement_timeout')").Scan(&name, &timeout))
	require.Equal(t, "configured", name)
	require.Equal(t, "7s", timeout)
	require.EqualValues(t, 1, lease.Pool().Stat().MaxConns())
	require.Equal(t, map[string]int{"connect": 1, "connected": 1, "prepare": 3}, calls)
}

func TestNewRefusesNonsense(t *testing.T) {
	t.Parallel()
	_, err := poolcache.New(poolcache.Config{}, nil)
	require.ErrorContains(t, err, "resolver")
	for field, cfg := range map[string]poolcache.Config{
		"MaxEntries":         {MaxEntries: -1},
		"IdleTTL":            {IdleTTL: -1},
		"NodeReserve":        {NodeReserve: -1},
		"ConnLifetimeJitter": {ConnLifetime: 1, ConnLifetimeJitter: 1},
		"BreakerMax":         {BreakerMin: 2, BreakerMax: 1},
		"FailureMax":         {FailureMin: 2, FailureMax: 1},
	} {
		_, err := poolcache.New(cfg, &resolver{})
		require.ErrorContains(t, err, field)
	}
}
