package workers

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/export"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

var (
	atImportChecked  = crashpoint.New("import.checked")
	atImportAnalyzed = crashpoint.New("import.analyzed")
	atImportOpen     = crashpoint.New("import.open")
)

// importedAs is the result of an import.
type importedAs struct {
	Export  string    `json:"export"`
	Of      string    `json:"of"` // the slug of the tenant that it was made of, at that time
	At      time.Time `json:"at"` // what the database is as of
	Node    string    `json:"node"`
	Tables  int       `json:"tables"`
	Rows    int64     `json:"rows"`
	Release string    `json:"release"`
	// Skipped are grants to roles that are not the tenant's.
	Skipped []string `json:"skipped,omitempty"`
}

// importTenant makes a tenant of an export. Nothing of it runs before all of it was checked.
func (t *toolbox) importTenant(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.Import](r)
	if err != nil {
		return done{}, err
	}
	tenant, err := t.tenant(ctx, r, tenants.StateRequested, tenants.StateProvisioning, tenants.StateFailed, tenants.StateActive)
	if err != nil {
		return done{}, err
	}
	result := importedAs{Node: tenant.Node, Release: tenant.Release}
	if tenant.State == tenants.StateActive {
		return done{result: result}, nil
	}
	if err := r.change(ctx, r.tenantBuilding); err != nil {
		return done{}, err
	}
	if err := t.bringIn(ctx, r, a, &result); err != nil {
		return done{}, importError(err)
	}
	if err := r.Step(ctx, "open", 0, 0); err != nil {
		return done{}, err
	}
	if err := t.prov.Open(ctx, r, *r.DatabaseID); err != nil {
		return done{}, err
	}
	atImportOpen.Hit(ctx)
	return done{result: result, record: r.tenantBuilt}, nil
}

// importError tells what the file is to blame for.
func importError(err error) error {
	refused, is := errors.AsType[*export.RefusedError](err)
	corrupt, damaged := errors.AsType[*backup.CorruptError](err)
	switch {
	case is:
		err = refused
	case damaged:
		err = corrupt
	case errors.Is(err, backup.ErrNotThere):
	default:
		return err
	}
	return &refusal{code: "import_refused", message: clean(err.Error()), hint: "import an export that this installation has made, as it was fetched: tenantry export fetch checks it"}
}

var uploadName = regexp.MustCompile(`^` + export.Uploads + `(imp_[0-9a-f]{24})\.zip$`)

// uploadOf gives the id of the upload at a key.
func uploadOf(key string) (id string, is bool) {
	m := uploadName.FindStringSubmatch(key)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// openUpload opens an upload and checks all of it.
func (t *toolbox) openUpload(ctx context.Context, r *run, a jobs.Import, release string) (*export.Reader, error) {
	key := export.UploadKey(a.File)
	if _, is := uploadOf(key); !is {
		return nil, refuse(fmt.Sprintf("file %q is not the id of an upload", a.File), "")
	}
	store, _, err := t.vault.open(ctx)
	if err != nil {
		return nil, err
	}
	trusted, err := t.vault.catalog.Trusted(ctx)
	if err != nil {
		return nil, err
	}
	in, err := store.Random(ctx, key)
	if err != nil {
		return nil, err
	}
	from, err := export.Open(trusted, in, in.Size())
	if err != nil {
		return nil, err
	}
	if got := from.Manifest.Release; got != release {
		return nil, refuse(fmt.Sprintf("the export is of release %q, and the import is for %q", got, release), "name the export's own: release = "+got)
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	return from, from.Check(ctx, func(done, total int64) { progress(done, total, "check") })
}

// bringIn checks an export and brings it into the tenant's database, which it makes.
func (t *toolbox) bringIn(ctx context.Context, r *run, a jobs.Import, result *importedAs) error {
	if err := r.Step(ctx, "check", 0, 0); err != nil {
		return err
	}
	from, err := t.openUpload(ctx, r, a, result.Release)
	if err != nil {
		return err
	}
	m := from.Manifest
	result.Export, result.Of, result.At = m.Export, m.Slug, m.At
	result.Tables, result.Rows, _ = m.Totals()
	atImportChecked.Hit(ctx)
	db, err := t.reg.Database(ctx, *r.DatabaseID)
	if err != nil {
		return err
	}
	node, err := t.reg.Node(ctx, db.NodeID)
	if err != nil {
		return err
	}
	if err := from.Suits(node.ServerVersion); err != nil {
		return err
	}
	if err := r.Step(ctx, "empty", 0, 0); err != nil {
		return err
	}
	if err := t.prov.Empty(ctx, r, db.ID, m.Locale); err != nil {
		return err
	}
	if m.HasLargeObjects() {
		if err := t.prov.Lend(ctx, r, db.ID); err != nil {
			return err
		}
	}
	login, err := t.reg.Credential(ctx, db.ID, tenants.RoleMigrator)
	if err != nil {
		return err
	}
	conn, err := t.admin.Connect(ctx, node, db.Name, login.Username, login.Password, r)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	if err := r.Step(ctx, "load", 0, 0); err != nil {
		return err
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	result.Skipped, err = export.Import{
		From: from, Conn: conn, Owner: db.Owner(), Roles: provision.RolesOf(db, node),
		Progress: func(done, total int64) { progress(done, total, "load") },
	}.Run(ctx)
	if err != nil {
		return err
	}
	if err := r.Step(ctx, "analyze", 0, 0); err != nil {
		return err
	}
	// Without statistics the first queries would be planned for empty tables.
	if _, err := conn.Exec(ctx, "ANALYZE"); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	atImportAnalyzed.Hit(ctx)
	return nil
}
