package backup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Evidence is what shows that a database has not changed since a backup of it. Values of sequences are not counted, so they are looked at.
type Evidence struct {
	tenants.Counters

	Sequences []Sequence `json:"sequences"`
	// Settings are what the database itself sets, which is counted elsewhere.
	Settings []string `json:"settings"`
}

// Changed says in words why the database may have changed, by what its server knows without a session in it; "" is that it has not, but for its sequences.
func (e Evidence) Changed(now tenants.Counters, settings []string) string {
	if why := e.Counters.Changed(now); why != "" {
		return why
	}
	if !slices.Equal(slices.Sorted(slices.Values(e.Settings)), slices.Sorted(slices.Values(settings))) {
		return "what the database sets is another"
	}
	return ""
}

// SequencesChanged says which sequence does not stand where it did, in words; "" is none. conn is a session that may become the owner.
func (e Evidence) SequencesChanged(ctx context.Context, conn *pgx.Conn, owner string) (string, error) {
	if err := WriteSameText(ctx, conn, owner); err != nil {
		return "", fmt.Errorf("look at sequences: %w", err)
	}
	found, err := compareSequences(ctx, conn, e.Sequences)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].String(), nil
}

// Base is a backup that may stand for a tenant that has not changed since.
type Base struct {
	ID         string
	At         time.Time
	TenantID   string
	Tenant     string // its slug
	DatabaseID string
	Database   string // its name
	NodeID     string
	Evidence   *Evidence // nil is none
}

// The newest backup, and it is verified. A database that was not the tenant's in between says nothing of that time.
const basesSQL = `
SELECT b.id, b.taken_at, t.id, t.slug, d.id, d.name, d.node_id, b.evidence
FROM tenantry.tenants t
JOIN tenantry.databases d ON d.id = t.database_id
CROSS JOIN LATERAL (
  SELECT n.* FROM tenantry.backups n WHERE n.tenant_id = t.id AND n.state = 'complete' ORDER BY n.taken_at DESC LIMIT 1
) b
JOIN tenantry.backup_keys k ON k.id = b.key_id AND k.destroyed_at IS NULL
WHERE t.state = 'active' AND ($2 = '' OR $2 IN (t.id, t.slug)) AND b.outcome = 'verified' AND b.store = $1
  AND b.taken_at > now() - tenantry.setting('backup_unchanged')::interval
  AND NOT EXISTS (SELECT FROM tenantry.swaps s WHERE s.tenant_id = t.id AND s.swapped_at > b.taken_at)
ORDER BY d.node_id, t.id`

// Bases lists of each active tenant the newest backup, when that is verified, lies in the store of this URL, and is not older than the setting backup_unchanged.
// only is a tenant's slug or id; "" is all.
func (c *Catalog) Bases(ctx context.Context, store, only string) ([]Base, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := c.pool.Query(ctx, basesSQL, store, only)
	if err != nil {
		return nil, fmt.Errorf("read newest backups: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Base])
	return list, wrap("read newest backups", err)
}

// coverSQL looks again at what may have become another since [Catalog.Bases]; a backup that was made meanwhile does not matter.
const coverSQL = `
UPDATE tenantry.backups b
SET unchanged_until = greatest(b.unchanged_until, $2)
FROM tenantry.tenants t
WHERE b.id = $1 AND b.state = 'complete' AND b.outcome = 'verified' AND t.id = b.tenant_id AND t.state = 'active' AND t.database_id = $3
  AND NOT EXISTS (SELECT FROM tenantry.swaps s WHERE s.tenant_id = t.id AND s.swapped_at > b.taken_at)`

// Cover records that a tenant has not changed since b until a time. covered is false where b does not stand for it any more.
func (b Base) Cover(ctx context.Context, tx pgx.Tx, until time.Time) (covered bool, err error) {
	tag, err := tx.Exec(ctx, coverSQL, b.ID, until, b.DatabaseID)
	return tag.RowsAffected() == 1, wrap("record that a tenant has not changed", err)
}
