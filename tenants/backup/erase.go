package backup

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// OfTenant lists the keys that a tenant has ever had, and the backups whose objects may be in the store.
func (c *Catalog) OfTenant(ctx context.Context, tenant string) (keys []ErasedKey, backups []ErasedBackup, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := c.pool.Query(ctx, `SELECT id, recipient FROM tenantry.backup_keys WHERE tenant_id = $1 ORDER BY id`, tenant)
	if err != nil {
		return nil, nil, fmt.Errorf("list keys: %w", err)
	}
	if keys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ErasedKey]); err != nil {
		return nil, nil, fmt.Errorf("list keys: %w", err)
	}
	rows, err = c.pool.Query(ctx, `
		SELECT id, taken_at, coalesce(bytes, 0) FROM tenantry.backups WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY id`, tenant)
	if err != nil {
		return nil, nil, fmt.Errorf("list backups: %w", err)
	}
	backups, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ErasedBackup])
	return keys, backups, wrap("list backups", err)
}

// DestroyKeys takes the private halves of a tenant's keys out of the control database, and its backups out of what there is. What is in the store is deleted
// next, and is unreadable until then.
func DestroyKeys(ctx context.Context, tx pgx.Tx, tenant string) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry.backup_keys SET sealed = NULL, destroyed_at = now() WHERE tenant_id = $1 AND destroyed_at IS NULL`, tenant)
	if err != nil {
		return fmt.Errorf("destroy keys: %w", err)
	}
	// The rows stay without their dates of deletion until the tenant's end is recorded: an attempt that comes after a crash certifies the same.
	_, err = tx.Exec(ctx, `UPDATE tenantry.backups SET state = CASE WHEN state = 'writing' THEN 'failed' WHEN state = 'failed' THEN state ELSE 'gone' END WHERE tenant_id = $1`, tenant)
	if err != nil {
		return fmt.Errorf("end backups: %w", err)
	}
	return nil
}
