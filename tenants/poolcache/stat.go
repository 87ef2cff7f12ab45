package poolcache

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Stat is what a cache has done and has open. Counts are since New.
type Stat struct {
	Entries     int              // pools that can be leased
	Leased      int              // of these, the ones that are leased now
	Closing     int              // pools evicted or being opened: not leasable, and not closed yet
	Hits        int64            // Acquire found the pool open
	Misses      int64            // it did not
	Opens       int64            // pools opened
	FailedOpens int64            // openings that failed
	Evictions   map[Reason]int64 // reasons that did not occur are missing
	Nodes       []NodeStat       // by name
}

// NodeStat is the part of [Stat] about one node.
type NodeStat struct {
	Node       string
	Open       int   // connections, those included that are being made or closed
	Budget     int   // connections allowed
	Connects   int64 // connections made
	Dialling   int   // dials in flight
	Waiting    int   // dials that wait for a token
	Waits      int64 // dials that had to wait for a token
	Reclaims   int64 // idle connections closed to make room
	Breaker    BreakerState
	RetryAfter time.Duration // for how much longer the breaker refuses dials
}

// EntryStat is the part of [Cache.Entries] about one pool.
type EntryStat struct {
	Tenant string
	Node   string
	Epoch  int64
	Leases int
	Idle   time.Duration // since its last use; coarse
}

// counts are guarded by Cache.mu.
type counts struct {
	opens       int64
	failedOpens int64
	hits        int64 // of entries that are no more
	evictions   map[Reason]int64
}

func newCounts() counts { return counts{evictions: map[Reason]int64{}} }

// Stat returns a snapshot.
func (c *Cache) Stat() Stat {
	c.mu.Lock()
	st := Stat{
		Hits: c.counts.hits, Misses: c.misses.Load(), Opens: c.counts.opens, FailedOpens: c.counts.failedOpens,
		Evictions: maps.Clone(c.counts.evictions), Entries: len(c.table.all()),
	}
	st.Closing = len(c.live) - st.Entries
	for e := range c.live {
		st.Hits += e.hits()
		if !e.doomed() && e.refs() > 0 {
			st.Leased++
		}
	}
	c.mu.Unlock()
	for _, n := range c.allNodes() {
		st.Nodes = append(st.Nodes, n.stat())
	}
	slices.SortFunc(st.Nodes, func(a, b NodeStat) int { return strings.Compare(a.Node, b.Node) })
	return st
}

// Entries returns the pools that can be leased, by tenant.
func (c *Cache) Entries() []EntryStat {
	open := c.table.all()
	now := c.now.Load()
	entries := make([]EntryStat, 0, len(open))
	for _, e := range open {
		entries = append(entries, EntryStat{
			Tenant: e.tenant, Node: e.node.name, Epoch: e.epoch,
			Leases: int(e.refs()), Idle: time.Duration(max(0, now-e.used.Load())),
		})
	}
	slices.SortFunc(entries, func(a, b EntryStat) int { return strings.Compare(a.Tenant, b.Tenant) })
	return entries
}
