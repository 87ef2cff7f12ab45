package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atSchema   = crashpoint.New("import.schema.after")
	atLoaded   = crashpoint.New("import.rows.after")
	atPostData = crashpoint.New("import.post.after")
	atRights   = crashpoint.New("import.rights.after")
	atCounted  = crashpoint.New("import.counted")
)

// Import is an export, and the empty database that it is brought into.
type Import struct {
	From  *Reader   // checked
	Conn  *pgx.Conn // a session of a member of Owner
	Owner string    // the role to work as, which can do nothing elsewhere
	// Roles are the target's, by what they stand for: those of the export's database are replaced by them.
	Roles map[string]string
	// Progress is told how many bytes of how many are loaded. It may be nil.
	Progress func(done, total int64)
}

// Run brings the export into the target. Whatever it returns an error for is in no state to be used. It returns the grants that it has left out, to roles
// that are not the tenant's.
func (i Import) Run(ctx context.Context) (skipped []string, err error) {
	m := i.From.Manifest
	if err := m.Importable(); err != nil {
		return nil, err
	}
	l := loading{Import: i}
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	// What refers to Tenantry's own schema comes after it.
	if err := l.scripts(ctx, PreData); err != nil {
		return nil, err
	}
	atSchema.Hit(ctx)
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	for _, f := range m.Files {
		if f.Kind != Rows {
			continue
		}
		if err := l.rows(ctx, f); err != nil {
			return nil, err
		}
	}
	if err := l.sequences(ctx); err != nil {
		return nil, err
	}
	if err := l.largeObjects(ctx); err != nil {
		return nil, err
	}
	atLoaded.Hit(ctx)
	if err := l.scripts(ctx, PostData); err != nil {
		return nil, err
	}
	atPostData.Hit(ctx)
	if skipped, err = l.rights(ctx); err != nil {
		return nil, err
	}
	atRights.Hit(ctx)
	if err := l.count(ctx); err != nil {
		return nil, err
	}
	atCounted.Hit(ctx)
	return skipped, nil
}

// Suits refuses what cannot be loaded into a server of this version, as server_version_num, before a database is made for it.
func (r *Reader) Suits(server int) error {
	const major = 10_000
	if err := r.Manifest.Importable(); err != nil {
		return err
	}
	if from := r.Manifest.Server / major; from > server/major {
		return &RefusedError{"", fmt.Sprintf("it is of PostgreSQL %d, and the server is of %d: place the tenant on a node of that version or a newer one", from, server/major)}
	}
	return nil
}

// Importable refuses what cannot be loaded as it is.
func (m Manifest) Importable() error {
	if m.RowFormat != CSV && m.RowFormat != NDJSON {
		return &RefusedError{"", fmt.Sprintf("its rows are %s, which is for other programs: make an export with --format csv for importing it", m.RowFormat)}
	}
	return nil
}

// HasLargeObjects reports whether there are any.
func (m Manifest) HasLargeObjects() bool {
	for _, f := range m.Files {
		if f.Kind == LargeObject {
			return true
		}
	}
	return false
}

// loading is an import under way.
type loading struct {
	Import

	done   int64
	tables map[string]File // that the schema has made, by their names as SQL has them; only for NDJSON
}

// begin makes the session one of the owner, and the schema public what it was.
func (l *loading) begin(ctx context.Context) error {
	owner := tenants.Ident(l.Owner)
	// What is imported is dropped when the server dies meanwhile, so nothing of it need be on the disk at its commit.
	sql := "SET synchronous_commit = off; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET ROLE " + owner
	switch l.From.Manifest.Public {
	case "own":
		sql += "; ALTER SCHEMA public OWNER TO " + owner
	case "none":
		sql += "; DROP SCHEMA public"
	}
	if _, err := l.Conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("import: begin: %w", err)
	}
	return nil
}

