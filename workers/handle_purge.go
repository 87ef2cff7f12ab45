package workers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atPurgeKeys    = crashpoint.New("purge.keys.after")
	atPurgeObjects = crashpoint.New("purge.objects.after")
)

// purge removes a tenant's database, roles and credentials for good.
func (t *toolbox) purge(ctx context.Context, r *run) (done, error) {
	tenant, err := t.tenant(ctx, r, tenants.StateActive, tenants.StateSuspended, tenants.StateFailed, tenants.StateDeleting, tenants.StateDeleted)
	if err != nil {
		return done{}, err
	}
	result := map[string]string{"database": tenant.Database, "node": tenant.Node}
	if tenant.State == tenants.StateDeleted {
		return done{result: result}, nil
	}
	adoption, err := t.reg.Adoption(ctx, *r.DatabaseID)
	switch {
	case errors.Is(err, tenants.ErrNoAdoption):
	case err != nil:
		return done{}, err
	case adoption.Unfinished():
		return t.purgeForeign(ctx, r, tenant, adoption)
	}
	if err := t.refuseHeld(ctx, tenant); err != nil {
		return done{}, err
	}
	seq, err := t.closeTenant(ctx, r, tenants.StateDeleting, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.tenants SET state_before_delete = state, delete_after = now() WHERE id = $1`, tenant.ID)
		if err != nil {
			return fmt.Errorf("end grace: %w", err)
		}
		return nil
	})
	if err != nil {
		return done{}, err
	}
	homeLost, err := t.leaveLost(ctx, r, tenant.ID)
	if err != nil {
		return done{}, err
	}
	if !homeLost {
		if err := t.prov.Drop(ctx, r, *r.DatabaseID, seq); err != nil {
			return done{}, err
		}
	}
	replaced, err := t.dropReplaced(ctx, r, tenant.ID)
	if err != nil {
		return done{}, err
	}
	certificate, err := t.erase(ctx, r, tenant, homeLost, replaced)
	if err != nil {
		return done{}, err
	}
	result["certificate"] = certificate.id
	var kept []string
	if err := t.reg.Pool().QueryRow(ctx, `SELECT tenantry.aggregates_keeping($1)`, tenant.ID).Scan(&kept); err != nil {
		return done{}, fmt.Errorf("look what it has answered: %w", err)
	}
	if len(kept) > 0 {
		result["aggregates_kept"] = strings.Join(kept, ", ")
	}
	return done{result: result, record: func(ctx context.Context, tx pgx.Tx) error {
		if err := certificate.record(ctx, tx); err != nil {
			return err
		}
		for _, db := range replaced {
			if err := forget(ctx, tx, db.id); err != nil {
				return err
			}
		}
		if !homeLost {
			if err := forget(ctx, tx, *r.DatabaseID); err != nil {
				return err
			}
		}
		if err := forgetLost(ctx, tx, tenant.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT tenantry.forget_aggregates($1)`, tenant.ID); err != nil {
			return fmt.Errorf("forget what it has answered: %w", err)
		}
		return move(ctx, tx, tenant.ID, tenants.StateDeleted)
	}}, nil
}

