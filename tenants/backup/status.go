package backup

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Status is how a tenant stands with its backups.
type Status struct {
	TenantID string `db:"tenant_id" json:"tenant_id"`
	Tenant   string `db:"tenant"    json:"tenant"`
	// Newest and Verified are when the newest backup, and the newest that is verified, were taken, or up to when they are known to be what the tenant had; nil is never.
	Newest   *time.Time `db:"newest"   json:"newest"`
	Verified *time.Time `db:"verified" json:"verified"`
	// Backups is how many are complete, Bytes what all of them take in the store.
	Backups int   `db:"backups" json:"backups"`
	Bytes   int64 `db:"bytes"   json:"bytes"`
	// RestoreSeconds is how long it took to restore the newest one that was verified.
	RestoreSeconds *float32 `db:"restore_seconds" json:"restore_seconds"`
	// Late says that the newest verified backup is older than the objective, or that there is none and the tenant is older than that.
	Late bool `db:"late" json:"late"`
	// Failed says that the newest look at its newest backup has failed, or that its newest attempt to make one has.
	Failed bool `db:"failed" json:"failed"`
	// Seconds is how long the newest backup took to make.
	Seconds *float64 `db:"seconds" json:"seconds"`
	// Quiet says that the tenant was found not to have changed within the last two days: the next night is not likely to make another backup of it.
	Quiet bool `db:"quiet" json:"quiet"`
}

const statusSQL = `
SELECT t.id AS tenant_id, t.slug AS tenant, b.newest, b.verified, coalesce(b.backups, 0) AS backups, coalesce(b.bytes, 0) AS bytes, v.restore_seconds, n.seconds,
       coalesce(n.unchanged_until > now() - interval '2 days', false) AS quiet,
       coalesce(b.verified, t.activated_at, t.created_at) < now() - tenantry.setting('backup_objective')::interval AS late,
       coalesce(n.outcome = 'failed', false) OR coalesce(l.state = 'failed', false) AS failed
FROM tenantry.tenants t
LEFT JOIN LATERAL (
  SELECT max(greatest(taken_at, unchanged_until)) AS newest, max(greatest(taken_at, unchanged_until)) FILTER (WHERE outcome = 'verified') AS verified, count(*)::integer AS backups, sum(bytes)::bigint AS bytes
  FROM tenantry.backups WHERE tenant_id = t.id AND state = 'complete'
) b ON true
LEFT JOIN LATERAL (
  SELECT outcome, unchanged_until, extract(epoch FROM completed_at - created_at)::float8 AS seconds FROM tenantry.backups
  WHERE tenant_id = t.id AND state = 'complete' ORDER BY taken_at DESC LIMIT 1
) n ON true
LEFT JOIN LATERAL (
  SELECT restore_seconds FROM tenantry.backups WHERE tenant_id = t.id AND state = 'complete' AND outcome = 'verified' ORDER BY taken_at DESC LIMIT 1
) v ON true
LEFT JOIN LATERAL (SELECT state FROM tenantry.backups WHERE tenant_id = t.id ORDER BY created_at DESC, id DESC LIMIT 1) l ON true
WHERE t.state IN ('active', 'suspended') AND ($1 = '' OR t.id = $1)
ORDER BY late DESC, b.verified NULLS FIRST, t.slug`

// Status tells how every tenant, or one, stands; those first that are worst off.
func (c *Catalog) Status(ctx context.Context, tenantID string) ([]Status, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := c.pool.Query(ctx, statusSQL, tenantID)
	if err != nil {
		return nil, fmt.Errorf("read status of backups: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Status])
	return list, wrap("read status of backups", err)
}

// Before finds the newest backup of each of some tenants, by their ids, that was taken before a time and has not failed. Those that have none are left out.
func (c *Catalog) Before(ctx context.Context, tenantIDs []string, at time.Time) (map[string]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := c.pool.Query(ctx, `
		SELECT DISTINCT ON (b.tenant_id) `+rowColumns+`, NULL::jsonb AS manifest
		FROM tenantry.backups b
		JOIN tenantry.tenants t ON t.id = b.tenant_id
		WHERE b.tenant_id = ANY ($1) AND b.state = 'complete' AND b.outcome <> 'failed' AND b.taken_at <= $2
		ORDER BY b.tenant_id, b.taken_at DESC, b.id DESC`, tenantIDs, at)
	if err != nil {
		return nil, fmt.Errorf("find newest backups: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Row])
	found := make(map[string]Row, len(list))
	for _, b := range list {
		found[b.TenantID] = b
	}
	return found, wrap("find newest backups", err)
}

// Stranded is a tenant that lives on a lost node.
type Stranded struct {
	TenantID   string        `json:"tenant_id"`
	Tenant     string        `json:"tenant"`
	State      tenants.State `json:"state"`
	DatabaseID string        `json:"database_id"` // on the lost node
	// Key is the idempotency key of its restore: one for this loss of its database, and after one that failed another.
	Key string `json:"-"`
}

const strandedSQL = `
SELECT t.id, t.slug, t.state, t.database_id, p.prefix || (
         SELECT count(*) FROM tenantry.operations o
         WHERE o.kind = 'restore_in_place' AND o.tenant_id = t.id AND starts_with(o.idempotency_key, p.prefix) AND o.state IN ('failed', 'cancelled'))
FROM tenantry.nodes n
JOIN tenantry.databases d ON d.node_id = n.id
JOIN tenantry.tenants t ON t.database_id = d.id
CROSS JOIN LATERAL (SELECT format('lost/%s/%s/', d.id, (extract(epoch FROM n.lost_at) * 1000000)::bigint) AS prefix) p
WHERE n.id = $1 AND n.state = 'lost' AND t.state <> 'deleted' AND t.labels @> $2
ORDER BY t.slug`

// Stranded lists the tenants that live on a lost node and have some labels, by slug.
func (c *Catalog) Stranded(ctx context.Context, nodeID string, labels map[string]string) ([]Stranded, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := c.pool.Query(ctx, strandedSQL, nodeID, labels)
	if err != nil {
		return nil, fmt.Errorf("list who lives on the lost node: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Stranded])
	return list, wrap("list who lives on the lost node", err)
}

// Hold keeps a backup whatever retention says.
func (c *Catalog) Hold(ctx context.Context, id, by, reason string) error {
	return c.set(ctx, id, `UPDATE tenantry.backups SET held_by = $2, held_for = $3, held_at = now() WHERE id = $1 AND state = 'complete'`, by, reason)
}

// Release ends a hold. Who ended it stands nowhere but in the log of the control database.
func (c *Catalog) Release(ctx context.Context, id string) error {
	return c.set(ctx, id, `UPDATE tenantry.backups SET held_by = NULL, held_for = NULL, held_at = NULL WHERE id = $1 AND state = 'complete'`)
}

func (c *Catalog) set(ctx context.Context, id, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	tag, err := c.pool.Exec(ctx, sql, append([]any{id}, args...)...)
	if err == nil && tag.RowsAffected() == 0 {
		return fmt.Errorf("backup %q: %w", id, ErrNoBackup)
	}
	return wrap("change backup "+id, err)
}
