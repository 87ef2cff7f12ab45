package poolcache

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// pollEpochs compares epochs every Config.EpochPoll until ctx is done, and then closes the channel it returns.
func (c *Cache) pollEpochs(ctx context.Context) <-chan struct{} {
	ended := make(chan struct{})
	if _, ok := c.resolver.(EpochReader); !ok || c.cfg.EpochPoll < 0 {
		close(ended)
		return ended
	}
	go func() {
		defer close(ended)
		ticks, stop := c.cfg.Clock.Ticker(c.cfg.EpochPoll)
		defer stop()
		for {
			select {
			case <-ticks:
			case <-ctx.Done():
				return
			}
			if err := c.SyncEpochs(ctx); err != nil && ctx.Err() == nil {
				c.log().Warn().Err(err).Msg("epochs of cached pools not compared")
			}
		}
	}()
	return ended
}

// SyncEpochs asks the [Resolver], if it is an [EpochReader], for the epochs of all open entries, and evicts those that
// are stale or gone; if it is a [SchemaEpochReader], it does for those whose tables have changed what
// [Cache.SchemaChanged] does. Call it whenever notifications may have been missed, such as after reconnecting to where
// they come from. The cache calls it every Config.EpochPoll.
func (c *Cache) SyncEpochs(ctx context.Context) error {
	reader, ok := c.resolver.(EpochReader)
	if !ok {
		return nil
	}
	open, tenants := c.tenants()
	if len(tenants) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ResolveTimeout)
	defer cancel()
	epochs, err := reader.Epochs(ctx, tenants)
	if err != nil {
		return fmt.Errorf("read epochs of %d tenants: %w", len(tenants), err)
	}
	for tenant, e := range open {
		epoch, known := epochs[tenant]
		switch {
		case !known:
			c.forsake(e)
		case e.epoch < epoch:
			c.Evict(tenant, epoch)
		}
	}
	return c.syncSchemas(ctx, tenants)
}

// tenants returns the open entries, and the tenants whose pools are open or being opened.
func (c *Cache) tenants() (open map[string]*entry, tenants []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open = c.table.all()
	return open, slices.AppendSeq(slices.Collect(maps.Keys(open)), maps.Keys(c.openings))
}

// forsake evicts an entry whose tenant has gone.
func (c *Cache) forsake(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evictWhere(ReasonGone, c.cfg.Grace, func(other *entry) bool { return other == e })
}
