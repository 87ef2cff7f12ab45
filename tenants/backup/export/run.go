package export

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/archive"
	"github.com/avenit/tenantry/tenants/backup/pgtools"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atSnapshot = crashpoint.New("export.snapshot.after")
	atRows     = crashpoint.New("export.rows.within") // all is written but the manifest, and nothing is closed
	atWritten  = crashpoint.New("export.written.after")
)

// Export is what to export, and where to.
type Export struct {
	Store *backup.Store
	Key   string // the object
	Tools pgtools.Installed
	Sign  backup.SigningKey

	Target backup.Target
	// Conn is a session of Target's, for the snapshot; Roles are what its roles stand for.
	Conn  *pgx.Conn
	Roles map[string]string
	// Forms reads the forms of the no-code builder in the snapshot, for people and programs.
	Forms func(ctx context.Context, conn *pgx.Conn) (any, error)

	// Manifest is filled in but for what the export tells.
	Manifest Manifest
	// Progress is told how many bytes of about how many are written. It may be nil.
	Progress func(done, total int64)
}

// Key is where an attempt of an export lies in the store: no two attempts share an object.
func Key(tenant, export string, attempt int) string {
	return fmt.Sprintf("%s%d.zip", Prefix(tenant, export), attempt)
}

// Prefix is that of all objects of an export.
func Prefix(tenant, export string) string { return "tenants/" + tenant + "/exports/" + export + "." }

const beginSQL = `
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL row_security = off;
SET LOCAL search_path = pg_catalog;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL extra_float_digits = 3;
SET LOCAL TimeZone = 'UTC';
SET LOCAL bytea_output = 'hex';
SET LOCAL ROLE `

// Run writes the export. Unless all of it has succeeded there is no object.
func (e Export) Run(ctx context.Context) (backup.Object, Manifest, error) {
	m := e.Manifest
	if _, err := e.Conn.PgConn().Exec(ctx, beginSQL+tenants.Ident(e.Target.Owner)).ReadAll(); err != nil {
		return backup.Object{}, m, fmt.Errorf("begin snapshot: %w", err)
	}
	defer e.rollback(ctx)
	d := dumping{Export: e}
	err := e.Conn.QueryRow(ctx, `
		SELECT pg_export_snapshot(), clock_timestamp(), current_setting('server_version_num')::integer, pg_database_size(current_database())`,
	).Scan(&d.snapshot, &m.At, &m.Server, &d.size)
	if err != nil {
		return backup.Object{}, m, fmt.Errorf("export snapshot: %w", err)
	}
	m.At = m.At.UTC()
	const major = 10_000
	if d.tools, err = e.Tools.ForServer(m.Server/major, 0); err != nil {
		return backup.Object{}, m, err
	}
	m.Format, m.Client = ManifestFormat, d.tools.Version
	if err := e.Conn.QueryRow(ctx, publicSQL).Scan(&m.Public); err != nil {
		return backup.Object{}, m, fmt.Errorf("look at schema public: %w", err)
	}
	atSnapshot.Hit(ctx)
	// Text may be larger than what it is stored as, and is compressed.
	object, err := e.Store.WriteLarge(ctx, e.Key, 2*d.size, func(out io.Writer) error {
		d.writer = newWriter(out, m.At)
		d.total, d.progress = d.size, e.Progress
		return d.write(ctx, &m)
	})
	if err != nil {
		return object, m, fmt.Errorf("export: %w", err)
	}
	atWritten.Hit(ctx)
	return object, m, nil
}

func (e Export) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_, _ = e.Conn.Exec(ctx, "ROLLBACK") // closing the connection does the same
}

// dumping is an export under way.
type dumping struct {
	Export
	*writer

	snapshot string
	size     int64
	tools    pgtools.Tools
	names    names
}

