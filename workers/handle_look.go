package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/looks"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atLookRow     = crashpoint.New("look.row.after")
	atLookDropped = crashpoint.New("look.scratch.dropped")
)

// restoredTables is the result of restoring tables for a look.
type restoredTables struct {
	Backup    string         `json:"backup"`
	At        time.Time      `json:"at"`     // as of when the rows are
	Schema    string         `json:"schema"` // in which they are, in the tenant's database
	KeptUntil time.Time      `json:"kept_until"`
	Rows      int64          `json:"rows"`
	Tables    []looks.Copied `json:"tables"`
}

// restoreTables restores a backup into a database of its own, compares it with what was dumped, copies tables from there into a schema of the tenant's live
// database, and drops what was restored.
func (t *toolbox) restoreTables(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.RestoreTables](r)
	if err != nil {
		return done{}, err
	}
	home, err := t.activeHome(ctx, r)
	if err != nil {
		return done{}, err
	}
	row, tables, err := t.chooseTables(ctx, r, a)
	if err != nil {
		return done{}, refused(err, home.Slug)
	}
	schema := looks.SchemaName(*row.TakenAt, r.ID)
	scratchID, err := t.beginLook(ctx, r, row, home, schema)
	if err != nil {
		return done{}, err
	}
	atLookRow.Hit(ctx)
	look, err := t.copyOnce(ctx, r, row, home, scratchID, schema, tables)
	if err != nil {
		return done{}, refused(err, home.Slug)
	}
	if err := t.prov.Drop(ctx, r, scratchID, 0); err != nil {
		return done{}, err
	}
	atLookDropped.Hit(ctx)
	result := restoredTables{Backup: row.ID, At: look.At, Schema: schema, Rows: look.Rows(), Tables: look.Tables}
	if result.KeptUntil, err = t.expires(ctx, a.Keep, "retain_looks"); err != nil {
		return done{}, err
	}
	return done{result: result, record: func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.looks SET state = 'there', tables = $2, rows = $3, expires_at = $4 WHERE operation_id = $1`,
			r.ID, len(result.Tables), result.Rows, result.KeptUntil)
		if err != nil {
			return fmt.Errorf("record restored tables: %w", err)
		}
		return forget(ctx, tx, scratchID)
	}}, nil
}

// chooseTables reads which tables are meant, before anything is restored.
func (t *toolbox) chooseTables(ctx context.Context, r *run, a jobs.RestoreTables) (backup.Row, []looks.Table, error) {
	row, err := t.vault.catalog.Get(ctx, a.Backup)
	if err != nil {
		return row, nil, err
	}
	if row.State != "complete" || row.TenantID != *r.TenantID {
		return row, nil, refuse(fmt.Sprintf("backup %s of tenant %s is %s", row.ID, row.Tenant, row.State), "see tenantry backup list")
	}
	from, err := t.readBackup(ctx, r, row)
	if err != nil {
		return row, nil, err
	}
	tables, err := looks.Choose(from.contents, a.Tables)
	return row, tables, err
}

// refused makes a refusal of what a package below refuses, and of a backup of a tenant that cannot be restored.
func refused(err error, slug string) error {
	if r, is := errors.AsType[*tenants.RefusedError](err); is {
		return refuse(r.Message, r.Fix)
	}
	if saysOfBackup(err) {
		return &refusal{code: "backup_failed", message: clean(err.Error()), hint: "the tenant is as it was; restore tables of another backup: tenantry backup list " + slug}
	}
	return err
}

// beginLook makes the rows of the database that is restored into, and of the schema in the live one, before either.
func (t *toolbox) beginLook(ctx context.Context, r *run, row backup.Row, home tenants.Home, schema string) (scratchID string, err error) {
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if scratchID, err = beginScratch(ctx, tx, r.ID, row, home.NodeName); err != nil {
			return err
		}
		// One that failed and is tried again makes it anew.
		_, err := tx.Exec(ctx, `
			INSERT INTO tenantry.looks (operation_id, tenant_id, backup_id, database_id, schema_name) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (operation_id) DO UPDATE SET state = 'copying', database_id = excluded.database_id, expires_at = NULL, dropped_at = NULL`,
			r.ID, home.TenantID, row.ID, home.DatabaseID, schema)
		return err //nolint:wrapcheck // the caller does
	})
	return scratchID, err
}

// copyOnce restores and copies, unless an earlier attempt has come that far and could not tell.
func (t *toolbox) copyOnce(ctx context.Context, r *run, row backup.Row, home tenants.Home, scratchID, schema string, tables []looks.Table) (looks.Look, error) {
	look, there, err := t.findLook(ctx, r, home, schema)
	if err != nil || there {
		return look, err
	}
	restored, err := t.bringBackSame(ctx, r, row, scratchID)
	if err != nil {
		return look, err
	}
	defer restored.close(ctx)
	scratch, err := t.reg.Database(ctx, scratchID)
	if err != nil {
		return look, err
	}
	if err := r.Step(ctx, "copy", 0, 0); err != nil {
		return look, err
	}
	conn, err := t.admin.Connect(ctx, home.Node(), home.DatabaseName, home.Login.Username, home.Login.Password, r)
	if err != nil {
		return look, err
	}
	defer hangUp(ctx, conn)
	return looks.Copy{
		From: restored.conn, To: conn, Restored: scratch, Live: home.Database(), Schema: schema, Tables: tables,
		Look:     looks.Look{Operation: r.ID, Backup: row.ID, At: row.TakenAt.UTC()},
		Current:  r.Current,
		Progress: func(done, total int64) { restored.progress(done, total, "copy") },
	}.Run(ctx)
}

// findLook looks for what an earlier attempt has made, when its sessions have ended.
func (t *toolbox) findLook(ctx context.Context, r *run, home tenants.Home, schema string) (looks.Look, bool, error) {
	conn, _, err := t.connectMigrator(ctx, r, home)
	if err != nil {
		return looks.Look{}, false, err
	}
	defer hangUp(ctx, conn)
	return looks.Find(ctx, conn, schema, r.ID)
}

// abandonLook gives the database that was restored into to the refill, which clears away what failed, and lets the time of the schema be over, which may be there.
func (t *toolbox) abandonLook(r *run) record {
	scratch := t.abandonVerification(r)
	return func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE tenantry.looks SET expires_at = now() WHERE operation_id = $1 AND state = 'copying'`, r.ID); err != nil {
			return fmt.Errorf("give up restored tables: %w", err)
		}
		return scratch(ctx, tx)
	}
}

