package execute_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

// twin is a database in which a registry's script is run, to compare with what changes have led to.
type twin struct {
	tn   *tenant
	conn *pgx.Conn
}

func newTwin(t *testing.T) *twin {
	t.Helper()
	other := newTenant(t)
	conn := other.connect(t, other.migrator)
	run(t, conn, "SET ROLE "+other.owner)
	return &twin{tn: other, conn: conn}
}

// script makes a registry from nothing and gives what that is.
func (w *twin) script(t *testing.T, registry *ddl.Registry) fingerprint.Schema {
	t.Helper()
	for _, schema := range ddl.Schemas() {
		run(t, w.conn, "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
	}
	if registry.Kept() {
		for _, sql := range slices.Concat(ddl.SchemasSQL(w.tn.app, w.tn.readOnly), registry.Script()) {
			run(t, w.conn, sql)
		}
	}
	return w.tn.forms(t, w.conn)
}

// forms reads what the schemas of forms hold.
func (tn *tenant) forms(t *testing.T, conn *pgx.Conn) fingerprint.Schema {
	t.Helper()
	all, err := fingerprint.Read(t.Context(), conn, fingerprint.Options{Roles: map[string]string{
		tn.owner: "{owner}", tn.migrator: "{migrator}", tn.app: "{app}", tn.readOnly: "{readonly}",
	}})
	require.NoError(t, err)
	return fingerprint.Schema{Objects: slices.DeleteFunc(all.Objects, func(o fingerprint.Object) bool { return !strings.Contains(o.Name, "form_") })}
}

// TestChangesLeaveWhatTheScriptMakes makes random changes one after the other. Each is made, or refused with everything as it was; and
// always the tables are what the registry's script makes from nothing, and every change that was made can be planned to be taken back.
func TestChangesLeaveWhatTheScriptMakes(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]int{"small": 20, "large": 12_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			if given := os.Getenv("DDL_SEED"); given != "" {
				n, err := strconv.ParseUint(given, 10, 64)
				require.NoError(t, err)
				seed = n
			}
			t.Logf("DDL_SEED=%d", seed)
			wanted := 20 // changes that are made, however many are refused
			if given := os.Getenv("DDL_ROUNDS"); given != "" {
				n, err := strconv.Atoi(given)
				require.NoError(t, err)
				wanted = n
			}
			g := &gambler{Rand: rand.New(rand.NewPCG(seed, 1))}
			tn := newTenant(t)
			other := newTwin(t)
			tn.apply(t, people)
			conn := tn.connect(t, tn.migrator) // one for all, as for somebody who makes one change after the other
			made, rounds, refused := 0, 0, map[string]int{}
			for ; made < wanted; rounds++ {
				require.Less(t, rounds, 20*wanted, "most changes are refused, only %d were made: %v", made, refused)
				before := tn.registry(t)
				operations := g.change(before)
				opts := tn.options()
				opts.Kept, opts.Name, opts.IdleName = true, "tenantry/"+opts.OperationID, "tenantry/idle"
				result, err := execute.Apply(t.Context(), conn, change(t, operations), opts)
				require.Equal(t, "tenantry/idle", conn.PgConn().ParameterStatus("application_name"))
				after := tn.registry(t)
				if err == nil {
					made++
					require.NotZero(t, result.Number)
					if g.IntN(4) == 0 {
						after = takenBack(t, tn, before, operations)
					}
					g.fill(t, tn, after, rows)
					g.write(t, tn, after)
				} else {
					// Nobody writes meanwhile: whatever is in the way is told before anything is done.
					var problems ddl.Problems
					require.ErrorAs(t, err, &problems, operations)
					require.Equal(t, before, after, operations)
					refused[shape(err)]++
				}
				want, got := other.script(t, after), tn.forms(t, tn.admin)
				require.Empty(t, fingerprint.Compare(want, got), "after %s", operations)
				tidy(t, tn)
			}
			t.Logf("%d of %d changes were made, the others refused: %v", made, rounds, refused)
		})
	}
}

