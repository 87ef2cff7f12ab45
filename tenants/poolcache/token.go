package poolcache

import "sync/atomic"

// token stands for one connection of a node's budget. The attempt to connect holds it, and so does each socket that
// the attempt dialled (one per host or TLS fallback, of which all but the last are closed): the last to drop it gives
// it back, so that an attempt that fails at any point leaks nothing, and one that succeeds needs no second token.
type token struct {
	node      *node
	entry     *entry // nil for a connection outside of the cache
	admin     bool   // it may be one of the reserve
	reclaimed bool   // its connection is being closed to make room; guarded by node.mu
	holders   atomic.Int32
}

// newToken makes the token that w was granted, held once.
func newToken(n *node, w *waiter) *token {
	t := &token{node: n, entry: w.entry, admin: w.admin}
	t.hold()
	return t
}

func (t *token) hold() { t.holders.Add(1) }

func (t *token) drop() {
	if t.holders.Add(-1) == 0 {
		t.node.give(t)
	}
}
