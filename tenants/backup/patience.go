package backup

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DefaultPatience is how long a store may say nothing before it is given up. In that time it must also take what is buffered of an object, three parts of it.
const DefaultPatience = 5 * time.Minute

// ErrSilent says that a store has not answered for too long.
var ErrSilent = errors.New("the store does not answer")

// patience ends waiting for a store. The clients of clouds wait for ever for the answer to a request that was sent.
type patience struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// patient gives the context of something that is asked of the store, and what ends it while it [patience.wait]s. End it.
func (s *Store) patient(ctx context.Context) (context.Context, *patience) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &patience{limit: s.patience, cancel: cancel}
	p.timer = time.AfterFunc(p.limit, func() { cancel(fmt.Errorf("%w for %s", ErrSilent, p.limit)) })
	p.rest()
	return ctx, p
}

// wait says that it is the store's turn, and rest that it is ours.
func (p *patience) wait() { p.timer.Reset(p.limit) }
func (p *patience) rest() { p.timer.Stop() }

func (p *patience) end() {
	p.rest()
	p.cancel(nil)
}

// why is the error of something that was asked of the store, or that it did not answer.
func (p *patience) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrSilent) {
		return cause
	}
	return err
}

// ask asks the store something that it answers at once.
func (s *Store) ask(ctx context.Context, call func(ctx context.Context) error) error {
	ctx, p := s.patient(ctx)
	defer p.end()
	p.wait()
	return p.why(ctx, call(ctx))
}
