package apply

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// runAlone applies a statement that cannot run inside a transaction: intent, look, act, record.
func (s *session) runAlone(ctx context.Context, u unit) error {
	statement := u.statements[0]
	repair := s.repairOf(u)
	if !u.resuming {
		s.opts.Crash(PointAloneBefore)
		if _, err := s.Do(ctx, "record intent", s.intentCommand(u, statement)); err != nil {
			return s.failed(u, statement, err)
		}
		s.opts.Crash(PointAloneIntent)
	}
	begun := time.Now()
	done, err := repair.look(ctx)
	if err != nil {
		return s.wrapAlone(u, statement, err)
	}
	if !done {
		if err := s.act(ctx, u, repair); err != nil {
			return err
		}
	}
	s.opts.Crash(PointAloneEffect)
	if err := s.recordDone(ctx, u, time.Since(begun)); err != nil {
		return s.failed(u, statement, err)
	}
	s.recorded(u)
	s.opts.Progress(s.applied, s.pending, place(u.file, statement))
	s.opts.Crash(PointAloneRecorded)
	return nil
}

// wrapAlone gives an error its statement, unless it says that itself.
func (s *session) wrapAlone(u unit, statement release.Statement, err error) error {
	if _, ok := errors.AsType[*UnresolvedError](err); ok {
		return err
	}
	return s.failed(u, statement, err)
}

// act sends the statement and makes sure of its effect. When the server refuses it, what it left behind is cleared and
// the intent taken back, where that is known to be right.
func (s *session) act(ctx context.Context, u unit, repair repair) error {
	statement := u.statements[0]
	err := s.send(ctx, u)
	if err == nil {
		err = repair.verify(ctx)
		if err == nil {
			return nil
		}
		return s.failed(u, statement, err)
	}
	failure := s.failed(u, statement, err)
	if !gentle.IsRefusal(err) {
		return failure
	}
	clean, err := repair.clear(ctx)
	if err == nil && clean {
		_, err = s.Do(ctx, "take intent back", gentle.Command{SQL: forgetSQL, Args: []string{u.file.Version, strconv.Itoa(statement.No)}})
	}
	if err != nil {
		return fmt.Errorf("%w; %w", failure, err)
	}
	return failure
}

// askLockTimeout is how long a statement waits for its locks that is tried once: what it did until then cannot be told.
const askLockTimeout = 2 * time.Second

// send runs the statement by itself. A patient one waits for its locks as long as it takes; one that may run again is
// tried with the lock policy; one of unknown effect is tried once.
func (s *session) send(ctx context.Context, u unit) error {
	statement := u.statements[0]
	once := func(lockTimeout time.Duration) error {
		replies, err := s.Exchange(ctx, append(s.AloneTimeouts(lockTimeout), gentle.Command{SQL: statement.SQL}))
		if err != nil {
			return err
		}
		return replies[len(replies)-1].Err
	}
	switch {
	case statement.Alone.Patient:
		return once(0)
	case statement.Alone.Repair == release.RepairRerun:
		return s.Retry(ctx, namesOf(u), once)
	default:
		return once(askLockTimeout)
	}
}

func (s *session) intentCommand(u unit, statement release.Statement) gentle.Command {
	return gentle.Command{
		SQL: intentSQL,
		Args: []string{
			u.file.Version, u.file.Name, strconv.Itoa(statement.No), statement.Hash, s.opts.OperationID, s.rel.Name,
		},
	}
}

// recordDone turns the intent into a record, together with the release when the unit is the last.
func (s *session) recordDone(ctx context.Context, u unit, took time.Duration) error {
	commands := []gentle.Command{{
		SQL:  doneSQL,
		Args: []string{u.file.Version, strconv.Itoa(u.statements[0].No), strconv.FormatInt(took.Milliseconds(), 10)},
	}}
	if u.last {
		commands = append(commands, s.releaseCommand())
	}
	replies, err := s.Do(ctx, "record effect", commands...)
	if err != nil {
		return err
	}
	if replies[0].Tag.RowsAffected() != 1 {
		return errors.New("record effect: the intent is gone from the history")
	}
	return nil
}
