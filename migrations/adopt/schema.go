package adopt

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/fingerprint"
)

// ReadSchema reads what counts of a database's schema when it is compared with what its history says: no owners, no grants, which are set when it is
// taken over, and nothing of the tool's own table. The zero Table leaves nothing out.
func ReadSchema(ctx context.Context, conn *pgx.Conn, table Table) (fingerprint.Schema, error) {
	owners, err := ownerLines(ctx, conn)
	if err != nil {
		return fingerprint.Schema{}, err
	}
	var options fingerprint.Options
	if table.Name != "" {
		options.Ignore = []string{table.Quoted}
	}
	schema, err := fingerprint.Read(ctx, conn, options)
	if err != nil {
		return schema, err
	}
	return withoutOwners(schema, owners), nil
}

// ownersSQL lists the roles that own something in the database or may, as a fingerprint writes them.
const ownersSQL = `
SELECT DISTINCT quote_ident(r.rolname)
FROM pg_roles r
WHERE r.oid = 10 OR r.rolname = 'pg_database_owner'
   OR r.oid IN (SELECT s.refobjid FROM pg_shdepend s
                WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o'
                  AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))`

// ownerLines gives the lines that name owners in definitions.
func ownerLines(ctx context.Context, q Querier) (map[string]bool, error) {
	rows, err := q.Query(ctx, ownersSQL)
	if err != nil {
		return nil, fmt.Errorf("list owners: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list owners: %w", err)
	}
	lines := make(map[string]bool, len(names))
	for _, name := range names {
		lines["OWNER "+name] = true
	}
	return lines, nil
}

// withoutOwners is pure.
func withoutOwners(schema fingerprint.Schema, owners map[string]bool) fingerprint.Schema {
	objects := make([]fingerprint.Object, 0, len(schema.Objects))
	for _, o := range schema.Objects {
		switch o.Kind {
		case "grant", "default privileges", "initial privileges":
			continue
		}
		lines := strings.Split(o.Definition, "\n")
		o.Definition = strings.Join(slices.DeleteFunc(lines, func(l string) bool { return owners[l] }), "\n")
		objects = append(objects, o)
	}
	return fingerprint.Schema{Objects: objects}
}

// Compare gives what of a database is not as it should be, beside a tool's history table, which is given as SQL has it and was left out of what
// was read. A schema that holds nothing but that table, such as Drizzle's, is the tool's.
func Compare(want, got fingerprint.Schema, historyTable string) []fingerprint.Difference {
	schema := schemaOf(historyTable)
	others := slices.ContainsFunc(got.Objects, func(o fingerprint.Object) bool {
		return o.Kind != "schema" && strings.HasPrefix(o.Name, schema+".")
	})
	if others {
		return fingerprint.Compare(want, got)
	}
	return slices.DeleteFunc(fingerprint.Compare(want, got), func(d fingerprint.Difference) bool {
		its := d.Kind == "schema" && d.Name == schema
		granted := d.Kind == "grant" && strings.HasPrefix(d.Name, "schema "+schema+" to ") // as every schema is to a tenant's roles
		return d.Class == fingerprint.Extra && (its || granted)
	})
}

// schemaOf gives the schema of a qualified name, both as SQL has them. A quoted one may hold points, and quotes that are written twice.
func schemaOf(qualified string) string {
	quoted := false
	for i, c := range qualified {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '.' && !quoted:
			return qualified[:i]
		}
	}
	return ""
}
