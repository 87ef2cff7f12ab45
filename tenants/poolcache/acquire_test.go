package poolcache_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants/poolcache"
)

func TestAcquireOpensOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]

	var group errgroup.Group
	for range 64 {
		group.Go(func() error { return b.use(within(t), tenant) })
	}
	require.NoError(t, group.Wait())

	require.Equal(t, 1, b.resolver.called())
	require.EqualValues(t, 1, b.Stat().Opens)
	require.LessOrEqual(t, b.node("live").Connects, int64(2), "a pool has two connections at most")
}

func TestAcquireHits(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	for range 3 {
		require.NoError(t, b.use(within(t), tenant))
	}
	lease := b.lease(t, tenant)
	defer lease.Release()

	st := b.Stat()
	require.EqualValues(t, 3, st.Hits)
	require.EqualValues(t, 1, st.Misses)
	require.Equal(t, 1, st.Entries)
	require.Equal(t, 1, st.Leased)
	require.Equal(t, []poolcache.EntryStat{{Tenant: tenant, Node: "live", Epoch: 1, Leases: 1}}, b.Entries())
	require.EqualValues(t, 1, lease.Epoch())
	require.Equal(t, "live", lease.Node())
}

func TestAcquirePassesTheResolversErrorOn(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	for range 2 {
		_, err := b.Acquire(within(t), "nobody")
		require.Equal(t, errUnknown, err, "unchanged")
	}
	require.Equal(t, 2, b.resolver.called(), "and not remembered")
}

func TestAcquireOutlivesTheFirstCaller(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	entered, resume := b.resolver.hold()
	defer resume()

	first, cancel := context.WithCancel(within(t))
	failed := make(chan error, 1)
	go func() {
		_, err := b.Acquire(first, tenant)
		failed <- err
	}()
	<-entered
	var others errgroup.Group
	for range 8 {
		others.Go(func() error { return b.use(within(t), tenant) })
	}
	eventually(t, "the others have joined", func() bool { return b.Stat().Misses == 9 })
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	resume()
	require.NoError(t, others.Wait())
	require.Equal(t, 1, b.resolver.called())
}

func TestAcquireStartsAnewWhatWasAbandoned(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 2)
	b.SetBudget("live", 1)
	hog := b.lease(t, tenants[0])
	conn, err := hog.Pool().Acquire(within(t))
	require.NoError(t, err)

	impatient, cancel := context.WithCancel(within(t))
	failed := make(chan error, 1)
	go func() {
		_, err := b.Acquire(impatient, tenants[1])
		failed <- err
	}()
	eventually(t, "a dial waits", func() bool { return b.node("live").Waiting == 1 })
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	eventually(t, "it does not wait any more", func() bool { return b.node("live").Waiting == 0 })

	conn.Release()
	hog.Release()
	require.NoError(t, b.use(within(t), tenants[1]))
	require.Empty(t, b.Stat().Evictions)
}

func TestAcquireAt(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	require.NoError(t, b.use(within(t), tenant))

	_, err := b.AcquireAt(within(t), tenant, 2)
	require.ErrorIs(t, err, poolcache.ErrStale, "the resolver does not know it yet")
	b.resolver.change(tenant, func(target *poolcache.Target) { target.Epoch = 2 })
	b.advance(t, time.Minute)
	lease, err := b.AcquireAt(within(t), tenant, 2)
	require.NoError(t, err)
	defer lease.Release()
	require.EqualValues(t, 2, lease.Epoch())
	require.Equal(t, map[poolcache.Reason]int64{poolcache.ReasonEpoch: 1}, b.Stat().Evictions)
}

