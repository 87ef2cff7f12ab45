package workers

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/retention"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var atExpireRow = crashpoint.New("expire.row.after")

// expired is the result of letting backups expire.
type expired struct {
	Kept    int `json:"kept"`
	Expired int `json:"expired"`
	Exports int `json:"exports"` // that were deleted
	Uploads int `json:"uploads"` // for imports, that were deleted
	backup.Swept
}

// expireBackups deletes the backups that retention does not keep, and what is left of others; exports as well.
func (t *toolbox) expireBackups(ctx context.Context, r *run) (done, error) {
	store, _, err := t.vault.open(ctx)
	if err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "decide", 0, 0); err != nil {
		return done{}, err
	}
	var result expired
	if result.Kept, err = t.decide(ctx, r); err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "delete", 0, 0); err != nil {
		return done{}, err
	}
	if result.Expired, err = t.removeExpired(ctx, r, store); err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "sweep", 0, 0); err != nil {
		return done{}, err
	}
	if result.Swept, err = store.Sweep(ctx, t.knownBackups); err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "exports", 0, 0); err != nil {
		return done{}, err
	}
	if result.Exports, err = t.expireExports(ctx, r, store); err != nil {
		return done{}, err
	}
	if result.Uploads, err = t.removeUploads(ctx, store); err != nil {
		return done{}, err
	}
	return done{result: result}, nil
}

// decide marks what retention does not keep, and returns how many backups stay.
func (t *toolbox) decide(ctx context.Context, r *run) (kept int, err error) {
	rules, err := t.vault.catalog.Rules(ctx)
	if err != nil {
		return 0, err
	}
	all, err := t.reg.Tenants(ctx, tenants.TenantFilter{States: tenants.States()})
	if err != nil {
		return 0, err
	}
	rows, err := t.vault.catalog.List(ctx, backup.Filter{})
	if err != nil {
		return 0, err
	}
	labels := map[string]map[string]string{}
	for _, tenant := range all {
		labels[tenant.ID] = tenant.Labels
	}
	byTenant := map[string][]retention.Backup{}
	for _, b := range rows {
		byTenant[b.TenantID] = append(byTenant[b.TenantID], b.Retained())
	}
	for tenant, list := range byTenant {
		policy, _ := rules.For(tenant, labels[tenant])
		for _, v := range retention.Decide(policy, list, time.UTC) {
			if v.Keep() {
				kept++
				continue
			}
			if err := t.letExpire(ctx, r, v.ID); err != nil {
				return kept, err
			}
		}
	}
	return kept, nil
}

// letExpire marks a backup, unless somebody holds it or works with it by now. What is marked is deleted, by this attempt or another.
func (t *toolbox) letExpire(ctx context.Context, r *run, id string) error {
	err := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE tenantry.backups b SET state = 'expiring'
			WHERE b.id = $1 AND b.state = 'complete' AND b.held_by IS NULL
			  AND NOT EXISTS (SELECT FROM tenantry.operations o WHERE o.finished_at IS NULL AND o.args ->> 'backup' = b.id)`, id)
		return err //nolint:wrapcheck // wrapped below
	})
	atExpireRow.Hit(ctx)
	if err != nil {
		return fmt.Errorf("let backup %s expire: %w", id, err)
	}
	return nil
}

func (t *toolbox) removeExpired(ctx context.Context, r *run, store *backup.Store) (int, error) {
	rows, err := t.reg.Pool().Query(ctx, `SELECT id, tenant_id FROM tenantry.backups WHERE state = 'expiring' AND store = $1 ORDER BY id`, store.URL())
	if err != nil {
		return 0, fmt.Errorf("list expiring backups: %w", err)
	}
	type marked struct{ ID, Tenant string }
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[marked])
	if err != nil {
		return 0, fmt.Errorf("list expiring backups: %w", err)
	}
	for i, b := range list {
		if err := r.Step(ctx, "delete", int64(i), int64(len(list))); err != nil {
			return i, err
		}
		if err := store.Remove(ctx, b.Tenant, b.ID); err != nil {
			return i, err
		}
		err := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE tenantry.backups SET state = 'gone', deleted_at = now() WHERE id = $1 AND state = 'expiring'`, b.ID)
			return err //nolint:wrapcheck // the caller does
		})
		if err != nil {
			return i, err
		}
	}
	return len(list), nil
}

// knownBackups says what the control database knows of a tenant's backups.
func (t *toolbox) knownBackups(ctx context.Context, tenant string) (map[string]backup.Known, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := t.reg.Pool().Query(ctx, `SELECT id, state IN ('failed', 'gone') FROM tenantry.backups WHERE tenant_id = $1`, tenant)
	if err != nil {
		return nil, fmt.Errorf("read backups of tenant %s: %w", tenant, err)
	}
	known := map[string]backup.Known{}
	var id string
	var dead bool
	_, err = pgx.ForEachRow(rows, []any{&id, &dead}, func() error {
		known[id] = backup.Alive
		if dead {
			known[id] = backup.Dead
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read backups of tenant %s: %w", tenant, err)
	}
	return known, nil
}