// write writes all files.
func (d *dumping) write(ctx context.Context, m *Manifest) error {
	tables, err := listTables(ctx, d.Conn)
	if err != nil {
		return err
	}
	sequences, err := listSequences(ctx, d.Conn)
	if err != nil {
		return err
	}
	objects, err := listObjects(ctx, d.Conn)
	if err != nil {
		return err
	}
	tables, ownTables := part(tables, func(f File) bool { return f.Schema != ownSchema })
	sequences, ownSequences := part(sequences, func(s Sequence) bool { return s.Schema != ownSchema })

	if err := d.text("README.txt", Readme, readme(*m, len(objects) > 0)); err != nil {
		return err
	}
	if err := d.schema(ctx, "schema.pre-data.sql", PreData, "--exclude-schema="+ownSchema); err != nil {
		return err
	}
	if err := d.rows(ctx, m.RowFormat, tables); err != nil {
		return err
	}
	if err := d.json("sequences.json", Sequences, nonNil(sequences)); err != nil {
		return err
	}
	if err := d.largeObjects(ctx, objects); err != nil {
		return err
	}
	if err := d.schema(ctx, "schema.post-data.sql", PostData, "--exclude-schema="+ownSchema); err != nil {
		return err
	}
	forms, err := d.Forms(ctx, d.Conn)
	if err != nil {
		return err
	}
	if err := d.json("forms.json", Forms, forms); err != nil {
		return err
	}
	if m.RowFormat == CSV {
		if err := d.text("load.sql", Script, loadScript(d.files, sequences)); err != nil {
			return err
		}
	}
	if err := d.internal(ctx, m.RowFormat, ownTables, ownSequences); err != nil {
		return err
	}
	atRows.Hit(ctx)
	return d.end(m)
}

