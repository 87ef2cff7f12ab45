package workers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// A worker that stops ends its own runs and then tells River, which ends them too. Whoever comes first, they are handed over.
func TestCauseOfARunsEnd(t *testing.T) {
	t.Parallel()
	queueStops := errors.New("the queue stops")
	for name, c := range map[string]struct {
		life, queue, want error
	}{
		"nothing ended":                   {nil, nil, nil},
		"the worker stops":                {errStopping, nil, errStopping},
		"the worker stops, queue first":   {errStopping, queueStops, errStopping},
		"the lease is lost, queue first":  {errLeaseLost, context.Canceled, errLeaseLost},
		"cancelled":                       {nil, rivertype.ErrJobCancelledRemotely, rivertype.ErrJobCancelledRemotely},
		"cancelled, then the worker ends": {errStopping, rivertype.ErrJobCancelledRemotely, rivertype.ErrJobCancelledRemotely},
		"timeout":                         {nil, context.DeadlineExceeded, context.DeadlineExceeded},
	} {
		l := newLife(t.Context(), "w", time.Second, nil, zerolog.Nop())
		queue, end := context.WithCancelCause(t.Context())
		ctx, release := l.bind(queue)
		if c.queue != nil {
			end(c.queue)
			<-ctx.Done()
		}
		if c.life != nil {
			l.cancel(c.life)
			<-ctx.Done()
		}
		require.Equal(t, c.want, l.cause(ctx), name)
		release()
		end(nil)
		l.cancel(nil)
	}
}
