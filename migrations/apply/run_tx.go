package apply

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// runTx applies a unit and records it in one transaction, again and again while locks are in the way.
func (s *session) runTx(ctx context.Context, u unit) error {
	return s.Retry(ctx, namesOf(u), func(lockTimeout time.Duration) error {
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

// execute begins the transaction and runs the unit's statements, all in one round trip. It returns how long each took
// and leaves the transaction open; after an error it is rolled back.
func (s *session) execute(ctx context.Context, u unit, lockTimeout time.Duration) ([]time.Duration, error) {
	commands := append(s.Renew(), gentle.Command{SQL: "BEGIN"})
	commands = append(commands, gentle.TransactionTimeouts(gentle.SharedTimeout(lockTimeout, len(u.statements)), s.statementTimeout(u))...)
	head := len(commands)
	for _, statement := range u.statements {
		commands = append(commands, gentle.Command{SQL: statement.SQL, Live: true})
	}
	durations := make([]time.Duration, len(u.statements))
	var last time.Time
	replies, err := s.ExchangeSeen(ctx, commands, func(i int, r gentle.Reply) {
		if i >= head && r.Err == nil {
			durations[i-head] = r.At.Sub(last)
			s.opts.Progress(s.applied+i-head+1, s.pending, place(u.file, u.statements[i-head]))
		}
		last = r.At
	})
	if err != nil {
		return nil, s.failed(u, firstUnanswered(u, replies[head:]), err)
	}
	for i, r := range replies {
		if r.Err == nil {
			continue
		}
		failure := fmt.Errorf("begin %s: %w", u.file.Name, r.Err)
		if i >= head {
			failure = s.failed(u, u.statements[i-head], r.Err)
		}
		return nil, s.Rollback(ctx, failure)
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
func firstUnanswered(u unit, replies []gentle.Reply) release.Statement {
	for i, r := range replies {
		if r.Err != nil {
			return u.statements[i]
		}
	}
	return u.statements[len(u.statements)-1]
}

// commit records the unit's statements and commits, in one round trip. When the connection is lost, the outcome is
// unknown; when the server refuses, nothing took effect.
func (s *session) commit(ctx context.Context, u unit, durations []time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit %s: %w", u.file.Name, err)
	}
	if !s.InTransaction() {
		return fmt.Errorf("commit %s: a statement ended the transaction by itself", u.file.Name)
	}
	commands := []gentle.Command{s.recordCommand(u, durations)}
	if u.last {
		commands = append(commands, s.releaseCommand())
	}
	commands = append(commands, gentle.Command{SQL: "COMMIT"})
	replies, err := s.Exchange(ctx, commands)
	if err != nil {
		return fmt.Errorf("commit %s: %w: %w", u.file.Name, gentle.ErrOutcomeUnknown, err)
	}
	for _, r := range replies {
		if r.Err != nil {
			return s.Rollback(ctx, s.failed(u, release.Statement{}, r.Err))
		}
	}
	if tag := replies[len(replies)-1].Tag.String(); tag != "COMMIT" {
		return fmt.Errorf("commit %s: the server answered %s", u.file.Name, tag)
	}
	return nil
}

func (s *session) recordCommand(u unit, durations []time.Duration) gentle.Command {
	var numbers, hashes, times []string
	for i, statement := range u.statements {
		numbers = append(numbers, strconv.Itoa(statement.No))
		hashes = append(hashes, statement.Hash)
		times = append(times, strconv.FormatInt(durations[i].Milliseconds(), 10))
	}
	return gentle.Command{
		SQL: recordSQL,
		Args: []string{
			u.file.Version, u.file.Name, s.opts.OperationID, s.rel.Name,
			array(numbers), array(hashes), array(times),
		},
	}
}

// array writes numbers or hex digits, which need no quoting, as a PostgreSQL array.
func array(elements []string) string {
	return "{" + strings.Join(elements, ",") + "}"
}
