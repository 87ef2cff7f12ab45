package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	ends   *batcher[end, settled]
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
	verdictHeld    verdict = "held"    // somebody has its row just now
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
	given := map[string]bool{}
	for i, id := range ids {
		s, ok := byID[id]
		switch {
		case !ok:
			s = started{ID: id, Verdict: verdictUnknown}
		case given[id]: // delivered twice: one of them runs it
			s = started{ID: id, Verdict: verdictWaiting}
		}
		given[id] = true
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
	Delay   float64  `json:"delay,omitempty"`   // seconds
	Release string   `json:"release,omitempty"` // as done.release
	Schema  bool     `json:"schema,omitempty"`  // as done.schema
}

// record writes what a run has done into the control database, in the transaction that ends its operation.
type record func(ctx context.Context, tx pgx.Tx) error

// cancelAsked says whether a person has asked to cancel an operation, through a door or in River UI. It is no when the ledger cannot be asked.
func (l *ledger) cancelAsked(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	defer cancel()
	var asked bool
	err := l.pool.QueryRow(ctx, `
		SELECT o.cancel_asked OR j.id IS NULL OR j.state = 'cancelled' OR j.metadata ? 'cancel_attempted_at'
		FROM tenantry.operations o
		LEFT JOIN river.river_job j ON j.id = o.river_job_id
		WHERE o.id = $1`, id).Scan(&asked)
	return err == nil && asked
}

// onLostNode says whether an operation is about a database on a node that a person has declared lost; one that restores in place is about the new one. It is no when the ledger cannot be asked.
func (l *ledger) onLostNode(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	defer cancel()
	var lost bool
	err := l.pool.QueryRow(ctx, `
		SELECT n.state = 'lost'
		FROM tenantry.operations o
		LEFT JOIN tenantry.swaps s ON s.operation_id = o.id AND s.state = 'restoring'
		JOIN tenantry.databases d ON d.id = CASE o.kind WHEN 'restore_in_place' THEN s.new_database_id ELSE o.database_id END
		JOIN tenantry.nodes n ON n.id = d.node_id
		WHERE o.id = $1`, id).Scan(&lost)
	return err == nil && lost
}

// settled is what became of an end.
type settled int

const (
	settledNot  settled = iota // a newer attempt owns the operation: nothing was written
	settledDone                // it is written
	settledHeld                // somebody has the tenant's or the operation's row: again in a moment
)

// settle ends a run. It returns provision.ErrSuperseded when a newer attempt owns the operation: nothing was written. While somebody holds
// the rows, such as an API whose transaction is open, it tries again and again, without keeping a connection or others' ends waiting.
func (l *ledger) settle(ctx context.Context, e end, tenantID *string, rec record) error {
	if rec != nil {
		return l.settleWith(ctx, e, tenantID, rec)
	}
	for try := 1; ; try++ {
		became, err := l.ends.do(ctx, e)
		switch {
		case err != nil:
			return err
		case became == settledNot:
			return provision.ErrSuperseded
		case became == settledDone:
			return nil
		}
		if err := rest(ctx, backoff(try, time.Second)); err != nil {
			return fmt.Errorf("settle operation: its row is held: %w", err)
		}
	}
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // callers say what they waited for
	case <-time.After(d):
		return nil
	}
}

func (l *ledger) settleAll(ctx context.Context, ends []end) ([]settled, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	encoded, err := json.Marshal(ends)
	if err != nil {
		return nil, fmt.Errorf("encode ends: %w", err)
	}
	var done, held []string
	err = l.pool.QueryRow(ctx, `SELECT settled, held FROM tenantry.settle_free($1::jsonb)`, string(cleanJSON(encoded))).Scan(&done, &held)
	if err != nil {
		return nil, fmt.Errorf("settle operations: %w", err)
	}
	became := make(map[string]settled, len(ends))
	for _, id := range done {
		became[id] = settledDone
	}
	for _, id := range held {
		became[id] = settledHeld
	}
	answers := make([]settled, len(ends))
	for i, e := range ends {
		answers[i] = became[e.ID]
	}
	return answers, nil
}

// settleWith ends one run together with its record: both or neither.
func (l *ledger) settleWith(ctx context.Context, e end, tenantID *string, rec record) error {
	encoded, err := json.Marshal([]end{e})
	if err != nil {
		return fmt.Errorf("encode end: %w", err)
	}
	err = l.holding(ctx, e.ID, e.Attempt, tenantID, func(ctx context.Context, tx pgx.Tx) error {
		if err := rec(ctx, tx); err != nil {
			return fmt.Errorf("record: %w", err)
		}
		atSettleWithin.Hit(ctx)
		_, err := tx.Exec(ctx, `SELECT tenantry.settle($1::jsonb)`, string(cleanJSON(encoded)))
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("settle operation: %w", err)
	}
	return nil
}

// change writes to the control database in the middle of a run, if the attempt is still the newest.
func (l *ledger) change(ctx context.Context, id string, attempt int, tenantID *string, rec record) error {
	err := l.holding(ctx, id, attempt, tenantID, func(ctx context.Context, tx pgx.Tx) error {
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

// holding runs a transaction that has the tenant and the operation, if the attempt is still the newest. Others who have them are waited for
// between tries, not inside one: a connection that waits is one that nobody else's end gets.
func (l *ledger) holding(ctx context.Context, id string, attempt int, tenantID *string, do record) error {
	for try := 1; ; try++ {
		err := l.hold(ctx, id, attempt, tenantID, do)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != pgerrcode.LockNotAvailable {
			return err
		}
		if err := rest(ctx, backoff(try, time.Second)); err != nil {
			return fmt.Errorf("its row is held: %w", err)
		}
	}
}

func (l *ledger) hold(ctx context.Context, id string, attempt int, tenantID *string, do record) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error { //nolint:wrapcheck // callers say what for
		if err := holdOperation(ctx, tx, id, attempt, tenantID); err != nil {
			return err
		}
		return do(ctx, tx)
	})
}

// holdOperation locks the tenant and the operation, in the order that everybody locks them, and refuses an attempt that is
// not the newest.
func holdOperation(ctx context.Context, tx pgx.Tx, id string, attempt int, tenantID *string) error {
	if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '200ms'`); err != nil {
		return fmt.Errorf("bound waits: %w", err)
	}
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
