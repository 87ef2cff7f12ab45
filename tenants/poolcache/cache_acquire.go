package poolcache

import (
	"context"
	"errors"
	"fmt"
)

// Acquire leases tenant's pool, opening it when it is not. It returns the [Resolver]'s errors as they are, an
// [OpenError] when the pool cannot be opened, a [NodeDownError] while its node's breaker is open, [ErrNotRunning], or
// an error that wraps ctx's when ctx is done first. A hit does not look at ctx.
//
// The caller must release the lease.
func (c *Cache) Acquire(ctx context.Context, tenant string) (Lease, error) {
	if e := c.table.get(tenant); e != nil && e.hit() {
		e.touch(c.now.Load())
		return Lease{entry: e}, nil
	}
	return c.acquireSlow(ctx, tenant)
}

// AcquireAt is Acquire for callers who know that the tenant's epoch is at least epoch, for example from the transaction
// that gave them their job: it evicts what is older. It returns [ErrStale] when the [Resolver] knows less than that.
func (c *Cache) AcquireAt(ctx context.Context, tenant string, epoch int64) (Lease, error) {
	lease, err := c.Acquire(ctx, tenant)
	if err != nil || lease.Epoch() >= epoch {
		return lease, err
	}
	lease.Release()
	c.Evict(tenant, epoch)
	return c.acquireSlow(ctx, tenant)
}

// Peek leases tenant's pool if it is open already. Its use leaves no trace in recency or statistics, so that a scan of
// all tenants does not push out those that are worth keeping.
func (c *Cache) Peek(tenant string) (Lease, bool) {
	if e := c.table.get(tenant); e != nil && e.hold() {
		return Lease{entry: e, quiet: true}, true
	}
	return Lease{}, false
}

// opening is the one effort under way to open a tenant's pool.
type opening struct {
	ready chan struct{} // closed when entry or err is set
	entry *entry
	err   error

	waiters int   // guarded by Cache.mu
	schema  int64 // the newest schema epoch that was heard of meanwhile; guarded by Cache.mu
	// patience is done when the last waiter has left. Then the opening does not wait for a token any more; whoever joins
	// it all the same starts another.
	patience context.Context // of all waiters together
	leave    context.CancelCauseFunc
}

// errAbandoned is the end of an opening for which nobody waited any more.
var errAbandoned = errors.New("nobody waits for the pool any more")

// acquireSlow joins the opening of tenant's pool, starting it when there is none.
func (c *Cache) acquireSlow(ctx context.Context, tenant string) (Lease, error) {
	c.misses.Add(1)
	for {
		e, o, err := c.join(ctx, tenant)
		if err != nil {
			return Lease{}, err
		}
		if e != nil {
			return Lease{entry: e}, nil
		}
		select {
		case <-o.ready:
			if errors.Is(o.err, errAbandoned) {
				continue
			}
			return Lease{entry: o.entry}, o.err
		case <-ctx.Done():
			c.quit(o)
			return Lease{}, fmt.Errorf("wait for pool of tenant %s: %w", tenant, context.Cause(ctx))
		}
	}
}

// join returns tenant's entry with a reference, if somebody opened it meanwhile, or else the opening to wait for.
func (c *Cache) join(ctx context.Context, tenant string) (*entry, *opening, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != phaseRunning {
		return nil, nil, fmt.Errorf("acquire pool of tenant %s: %w", tenant, ErrNotRunning)
	}
	if e := c.table.get(tenant); e != nil && e.hold() {
		e.touch(c.now.Load())
		return e, nil, nil
	}
	if err := c.remembered(tenant); err != nil {
		return nil, nil, err
	}
	o := c.openings[tenant]
	if o == nil {
		o = &opening{ready: make(chan struct{})}
		o.patience, o.leave = context.WithCancelCause(context.Background())
		c.openings[tenant] = o
		c.crew.run(func() { c.open(context.WithoutCancel(ctx), tenant, o) })
	}
	o.waiters++
	return nil, o, nil
}

// quit takes a waiter out of an opening, or releases what the opening has given it meanwhile.
func (c *Cache) quit(o *opening) {
	c.mu.Lock()
	select {
	case <-o.ready:
		c.mu.Unlock()
		if o.err == nil {
			o.entry.release()
		}
		return
	default:
	}
	o.waiters--
	if o.waiters == 0 {
		o.leave(errAbandoned)
	}
	c.mu.Unlock()
}
