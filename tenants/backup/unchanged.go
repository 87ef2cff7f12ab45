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
	// Closed is the tenant's epoch, where its database let nobody in: while the epoch is the same nobody was in it since. 0 is that it was open.
	Closed int64 `json:"closed,omitempty"`
}

// StoodStill says that nobody can have used a sequence since, of a tenant that is suspended in this epoch.
func (e Evidence) StoodStill(epoch int64) bool { return e.Closed != 0 && e.Closed == epoch }

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
	if _, err := conn.PgConn().Exec(ctx, "SET ROLE "+tenants.Ident(owner)).ReadAll(); err != nil {
		return "", fmt.Errorf("become the owner: %w", err)
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
	State      tenants.State
	Epoch      int64
	DatabaseID string
	Database   string // its name
	NodeID     string
	Evidence   *Evidence // nil is none
	Data       Object    // the one with its rows, as far as it is looked for
}

// There is an error when the backup's rows do not lie in the store, in their size, or when that cannot be known.
func (b Base) There(ctx context.Context, store *Store) error { return store.check(ctx, b.Data) }

// The newest backup, and it is verified. A database that was not the tenant's in between says nothing of that time.
const basesSQL = `
SELECT b.id, b.taken_at, t.id, t.slug, t.state, t.epoch, d.id, d.name, d.node_id, b.evidence, b.manifest -> 'data'
FROM tenantry.tenants t
JOIN tenantry.databases d ON d.id = t.database_id
CROSS JOIN LATERAL (
  SELECT n.* FROM tenantry.backups n WHERE n.tenant_id = t.id AND n.state = 'complete' ORDER BY n.taken_at DESC LIMIT 1
) b
JOIN tenantry.backup_keys k ON k.id = b.key_id AND k.destroyed_at IS NULL
WHERE t.state IN ('active', 'suspended') AND ($2 = '' OR $2 IN (t.id, t.slug)) AND b.outcome = 'verified' AND b.store = $1
  AND b.taken_at > now() - tenantry.setting('backup_unchanged')::interval
  AND NOT EXISTS (SELECT FROM tenantry.swaps s WHERE s.tenant_id = t.id AND s.swapped_at > b.taken_at)
ORDER BY d.node_id, t.id`

// Bases lists of each tenant that is active or suspended the newest backup, when that is verified, lies in the store of this URL, and is not older than the setting backup_unchanged.
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

// coverSQL looks again at what may have become another since [Catalog.Bases]; a backup that was made meanwhile does not matter. A tenant that is suspended must have been so
// all the time: nobody has looked at its sequences.
const coverSQL = `
UPDATE tenantry.backups b
SET unchanged_until = greatest(b.unchanged_until, c.until)
FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[]) AS c (id, until, database_id, state, epoch)
JOIN tenantry.tenants t ON t.database_id = c.database_id AND t.state = c.state AND (t.state = 'active' OR t.epoch = c.epoch)
WHERE b.id = c.id AND b.tenant_id = t.id AND b.state = 'complete' AND b.outcome = 'verified'
  AND NOT EXISTS (SELECT FROM tenantry.swaps s WHERE s.tenant_id = t.id AND s.swapped_at > b.taken_at)
RETURNING b.id`

// Covered is a base, and up to when its tenant is known not to have changed since.
type Covered struct {
	Base

	Until time.Time
}

// Cover records that tenants have not changed, and returns the ids of the backups for which it could: others do not stand for their tenants any more.
func Cover(ctx context.Context, tx pgx.Tx, list []Covered) ([]string, error) {
	ids, until, databases := make([]string, len(list)), make([]time.Time, len(list)), make([]string, len(list))
	states, epochs := make([]string, len(list)), make([]int64, len(list))
	for i, c := range list {
		ids[i], until[i], databases[i], states[i], epochs[i] = c.ID, c.Until, c.DatabaseID, string(c.State), c.Epoch
	}
	rows, err := tx.Query(ctx, coverSQL, ids, until, databases, states, epochs)
	if err != nil {
		return nil, fmt.Errorf("record that tenants have not changed: %w", err)
	}
	done, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return done, wrap("record that tenants have not changed", err)
}