// leaveLost says of what a tenant has on lost nodes that nobody knows what becomes of it, and whether the database that it lives in is among that.
func (t *toolbox) leaveLost(ctx context.Context, r *run, tenantID string) (home bool, err error) {
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			WITH gone AS (
			  SELECT d.id FROM tenantry.databases d JOIN tenantry.nodes n ON n.id = d.node_id AND n.state = 'lost'
			  WHERE d.tenant_id = $1 AND d.state <> 'dropped'
			  FOR SHARE OF n
			), left_alone AS (
			  UPDATE tenantry.databases d SET state = 'lost' FROM gone WHERE d.id = gone.id
			)
			SELECT EXISTS (SELECT FROM gone WHERE gone.id = $2)`, tenantID, *r.DatabaseID).Scan(&home)
	})
	return home, err
}

// forgetLost forgets the passwords of what a purged tenant has on lost nodes. What came back just now is dropped like what failed.
func forgetLost(ctx context.Context, tx pgx.Tx, tenantID string) error {
	_, err := tx.Exec(ctx, `
		WITH secrets AS (
		  DELETE FROM tenantry.credentials c USING tenantry.databases d WHERE d.id = c.database_id AND d.tenant_id = $1 AND d.state IN ('lost', 'retained')
		)
		UPDATE tenantry.databases SET state = 'failed', tenant_id = NULL WHERE tenant_id = $1 AND state = 'retained'`, tenantID)
	if err != nil {
		return fmt.Errorf("forget what is on lost nodes: %w", err)
	}
	return nil
}

// refuseHeld refuses where a backup was held since the purge was asked for. Once its keys are destroyed none can be.
func (t *toolbox) refuseHeld(ctx context.Context, tenant tenants.Tenant) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var id, by string
	err := t.reg.Pool().QueryRow(ctx, `
		SELECT id, held_by FROM tenantry.backups WHERE tenant_id = $1 AND state = 'complete' AND held_by IS NOT NULL ORDER BY id LIMIT 1`, tenant.ID).Scan(&id, &by)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for held backups: %w", err)
	default:
		return refuse(fmt.Sprintf("backup %s of tenant %s is held by %s: purging deletes it", id, tenant.Slug, by), "tenantry backup release "+id+" first")
	}
}

// replacedDatabase is one that a restore in place has replaced, or was making.
type replacedDatabase struct {
	id string
	backup.ErasedDatabase
}

// dropReplaced drops what else a tenant has, but for what is on a lost node: that is closed and dropped when the node comes back, see returnNode.
func (t *toolbox) dropReplaced(ctx context.Context, r *run, tenantID string) ([]replacedDatabase, error) {
	rows, err := t.reg.Pool().Query(ctx, `
		SELECT d.id, d.name, n.name, n.region FROM tenantry.databases d JOIN tenantry.nodes n ON n.id = d.node_id
		WHERE d.tenant_id = $1 AND d.id <> $2 AND d.state NOT IN ('dropped', 'lost') ORDER BY d.id`, tenantID, *r.DatabaseID)
	if err != nil {
		return nil, fmt.Errorf("list replaced databases: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (db replacedDatabase, err error) {
		err = row.Scan(&db.id, &db.Name, &db.Node, &db.Region)
		db.Roles = tenants.Database{Name: db.Name}.Roles()
		return db, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("list replaced databases: %w", err)
	}
	for _, db := range list {
		if err := t.prov.Drop(ctx, r, db.id, 0); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// signedCertificate is a certificate that is to be recorded.
type signedCertificate struct {
	id, tenant, operation string
	document              []byte
}

func (c signedCertificate) record(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenantry.certificates (id, tenant_id, operation_id, document) VALUES ($1, $2, $3, $4)`,
		c.id, c.tenant, c.operation, string(c.document))
	if err != nil {
		return fmt.Errorf("record certificate: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE tenantry.backups SET deleted_at = now() WHERE tenant_id = $1 AND deleted_at IS NULL`, c.tenant); err != nil {
		return fmt.Errorf("record that backups are deleted: %w", err)
	}
	return nil
}