// shape is a refusal without its values.
func shape(err error) string {
	text := err.Error()
	if i := strings.IndexByte(text, '\n'); i > 0 {
		text = text[:i]
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text[:min(len(text), 90)])
}

// tidy: nothing is left of a change but what it made.
func tidy(t *testing.T, tn *tenant) {
	t.Helper()
	for _, sql := range []string{
		"SELECT count(*) FROM pg_constraint WHERE NOT convalidated",
		"SELECT count(*) FROM pg_index WHERE NOT indisvalid",
		"SELECT count(*) FROM pg_constraint WHERE conname LIKE 'n\\_%'",
		"SELECT count(*) FROM _tenantry.form_filled",
		"SELECT count(*) FROM _tenantry.form_changes WHERE plan IS NOT NULL OR state NOT IN ('done', 'undone')",
	} {
		if tn.registry(t).Kept() {
			require.Zero(t, one[int](t, tn.admin, sql), sql)
		}
	}
}

// gambler makes changes by lot: most make sense, some do not.
type gambler struct {
	*rand.Rand

	keys int
	// form and field were used last: operations of one change meet there.
	lastForm, lastField string
}

func pick[T any](g *gambler, list ...T) T { return list[g.IntN(len(list))] }

func (g *gambler) key(prefix string) string {
	g.keys++
	return fmt.Sprintf("%s%d", prefix, g.keys)
}

func (g *gambler) form(r *ddl.Registry, dropped bool) string {
	var keys []string
	for _, form := range r.Forms {
		if (form.Dropped != nil) == dropped {
			keys = append(keys, form.Key)
		}
	}
	if len(keys) == 0 {
		return "nobody"
	}
	return pick(g, keys...)
}

func (g *gambler) field(r *ddl.Registry, form string, dropped bool) string {
	var keys []string
	if f := r.Form(form); f != nil {
		for _, field := range f.Fields {
			if (field.Dropped != nil) == dropped {
				keys = append(keys, field.Key)
			}
		}
	}
	if len(keys) == 0 {
		return "nothing"
	}
	return pick(g, keys...)
}

// spec is a type with parameters, and a value of it.
func (g *gambler) spec(r *ddl.Registry) (spec, value string) {
	options := `"options": [{"key": "a"}, {"key": "b", "label": "B"}]`
	switch g.IntN(16) {
	case 0, 1:
		return fmt.Sprintf(`"type": "short_text", "max_length": %d`, pick(g, 10, 50, 255)), `"x"`
	case 2, 3:
		return `"type": "long_text"`, `"2026-11-27"`
	case 4:
		return fmt.Sprintf(`"type": "integer", "bits": %d`, pick(g, 32, 64)), "7"
	case 5:
		return fmt.Sprintf(`"type": "decimal", "precision": %d, "scale": %d`, pick(g, 10, 12, 14), pick(g, 2, 2, 4)), `"1.50"`
	case 6:
		return `"type": "money", "currency": "EUR"`, "3"
	case 7:
		return `"type": "boolean"`, "true"
	case 8:
		return `"type": "date"`, `"2026-11-27"`
	case 9:
		return `"type": "date_time"`, `"2026-11-27T10:00:00Z"`
	case 10:
		return `"type": "select", ` + options, `"a"`
	case 11:
		return `"type": "multi_select", ` + options, `["a"]`
	case 12:
		return fmt.Sprintf(`"type": "reference", "references": %q, "on_delete": %q`, g.form(r, false), pick(g, "restrict", "set_null")), "null"
	case 13:
		return fmt.Sprintf(`"type": "many_to_many", "references": %q`, g.form(r, false)), ""
	case 14:
		return `"type": "email"`, `"a@b.c"`
	default:
		return `"type": "json"`, `{"a": null}`
	}
}

// change makes one that can be decoded.
func (g *gambler) change(r *ddl.Registry) string {
	for {
		operations := make([]string, 1+g.IntN(2)*g.IntN(5))
		g.lastForm, g.lastField = "", ""
		for i := range operations {
			operations[i] = g.operation(r)
		}
		text := strings.Join(operations, ",\n")
		if _, err := ddl.Decode([]byte(`{"operations": [` + text + `]}`)); err == nil {
			return text
		}
	}
}

