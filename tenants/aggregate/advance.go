package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/tenants/crashpoint"
)

var atAdvanced = crashpoint.New("aggregate.advance.within")

// BatchTenants is how many tenants one batch asks at most.
const BatchTenants = 500

// mostMissing is how many tenants a run's result names.
const mostMissing = 100

// Observe takes back from batches that have ended what they have not asked, of all runs that nobody else has just now. It comes before any of them is moved on, so that a
// node is free for whose turn it is, however many runs there are.
func Observe(ctx context.Context, control *pgxpool.Pool) error {
	if _, err := control.Exec(ctx, `SELECT tenantry.observe_aggregates()`); err != nil {
		return fmt.Errorf("look at batches of aggregates: %w", err)
	}
	return nil
}

// Active lists runs that have not ended, those first that have waited for longest.
func Active(ctx context.Context, control *pgxpool.Pool) ([]string, error) {
	rows, err := control.Query(ctx, `SELECT operation_id FROM tenantry.aggregate_runs WHERE finished_at IS NULL ORDER BY dispatched_at NULLS FIRST, operation_id`)
	if err != nil {
		return nil, fmt.Errorf("list runs of aggregates: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list runs of aggregates: %w", err)
	}
	return ids, nil
}

// Advance does what a run needs next. Any number of workers may do so at once: one has it at a time, and the others leave it.
func Advance(ctx context.Context, control *pgxpool.Pool, run string) error {
	err := pgx.BeginFunc(ctx, control, func(tx pgx.Tx) error {
		var held bool
		err := tx.QueryRow(ctx, `SELECT true FROM tenantry.aggregate_runs WHERE operation_id = $1 AND finished_at IS NULL FOR NO KEY UPDATE SKIP LOCKED`, run).Scan(&held)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if err := advance(ctx, tx, run); err != nil {
			return err
		}
		atAdvanced.Hit(ctx)
		return nil
	})
	if err != nil {
		return fmt.Errorf("run %s: %w", run, err)
	}
	return nil
}

const seenSQL = `
SELECT clock_timestamp(), r.until, o.cancel_asked,
       (SELECT count(*) FROM tenantry.aggregate_batches b WHERE b.run = r.operation_id),
       s.first, s.due, s.later
FROM tenantry.aggregate_runs r
JOIN tenantry.operations o ON o.id = r.operation_id
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE tries = 0) AS first, count(*) FILTER (WHERE next_at <= now()) AS due, count(*) FILTER (WHERE next_at > now()) AS later
  FROM tenantry.aggregate_slices WHERE run = r.operation_id AND state = 'due'
) s
WHERE r.operation_id = $1`

