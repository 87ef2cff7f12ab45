package execute_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

// row gives the value of a field, as PostgreSQL writes it; nil is none.
type row func(key string) *string

// content is what is in the form before the change.
type content struct {
	name string
	// rows are 1 to so many; only is the only row instead.
	rows, only int
	// dirty rows have what people write: nothing, the same twice, what is no number and no date.
	dirty bool
	// once are the cells that a run of all tests has, short those of the short form, which has the former, too.
	once, short func(i int, p promise, traffic string) bool
}

// largeRows is so many that nothing scans the table under a lock, with much to spare in the full form.
var largeRows = func() int {
	if os.Getenv("DDL_PROMISE") == "full" {
		return 100_000
	}
	return 15_000
}()

// cells says which cells of a content are looked at, by DDL_PROMISE.
func (on *content) cells(t *testing.T) func(i int, p promise, traffic string) bool {
	t.Helper()
	switch form := os.Getenv("DDL_PROMISE"); form {
	case "":
		return on.once
	case "short":
		return on.short
	case "full":
		return func(int, promise, string) bool { return true }
	default:
		require.Fail(t, "DDL_PROMISE is wrong", "%q is not short or full", form)
		return nil
	}
}

var contents = []*content{
	{name: "empty", once: once(0), short: turn(0)},
	{name: "one row", rows: 1, once: once(1), short: turn(1)},
	{name: "one wrong row", only: 1000, dirty: true, once: once(2), short: turn(2)},
	{name: "large", rows: largeRows, once: func(i int, p promise, traffic string) bool { return p.probable && traffic == busy && i%2 == 0 }, short: func(_ int, p promise, traffic string) bool { return p.probable && traffic == busy }},
	{name: "large and dirty", rows: largeRows, dirty: true, once: func(int, promise, string) bool { return false }, short: func(i int, p promise, traffic string) bool { return p.probable && traffic == quiet && i%2 == 0 }},
}

// once has the small contents take turns: every promise is looked at on one of them, every other one under traffic.
func once(of int) func(i int, p promise, traffic string) bool {
	return func(i int, _ promise, traffic string) bool {
		return i%3 == of && (i/3%2 == 0 && traffic == quiet || i/3%2 == 1 && traffic == busy)
	}
}

// turn has the small contents take turns: every promise is looked at on one of them, and every third one under traffic on another.
func turn(of int) func(i int, p promise, traffic string) bool {
	return func(i int, _ promise, traffic string) bool {
		return traffic == quiet && i%3 == of || traffic == busy && i%3 == 0 && i/3%3 == of || traffic == rude && (i+1)%3 == of
	}
}

func (on *content) ids() []int {
	if on.only > 0 {
		return []int{on.only}
	}
	ids := make([]int, on.rows)
	for i := range ids {
		ids[i] = i + 1
	}
	return ids
}

// last is the greatest id.
func (on *content) last() int { return max(on.rows, on.only) }

// row is what the content has under an id.
func (on *content) row(id int) row {
	return func(key string) *string {
		if key == "hidden" {
			return new("h" + strconv.Itoa(id))
		}
		if on.dirty {
			return dirtyValue(key, id)
		}
		return cleanValue(key, id)
	}
}

// goodRow is one that nothing refuses, and that no other row is like.
func goodRow(n int) row {
	return func(key string) *string { return cleanValue(key, n) }
}

// filler makes rows as long as they are in life.
var filler = strings.Repeat("lorem ", 8)

