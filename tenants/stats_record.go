package tenants

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Measurable is a tenant whose database can be measured, and the newest look at it.
type Measurable struct {
	TenantID   string `db:"tenant_id"`
	Slug       string `db:"slug"`
	DatabaseID string `db:"database_id"`
	Database   string `db:"database"` // its name
	NodeID     string `db:"node_id"`
	// Counters and At are of the newest look, nil where there was none.
	Counters *Activity  `db:"counters"`
	At       *time.Time `db:"at"`
}

// Measurable lists the tenants that have a database, by node and id.
func (r *Registry) Measurable(ctx context.Context) ([]Measurable, error) {
	list, err := all[Measurable](ctx, r.pool, `
		SELECT t.id AS tenant_id, t.slug, d.id AS database_id, d.name AS database, d.node_id, m.counters, m.at
		FROM tenantry.tenants t
		JOIN tenantry.databases d ON d.id = t.database_id AND d.state = 'assigned'
		LEFT JOIN tenantry.measured m ON m.tenant_id = t.id
		WHERE t.state <> 'deleted'
		ORDER BY d.node_id, t.id`)
	return list, wrapf(err, "list whom to measure")
}

// Measured is a look at a tenant's database.
type Measured struct {
	Measurable

	Bytes int64
	Now   Activity
	// Seen is when somebody was there; nil is not known.
	Seen *time.Time
}

// recordSQL records looks, each if none was recorded since the one before it, and the tenant lives where it lived: however many look at a time, nothing is counted twice. When
// rows were written somebody was active, on the day that they count for.
const recordSQL = `
WITH looks AS (
  SELECT l.*, (coalesce(l.before + (now() - l.before) / 2, now()) AT TIME ZONE 'UTC')::date AS day
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[], $7::jsonb[], $8::boolean[])
    AS l (tenant_id, database_id, bytes, counters, before, seen, work, whole)
  JOIN tenantry.tenants t ON t.id = l.tenant_id AND t.database_id = l.database_id
), newest AS (
  INSERT INTO tenantry.measured AS m (tenant_id, database_id, counters, at, last_active)
  SELECT l.tenant_id, l.database_id, l.counters, now(),
         greatest((l.seen AT TIME ZONE 'UTC')::date, CASE WHEN (l.work ->> 'rows_written')::bigint > 0 THEN l.day END)
  FROM looks l
  ORDER BY l.tenant_id
  ON CONFLICT (tenant_id) DO UPDATE
  SET database_id = excluded.database_id, counters = excluded.counters, at = excluded.at, last_active = greatest(m.last_active, excluded.last_active)
  WHERE m.at = (SELECT l.before FROM looks l WHERE l.tenant_id = m.tenant_id)
  RETURNING m.tenant_id
), size AS (
  INSERT INTO tenantry.sizes (database_id, bytes, tables)
  SELECT l.database_id, l.bytes, '[]' FROM looks l JOIN newest USING (tenant_id)
  ON CONFLICT (database_id) DO UPDATE SET bytes = excluded.bytes, seen_at = now()
)
INSERT INTO tenantry.tenant_days AS d (tenant_id, day, bytes, transactions, rows_written, rows_read, sessions, whole, measured_at)
SELECT l.tenant_id, l.day, l.bytes, (l.work ->> 'transactions')::bigint, (l.work ->> 'rows_written')::bigint, (l.work ->> 'rows_read')::bigint,
       (l.work ->> 'sessions')::bigint, l.whole, now()
FROM looks l
JOIN newest USING (tenant_id)
ORDER BY l.tenant_id
ON CONFLICT (tenant_id, day) DO UPDATE
SET bytes = excluded.bytes, whole = d.whole AND excluded.whole, measured_at = excluded.measured_at,
    transactions = coalesce(d.transactions + excluded.transactions, d.transactions, excluded.transactions),
    rows_written = coalesce(d.rows_written + excluded.rows_written, d.rows_written, excluded.rows_written),
    rows_read = coalesce(d.rows_read + excluded.rows_read, d.rows_read, excluded.rows_read),
    sessions = coalesce(d.sessions + excluded.sessions, d.sessions, excluded.sessions)`

// RecordMeasured keeps looks at tenants' databases.
func RecordMeasured(ctx context.Context, tx pgx.Tx, list []Measured) error {
	n := len(list)
	tenantIDs, databases, bytes, counters := make([]string, n), make([]string, n), make([]int64, n), make([]string, n)
	before, seen, works, wholes := make([]*time.Time, n), make([]*time.Time, n), make([]*string, n), make([]bool, n)
	for i, m := range list {
		tenantIDs[i], databases[i], bytes[i], before[i], seen[i] = m.TenantID, m.DatabaseID, m.Bytes, m.At, m.Seen
		text, err := json.Marshal(m.Now)
		if err != nil {
			return fmt.Errorf("record statistics: %w", err)
		}
		counters[i] = string(text)
		if m.Counters == nil {
			continue
		}
		work, whole, known := m.Now.Since(*m.Counters)
		if !known {
			continue
		}
		if text, err = json.Marshal(work); err != nil {
			return fmt.Errorf("record statistics: %w", err)
		}
		works[i], wholes[i] = new(string(text)), whole
	}
	_, err := tx.Exec(ctx, recordSQL, tenantIDs, databases, bytes, counters, before, seen, works, wholes)
	return wrapf(err, "record statistics")
}

const (
	// statsKept is for how many days statistics are kept, and forgetAtOnce how many rows are deleted together.
	statsKept    = 400
	forgetAtOnce = 10_000
)

// ForgetMeasured deletes some of the statistics that are kept for long enough, and says how many; 0 is that there are no more.
func ForgetMeasured(ctx context.Context, tx pgx.Tx) (int64, error) {
	tag, err := tx.Exec(ctx, `
		DELETE FROM tenantry.tenant_days
		WHERE ctid = ANY (ARRAY(SELECT ctid FROM tenantry.tenant_days WHERE day < (now() AT TIME ZONE 'UTC')::date - $1::integer LIMIT $2))`, statsKept, forgetAtOnce)
	return tag.RowsAffected(), wrapf(err, "forget old statistics")
}
