package gentle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
)

// Retry calls try with the policy's lock timeouts until it succeeds, fails otherwise, or the budget is spent. try must
// leave nothing behind when it fails. names are the relations in question, or any words among which they are ([Names]): who
// holds them is waited for between two tries, without queueing. The error is try's last, in a [*BlockedError] when it is
// that locks could not be had within the budget.
func (s *Session) Retry(ctx context.Context, names []string, try func(lockTimeout time.Duration) error) error {
	policy, begun := s.opts.LockPolicy, time.Now()
	for n := 0; ; n++ {
		err := try(policy.timeout(n))
		if err == nil || !isRetried(err) {
			return err
		}
		locked := SQLState(err) == pgerrcode.LockNotAvailable
		pause := policy.pause(n)
		left := policy.Budget - time.Since(begun)
		if pause >= left {
			if !locked {
				return err
			}
			return &BlockedError{Tries: n + 1, Waited: time.Since(begun), Sessions: s.blockers(ctx, names), Err: err}
		}
		pass := wait
		if locked {
			pass = func(ctx context.Context, pause time.Duration) error {
				return s.giveWay(ctx, names, pause, min(policy.GiveWay, left))
			}
		}
		if waitErr := pass(ctx, pause); waitErr != nil {
			return fmt.Errorf("%w; stopped waiting: %w", err, waitErr)
		}
		s.retries++
	}
}

// Retries returns how often something was tried again, for a lock, a deadlock or a serialization failure.
func (s *Session) Retries() int {
	return s.retries
}

// isRetried reports whether trying the whole again may help: nothing of it took effect.
func isRetried(err error) bool {
	if errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	switch SQLState(err) {
	case pgerrcode.LockNotAvailable, pgerrcode.DeadlockDetected, pgerrcode.SerializationFailure:
		return true
	default:
		return false
	}
}
