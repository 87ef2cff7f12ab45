package workers_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/export"
	"github.com/avenit/tenantry/workers/fleettest"
)

// exportOf exports a tenant and gives the zip.
func exportOf(t *testing.T, f *fleettest.Fleet, slug, format string) (export.Row, []byte) {
	t.Helper()
	op := f.Do(t, jobs.Export{Tenant: slug, Format: format})
	var result struct{ Export, SHA256 string }
	require.NoError(t, json.Unmarshal(op.Result, &result))
	row, err := export.Get(t.Context(), f.Pool, result.Export)
	require.NoError(t, err)
	require.Equal(t, result.SHA256, *row.SHA256)
	body, err := os.ReadFile(stored(f, *row.Object))
	require.NoError(t, err)
	require.Len(t, body, int(*row.Bytes))
	return row, body
}

// stored is the file of an object.
func stored(f *fleettest.Fleet, key string) string {
	return filepath.Join(strings.TrimPrefix(f.BackupURL, "file://"), filepath.FromSlash(key))
}

// upload puts a zip where an import looks for it.
func upload(t *testing.T, f *fleettest.Fleet, body []byte) (id string) {
	t.Helper()
	id, err := export.NewUpload(t.Context(), f.Pool)
	require.NoError(t, err)
	path := stored(f, export.UploadKey(id))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, body, 0o600))
	return id
}

// filesOf unzips an export.
func filesOf(t *testing.T, body []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		require.NoError(t, err)
		raw, err := io.ReadAll(in)
		require.NoError(t, err)
		files[f.Name] = string(raw)
	}
	return files
}

// makeFixture makes a tenant of a fixture.
func makeFixture(t *testing.T, f *fleettest.Fleet, slug string, fix fixture) {
	t.Helper()
	f.Do(t, jobs.Provision{Slug: slug})
	if fix.owner != "" {
		conn := f.Connect(t, slug, tenants.RoleMigrator)
		_, err := conn.PgConn().Exec(t.Context(), "SET ROLE "+f.Tenant(t, slug).Database+"_owner;"+fix.owner).ReadAll()
		require.NoError(t, err)
	}
	if fix.app != "" {
		_, err := f.Connect(t, slug, tenants.RoleApp).PgConn().Exec(t.Context(), fix.app).ReadAll()
		require.NoError(t, err)
	}
}

// TestExportRoundTrip: what is imported is what was exported, for pg_dump, which is asked of both, from CSV and from NDJSON; what an export is in NDJSON can be
// read line by line, and in Parquet by columns, and has as many rows.
func TestExportRoundTrip(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	for i, fix := range someFixtures(t) {
		t.Run(fix.name, func(t *testing.T) {
			t.Parallel()
			slug := fmt.Sprintf("fix-%d", i)
			makeFixture(t, f, slug, fix)
			before := dumpOf(t, f, slug)
			again := func(body []byte, format string) {
				name := slug + "-" + format
				op := f.Do(t, jobs.Import{File: upload(t, f, body), Release: fleettest.Release, To: name})
				require.NotContains(t, string(op.Result), "skipped")
				require.Equal(t, before, dumpOf(t, f, name))
				_, err := f.Connect(t, name, tenants.RoleApp).Exec(t.Context(), "SELECT 1")
				require.NoError(t, err)
			}
			_, body := exportOf(t, f, slug, export.CSV)
			again(body, export.CSV)

			csv, err := export.Peek(bytes.NewReader(body), int64(len(body)))
			require.NoError(t, err)
			_, body = exportOf(t, f, slug, export.NDJSON)
			again(body, export.NDJSON)
			lined, err := export.Peek(bytes.NewReader(body), int64(len(body)))
			require.NoError(t, err)
			files := filesOf(t, body)
			rows := map[string]int64{}
			for _, file := range lined.Files {
				if file.Kind != export.Rows {
					continue
				}
				rows[file.Schema+"."+file.Table] = file.Rows
				requireLines(t, files[file.Path], file)
			}
			for _, file := range csv.Files {
				if file.Kind == export.Rows {
					require.Equal(t, file.Rows, rows[file.Schema+"."+file.Table], file.Table)
				}
			}
			requireParquet(t, f, slug, rows)
		})
	}
}

// requireLines looks that a file has an object a line, with a member for each column.
func requireLines(t *testing.T, text string, f export.File) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if text == "" {
		lines = nil
	}
	require.Len(t, lines, int(f.Rows), f.Path)
	for _, line := range lines {
		var row map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(line), &row), line)
		require.Len(t, row, len(f.Columns))
		for _, column := range f.Columns {
			require.Contains(t, row, column)
		}
	}
}