var atLookGone = crashpoint.New("look.gone")

// droppedTables is the result of dropping restored tables.
type droppedTables struct {
	Schemas []string `json:"schemas"`
}

// dropRestoredTables drops what was restored for a look: one schema of the tenant's, or all.
func (t *toolbox) dropRestoredTables(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.DropRestoredTables](r)
	if err != nil {
		return done{}, err
	}
	home, err := t.activeHome(ctx, r)
	if err != nil {
		return done{}, err
	}
	list, err := looks.List(ctx, t.reg.Pool(), home.TenantID)
	if err != nil {
		return done{}, err
	}
	conn, _, err := t.connectMigrator(ctx, r, home)
	if err != nil {
		return done{}, err
	}
	defer hangUp(ctx, conn)
	result := droppedTables{Schemas: []string{}}
	for i, look := range list {
		if a.Schema != "" && a.Schema != look.Schema {
			continue
		}
		if err := r.Step(ctx, "drop", int64(i), int64(len(list))); err != nil {
			return done{}, err
		}
		if err := looks.Drop(ctx, conn, home.Database(), look.Schema); err != nil {
			return done{}, refused(err, home.Slug)
		}
		atLookGone.Hit(ctx)
		err := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE tenantry.looks SET state = 'gone', dropped_at = now() WHERE operation_id = $1`, look.Operation)
			return err //nolint:wrapcheck // the caller does
		})
		if err != nil {
			return done{}, err
		}
		result.Schemas = append(result.Schemas, look.Schema)
	}
	return done{result: result}, nil
}
