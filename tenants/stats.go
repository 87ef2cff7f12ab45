package tenants

import (
	"context"
	"time"
)

// Stats is how large a tenant is, and what was done in it in some days.
type Stats struct {
	TenantID string `db:"tenant_id" json:"tenant_id"`
	Tenant   string `db:"tenant"    json:"tenant"` // its slug
	State    State  `db:"state"     json:"state"`
	Node     string `db:"node"      json:"node"`
	// Bytes is how large it was when it was measured last, Grown how much larger than at the end of the first of the days of which that is known. nil is not known.
	Bytes *int64 `db:"bytes" json:"bytes"`
	Grown *int64 `db:"grown" json:"grown"`
	// What was done in these days; nil is not known.
	Transactions *int64 `db:"transactions" json:"transactions"`
	RowsWritten  *int64 `db:"rows_written" json:"rows_written"`
	RowsRead     *int64 `db:"rows_read"    json:"rows_read"`
	Sessions     *int64 `db:"sessions"     json:"sessions"`
	// Whole is that nothing is missing in it; false: there was more.
	Whole      bool       `db:"whole"       json:"whole"`
	LastActive *string    `db:"last_active" json:"last_active"` // the day in UTC, as far as known
	MeasuredAt *time.Time `db:"measured_at" json:"measured_at"` // nil is never
}

const statsSQL = `
SELECT t.id AS tenant_id, t.slug AS tenant, t.state, n.name AS node, l.bytes, l.bytes - f.bytes AS grown,
       w.transactions, w.rows_written, w.rows_read, w.sessions, coalesce(w.whole, false) AS whole, m.last_active::text AS last_active, m.at AS measured_at
FROM tenantry.tenants t
JOIN tenantry.databases d ON d.id = t.database_id
JOIN tenantry.nodes n ON n.id = d.node_id
LEFT JOIN tenantry.measured m ON m.tenant_id = t.id
LEFT JOIN LATERAL (SELECT s.bytes FROM tenantry.tenant_days s WHERE s.tenant_id = t.id ORDER BY s.day DESC LIMIT 1) l ON true
LEFT JOIN LATERAL (
  SELECT s.bytes FROM tenantry.tenant_days s WHERE s.tenant_id = t.id AND s.day >= (now() AT TIME ZONE 'UTC')::date - $1::integer ORDER BY s.day LIMIT 1
) f ON true
LEFT JOIN LATERAL (
  SELECT sum(s.transactions)::bigint AS transactions, sum(s.rows_written)::bigint AS rows_written, sum(s.rows_read)::bigint AS rows_read,
         sum(s.sessions)::bigint AS sessions, bool_and(s.whole) AS whole
  FROM tenantry.tenant_days s
  WHERE s.tenant_id = t.id AND s.day >= (now() AT TIME ZONE 'UTC')::date - $1::integer
) w ON true
WHERE t.state <> 'deleted'
ORDER BY l.bytes DESC NULLS LAST, t.slug`

// Stats tells of every tenant that is not deleted how large it is, and what was done in it since so many days ago; the largest first.
func (r *Registry) Stats(ctx context.Context, days int) ([]Stats, error) {
	list, err := all[Stats](ctx, r.pool, statsSQL, days)
	return list, wrapf(err, "read statistics")
}

// StatsDay is how large a tenant was at the end of a day, and what was done in it.
type StatsDay struct {
	Day   string `db:"day"   json:"day"` // in UTC
	Bytes int64  `db:"bytes" json:"bytes"`
	// Grown is how much larger than at the end of the day before of which that is known; nil is not known.
	Grown        *int64    `db:"grown"        json:"grown"`
	Transactions *int64    `db:"transactions" json:"transactions"`
	RowsWritten  *int64    `db:"rows_written" json:"rows_written"`
	RowsRead     *int64    `db:"rows_read"    json:"rows_read"`
	Sessions     *int64    `db:"sessions"     json:"sessions"`
	Whole        bool      `db:"whole"        json:"whole"` // as in Stats
	MeasuredAt   time.Time `db:"measured_at"  json:"measured_at"`
}

// StatsDays tells of each day since so many days ago, the newest first. Days on which a tenant was not measured are left out.
func (r *Registry) StatsDays(ctx context.Context, tenantID string, days int) ([]StatsDay, error) {
	list, err := all[StatsDay](ctx, r.pool, `
		SELECT s.day::text AS day, s.bytes, s.grown, s.transactions, s.rows_written, s.rows_read, s.sessions, s.whole, s.measured_at
		FROM (
		  SELECT s.day, s.bytes, s.bytes - lag(s.bytes) OVER (ORDER BY s.day) AS grown, s.transactions, s.rows_written, s.rows_read, s.sessions, s.whole, s.measured_at
		  FROM tenantry.tenant_days s
		  WHERE s.tenant_id = $1
		) s
		WHERE s.day >= (now() AT TIME ZONE 'UTC')::date - $2::integer
		ORDER BY s.day DESC`, tenantID, days)
	return list, wrapf(err, "read statistics of tenant %s", tenantID)
}