var labels = []string{"Name", "name", "Ähre", "a\u0308", `q"uo'te`, "", "select", strings.Repeat("ж", 40), "100%", "a.b"}

func (g *gambler) operation(r *ddl.Registry) string {
	form := g.form(r, false)
	if g.lastForm != "" && g.IntN(2) == 0 {
		form = g.lastForm
	}
	field := g.field(r, form, false)
	if g.lastField != "" && form == g.lastForm && g.IntN(2) == 0 {
		field = g.lastField
	}
	g.lastForm, g.lastField = form, field
	label := pick(g, labels...)
	flag := func(name string) string {
		if g.IntN(3) == 0 {
			return fmt.Sprintf(`, %q: true`, name)
		}
		return ""
	}
	target := fmt.Sprintf(`"form": %q, "field": %q`, form, field)
	fields := fmt.Sprintf(`"form": %q, "fields": [%q]`, form, field)
	if second := g.field(r, form, false); second != field && g.IntN(3) == 0 {
		fields = fmt.Sprintf(`"form": %q, "fields": [%q, %q]`, form, field, second)
	}
	// Without a form there is little to change: a gambler who has dropped them all begins anew.
	if len(r.Forms) == 0 || form == "nobody" && g.IntN(3) > 0 {
		return fmt.Sprintf(`{"op": "create_form", "form": %q, "label": %q}`, g.key("form"), label)
	}
	switch g.IntN(27) {
	case 0:
		g.lastForm, g.lastField = g.key("form"), ""
		return fmt.Sprintf(`{"op": "create_form", "form": %q, "label": %q}`, g.lastForm, label)
	case 1, 2, 3, 4, 5:
		spec, value := g.spec(r)
		g.lastField = g.key("f")
		text := fmt.Sprintf(`{"op": "add_field", "form": %q, "field": %q, "label": %q, %s`, form, g.lastField, label, spec)
		if value != "" {
			if g.IntN(2) == 0 {
				text += `, "default": ` + value
			}
			text += flag("required") + flag("index")
		}
		return text + flag("unique") + "}"
	case 6:
		return fmt.Sprintf(`{"op": "add_field", "form": %q, "field": %q, "type": "formula", "expression": "if(is_empty(%s), 'none', 'some' & %s)"}`, form, g.key("f"), field, field)
	case 7:
		return fmt.Sprintf(`{"op": "rename_field", %s, "label": %q}`, target, label)
	case 8:
		return fmt.Sprintf(`{"op": "rename_form", "form": %q, "label": %q}`, form, label)
	case 9:
		return fmt.Sprintf(`{"op": "drop_field", %s}`, target)
	case 10:
		return fmt.Sprintf(`{"op": "restore_field", "form": %q, "field": %q}`, form, g.field(r, form, true))
	case 11:
		return fmt.Sprintf(`{"op": "drop_form", "form": %q}`, form)
	case 12:
		return fmt.Sprintf(`{"op": "restore_form", "form": %q}`, g.form(r, true))
	case 13:
		return fmt.Sprintf(`{"op": "purge", "form": %q, "field": %q, "early": true}`, form, g.field(r, form, g.IntN(2) == 0))
	case 14:
		return fmt.Sprintf(`{"op": "purge", "form": %q, "early": true}`, g.form(r, true))
	case 15, 16:
		return fmt.Sprintf(`{"op": "set_required", %s, "value": %s}`, target, g.value(r, form, field))
	case 17:
		return fmt.Sprintf(`{"op": "set_optional", %s}`, target)
	case 18:
		return fmt.Sprintf(`{"op": "set_default", %s, "default": %s}`, target, g.value(r, form, field))
	case 19:
		return fmt.Sprintf(`{"op": "set_options", %s, "options": [{"key": "b"}, {"key": "a"}, {"key": %q}]}`, target, pick(g, "c", "d"))
	case 20:
		return fmt.Sprintf(`{"op": %q, %s}`, pick(g, "add_index", "drop_index"), fields)
	case 21:
		return fmt.Sprintf(`{"op": %q, %s}`, pick(g, "set_unique", "drop_unique"), fields)
	case 22:
		return fmt.Sprintf(`{"op": "revert_type", %s}`, target)
	case 23:
		return fmt.Sprintf(`{"op": "rebuild_form", "form": %q}`, form)
	default:
		spec, _ := g.spec(r)
		return fmt.Sprintf(`{"op": "change_type", %s, %s, "on_error": %q}`, target, spec, pick(g, "stop", "empty", "keep"))
	}
}

