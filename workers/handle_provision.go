package workers

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// tenant reads the tenant of a run and refuses where its state does not allow the operation.
func (t *toolbox) tenant(ctx context.Context, r *run, allowed ...tenants.State) (tenants.Tenant, error) {
	if r.TenantID == nil {
		return tenants.Tenant{}, errNoTenant
	}
	tenant, err := t.reg.Tenant(ctx, *r.TenantID)
	if err != nil {
		return tenant, err
	}
	if slices.Contains(allowed, tenant.State) {
		return tenant, nil
	}
	return tenant, notPossible(tenant.Slug, tenant.State, r.Kind)
}

var errNoTenant = refuse("the operation names no tenant", "")

// activeHome reads where the tenant of a run lives, with its migrator's login, and refuses where the tenant is not active.
func (t *toolbox) activeHome(ctx context.Context, r *run) (tenants.Home, error) {
	return t.homeIn(ctx, r, tenants.StateActive)
}

// homeIn is activeHome of a tenant that may be in other states, too.
func (t *toolbox) homeIn(ctx context.Context, r *run, allowed ...tenants.State) (tenants.Home, error) {
	if r.TenantID == nil {
		return tenants.Home{}, errNoTenant
	}
	home, err := t.reg.Home(ctx, *r.TenantID, tenants.RoleMigrator)
	if err == nil && !slices.Contains(allowed, home.State) {
		err = notPossible(home.Slug, home.State, r.Kind)
	}
	return home, err
}

// notPossible refuses what does not go in a tenant's state. Rollouts know the code: such a tenant has not failed.
func notPossible(slug string, state tenants.State, kind string) error {
	return &refusal{
		code:    "tenant_state",
		message: fmt.Sprintf("tenant %s is %s, %s is not possible then", slug, state, kind),
		hint:    "see tenantry tenant show " + slug,
	}
}

// move changes a tenant's state in a record. The states it may come from are those of the state machine.
func move(ctx context.Context, tx pgx.Tx, tenantID string, to tenants.State) error {
	var from []string
	for _, s := range tenants.States() {
		if s.CanBecome(to) {
			from = append(from, string(s))
		}
	}
	tag, err := tx.Exec(ctx, `
		UPDATE tenantry.tenants
		SET state = $2,
		    activated_at = CASE WHEN $2 = 'active' THEN coalesce(activated_at, now()) ELSE activated_at END,
		    suspended_at = CASE WHEN $2 = 'suspended' THEN coalesce(suspended_at, now()) WHEN $2 = 'active' THEN NULL ELSE suspended_at END,
		    deleted_at = CASE WHEN $2 = 'deleted' THEN coalesce(deleted_at, now()) END
		WHERE id = $1 AND state = ANY ($3)`, tenantID, to, from)
	if err != nil {
		return fmt.Errorf("move tenant to %s: %w", to, err)
	}
	if tag.RowsAffected() == 0 {
		return refuse(fmt.Sprintf("the tenant cannot become %s from the state it is in", to), "")
	}
	return nil
}

func setDatabase(ctx context.Context, tx pgx.Tx, id, state string) error {
	_, err := tx.Exec(ctx, `
		UPDATE tenantry.databases
		SET state = $2,
		    built_at = CASE WHEN $2 IN ('warm', 'assigned') THEN coalesce(built_at, now()) ELSE built_at END,
		    assigned_at = CASE WHEN $2 = 'assigned' THEN coalesce(assigned_at, now()) ELSE assigned_at END,
		    dropped_at = CASE WHEN $2 = 'dropped' THEN coalesce(dropped_at, now()) END
		WHERE id = $1`, id, state)
	if err != nil {
		return fmt.Errorf("set database %s: %w", state, err)
	}
	return nil
}

// tenantBuilding is the record that a tenant's database is being made.
func (r *run) tenantBuilding(ctx context.Context, tx pgx.Tx) error {
	if err := move(ctx, tx, *r.TenantID, tenants.StateProvisioning); err != nil {
		return err
	}
	return setDatabase(ctx, tx, *r.DatabaseID, "building")
}

// tenantBuilt is the record that it is made, and the tenant's.
func (r *run) tenantBuilt(ctx context.Context, tx pgx.Tx) error {
	if err := setDatabase(ctx, tx, *r.DatabaseID, "assigned"); err != nil {
		return err
	}
	return move(ctx, tx, *r.TenantID, tenants.StateActive)
}

