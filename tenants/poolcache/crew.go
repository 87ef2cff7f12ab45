package poolcache

import (
	"context"
	"sync"
)

// crew runs goroutines and can wait until there are none. Unlike a sync.WaitGroup it may be waited for with a deadline,
// and given work by what it runs.
type crew struct {
	mu   sync.Mutex
	size int
	idle chan struct{} // closed when size becomes 0; nil when nobody waits
}

func (c *crew) run(f func()) {
	c.mu.Lock()
	c.size++
	c.mu.Unlock()
	go func() {
		defer c.done()
		f()
	}()
}

func (c *crew) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size--
	if c.size == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// wait returns nil when nothing runs, or the cause for which ctx is done.
func (c *crew) wait(ctx context.Context) error {
	c.mu.Lock()
	if c.size == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
