package poolcache

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Reason is why an entry was evicted.
type Reason string

// The reasons for which entries are evicted.
const (
	ReasonIdle        Reason = "idle"        // not used for Config.IdleTTL
	ReasonFull        Reason = "full"        // used least recently of more than Config.MaxEntries
	ReasonEpoch       Reason = "epoch"       // Evict, or a poll of the epochs
	ReasonGone        Reason = "gone"        // a poll of the epochs did not know the tenant
	ReasonNode        Reason = "node"        // EvictNode
	ReasonAll         Reason = "all"         // EvictAll
	ReasonCredentials Reason = "credentials" // the password in the connection string was refused
	ReasonStopped     Reason = "stopped"     // Stop
)

// AnyEpoch makes [Cache.Evict] evict a tenant's pool whatever its epoch, and demand nothing of the next.
const AnyEpoch int64 = math.MaxInt64

// floorTTL is for how long the epochs given to Evict are remembered. It need only be longer than a resolver's answer
// can be late.
const floorTTL = 5 * time.Minute

// floor is the least epoch that is acceptable for a tenant.
type floor struct {
	epoch int64
	since time.Time
}

// Eviction is the closing of evicted pools. The zero value is done.
type Eviction struct {
	entries []*entry
}

// Pools returns how many pools there were to close, those included that were being closed already.
func (ev Eviction) Pools() int { return len(ev.entries) }

// Wait returns nil when the last connection of the evicted pools is closed, on the server's side too, or an error that
// wraps ctx's when ctx is done first.
func (ev Eviction) Wait(ctx context.Context) error {
	for i, e := range ev.entries {
		select {
		case <-e.done:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d evicted pools to close: %w", len(ev.entries)-i, context.Cause(ctx))
		}
	}
	return nil
}

// Evict drops the pools of tenant that are older than epoch, and refuses to open any from now on, also when one is
// being opened and when the [Resolver] still answers with it. Leases have Config.Grace to be released. A remembered
// failure is forgotten.
//
// It also awaits pools that were evicted before for another reason: when the [Eviction] is done, this process has no
// connection to the tenant's database of an epoch before the given.
func (c *Cache) Evict(tenant string, epoch int64) Eviction {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.failures, tenant)
	if epoch != AnyEpoch && epoch > c.floors[tenant].epoch {
		c.floors[tenant] = floor{epoch: epoch, since: c.cfg.Clock.Now()}
	}
	return c.evictWhere(ReasonEpoch, c.cfg.Grace, func(e *entry) bool { return e.tenant == tenant && e.epoch < epoch })
}

// EvictNode drops all pools on node, for example because its address changes.
func (c *Cache) EvictNode(node string) Eviction {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evictWhere(ReasonNode, c.cfg.Grace, func(e *entry) bool { return e.node.name == node })
}

// EvictAll drops all pools.
func (c *Cache) EvictAll() Eviction {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evictWhere(ReasonAll, c.cfg.Grace, func(*entry) bool { return true })
}

// Reset renews the connections of tenant's pool: idle ones are closed now, others when they are released. It is for
// passwords that were changed. A remembered failure is forgotten.
func (c *Cache) Reset(tenant string) {
	c.mu.Lock()
	delete(c.failures, tenant)
	c.mu.Unlock()
	if e := c.table.get(tenant); e != nil {
		e.pool.Reset()
	}
}

// evictWhere dooms the entries that match, and returns the closing of these and of those that were doomed before. c.mu
// must be held.
func (c *Cache) evictWhere(reason Reason, grace time.Duration, match func(*entry) bool) Eviction {
	var ev Eviction
	for e := range c.live {
		if match(e) {
			ev.entries = append(ev.entries, e)
		}
	}
	if len(ev.entries) == 0 {
		return ev
	}
	c.table.change(func(entries map[string]*entry) {
		for _, e := range ev.entries {
			if entries[e.tenant] == e {
				delete(entries, e.tenant)
			}
		}
	})
	for _, e := range ev.entries {
		c.condemned(e, reason, grace)
		e.doom()
		if !e.published {
			e.revoke(ErrRevoked) // nobody leased it; its opening looks again
		}
	}
	return ev
}

// condemned notes why and until when e is to go, unless it was to go earlier. c.mu must be held.
func (c *Cache) condemned(e *entry, reason Reason, grace time.Duration) {
	at := c.cfg.Clock.Now().Add(grace)
	if e.reason == "" {
		e.reason, e.revokeAt = reason, at
		c.counts.evictions[reason]++
	} else if at.Before(e.revokeAt) {
		e.revokeAt = at
	}
}

// distrust evicts an entry whose password is not accepted any more, and can only be had from the resolver.
func (c *Cache) distrust(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.published {
		c.evictWhere(ReasonCredentials, c.cfg.Grace, func(other *entry) bool { return other == e })
	}
}
