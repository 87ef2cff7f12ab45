package workers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"gocloud.dev/blob"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/export"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

var atExportRow = crashpoint.New("export.row.after")

// exported is an export's result.
type exported struct {
	Export    string    `json:"export"`
	At        time.Time `json:"at"`
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"`
	Tables    int       `json:"tables"`
	Rows      int64     `json:"rows"`
	ExpiresAt time.Time `json:"expires_at"`
}

// export writes a tenant's database into the store as its customer can read it.
func (t *toolbox) export(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.Export](r)
	if err != nil {
		return done{}, err
	}
	home, err := t.activeHome(ctx, r)
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
	sign, _, err := t.vault.catalog.Signing(ctx)
	if err != nil {
		return done{}, err
	}
	format := cmp.Or(a.Format, export.CSV)
	id, err := t.beginExport(ctx, r, store, format)
	if err != nil {
		return done{}, err
	}
	atExportRow.Hit(ctx)
	conn, _, err := t.connectMigrator(ctx, r, home)
	if err != nil {
		return done{}, err
	}
	defer hangUp(ctx, conn)
	db := home.Database()
	if err := t.lendObjects(ctx, r, conn, db); err != nil {
		return done{}, err
	}
	facts, err := t.prov.Facts(ctx, db.ID)
	if err != nil {
		return done{}, err
	}
	node, err := t.reg.Node(ctx, home.NodeID)
	if err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "write", 0, 0); err != nil {
		return done{}, err
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	key := export.Key(home.TenantID, id, r.Attempt())
	object, m, err := export.Export{
		Store: store, Key: key, Tools: tools, Sign: sign, Target: targetOf(home, r), Conn: conn, Roles: provision.RolesOf(db, node), Forms: formsOf,
		Manifest: export.Manifest{Export: id, Tenant: home.TenantID, Slug: home.Slug, Release: home.Release, RowFormat: format, Locale: facts.Locale},
		Progress: func(done, total int64) { progress(done, total, "write") },
	}.Run(ctx)
	if err != nil {
		return done{}, err
	}
	if err := store.RemoveAll(ctx, export.Prefix(home.TenantID, id), key); err != nil {
		r.log.Warn().Err(err).Msg("objects of earlier attempts are left; they go when the export expires")
	}
	result := exported{Export: id, At: m.At, Bytes: object.Bytes, SHA256: object.SHA256}
	result.Tables, result.Rows, _ = m.Totals()
	if result.ExpiresAt, err = t.expires(ctx, a.Keep, "export_keep"); err != nil {
		return done{}, err
	}
	return done{result: result, record: func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE tenantry.exports
			SET state = 'complete', release = $2, object = $3, bytes = $4, sha256 = $5, tables = $6, rows = $7, taken_at = $8, expires_at = $9, completed_at = now()
			WHERE id = $1`, id, m.Release, object.Key, object.Bytes, object.SHA256, result.Tables, result.Rows, m.At, result.ExpiresAt)
		if err != nil {
			return fmt.Errorf("record export: %w", err)
		}
		return nil
	}}, nil
}

// formsOf reads the forms in a snapshot. Where there is no registry, asking for it would end the snapshot.
func formsOf(ctx context.Context, conn *pgx.Conn) (any, error) {
	var registry bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('_tenantry.forms') IS NOT NULL`).Scan(&registry); err != nil {
		return nil, fmt.Errorf("look for the registry of forms: %w", err)
	}
	if !registry {
		return []*ddl.Form{}, nil
	}
	forms, err := execute.Read(ctx, conn)
	if err != nil {
		return nil, err
	}
	if forms.Forms == nil {
		return []*ddl.Form{}, nil
	}
	return forms.Forms, nil
}

// expires is when the time of what is made now is over: after keep, or after the interval of a setting if that is "".
func (t *toolbox) expires(ctx context.Context, keep, setting string) (at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err = t.reg.Pool().QueryRow(ctx, `SELECT now() + coalesce(nullif($1, ''), tenantry.setting($2))::interval`, keep, setting).Scan(&at)
	if err != nil {
		return at, fmt.Errorf("read how long it is kept: %w", err)
	}
	return at.UTC(), nil
}

