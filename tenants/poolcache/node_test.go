package poolcache_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants/poolcache"
)

func TestDeadNodesBesideALiveOne(t *testing.T) {
	t.Parallel()
	const jobs = 100
	b := newBundle(t, poolcache.Config{Clock: wallClock{}})
	blackHole := newFakeServer(t, "", "")
	live := databases(t, 20)
	for i := range jobs {
		b.resolver.set(fmt.Sprint("closed", i), poolcache.Target{
			Node: "closed", ConnString: "postgres://user@" + closedPort(t) + "/db?sslmode=disable",
		})
		b.resolver.set(fmt.Sprint("hole", i), blackHole.target("hole"))
	}

	var group errgroup.Group
	var down atomic.Int64
	for i := range jobs {
		group.Go(func() error { return b.use(within(t), live[i%len(live)]) })
		for _, node := range []string{"closed", "hole"} {
			group.Go(func() error {
				err := b.use(within(t), fmt.Sprint(node, i))
				if err == nil {
					return fmt.Errorf("%s%d can be used", node, i)
				}
				if after, ok := poolcache.RetryAfter(err); ok && after > 0 {
					down.Add(1)
				}
				return nil
			})
		}
	}
	require.NoError(t, group.Wait(), "the jobs of the live node never notice")
	require.EqualValues(t, 2*jobs, down.Load(), "the others know when to come back")
	require.LessOrEqual(t, blackHole.dials(), 10, "the breaker has opened")
	for _, node := range []string{"closed", "hole"} {
		require.Equal(t, poolcache.BreakerOpen, b.node(node).Breaker)
	}
	require.Equal(t, poolcache.BreakerClosed, b.node("live").Breaker)
}

func TestBreakerRecovers(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{NodeDials: 8})
	server := newFakeServer(t, "57P03", "ProcessStartupPacket")
	tenants := databases(t, 12)
	for i := range 20 {
		b.resolver.set(fmt.Sprint("t", i), server.target("live"))
	}
	for i := range 3 {
		_, err := b.Acquire(within(t), fmt.Sprint("t", i))
		require.ErrorContains(t, err, "57P03")
	}
	require.Equal(t, poolcache.BreakerOpen, b.node("live").Breaker)
	_, err := b.Acquire(within(t), "t4")
	var down *poolcache.NodeDownError
	require.ErrorAs(t, err, &down)
	require.ErrorIs(t, err, poolcache.ErrNodeDown)
	require.Equal(t, "live", down.Node)
	require.Equal(t, b.node("live").RetryAfter, down.RetryAfter)
	require.ErrorContains(t, down.Cause, "57P03")
	require.Equal(t, 3, server.dials())

	b.clock.advance(b.node("live").RetryAfter)
	_, err = b.Acquire(within(t), "t5") // probes
	require.ErrorContains(t, err, "57P03")
	require.Equal(t, 4, server.dials())
	require.Greater(t, b.node("live").RetryAfter, 600*time.Millisecond, "the pause has doubled")

	b.clock.advance(b.node("live").RetryAfter)
	require.NoError(t, b.use(within(t), tenants[0]), "the node is back")
	require.Equal(t, poolcache.BreakerSlowStart, b.node("live").Breaker)
	require.NoError(t, b.use(within(t), tenants[1]))
	require.NoError(t, b.use(within(t), tenants[2]))
	require.Equal(t, poolcache.BreakerSlowStart, b.node("live").Breaker)
	require.NoError(t, b.use(within(t), tenants[3]))
	require.Equal(t, poolcache.BreakerClosed, b.node("live").Breaker, "1, 2, 4 and then all 8")
}

func TestBreakerProbesOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{BreakerFailures: 1, ConnectTimeout: 300 * time.Millisecond})
	server := newFakeServer(t, "", "")
	for i := range 20 {
		b.resolver.set(fmt.Sprint("t", i), server.target("hole"))
	}
	_, err := b.Acquire(within(t), "t0")
	require.Error(t, err)
	before := server.dials()
	b.clock.advance(b.node("hole").RetryAfter)

	var group errgroup.Group
	var down atomic.Int64
	for i := range 20 {
		if i == 0 {
			continue // its own failure is remembered
		}
		group.Go(func() error {
			_, err := b.Acquire(within(t), fmt.Sprint("t", i))
			if _, ok := poolcache.RetryAfter(err); ok {
				down.Add(1)
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.EqualValues(t, 19, down.Load())
	require.Equal(t, before+1, server.dials())
}

func TestBreakerIgnoresTheTenantsOwnFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		code, routine string
		opens         bool
	}{
		"wrong password":          {code: "28P01", routine: "auth_failed"},
		"no such database":        {code: "3D000", routine: "InitPostgres"},
		"fenced database":         {code: "55000", routine: "CheckMyDatabase"},
		"limit of the database":   {code: "53300", routine: "CheckMyDatabase"},
		"limit of the role":       {code: "53300", routine: "InitializeSessionUserId"},
		"limit of the server":     {code: "53300", routine: "InitProcess", opens: true},
		"server is shutting down": {code: "57P03", routine: "ProcessStartupPacket", opens: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t, poolcache.Config{BreakerFailures: 2})
			server := newFakeServer(t, fault.code, fault.routine)
			for i := range 5 {
				tenant := fmt.Sprint("t", i)
				b.resolver.set(tenant, server.target("node"))
				_, err := b.Acquire(within(t), tenant)
				require.Error(t, err)
			}
			want := poolcache.BreakerClosed
			if fault.opens {
				want = poolcache.BreakerOpen
			}
			require.Equal(t, want, b.node("node").Breaker)
			eventually(t, "no token is held", func() bool { return b.node("node").Open == 0 })
		})
	}
}

func TestDialsInFlightAreLimited(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{NodeDials: 3, ConnectTimeout: 500 * time.Millisecond})
	server := newFakeServer(t, "", "")
	var group errgroup.Group
	for i := range 20 {
		tenant := fmt.Sprint("t", i)
		b.resolver.set(tenant, server.target("hole"))
		group.Go(func() error {
			_, _ = b.Acquire(within(t), tenant)
			return nil
		})
	}
	eventually(t, "three are in flight", func() bool { return b.node("hole").Dialling == 3 && b.node("hole").Open == 20 })
	require.NoError(t, group.Wait())
	require.LessOrEqual(t, server.dials(), 5, "two may follow the first before the third opens the breaker")
}

func TestHostThatDoesNotResolve(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{BreakerFailures: 1})
	b.resolver.set("t", poolcache.Target{Node: "lost", ConnString: "postgres://user@host.invalid/db?sslmode=disable"})
	_, err := b.Acquire(within(t), "t")
	require.Error(t, err)
	require.Equal(t, poolcache.BreakerOpen, b.node("lost").Breaker)
	require.Zero(t, b.node("lost").Open)
}
