package poolcache_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants/poolcache"
)

func TestBudgetHoldsUnderHammering(t *testing.T) {
	t.Parallel()
	const budget = 10
	b := newBundle(t, poolcache.Config{MaxEntries: 40, Clock: wallClock{}})
	b.SetBudget("live", budget)
	tenants := databases(t, fleetSize)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// The server refuses the first connection over the budget, so that none goes unseen between two looks.
	require.NoError(t, b.user.LimitRole(ctx, budget))
	most := b.user.Watch(ctx, 5*time.Millisecond)

	var group errgroup.Group
	for worker := range 24 { // more than the budget has
		group.Go(func() error {
			zipf := rand.NewZipf(rand.New(rand.NewPCG(uint64(worker), 0)), 1.3, 1, fleetSize-1)
			for range 20 {
				if err := b.use(ctx, tenants[zipf.Uint64()]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	seen, watchErr := most()
	require.NoError(t, err)
	require.NoError(t, watchErr)
	require.LessOrEqual(t, seen, budget)
	st := b.node("live")
	t.Logf("%d sessions at most; %+v", seen, st)
	require.Positive(t, st.Waits)
	require.Positive(t, st.Reclaims)
	require.Equal(t, poolcache.BreakerClosed, st.Breaker)
}

func TestBudgetReclaimsTheOldestIdleConnection(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 3)
	b.SetBudget("live", 2)
	first := b.lease(t, tenants[0]) // leased, but its connection is idle
	defer first.Release()
	require.NoError(t, b.use(within(t), tenants[1]))
	require.Equal(t, 1, sessions(t, b.user, tenants[0]))

	require.NoError(t, b.use(within(t), tenants[2]))
	require.Zero(t, sessions(t, b.user, tenants[0]))
	require.Equal(t, 1, sessions(t, b.user, tenants[1]))
	require.EqualValues(t, 1, b.node("live").Reclaims)
	eventually(t, "the pool has forgotten it", func() bool { return first.Pool().Stat().TotalConns() == 0 })

	require.NoError(t, ask(within(t), first.Pool()), "its pool connects again")
	require.Zero(t, sessions(t, b.user, tenants[1]))
}

func TestBudgetReclaimsTheOwnConnectionLast(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	b.SetBudget("live", 1)
	lease := b.lease(t, tenant)
	defer lease.Release()
	conn, err := lease.Pool().Acquire(within(t))
	require.NoError(t, err)
	second := make(chan error, 1)
	go func() { second <- ask(within(t), lease.Pool()) }()
	eventually(t, "a second dial waits", func() bool { return b.node("live").Waiting == 1 })
	conn.Release() // pgxpool does not give it to who is dialling already
	require.NoError(t, <-second)
}

func TestBudgetIsFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 6)
	b.SetBudget("live", 1)
	lease := b.lease(t, tenants[0])
	conn, err := lease.Pool().Acquire(within(t))
	require.NoError(t, err)

	var mu sync.Mutex
	var order []string
	var group errgroup.Group
	for i, tenant := range tenants[1:] {
		group.Go(func() error {
			lease, err := b.Acquire(within(t), tenant)
			if err != nil {
				return err
			}
			defer lease.Release()
			conn, err := lease.Acquire(within(t))
			if err != nil {
				return err
			}
			defer conn.Release()
			mu.Lock()
			defer mu.Unlock()
			order = append(order, tenant)
			return nil
		})
		eventually(t, "its dial waits", func() bool { return b.node("live").Waiting == i+1 })
	}
	conn.Release()
	lease.Release()
	require.NoError(t, group.Wait())
	require.Equal(t, tenants[1:], order)
	require.EqualValues(t, 6, b.node("live").Connects, "nobody's new connection was closed before its first use")
}

func TestBudgetWaitIsBoundedByTheCaller(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 2)
	other := b.lease(t, tenants[1])
	defer other.Release()
	b.SetBudget("live", 1) // which closes one of the two, once there are two
	hog := b.lease(t, tenants[0])
	defer hog.Release()
	conn, err := hog.Pool().Acquire(within(t))
	require.NoError(t, err)
	defer conn.Release()

	impatient, cancel := context.WithTimeout(within(t), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, ask(impatient, other.Pool()), context.DeadlineExceeded)
	eventually(t, "the dial does not wait any more", func() bool { return b.node("live").Waiting == 0 })
}

func TestBudgetWaitIsBoundedByConfig(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{WaitTimeout: 20 * time.Millisecond})
	tenant := databases(t, 1)[0]
	b.SetBudget("live", 0)
	_, err := b.Acquire(within(t), tenant)
	var none *poolcache.BudgetError
	require.ErrorAs(t, err, &none)
	require.ErrorIs(t, err, poolcache.ErrNoBudget)
	require.Equal(t, "live", none.Node)
	require.Equal(t, poolcache.BreakerClosed, b.node("live").Breaker)

	b.SetBudget("live", 1)
	require.NoError(t, b.use(within(t), tenant), "it is not remembered")
}

