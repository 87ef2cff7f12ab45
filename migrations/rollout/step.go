package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atStepBefore = crashpoint.New("rollout.step.before")
	atStepWithin = crashpoint.New("rollout.step.within") // what was decided is written, nothing is committed
	atStepAfter  = crashpoint.New("rollout.step.after")
	atGateAsked  = crashpoint.New("rollout.gate.asked")
)

// DB is the control database: a pool or a connection.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// queryTimeout bounds a transaction on the control database; gateTimeout a gate's query.
const (
	queryTimeout = 15 * time.Second
	gateTimeout  = 10 * time.Second
)

// Advance moves a rollout on as far as it goes now.
func Advance(ctx context.Context, db DB, id string) error {
	for {
		v, d, err := step(ctx, db, id)
		if err != nil {
			return err
		}
		switch {
		case d.AskGate:
			if err := askGate(ctx, db, id, v); err != nil {
				return err
			}
		case d.To == "" || d.To.Final() || d.To == Paused:
			return nil
		}
	}
}

// step is one transaction: look, decide, write.
func step(ctx context.Context, db DB, id string) (View, Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	atStepBefore.Hit(ctx)
	var v View
	var d Decision
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		held, err := hold(ctx, tx, id)
		if err != nil || !held {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT tenantry.observe_rollout($1)`, id); err != nil {
			return fmt.Errorf("observe: %w", err)
		}
		var now time.Time
		if v, now, err = load(ctx, tx, id); err != nil {
			return err
		}
		d = Decide(v, now)
		if d.To == Completed || d.To == CompletedWithExceptions {
			var late int
			if err := tx.QueryRow(ctx, `SELECT tenantry.latecomers($1)`, id).Scan(&late); err != nil {
				return fmt.Errorf("look for latecomers: %w", err)
			}
			if late > 0 {
				if v, now, err = load(ctx, tx, id); err != nil {
					return err
				}
				d = Decide(v, now)
			}
		}
		if err := act(ctx, tx, id, v, d); err != nil {
			return err
		}
		atStepWithin.Hit(ctx)
		return nil
	})
	if err != nil {
		return v, d, fmt.Errorf("rollout %s: %w", id, err)
	}
	atStepAfter.Hit(ctx)
	return v, d, nil
}

// hold takes the rollout's row, unless another process has it or it has ended.
func hold(ctx context.Context, tx pgx.Tx, id string) (bool, error) {
	var held bool
	err := tx.QueryRow(ctx, `SELECT true FROM tenantry.rollouts WHERE id = $1 AND finished_at IS NULL FOR NO KEY UPDATE SKIP LOCKED`, id).Scan(&held)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("hold: %w", err)
	}
	return held, nil
}

func load(ctx context.Context, tx pgx.Tx, id string) (View, time.Time, error) {
	var v View
	var now time.Time
	var bake *time.Time
	err := tx.QueryRow(ctx, `
		SELECT r.state, r.reason, r.wave, r.waves, r.bake_until, r.gated, o.cancel_asked, r.policy, clock_timestamp(), m.changing, m.exceptions
		FROM tenantry.rollouts r
		JOIN tenantry.operations o ON o.id = r.operation_id
		CROSS JOIN LATERAL (
		  SELECT count(*) FILTER (WHERE state NOT LIKE 'skipped%') AS changing,
		         count(*) FILTER (WHERE state NOT IN ('pending', 'applying', 'done', 'skipped_uptodate')) AS exceptions
		  FROM tenantry.rollout_members
		  WHERE rollout_id = r.id
		) m
		WHERE r.id = $1`, id).Scan(&v.State, &v.Reason, &v.Wave, &v.Waves, &bake, &v.Gated, &v.AbortAsked, &v.Policy, &now, &v.Changing, &v.Exceptions)
	if err != nil {
		return v, now, fmt.Errorf("read rollout: %w", err)
	}
	if bake != nil {
		v.BakeUntil = *bake
	}
	rows, err := tx.Query(ctx, `
		SELECT m.node_id, count(*) FILTER (WHERE m.state = 'pending'), count(*) FILTER (WHERE m.state = 'applying')
		FROM tenantry.rollout_members m
		WHERE m.rollout_id = $1 AND ((m.state = 'pending' AND m.wave = $2) OR m.state = 'applying')
		GROUP BY m.node_id`, id, v.Wave)
	if err != nil {
		return v, now, fmt.Errorf("read nodes: %w", err)
	}
	if v.Nodes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[NodeLoad]); err != nil {
		return v, now, fmt.Errorf("read nodes: %w", err)
	}
	rows, err = tx.Query(ctx, failuresSQL+` AND counted GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`, id)
	if err != nil {
		return v, now, fmt.Errorf("read failures: %w", err)
	}
	if v.Failures, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Failure]); err != nil {
		return v, now, fmt.Errorf("read failures: %w", err)
	}
	return v, now, nil
}

const failuresSQL = `
	SELECT coalesce(failure ->> 'code', ''), coalesce(failure ->> 'step', ''), count(*)
	FROM tenantry.rollout_members
	WHERE rollout_id = $1 AND state = 'failed'`

// act carries a decision out.
func act(ctx context.Context, tx pgx.Tx, id string, v View, d Decision) error {
	if d.Recall {
		if _, err := tx.Exec(ctx, `SELECT tenantry.recall_rollout($1)`, id); err != nil {
			return fmt.Errorf("recall: %w", err)
		}
	}
	if len(d.Begin) > 0 {
		nodes, most := make([]string, len(d.Begin)), make([]int, len(d.Begin))
		for i, n := range d.Begin {
			nodes[i], most[i] = n.Node, n.Pending
		}
		if _, err := tx.Exec(ctx, `SELECT tenantry.dispatch_rollout($1, $2, $3)`, id, nodes, most); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
	}
	if d.To == "" {
		return nil
	}
	gated := v.Gated && d.Wave == v.Wave
	_, err := tx.Exec(ctx, `SELECT tenantry.move_rollout($1, $2, $3, $4, $5, $6, $7)`, id, d.To, d.Reason, d.Detail, d.Wave, v.Policy.Bake, gated)
	if err != nil {
		return fmt.Errorf("move to %s: %w", d.To, err)
	}
	return nil
}

// askGate asks the gate outside of any lock, and writes what it says if the rollout stands where it stood.
func askGate(ctx context.Context, db DB, id string, v View) error {
	pass, detail := gate(ctx, db, v.Policy.Gate)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rollout %s: ask gate: %w", id, err)
	}
	atGateAsked.Hit(ctx)
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		held, err := hold(ctx, tx, id)
		if err != nil || !held {
			return err
		}
		now, _, err := load(ctx, tx, id)
		if err != nil || now.State != v.State || now.Wave != v.Wave || now.Gated {
			return err
		}
		to, reason := now.State, Reason("")
		if !pass {
			to, reason = Paused, Gate
		}
		_, err = tx.Exec(ctx, `SELECT tenantry.move_rollout($1, $2, $3, $4, $5, NULL, $6)`, id, to, reason, detail, now.Wave, pass)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("rollout %s: record gate: %w", id, err)
	}
	return nil
}

// gate asks a query for its verdict. What it cannot answer is no.
func gate(ctx context.Context, db DB, query string) (pass bool, detail string) {
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query)
		if err != nil {
			return err //nolint:wrapcheck // told below
		}
		verdicts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (bool, error) {
			values, err := row.Values()
			if err != nil || len(values) == 0 {
				return false, err //nolint:wrapcheck // told below
			}
			yes, ok := values[0].(bool)
			if !ok {
				return false, fmt.Errorf("its first column is no boolean: %T", values[0])
			}
			return yes, nil
		})
		if err != nil {
			return err //nolint:wrapcheck // told below
		}
		if len(verdicts) != 1 {
			return fmt.Errorf("it gives %d rows instead of one", len(verdicts))
		}
		pass = verdicts[0]
		return nil
	})
	switch {
	case err != nil:
		return false, "the gate cannot be asked: " + err.Error()
	case !pass:
		return false, "the gate said no"
	default:
		return true, ""
	}
}
