package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

var (
	atBackupRow = crashpoint.New("backup.row.after")
	atBackupKey = crashpoint.New("backup.key.after")
)

// backupTimeout bounds one attempt of what reads or writes a whole database.
const backupTimeout = 12 * time.Hour

// backedUp is a backup's result.
type backedUp struct {
	Backup  string    `json:"backup"`
	At      time.Time `json:"at"`
	Bytes   int64     `json:"bytes"`
	Tables  int       `json:"tables"`
	Rows    int64     `json:"rows"`
	Skipped []string  `json:"skipped,omitempty"`
}

// backup copies a tenant's database into the store.
func (t *toolbox) backup(ctx context.Context, r *run) (done, error) {
	if r.TenantID == nil {
		return done{}, errNoTenant
	}
	home, err := t.reg.Home(ctx, *r.TenantID, tenants.RoleMigrator)
	if err != nil {
		return done{}, err
	}
	if home.State != tenants.StateActive {
		return done{}, notPossible(home.Slug, home.State, r.Kind)
	}
	store, tools, err := t.vault.open(ctx)
	if err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "prepare", 0, 0); err != nil {
		return done{}, err
	}
	sign, trusted, err := t.vault.catalog.Signing(ctx)
	if err != nil {
		return done{}, err
	}
	key, err := t.vault.catalog.EnsureKey(ctx, store, *r.TenantID, tenants.Attempt{OperationID: r.ID, Number: r.Attempt()})
	if errors.Is(err, tenants.ErrNotCurrent) {
		return done{}, provision.ErrSuperseded
	}
	if err != nil {
		return done{}, err
	}
	atBackupKey.Hit(ctx)
	id, err := t.beginBackup(ctx, r, store, key.ID)
	if err != nil {
		return done{}, err
	}
	atBackupRow.Hit(ctx)

	conn, _, err := t.connectMigrator(ctx, r, home)
	if err != nil {
		return done{}, err
	}
	defer hangUp(ctx, conn)
	db := home.Database()
	if err := t.lendObjects(ctx, r, conn, db); err != nil {
		return done{}, err
	}
	node, err := t.reg.Node(ctx, home.NodeID)
	if err != nil {
		return done{}, err
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	m, err := backup.Dump{
		Store: store, Tools: tools, Key: key, Sign: sign,
		Target: targetOf(home, r), Conn: conn, Roles: provision.RolesOf(db, node), Schema: schemaReader(db, node),
		Manifest: backup.Manifest{Backup: id, Tenant: home.TenantID, Slug: home.Slug, Database: db.Name, Node: home.NodeName, Release: home.Release},
		Attempt:  r.Attempt(),
		Progress: func(done, total int64) { progress(done, total, "dump") },
	}.Run(ctx, trusted)
	if err != nil {
		return done{}, err
	}
	if err := store.Tidy(ctx, m); err != nil {
		r.log.Warn().Err(err).Msg("objects of earlier attempts are left; the next sweep removes them")
	}
	result := backedUp{Backup: id, At: m.At, Bytes: m.Data.Bytes + m.Contents.Bytes, Tables: m.Tables, Rows: m.Rows}
	return done{result: result, record: func(ctx context.Context, tx pgx.Tx) error { return completeBackup(ctx, tx, m) }}, nil
}

// schemaReader reads the schema of a database as a fingerprint.
func schemaReader(db tenants.Database, node tenants.Node) backup.SchemaReader {
	return func(ctx context.Context, conn *pgx.Conn) ([]backup.Thing, error) {
		schema, err := fingerprint.Read(ctx, conn, fingerprint.Options{Roles: provision.RolesOf(db, node)})
		if err != nil {
			return nil, err
		}
		things := make([]backup.Thing, len(schema.Objects))
		for i, o := range schema.Objects {
			things[i] = backup.Thing{Kind: o.Kind, Name: o.Name, Definition: o.Definition, Flaw: string(o.Flaw)}
		}
		return things, nil
	}
}

// targetOf is a tenant's database as client programs connect to it.
func targetOf(home tenants.Home, r *run) backup.Target {
	return backup.Target{
		URL: home.NodeURL, Database: home.DatabaseName, User: home.Login.Username, Password: home.Login.Password,
		Owner: home.Database().Owner(), Session: provision.SessionName(r),
	}
}

// beginBackup makes the operation's row, before anything of it is in the store.
func (t *toolbox) beginBackup(ctx context.Context, r *run, store *backup.Store, keyID string) (id string, err error) {
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// One that failed and is tried again goes on under its old id.
		return tx.QueryRow(ctx, `
			INSERT INTO tenantry.backups (tenant_id, operation_id, store, key_id) VALUES ($1, $2, $3, $4)
			ON CONFLICT (operation_id) DO UPDATE SET state = 'writing', store = excluded.store, key_id = excluded.key_id
			RETURNING id`, *r.TenantID, r.ID, store.URL(), keyID).Scan(&id)
	})
	return id, err
}

func completeBackup(ctx context.Context, tx pgx.Tx, m backup.Manifest) error {
	_, err := tx.Exec(ctx, `
		UPDATE tenantry.backups
		SET state = 'complete', key_id = $2, release = $3, taken_at = $4, bytes = $5, size = $6, tables = $7, rows = $8, server_version = $9,
		    client_version = $10, manifest = $11, completed_at = now()
		WHERE id = $1`, m.Backup, m.Key, m.Release, m.At, m.Data.Bytes+m.Contents.Bytes, m.Size, m.Tables, m.Rows, m.Server, m.Client, m)
	if err != nil {
		return fmt.Errorf("record backup: %w", err)
	}
	return nil
}

func (t *toolbox) abandonBackup(r *run) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.backups SET state = 'failed' WHERE operation_id = $1 AND state = 'writing'`, r.ID)
		if err != nil {
			return fmt.Errorf("record that the backup failed: %w", err)
		}
		return nil
	}
}

// lendObjects lets the owner read large objects that the application has made, where there are any.
func (t *toolbox) lendObjects(ctx context.Context, r *run, conn *pgx.Conn, db tenants.Database) error {
	var others bool
	err := conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_largeobject_metadata WHERE NOT pg_has_role($1, lomowner, 'USAGE'))`, db.Owner()).Scan(&others)
	if err != nil {
		return fmt.Errorf("look for large objects: %w", err)
	}
	if !others {
		return nil
	}
	return t.prov.Lend(ctx, r, db.ID)
}
