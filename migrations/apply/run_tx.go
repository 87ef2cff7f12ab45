package apply

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/avenit/tenantry/migrations/release"
)

// runTx applies a unit and records it in one transaction, again and again while locks are in the way.
func (s *session) runTx(ctx context.Context, u unit) error {
	return s.retry(ctx, u, func(lockTimeout time.Duration) error {
		s.opts.Crash(PointTxBefore)
		durations, err := s.execute(ctx, u, lockTimeout)
		if err != nil {
			return err
		}
		s.opts.Crash(PointTxExecuted)
		if err := s.commit(ctx, u, durations); err != nil {
			return err
		}
		s.recorded(u)
		s.opts.Crash(PointTxCommitted)
		return nil
	})
}

// retry calls try with the policy's lock timeouts until it succeeds, fails otherwise, or the budget is spent.
func (s *session) retry(ctx context.Context, u unit, try func(lockTimeout time.Duration) error) error {
	policy, begun := s.opts.LockPolicy, time.Now()
	for n := 0; ; n++ {
		err := try(policy.timeout(n))
		if err == nil || !isRetried(err) {
			return err
		}
		locked := sqlState(err) == pgerrcode.LockNotAvailable
		pause := policy.pause(n)
		left := policy.Budget - time.Since(begun)
		if pause >= left {
			if !locked {
				return err
			}
			return &BlockedError{Tries: n + 1, Waited: time.Since(begun), Sessions: s.blockers(ctx, u), Err: err}
		}
		pass := wait
		if locked {
			pass = func(ctx context.Context, pause time.Duration) error {
				return s.giveWay(ctx, u, pause, min(policy.GiveWay, left))
			}
		}
		if waitErr := pass(ctx, pause); waitErr != nil {
			return fmt.Errorf("%w; stopped waiting: %w", err, waitErr)
		}
		s.retries++
	}
}

// isRetried reports whether trying the whole unit again may help: nothing of it took effect.
func isRetried(err error) bool {
	if errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	switch sqlState(err) {
	case pgerrcode.LockNotAvailable, pgerrcode.DeadlockDetected, pgerrcode.SerializationFailure:
		return true
	default:
		return false
	}
}

// execute begins the transaction and runs the unit's statements, all in one round trip. It returns how long each took
// and leaves the transaction open; after an error it is rolled back.
func (s *session) execute(ctx context.Context, u unit, lockTimeout time.Duration) ([]time.Duration, error) {
	commands := append(s.renew(), command{sql: "BEGIN"})
	commands = append(commands, transactionTimeouts(shared(lockTimeout, len(u.statements)), s.statementTimeout(u))...)
	s.settled = false
	head := len(commands)
	for _, statement := range u.statements {
		commands = append(commands, command{sql: statement.SQL, live: true})
	}
	durations := make([]time.Duration, len(u.statements))
	var last time.Time
	replies, err := exchange(ctx, s.conn, commands, func(i int, r reply) {
		if i >= head && r.err == nil {
			durations[i-head] = r.at.Sub(last)
			s.opts.Progress(s.applied+i-head+1, s.pending, place(u.file, u.statements[i-head]))
		}
		last = r.at
	})
	if err != nil {
		return nil, s.failed(u, firstUnanswered(u, replies[head:]), err)
	}
	for i, r := range replies {
		if r.err == nil {
			continue
		}
		failure := fmt.Errorf("begin %s: %w", u.file.Name, r.err)
		if i >= head {
			failure = s.failed(u, u.statements[i-head], r.err)
		}
		return nil, s.rollback(ctx, failure)
	}
	return durations, nil
}

// statementTimeout bounds the statements of files that run in a transaction only.
func (s *session) statementTimeout(u unit) time.Duration {
	if !u.file.Transactional {
		return 0
	}
	return s.opts.StatementTimeout
}

// firstUnanswered returns the statement that was running when the connection was lost.
func firstUnanswered(u unit, replies []reply) release.Statement {
	for i, r := range replies {
		if r.err != nil {
			return u.statements[i]
		}
	}
	return u.statements[len(u.statements)-1]
}

// rollback gives everything back and returns the failure that made it necessary.
func (s *session) rollback(ctx context.Context, failure error) error {
	if s.conn.TxStatus() == 'I' {
		return failure
	}
	if _, err := s.do(ctx, "roll back", command{sql: "ROLLBACK"}); err != nil {
		return fmt.Errorf("%w; %w", failure, err)
	}
	return failure
}

// commit records the unit's statements and commits, in one round trip. When the connection is lost, the outcome is
// unknown; when the server refuses, nothing took effect.
func (s *session) commit(ctx context.Context, u unit, durations []time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit %s: %w", u.file.Name, err)
	}
	if s.conn.TxStatus() != 'T' {
		return fmt.Errorf("commit %s: a statement ended the transaction by itself", u.file.Name)
	}
	commands := []command{s.recordCommand(u, durations)}
	if u.last {
		commands = append(commands, s.releaseCommand())
	}
	commands = append(commands, command{sql: "COMMIT"})
	replies, err := s.exchange(ctx, commands)
	if err != nil {
		return fmt.Errorf("commit %s: %w: %w", u.file.Name, ErrOutcomeUnknown, err)
	}
	for _, r := range replies {
		if r.err != nil {
			return s.rollback(ctx, s.failed(u, release.Statement{}, r.err))
		}
	}
	if tag := replies[len(replies)-1].tag.String(); tag != "COMMIT" {
		return fmt.Errorf("commit %s: the server answered %s", u.file.Name, tag)
	}
	return nil
}

func (s *session) recordCommand(u unit, durations []time.Duration) command {
	var numbers, hashes, times []string
	for i, statement := range u.statements {
		numbers = append(numbers, strconv.Itoa(statement.No))
		hashes = append(hashes, statement.Hash)
		times = append(times, strconv.FormatInt(durations[i].Milliseconds(), 10))
	}
	return command{
		sql: recordSQL,
		args: []string{
			u.file.Version, u.file.Name, s.opts.OperationID, s.rel.Name,
			array(numbers), array(hashes), array(times),
		},
	}
}

// array writes numbers or hex digits, which need no quoting, as a PostgreSQL array.
func array(elements []string) string {
	return "{" + strings.Join(elements, ",") + "}"
}