func cleanValue(key string, g int) *string {
	number := strconv.Itoa(g)
	switch key {
	case "n", "pair", "asint", "req", "code":
		return new(number)
	case "note":
		return new("note " + number + " " + filler)
	case "title":
		return new("t" + number)
	case "dup":
		return new("d" + number)
	case "asdate", "born", "turned":
		return new(dateText(g))
	case "amount":
		return new(number + ".00")
	case "flag":
		return new(strconv.FormatBool(g%2 == 0))
	case "seen":
		return new(dateText(g) + " 10:00:00+00")
	case "state":
		return new([]string{"a", "b"}[g%2])
	case "tags":
		return new("{x,y}")
	case "mail":
		return new("u" + number + "@example.org")
	case "idx":
		return new(strconv.Itoa(g % 5000))
	case "ref":
		return new(strconv.Itoa(g%targets + 1))
	case "doc":
		return new(`{"a": ` + number + `}`)
	case "opt":
		if g%2 == 0 {
			return nil // the application says so, although there is a default
		}
		return new(number)
	}
	return nil
}

func dateText(g int) string { return fmt.Sprintf("2026-%02d-%02d", g%12+1, g%28+1) }

func dirtyValue(key string, g int) *string {
	number := strconv.Itoa(g)
	every := func(n int) bool { return g%n == 0 }
	switch key {
	case "title":
		if every(5) {
			return nil
		}
	case "dup":
		switch {
		case every(7):
			return nil
		case every(50):
			return new("same" + strconv.Itoa(g%1000))
		}
	case "pair":
		return new(strconv.Itoa(g % 4))
	case "asint":
		switch {
		case every(100):
			return new("x" + number)
		case every(9):
			return nil
		case every(3):
			return new(" " + number + " ")
		}
	case "asdate":
		if every(100) {
			return new("31.12.2026")
		}
	case "amount":
		switch {
		case every(100):
			return new(number + ".55")
		case every(9):
			return nil
		}
	case "born":
		switch {
		case g%1000 == 500:
			return new("infinity")
		case every(1000):
			return new("0044-03-15 BC")
		case g%1000 == 250:
			return new("300000-01-01")
		case every(9):
			return nil
		}
	case "flag", "seen", "ref":
		if every(9) {
			return nil
		}
	case "state":
		switch {
		case every(100):
			return new("c")
		case every(9):
			return nil
		}
	case "tags":
		switch {
		case every(100):
			return new("{x,z}")
		case every(9):
			return nil
		case every(4):
			return new("{}")
		}
	case "mail":
		if every(100) {
			return new("nobody")
		}
	case "req":
		if every(100) {
			return new("r" + number)
		}
	case "code":
		switch {
		case every(90):
			return nil
		case g%1000 == 1 && g > 1:
			return new("0" + strconv.Itoa(g-1)) // the same number as the row before
		}
	}
	return cleanValue(key, g)
}

// targets are the rows that references point at.
const targets = 10

// promiseForms are the forms before the change: p is what changes are about, q what it refers to, gone is dropped.
var promiseForms = []string{
	`
{"op": "create_form", "form": "q"}, {"op": "create_form", "form": "gone"}, {"op": "add_field", "form": "gone", "field": "a", "type": "short_text"},
{"op": "create_form", "form": "p"},
{"op": "add_field", "form": "p", "field": "n", "type": "integer"},
{"op": "add_field", "form": "p", "field": "note", "type": "long_text"},
{"op": "add_field", "form": "p", "field": "title", "type": "short_text"},
{"op": "add_field", "form": "p", "field": "dup", "type": "short_text"},
{"op": "add_field", "form": "p", "field": "pair", "type": "integer"},
{"op": "add_field", "form": "p", "field": "asint", "type": "long_text"},
{"op": "add_field", "form": "p", "field": "asdate", "type": "long_text"},
{"op": "add_field", "form": "p", "field": "amount", "type": "decimal", "precision": 12, "scale": 2},
{"op": "add_field", "form": "p", "field": "flag", "type": "boolean"},
{"op": "add_field", "form": "p", "field": "born", "type": "date"},
{"op": "add_field", "form": "p", "field": "seen", "type": "date_time"},
{"op": "add_field", "form": "p", "field": "state", "type": "select", "options": [{"key": "a"}, {"key": "b"}, {"key": "c"}, {"key": "d"}]},
{"op": "add_field", "form": "p", "field": "tags", "type": "multi_select", "options": [{"key": "x"}, {"key": "y"}, {"key": "z"}]},
{"op": "add_field", "form": "p", "field": "mail", "type": "long_text"},
{"op": "add_field", "form": "p", "field": "req", "type": "short_text", "required": true, "default": "7"},
{"op": "add_field", "form": "p", "field": "idx", "type": "integer", "bits": 32, "index": true},
{"op": "add_field", "form": "p", "field": "code", "type": "short_text", "unique": true},
{"op": "add_field", "form": "p", "field": "hidden", "type": "short_text", "default": "h", "index": true},
{"op": "add_field", "form": "p", "field": "turned", "type": "long_text"},
{"op": "add_reference", "form": "p", "field": "ref", "references": "q"},
{"op": "add_field", "form": "p", "field": "doc", "type": "json"},
{"op": "add_field", "form": "p", "field": "opt", "type": "long_text", "default": "5"},
{"op": "add_reference", "form": "p", "field": "links", "references": "q", "many": true},
{"op": "add_field", "form": "p", "field": "total", "type": "formula", "expression": "amount * 2"}`,
	`{"op": "change_type", "form": "p", "field": "turned", "type": "date"}, {"op": "drop_field", "form": "p", "field": "hidden"}`,
	`{"op": "drop_form", "form": "gone"}`,
}

