package poolcache_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache"
)

func TestWatchdog(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{Grace: time.Minute, KillAfter: time.Minute})
	tenants := databases(t, 2)

	polite := b.lease(t, tenants[0])
	ctx, cancel := polite.Bind(within(t))
	defer cancel()
	politely := make(chan error, 1)
	go func() {
		_, err := polite.Pool().Exec(ctx, "SELECT pg_sleep(60)")
		politely <- err
	}()
	stubborn := b.lease(t, tenants[1])
	stubbornly := make(chan error, 1)
	go func() {
		_, err := stubborn.Pool().Exec(within(t), "SELECT pg_sleep(60)")
		stubbornly <- err
	}()
	eventually(t, "both queries run", func() bool { return active(t, b) == 2 })

	one, two := b.Evict(tenants[0], 2), b.Evict(tenants[1], 2)
	b.advance(t, time.Minute-time.Second)
	require.NoError(t, polite.Context().Err())
	b.advance(t, time.Second)
	require.ErrorIs(t, <-politely, context.Canceled)
	require.ErrorIs(t, context.Cause(polite.Context()), poolcache.ErrRevoked)
	require.ErrorIs(t, context.Cause(ctx), poolcache.ErrRevoked)
	polite.Release()
	require.NoError(t, one.Wait(within(t)))
	require.Equal(t, 1, active(t, b), "the other one did not listen")

	b.advance(t, time.Minute)
	require.Error(t, <-stubbornly)
	require.NoError(t, two.Wait(within(t)), "although its lease is not released")
	require.Zero(t, sessions(t, b.user))
	require.Error(t, ask(within(t), stubborn.Pool()))
	stubborn.Release()
}

func TestEpochsArePolled(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 3)
	for _, tenant := range tenants {
		require.NoError(t, b.use(within(t), tenant))
	}
	// The notifications of these two changes got lost.
	b.resolver.change(tenants[0], func(target *poolcache.Target) { target.Epoch = 2 })
	b.resolver.remove(tenants[1])
	b.clock.advance(5 * time.Second)
	eventually(t, "the poll has found both", func() bool { return len(b.Entries()) == 1 })
	require.Equal(t, tenants[2], b.Entries()[0].Tenant)
	require.Equal(t, map[poolcache.Reason]int64{poolcache.ReasonEpoch: 1, poolcache.ReasonGone: 1}, b.Stat().Evictions)

	b.resolver.change(tenants[2], func(target *poolcache.Target) { target.Epoch = 2 })
	require.NoError(t, b.SyncEpochs(within(t)))
	require.Empty(t, b.Entries())
}
