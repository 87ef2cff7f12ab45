package execute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

func (c *changeRow) parseNumber(r gentle.Reply) error {
	n, err := strconv.ParseInt(r.Text(0), 10, 64)
	if err != nil {
		return fmt.Errorf("read the number of the change: %w", err)
	}
	c.number = n
	return nil
}

func (s *session) step(ctx context.Context, plan *ddl.Plan, step ddl.Step) error {
	switch step.Kind {
	case ddl.StepTx:
		record := []gentle.Command{s.advance()}
		if step.Phase == ddl.Commit {
			commit, err := s.commitCommands(plan)
			if err != nil {
				return err
			}
			record = append(commit, record...)
		}
		_, err := s.transact(ctx, step, record)
		return err
	case ddl.StepValidate, ddl.StepAnalyze:
		return s.validate(ctx, step)
	case ddl.StepBuildIndex:
		return s.buildIndex(ctx, step)
	case ddl.StepDropIndex:
		return s.dropIndex(ctx, step)
	case ddl.StepFill:
		return s.fill(ctx, step)
	case ddl.StepProbe:
		return s.lookAgain(ctx, step)
	default:
		return fmt.Errorf("there is no kind of step %q: this change was planned by a newer version", step.Kind)
	}
}

// advance records that the step which runs is done.
func (s *session) advance() gentle.Command {
	return gentle.Command{SQL: advanceSQL, Args: []string{s.opts.OperationID, strconv.Itoa(s.change.step + 1)}, Plan: true}
}

// begin has each statement of a transaction see what was committed before it, whatever the database has its sessions prefer: one that waits for a lock and then
// reads rows must see those of whom it has waited for.
var begin = gentle.Command{SQL: "BEGIN ISOLATION LEVEL READ COMMITTED"}

// transact runs a step's statements and its record in one transaction and one round trip, again and again while locks are in
// the way. It returns the replies to the record.
func (s *session) transact(ctx context.Context, step ddl.Step, record []gentle.Command) ([]gentle.Reply, error) {
	return s.transactSQL(ctx, step.SQL, statementTimeout, record)
}

// last gives the command that gives the connection back once the change has been made, where there is such a one.
func (s *session) last() []gentle.Command {
	if !s.opts.Kept {
		return nil
	}
	return []gentle.Command{s.Leaving("_tenantry.form_changes WHERE operation_id = $1 AND state = 'done'", s.opts.OperationID)}
}

func (s *session) transactSQL(
	ctx context.Context, statements []string, limit time.Duration, record []gentle.Command, behind ...gentle.Command,
) (kept []gentle.Reply, err error) {
	err = s.Retry(ctx, gentle.Names(lockers(statements)...), func(lockTimeout time.Duration) error {
		commands := append(s.Renew(), begin)
		commands = append(commands, gentle.TransactionTimeouts(gentle.SharedTimeout(lockTimeout, len(statements)), limit)...)
		for _, sql := range statements {
			commands = append(commands, gentle.Command{SQL: sql})
		}
		head := len(commands)
		commands = append(commands, record...)
		commands = append(commands, gentle.Command{SQL: "COMMIT", Cut: true})
		tail := len(commands)
		replies, err := s.Exchange(ctx, append(commands, behind...))
		if err != nil {
			return fmt.Errorf("%w: %w", gentle.ErrOutcomeUnknown, err)
		}
		if len(behind) > 0 {
			s.Left(replies[tail])
		}
		replies = replies[:tail]
		for i, r := range replies {
			if r.Err != nil {
				return s.Rollback(ctx, fmt.Errorf("run %s: %w", shortened(commands[i].SQL), r.Err))
			}
		}
		if tag := replies[len(replies)-1].Tag.String(); tag != "COMMIT" {
			return fmt.Errorf("commit: the server answered %s", tag)
		}
		kept = replies[head : len(replies)-1]
		return nil
	})
	return kept, err
}

// lockers are the statements that name what they lock. A block names what it looks at in the catalog, and has locked nothing that the others have not.
func lockers(statements []string) []string {
	return slices.DeleteFunc(slices.Clone(statements), func(sql string) bool { return strings.HasPrefix(sql, "DO ") })
}

// shortened is the beginning of a statement, for errors.
func shortened(sql string) string {
	const most = 160
	runes := []rune(sql)
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return sql
}

// validate takes as long as it takes; its lock lets others read and write. So does the lock of an ANALYZE.
func (s *session) validate(ctx context.Context, step ddl.Step) error {
	_, err := s.transactSQL(ctx, step.SQL, 0, []gentle.Command{s.advance()})
	return err
}

// buildIndex looks first: an earlier call may have built it, or left an invalid one.
func (s *session) buildIndex(ctx context.Context, step ddl.Step) error {
	table := tableName(step)
	for try := 1; ; try++ {
		found, err := s.Index(ctx, table, step.Index)
		if err != nil {
			return err
		}
		if found.Exists && found.Valid {
			break
		}
		if found.Exists {
			if err := s.clear(ctx, found); err != nil {
				return err
			}
			s.opts.Crash(PointCleared)
		}
		err = s.alone(ctx, step.SQL[0])
		if err == nil {
			continue // and look at what was built
		}
		if clearErr := s.clearIndex(ctx, step); clearErr != nil {
			return errors.Join(err, clearErr)
		}
		// Two that build and write at a time may deadlock; another try meets others.
		if gentle.SQLState(err) != pgerrcode.DeadlockDetected || try >= mostBuilds {
			return err
		}
	}
	s.opts.Crash(PointEffect)
	_, err := s.Do(ctx, "record the index", s.advance())
	return err
}

// mostBuilds is how often an index is built that lost a deadlock each time.
const mostBuilds = 5

// clearIndex drops what a build that failed has left.
func (s *session) clearIndex(ctx context.Context, step ddl.Step) error {
	found, err := s.Index(ctx, tableName(step), step.Index)
	if err != nil || !found.Exists || found.Valid {
		return err
	}
	return s.clear(ctx, found)
}

func (s *session) clear(ctx context.Context, found gentle.Index) error {
	if found.Builder != 0 {
		return &gentle.BlockedError{
			Tries:    1,
			Sessions: []gentle.Holder{{PID: found.Builder, Holds: found.Name}},
			Err:      fmt.Errorf("index %s is being built by another session", found.Name),
		}
	}
	return s.DropIndex(ctx, found.Name)
}

// alone sends a statement that cannot run in a transaction, and waits for its locks for as long as it takes: a lock timeout
// would leave an invalid index.
func (s *session) alone(ctx context.Context, sql string) error {
	replies, err := s.Exchange(ctx, append(s.AloneTimeouts(0), gentle.Command{SQL: sql}))
	if err == nil {
		err = replies[len(replies)-1].Err
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", shortened(sql), err)
	}
	return nil
}

func (s *session) dropIndex(ctx context.Context, step ddl.Step) error {
	if err := s.alone(ctx, step.SQL[0]); err != nil {
		return err
	}
	s.opts.Crash(PointEffect)
	_, err := s.Do(ctx, "record the index", s.advance())
	return err
}

// lookAgain refuses what was written since the first look.
func (s *session) lookAgain(ctx context.Context, step ddl.Step) error {
	problem, err := probeOne(ctx, *step.Probe, s.ask)
	if err != nil {
		return err
	}
	if problem != nil {
		return ddl.Problems{*problem}
	}
	_, err = s.Do(ctx, "record the look", s.advance())
	return err
}

func tableName(step ddl.Step) string { return cmp.Or(step.Schema, ddl.DataSchema) + "." + step.Table }