// TestExportIsExact: what NDJSON has of values that naive writers change.
func TestExportIsExact(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	conn := f.Connect(t, "acme", tenants.RoleMigrator)
	_, err := conn.PgConn().Exec(t.Context(), `SET ROLE `+f.Tenant(t, "acme").Database+`_owner;
		CREATE TABLE exact (n numeric, big bigint, nan float8, text text, j json, lines json, word json, nothing json, no json, flag boolean, at timestamptz, old timestamptz,
		  tags text[], from2 integer[], pair int4range[]);
		INSERT INTO exact VALUES (123456789012345678901234567890.123456789, 9223372036854775807, 'NaN', E'a\\b\n\t\r\b\f\x0b"ü\\n', '{"a": 1e400, "a":[1]}', E'[1,\n2]', '"w"', 'null', NULL,
		  true, '2026-02-28 12:00+01', '0044-03-15 12:00+00 BC', '{{a,NULL},{"b,","null"}}', '[2:3]={1,2}', '{"[1,2)"}')`).ReadAll()
	require.NoError(t, err)
	_, body := exportOf(t, f, "acme", export.NDJSON)
	require.Equal(t, `{"n":123456789012345678901234567890.123456789,"big":9223372036854775807,"nan":"NaN","text":"a\\b\n\t\r\b\f\u000b\"ü\\n","j":{"a": 1e400, "a":[1]},`+
		`"lines":"[1,\n2]","word":"\"w\"","nothing":"null","no":null,"flag":true,"at":"2026-02-28T11:00:00+00:00","old":"0044-03-15 12:00:00+00 BC",`+
		`"tags":[["a",null],["b,","null"]],"from2":"[2:3]={1,2}","pair":["[1,2)"]}`+"\n", filesOf(t, body)["data/public.exact.ndjson"])
}

