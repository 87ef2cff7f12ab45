package poolcache

import (
	"context"
	"errors"
	"fmt"
)

// openTries is how often a pool is opened anew because its target changed meanwhile.
const openTries = 3

// open opens tenant's pool for all who wait for o. ctx carries the values of the first of them, and is not cancelled.
func (c *Cache) open(ctx context.Context, tenant string, o *opening) {
	defer o.leave(nil)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.life, func() { cancel(context.Cause(c.life)) })()

	e, err := c.openEntry(ctx, tenant, o)
	if err == nil {
		e.release() // the opening's own reference
		return
	}
	c.mu.Lock()
	delete(c.openings, tenant)
	o.err = c.remember(tenant, err)
	close(o.ready)
	c.mu.Unlock()
	c.signalEmptied()
}

// openEntry returns tenant's entry, published, with a reference for the caller.
func (c *Cache) openEntry(ctx context.Context, tenant string, o *opening) (*entry, error) {
	var refused *Target // its password, which was in its connection string
	var refusal error
	for range openTries {
		target, err := c.resolve(ctx, tenant)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		if refused != nil && refused.ConnString == target.ConnString {
			return nil, refusal
		}
		e, err := c.newEntry(tenant, target)
		if err != nil {
			if errors.Is(err, ErrStale) {
				continue
			}
			return nil, err
		}
		err = e.connect(ctx, o)
		if err == nil && c.publish(e, o) {
			return e, nil
		}
		evicted := e.doomed()
		c.discard(e)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case isRefusedPassword(err) && target.Password == nil && refused == nil:
			refused, refusal = &target, err
		case !evicted: // else look where the tenant is now
			return nil, err
		}
	}
	if refusal != nil {
		return nil, refusal
	}
	return nil, ErrStale
}

// resolve asks the resolver.
func (c *Cache) resolve(ctx context.Context, tenant string) (Target, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ResolveTimeout)
	defer cancel()
	target, err := c.resolver.Resolve(ctx, tenant)
	if err != nil {
		return Target{}, resolveError{err}
	}
	if target.Node == "" {
		return Target{}, errors.New("resolve: target has no node")
	}
	return target, nil
}

// resolveError marks an error of the resolver, until remember unwraps it.
type resolveError struct{ error }

// newEntry makes an entry, which must be discarded if it is not published. It returns [ErrStale] when the target's
// epoch has been evicted.
func (c *Cache) newEntry(tenant string, target Target) (*entry, error) {
	e := &entry{
		cache: c, tenant: tenant, epoch: target.Epoch, node: c.node(target.Node),
		secret: &secret{read: target.Password}, done: make(chan struct{}),
	}
	e.ctx, e.revoke = context.WithCancelCause(context.Background())
	e.state.Store(1) // the opening's
	e.touch(c.now.Load())
	e.schema.Store(target.SchemaEpoch)
	pool, err := c.newPool(e, target)
	if err != nil {
		e.revoke(err)
		return nil, err
	}
	e.pool = pool

	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase != phaseRunning:
		err = ErrNotRunning
	case target.Epoch < c.floors[tenant].epoch:
		err = ErrStale
	}
	if err != nil {
		e.revoke(err)
		c.crew.run(pool.Close)
		return nil, err
	}
	c.live[e] = struct{}{}
	return e, nil
}

// connect makes the pool's first connection, for those who wait for o.
func (e *entry) connect(ctx context.Context, o *opening) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.ctx, func() { cancel(context.Cause(e.ctx)) })()
	patience, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	defer context.AfterFunc(o.patience, func() { leave(context.Cause(o.patience)) })()

	conn, err := e.acquire(withPatience(ctx, patience))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if s := socketOf(conn.Conn()); s != nil {
		s.keep.Store(true)
	}
	conn.Release()
	return nil
}

// publish lets the entry be leased, gives each of o's waiters a reference, and closes what is too much in the cache. It
// reports false when the entry was evicted meanwhile.
func (c *Cache) publish(e *entry, o *opening) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.doomed() {
		return false
	}
	e.published = true
	e.state.Add(int64(o.waiters))
	e.schema.Store(max(e.schema.Load(), o.schema))
	e.touch(c.now.Load())
	c.table.change(func(entries map[string]*entry) {
		entries[e.tenant] = e
		c.trim(entries)
	})
	delete(c.openings, e.tenant)
	delete(c.failures, e.tenant)
	c.counts.opens++
	o.entry = e
	close(o.ready)
	return true
}

// discard closes an entry that was not published.
func (c *Cache) discard(e *entry) {
	e.doom()
	e.release()
}