// erase destroys a tenant's keys and deletes its backups, looks that nothing is left, and certifies it. The database is dropped already.
func (t *toolbox) erase(ctx context.Context, r *run, tenant tenants.Tenant, homeLost bool, replaced []replacedDatabase) (signedCertificate, error) {
	if err := r.Step(ctx, "keys", 4, 6); err != nil {
		return signedCertificate{}, err
	}
	sign, _, err := t.vault.catalog.Signing(ctx)
	if err != nil {
		return signedCertificate{}, err
	}
	cert := backup.Certificate{
		Tenant: tenant.ID, Slug: tenant.Slug, Name: tenant.Name, Operation: r.ID, RequestedBy: r.RequestedBy, At: time.Now().UTC(),
		Databases: []backup.ErasedDatabase{},
	}
	if !homeLost {
		home := backup.ErasedDatabase{Name: tenant.Database, Node: tenant.Node, Region: tenant.Region, Roles: tenants.Database{Name: tenant.Database}.Roles()}
		replaced = append([]replacedDatabase{{ErasedDatabase: home}}, replaced...)
	}
	for _, db := range replaced {
		cert.Databases = append(cert.Databases, db.ErasedDatabase)
		cert.Checks = append(cert.Checks, backup.Check{Looked: fmt.Sprintf("databases and roles of node %s for %s and its roles", db.Node, db.Name), Found: "none"})
	}
	if err := t.certifyLost(ctx, tenant.ID, &cert); err != nil {
		return signedCertificate{}, err
	}
	if cert.Keys, cert.Backups, err = t.vault.catalog.OfTenant(ctx, tenant.ID); err != nil {
		return signedCertificate{}, err
	}
	if err := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error { return backup.DestroyKeys(ctx, tx, tenant.ID) }); err != nil {
		return signedCertificate{}, err
	}
	atPurgeKeys.Hit(ctx)
	if len(cert.Keys) > 0 {
		if err := t.eraseStore(ctx, r, tenant, &cert); err != nil {
			return signedCertificate{}, err
		}
	}
	atPurgeObjects.Hit(ctx)
	if cert.ID, err = t.newID(ctx, "cert"); err != nil {
		return signedCertificate{}, err
	}
	document, err := cert.Sign(sign)
	return signedCertificate{id: cert.ID, tenant: tenant.ID, operation: r.ID, document: document}, err
}

// certifyLost says of databases on lost nodes that nobody has looked at them.
func (t *toolbox) certifyLost(ctx context.Context, tenantID string, cert *backup.Certificate) error {
	rows, err := t.reg.Pool().Query(ctx, `
		SELECT d.name, n.name FROM tenantry.databases d JOIN tenantry.nodes n ON n.id = d.node_id WHERE d.tenant_id = $1 AND d.state = 'lost' ORDER BY d.id`, tenantID)
	if err != nil {
		return fmt.Errorf("list lost databases: %w", err)
	}
	var database, node string
	_, err = pgx.ForEachRow(rows, []any{&database, &node}, func() error {
		cert.Checks = append(cert.Checks, backup.Check{
			Looked: fmt.Sprintf("database %s of node %s", database, node), Found: "not looked at: the node is lost; when it comes back the database is closed, and dropped later",
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("list lost databases: %w", err)
	}
	return nil
}

// eraseStore deletes what a tenant has in the store, and looks.
func (t *toolbox) eraseStore(ctx context.Context, r *run, tenant tenants.Tenant, cert *backup.Certificate) error {
	store, err := t.vault.openStore(ctx)
	if err != nil {
		return err
	}
	if err := r.Step(ctx, "backups", 5, 6); err != nil {
		return err
	}
	if err := store.Erase(ctx, tenant.ID); err != nil {
		return err
	}
	left, err := store.Count(ctx, tenant.ID)
	if err != nil {
		return err
	}
	if left > 0 {
		return &backup.StoreError{Doing: "erase", Key: "tenants/" + tenant.ID, Err: fmt.Errorf("%d objects are there again", left)}
	}
	cert.Store = store.URL()
	cert.Checks = append(cert.Checks,
		backup.Check{Looked: fmt.Sprintf("objects of store %s below tenants/%s/", store.URL(), tenant.ID), Found: "none"},
		backup.Check{Looked: "private halves of the tenant's keys in the control database", Found: "none"})
	return nil
}

func (t *toolbox) newID(ctx context.Context, prefix string) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := t.reg.Pool().QueryRow(ctx, `SELECT tenantry.new_id($1)`, prefix).Scan(&id); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id, nil
}
