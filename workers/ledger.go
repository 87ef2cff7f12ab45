package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/tenants/provision"
)

// queryTimeout bounds every statement to the control database.
const queryTimeout = 15 * time.Second

// ledger writes starts and ends of operations. Those that come at the same time share a transaction.
type ledger struct {
	pool     *pgxpool.Pool
	workerID string

	starts *batcher[string, started]
	ends   *batcher[end, bool]
}

// batch is how many starts or ends share a transaction at most. Half of what runs at a time is best: while one half is being
// written, the other works. Two transactions at a time were slower, with smaller batches and more commits.
const batch = 50

func newLedger(pool *pgxpool.Pool, workerID string) *ledger {
	l := &ledger{pool: pool, workerID: workerID}
	l.starts = newBatcher(batch, l.startAll)
	l.ends = newBatcher(batch, l.settleAll)
	return l
}

func (l *ledger) Start(ctx context.Context) {
	go l.starts.run(ctx)
	go l.ends.run(ctx)
}

// verdict is the ledger's answer to a start.
type verdict string

const (
	verdictRun     verdict = "run"
	verdictFinal   verdict = "final"   // it has ended
	verdictWaiting verdict = "waiting" // not its turn: its job is pending again
	verdictFenced  verdict = "fenced"  // this worker counts as dead
	verdictUnknown verdict = "unknown" // there is no such operation
)

// started is an operation as it is given to a worker.
type started struct {
	ID          string          `db:"id"`
	Verdict     verdict         `db:"verdict"`
	Kind        string          `db:"kind"`
	TenantID    *string         `db:"tenant_id"`
	DatabaseID  *string         `db:"database_id"`
	Args        json.RawMessage `db:"args"`
	Attempt     int             `db:"attempt"`
	Failures    int             `db:"failures"`
	MaxAttempts int             `db:"max_attempts"`
	RequestedBy string          `db:"requested_by"`
}

func (l *ledger) start(ctx context.Context, operationID string) (started, error) {
	return l.starts.do(ctx, operationID)
}

func (l *ledger) startAll(ctx context.Context, ids []string) ([]started, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := l.pool.Query(ctx, `SELECT * FROM tenantry.start($1, $2)`, l.workerID, ids)
	if err != nil {
		return nil, fmt.Errorf("start operations: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[started])
	if err != nil {
		return nil, fmt.Errorf("start operations: %w", err)
	}
	byID := make(map[string]started, len(list))
	for _, s := range list {
		byID[s.ID] = s
	}
	answers := make([]started, len(ids))
	for i, id := range ids {
		s, ok := byID[id]
		if !ok {
			s = started{ID: id, Verdict: verdictUnknown}
		}
		answers[i] = s
	}
	return answers, nil
}

// end is how a run ends.
type end struct {
	ID      string   `json:"id"`
	Attempt int      `json:"attempt"`
	Outcome outcome  `json:"outcome"`
	Result  any      `json:"result,omitempty"`
	Error   *problem `json:"error,omitempty"`
	Delay   float64  `json:"delay,omitempty"` // seconds
}

// record writes what a run has done into the control database, in the transaction that ends its operation.
type record func(ctx context.Context, tx pgx.Tx) error

// settle ends a run. It returns provision.ErrSuperseded when a newer attempt owns the operation: nothing was written.
func (l *ledger) settle(ctx context.Context, e end, tenantID *string, rec record) error {
	if rec != nil {
		return l.settleWith(ctx, e, tenantID, rec)
	}
	settled, err := l.ends.do(ctx, e)
	if err == nil && !settled {
		return provision.ErrSuperseded
	}
	return err
}

func (l *ledger) settleAll(ctx context.Context, ends []end) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return settleBatch(ctx, l.pool, ends)
}

type rowsQuerier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func settleBatch(ctx context.Context, q rowsQuerier, ends []end) ([]bool, error) {
	encoded, err := json.Marshal(ends)
	if err != nil {
		return nil, fmt.Errorf("encode ends: %w", err)
	}
	rows, err := q.Query(ctx, `SELECT tenantry.settle($1::jsonb)`, string(cleanJSON(encoded)))
	if err != nil {
		return nil, fmt.Errorf("settle operations: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("settle operations: %w", err)
	}
	settled := make(map[string]bool, len(ids))
	for _, id := range ids {
		settled[id] = true
	}
	answers := make([]bool, len(ends))
	for i, e := range ends {
		answers[i] = settled[e.ID]
	}
	return answers, nil
}

// settleWith ends one run together with its record: both or neither.
func (l *ledger) settleWith(ctx context.Context, e end, tenantID *string, rec record) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if err := holdOperation(ctx, tx, e.ID, e.Attempt, tenantID); err != nil {
			return err
		}
		if err := rec(ctx, tx); err != nil {
			return fmt.Errorf("record: %w", err)
		}
		atSettleWithin.Hit(ctx)
		_, err := settleBatch(ctx, tx, []end{e})
		return err
	})
	if err != nil {
		return fmt.Errorf("settle operation: %w", err)
	}
	return nil
}

// change writes to the control database in the middle of a run, if the attempt is still the newest.
func (l *ledger) change(ctx context.Context, id string, attempt int, tenantID *string, rec record) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if err := holdOperation(ctx, tx, id, attempt, tenantID); err != nil {
			return err
		}
		if err := rec(ctx, tx); err != nil {
			return err
		}
		atChangeWithin.Hit(ctx)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// holdOperation locks the tenant and the operation, in the order that everybody locks them, and refuses an attempt that is
// not the newest.
func holdOperation(ctx context.Context, tx pgx.Tx, id string, attempt int, tenantID *string) error {
	if tenantID != nil {
		if _, err := tx.Exec(ctx, `SELECT FROM tenantry.tenants WHERE id = $1 FOR NO KEY UPDATE`, *tenantID); err != nil {
			return fmt.Errorf("hold tenant: %w", err)
		}
	}
	var held bool
	err := tx.QueryRow(ctx, `SELECT true FROM tenantry.operations WHERE id = $1 AND attempt = $2 AND state = 'running' FOR NO KEY UPDATE`, id, attempt).Scan(&held)
	if errors.Is(err, pgx.ErrNoRows) {
		return provision.ErrSuperseded
	}
	if err != nil {
		return fmt.Errorf("hold operation: %w", err)
	}
	return nil
}
