package poolcache

import "time"

// CoarseNow is the time as of the last upkeep.
func (c *Cache) CoarseNow() time.Time { return time.Unix(0, c.now.Load()) }

// Rehold undoes a release too many.
func (c *Cache) Rehold(tenant string) { c.table.get(tenant).state.Store(0) }
