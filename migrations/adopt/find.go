package adopt

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Querier is a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Table is a tool's history table.
type Table struct {
	Tool   Tool
	Schema string
	Name   string
	// Quoted is the qualified name as SQL has it, with quotes where they are needed.
	Quoted string
}

// String is the table's qualified name, such as "public.goose_db_version".
func (t Table) String() string { return t.Schema + "." + t.Name }

// Identifier is the table's qualified name, for SQL.
func (t Table) Identifier() pgx.Identifier { return pgx.Identifier{t.Schema, t.Name} }

// tablesSQL lists tables with their columns: all by one name, or those that have a tool's own.
const tablesSQL = `
SELECT n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), array_agg(a.attname::text)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p')
  AND n.nspname !~ '^(pg_|_tenantry_restored_)' AND n.nspname NOT IN ('information_schema', '_tenantry')
  AND c.relname = ANY ($1)
  AND ($2 = '' OR n.nspname = $2)
GROUP BY n.nspname, c.relname
ORDER BY n.nspname, c.relname`

// Find looks for the history table of a tool. name is its name where it is not the tool's own, with or without its schema, such as
// "billing.migrations"; "" looks for every tool's default in every schema. The tool is told by the table's columns.
func Find(ctx context.Context, q Querier, name string) (Table, error) {
	var names []string
	schema := ""
	if name != "" {
		if s, n, ok := strings.Cut(name, "."); ok {
			schema, name = s, n
		}
		names = []string{name}
	} else {
		for _, f := range formats() {
			names = append(names, f.table)
		}
	}
	rows, err := q.Query(ctx, tablesSQL, names, schema)
	if err != nil {
		return Table{}, fmt.Errorf("look for a history table: %w", err)
	}
	var found, others []Table
	var t Table
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&t.Schema, &t.Name, &t.Quoted, &columns}, func() error {
		t.Tool = toolOf(columns)
		if t.Tool == "" {
			others = append(others, t)
		} else {
			found = append(found, t)
		}
		return nil
	})
	if err != nil {
		return Table{}, fmt.Errorf("look for a history table: %w", err)
	}
	return choose(found, others, name)
}

// toolOf tells the tool by a table's columns, "" when none has such.
func toolOf(columns []string) Tool {
	for _, f := range formats() {
		if !slices.ContainsFunc(f.columns, func(c string) bool { return !slices.Contains(columns, c) }) {
			return f.tool
		}
	}
	return ""
}

func choose(found, others []Table, name string) (Table, error) {
	const which = "name the one that counts: --history-table SCHEMA.TABLE"
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		names := make([]string, len(found))
		for i, t := range found {
			names[i] = fmt.Sprintf("%s (%s)", t, t.Tool)
		}
		return Table{}, refuse(which, "there are several history tables: %s", strings.Join(names, ", "))
	case len(others) > 0:
		return Table{}, refuse("histories of goose, golang-migrate, Prisma, Drizzle and Flyway can be read; publish another tool's SQL as plain, and make a goose_db_version table of what is applied",
			"table %s is not the history of a known tool: its columns are other ones", others[0])
	case name != "":
		return Table{}, refuse("see \\dt *.* in psql; the provisioner must be allowed to see it", "there is no table %s", name)
	}
	return Table{}, refuse("if the tool's table has a name of its own: --history-table SCHEMA.TABLE",
		"there is no history table of goose, golang-migrate, Prisma, Drizzle or Flyway in the database")
}