// scripts runs the parts of the schema, Tenantry's own first.
func (l *loading) scripts(ctx context.Context, kind Kind) error {
	var own, others []File
	for _, f := range l.From.Manifest.Files {
		switch {
		case f.Kind != kind:
		case f.Internal():
			own = append(own, f)
		default:
			others = append(others, f)
		}
	}
	for _, f := range append(own, others...) {
		if err := l.script(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// sentAtOnce is how many statements of a script are one round trip, and one transaction.
const sentAtOnce = 50

func (l *loading) script(ctx context.Context, f File) error {
	text, err := l.From.text(ctx, f)
	if err != nil {
		return err
	}
	statements, err := split(unrestricted(text))
	if err != nil {
		return &RefusedError{f.Path, err.Error()}
	}
	for len(statements) > 0 {
		now := statements[:min(sentAtOnce, len(statements))]
		statements = statements[len(now):]
		if _, err := l.Conn.PgConn().Exec(ctx, strings.Join(now, ";\n")).ReadAll(); err != nil {
			return fmt.Errorf("import: %s: %w", f.Path, err)
		}
	}
	l.passed(f)
	return nil
}

func (l *loading) passed(f File) {
	l.done += f.Bytes
	if l.Progress != nil {
		l.Progress(l.done, l.From.total)
	}
}

// unrestricted takes the two lines out of a script that forbid psql its own commands in between. They are psql's, not the server's.
func unrestricted(script string) string {
	const begin, end = `\restrict `, `\unrestrict `
	at := 0
	for at < len(script) {
		line := script[at : at+lineLength(script[at:])]
		if key, is := strings.CutPrefix(line, begin); is {
			last := strings.LastIndex(script, "\n"+end+strings.TrimSpace(key)+"\n")
			if last < at {
				return script
			}
			rest := script[last+1:]
			return script[:at] + script[at+len(line):last+1] + rest[lineLength(rest):]
		}
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "--") {
			return script
		}
		at += len(line)
	}
	return script
}

// copyLine is where PostgreSQL says which line of a COPY it is about. The rest of that may have what the row holds, which stays in the tenant's database.
var copyLine = regexp.MustCompile(`, line (\d+)`)

func (l *loading) rows(ctx context.Context, f File) error {
	var loaded int64
	err := l.From.read(ctx, f, func(in io.Reader) error {
		var lines *jsonReader
		if l.From.Manifest.RowFormat == NDJSON {
			lines = readJSON(in, l.held(f))
			in = lines
		}
		tag, err := l.Conn.PgConn().CopyFrom(ctx, in, copyIn(f, l.From.Manifest.RowFormat))
		loaded = tag.RowsAffected()
		if lines != nil && errors.Is(lines.failed, errNoRow) {
			return lines.failed // not what the server says of it
		}
		return err //nolint:wrapcheck // wrapped below
	})
	pg, is := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, errNoRow):
		return &RefusedError{f.Path, fmt.Sprintf("its rows do not fit the table %s (%s)", f.name(), err)}
	case is && !mayPass(pg.Code):
		where := ""
		if line := copyLine.FindStringSubmatch(pg.Where); line != nil {
			where = ", line " + line[1]
		}
		return &RefusedError{f.Path, fmt.Sprintf("its rows do not fit the table %s (SQLSTATE %s%s)", f.name(), pg.Code, where)}
	case is:
		return fmt.Errorf("import: %s: %w", f.Path, err)
	case err != nil:
		return err
	case loaded != f.Rows:
		return &RefusedError{f.Path, fmt.Sprintf("it has %d rows, and the manifest says %d", loaded, f.Rows)}
	}
	l.passed(f)
	return nil
}

// held tells what the columns of a file are in the tables that the schema has made. COPY refuses a table or a column that is not there.
func (l *loading) held(f File) File {
	there := l.tables[f.name()]
	f.holds = make([]column, len(f.Columns))
	for i, name := range f.Columns {
		if at := slices.Index(there.Columns, name); at >= 0 {
			f.holds[i] = there.holds[at]
		}
	}
	return f
}

// look reads which tables the schema has made, where the rows' format needs it.
func (l *loading) look(ctx context.Context) error {
	if l.From.Manifest.RowFormat != NDJSON {
		return nil
	}
	list, err := listTables(ctx, l.Conn)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	l.tables = make(map[string]File, len(list))
	for _, f := range list {
		l.tables[f.name()] = f
	}
	return nil
}

