package poolcache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// node is one server: the budget of this process's connections there, and the gate for dials.
type node struct {
	name  string
	cache *Cache
	gate  *gate
	// pressed says that somebody waits for a token, or that more are out than the budget has. It lets the release of a
	// connection, which is frequent, do without the lock.
	pressed atomic.Bool

	mu         sync.Mutex
	budget     int
	reserve    int
	open       int // tokens out
	admin      int // of these, the ones taken under WithReserve
	reclaiming int // of these, the ones whose connections are being closed to make room
	queue      queue
	conns      map[*socket]struct{} // established connections of entries
	waits      int64
	reclaims   int64
	dialled    int64
}

// fits reports whether a token is free. n.mu must be held.
func (n *node) fits(admin bool) bool {
	return n.open < n.budget && (admin || n.open-n.admin < max(n.budget-n.reserve, 1))
}

// take returns a token for a connection of e, or of nobody's in particular when e is nil. When none is free it has the
// connection closed that has been idle for the longest, and waits.
func (n *node) take(ctx context.Context, e *entry) (*token, error) {
	n.mu.Lock()
	if e != nil && e.closed {
		n.mu.Unlock()
		return nil, errClosing
	}
	w := n.queue.push()
	w.entry, w.admin, w.since = e, usesReserve(ctx), n.cache.now.Load()
	victims := n.settle()
	if w.at == nil { // granted at once
		n.mu.Unlock()
		n.reclaim(victims)
		return newToken(n, w), nil
	}
	n.waits++
	n.mu.Unlock()
	n.reclaim(victims)

	waitCtx, cancel := context.WithTimeoutCause(ctx, n.cache.cfg.WaitTimeout, ErrNoBudget)
	defer cancel()
	err := w.wait(waitCtx)
	if err == nil {
		return newToken(n, w), nil
	}
	return nil, n.leave(w, err)
}

// leave takes w, whose wait ended with err, out of the queue and returns the error for its caller.
func (n *node) leave(w *waiter, err error) error {
	n.mu.Lock()
	if !n.queue.remove(w) && w.err == nil { // granted at the last moment
		n.mu.Unlock()
		newToken(n, w).drop()
		return err
	}
	budget := n.budget
	victims := n.settle()
	n.mu.Unlock()
	n.reclaim(victims)
	if errors.Is(err, ErrNoBudget) {
		err = &BudgetError{Node: n.name, Budget: budget, Waited: n.cache.cfg.WaitTimeout}
	}
	return err
}

// give takes a token back.
func (n *node) give(t *token) {
	n.mu.Lock()
	n.open--
	if t.admin {
		n.admin--
	}
	if t.reclaimed {
		n.reclaiming--
	}
	finished := t.entry.disconnected()
	victims := n.settle()
	n.mu.Unlock()
	n.reclaim(victims)
	if finished {
		n.cache.finish(t.entry)
	}
}

// settle hands out free tokens in turn, and returns the connections to close for those who still wait, or because the
// budget was lowered. n.mu must be held.
func (n *node) settle() []*socket {
	for w := n.queue.front(); w != nil; {
		next := n.queue.next(w)
		switch {
		case w.entry != nil && w.entry.closed:
			n.queue.fail(w, errClosing)
		case n.fits(w.admin):
			n.open++
			if w.admin {
				n.admin++
			}
			w.entry.connecting()
			n.queue.grant(w)
		}
		w = next
	}
	missing := n.queue.len() + max(0, n.open-n.budget)
	n.pressed.Store(missing > 0)

	var victims []*socket
	for range missing - n.reclaiming {
		s := n.victim()
		if s == nil {
			break
		}
		s.token.reclaimed = true
		n.reclaiming++
		n.reclaims++
		victims = append(victims, s)
	}
	return victims
}

// established adds a connection of an entry to those that can be reclaimed.
func (n *node) established(s *socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialled++
	if s.token.entry != nil {
		n.conns[s] = struct{}{}
	}
}

// closed is called when the server has closed its end of s.
func (n *node) closed(s *socket) {
	n.mu.Lock()
	delete(n.conns, s)
	n.mu.Unlock()
	s.token.drop()
}

// setBudget changes the number of connections and closes idle ones that are too many.
func (n *node) setBudget(budget int) {
	n.mu.Lock()
	n.budget = max(0, budget)
	victims := n.settle()
	n.mu.Unlock()
	n.reclaim(victims)
}

// stat returns the node's figures.
func (n *node) stat() NodeStat {
	n.mu.Lock()
	st := NodeStat{
		Node: n.name, Open: n.open, Budget: n.budget, Waiting: n.queue.len(),
		Waits: n.waits, Reclaims: n.reclaims, Connects: n.dialled,
	}
	n.mu.Unlock()
	var refusal time.Duration
	st.Breaker, refusal, st.Dialling = n.gate.state()
	st.RetryAfter = refusal
	return st
}