// formFields are the fields of p that its view shows, in order.
var formFields = []string{
	"n", "note", "title", "dup", "pair", "asint", "asdate", "amount", "flag", "born", "seen", "state", "tags", "mail", "req", "idx", "code", "turned", "ref", "doc", "opt", "links", "total",
}

// viewColumns are those of the view of a form before the change.
func (on *content) viewColumns(form *ddl.Form) []string {
	system := []string{"id", "created_at", "updated_at"}
	switch {
	case form == nil, form.Key == "q":
		return system
	case form.Key == "gone":
		return append(system, "a")
	}
	return append(system, formFields...)
}

// template is a database with a content, of which each cell has a copy.
type template struct {
	tn *tenant
	// server is where copies are made and dropped.
	server   *pgx.Conn
	lock     sync.Mutex
	on       *content
	registry *ddl.Registry
	catalog  fingerprint.Schema
	// sums are of the columns' values, by column; gone is that of the form that is dropped.
	sums map[string]string
	gone string
}

// prepare makes the content once.
func (on *content) prepare(t *testing.T) *template {
	t.Helper()
	tn := newTenant(t)
	for _, operations := range promiseForms {
		tn.apply(t, operations)
	}
	run(t, tn.admin, "SET timezone = 'UTC'")
	registry := tn.registry(t)
	form := registry.Form("p")
	run(t, tn.admin, fmt.Sprintf("INSERT INTO form_data.%s DEFAULT VALUES", registry.Form("q").Table))
	for range targets - 1 {
		run(t, tn.admin, fmt.Sprintf("INSERT INTO form_data.%s DEFAULT VALUES", registry.Form("q").Table))
	}
	ids := on.ids()
	var lines bytes.Buffer
	columns, keys := []string{"id"}, []string{}
	for _, field := range form.Fields {
		if field.Column != "" && field.Spec.Type != ddl.ManyToMany {
			columns, keys = append(columns, field.Column), append(keys, field.Key)
		}
	}
	for _, id := range ids {
		lines.WriteString(strconv.Itoa(id))
		get := on.row(id)
		for _, key := range keys {
			lines.WriteByte('\t')
			if value := get(key); value != nil {
				lines.WriteString(*value)
			} else {
				lines.WriteString(`\N`)
			}
		}
		lines.WriteByte('\n')
	}
	_, err := tn.admin.PgConn().CopyFrom(t.Context(), &lines, fmt.Sprintf("COPY form_data.%s (%s) FROM STDIN", form.Table, strings.Join(columns, ", ")))
	require.NoError(t, err)
	run(t, tn.admin, fmt.Sprintf("ALTER TABLE form_data.%s ALTER COLUMN id RESTART WITH %d", form.Table, on.last()+1))
	run(t, tn.admin, fmt.Sprintf("INSERT INTO form_data.%s SELECT id, 1 FROM form_data.%s WHERE id <= 1000", form.Field("links").Column, form.Table))
	gone := "form_trash." + registry.Form("gone").Table
	run(t, tn.admin, fmt.Sprintf("INSERT INTO %s (%s) SELECT 'a' || g FROM generate_series(1, %d) AS g", gone, registry.Form("gone").Field("a").Column, min(on.rows, 20_000)))
	run(t, tn.admin, "ANALYZE")
	if on.rows >= largeRows {
		require.Greater(t, one[int](t, tn.admin, "SELECT pg_table_size($1::regclass)::integer", "form_data."+form.Table), 1<<20)
	}
	tp := &template{tn: tn, on: on, registry: registry, catalog: tn.forms(t, tn.admin)}
	tp.sums = sumsOf(t, tn.admin, "form_data."+form.Table, tp.columns(), on.last())
	tp.gone = sumsOf(t, tn.admin, gone, []string{registry.Form("gone").Field("a").Column}, 1<<30)[registry.Form("gone").Field("a").Column]
	tp.server = dial(t, serverConfig(t))
	hangUp(t, tn.admin) // nobody may be in a database that is copied
	return tp
}