// fill gives forms that have no rows some, as far as they take rows with nothing in them.
func (g *gambler) fill(t *testing.T, tn *tenant, r *ddl.Registry, rows int) {
	t.Helper()
	for _, form := range r.Forms {
		if form.Dropped != nil || g.IntN(3) > 0 {
			continue
		}
		if one[int](t, tn.admin, "SELECT count(*) FROM form_data."+form.Table) > 0 {
			continue
		}
		var columns, values []string
		for _, field := range form.Fields {
			if field.Column == "" || field.Spec.Type == ddl.ManyToMany {
				continue
			}
			value := map[ddl.Type]string{
				ddl.LongText: "repeat('x', 90)", ddl.ShortText: "'s' || g", ddl.Integer: "g", ddl.Decimal: "g", ddl.Money: "g", ddl.Boolean: "true",
				ddl.Date: "'2026-01-01'::date", ddl.DateTime: "now()", ddl.Select: "'a'", ddl.MultiSelect: "'{a}'", ddl.Email: "'a' || g || '@b'", ddl.JSON: "'1'",
			}[field.Spec.Type]
			if value != "" {
				columns, values = append(columns, field.Column), append(values, value)
			}
		}
		if len(columns) == 0 {
			continue
		}
		// What a form refuses is its business: the test is about what changes make of it.
		_, _ = tn.admin.Exec(t.Context(), fmt.Sprintf("INSERT INTO form_data.%s (%s) SELECT %s FROM generate_series(1, %d) AS g",
			form.Table, strings.Join(columns, ", "), strings.Join(values, ", "), rows))
		run(t, tn.admin, "ANALYZE form_data."+form.Table)
	}
}

// values are what fields of a type have, as JSON: mostly of the right type.
var values = map[ddl.Type][]string{
	ddl.ShortText: {`"x"`, `"7"`}, ddl.LongText: {`"2026-11-27"`, `"7"`, `"a"`}, ddl.Integer: {"7", "1"}, ddl.Decimal: {`"1.50"`, "7"}, ddl.Money: {"3"}, ddl.Boolean: {"true"},
	ddl.Date: {`"2026-11-27"`}, ddl.DateTime: {`"2026-11-27T10:00:00Z"`}, ddl.Select: {`"a"`, `"b"`}, ddl.MultiSelect: {`["a"]`}, ddl.Email: {`"a@b.c"`}, ddl.JSON: {`{"a": null}`}, ddl.Reference: {"1"},
}

// value is one for a field, or for another type.
func (g *gambler) value(r *ddl.Registry, form, field string) string {
	if f := r.Form(form); f != nil && f.Field(field) != nil && g.IntN(5) > 0 {
		if list := values[f.Field(field).Spec.Type]; list != nil {
			return pick(g, list...)
		}
	}
	_, value := g.spec(r)
	if value == "" {
		return "null"
	}
	return value
}

