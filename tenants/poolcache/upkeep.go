package poolcache

import "time"

// upkeep does what time demands. It runs once a tick.
func (c *Cache) upkeep(now time.Time) {
	c.now.Store(now.UnixNano())
	c.mu.Lock()
	c.expire(now)
	c.forgetFailures(now)
	c.forgetFloors(now)
	revoke, kill := c.overdue(now)
	c.mu.Unlock()

	for _, e := range revoke {
		c.log().Warn().Str("tenant_id", e.tenant).Str("node", e.node.name).Int64("leases", e.refs()).
			Msg("leases of evicted pool cancelled")
		e.revoke(ErrRevoked)
	}
	for _, e := range kill {
		c.log().Warn().Str("tenant_id", e.tenant).Str("node", e.node.name).Int64("leases", e.refs()).
			Msg("connections of evicted pool closed while leased")
		e.kill()
	}
	for _, n := range c.allNodes() {
		n.relieve()
	}
}

// expire evicts the entries that nobody used for Config.IdleTTL. c.mu must be held.
func (c *Cache) expire(now time.Time) {
	var idle []*entry
	for _, e := range c.table.all() {
		if now.UnixNano()-e.used.Load() >= int64(c.cfg.IdleTTL) && e.doomUnused() {
			c.condemned(e, ReasonIdle, c.cfg.Grace)
			idle = append(idle, e)
		}
	}
	if len(idle) == 0 {
		return
	}
	c.table.change(func(entries map[string]*entry) {
		for _, e := range idle {
			delete(entries, e.tenant)
		}
	})
}

// trim evicts what was used least recently until entries are not too many, or all are leased. c.mu must be held.
func (c *Cache) trim(entries map[string]*entry) {
	for len(entries) > c.cfg.MaxEntries {
		var last *entry
		for _, e := range entries {
			if e.refs() == 0 && (last == nil || e.used.Load() < last.used.Load()) {
				last = e
			}
		}
		if last == nil {
			return
		}
		if last.doomUnused() {
			c.condemned(last, ReasonFull, c.cfg.Grace)
			delete(entries, last.tenant)
		}
	}
}

// overdue returns the evicted entries whose leases must be cancelled now, and those whose connections must be closed.
// Each is returned once. c.mu must be held.
func (c *Cache) overdue(now time.Time) (revoke, kill []*entry) {
	for e := range c.live {
		switch {
		case e.reason == "" || now.Before(e.revokeAt):
		case !e.revoked:
			e.revoked = true
			revoke = append(revoke, e)
		case !e.killed && !now.Before(e.revokeAt.Add(c.cfg.KillAfter)):
			e.killed = true
			kill = append(kill, e)
		}
	}
	return revoke, kill
}

// forgetFloors drops what no resolver can still be wrong about. c.mu must be held.
func (c *Cache) forgetFloors(now time.Time) {
	for tenant, f := range c.floors {
		if now.Sub(f.since) > floorTTL {
			delete(c.floors, tenant)
		}
	}
}
