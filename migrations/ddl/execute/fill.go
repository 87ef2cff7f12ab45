package execute

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// beforeAll is the key behind which a fill begins: an id may be negative.
const beforeAll = math.MinInt64

// batch is what one batch of a fill has done.
type batch struct {
	// upto is the last key of those that it went through.
	upto int64
	// rows it went through, and rows it has changed.
	rows, changed int64
	ids           string // of those, as an array
	commit        time.Duration
}

// fill goes through a table by its key, so many rows at a time as take about Options.BatchTime.
func (s *session) fill(ctx context.Context, step ddl.Step) error {
	size := int64(firstBatch)
	if err := s.awaitDisk(ctx, step, 0); err != nil {
		return err
	}
	for pause := minPause; ; {
		if err := s.awaitReplicas(ctx, step); err != nil {
			return err
		}
		begun := time.Now()
		done, err := s.fillBatch(ctx, step, size)
		if isTooMuch(err, size) {
			// Somebody has a row: smaller batches hold fewer rows of others, and meet fewer. Or the rows are huge.
			size = max(size/4, leastBatch)
			if s.opts.Pause() {
				return ErrPaused
			}
			if err := rest(ctx, pause); err != nil {
				return fmt.Errorf("wait for a row: %w", err)
			}
			pause = min(2*pause, maxPause)
			continue
		}
		if err != nil {
			return err
		}
		if done.rows == 0 {
			break
		}
		pause = minPause
		s.change.lastKey, s.change.rows = done.upto, s.change.rows+done.rows
		s.result.Rows += done.changed
		s.opts.Progress(s.change.rows, max(step.Rows, s.change.rows), step.Title())
		s.opts.Crash(PointBatch)
		if s.opts.Pause() {
			return ErrPaused
		}
		took := time.Since(begun)
		size = nextSize(size, done.rows, took, s.opts.BatchTime)
		if err := rest(ctx, restAfter(took, done.commit)); err != nil {
			return fmt.Errorf("rest between batches: %w", err)
		}
		if err := s.awaitDisk(ctx, step, done.commit); err != nil {
			return err
		}
	}
	_, err := s.Do(ctx, "record the fill", s.advance())
	return err
}

// isTooMuch reports whether a batch failed that a smaller one, or the same a little later, may not.
func isTooMuch(err error, size int64) bool {
	switch gentle.SQLState(err) {
	case pgerrcode.LockNotAvailable, pgerrcode.DeadlockDetected:
		return true
	case pgerrcode.QueryCanceled: // it took longer than statementTimeout
		return size > leastBatch
	default:
		return false
	}
}

const (
	minPause = 20 * time.Millisecond
	maxPause = 2 * time.Second
	// rowTimeout is how long a batch waits for a row that somebody else has. It is less than the second after which the server looks for a
	// deadlock: so it is never an application's statement that is chosen to end one.
	rowTimeout = 200 * time.Millisecond
)

// batchSettings lets a batch be planned for its own size, whatever the session prefers, and not be compiled: the planner does not know where a batch ends, takes
// it for a part of the table, and of a table with millions of rows compiles the plan of every batch. With 50 million rows that took 150 ms for each, whatever
// its size, and so batches shrank to ten rows. What the session itself has to write out is written soon, and not left to the next checkpoint, whose fsync the
// application's commits would wait behind.
var batchSettings = []gentle.Command{{SQL: "SET LOCAL plan_cache_mode = auto"}, {SQL: "SET LOCAL jit = off"}, {SQL: "SET LOCAL backend_flush_after = '512kB'"}}

// fillBatch changes one batch and records how far that is, in one transaction. Its commit waits for the disk, and so counts as a part of the time that a batch
// may take: one that did not would write more than the disk takes, and the application's commits would wait for all of it.
func (s *session) fillBatch(ctx context.Context, step ddl.Step, size int64) (batch, error) {
	commands := append(s.Renew(), begin)
	commands = append(commands, gentle.TransactionTimeouts(rowTimeout, statementTimeout)...)
	commands = append(commands, batchSettings...)
	commands = append(commands, gentle.Command{
		SQL: step.SQL[0], Args: []string{strconv.FormatInt(s.change.lastKey, 10), strconv.FormatInt(size, 10)}, Keep: true,
	})
	replies, err := s.Exchange(ctx, commands)
	if err != nil {
		return batch{}, fmt.Errorf("fill: %w", err)
	}
	for _, r := range replies {
		if r.Err != nil {
			return batch{}, s.Rollback(ctx, fmt.Errorf("fill %s: %w", step.Table, r.Err))
		}
	}
	b := parseBatch(replies[len(replies)-1])
	record := []gentle.Command{{
		SQL: filledSQL, Args: []string{s.opts.OperationID, strconv.FormatInt(b.upto, 10), strconv.FormatInt(b.rows, 10)},
	}}
	if step.Unfill != "" && b.changed > 0 {
		record = append(record, gentle.Command{SQL: rememberSQL, Args: []string{s.opts.OperationID, strconv.Itoa(s.change.step), b.ids}})
	}
	if b.rows == 0 {
		record = nil
	}
	begun := time.Now()
	replies, err = s.Exchange(ctx, append(record, gentle.Command{SQL: "COMMIT"}))
	b.commit = time.Since(begun)
	if err != nil {
		return batch{}, fmt.Errorf("%w: %w", gentle.ErrOutcomeUnknown, err)
	}
	for _, r := range replies {
		if r.Err != nil {
			return batch{}, s.Rollback(ctx, fmt.Errorf("record the fill of %s: %w", step.Table, r.Err))
		}
	}
	return b, nil
}

func parseBatch(r gentle.Reply) batch {
	number := func(column int) int64 {
		n, _ := strconv.ParseInt(r.Text(column), 10, 64)
		return n
	}
	return batch{upto: number(0), rows: number(1), changed: number(2), ids: r.Text(3)}
}
