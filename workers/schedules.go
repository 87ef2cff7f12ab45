package workers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/workers/timetable"
)

var (
	atSlotAsked   = crashpoint.New("schedule.slot.within")
	atSlotDecided = crashpoint.New("schedule.slot.after")
)

const (
	// slotsAtOnce is how many times of a schedule one transaction decides on.
	slotsAtOnce = 100
	// schedulesAtOnce bounds one round. What is due then comes with the next.
	schedulesAtOnce = 1000
)

// schedule is a row of tenantry.schedules that is due.
type schedule struct {
	Name       string
	Kind       *string
	Expression string
	Zone       string
	Missed     timetable.Missed
	Slot       time.Time
	RunNow     bool
	Now        time.Time // by the database's clock
}

// dueSQL takes one that no other worker has. Chores that this worker does not know, $2 are those it does, are left to newer or older ones. What was decided on by a clock that was ahead is looked at again. $1 is the time in tests.
const dueSQL = `
SELECT name, kind, expression, zone, missed, slot, run_now, coalesce($1, clock_timestamp())
FROM tenantry.schedules
WHERE (kind IS NOT NULL OR name = ANY ($2)) AND (run_now OR enabled AND (next_at IS NULL OR next_at <= coalesce($1, clock_timestamp()) OR slot > coalesce($1, clock_timestamp())))
ORDER BY next_at NULLS FIRST, name
LIMIT 1
FOR UPDATE SKIP LOCKED`

// runSchedules does what has become due, by the database's clock; clock is another one, of tests. Several workers may do it at once: each time of a schedule
// is decided on by one of them, in one transaction.
func (c *chores) runSchedules(ctx context.Context, clock *time.Time) error {
	for range schedulesAtOnce {
		found, err := c.runSchedule(ctx, clock)
		if err != nil || !found {
			return err
		}
	}
	return nil
}

// runSchedule does what one schedule has become due for. found is false where none is due.
func (c *chores) runSchedule(ctx context.Context, clock *time.Time) (found bool, err error) {
	var s schedule
	err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, dueSQL, clock, slices.Collect(maps.Keys(c.scheduled()))).Scan(&s.Name, &s.Kind, &s.Expression, &s.Zone, &s.Missed, &s.Slot, &s.RunNow, &s.Now)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read schedules: %w", err)
		}
		found = true
		return c.decide(ctx, tx, s)
	})
	atSlotDecided.Hit(ctx)
	if err == nil || !found || ctx.Err() != nil {
		return found, err //nolint:wrapcheck // wrapped by the caller
	}
	// It comes again in a minute; the others do not wait for it.
	c.log.Warn().Err(err).Str("schedule", s.Name).Msg("not done, it comes again")
	_, err = c.pool.Exec(ctx, `UPDATE tenantry.schedules SET next_at = $2::timestamptz + interval '1 minute', run_now = false, error = $3 WHERE name = $1`,
		s.Name, s.Now, clean(err.Error()))
	if err != nil {
		return false, fmt.Errorf("note that schedule %s fails: %w", s.Name, err)
	}
	return true, nil
}

// decide does what a schedule is due for and notes up to when that is done.
func (c *chores) decide(ctx context.Context, tx pgx.Tx, s schedule) error {
	times, err := timetable.Parse(s.Expression, s.Zone)
	if err != nil {
		// The control database let it through: it is not done again and again, and seen.
		_, noteErr := tx.Exec(ctx, `UPDATE tenantry.schedules SET next_at = $2 + interval '1 hour', run_now = false, error = $3 WHERE name = $1`, s.Name, s.Now, err.Error())
		return noteErr //nolint:wrapcheck // wrapped by the caller
	}
	// After a clock that was ahead is set right: what was done for times that come again has its slot.
	last := s.Slot
	if last.After(s.Now) {
		last = s.Now
	}
	if s.Kind == nil {
		if next := times.Next(last); next.IsZero() || next.After(s.Now) && !s.RunNow {
			return noteSlot(ctx, tx, s, last, next)
		}
		return c.doChore(ctx, tx, s, times)
	}
	due, more := times.Due(last, s.Now, slotsAtOnce)
	if err := c.ask(ctx, tx, s, due, more); err != nil {
		return err
	}
	if len(due) > 0 {
		last = due[len(due)-1]
	}
	return noteSlot(ctx, tx, s, last, times.Next(last))
}

