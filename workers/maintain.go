package workers

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/tenants/crashpoint"
)

// chore is something that every worker does at intervals. All are safe beside each other: they skip what another holds.
type chore struct {
	name  string
	every time.Duration
	do    func(ctx context.Context) error
	// within is how long it may take; 0 is queryTimeout.
	within time.Duration
}

// prompt is a chore that is also done at once when something is said on a channel of the control database. What is said while it is being
// done is one more reason to do it, however often it is said. Its intervals are for what was not heard.
type prompt struct {
	chore

	channel string
	// gap is the least time from one doing to the next, so that what comes close together is done together.
	gap time.Duration
}

// chores looks after what nobody asks for.
type chores struct {
	pool   *pgxpool.Pool
	life   *life
	ledger *ledger
	log    zerolog.Logger
}

// list is what is done at intervals. Who has a short lease wants to notice things soon.
func (c *chores) list(lease time.Duration) []chore {
	return []chore{
		{name: "reap", every: max(lease/4, 200*time.Millisecond), do: c.reap},
		{name: "strays", every: min(10*time.Second, lease), do: c.strays},
		{name: "own", every: min(10*time.Second, lease), do: c.own},
		{name: "schedules", every: min(5*time.Second, lease/2), do: func(ctx context.Context) error { return c.runSchedules(ctx, nil) }, within: 5 * time.Minute},
		{name: "backups", every: 30 * time.Second, do: c.askForBackups},
	}
}

func (c *chores) prompts() []prompt {
	return []prompt{
		{chore{name: "refill_warm", every: 5 * time.Second, do: c.refillWarm}, "tenantry_warm", 0}, // a warm database was claimed
		// A child has ended, or a person has decided.
		{chore{name: "rollouts", every: time.Second, do: c.advanceRollouts}, "tenantry_parents", rolloutGap},
		{chore{name: "aggregates", every: time.Second, do: c.advanceAggregates}, "tenantry_parents", rolloutGap},
	}
}

// run does one chore at its intervals, with jitter so that workers do not do it all at once, until ctx ends.
func (c *chores) run(ctx context.Context, ch chore) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(ch.pause()):
		}
		c.once(ctx, ch)
	}
}

func (ch chore) pause() time.Duration { return ch.every*3/4 + rand.N(ch.every/2) }

func (c *chores) once(ctx context.Context, ch chore) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(ch.within, queryTimeout))
	defer cancel()
	if err := ch.do(ctx); err != nil && ctx.Err() == nil {
		c.log.Warn().Err(err).Str("chore", ch.name).Msg("chore not done, it comes again")
	}
}

// refillSQL does nothing while the schedule is switched off.
const refillSQL = `SELECT CASE WHEN enabled THEN tenantry.refill_warm() ELSE 0 END FROM tenantry.schedules WHERE name = 'warm'`

func (c *chores) refillWarm(ctx context.Context) error {
	return c.count(ctx, c.pool, refillSQL, "asked for warm databases")
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (c *chores) count(ctx context.Context, db querier, sql, message string) error {
	var n int
	if err := db.QueryRow(ctx, sql).Scan(&n); err != nil {
		return fmt.Errorf("call: %w", err)
	}
	if n > 0 {
		c.log.Info().Int("count", n).Msg(message)
	}
	return nil
}

// reap gives the work of dead workers to live ones.
func (c *chores) reap(ctx context.Context) error {
	if crashpoint.Off("reaper") {
		return nil
	}
	rows, err := c.pool.Query(ctx, `SELECT operation_id, worker_id, parked FROM tenantry.reap()`)
	if err != nil {
		return fmt.Errorf("reap: %w", err)
	}
	var operation, worker string
	var parked bool
	_, err = pgx.ForEachRow(rows, []any{&operation, &worker, &parked}, func() error {
		c.log.Warn().Str("operation_id", operation).Str("dead_worker_id", worker).Bool("parked", parked).Msg("reaped")
		return nil
	})
	if err != nil {
		return fmt.Errorf("reap: %w", err)
	}
	return nil
}

// strays settles operations whose River jobs were changed by hand.
func (c *chores) strays(ctx context.Context) error {
	rows, err := c.pool.Query(ctx, `SELECT operation_id, job_state, became FROM tenantry.settle_strays()`)
	if err != nil {
		return fmt.Errorf("settle strays: %w", err)
	}
	var operation, jobState, became string
	_, err = pgx.ForEachRow(rows, []any{&operation, &jobState, &became}, func() error {
		c.log.Warn().Str("operation_id", operation).Str("job_state", jobState).Str("state", became).Msg("settled a stray")
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle strays: %w", err)
	}
	return nil
}

// own looks for operations that the ledger says this worker runs and this process knows nothing of: an answer was lost on its way. They go
// back to the queue.
func (c *chores) own(ctx context.Context) error {
	rows, err := c.pool.Query(ctx, `
		SELECT id, attempt FROM tenantry.operations
		WHERE worker_id = $1 AND state = 'running' AND finished_at IS NULL AND updated_at < now() - interval '20 seconds'`, c.life.id)
	if err != nil {
		return fmt.Errorf("read own operations: %w", err)
	}
	type claim struct {
		ID      string
		Attempt int
	}
	claims, err := pgx.CollectRows(rows, pgx.RowToStructByPos[claim])
	if err != nil {
		return fmt.Errorf("read own operations: %w", err)
	}
	for _, o := range claims {
		if c.life.has(o.ID, o.Attempt) {
			continue
		}
		c.log.Warn().Str("operation_id", o.ID).Int("attempt", o.Attempt).Msg("begun by the ledger, unknown here; it goes back to the queue")
		if _, err := c.ledger.ends.do(ctx, end{ID: o.ID, Attempt: o.Attempt, Outcome: outcomeHandover}); err != nil {
			return fmt.Errorf("hand over: %w", err)
		}
	}
	return nil
}

// sweep forgets workers that ended a week ago and left nothing, fences of that time that every live worker has obeyed, and times of schedules that are over a year old.
// The newest fence stays: it says how far the fences have come. Other processes with pools do not tell what they have obeyed; one that was away for a week reads
// the epochs anew.
func sweep(ctx context.Context, tx pgx.Tx) error {
	for _, sql := range []string{
		`DELETE FROM tenantry.workers w
		WHERE w.state <> 'alive' AND w.heartbeat_at < now() - interval '7 days'
		  AND NOT EXISTS (SELECT FROM tenantry.operations o WHERE o.worker_id = w.id AND o.finished_at IS NULL)`,
		`DELETE FROM tenantry.fences
		WHERE at < now() - interval '7 days'
		  AND seq <= (SELECT min(w.fenced_seq) FROM tenantry.workers w WHERE w.state = 'alive')
		  AND seq < (SELECT max(f.seq) FROM tenantry.fences f)`,
		`DELETE FROM tenantry.slots WHERE slot < now() - interval '400 days'`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}
