package poolcache

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// schemaPause is how long the cache waits after a question for schema epochs before it asks the next.
	schemaPause = 100 * time.Millisecond
	// schemaRetry is schemaPause after a question that was not answered.
	schemaRetry = time.Second
)

// AskSchema says that tenant's tables may have changed, for example because a notification says so. It need not be true:
// the cache asks the [Resolver], if that is a [SchemaEpochReader], and then does what [Cache.SchemaChanged] does. It
// returns at once. However often it is called, the questions are few: only tenants with a pool are asked about, and
// those of a tenth of a second together.
func (c *Cache) AskSchema(tenant string) {
	if _, ok := c.resolver.(SchemaEpochReader); !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != phaseRunning || c.table.get(tenant) == nil && c.openings[tenant] == nil {
		return
	}
	if c.doubts == nil {
		c.doubts = map[string]struct{}{}
		c.crew.run(c.askSchemas)
	}
	c.doubts[tenant] = struct{}{}
}

// askSchemas asks until there is nothing left to ask.
func (c *Cache) askSchemas() {
	for tenants := c.takeDoubts(); tenants != nil; tenants = c.takeDoubts() {
		pause := schemaPause
		if err := c.syncSchemas(c.life, tenants); err != nil && c.life.Err() == nil {
			c.log().Warn().Err(err).Msg("not known whether tables of tenants have changed")
			c.doubt(tenants)
			pause = schemaRetry
		}
		ticks, stop := c.cfg.Clock.Ticker(pause)
		select {
		case <-ticks:
		case <-c.life.Done():
		}
		stop()
		if c.life.Err() != nil {
			return
		}
	}
}

// takeDoubts returns the tenants to ask about now. After nil the next doubt needs an askSchemas of its own.
func (c *Cache) takeDoubts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	tenants := slices.Collect(maps.Keys(c.doubts))
	if tenants == nil {
		c.doubts = nil
	} else {
		c.doubts = map[string]struct{}{}
	}
	return tenants
}

// doubt takes back that there is an answer about tenants.
func (c *Cache) doubt(tenants []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tenant := range tenants {
		c.doubts[tenant] = struct{}{}
	}
}

// syncSchemas asks for schema epochs and does what they demand.
func (c *Cache) syncSchemas(ctx context.Context, tenants []string) error {
	reader, ok := c.resolver.(SchemaEpochReader)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ResolveTimeout)
	defer cancel()
	epochs, err := reader.SchemaEpochs(ctx, tenants)
	if err != nil {
		return fmt.Errorf("read schema epochs of %d tenants: %w", len(tenants), err)
	}
	for tenant, epoch := range epochs {
		c.SchemaChanged(tenant, epoch)
	}
	return nil
}

// SchemaChanged says that tenant's tables are those of a schema epoch now. It is believed, and smaller epochs count for
// nothing afterwards: for what is only hearsay there is [Cache.AskSchema]. When the pool has not heard of it, its
// connections are renewed, as by [Cache.Reset]: what they have cached of plans and of types is gone with them. Leases
// stay valid, and so do statements that run. Then Config.OnSchemaChange is called.
func (c *Cache) SchemaChanged(tenant string, epoch int64) {
	e := c.hear(tenant, epoch)
	if e == nil {
		return
	}
	e.pool.Reset()
	if c.cfg.OnSchemaChange != nil {
		c.cfg.OnSchemaChange(tenant, epoch)
	}
}

// hear notes tenant's schema epoch, also for a pool that is being opened, and returns the open entry to which it is news.
func (c *Cache) hear(tenant string, epoch int64) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.openings[tenant]; o != nil {
		o.schema = max(o.schema, epoch)
	}
	e := c.table.get(tenant)
	if e == nil || e.schema.Load() >= epoch {
		return nil
	}
	e.schema.Store(epoch)
	return e
}
