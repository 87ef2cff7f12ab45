package poolcache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// An entry's state is one word, so that a hit writes only once: the number of references, two bits, and above them how
// often it was hit.
//
//	open     no bit     can be referenced
//	doomed   bitDoomed  out of the table; the last reference to go closes it
//	closing  both bits  closed by exactly one of those who saw doomed without references
//
// Whoever adds a reference and then sees bitDoomed takes it back and looks elsewhere.
const (
	maskRefs   int64 = 1<<24 - 1
	bitDoomed  int64 = 1 << 24
	bitClosing int64 = 1 << 25
	oneHit     int64 = 1 << 26
)

// entry is a tenant's pool, from before its first connection until after its last.
type entry struct {
	state atomic.Int64
	used  atomic.Int64 // coarse time of the last use
	// acquiring is how many goroutines are acquiring a connection of the pool.
	acquiring atomic.Int32

	cache  *Cache
	tenant string
	epoch  int64
	node   *node
	pool   *pgxpool.Pool
	secret *secret
	schema atomic.Int64 // Target.SchemaEpoch, as far as it was heard of; written under Cache.mu

	// ctx is every lease's context. It is cancelled by the watchdog, and when the entry closes.
	ctx    context.Context // it is the leases', not a call's
	revoke context.CancelCauseFunc
	done   chan struct{} // closed when the last connection is
	once   sync.Once     // of shut

	// Guarded by Cache.mu.
	published bool
	reason    Reason
	revokeAt  time.Time // when the watchdog steps in; zero unless doomed
	revoked   bool
	killed    bool

	// Guarded by node.mu.
	closed   bool // no connection may be made any more
	sockets  int  // tokens held
	finished bool
}

// hit takes a reference and reports whether the entry can still be used. It counts.
func (e *entry) hit() bool { return e.take(1 + oneHit) }

// hold is hit without being counted.
func (e *entry) hold() bool { return e.take(1) }

func (e *entry) take(n int64) bool {
	if e.state.Add(n)&bitDoomed == 0 {
		return true
	}
	e.give(n)
	return false
}

// release takes a reference back.
func (e *entry) release() { e.give(1) }

func (e *entry) give(n int64) {
	state := e.state.Add(-n)
	if state&maskRefs == maskRefs {
		panic("poolcache: lease released more often than acquired")
	}
	e.closeUnused(state)
}

// doom lets nobody else take a reference. It reports whether it was this call that did.
func (e *entry) doom() bool {
	before := e.state.Or(bitDoomed)
	e.closeUnused(before | bitDoomed)
	return before&bitDoomed == 0
}

// doomUnused dooms the entry unless somebody holds a reference, and reports whether it did.
func (e *entry) doomUnused() bool {
	for {
		state := e.state.Load()
		if state&(maskRefs|bitDoomed) != 0 {
			return false
		}
		if e.state.CompareAndSwap(state, state|bitDoomed) {
			e.closeUnused(state | bitDoomed)
			return true
		}
	}
}

// closeUnused closes the entry if state says that it is doomed and without references, and nobody closes it already.
func (e *entry) closeUnused(state int64) {
	if state&(maskRefs|bitDoomed|bitClosing) == bitDoomed && e.state.Or(bitClosing)&bitClosing == 0 {
		e.shut()
	}
}

func (e *entry) doomed() bool { return e.state.Load()&bitDoomed != 0 }
func (e *entry) refs() int64  { return e.state.Load() & maskRefs }
func (e *entry) hits() int64  { return e.state.Load() / oneHit }

// touch stamps a use. It writes only when the coarse clock has moved on, to keep the line shared between cores.
func (e *entry) touch(now int64) {
	if e.used.Load() != now {
		e.used.Store(now)
	}
}
