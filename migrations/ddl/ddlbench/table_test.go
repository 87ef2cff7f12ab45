package ddlbench_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
)

// forms are what is there before the first change. account is what add_reference points at.
const forms = `
{"op": "create_form", "form": "accounts"},
{"op": "create_form", "form": "entries"},
{"op": "add_field", "form": "entries", "field": "name", "type": "short_text"},
{"op": "add_field", "form": "entries", "field": "code", "type": "integer", "bits": 32},
{"op": "add_field", "form": "entries", "field": "day", "type": "short_text"},
{"op": "add_field", "form": "entries", "field": "grp", "type": "integer", "index": true},
{"op": "add_field", "form": "entries", "field": "account", "type": "integer"},
{"op": "add_field", "form": "entries", "field": "note", "type": "long_text"},
{"op": "add_field", "form": "entries", "field": "region", "type": "short_text"},
{"op": "add_field", "form": "entries", "field": "state", "type": "select", "options": [{"key": "new"}, {"key": "open"}, {"key": "closed"}, {"key": "lost"}]},
{"op": "add_field", "form": "entries", "field": "legacy", "type": "short_text", "default": "x", "required": true}`

// field is one that is loaded.
type field struct{ key, value string }

// fields are those that are loaded, and what a row has of each, given its id in the place of #. Half of the rows have no region.
var fields = []field{
	{"name", "'entry ' || #"},
	{"code", "#"},
	{"day", "to_char(date '2001-01-01' + (# % 9000)::integer, 'YYYY-MM-DD')"},
	{"grp", "# / 20"},
	{"account", "# % 1000 + 1"},
	{"note", "'note ' || # || repeat(' lorem', 6)"},
	{"region", "CASE WHEN # % 2 = 0 THEN 'north' END"},
	{"state", "CASE # % 3 WHEN 0 THEN 'new' WHEN 1 THEN 'open' ELSE 'closed' END"},
	{"legacy", "'x'"},
}

// of is a field's value in the row with that id, as SQL.
func (f field) of(id string) string { return strings.ReplaceAll(f.value, "#", id) }

// table is one, as the application knows it.
type table struct {
	name string // qualified
	// view is what it reads from, as often as from the table; the table itself where there is none.
	view string
	// column by a field's key; columns of the view are called after the keys.
	column map[string]string
	former map[string]string // columns that fields had before their types changed
	check  map[string]string // constraints of fields
	rows   int               // that were loaded
}

// form finds the form's table by the registry.
func (tn *tenant) form(t *testing.T, rows int) table {
	t.Helper()
	registry, err := execute.Read(t.Context(), tn.admin)
	require.NoError(t, err)
	form := registry.Form("entries")
	tb := table{
		name: ddl.DataSchema + "." + form.Table, view: ddl.ViewSchema + "." + form.View,
		column: map[string]string{}, former: map[string]string{}, check: map[string]string{}, rows: rows,
	}
	for _, field := range form.Fields {
		tb.column[field.Key], tb.check[field.Key] = field.Column, field.Constraint
		for _, former := range field.Former {
			tb.former[field.Key] = former.Column
		}
	}
	return tb
}

// load makes the forms and so many rows.
func (tn *tenant) load(t *testing.T, rows int) table {
	t.Helper()
	begun := time.Now()
	tn.apply(t, forms, tn.options())
	tb := tn.form(t, rows)
	run(t, tn.admin, "INSERT INTO "+tn.accounts(t)+" (id) SELECT generate_series(1, 1000)")
	columns, values := []string{"id"}, []string{"i"}
	for _, f := range fields {
		columns, values = append(columns, tb.column[f.key]), append(values, f.of("i"))
	}
	tn.inParts(t, rows, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series($1::bigint, $2) i",
		tb.name, strings.Join(columns, ", "), strings.Join(values, ", ")))
	tn.loaded(t, tb)
	t.Logf("%d rows loaded after %s, %s", rows, ms(time.Since(begun)), tn.size(t, tb))
	return tb
}

func (tn *tenant) accounts(t *testing.T) string {
	t.Helper()
	registry, err := execute.Read(t.Context(), tn.admin)
	require.NoError(t, err)
	return ddl.DataSchema + "." + registry.Form("accounts").Table
}

func (tn *tenant) size(t *testing.T, tb table) string {
	t.Helper()
	return one[string](t, tn.admin, "SELECT pg_size_pretty(pg_table_size($1::regclass)) || ' and ' || pg_size_pretty(pg_indexes_size($1::regclass)) || ' of indexes'", tb.name)
}

// plain makes a table that is identical, the columns called after the fields: it is nobody's form.
func (tn *tenant) plain(t *testing.T, of table, name string) table {
	t.Helper()
	begun := time.Now()
	tb := table{name: "plain." + name, view: "plain." + name, column: map[string]string{}, check: of.check, rows: of.rows}
	for _, sql := range []string{
		"SET ROLE " + tn.owner,
		"CREATE SCHEMA IF NOT EXISTS plain",
		fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING IDENTITY)", tb.name, of.name),
		"RESET ROLE",
	} {
		run(t, tn.admin, sql)
	}
	tn.inParts(t, of.rows, fmt.Sprintf("INSERT INTO %s SELECT * FROM %s WHERE id BETWEEN $1 AND $2 ORDER BY id", tb.name, of.name))
	for _, f := range fields {
		tb.column[f.key] = f.key
		run(t, tn.admin, fmt.Sprintf("ALTER TABLE %s RENAME %s TO %s", tb.name, of.column[f.key], f.key))
	}
	run(t, tn.admin, "ALTER TABLE "+tb.name+" ADD PRIMARY KEY (id)")
	run(t, tn.admin, "CREATE INDEX ON "+tb.name+" (grp)")
	tn.loaded(t, tb)
	t.Logf("%s after %s, %s", tb.name, ms(time.Since(begun)), tn.size(t, tb))
	return tb
}

// inParts runs a statement over ranges of ids, on both processors.
func (tn *tenant) inParts(t *testing.T, rows int, sql string) {
	t.Helper()
	const part = 250_000
	parts := make(chan int)
	var group errgroup.Group
	for range 2 {
		group.Go(func() error {
			conn, err := pgx.ConnectConfig(t.Context(), tn.config(t, tn.database, ""))
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
			if _, err = conn.Exec(t.Context(), "SET synchronous_commit = off"); err != nil {
				return err
			}
			for from := range parts {
				if _, failed := conn.Exec(t.Context(), sql, from, min(from+part-1, rows)); failed != nil && err == nil {
					err = failed
				}
			}
			return err
		})
	}
	for from := 1; from <= rows; from += part {
		parts <- from
	}
	close(parts)
	require.NoError(t, group.Wait())
}

// loaded brings a new table into the state of one that has been there for long.
func (tn *tenant) loaded(t *testing.T, tb table) {
	t.Helper()
	run(t, tn.admin, "SELECT setval(pg_get_serial_sequence($1, 'id'), $2)", tb.name, tb.rows)
	tn.rest(t, tb)
}

// rest leaves no dead rows of an earlier change to the next.
func (tn *tenant) rest(t *testing.T, tb table) {
	t.Helper()
	run(t, tn.admin, "VACUUM (ANALYZE) "+tb.name)
}
