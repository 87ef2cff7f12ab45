package jobs

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// pollEvery is how often a watched operation is read without being woken: progress within a step is not announced.
const pollEvery = 500 * time.Millisecond

// Watch yields an operation now and at every change until it has ended or is parked. A change of state is seen within
// milliseconds, progress within half a second. An error of the control database is yielded and ends the watch.
func (c *Client) Watch(ctx context.Context, id string) iter.Seq2[Operation, error] {
	return c.watch(ctx, id, everyChange)
}

func (c *Client) watch(ctx context.Context, id string, want changes) iter.Seq2[Operation, error] {
	return func(yield func(Operation, error) bool) {
		woken, stop := c.hub.subscribe(id, want)
		defer stop()
		poll := time.NewTicker(pollEvery)
		defer poll.Stop()
		var last Operation
		for {
			op, err := c.Get(ctx, id)
			if err != nil {
				yield(Operation{}, err)
				return
			}
			if op.ID != last.ID || op.UpdatedAt != last.UpdatedAt || op.State != last.State {
				last = op
				if !yield(op, nil) {
					return
				}
			}
			if op.State.rests() {
				return
			}
			select {
			case <-ctx.Done():
				yield(op, fmt.Errorf("watch operation %s, which is %s: %w", id, op.State, ctx.Err()))
				return
			case <-woken:
			case <-poll.C:
			}
		}
	}
}

// Wait watches an operation and returns it as it ended or was parked. What that means is the caller's to decide:
// only an error of the watch itself is an error here.
func (c *Client) Wait(ctx context.Context, id string) (Operation, error) {
	var last Operation
	for op, err := range c.watch(ctx, id, lastChange) {
		if op.ID != "" {
			last = op
		}
		if err != nil {
			return last, err
		}
	}
	return last, nil
}
