package poolcache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Cache keeps the pools of tenants' databases. Make one with [New]. Its methods may be called concurrently.
type Cache struct {
	cfg      Config
	resolver Resolver

	table     *table
	now       atomic.Int64 // coarse clock, in nanoseconds
	idleOrder atomic.Uint64
	misses    atomic.Int64
	logger    atomic.Pointer[zerolog.Logger]
	crew      crew
	keeping   chan struct{}   // closed when upkeep has ended
	emptied   chan struct{}   // capacity 1: there may be no entry left
	life      context.Context // ends with Stop: that of openings, which outlive their callers
	endLife   context.CancelCauseFunc

	nodesMu sync.Mutex
	nodes   map[string]*node

	mu        sync.Mutex
	phase     phase
	cancelRun context.CancelFunc
	live      map[*entry]struct{} // all entries, until their last connection is closed
	openings  map[string]*opening
	failures  map[string]failure
	floors    map[string]floor
	counts    counts
}

type phase int

const (
	phaseNew phase = iota
	phaseRunning
	phaseStopping
	phaseStopped
)

// New makes a cache, which does nothing until it is started.
func New(cfg Config, r Resolver) (*Cache, error) {
	if r == nil {
		return nil, errors.New("make pool cache: resolver is nil")
	}
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("make pool cache: %w", err)
	}
	c := &Cache{
		cfg:      cfg,
		resolver: r,
		table:    newTable(),
		keeping:  make(chan struct{}),
		emptied:  make(chan struct{}, 1),
		nodes:    map[string]*node{},
		live:     map[*entry]struct{}{},
		openings: map[string]*opening{},
		failures: map[string]failure{},
		floors:   map[string]floor{},
		counts:   newCounts(),
	}
	c.life, c.endLife = context.WithCancelCause(context.Background())
	nop := zerolog.Nop()
	c.logger.Store(&nop)
	c.now.Store(cfg.Clock.Now().UnixNano())
	return c, nil
}

// Start lets the cache hand out leases, and runs its upkeep until Stop is called or ctx is done, which amounts to the
// same. It logs to ctx's zerolog logger. Starting twice does nothing; a stopped cache cannot be started again.
func (c *Cache) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case phaseRunning:
		return nil
	case phaseStopping, phaseStopped:
		return fmt.Errorf("start pool cache: %w", ErrNotRunning)
	case phaseNew:
	}
	c.phase = phaseRunning
	c.logger.Store(zerolog.Ctx(ctx))
	c.now.Store(c.cfg.Clock.Now().UnixNano())
	ctx, c.cancelRun = context.WithCancel(ctx)
	go c.keep(ctx)
	return nil
}

// Stop evicts everything and returns when all connections are closed: at once when nothing is leased, else when the
// leases are released, or when they were cancelled after Config.StopGrace and their connections closed Config.KillAfter
// later. Stopping twice does nothing more.
func (c *Cache) Stop() {
	c.mu.Lock()
	switch c.phase {
	case phaseNew:
		c.phase = phaseStopped
		c.endLife(ErrNotRunning)
		close(c.keeping)
	case phaseRunning, phaseStopping, phaseStopped:
		if c.cancelRun != nil {
			c.cancelRun()
		}
	}
	c.mu.Unlock()
	<-c.keeping
}

// keep is the upkeep.
func (c *Cache) keep(ctx context.Context) {
	defer close(c.keeping)
	ticks, stopTicks := c.cfg.Clock.Ticker(tick)
	defer stopTicks()
	polling := c.pollEpochs(ctx)
	done := ctx.Done()
	for {
		select {
		case <-ticks:
			c.upkeep(c.cfg.Clock.Now())
		case <-done:
			done = nil
			c.stopAll()
		case <-c.emptied:
		}
		if c.stopped() {
			break
		}
	}
	<-polling
	c.farewell()
}

// stopAll refuses further leases and evicts all entries.
func (c *Cache) stopAll() {
	c.mu.Lock()
	c.phase = phaseStopping
	c.endLife(ErrNotRunning)
	c.evictWhere(ReasonStopped, c.cfg.StopGrace, func(*entry) bool { return true })
	c.mu.Unlock()
}

// stopped reports whether the cache is stopping and its last entry has gone.
func (c *Cache) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == phaseStopping && len(c.live) == 0 && len(c.openings) == 0 {
		c.phase = phaseStopped
	}
	return c.phase == phaseStopped
}

// farewell waits for what still runs. It is not for long, unless somebody kept a pool's connection for good: then the
// connection is closed all the same, but pgxpool waits for it to be released.
func (c *Cache) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.Linger+time.Second)
	defer cancel()
	if err := c.crew.wait(ctx); err != nil {
		c.log().Warn().Msg("pool cache stopped while connections were not released")
	}
}

// finish forgets an entry whose last connection is closed.
func (c *Cache) finish(e *entry) {
	c.mu.Lock()
	delete(c.live, e)
	c.counts.hits += e.hits()
	c.mu.Unlock()
	close(e.done)
	c.signalEmptied()
}

// signalEmptied has the upkeep look whether anything is left.
func (c *Cache) signalEmptied() {
	select {
	case c.emptied <- struct{}{}:
	default:
	}
}

// node returns the node of that name, making it at its first use.
func (c *Cache) node(name string) *node {
	c.nodesMu.Lock()
	defer c.nodesMu.Unlock()
	n := c.nodes[name]
	if n == nil {
		n = &node{
			name: name, cache: c, budget: c.cfg.NodeBudget, reserve: c.cfg.NodeReserve, conns: map[*socket]struct{}{},
			gate: &gate{node: name, clock: c.cfg.Clock, log: c.log, breaker: breaker{
				threshold: c.cfg.BreakerFailures, min: c.cfg.BreakerMin, max: c.cfg.BreakerMax,
				dials: c.cfg.NodeDials, state: BreakerClosed,
			}},
		}
		c.nodes[name] = n
	}
	return n
}

func (c *Cache) allNodes() []*node {
	c.nodesMu.Lock()
	defer c.nodesMu.Unlock()
	nodes := make([]*node, 0, len(c.nodes))
	for _, n := range c.nodes {
		nodes = append(nodes, n)
	}
	return nodes
}

// SetBudget sets how many connections this process may have on node, from now on. Idle ones that are too many are
// closed at once, others when they are released. Zero makes every dial wait.
func (c *Cache) SetBudget(node string, connections int) { c.node(node).setBudget(connections) }

func (c *Cache) log() *zerolog.Logger { return c.logger.Load() }
