package poolcache

// ownPoolFirst is for how long a connection that was released is left to those who wait for one in its own pool, before
// it is closed for the benefit of another tenant's dial.
const ownPoolFirst = tick

// victim picks the connection that has been idle for the longest, and makes it unusable for its pool. It prefers one
// of another tenant than the one who is next in the queue. It returns nil when none is idle. n.mu must be held.
func (n *node) victim() *socket {
	front := n.queue.front()
	for {
		var other, own *socket
		for s := range n.conns {
			if !s.idle(n.cache.now.Load()) || n.yields(front, s.token.entry) {
				continue
			}
			if front != nil && s.token.entry == front.entry {
				own = older(own, s)
			} else {
				other = older(other, s)
			}
		}
		s := other
		if s == nil {
			s = own
		}
		if s == nil || s.reclaim() {
			return s
		}
	}
}

// yields reports whether front leaves e's connections to those who wait for one in e's own pool. n.mu must be held.
func (n *node) yields(front *waiter, e *entry) bool {
	return front != nil && front.entry != e && e.acquiring.Load() > 0 &&
		n.cache.now.Load()-front.since < int64(ownPoolFirst)
}

// wanted reports whether the connection s, which is about to be released to its pool, has to be closed instead.
func (n *node) wanted(s *socket) bool {
	if !n.pressed.Load() {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.conns[s]; !ok || n.queue.len()+max(0, n.open-n.budget) <= n.reclaiming {
		return false
	}
	if front := n.queue.front(); n.yields(front, s.token.entry) {
		return false
	}
	s.token.reclaimed = true
	n.reclaiming++
	n.reclaims++
	return true
}

// relieve looks again for connections to close. A released one may have been left to its own pool, in vain.
func (n *node) relieve() {
	if !n.pressed.Load() {
		return
	}
	n.mu.Lock()
	victims := n.settle()
	n.mu.Unlock()
	n.reclaim(victims)
}

// reclaim closes connections and has their pools forget them.
func (n *node) reclaim(victims []*socket) {
	for _, s := range victims {
		n.cache.crew.run(func() {
			s.terminate()
			s.token.entry.purge()
		})
	}
}