// mayPass tells what the server says of itself from what it says of rows: it is shutting down, has no room, ended the statement.
func mayPass(code string) bool {
	for _, class := range []string{"08", "40", "53", "55", "57", "58"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

func (l *loading) sequences(ctx context.Context) error {
	for _, f := range l.From.Manifest.Files {
		if f.Kind != Sequences {
			continue
		}
		var list []Sequence
		if err := l.From.json(ctx, f, &list); err != nil {
			return err
		}
		for len(list) > 0 {
			now := list[:min(atOnce, len(list))]
			list = list[len(now):]
			batch := &pgx.Batch{}
			for _, s := range now {
				batch.Queue(`SELECT pg_catalog.setval($1::pg_catalog.text::pg_catalog.regclass, $2, $3)`, s.name(), s.Last, s.Called)
			}
			if err := l.Conn.SendBatch(ctx, batch).Close(); err != nil {
				return fmt.Errorf("import: %s: %w", f.Path, err)
			}
		}
	}
	return nil
}

func (l *loading) largeObjects(ctx context.Context) error {
	for _, f := range l.From.Manifest.Files {
		if f.Kind != LargeObjects {
			continue
		}
		var list []Object
		if err := l.From.json(ctx, f, &list); err != nil {
			return err
		}
		for _, o := range list {
			if err := l.largeObject(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loading) largeObject(ctx context.Context, o Object) error {
	f, found := l.From.file(objectPath(o.OID))
	if !found {
		return &RefusedError{objectPath(o.OID), "large_objects.json names it, and it is not there"}
	}
	if _, err := l.Conn.Exec(ctx, `SELECT lo_create($1)`, o.OID); err != nil {
		return fmt.Errorf("import: %s: %w", f.Path, err)
	}
	chunk := make([]byte, objectChunk)
	err := l.From.read(ctx, f, func(in io.Reader) error {
		for at := int64(0); ; {
			n, err := io.ReadFull(in, chunk)
			if n > 0 {
				if _, err := l.Conn.Exec(ctx, `SELECT lo_put($1, $2, $3)`, o.OID, at, chunk[:n]); err != nil {
					return fmt.Errorf("import: %s: %w", f.Path, err)
				}
				at += int64(n)
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			if err != nil {
				return err //nolint:wrapcheck // ours
			}
		}
	})
	if err != nil {
		return err
	}
	sql := ""
	if o.Comment != "" {
		sql = fmt.Sprintf("COMMENT ON LARGE OBJECT %d IS %s;\n", o.OID, tenants.Literal(o.Comment))
	}
	for role, stands := range l.Roles {
		if stands == o.Owner && role != l.Owner {
			sql += fmt.Sprintf("ALTER LARGE OBJECT %d OWNER TO %s;\n", o.OID, tenants.Ident(role))
		}
	}
	if sql != "" {
		if _, err := l.Conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("import: %s: %w", f.Path, err)
		}
	}
	l.passed(f)
	return nil
}

func (r *Reader) file(path string) (File, bool) {
	for _, f := range r.Manifest.Files {
		if f.Path == path {
			return f, true
		}
	}
	return File{}, false
}

// rights gives the tenant's roles what they had, and PUBLIC.
func (l *loading) rights(ctx context.Context) (skipped []string, err error) {
	f, found := l.From.file(internal + "rights.json")
	if !found {
		return nil, &RefusedError{internal + "rights.json", "it is not there"}
	}
	var r rights
	if err := l.From.json(ctx, f, &r); err != nil {
		return nil, err
	}
	var sql strings.Builder
	for _, grant := range r.Grants {
		renamed, left := backup.RenameGrants(grant, databaseOf(r.Roles), databaseOf(l.Roles))
		sql.WriteString(renamed)
		skipped = append(skipped, left...)
	}
	if _, err := l.Conn.PgConn().Exec(ctx, sql.String()).ReadAll(); err != nil {
		return nil, fmt.Errorf("import: %s: %w", f.Path, err)
	}
	return skipped, nil
}

// databaseOf is the name of the database whose roles these are, by what they stand for: they begin with it.
func databaseOf(roles map[string]string) string {
	for role, stands := range roles {
		switch stands {
		case "{owner}", "{migrator}", "{app}", "{readonly}":
			return role[:max(0, strings.LastIndexByte(role, '_'))]
		}
	}
	return ""
}

// count looks whether every table has as many rows as the manifest says, once all is in place.
func (l *loading) count(ctx context.Context) error {
	tables, _ := part(l.From.Manifest.Files, func(f File) bool { return f.Kind == Rows })
	if _, err := l.Conn.Exec(ctx, "SET row_security = off"); err != nil {
		return fmt.Errorf("import: count rows: %w", err)
	}
	for len(tables) > 0 {
		now := tables[:min(atOnce, len(tables))]
		tables = tables[len(now):]
		batch := &pgx.Batch{}
		for _, f := range now {
			batch.Queue("SELECT count(*) FROM ONLY " + f.name()).QueryRow(func(row pgx.Row) error {
				var n int64
				if err := row.Scan(&n); err != nil {
					return err //nolint:wrapcheck // wrapped below
				}
				if n != f.Rows {
					return &RefusedError{f.Path, fmt.Sprintf("the table %s has %d rows after it was loaded, and the manifest says %d", f.name(), n, f.Rows)}
				}
				return nil
			})
		}
		if err := l.Conn.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("import: count rows: %w", err)
		}
	}
	return nil
}