// TestExportLoadsWithoutUs: psql is all that is needed.
func TestExportLoadsWithoutUs(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	_, body := exportOf(t, f, "acme", "")
	dir := t.TempDir()
	for name, text := range filesOf(t, body) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	name := "elsewhere_" + strings.TrimPrefix(f.Database, "test_ctl_")
	_, err := f.Pool.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := f.Pool.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
	})
	address, err := url.Parse(fleettest.ServerURL(t))
	require.NoError(t, err)
	address.Path = "/" + name
	cmd := exec.CommandContext(t.Context(), "psql", "-X", "-d", address.String(), "-f", "load.sql")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	conn, err := pgx.Connect(t.Context(), address.String())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var n, next int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*), nextval(pg_get_serial_sequence('customers', 'id')) FROM customers`).Scan(&n, &next))
	require.Equal(t, 500, n)
	require.Equal(t, 501, next)
	require.Contains(t, filesOf(t, body)["README.txt"], "Export of acme\n")
}

// TestExportExpires: an export goes when its time is over, what was uploaded when it was imported.
func TestExportExpires(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	op := f.Do(t, jobs.Export{Tenant: "acme", Keep: "1 hour"})
	require.NotNil(t, op.Result)
	kept, body := exportOf(t, f, "acme", "")
	require.WithinDuration(t, time.Now().Add(7*24*time.Hour), *kept.ExpiresAt, time.Hour)
	file, waiting := upload(t, f, body), upload(t, f, body)
	f.Do(t, jobs.Import{File: file, To: "acme-2"})
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.exports SET expires_at = now() WHERE id <> $1`, kept.ID)
	require.NoError(t, err)
	list, err := export.List(t.Context(), f.Pool, export.Filter{})
	require.NoError(t, err)
	require.Len(t, list, 1, "what is over is not offered any more")

	f.Do(t, jobs.ExpireBackups{})
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM tenantry.exports WHERE state = 'gone'`))
	left, err := filepath.Glob(stored(f, "tenants/*/exports/*"))
	require.NoError(t, err)
	require.Equal(t, []string{stored(f, *kept.Object)}, left)
	require.NoFileExists(t, stored(f, export.UploadKey(file)))
	require.FileExists(t, stored(f, export.UploadKey(waiting)), "somebody may still import it")
}

// TestExportRefuses what the door knows to be wrong.
func TestExportRefuses(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	for field, args := range map[string]jobs.Args{
		"format":  jobs.Export{Tenant: "acme", Format: "xlsx"},
		"keep":    jobs.Export{Tenant: "acme", Keep: "1 second"},
		"tenant":  jobs.Export{Tenant: "nobody"},
		"file":    jobs.Import{File: "../x", To: "acme-2"},
		"to":      jobs.Import{File: "imp_0123456789abcdef01234567", To: "acme"},
		"release": jobs.Import{File: "imp_0123456789abcdef01234567", To: "acme-2", Release: "none"},
	} {
		_, err := f.Jobs.Submit(t.Context(), args, nil)
		var refused *jobs.Error
		require.ErrorAs(t, err, &refused, field)
		require.Equal(t, field, refused.Field)
	}
}

// TestImportRefuses: what is not as this installation has made it, and rows that do not fit, and nobody connects to what is left of it.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	_, body := exportOf(t, f, "acme", "")
	_, lined := exportOf(t, f, "acme", export.NDJSON)
	first, _, _ := strings.Cut(filesOf(t, lined)["data/public.customers.ndjson"], `{"id":2,`)
	sign, _, err := backup.NewCatalog(f.Registry).Signing(t.Context())
	require.NoError(t, err)
	// change makes another zip of an export, signed by this installation unless the files' sums are left as they were.
	change := func(path, from, to string, signed bool) []byte {
		body := body
		if strings.HasSuffix(path, ".ndjson") {
			body = lined
		}
		files := filesOf(t, body)
		require.Contains(t, files[path], from)
		files[path] = strings.Replace(files[path], from, to, 1)
		m, err := export.Peek(bytes.NewReader(body), int64(len(body)))
		require.NoError(t, err)
		for i := range m.Files {
			if signed && m.Files[i].Path == path {
				sum := sha256.Sum256([]byte(files[path]))
				m.Files[i].Bytes, m.Files[i].SHA256 = int64(len(files[path])), hex.EncodeToString(sum[:])
			}
		}
		if signed {
			raw, err := m.Sign(sign)
			require.NoError(t, err)
			files["manifest.json"] = string(raw)
		}
		return zipOf(t, files)
	}
	otherFleet := backupFleet(t)
	_, others := exportOf(t, otherFleet, "acme", "")
	for name, c := range map[string]struct {
		body []byte
		says string
	}{
		"of-another-installation": {others, "not one of this installation"},
		"other-rows":              {change("data/public.customers.csv", "Customer 7", "Customer 8", false), `"data/public.customers.csv" in it: its checksum`},
		"other-schema":            {change("schema.post-data.sql", "ALTER TABLE", "DROP  TABLE", false), `"schema.post-data.sql" in it: its checksum`},
		"not-a-number":            {change("data/public.customers.csv", "\n7,", "\nsecret,", true), "its rows do not fit the table \"public\".\"customers\" (SQLSTATE 22P02, line 8)"},
		"other-columns":           {change("data/public.customers.csv", "name", "eman", true), "do not fit the table"},
		"a-row-too-many":          {change("data/public.customers.csv", "\n7,", "\n1000,x,y,2026-01-01\n7,", true), ""},
		"lines-other-rows":        {change("data/public.customers.ndjson", "Customer 7", "Customer 8", false), `"data/public.customers.ndjson" in it: its checksum`},
		"lines-not-a-number":      {change("data/public.customers.ndjson", `"id":7,`, `"id":"secret",`, true), "its rows do not fit the table \"public\".\"customers\" (SQLSTATE 22P02, line 7)"},
		"lines-other-columns":     {change("data/public.customers.ndjson", `"id":7,`, `"secret":7,`, true), "do not fit the table \"public\".\"customers\" (line 7: it is not a row"},
		"lines-cut-off":           {change("data/public.customers.ndjson", `"}`+"\n", `"`, true), "(line 1: it is not a row as an export has it)"},
		"lines-not-json":          {change("data/public.customers.ndjson", `{"id":9,`, `secret`, true), "(line 9: it is not a row as an export has it)"},
		"lines-a-row-too-many":    {change("data/public.customers.ndjson", `{"id":7,`, strings.Replace(first, `{"id":1,`, `{"id":1000,`, 1)+`{"id":7,`, true), "it has 501 rows, and the manifest says 500"},
		"broken-schema":           {change("schema.pre-data.sql", "CREATE TABLE", "CREATE TABLE 'x", true), "schema.pre-data.sql"},
		"powerful":                {change("schema.pre-data.sql", "CREATE TABLE", "RESET ROLE; ALTER ROLE CURRENT_USER SUPERUSER; CREATE TABLE", true), "schema.pre-data.sql"},
		"cut-off":                 {body[:len(body)-30], "its end is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := f.Ends(t, f.Submit(t, jobs.Import{File: upload(t, f, c.body), To: name}))
			require.Equal(t, jobs.StateFailed, op.State, string(op.Result))
			require.Contains(t, op.Error.Message, c.says)
			require.NotContains(t, op.Error.Message, "secret", "what rows hold stays where it is")
			tenant := f.Tenant(t, name)
			require.Equal(t, tenants.StateFailed, tenant.State)
		})
	}
	op := f.Ends(t, f.Submit(t, jobs.Import{File: "imp_0123456789abcdef01234567", To: "nothing"}))
	require.Equal(t, "import_refused", op.Error.Code)
	require.Contains(t, op.Error.Message, "not in the store")
}

// zipOf zips files.
func zipOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		in, err := w.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(in, text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// TestExportForms: forms, their labels and the history of releases and changes come along, so that a new tenant goes on where the old one was.
func TestExportForms(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	change := func(tenant, change string) {
		f.Do(t, jobs.ChangeSchema{Tenant: tenant, Change: json.RawMessage(change)})
	}
	change("acme", `{"operations": [
		{"op": "create_form", "form": "projects", "label": "Projekte für \u00fcbermorgen"},
		{"op": "add_field", "form": "projects", "field": "budget", "label": "Budget (EUR)", "type": "decimal", "precision": 12, "scale": 2},
		{"op": "create_form", "form": "old", "label": "Old"}]}`)
	change("acme", `{"operations": [{"op": "drop_form", "form": "old"}]}`)
	conn := f.Connect(t, "acme", tenants.RoleApp)
	var table, column string
	require.NoError(t, conn.QueryRow(t.Context(), `
		SELECT f.table_name, d.column_name FROM _tenantry.forms f JOIN _tenantry.form_fields d ON d.form = f.key WHERE f.key = 'projects'`).Scan(&table, &column))
	_, err := conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO form_data.%s (%s) VALUES (1.50), (NULL)", table, column))
	require.NoError(t, err)

	_, body := exportOf(t, f, "acme", "")
	files := filesOf(t, body)
	require.Contains(t, files["forms.json"], `"label": "Projekte für übermorgen"`)
	require.Contains(t, files["forms.json"], `"table": "`+table+`"`)
	require.Contains(t, files["data/form_data."+table+".csv"], ",1.50\n")
	require.NotContains(t, files["schema.pre-data.sql"], "schema_history")
	require.NotContains(t, files["internal/rights.json"], "{provisioner}")

	f.Do(t, jobs.Import{File: upload(t, f, body), To: "acme-2"})
	require.Equal(t, dumpOf(t, f, "acme"), dumpOf(t, f, "acme-2"))
	f.Do(t, jobs.Check{})
	require.Equal(t, 2, scan[int](t, f, `SELECT count(*) FROM tenantry.drift WHERE state = 'clean'`))
	change("acme-2", `{"operations": [{"op": "add_field", "form": "projects", "field": "done", "label": "Done", "type": "boolean"}, {"op": "restore_form", "form": "old"}]}`)
	f.Do(t, jobs.Migrate{Tenant: "acme-2"})
	again := f.Connect(t, "acme-2", tenants.RoleApp)
	_, err = again.Exec(t.Context(), fmt.Sprintf("INSERT INTO form_data.%s (%s) VALUES (2)", table, column))
	require.NoError(t, err, "the application writes to what was imported")
}

// TestExportLink: a store that can make links makes them.
func TestExportLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("a secret"), 0o600))
	store, err := backup.OpenStore(t.Context(), "file://"+dir+"/store?base_url=https://files.example.com/get&secret_key_path="+secret)
	require.NoError(t, err)
	defer store.Close()
	link, err := store.Link(t.Context(), "tenants/x/exports/e.1.zip", time.Hour)
	require.NoError(t, err)
	require.Contains(t, link, "https://files.example.com/get?")
	plain, err := backup.OpenStore(t.Context(), "file://"+dir+"/plain")
	require.NoError(t, err)
	defer plain.Close()
	_, err = plain.Link(t.Context(), "x", time.Hour)
	require.ErrorIs(t, err, backup.ErrNoLinks)
}

// TestImportFromBrokenStore: an answer of the store that breaks off says nothing of the export, so its import is tried again.
func TestImportFromBrokenStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := backup.OpenStore(t.Context(), "file://"+dir)
	require.NoError(t, err)
	defer store.Close()
	_, err = store.Write(t.Context(), "x.zip", false, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 10_000))
		return err
	})
	require.NoError(t, err)
	in, err := store.Random(t.Context(), "x.zip")
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(dir, "x.zip"), 5000))
	_, err = export.Open(backup.Trusted{}, in, in.Size())
	var failed *backup.StoreError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Transient())
	require.NoError(t, os.Remove(filepath.Join(dir, "x.zip")))
	_, err = export.Open(backup.Trusted{}, in, in.Size())
	require.ErrorIs(t, err, backup.ErrNotThere)
}
