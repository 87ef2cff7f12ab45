package poolcache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

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
	doubts    map[string]struct{} // tenants that AskSchema has named; nil while nobody asks
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

func (c *Cache) log() *zerolog.Logger { return c.logger.Load() }