// beginExport makes the operation's row, before anything of it is in the store.
func (t *toolbox) beginExport(ctx context.Context, r *run, store *backup.Store, format string) (id string, err error) {
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// One that failed and is tried again goes on under its old id.
		return tx.QueryRow(ctx, `
			INSERT INTO tenantry.exports (tenant_id, operation_id, store, format) VALUES ($1, $2, $3, $4)
			ON CONFLICT (operation_id) DO UPDATE SET state = 'writing', store = excluded.store, deleted_at = NULL
			RETURNING id`, *r.TenantID, r.ID, store.URL(), format).Scan(&id)
	})
	return id, err
}

func (t *toolbox) abandonExport(r *run) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.exports SET state = 'failed' WHERE operation_id = $1 AND state = 'writing'`, r.ID)
		if err != nil {
			return fmt.Errorf("record that the export failed: %w", err)
		}
		return nil
	}
}

var (
	atExportExpiring = crashpoint.New("expire.export.row.after")
	atExportGone     = crashpoint.New("expire.export.after")
)

// expireExports deletes exports whose time is over, and what failed ones have left.
func (t *toolbox) expireExports(ctx context.Context, r *run, store *backup.Store) (int, error) {
	type present struct{ ID, Tenant string }
	var list []present
	err := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.exports SET state = 'expiring' WHERE state = 'complete' AND expires_at <= now() AND store = $1`, store.URL())
		if err != nil {
			return err //nolint:wrapcheck // the caller does
		}
		rows, err := tx.Query(ctx, `SELECT id, tenant_id FROM tenantry.exports WHERE state IN ('expiring', 'failed') AND store = $1 ORDER BY id`, store.URL())
		if err != nil {
			return err //nolint:wrapcheck // the caller does
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[present])
		return err //nolint:wrapcheck // the caller does
	})
	if err != nil {
		return 0, fmt.Errorf("let exports expire: %w", err)
	}
	atExportExpiring.Hit(ctx)
	for i, e := range list {
		if err := store.RemoveAll(ctx, export.Prefix(e.Tenant, e.ID)); err != nil {
			return i, err
		}
		atExportGone.Hit(ctx)
		err := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE tenantry.exports SET state = 'gone', deleted_at = now() WHERE id = $1 AND state IN ('expiring', 'failed')`, e.ID)
			return err //nolint:wrapcheck // the caller does
		})
		if err != nil {
			return i, err
		}
	}
	return len(list), nil
}

// uploadKept is how long an upload stays of which nothing was imported: somebody may ask for it again.
const uploadKept = 7 * 24 * time.Hour

// removeUploads deletes what was uploaded for imports that have succeeded, and what nobody has imported for long.
func (t *toolbox) removeUploads(ctx context.Context, store *backup.Store) (int, error) {
	old := map[string]bool{} // by id, whether its time is over
	err := store.List(ctx, export.Uploads, func(key string, o *blob.ListObject) error {
		if id, is := uploadOf(key); is {
			old[id] = time.Since(o.ModTime) > uploadKept
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	rows, err := t.reg.Pool().Query(ctx, `
		SELECT args ->> 'file', bool_or(state = 'succeeded'), bool_or(finished_at IS NULL)
		FROM tenantry.operations
		WHERE kind = 'import' AND args ->> 'file' = ANY ($1)
		GROUP BY 1`, slices.Collect(maps.Keys(old)))
	if err != nil {
		return 0, fmt.Errorf("look whose uploads there are: %w", err)
	}
	var id string
	var succeeded, underWay bool
	_, err = pgx.ForEachRow(rows, []any{&id, &succeeded, &underWay}, func() error {
		if underWay {
			delete(old, id)
		} else {
			old[id] = old[id] || succeeded
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look whose uploads there are: %w", err)
	}
	removed := 0
	for id, over := range old {
		if !over {
			continue
		}
		if err := store.Delete(ctx, export.UploadKey(id)); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// lendObjects lets the owner read large objects that the application has made, where there are any.
func (t *toolbox) lendObjects(ctx context.Context, r *run, conn *pgx.Conn, db tenants.Database) error {
	var others bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_largeobject_metadata WHERE NOT pg_has_role($1, lomowner, 'USAGE'))`, db.Owner()).Scan(&others)
	if err != nil {
		return fmt.Errorf("look for large objects: %w", err)
	}
	if !others {
		return nil
	}
	return t.prov.Lend(ctx, r, db.ID)
}
