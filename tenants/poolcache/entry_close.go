package poolcache

// shut closes the pool, in the background: pgxpool waits for its connections to be released.
func (e *entry) shut() {
	e.once.Do(func() {
		e.cache.crew.run(func() {
			e.refuse()
			e.pool.Close()
			e.revoke(ErrRevoked)
		})
	})
}

// refuse lets no connection be made any more.
func (e *entry) refuse() {
	e.node.mu.Lock()
	e.closed = true
	finished := e.isFinished()
	e.node.mu.Unlock()
	if finished {
		e.cache.finish(e)
	}
}

// connecting counts a token. Like the other two here it needs node.mu, and e may be nil.
func (e *entry) connecting() {
	if e != nil {
		e.sockets++
	}
}

// disconnected counts a token given back, and reports whether it was the entry's last.
func (e *entry) disconnected() bool {
	if e == nil {
		return false
	}
	e.sockets--
	return e.isFinished()
}

// isFinished reports, once, that there is no connection left and there will be none.
func (e *entry) isFinished() bool {
	if !e.closed || e.sockets > 0 || e.finished {
		return false
	}
	e.finished = true
	return true
}

// connected is told what became of an attempt to connect. e may be nil.
func (e *entry) connected(err error) {
	if e == nil {
		return
	}
	if e.secret.judged(err) {
		e.cache.distrust(e)
	}
}

// purge has the pool forget the connections that were closed under it.
func (e *entry) purge() {
	for _, conn := range e.pool.AcquireAllIdle(withPurge(e.ctx)) {
		conn.Release()
	}
}

// kill closes the connections that are still used, whatever they are doing.
func (e *entry) kill() {
	e.shut()
	e.refuse()
	e.node.mu.Lock()
	var conns []*socket
	for s := range e.node.conns {
		if s.token.entry == e {
			conns = append(conns, s)
		}
	}
	e.node.mu.Unlock()
	for _, s := range conns {
		e.cache.crew.run(s.kill)
	}
}
