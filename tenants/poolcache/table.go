package poolcache

import (
	"maps"
	"sync/atomic"
)

// table holds the entries that can be leased. It is read without a lock and copied when written: a copy of a few
// hundred entries takes microseconds, and is made when a pool is opened or closed, which takes milliseconds.
type table struct {
	entries atomic.Pointer[map[string]*entry]
}

func newTable() *table {
	t := &table{}
	t.entries.Store(&map[string]*entry{})
	return t
}

// get returns tenant's entry, or nil.
func (t *table) get(tenant string) *entry { return (*t.entries.Load())[tenant] }

// all returns the entries. The map must not be changed.
func (t *table) all() map[string]*entry { return *t.entries.Load() }

// change lets f change a copy, which then becomes the table. The caller must hold Cache.mu.
func (t *table) change(f func(map[string]*entry)) {
	next := maps.Clone(t.all())
	f(next)
	t.entries.Store(&next)
}
