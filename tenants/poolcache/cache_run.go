package poolcache

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

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
