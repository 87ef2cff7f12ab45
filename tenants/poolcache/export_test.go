package poolcache

import (
	"maps"
	"slices"
	"time"
)

// CoarseNow is the time as of the last upkeep.
func (c *Cache) CoarseNow() time.Time { return time.Unix(0, c.now.Load()) }

// Rehold undoes a release too many.
func (c *Cache) Rehold(tenant string) { c.table.get(tenant).state.Store(0) }

// Doubts are the tenants about whose schemas there is a question without an answer.
func (c *Cache) Doubts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.doubts))
}
