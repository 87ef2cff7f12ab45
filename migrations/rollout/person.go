package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// What a person decides. Refusals are errors of the control database with codes TY001 to TY003, a message and a hint.

// Pause lets nobody begin from now on. What runs ends.
func Pause(ctx context.Context, db DB, id, by string) error {
	return call(ctx, db, "pause", `SELECT tenantry.pause_rollout($1, $2)`, id, by)
}

// Resume goes on where a pause stopped. Failures so far do not count any more; pastGate overrules a gate that said no.
func Resume(ctx context.Context, db DB, id string, pastGate bool) error {
	return call(ctx, db, "resume", `SELECT tenantry.resume_rollout($1, $2)`, id, pastGate)
}

// Abort ends a rollout when what runs has ended. Tenants that have the release keep it.
func Abort(ctx context.Context, db DB, id, by string) error {
	return call(ctx, db, "abort", `SELECT tenantry.abort_rollout($1, $2)`, id, by)
}

// Retry takes failed tenants up again, all or the one of this id, and returns how many.
func Retry(ctx context.Context, db DB, id, tenantID, by string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var n int
	err := db.QueryRow(ctx, `SELECT tenantry.retry_rollout($1, nullif($2, ''), $3)`, id, tenantID, by).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("retry: %w", err)
	}
	return n, nil
}

func call(ctx context.Context, db DB, what, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// PinFor is how long a pin holds when nothing is said.
const PinFor = 30 * 24 * time.Hour

// Pin keeps a tenant at a release, or below it, until a day. A pin that is there is replaced.
func Pin(ctx context.Context, db DB, tenantID, release, reason, by string, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var pinned string
	err := db.QueryRow(ctx, `
		INSERT INTO tenantry.pins (tenant_id, release_id, reason, pinned_by, until)
		SELECT $1, r.id, $3, $4, $5 FROM tenantry.releases r WHERE r.name = $2
		ON CONFLICT (tenant_id) DO UPDATE
		SET release_id = excluded.release_id, reason = excluded.reason, pinned_by = excluded.pinned_by, pinned_at = now(), until = excluded.until
		RETURNING tenant_id`, tenantID, release, reason, by, until).Scan(&pinned)
	if err != nil {
		return fmt.Errorf("pin: %w", noRows(err, ErrNoRelease))
	}
	return nil
}

// ErrNotPinned says that there is no pin to take away.
var ErrNotPinned = errors.New("the tenant is not pinned")

// Unpin lets a tenant come to any release again.
func Unpin(ctx context.Context, db DB, tenantID string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var gone string
	err := db.QueryRow(ctx, `DELETE FROM tenantry.pins WHERE tenant_id = $1 RETURNING tenant_id`, tenantID).Scan(&gone)
	if err != nil {
		return fmt.Errorf("unpin: %w", noRows(err, ErrNotPinned))
	}
	return nil
}

// Quarantined is a tenant whose migration failed for good.
type Quarantined struct {
	TenantID    string         `db:"tenant_id"    json:"tenant_id"`
	Slug        string         `db:"slug"         json:"tenant"`
	Release     string         `db:"release"      json:"release"` // that it could not be brought to
	RolloutID   *string        `db:"rollout_id"   json:"rollout_id"`
	OperationID *string        `db:"operation_id" json:"operation_id"`
	Evidence    map[string]any `db:"evidence"     json:"evidence"`
	At          time.Time      `db:"at"           json:"at"`
}

// Quarantine lists who is in it.
func Quarantine(ctx context.Context, db DB) ([]Quarantined, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := db.Query(ctx, `
		SELECT q.tenant_id, t.slug, r.name AS release, q.rollout_id, q.operation_id, q.evidence, q.at
		FROM tenantry.quarantines q
		JOIN tenantry.tenants t ON t.id = q.tenant_id
		JOIN tenantry.releases r ON r.id = q.release_id
		WHERE q.released_at IS NULL
		ORDER BY q.at`)
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Quarantined])
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	return list, nil
}

// ErrNotQuarantined says that a tenant is not in quarantine.
var ErrNotQuarantined = errors.New("the tenant is not in quarantine")

// Release lets a tenant out of quarantine: the next rollout takes it.
func Release(ctx context.Context, db DB, tenantID, by string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var released string
	err := db.QueryRow(ctx, `
		UPDATE tenantry.quarantines SET released_at = now(), released_by = $2
		WHERE tenant_id = $1 AND released_at IS NULL
		RETURNING id`, tenantID, by).Scan(&released)
	if err != nil {
		return fmt.Errorf("release: %w", noRows(err, ErrNotQuarantined))
	}
	return nil
}