// columns are all of p's, those of hidden fields and former ones included.
func (tp *template) columns() []string {
	list := []string{"created_at", "updated_at"}
	for _, field := range tp.registry.Form("p").Fields {
		if field.Column == "" || field.Spec.Type == ddl.ManyToMany {
			continue
		}
		list = append(list, field.Column)
		for _, former := range field.Former {
			list = append(list, former.Column)
		}
	}
	return list
}

// sumsOf gives a sum of each column's values in the rows up to an id.
func sumsOf(t *testing.T, conn *pgx.Conn, table string, columns []string, last int) map[string]string {
	t.Helper()
	expressions := make([]string, len(columns))
	for i, column := range columns {
		expressions[i] = fmt.Sprintf("coalesce(sum(hashtextextended(id || ':' || coalesce(%s::text, '(none)'), 0)::numeric), 0)::text", column)
	}
	rows, err := conn.Query(t.Context(), fmt.Sprintf("SELECT ARRAY[%s] FROM %s WHERE id <= %d", strings.Join(expressions, ", "), table, last))
	require.NoError(t, err)
	sums, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]string])
	require.NoError(t, err)
	list := map[string]string{}
	for i, column := range columns {
		list[column] = sums[i]
	}
	return list
}

// copyOf makes a database of the template for one cell.
func (tp *template) copyOf(t *testing.T) *tenant {
	t.Helper()
	tn := *tp.tn
	tn.database = "tenantry_test_" + strings.ToLower(rand.Text()[:16])
	tp.onServer(t.Context(), t,
		fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER %s STRATEGY file_copy", tn.database, tp.tn.database, tn.owner), "REVOKE ALL ON DATABASE "+tn.database+" FROM PUBLIC",
		fmt.Sprintf("GRANT CONNECT, TEMPORARY ON DATABASE %s TO %s, %s, %s", tn.database, tn.migrator, tn.app, tn.readOnly))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
		defer cancel()
		tp.onServer(ctx, t, "DROP DATABASE "+tn.database+" WITH (FORCE)")
	})
	config := serverConfig(t)
	config.Database = tn.database
	tn.admin = dial(t, config)
	run(t, tn.admin, "SET timezone = 'UTC'")
	return &tn
}

func (tp *template) onServer(ctx context.Context, t *testing.T, statements ...string) {
	t.Helper()
	tp.lock.Lock()
	defer tp.lock.Unlock()
	for _, sql := range statements {
		_, err := tp.server.Exec(ctx, sql)
		require.NoError(t, err, sql)
	}
}