func TestBudgetCanBeLowered(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 5)
	var conns []*pgxpool.Conn
	for i, tenant := range tenants {
		lease := b.lease(t, tenant)
		defer lease.Release()
		if i < 2 {
			conn, err := lease.Pool().Acquire(within(t))
			require.NoError(t, err)
			conns = append(conns, conn)
		}
	}
	require.Equal(t, 5, b.node("live").Open)
	b.SetBudget("live", 1)
	eventually(t, "the idle ones are closed", func() bool { return b.node("live").Open == 2 })
	conns[0].Release()
	eventually(t, "one is closed when released", func() bool { return b.node("live").Open == 1 })
	conns[1].Release()
	require.Equal(t, 1, b.node("live").Open)
	require.Equal(t, 1, sessions(t, b.user))
}

func TestBudgetReserve(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{NodeReserve: 1, WaitTimeout: 50 * time.Millisecond})
	tenants := databases(t, 3)
	b.SetBudget("live", 2)
	lease := b.lease(t, tenants[0])
	defer lease.Release()
	conn, err := lease.Pool().Acquire(within(t))
	require.NoError(t, err)
	defer conn.Release()

	_, err = b.Acquire(within(t), tenants[1])
	require.ErrorIs(t, err, poolcache.ErrNoBudget)
	admin, err := b.Acquire(poolcache.WithReserve(within(t)), tenants[2])
	require.NoError(t, err)
	require.NoError(t, ask(poolcache.WithReserve(within(t)), admin.Pool()))
	admin.Release()
}

func TestCancellingAQueryNeedsNoToken(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	b.SetBudget("live", 1)
	lease := b.lease(t, tenant)
	defer lease.Release()

	ctx, cancel := context.WithCancel(within(t))
	failed := make(chan error, 1)
	go func() {
		_, err := lease.Pool().Exec(ctx, "SELECT pg_sleep(60)")
		failed <- err
	}()
	eventually(t, "the query runs", func() bool { return active(t, b) == 1 })
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.NoError(t, ask(within(t), lease.Pool()), "the token came back, so the server heard of it")
	require.Equal(t, 1, b.node("live").Open)
}

func TestChargedConnectionsCount(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{WaitTimeout: 50 * time.Millisecond})
	tenants := databases(t, 2)
	b.SetBudget("live", 1)
	cc, err := pgx.ParseConfig(b.user.ConnStringWithPassword(tenants[0]))
	require.NoError(t, err)
	b.Charge("live", cc)
	conn, err := pgx.ConnectConfig(within(t), cc)
	require.NoError(t, err)
	require.NoError(t, conn.Ping(within(t)))
	require.Equal(t, 1, b.node("live").Open)

	_, err = b.Acquire(within(t), tenants[1])
	require.ErrorIs(t, err, poolcache.ErrNoBudget)
	_, err = pgx.ConnectConfig(within(t), cc)
	require.ErrorIs(t, err, poolcache.ErrNoBudget)
	require.NoError(t, conn.Close(within(t)))
	require.NoError(t, b.use(within(t), tenants[1]))
}
