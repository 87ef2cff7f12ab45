package rollout

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Pace is how many tenants of a node a rollout has under way at a time, when its policy leaves that to the node. It grows while the node
// lets new sessions in as fast as it did at its best, and shrinks when it does not: connecting is most of what a migration costs a server,
// so it tells first that there is too much.
type Pace struct {
	Parallel int     // tenants under way
	BestMS   float64 // the shortest time a round of tenants took to connect, in milliseconds; 0 before the first
}

// FirstPace is where every node begins.
func FirstPace() Pace { return Pace{Parallel: 4} }

// The bounds of a pace, and by how much it changes.
const (
	leastParallel = 2
	mostParallel  = 32
	slackMS       = 5 // a difference below it says nothing
)

// Next is the pace after a round: so many tenants have ended since the pace was last set, and half of them took no longer than this to
// connect. A round that is not complete changes nothing, since those under way began at the old pace.
func (p Pace) Next(ended int, medianMS float64) Pace {
	if ended < p.Parallel || medianMS <= 0 {
		return p
	}
	next := p
	if p.BestMS == 0 || medianMS < p.BestMS {
		next.BestMS = medianMS
	}
	switch {
	case medianMS <= 2*next.BestMS+slackMS:
		next.Parallel = min(p.Parallel+2, mostParallel)
	case medianMS > 3*next.BestMS+slackMS:
		next.Parallel = max(p.Parallel*3/4, leastParallel)
	}
	return next
}

// pace sets every node's pace by the tenants that have ended since it was last set. The caller holds the rollout.
func pace(ctx context.Context, tx pgx.Tx, id string) error {
	type round struct {
		Node     string
		Parallel int
		BestMS   float64
		Ended    int
		MedianMS float64
	}
	rows, err := tx.Query(ctx, `
		SELECT m.node_id, coalesce(p.parallel, $2), coalesce(p.best_ms, 0), count(*)::integer,
		       percentile_cont(0.5) WITHIN GROUP (ORDER BY (o.result ->> 'connect_ms')::float8)
		FROM tenantry.rollout_members m
		JOIN tenantry.operations o ON o.id = m.operation_id
		LEFT JOIN tenantry.rollout_paces p ON p.rollout_id = m.rollout_id AND p.node_id = m.node_id
		WHERE m.rollout_id = $1 AND m.state = 'done' AND m.ended_at > coalesce(p.since, '-infinity') AND (o.result ->> 'connect_ms')::float8 > 0
		GROUP BY m.node_id, p.parallel, p.best_ms`, id, FirstPace().Parallel)
	if err != nil {
		return fmt.Errorf("read paces: %w", err)
	}
	rounds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[round])
	if err != nil {
		return fmt.Errorf("read paces: %w", err)
	}
	for _, r := range rounds {
		now := Pace{Parallel: r.Parallel, BestMS: r.BestMS}
		if r.Ended < now.Parallel {
			continue
		}
		next := now.Next(r.Ended, r.MedianMS)
		_, err := tx.Exec(ctx, `
			INSERT INTO tenantry.rollout_paces AS p (rollout_id, node_id, parallel, best_ms) VALUES ($1, $2, $3, $4)
			ON CONFLICT (rollout_id, node_id) DO UPDATE SET parallel = excluded.parallel, best_ms = excluded.best_ms, since = excluded.since`,
			id, r.Node, next.Parallel, next.BestMS)
		if err != nil {
			return fmt.Errorf("set pace: %w", err)
		}
	}
	return nil
}