// part splits a list in two.
func part[T any](list []T, first func(T) bool) (one, other []T) {
	for _, v := range list {
		if first(v) {
			one = append(one, v)
		} else {
			other = append(other, v)
		}
	}
	return one, other
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// schema writes a part of what pg_dump says of the schema. --no-blobs is what every version knows.
func (d *dumping) schema(ctx context.Context, path string, section Kind, which string) error {
	args := []string{
		"--format=plain", "--section=" + string(section), "--no-owner", "--no-acl", "--no-publications", "--no-subscriptions", "--no-tablespaces",
		"--no-security-labels", "--no-blobs", which,
	}
	return d.file(File{Path: path, Kind: section}, func(w io.Writer) (int64, error) {
		return 0, d.Target.Dump(ctx, d.tools, d.snapshot, args, func(r io.Reader) error {
			_, err := io.Copy(w, r)
			return err //nolint:wrapcheck // ours
		})
	})
}

// rows writes the rows of tables.
func (d *dumping) rows(ctx context.Context, format string, tables []File) error {
	if d.names == nil {
		d.names = names{}
	}
	for _, f := range tables {
		f.Path = d.names.of(f.Schema, f.Table) + "." + format
		if f.Schema == ownSchema {
			f.Path = internal + f.Path
		} else {
			f.Path = "data/" + f.Path
		}
		if err := d.file(f, func(w io.Writer) (int64, error) { return d.table(ctx, w, format, f) }); err != nil {
			return err
		}
	}
	return nil
}

// table writes the rows of a table, and tells how many.
func (d *dumping) table(ctx context.Context, w io.Writer, format string, f File) (int64, error) {
	var end func() error
	switch format {
	case NDJSON:
		w = jsonRows(w, f)
	case Parquet:
		columns, err := parquetColumns(ctx, d.Conn, f)
		if err != nil {
			return 0, err
		}
		p := newParquetRows(w, f, columns)
		w, end = p, p.Close
	}
	tag, err := d.Conn.PgConn().CopyTo(ctx, w, copyOut(f, format))
	if err == nil && end != nil {
		err = end()
	}
	return tag.RowsAffected(), err
}

// objectChunk is how much of a large object is read at once.
const objectChunk = 1 << 20

func (d *dumping) largeObjects(ctx context.Context, objects []Object) error {
	if len(objects) == 0 {
		return nil
	}
	for i := range objects {
		o := &objects[i]
		err := d.file(File{Path: objectPath(o.OID), Kind: LargeObject}, func(w io.Writer) (int64, error) {
			for {
				var chunk []byte
				if err := d.Conn.QueryRow(ctx, `SELECT lo_get($1, $2, $3)`, o.OID, o.Bytes, objectChunk).Scan(&chunk); err != nil {
					return 0, fmt.Errorf("read large object %d: %w", o.OID, err)
				}
				if _, err := w.Write(chunk); err != nil {
					return 0, err //nolint:wrapcheck // ours
				}
				o.Bytes += int64(len(chunk))
				if len(chunk) < objectChunk {
					return 0, nil
				}
			}
		})
		if err != nil {
			return err
		}
		if stands, known := d.Roles[o.Owner]; known {
			o.Owner = stands
		}
	}
	return d.json("large_objects.json", LargeObjects, objects)
}

func objectPath(oid uint32) string { return fmt.Sprintf("large_objects/%d", oid) }

// rights are who may do what, as pg_dump writes it.
type rights struct {
	Roles  map[string]string `json:"roles"`
	Grants []string          `json:"grants"`
}

// internal writes what only an import needs.
func (d *dumping) internal(ctx context.Context, format string, tables []File, sequences []Sequence) error {
	if len(tables) > 0 {
		if err := d.schema(ctx, internal+"schema.pre-data.sql", PreData, "--schema="+ownSchema); err != nil {
			return err
		}
		if err := d.rows(ctx, format, tables); err != nil {
			return err
		}
		if err := d.json(internal+"sequences.json", Sequences, nonNil(sequences)); err != nil {
			return err
		}
		if err := d.schema(ctx, internal+"schema.post-data.sql", PostData, "--schema="+ownSchema); err != nil {
			return err
		}
	}
	var toc archive.TOC
	args := []string{"--format=custom", "--compress=0", "--section=pre-data", "--section=post-data", "--no-blobs"}
	err := d.Target.Dump(ctx, d.tools, d.snapshot, args, func(r io.Reader) error {
		a, err := archive.Open(r)
		if err != nil {
			return err
		}
		toc = a.TOC
		_, err = io.Copy(io.Discard, r)
		return err //nolint:wrapcheck // ours
	})
	if err != nil {
		return fmt.Errorf("rights: %w", err)
	}
	r := rights{Roles: map[string]string{}, Grants: nonNil(backup.Grants(toc))}
	for role, stands := range d.Roles {
		// Only those that are named: what else the server has is nobody's business.
		if slices.ContainsFunc(r.Grants, func(grant string) bool { return strings.Contains(grant, role) }) {
			r.Roles[role] = stands
		}
	}
	return d.json(internal+"rights.json", Rights, r)
}

// end writes the manifest, and the zip's own end.
func (d *dumping) end(m *Manifest) error {
	m.Files = d.files
	raw, err := m.Sign(d.Sign)
	if err != nil {
		return err
	}
	if err := d.text(manifestName, "", string(raw)); err != nil {
		return err
	}
	if err := d.zip.Close(); err != nil {
		return fmt.Errorf("end: %w", err)
	}
	return nil
}

// loadScript loads an export with psql.
func loadScript(files []File, sequences []Sequence) string {
	var sql strings.Builder
	sql.WriteString("-- Loads this export into an empty database: psql -d DATABASE -f load.sql, in the folder that has it.\n" +
		"\\set ON_ERROR_STOP on\n\\encoding UTF8\n\\ir schema.pre-data.sql\n")
	for _, f := range files {
		if f.Kind != Rows {
			continue
		}
		line := fmt.Sprintf("\\copy %s%s FROM '%s' WITH (FORMAT csv, HEADER)", f.name(), columnList(f.Columns), f.Path)
		if strings.ContainsAny(line, "\r\n") {
			// psql takes no line breaks there.
			line = "\\warn 'a name has a line break, load it by another program:' " + f.Path
		}
		sql.WriteString(line + "\n")
	}
	for _, s := range sequences {
		fmt.Fprintf(&sql, "SELECT pg_catalog.setval(%s, %d, %t);\n", tenants.Literal(s.name()), s.Last, s.Called)
	}
	sql.WriteString("\\ir schema.post-data.sql\n")
	return sql.String()
}
