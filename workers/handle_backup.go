package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

var (
	atBackupRow    = crashpoint.New("backup.row.after")
	atBackupKey    = crashpoint.New("backup.key.after")
	atBackupCopied = crashpoint.New("backup.copy.gone")
)

// backupTimeout bounds one attempt of what reads or writes a whole database.
const backupTimeout = 12 * time.Hour

// backedUp is a backup's result.
type backedUp struct {
	Backup string    `json:"backup"`
	At     time.Time `json:"at"`
	Bytes  int64     `json:"bytes"`
	Tables int       `json:"tables"`
	Rows   int64     `json:"rows"`
}

// backup copies a tenant's database into the store.
func (t *toolbox) backup(ctx context.Context, r *run) (done, error) {
	home, err := t.homeIn(ctx, r, tenants.StateActive, tenants.StateSuspended)
	if err != nil {
		return done{}, err
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

	if err := t.endOlder(ctx, r, home.NodeID); err != nil {
		return done{}, err
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	dump := backup.Dump{
		Store: store, Tools: tools, Key: key, Sign: sign, Attempt: r.Attempt(),
		Manifest: backup.Manifest{Backup: id, Tenant: home.TenantID, Slug: home.Slug, Database: home.DatabaseName, Node: home.NodeName, Release: home.Release},
		Progress: func(done, total int64) { progress(done, total, "dump") },
	}
	facts, err := t.prov.Facts(ctx, home.DatabaseID)
	if err != nil {
		return done{}, err
	}
	// Before the snapshot, never after it: nobody is promised more than there is.
	dump.Manifest.At, dump.Manifest.LSN, dump.Manifest.Server, dump.Manifest.Size = facts.At.UTC(), facts.LSN, facts.Server, facts.Size
	dump.Locale, dump.Settings, dump.Counters = facts.Locale, facts.Settings, facts.Counters
	copyID := ""
	dump.Target = targetOf(home, r)
	if home.State == tenants.StateSuspended {
		if copyID, dump.Target, err = t.copyAside(ctx, r, home, id); err != nil {
			return done{}, err
		}
		dump.Closed = home.Epoch
	}
	m, err := t.dump(ctx, r, home, dump, trusted)
	if program, is := errors.AsType[*backup.ProgramError](err); is && program.LargeObject() {
		// They belong to whoever has made them.
		if err := t.prov.Lend(ctx, r, home.DatabaseID); err != nil {
			return done{}, err
		}
		m, err = t.dump(ctx, r, home, dump, trusted)
	}
	if err != nil {
		return done{}, err
	}
	if copyID != "" {
		if err := t.prov.Drop(ctx, r, copyID, 0); err != nil {
			return done{}, err
		}
		atBackupCopied.Hit(ctx)
	}
	if err := store.Tidy(ctx, m.Manifest); err != nil {
		r.log.Warn().Err(err).Msg("objects of earlier attempts are left; the next sweep removes them")
	}
	result := backedUp{Backup: id, At: m.At, Bytes: m.Data.Bytes + m.Contents.Bytes, Tables: m.Tables, Rows: m.Rows}
	return done{result: result, record: func(ctx context.Context, tx pgx.Tx) error {
		if copyID != "" {
			if err := forget(ctx, tx, copyID); err != nil {
				return err
			}
		}
		return completeBackup(ctx, tx, m)
	}}, nil
}

// copyAside copies a suspended tenant's database, which lets nobody in, into one of its own that only this operation can log into, and which is dropped when it
// is dumped. The tenant stays closed: nothing of it is opened that a crash could leave open.
func (t *toolbox) copyAside(ctx context.Context, r *run, home tenants.Home, backupID string) (copyID string, target backup.Target, err error) {
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		copyID, err = beginScratch(ctx, tx, r.ID, backup.Row{ID: backupID, TenantID: home.TenantID}, home.NodeName)
		return err
	})
	if err != nil {
		return "", target, err
	}
	if err := r.Step(ctx, "copy", 0, 0); err != nil {
		return "", target, err
	}
	if err := t.prov.Copy(ctx, r, home.DatabaseID, copyID); err != nil {
		return "", target, err
	}
	db, err := t.reg.Database(ctx, copyID)
	if err != nil {
		return "", target, err
	}
	login, err := t.reg.Credential(ctx, copyID, tenants.RoleMigrator)
	if err != nil {
		return "", target, err
	}
	target = targetOf(home, r)
	target.Database, target.User, target.Password = db.Name, login.Username, login.Password
	return copyID, target, nil
}

// countAbove is how large a database is, in bytes, whose rows are counted beside the dump as well. In smaller ones a connection of its own, and what the server
// reads of its catalogs for that, would cost as much as half of the dump.
const countAbove = 64 << 20

// dump makes the backup.
func (t *toolbox) dump(ctx context.Context, r *run, home tenants.Home, d backup.Dump, trusted backup.Trusted) (backup.Made, error) {
	if d.Manifest.Size > countAbove {
		conn, err := t.admin.Connect(ctx, home.Node(), d.Target.Database, d.Target.User, d.Target.Password, r)
		if err != nil {
			return backup.Made{}, err
		}
		defer hangUp(ctx, conn)
		d.Conn = conn
	}
	return d.Run(ctx, trusted)
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

func completeBackup(ctx context.Context, tx pgx.Tx, m backup.Made) error {
	_, err := tx.Exec(ctx, `
		UPDATE tenantry.backups
		SET state = 'complete', key_id = $2, release = $3, taken_at = $4, bytes = $5, size = $6, tables = $7, rows = $8, server_version = $9,
		    client_version = $10, manifest = $11, evidence = $12, completed_at = now()
		WHERE id = $1`, m.Backup, m.Key, m.Release, m.At, m.Data.Bytes+m.Contents.Bytes, m.Size, m.Tables, m.Rows, m.Server, m.Client, m.Manifest, m.Evidence)
	if err != nil {
		return fmt.Errorf("record backup: %w", err)
	}
	return nil
}

// abandonBackup says that there will be no backup, and gives the copy that was dumped to the refill.
func (t *toolbox) abandonBackup(r *run) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		if err := t.abandonVerification(r)(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tenantry.backups SET state = 'failed' WHERE operation_id = $1 AND state = 'writing'`, r.ID)
		if err != nil {
			return fmt.Errorf("record that the backup failed: %w", err)
		}
		return nil
	}
}
