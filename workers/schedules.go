package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/robfig/cron/v3"

	"github.com/avenit/tenantry/jobs"
)

// schedule is something that is asked for at set times, once for each time, whichever worker sees first that it has come.
type schedule struct {
	// name stands in the ledger for ever: it is part of the idempotency key.
	name string
	// setting is the key of a cron expression in UTC, or "off". tenantry.check_cron says what is one.
	setting string
	// args gives what is asked for.
	args func(ctx context.Context, tx pgx.Tx) (jobs.Args, error)
}

// schedules is the one list of what the fleet does at set times, a line each.
func schedules() []schedule {
	return []schedule{
		{"drift", "drift_schedule", checkSample},
		{"expire", "expire_schedule", func(context.Context, pgx.Tx) (jobs.Args, error) { return jobs.ExpireBackups{}, nil }},
	}
}

// checkSample is the check of the tenants that were not looked at for longest.
func checkSample(ctx context.Context, tx pgx.Tx) (jobs.Args, error) {
	var share string
	if err := tx.QueryRow(ctx, `SELECT tenantry.setting('drift_sample')`).Scan(&share); err != nil {
		return nil, fmt.Errorf("read drift_sample: %w", err)
	}
	return jobs.Check{Share: share}, nil
}

// askScheduled asks for what has become due.
func (c *chores) askScheduled(ctx context.Context) error {
	for _, s := range schedules() {
		if err := c.ask(ctx, s); err != nil {
			return fmt.Errorf("schedule %s: %w", s.name, err)
		}
	}
	return nil
}

// ask asks for what one schedule has become due for since it was asked for last, by the database's clock: once, also where several times were
// missed while no worker ran. It holds the schedule's row, so others pass by meanwhile; the idempotency key is for what a restored control
// database may have forgotten. A schedule that is new, or has another expression than before, begins now.
func (c *chores) ask(ctx context.Context, s schedule) error {
	return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error { //nolint:wrapcheck // wrapped by the caller
		var expression, before string
		var last, now time.Time
		_, err := tx.Exec(ctx, `
			INSERT INTO tenantry.schedules (name, expression)
			SELECT $1, tenantry.setting($2) WHERE NOT EXISTS (SELECT FROM tenantry.schedules WHERE name = $1)
			ON CONFLICT DO NOTHING`, s.name, s.setting)
		if err != nil {
			return fmt.Errorf("add: %w", err)
		}
		err = tx.QueryRow(ctx, `
			SELECT tenantry.setting($2), expression, slot, clock_timestamp() FROM tenantry.schedules WHERE name = $1
			FOR UPDATE SKIP LOCKED`, s.name, s.setting).Scan(&expression, &before, &last, &now)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // another worker asks just now
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if expression != before {
			_, err = tx.Exec(ctx, `UPDATE tenantry.schedules SET expression = $2, slot = $3 WHERE name = $1`, s.name, expression, now)
			return err //nolint:wrapcheck // wrapped by the caller
		}
		slot, err := newestSlot(expression, last, now)
		if err != nil || slot.IsZero() {
			return err
		}
		return c.askAt(ctx, tx, s, slot)
	})
}

// askForBackups asks for the night's backups whose time has come, and for verifications.
func (c *chores) askForBackups(ctx context.Context) error {
	var expression string
	var now time.Time
	if err := c.pool.QueryRow(ctx, `SELECT tenantry.setting('backup_schedule'), clock_timestamp()`).Scan(&expression, &now); err != nil {
		return fmt.Errorf("read backup_schedule: %w", err)
	}
	slot, err := newestSlot(expression, now.Add(-backupsLookBack), now)
	if err != nil {
		return err
	}
	if !slot.IsZero() {
		if err := c.count(ctx, `SELECT tenantry.backups_due($1)`, "asked for backups", slot); err != nil {
			return err
		}
	}
	return c.count(ctx, `SELECT tenantry.verifications_due()`, "asked for verifications of backups")
}

// backupsLookBack is how long ago a night may have begun whose backups are still asked for: a week, for schedules that are weekly.
const backupsLookBack = 8 * 24 * time.Hour

// askAt asks for the operation of one time.
func (c *chores) askAt(ctx context.Context, tx pgx.Tx, s schedule, slot time.Time) error {
	asked, err := s.args(ctx, tx)
	if err != nil {
		return err
	}
	var id string
	key := "schedule/" + s.name + "/" + slot.Format(time.RFC3339)
	_, err = tx.Exec(ctx, `SELECT set_config('tenantry.requested_by', 'tenantry', true)`)
	if err != nil {
		return fmt.Errorf("say who asks: %w", err)
	}
	// asked_before refuses a key that was used with other arguments, such as another share: then it was asked for already.
	err = tx.QueryRow(ctx, `
		SELECT coalesce((SELECT id FROM tenantry.operations WHERE kind = $1 AND idempotency_key = $3), tenantry.submit_as($1, $2, $3, false))`,
		asked.Kind(), asked, key).Scan(&id)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE tenantry.schedules SET slot = $2, operation_id = $3 WHERE name = $1`, s.name, slot, id); err != nil {
		return fmt.Errorf("note: %w", err)
	}
	c.log.Info().Str("schedule", s.name).Time("slot", slot).Str("operation_id", id).Msg("asked for what was due")
	return nil
}

// newestSlot gives the newest time of an expression that lies after last and not after now, zero if there is none.
func newestSlot(expression string, last, now time.Time) (time.Time, error) {
	if expression == "off" {
		return time.Time{}, nil
	}
	times, err := cron.ParseStandard(expression)
	if err != nil {
		return time.Time{}, fmt.Errorf("read cron expression: %w", err)
	}
	var newest time.Time
	for next := times.Next(last.UTC()); !next.IsZero() && !next.After(now); next = times.Next(next) {
		newest = next
	}
	return newest, nil
}