type provisioned struct {
	Database string `json:"database"`
	Node     string `json:"node"`
	Release  string `json:"release"`
	Warm     bool   `json:"warm"`
}

// provision makes a tenant's database.
func (t *toolbox) provision(ctx context.Context, r *run) (done, error) {
	tenant, err := t.tenant(ctx, r, tenants.StateRequested, tenants.StateProvisioning, tenants.StateFailed, tenants.StateActive)
	if err != nil {
		return done{}, err
	}
	result := provisioned{Database: tenant.Database, Node: tenant.Node, Release: tenant.Release}
	if tenant.State == tenants.StateActive {
		return done{result: result}, nil
	}
	if err := r.change(ctx, r.tenantBuilding); err != nil {
		return done{}, err
	}
	if err := t.prov.Build(ctx, r, *r.DatabaseID); err != nil {
		return done{}, err
	}
	return done{result: result, record: r.tenantBuilt}, nil
}

func (t *toolbox) abandonProvision(r *run) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		// Only what this operation was making: a tenant that was deleted meanwhile stays what it is.
		if err := failDatabase(ctx, tx, *r.DatabaseID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tenantry.tenants SET state = 'failed' WHERE id = $1 AND state IN ('requested', 'provisioning')`, *r.TenantID)
		if err != nil {
			return fmt.Errorf("move tenant to failed: %w", err)
		}
		return nil
	}
}

// warm builds a database that waits for its tenant.
func (t *toolbox) warm(ctx context.Context, r *run) (done, error) {
	db, err := t.reg.Database(ctx, *r.DatabaseID)
	if err != nil {
		return done{}, err
	}
	switch db.State {
	case "building", "failed":
	case "warm", "assigned": // built, and perhaps claimed, by an attempt whose end was lost
		return done{result: map[string]string{"database": db.Name}}, nil
	default:
		return done{}, refuse(fmt.Sprintf("database %s is %s", db.Name, db.State), "the pool refills by itself")
	}
	// One that failed is cleared away by the next refill, unless it is taken up again first: only one of the two gets it.
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE tenantry.databases SET state = 'building' WHERE id = $1 AND state IN ('building', 'failed')`, db.ID)
		if err != nil {
			return fmt.Errorf("set database building: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return refuse(fmt.Sprintf("database %s is being cleared away", db.Name), "the pool refills by itself")
		}
		return nil
	})
	if err != nil {
		return done{}, err
	}
	if err := t.prov.Build(ctx, r, db.ID); err != nil {
		return done{}, err
	}
	return done{result: map[string]string{"database": db.Name}, record: func(ctx context.Context, tx pgx.Tx) error {
		return setDatabase(ctx, tx, db.ID, "warm")
	}}, nil
}

func (t *toolbox) abandonWarm(r *run) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		return failDatabase(ctx, tx, *r.DatabaseID)
	}
}

func failDatabase(ctx context.Context, tx pgx.Tx, id string) error {
	if _, err := tx.Exec(ctx, `UPDATE tenantry.databases SET state = 'failed' WHERE id = $1 AND state = 'building'`, id); err != nil {
		return fmt.Errorf("set database failed: %w", err)
	}
	return nil
}

// retire drops a database that never had a tenant.
func (t *toolbox) retire(ctx context.Context, r *run) (done, error) {
	db, err := t.reg.Database(ctx, *r.DatabaseID)
	if err != nil {
		return done{}, err
	}
	if db.TenantID != nil || (db.State != "dropping" && db.State != "dropped") {
		return done{}, refuse(fmt.Sprintf("database %s is %s", db.Name, db.State), "only databases without a tenant are retired")
	}
	if err := t.prov.Drop(ctx, r, db.ID, 0); err != nil {
		return done{}, err
	}
	return done{result: map[string]string{"database": db.Name}, record: func(ctx context.Context, tx pgx.Tx) error {
		return forget(ctx, tx, db.ID)
	}}, nil
}

// abandonRetire lets the refill ask again, when the database's node is there again.
func abandonRetire(r *run) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT tenantry.abandon_retire($1)`, r.ID)
		if err != nil {
			return fmt.Errorf("give up dropping: %w", err)
		}
		return nil
	}
}

// forget records that a database is gone, and with it the passwords of its roles.
func forget(ctx context.Context, tx pgx.Tx, databaseID string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM tenantry.credentials WHERE database_id = $1`, databaseID); err != nil {
		return fmt.Errorf("forget credentials: %w", err)
	}
	return setDatabase(ctx, tx, databaseID, "dropped")
}