func advance(ctx context.Context, tx pgx.Tx, run string) error {
	// Its workers died, or a person must decide: the others must not wait for that.
	if err := cancelBatches(ctx, tx, run, "parked"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT tenantry.observe_aggregate($1)`, run); err != nil {
		return fmt.Errorf("look at its batches: %w", err)
	}
	var s seen
	if err := tx.QueryRow(ctx, seenSQL, run).Scan(&s.Now, &s.Until, &s.CancelAsked, &s.Batches, &s.First, &s.Due, &s.Later); err != nil {
		return fmt.Errorf("look at it: %w", err)
	}
	switch act := decide(s); act {
	case actWait:
		return show(ctx, tx, run, showGap)
	case actStop:
		return cancelBatches(ctx, tx, run, "waiting", "queued", "running", "retrying")
	case actDispatch:
		if _, err := tx.Exec(ctx, `SELECT tenantry.dispatch_aggregate($1, $2)`, run, BatchTenants); err != nil {
			return fmt.Errorf("ask for batches: %w", err)
		}
		return show(ctx, tx, run, showGap)
	case actCancelled, actComplete, actOver:
		return end(ctx, tx, run, act)
	}
	return nil
}

// cancelBatches cancels batches in some states, those that run at their next step.
func cancelBatches(ctx context.Context, tx pgx.Tx, run string, states ...string) error {
	_, err := tx.Exec(ctx, `
		SELECT tenantry.cancel(o.id)
		FROM tenantry.aggregate_batches b
		JOIN tenantry.operations o ON o.id = b.operation_id
		WHERE b.run = $1 AND o.state = ANY ($2) AND NOT (o.state = 'running' AND o.cancel_asked)
		ORDER BY o.id`, run, states)
	if err != nil {
		return fmt.Errorf("cancel batches: %w", err)
	}
	return nil
}

// showGap is how often who watches a run is told how far it is.
const showGap = 500 * time.Millisecond

// show tells who watches the operation how far it is, unless that was told a moment ago. It counts who is open, for which there is an index: of who has answered there are
// those of all days.
func show(ctx context.Context, tx pgx.Tx, run string, gap time.Duration) error {
	_, err := tx.Exec(ctx, `
		UPDATE tenantry.operations o
		SET progress_done = o.progress_total - s.open, updated_at = now()
		FROM (SELECT count(*) AS open FROM tenantry.aggregate_slices WHERE run = $1 AND state IN ('due', 'asked')) s
		WHERE o.id = $1 AND o.progress_done <> o.progress_total - s.open AND o.updated_at <= now() - $2::interval`, run, gap)
	if err != nil {
		return fmt.Errorf("show progress: %w", err)
	}
	return nil
}

// Result is what came of a run.
type Result struct {
	Aggregate string `json:"aggregate"`
	Day       string `json:"day"`
	Table     string `json:"table"` // in the schema aggregates
	// Tenants belong to the day, Contributed of them are in the table, with Rows. Those that were suspended or deleted before they had answered do not belong to it: Left.
	Tenants     int   `json:"tenants"`
	Contributed int   `json:"contributed"`
	Left        int   `json:"left"`
	Rows        int64 `json:"rows"`
	Published   bool  `json:"published"`
	// Missing names who has not answered, of the first hundred.
	Missing []Missing `json:"missing"`
}

// Missing is a tenant that has not answered for a day when it was asked last.
type Missing struct {
	Tenant string `json:"tenant"` // its slug
	Reason string `json:"reason"`
	Tries  int    `json:"tries"`
	// Stale: what it had answered an earlier run is still in the table.
	Stale bool `json:"stale"`
}

const resultSQL = `
SELECT r.aggregate, r.day::text, r.relation, d.tenants, d.contributed, s.left, s.rows, d.published_at IS NOT NULL
FROM tenantry.aggregate_runs r
JOIN tenantry.aggregate_days d ON d.relation = r.relation AND d.day = r.day
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE state = 'left') AS left, coalesce(sum(rows), 0)::bigint AS rows
  FROM tenantry.aggregate_slices s WHERE s.relation = r.relation AND s.day = r.day
) s
WHERE r.operation_id = $1`

// end ends a run and its operation.
func end(ctx context.Context, tx pgx.Tx, run string, act action) error {
	var r Result
	var day time.Time
	err := tx.QueryRow(ctx, `UPDATE tenantry.aggregate_runs SET finished_at = now() WHERE operation_id = $1 RETURNING relation, day`, run).Scan(&r.Table, &day)
	if err != nil {
		return fmt.Errorf("end it: %w", err)
	}
	if _, err := tx.Exec(ctx, `SELECT tenantry.count_aggregate($1, $2)`, r.Table, day); err != nil {
		return fmt.Errorf("count who has answered: %w", err)
	}
	err = tx.QueryRow(ctx, resultSQL, run).Scan(&r.Aggregate, &r.Day, &r.Table, &r.Tenants, &r.Contributed, &r.Left, &r.Rows, &r.Published)
	if err != nil {
		return fmt.Errorf("read what came of it: %w", err)
	}
	missing, err := MissingOf(ctx, tx, r.Table, mostMissing, r.Day)
	if err != nil {
		return err
	}
	r.Missing = missing[r.Day]
	e := map[string]any{"id": run, "outcome": "succeeded", "result": r}
	switch act {
	case actCancelled:
		e["outcome"], e["error"] = "cancelled", problem{Code: "cancelled", Message: "cancelled: " + r.Coverage()}
	case actOver:
		hint := fmt.Sprintf("see why, then: tenantry aggregate run %s --day %s --only-missing", r.Aggregate, r.Day)
		e["outcome"], e["error"] = "failed", problem{Code: "incomplete", Message: r.Coverage(), Hint: hint}
	case actComplete, actWait, actDispatch, actStop:
	}
	ends, err := json.Marshal([]any{e})
	if err != nil {
		return fmt.Errorf("encode what came of it: %w", err)
	}
	if err := show(ctx, tx, run, 0); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `SELECT tenantry.settle($1::jsonb)`, string(ends))
	if err != nil {
		return fmt.Errorf("settle it: %w", err)
	}
	return nil
}

// problem is an error as the ledger keeps it.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}