// write gives rows other values, as an application does: some that cannot be converted, some that others have, some that are none.
func (g *gambler) write(t *testing.T, tn *tenant, r *ddl.Registry) {
	t.Helper()
	for _, form := range r.Forms {
		for _, field := range form.Fields {
			if form.Dropped != nil || field.Column == "" || field.Spec.Type == ddl.ManyToMany || g.IntN(3) > 0 {
				continue
			}
			value := map[ddl.Type]string{
				ddl.LongText: "(ARRAY['2026-11-27', '7', '1.50', 'true', 'a', 'x', ' 8 ', NULL])[1 + id % 8]", ddl.ShortText: "'s' || id", ddl.Integer: "id", ddl.Decimal: "id + 0.5", ddl.Money: "id",
				ddl.Boolean: "id % 2 = 0", ddl.Date: "'2026-01-01'::date + (id % 400)::integer", ddl.DateTime: "'2026-01-01 10:00Z'::timestamptz + id * interval '1 hour'",
				ddl.Select: "(ARRAY['a', 'b'])[1 + id % 2]", ddl.MultiSelect: "(ARRAY['{a}', '{a,b}', '{}'])[1 + id % 3]::text[]", ddl.Email: "id || '@b.c'", ddl.JSON: "to_jsonb(id)", ddl.Reference: "id",
			}[field.Spec.Type]
			if value == "" || g.IntN(5) == 0 {
				value = "NULL"
			}
			// What a form refuses is its business.
			_, _ = tn.admin.Exec(t.Context(), fmt.Sprintf("UPDATE form_data.%s SET %s = %s WHERE id %% %d = 0", form.Table, field.Column, value, 1+g.IntN(3)))
		}
	}
}

// takenBack takes the newest change back: afterwards the forms mean what they meant before; or rows that were written, or what is gone for good, stand
// in the way, and nothing has changed.
func takenBack(t *testing.T, tn *tenant, before *ddl.Registry, operations string) *ddl.Registry {
	t.Helper()
	after := tn.registry(t)
	list, err := execute.History(t.Context(), tn.connect(t, tn.migrator), 1)
	require.NoError(t, err)
	if list[0].Inverse == nil {
		return after
	}
	encoded, err := json.Marshal(list[0].Inverse)
	require.NoError(t, err)
	inverse, err := ddl.Decode(encoded)
	require.NoError(t, err, "the inverse of %s can be sent: %s", operations, encoded)
	conn := tn.connect(t, tn.migrator)
	_, err = execute.Apply(t.Context(), conn, inverse, tn.options())
	now := tn.registry(t)
	if err != nil {
		var problems ddl.Problems
		require.ErrorAs(t, err, &problems, "the inverse of %s: %s", operations, encoded)
		for _, p := range problems {
			require.Positive(t, p.Rows, "only rows stand in the way of the inverse of %s: %s: %v", operations, encoded, err)
		}
		require.Equal(t, after, now)
		return now
	}
	require.Equal(t, meaning(before, operations), meaning(now, operations), "%s, taken back by %s", operations, encoded)
	return now
}

// meaning is what people see of forms. A field that was required comes back as optional.
func meaning(r *ddl.Registry, operations string) string {
	var out strings.Builder
	for _, form := range r.Forms {
		if form.Dropped != nil {
			continue
		}
		_, _ = fmt.Fprintf(&out, "form %s %q\n", form.Key, form.Label)
		for _, field := range form.Live() {
			spec := fmt.Sprintf("%+v", field.Spec)
			if field.Spec.Scale != nil {
				spec = strings.Replace(spec, fmt.Sprint(field.Spec.Scale), fmt.Sprint(*field.Spec.Scale), 1)
			}
			_, _ = fmt.Fprintf(&out, "  %s %q %s default %s", field.Key, field.Label, spec, string(field.Default))
			if field.Required && !strings.Contains(operations, "drop_field") {
				out.WriteString(" required")
			}
			out.WriteString("\n")
		}
		var indexes []string
		for _, index := range form.Indexes {
			dropped := slices.ContainsFunc(index.Fields, func(key string) bool { return form.Field(key).Dropped != nil })
			if !dropped {
				indexes = append(indexes, fmt.Sprintf("  index %v %v\n", index.Fields, index.Unique))
			}
		}
		slices.Sort(indexes)
		out.WriteString(strings.Join(indexes, ""))
	}
	return out.String()
}
