package backup

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants/backup/retention"
)

// ErrNoRule says that there is no policy of retention for such tenants.
var ErrNoRule = errors.New("there is no such policy")

// Rules reads how long backups of which tenants are kept.
func (c *Catalog) Rules(ctx context.Context) (retention.Rules, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var rules retention.Rules
	var fleet string
	if err := c.pool.QueryRow(ctx, `SELECT tenantry.setting('backup_retention')`).Scan(&fleet); err != nil {
		return rules, fmt.Errorf("read backup_retention: %w", err)
	}
	var err error
	if rules.Fleet, err = retention.Parse(fleet); err != nil {
		return rules, fmt.Errorf("setting backup_retention: %w", err)
	}
	rows, err := c.pool.Query(ctx, `SELECT coalesce(tenant_id, ''), coalesce(labels, '{}'), policy FROM tenantry.retention ORDER BY tenant_id NULLS LAST, labels`)
	if err != nil {
		return rules, fmt.Errorf("read policies: %w", err)
	}
	rules.Rules, err = pgx.CollectRows(rows, pgx.RowToStructByPos[retention.Rule])
	return rules, wrap("read policies", err)
}

// SetRule keeps the backups of a tenant, or of all tenants with labels, for as long as the rule says, instead of what was said of the same before.
func (c *Catalog) SetRule(ctx context.Context, r retention.Rule) error {
	if err := r.Policy.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := c.pool.Exec(ctx, `
		INSERT INTO tenantry.retention (tenant_id, labels, policy) VALUES (nullif($1, ''), CASE WHEN $1 = '' THEN $2::jsonb END, $3)
		ON CONFLICT (coalesce(tenant_id, ''), coalesce(labels, '{}')) DO UPDATE SET policy = excluded.policy, updated_at = now()`, r.Tenant, r.Labels, r.Policy)
	return wrap("set policy", err)
}

// UnsetRule forgets what was said of a tenant, or of labels; the rule's policy does not matter.
func (c *Catalog) UnsetRule(ctx context.Context, r retention.Rule) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	tag, err := c.pool.Exec(ctx, `
		DELETE FROM tenantry.retention WHERE coalesce(tenant_id, '') = $1 AND coalesce(labels, '{}') = CASE WHEN $1 = '' THEN $2::jsonb ELSE '{}' END`, r.Tenant, r.Labels)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNoRule
	}
	return wrap("unset policy", err)
}

var outcomes = map[string]retention.Outcome{"verified": retention.Verified, "failed": retention.Failed}

// Retained is a complete backup as retention looks at it.
func (r Row) Retained() retention.Backup {
	return retention.Backup{ID: r.ID, At: *r.TakenAt, Until: r.AsOf(), Outcome: outcomes[r.Outcome], Held: r.HeldBy != nil}
}
