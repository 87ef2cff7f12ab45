package workers

import (
	"context"
	"errors"
	"fmt"
)

// errStopped: the batcher's owner has ended.
var errStopped = errors.New("the worker has stopped")

// batcher makes one call of many that come at the same time, as a database's group commit does: while one batch is
// on its way, the next collects. An idle batcher adds no delay.
type batcher[I, O any] struct {
	in   chan item[I, O]
	most int
	call func(ctx context.Context, inputs []I) ([]O, error)
	done chan struct{}
}

type item[I, O any] struct {
	input I
	out   chan answer[O]
}

type answer[O any] struct {
	output O
	err    error
}

func newBatcher[I, O any](most int, call func(ctx context.Context, inputs []I) ([]O, error)) *batcher[I, O] {
	return &batcher[I, O]{in: make(chan item[I, O], most), most: most, call: call, done: make(chan struct{})}
}

// run answers until ctx ends.
func (b *batcher[I, O]) run(ctx context.Context) {
	defer close(b.done)
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-b.in:
			b.flush(ctx, b.collect(first))
		}
	}
}

func (b *batcher[I, O]) collect(first item[I, O]) []item[I, O] {
	batch := []item[I, O]{first}
	for len(batch) < b.most {
		select {
		case next := <-b.in:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// flush calls once for all. One item's error must not fail the others, so after an error each is called alone.
func (b *batcher[I, O]) flush(ctx context.Context, batch []item[I, O]) {
	inputs := make([]I, len(batch))
	for i, it := range batch {
		inputs[i] = it.input
	}
	outputs, err := b.call(ctx, inputs)
	if err == nil {
		for i, it := range batch {
			it.out <- answer[O]{output: outputs[i]}
		}
		return
	}
	if len(batch) == 1 {
		batch[0].out <- answer[O]{err: err}
		return
	}
	for _, it := range batch {
		b.flush(ctx, []item[I, O]{it})
	}
}

// do hands one input over and waits for its answer.
func (b *batcher[I, O]) do(ctx context.Context, input I) (O, error) {
	var zero O
	it := item[I, O]{input: input, out: make(chan answer[O], 1)}
	select {
	case b.in <- it:
	case <-ctx.Done():
		return zero, fmt.Errorf("wait for the ledger: %w", ctx.Err())
	case <-b.done:
		return zero, errStopped
	}
	select {
	case a := <-it.out:
		return a.output, a.err
	case <-ctx.Done():
		return zero, fmt.Errorf("wait for the ledger: %w", ctx.Err())
	case <-b.done:
		// The answer may have come just before the end.
		select {
		case a := <-it.out:
			return a.output, a.err
		default:
			return zero, errStopped
		}
	}
}