func TestFailedOpenIsSharedAndRemembered(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	b.resolver.set("missing", b.user.Target("live", "no_such_database"))
	entered, resume := b.resolver.hold()

	errs := make(chan error, 64)
	for range 64 {
		go func() {
			_, err := b.Acquire(within(t), "missing")
			errs <- err
		}()
	}
	<-entered
	eventually(t, "all have joined", func() bool { return b.Stat().Misses == 64 })
	resume()
	for range 64 {
		err := <-errs
		var failed *poolcache.OpenError
		require.ErrorAs(t, err, &failed)
		require.ErrorContains(t, err, "3D000")
		require.GreaterOrEqual(t, failed.RetryAfter, 250*time.Millisecond)
	}
	require.Equal(t, 1, b.resolver.called())

	_, err := b.Acquire(within(t), "missing")
	after, ok := poolcache.RetryAfter(err)
	require.True(t, ok)
	require.Equal(t, 1, b.resolver.called(), "remembered")
	require.EqualValues(t, 1, b.Stat().FailedOpens)

	b.advance(t, after)
	_, err = b.Acquire(within(t), "missing")
	require.ErrorContains(t, err, "3D000")
	require.Equal(t, 2, b.resolver.called(), "tried again")
	longer, _ := poolcache.RetryAfter(err)
	require.GreaterOrEqual(t, longer, 500*time.Millisecond)

	b.resolver.set("missing", b.user.Target("live", databases(t, 1)[0]))
	b.Evict("missing", poolcache.AnyEpoch)
	require.NoError(t, b.use(within(t), "missing"), "forgotten when evicted")
	require.Equal(t, poolcache.BreakerClosed, b.node("live").Breaker)
}

func TestPeekLeavesTheWarmSetIntact(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{MaxEntries: 3})
	tenants := databases(t, 20)
	for _, tenant := range tenants[:3] {
		require.NoError(t, b.use(within(t), tenant))
		b.advance(t, time.Second)
	}
	before := b.Stat()
	oldest := b.Entries()[0].Idle

	open := 0
	for _, tenant := range tenants { // a scan of all tenants
		lease, ok := b.Peek(tenant)
		if ok {
			require.NoError(t, ask(within(t), lease.Pool()))
			open++
		}
		lease.Release()
	}
	require.Equal(t, 3, open)
	after := b.Stat()
	require.Equal(t, oldest, b.Entries()[0].Idle, "recency is untouched")
	require.Equal(t, before.Hits, after.Hits)
	require.Equal(t, before.Misses, after.Misses)
	require.Empty(t, after.Evictions)
}

func TestFullCacheEvictsLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{MaxEntries: 2})
	tenants := databases(t, 4)
	var used []poolcache.Lease
	for _, tenant := range tenants[:2] {
		used = append(used, b.lease(t, tenant))
		b.advance(t, time.Second)
	}
	third := b.lease(t, tenants[2])
	require.Equal(t, 3, b.Stat().Entries, "what is leased stays")

	used[1].Release()
	b.advance(t, time.Second)
	used[0].Release()
	third.Release()
	require.NoError(t, b.use(within(t), tenants[3]))
	left := b.Entries()
	require.Len(t, left, 2)
	require.NotEqual(t, tenants[1], left[0].Tenant, "it was released first")
	require.NotEqual(t, tenants[1], left[1].Tenant)
	require.Equal(t, map[poolcache.Reason]int64{poolcache.ReasonFull: 2}, b.Stat().Evictions)
}

func TestIdleEntryIsEvicted(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{IdleTTL: time.Minute})
	tenants := databases(t, 2)
	require.NoError(t, b.use(within(t), tenants[0]))
	lease := b.lease(t, tenants[1])

	b.advance(t, 59*time.Second)
	require.Len(t, b.Entries(), 2)
	b.advance(t, time.Second)
	eventually(t, "the idle one has gone", func() bool { return len(b.Entries()) == 1 })
	require.Equal(t, tenants[1], b.Entries()[0].Tenant, "the leased one is kept")

	lease.Release() // counts as a use
	b.advance(t, 59*time.Second)
	require.Len(t, b.Entries(), 1)
}
