package gentle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// LockPolicy says how locks on tables are waited for. An ALTER that waits for a long SELECT makes every later SELECT
// wait behind it. So each try waits shortly and gives everything back, and who was in the way then is waited for outside
// of the queue. No try is without a timeout.
//
// The longest timeout is how long others are made to wait, and some milliseconds for the change itself.
type LockPolicy struct {
	// Timeouts are what the first, second, … try waits for locks; later tries take the last. The statements of a transaction
	// share it ([SharedTimeout]): one that waits makes others wait for what those before it have locked. Defaults to 100 ms, 150 ms, 200 ms.
	Timeouts []time.Duration
	// Pause before the second try. It doubles with each further try, up to MaxPause, and is jittered by half.
	// Defaults to 100 ms and 5 s.
	Pause    time.Duration
	MaxPause time.Duration
	// GiveWay is how long, before each further try, transactions are waited for that hold the tables in question: until
	// they are gone, without queueing behind them. Then it is tried all the same. Defaults to 10 s.
	GiveWay time.Duration
	// Budget is how long one change, such as a file of a release, is tried. Defaults to 2 minutes.
	Budget time.Duration
}

func (p LockPolicy) withDefaults() LockPolicy {
	if len(p.Timeouts) == 0 {
		p.Timeouts = []time.Duration{
			100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond,
		}
	}
	if p.Pause == 0 {
		p.Pause = 100 * time.Millisecond
	}
	if p.MaxPause == 0 {
		p.MaxPause = 5 * time.Second
	}
	if p.GiveWay == 0 {
		p.GiveWay = 10 * time.Second
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
	if p.Pause < 0 || p.MaxPause < p.Pause || p.GiveWay < 0 || p.Budget < 0 {
		return fmt.Errorf("LockPolicy has Pause %v, MaxPause %v, GiveWay %v, Budget %v", p.Pause, p.MaxPause, p.GiveWay, p.Budget)
	}
	return nil
}

// timeout of the try; tries count from 0.
func (p LockPolicy) timeout(try int) time.Duration {
	return p.Timeouts[min(try, len(p.Timeouts)-1)]
}

// SharedTimeout is what each of n statements of a transaction waits for a lock, so that together they hardly wait for longer than one
// would. It is at least a quarter: with less, a long file on busy tables would not come through.
func SharedTimeout(timeout time.Duration, n int) time.Duration {
	return max(timeout/time.Duration(min(max(n, 1), 4)), time.Millisecond)
}

// longest is what a try waits for a lock at most.
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
