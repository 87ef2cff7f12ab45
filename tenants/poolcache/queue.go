package poolcache

import (
	"container/list"
	"context"
)

// queue is where dials wait for something of a node's, first come first served. The owner's lock guards it.
type queue struct {
	waiters list.List
}

// waiter is one dial in a queue.
type waiter struct {
	at    *list.Element
	done  chan struct{} // closed when granted or failed
	err   error         // set before done is closed; nil when granted
	entry *entry        // for which it dials, or nil
	admin bool          // may use the reserve
	since int64         // coarse time at which it began to wait
}

func (q *queue) empty() bool { return q.waiters.Len() == 0 }
func (q *queue) len() int    { return q.waiters.Len() }

func (q *queue) push() *waiter {
	w := &waiter{done: make(chan struct{})}
	w.at = q.waiters.PushBack(w)
	return w
}

// front returns who has waited for the longest, or nil.
func (q *queue) front() *waiter { return waiterAt(q.waiters.Front()) }

// next returns who came after w, or nil.
func (q *queue) next(w *waiter) *waiter { return waiterAt(w.at.Next()) }

// remove takes w out and reports whether it was still in.
func (q *queue) remove(w *waiter) bool {
	if w.at == nil {
		return false
	}
	q.waiters.Remove(w.at)
	w.at = nil
	return true
}

// grant takes w out and lets it go ahead.
func (q *queue) grant(w *waiter) { q.fail(w, nil) }

// fail takes w out and gives it err.
func (q *queue) fail(w *waiter, err error) {
	q.remove(w)
	w.err = err
	close(w.done)
}

// wait returns when w was granted (nil) or failed, or when ctx is done or the caller on whose behalf w waits has gone.
// Unless the error is w.err, the caller must take w out of its queue, or give back what it was granted meanwhile.
func (w *waiter) wait(ctx context.Context) error {
	patience := patienceOf(ctx)
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-patience.Done():
		return context.Cause(patience)
	}
}

func waiterAt(at *list.Element) *waiter {
	if at == nil {
		return nil
	}
	w, _ := at.Value.(*waiter)
	return w
}
