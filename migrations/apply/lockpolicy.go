package apply

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// LockPolicy says how locks on tables are waited for. An ALTER that waits for a long SELECT makes every later SELECT
// wait behind it; so each try waits shortly, gives everything back, and pauses. No try is without a timeout.
type LockPolicy struct {
	// Timeouts are the lock_timeout of the first, second, … try; later tries take the last. Defaults to 100 ms, 200 ms,
	// 500 ms, 1 s, 2 s.
	Timeouts []time.Duration
	// Pause before the second try. It doubles with each further try, up to MaxPause, and is jittered by half.
	// Defaults to 100 ms and 5 s.
	Pause    time.Duration
	MaxPause time.Duration
	// Budget is how long one file is tried. Defaults to 2 minutes.
	Budget time.Duration
}

func (p LockPolicy) withDefaults() LockPolicy {
	if len(p.Timeouts) == 0 {
		p.Timeouts = []time.Duration{
			100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
		}
	}
	if p.Pause == 0 {
		p.Pause = 100 * time.Millisecond
	}
	if p.MaxPause == 0 {
		p.MaxPause = 5 * time.Second
	}
	if p.Budget == 0 {
		p.Budget = 2 * time.Minute
	}
	return p
}

func (p LockPolicy) validate() error {
	if slices.Min(p.Timeouts) < time.Millisecond {
		return fmt.Errorf("LockPolicy.Timeouts has %v: PostgreSQL takes that for no timeout, the least is 1ms", slices.Min(p.Timeouts))
	}
	if p.Pause < 0 || p.MaxPause < p.Pause || p.Budget < 0 {
		return fmt.Errorf("LockPolicy has Pause %v, MaxPause %v, Budget %v", p.Pause, p.MaxPause, p.Budget)
	}
	return nil
}

// timeout of the try; tries count from 0.
func (p LockPolicy) timeout(try int) time.Duration {
	return p.Timeouts[min(try, len(p.Timeouts)-1)]
}

// longest is what a statement that runs alone waits for its locks.
func (p LockPolicy) longest() time.Duration {
	return slices.Max(p.Timeouts)
}

// pause after the try.
func (p LockPolicy) pause(try int) time.Duration {
	pause := p.Pause
	for ; try > 0 && pause < p.MaxPause; try-- {
		pause *= 2
	}
	return jitter(min(pause, p.MaxPause))
}

// jitter gives between half and one and a half of a pause, so that many waiting for the same do not come together.
func jitter(pause time.Duration) time.Duration {
	if pause <= 0 {
		return 0
	}
	return pause/2 + rand.N(pause)
}

// wait pauses, or returns the context's error when it ends before.
func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // The caller says what it waited for.
	}
}
