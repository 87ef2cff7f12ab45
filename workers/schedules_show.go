package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/workers/timetable"
)

// Schedule is something that the fleet does by itself at set times.
type Schedule struct {
	Name string `json:"name"`
	Does string `json:"does"` // for people
	// Kind is that of the operation it asks for; "" is a chore of the workers.
	Kind       string           `json:"kind,omitempty"`
	Expression string           `json:"expression"` // of cron
	Zone       string           `json:"zone"`
	Missed     timetable.Missed `json:"missed"`
	Enabled    bool             `json:"enabled"`
	// Last is the newest time that it was done for or, with Outcome missed, not done; nil is never.
	Last *time.Time `json:"last"`
	// Outcome is the state of the operation of that time, missed, or for a chore ok or what went wrong.
	Outcome     string  `json:"outcome,omitempty"`
	OperationID *string `json:"operation_id,omitempty"`
	// Next is when it is due next; nil is never, or that it is switched off.
	Next *time.Time `json:"next"`
}

const schedulesSQL = `
SELECT s.name, s.does, coalesce(s.kind, ''), s.expression, s.zone, s.missed, s.enabled, coalesce(l.slot, s.ran_at),
       CASE WHEN s.error <> '' THEN s.error
            WHEN s.kind IS NULL THEN CASE WHEN s.ran_at IS NOT NULL THEN 'ok' ELSE '' END
            WHEN l.slot IS NULL THEN '' WHEN l.operation_id IS NULL THEN 'missed' ELSE coalesce(o.state::text, 'forgotten') END,
       l.operation_id, NULL::timestamptz
FROM tenantry.schedules s
LEFT JOIN LATERAL (SELECT * FROM tenantry.slots WHERE schedule = s.name ORDER BY slot DESC LIMIT 1) l ON true
LEFT JOIN tenantry.operations o ON o.id = l.operation_id
WHERE $1 = '' OR s.name = $1
ORDER BY s.name`

// ErrNoSchedule says that there is no schedule of a name.
var ErrNoSchedule = errors.New("there is no such schedule: see tenantry schedule list")

// Schedules lists what the fleet does by itself, by name. only is the name of one; "" is all.
func Schedules(ctx context.Context, control *pgxpool.Pool, only string) ([]Schedule, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := control.Query(ctx, schedulesSQL, only)
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Schedule])
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	if only != "" && len(list) == 0 {
		return nil, ErrNoSchedule
	}
	for i := range list {
		times, err := timetable.Parse(list[i].Expression, list[i].Zone)
		if next := times.Next(time.Now()); err == nil && list[i].Enabled && !next.IsZero() {
			list[i].Next = &next
		}
	}
	return list, nil
}

// Slot is one time of a schedule.
type Slot struct {
	At          time.Time `json:"at"`
	OperationID *string   `json:"operation_id"` // nil is missed
	State       string    `json:"state"`        // of the operation, or missed
}

// Slots lists the newest times of a schedule that asks for operations, the newest first.
func Slots(ctx context.Context, control *pgxpool.Pool, schedule string, most int) ([]Slot, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := control.Query(ctx, `
		SELECT s.slot, s.operation_id, CASE WHEN s.operation_id IS NULL THEN 'missed' ELSE coalesce(o.state::text, 'forgotten') END
		FROM tenantry.slots s
		LEFT JOIN tenantry.operations o ON o.id = s.operation_id
		WHERE s.schedule = $1
		ORDER BY s.slot DESC
		LIMIT $2`, schedule, most)
	if err != nil {
		return nil, fmt.Errorf("list times of schedule %s: %w", schedule, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Slot])
	if err != nil {
		return nil, fmt.Errorf("list times of schedule %s: %w", schedule, err)
	}
	return list, nil
}

// ScheduleChange is what to change of a schedule; nil leaves it.
type ScheduleChange struct {
	Expression, Zone *string
	Missed           *timetable.Missed
	Enabled          *bool
}

// ErrChoreMissed says that what becomes of missed times cannot be said of a chore.
var ErrChoreMissed = errors.New("it is a chore of the workers, which is done once for all times that were missed")

// ChangeSchedule changes a schedule. One that gets other times, or is switched on, has missed nothing.
func ChangeSchedule(ctx context.Context, control *pgxpool.Pool, name string, c ScheduleChange) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	tag, err := control.Exec(ctx, `
		UPDATE tenantry.schedules
		SET expression = coalesce($2, expression), zone = coalesce($3, zone), missed = coalesce($4::text, missed), enabled = coalesce($5, enabled), error = ''
		WHERE name = $1 AND ($4::text IS NULL OR kind IS NOT NULL)`, name, c.Expression, c.Zone, c.Missed, c.Enabled)
	if err != nil {
		return fmt.Errorf("change schedule %s: %w", name, err)
	}
	if tag.RowsAffected() == 0 {
		if list, err := Schedules(ctx, control, name); err != nil || len(list) == 0 {
			return err
		}
		return ErrChoreMissed
	}
	return nil
}

// RunNow does what a schedule does at once: it returns its operation, or "" for a chore, which a worker does within seconds.
func RunNow(ctx context.Context, control *pgxpool.Pool, name, requestedBy string) (operationID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err = control.QueryRow(ctx, `SELECT coalesce(tenantry.run_now($1, $2), '')`, name, requestedBy).Scan(&operationID)
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == "TY002" {
		return "", ErrNoSchedule
	}
	if err != nil {
		return "", fmt.Errorf("run schedule %s: %w", name, err)
	}
	return operationID, nil
}
