package workers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// running starts a batcher that ends with the test.
func running[I, O any](t *testing.T, most int, call func(ctx context.Context, inputs []I) ([]O, error)) *batcher[I, O] {
	t.Helper()
	b := newBatcher(most, call)
	ctx, stop := context.WithCancel(context.Background())
	go b.run(ctx)
	t.Cleanup(func() {
		stop()
		<-b.done
	})
	return b
}

func TestBatcherGivesEverybodyTheirOwn(t *testing.T) {
	t.Parallel()
	var calls, items atomic.Int64
	b := running(t, 10, func(_ context.Context, inputs []int) ([]string, error) {
		calls.Add(1)
		items.Add(int64(len(inputs)))
		outputs := make([]string, len(inputs))
		for i, n := range inputs {
			outputs[i] = fmt.Sprint(n)
		}
		if len(inputs) > 10 {
			return nil, errors.New("too many at once")
		}
		return outputs, nil
	})
	const callers, each = 64, 200
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if out, err := b.do(t.Context(), c*each+i); err != nil || out != fmt.Sprint(c*each+i) {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, wrong.Load())
	require.EqualValues(t, callers*each, items.Load(), "each was called for once")
	require.Less(t, calls.Load(), items.Load(), "nothing shared a call")
}

// While one batch is on its way the next one collects.
func TestBatcherCollectsWhileItCalls(t *testing.T) {
	t.Parallel()
	begun, release := make(chan []int, 10), make(chan struct{})
	b := running(t, 100, func(_ context.Context, inputs []int) ([]int, error) {
		begun <- inputs
		<-release
		return inputs, nil
	})
	var wg sync.WaitGroup
	ask := func(n int) { wg.Go(func() { _, _ = b.do(context.Background(), n) }) }
	ask(0)
	require.Equal(t, []int{0}, <-begun, "an idle batcher waits for nobody")
	for n := 1; n <= 9; n++ {
		ask(n)
	}
	require.Eventually(t, func() bool { return len(b.in) == 9 }, 10*time.Second, time.Millisecond)
	close(release)
	require.ElementsMatch(t, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}, <-begun)
	wg.Wait()
}

// One that cannot be done fails alone.
func TestBatcherIsolatesErrors(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	hold, release := make(chan struct{}), make(chan struct{})
	var first sync.Once
	b := running(t, 100, func(_ context.Context, inputs []int) ([]int, error) {
		first.Do(func() {
			close(hold)
			<-release
		})
		for _, n := range inputs {
			if n < 0 {
				return nil, fmt.Errorf("input %d: %w", n, bad)
			}
		}
		return inputs, nil
	})
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = b.do(context.Background(), 0) })
	<-hold // from here on everything lands in one batch
	type result struct {
		out int
		err error
	}
	results := make([]result, 41)
	for i := range results {
		wg.Go(func() {
			results[i].out, results[i].err = b.do(context.Background(), i-20)
		})
	}
	require.Eventually(t, func() bool { return len(b.in) == len(results) }, 10*time.Second, time.Millisecond)
	close(release)
	wg.Wait()
	for i, r := range results {
		if n := i - 20; n < 0 {
			require.ErrorIs(t, r.err, bad)
			require.ErrorContains(t, r.err, fmt.Sprint(n), "it got another's error")
		} else {
			require.NoError(t, r.err)
			require.Equal(t, n, r.out)
		}
	}
}

// When its owner ends, nobody waits for an answer that will not come.
func TestBatcherStops(t *testing.T) {
	t.Parallel()
	called := make(chan struct{})
	var first sync.Once
	b := newBatcher(10, func(ctx context.Context, _ []int) ([]int, error) {
		first.Do(func() { close(called) })
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ctx, stop := context.WithCancel(context.Background())
	go b.run(ctx)
	errs := make(chan error, 20)
	go func() {
		_, err := b.do(context.Background(), 0)
		errs <- err
	}()
	<-called
	for n := range 19 { // half fit into the next batch, half cannot even be handed over
		go func() {
			_, err := b.do(context.Background(), n)
			errs <- err
		}()
	}
	stop()
	for range 20 {
		select {
		case err := <-errs:
			require.True(t, errors.Is(err, errStopped) || errors.Is(err, context.Canceled), "%v", err)
		case <-time.After(10 * time.Second):
			require.Fail(t, "somebody waits for ever")
		}
	}
	<-b.done
	_, err := b.do(context.Background(), 1)
	require.ErrorIs(t, err, errStopped, "after the end")
}

func TestBatcherHonoursItsCallersContext(t *testing.T) {
	t.Parallel()
	called, release := make(chan struct{}, 10), make(chan struct{})
	b := running(t, 1, func(_ context.Context, inputs []int) ([]int, error) {
		called <- struct{}{}
		<-release
		return inputs, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 3)
	for n := range 3 { // one is called for, one is in line, one cannot be handed over
		go func() {
			_, err := b.do(ctx, n)
			errs <- err
		}()
	}
	<-called
	require.Eventually(t, func() bool { return len(b.in) == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	for range 3 {
		require.ErrorIs(t, <-errs, context.Canceled)
	}
	close(release)
	out, err := b.do(t.Context(), 7)
	require.NoError(t, err, "it goes on for others")
	require.Equal(t, 7, out)
}
