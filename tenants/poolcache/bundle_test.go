package poolcache_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/tenants/poolcache/poolbench"
)

var errUnknown = errors.New("unknown tenant")

// bundle is a started cache with a resolver, a clock and a role of its own.
type bundle struct {
	*poolcache.Cache

	user     *poolbench.Fleet
	resolver *resolver
	clock    *clock
}

// newBundle starts a cache whose tenants are the shared databases, all of them on the node "live".
func newBundle(tb testing.TB, cfg poolcache.Config) *bundle {
	tb.Helper()
	b := &bundle{user: newUser(tb), clock: newClock()}
	b.resolver = &resolver{targets: map[string]poolcache.Target{}}
	for _, database := range databases(tb, fleetSize) {
		b.resolver.set(database, b.user.Target("live", database))
	}
	if cfg.Clock == nil {
		cfg.Clock = b.clock
	}
	cache, err := poolcache.New(cfg, b.resolver)
	require.NoError(tb, err)
	require.NoError(tb, cache.Start(context.Background()))
	b.Cache = cache
	tb.Cleanup(func() {
		cache.Stop()
		require.Zero(tb, cache.Stat().Closing)
		for _, n := range cache.Stat().Nodes {
			require.Zero(tb, n.Open, "tokens of node %s leaked", n.Node)
			require.Zero(tb, n.Dialling, "places among the dials of node %s leaked", n.Node)
		}
		noSessions(tb, b.user)
	})
	return b
}

// node returns the statistics of a node.
func (b *bundle) node(name string) poolcache.NodeStat {
	for _, n := range b.Stat().Nodes {
		if n.Node == name {
			return n
		}
	}
	return poolcache.NodeStat{}
}

// advance moves the clock and waits for the upkeep that this brings about.
func (b *bundle) advance(tb testing.TB, d time.Duration) {
	tb.Helper()
	b.clock.advance(d)
	now := b.clock.Now()
	eventually(tb, "upkeep has run", func() bool { return !b.CoarseNow().Before(now) })
}

// lease acquires tenant and runs a query.
func (b *bundle) lease(tb testing.TB, tenant string) poolcache.Lease {
	tb.Helper()
	lease, err := b.Acquire(within(tb), tenant)
	require.NoError(tb, err)
	require.NoError(tb, ask(within(tb), lease.Pool()))
	return lease
}

// use leases tenant for one query.
func (b *bundle) use(ctx context.Context, tenant string) error {
	lease, err := b.Acquire(ctx, tenant)
	if err != nil {
		return err
	}
	defer lease.Release()
	return ask(ctx, lease.Pool())
}

func ask(ctx context.Context, pool *pgxpool.Pool) error {
	var n int
	return pool.QueryRow(ctx, "SELECT $1::int", 1).Scan(&n)
}

// resolver is a poolcache.Resolver, poolcache.EpochReader and poolcache.SchemaEpochReader of memory.
type resolver struct {
	mu      sync.Mutex
	targets map[string]poolcache.Target
	calls   int
	asked   [][]string    // what SchemaEpochs was asked, sorted
	silent  error         // when not nil, what SchemaEpochs answers
	block   chan struct{} // when not nil, Resolve waits for it to be closed
	entered chan struct{} // when not nil, Resolve says that it waits
}

func (r *resolver) set(tenant string, target poolcache.Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets[tenant] = target
}

func (r *resolver) change(tenant string, f func(*poolcache.Target)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	target := r.targets[tenant]
	f(&target)
	r.targets[tenant] = target
}

func (r *resolver) remove(tenant string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.targets, tenant)
}

func (r *resolver) called() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// hold makes Resolve wait until resume is called. A value comes out of entered for each call.
func (r *resolver) hold() (entered <-chan struct{}, resume func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	block, in := make(chan struct{}), make(chan struct{}, 100)
	r.block, r.entered = block, in
	return in, sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.block, r.entered = nil, nil
		close(block)
	})
}

func (r *resolver) Resolve(ctx context.Context, tenant string) (poolcache.Target, error) {
	r.mu.Lock()
	r.calls++
	target, ok := r.targets[tenant]
	block, entered := r.block, r.entered
	r.mu.Unlock()
	if block != nil {
		entered <- struct{}{}
		select {
		case <-block:
		case <-ctx.Done():
			return poolcache.Target{}, ctx.Err()
		}
	}
	if !ok {
		return poolcache.Target{}, errUnknown
	}
	return target, nil
}

func (r *resolver) Epochs(_ context.Context, tenants []string) (map[string]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	epochs := map[string]int64{}
	for _, tenant := range tenants {
		if target, ok := r.targets[tenant]; ok {
			epochs[tenant] = target.Epoch
		}
	}
	return epochs, nil
}

func (r *resolver) SchemaEpochs(_ context.Context, tenants []string) (map[string]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, slices.Sorted(slices.Values(tenants)))
	if r.silent != nil {
		return nil, r.silent
	}
	epochs := map[string]int64{}
	for _, tenant := range tenants {
		if target, ok := r.targets[tenant]; ok {
			epochs[tenant] = target.SchemaEpoch
		}
	}
	return epochs, nil
}

// wasAsked empties what SchemaEpochs was asked.
func (r *resolver) wasAsked() [][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

func (r *resolver) answer(silent error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = silent
}

// clock is a poolcache.Clock that moves when told to.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	tickers map[chan time.Time]struct{}
}

func newClock() *clock {
	return &clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), tickers: map[chan time.Time]struct{}{}}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Ticker(time.Duration) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ticks := make(chan time.Time, 1)
	c.tickers[ticks] = struct{}{}
	return ticks, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.tickers, ticks)
	}
}

// advance moves the clock and has every ticker tick once.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for ticks := range c.tickers {
		select {
		case ticks <- c.now:
		default:
		}
	}
}

// wallClock is the time there is, for tests of what load does.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Ticker(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}