func noteSlot(ctx context.Context, tx pgx.Tx, s schedule, slot, next time.Time) error {
	if next.IsZero() {
		next = s.Now.AddDate(1, 0, 0) // never; looked at again in a year
	}
	// A chore's error is that of its last time.
	_, err := tx.Exec(ctx, `UPDATE tenantry.schedules SET slot = $2, next_at = $3, error = CASE WHEN kind IS NULL THEN error ELSE '' END WHERE name = $1`, s.Name, slot, next)
	return err //nolint:wrapcheck // wrapped by the caller
}

// ask asks for the operations of times, and records those that were missed.
func (c *chores) ask(ctx context.Context, tx pgx.Tx, s schedule, due []time.Time, more bool) error {
	do, missed := s.Missed.Split(due, more, s.Now)
	if len(missed) > 0 {
		_, err := tx.Exec(ctx, `INSERT INTO tenantry.slots (schedule, slot) SELECT $1, unnest($2::timestamptz[]) ON CONFLICT DO NOTHING`, s.Name, missed)
		if err != nil {
			return fmt.Errorf("note what was missed: %w", err)
		}
		c.log.Warn().Str("schedule", s.Name).Int("times", len(missed)).Time("newest", missed[len(missed)-1]).Msg("times were missed and are not made up for")
	}
	for _, slot := range do {
		var id *string
		if err := tx.QueryRow(ctx, `SELECT tenantry.ask_scheduled($1, $2, 'tenantry')`, s.Name, slot).Scan(&id); err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		atSlotAsked.Hit(ctx)
		if id != nil {
			c.log.Info().Str("schedule", s.Name).Time("slot", slot).Str("operation_id", *id).Msg("asked for what was due")
		}
	}
	return nil
}

// doChore does a chore, once for all that was missed. One that fails comes again in a minute; what went wrong is kept.
func (c *chores) doChore(ctx context.Context, tx pgx.Tx, s schedule, times timetable.Times) error {
	problem := ""
	err := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error { return c.scheduled()[s.Name](ctx, inner) })
	if ctx.Err() != nil {
		return err //nolint:wrapcheck // wrapped by the caller
	}
	if err != nil {
		problem = clean(err.Error())
		c.log.Warn().Err(err).Str("schedule", s.Name).Msg("not done, it comes again")
	}
	if _, err := tx.Exec(ctx, `UPDATE tenantry.schedules SET run_now = false, ran_at = $2, error = $3 WHERE name = $1`, s.Name, s.Now, problem); err != nil {
		return fmt.Errorf("note: %w", err)
	}
	next := times.Next(s.Now)
	if soon := s.Now.Add(time.Minute); problem != "" && next.After(soon) {
		next = soon
	}
	return noteSlot(ctx, tx, s, s.Now, next)
}

// scheduled are the chores that have a row in tenantry.schedules, by its name.
func (c *chores) scheduled() map[string]func(context.Context, pgx.Tx) error {
	call := func(sql, message string) func(context.Context, pgx.Tx) error {
		return func(ctx context.Context, tx pgx.Tx) error { return c.count(ctx, tx, sql, message) }
	}
	return map[string]func(context.Context, pgx.Tx) error{
		"rotate":   call(`SELECT tenantry.rotations_due()`, "asked for new passwords"),
		"purge":    call(`SELECT tenantry.purge_due()`, "asked for due purges"),
		"warm":     call(`SELECT tenantry.refill_warm()`, "asked for warm databases"),
		"verify":   call(`SELECT tenantry.verifications_due()`, "asked for verifications of backups"),
		"replaced": call(`SELECT tenantry.let_go_replaced()`, "databases that were replaced are let go"),
		"looks":    call(`SELECT tenantry.looks_due()`, "asked to drop restored tables"),
		"sweep":    sweep,
	}
}

// askForBackups asks for the backups of the night whose time has come.
func (c *chores) askForBackups(ctx context.Context) error {
	return c.count(ctx, c.pool, `SELECT tenantry.backups_due()`, "asked for backups")
}
