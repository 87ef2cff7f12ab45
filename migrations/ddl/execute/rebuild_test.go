package execute_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

const rebuildP = `{"op": "rebuild_form", "form": "p"}`

// rebuilt makes a form with all that a form can have, and with what refers to it: another form, a dropped one, itself, join tables on both sides.
func rebuilt(t *testing.T, rows int) *tenant {
	t.Helper()
	tn := newTenant(t)
	tn.apply(t, `{"op": "create_form", "form": "q"}, {"op": "create_form", "form": "z"}, {"op": "create_form", "form": "p", "label": "P"},
		{"op": "add_field", "form": "p", "field": "gone", "type": "integer", "index": true}, {"op": "add_field", "form": "p", "field": "name", "type": "short_text", "required": true, "default": "new"},
		{"op": "add_field", "form": "p", "field": "code", "type": "integer", "unique": true}, {"op": "add_field", "form": "p", "field": "state", "type": "select", "options": [{"key": "a"}, {"key": "b"}], "index": true},
		{"op": "add_field", "form": "p", "field": "due", "type": "long_text", "default": "2026-11-27"}, {"op": "add_field", "form": "p", "field": "hidden", "type": "short_text", "default": "h"},
		{"op": "add_field", "form": "p", "field": "tags", "type": "multi_select", "options": [{"key": "x"}, {"key": "y"}], "index": true},
		{"op": "add_field", "form": "p", "field": "twice", "type": "formula", "expression": "code * 2"},
		{"op": "add_reference", "form": "p", "field": "team", "references": "q"}, {"op": "add_reference", "form": "p", "field": "boss", "references": "p", "on_delete": "set_null"},
		{"op": "add_reference", "form": "p", "field": "links", "references": "q", "many": true}, {"op": "add_reference", "form": "p", "field": "friends", "references": "p", "many": true},
		{"op": "add_reference", "form": "q", "field": "lead", "references": "p", "on_delete": "set_null"}, {"op": "add_reference", "form": "q", "field": "members", "references": "p", "many": true},
		{"op": "add_reference", "form": "z", "field": "of", "references": "p", "on_delete": "set_null"}`)
	tn.apply(t, `{"op": "drop_field", "form": "p", "field": "gone"}, {"op": "drop_field", "form": "p", "field": "hidden"}, {"op": "drop_form", "form": "z"}`)
	tn.apply(t, `{"op": "purge", "form": "p", "field": "gone", "early": true}`)
	c := func(key string) string { return tn.column(t, "p", key) }
	run(t, tn.admin, fmt.Sprintf("INSERT INTO %s SELECT FROM generate_series(1, 20)", tn.table(t, "q")))
	run(t, tn.admin, fmt.Sprintf(`INSERT INTO %s (%s, %s, %s, %s, %s, %s) SELECT 'first ' || repeat('x', 60), g, 'a', CASE WHEN g %% 9 = 0 THEN 'soon' ELSE '2026-11-27' END, '{x}', 1 + g %% 20
		FROM generate_series(1, %d) AS g`, tn.table(t, "p"), c("name"), c("code"), c("state"), c("due"), c("tags"), c("team"), rows))
	run(t, tn.admin, fmt.Sprintf("INSERT INTO %s (id, %s) VALUES (-9223372036854775808, 'least'), (0, 'none'), (9223372036854775807, 'last')", tn.table(t, "p"), c("name")))
	run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = 7 WHERE id %% 100 = 1", tn.table(t, "p"), c("boss")))
	run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = id + 100", tn.table(t, "q"), tn.column(t, "q", "lead")))
	for _, join := range []string{c("links"), tn.column(t, "q", "members")} {
		run(t, tn.admin, "INSERT INTO form_data."+join+" SELECT g, g FROM generate_series(1, 20) AS g")
	}
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "due", "type": "date", "on_error": "empty"}`)
	run(t, tn.admin, "ANALYZE")
	return tn
}

// contents are all rows of a form's table and of what refers to it.
func (tn *tenant) contents(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, table := range []string{tn.table(t, "p"), tn.table(t, "q"), tn.table(t, "z"), "form_data." + tn.column(t, "p", "links"), "form_data." + tn.column(t, "p", "friends"), "form_data." + tn.column(t, "q", "members"), `form_views."P"`} {
		list = append(list, one[string](t, tn.admin, "SELECT coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM "+table+" AS t"))
	}
	return list
}

// attributes is how many columns PostgreSQL counts.
func (tn *tenant) attributes(t *testing.T) int {
	t.Helper()
	return one[int](t, tn.admin, "SELECT relnatts::int FROM pg_class WHERE oid = $1::regclass", tn.table(t, "p"))
}

// TestRebuild: the new table has what the old one had, in fewer columns, and ids go on where they were.
func TestRebuild(t *testing.T) {
	t.Parallel()
	for size, rows := range map[string]int{"small": 200, "large": 15_000} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			tn := rebuilt(t, rows)
			before, columns := tn.contents(t), tn.attributes(t)
			taken := one[int64](t, tn.admin, "SELECT nextval(pg_get_serial_sequence($1, 'id'))", tn.table(t, "p")) // by somebody who has not used it yet
			result := tn.apply(t, rebuildP)
			require.Contains(t, strings.Join(result.Notes, "\n"), "cannot be taken back")
			require.Equal(t, size == "large", strings.Contains(strings.Join(result.Notes, "\n"), "needs room"))
			require.Equal(t, before, tn.contents(t))
			require.Equal(t, columns-1, tn.attributes(t))
			require.Empty(t, fingerprint.Compare(newTwin(t).script(t, tn.registry(t)), tn.forms(t, tn.admin)))
			tidy(t, tn)
			app := tn.connect(t, tn.app)
			require.Equal(t, taken+1, one[int64](t, app, "INSERT INTO "+tn.table(t, "p")+" DEFAULT VALUES RETURNING id"))
			// What binds rows does so.
			for sql, state := range map[string]string{
				fmt.Sprintf("UPDATE %s SET %s = 999999", tn.table(t, "q"), tn.column(t, "q", "lead")): foreignKey,
				fmt.Sprintf("UPDATE %s SET %s = 999999", tn.table(t, "p"), tn.column(t, "p", "boss")): foreignKey,
				"INSERT INTO form_data." + tn.column(t, "q", "members") + " VALUES (1, 999999)":       foreignKey,
				"DELETE FROM " + tn.table(t, "q"):                                                                foreignKey,
				fmt.Sprintf("UPDATE %s SET %s = 1", tn.table(t, "p"), tn.column(t, "p", "code")):                 unique,
				fmt.Sprintf("UPDATE %s SET %s = 'c'", tn.table(t, "p"), tn.column(t, "p", "state")):              check,
				"INSERT INTO " + tn.table(t, "p") + " (id) VALUES (1)":                                           unique,
				fmt.Sprintf("UPDATE %s SET %s = NULL WHERE id = 1", tn.table(t, "p"), tn.column(t, "p", "name")): notNull,
			} {
				_, err := app.Exec(t.Context(), sql)
				require.Equal(t, state, sqlState(err), sql)
			}
			run(t, app, fmt.Sprintf("UPDATE %s SET %s = '2027-01-02' WHERE id = 1", tn.table(t, "p"), tn.column(t, "p", "due")))
			require.Equal(t, "2027-01-02", one[string](t, tn.admin, fmt.Sprintf("SELECT %s FROM %s WHERE id = 1", tn.registry(t).Form("p").Field("due").Former[0].Column, tn.table(t, "p"))))
			run(t, app, "DELETE FROM "+tn.table(t, "p")+" WHERE id = 101")
			require.Equal(t, 1, one[int](t, tn.admin, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL", tn.table(t, "q"), tn.column(t, "q", "lead"))))
			tn.apply(t, `{"op": "revert_type", "form": "p", "field": "due"}`)
			require.Nil(t, history(t, tn)[1].Inverse)
		})
	}
}

// TestRebuildWhateverItsLabel: the label is in statements that look whose things are on the table.
func TestRebuildWhateverItsLabel(t *testing.T) {
	t.Parallel()
	tn := rebuilt(t, 200)
	for _, label := range []string{"$guard$; {data} {view} %s %d", `it's "\\\\quoted\\"`, "$$", "'", "\\u0001é漢"} {
		tn.apply(t, `{"op": "rename_form", "form": "p", "label": "`+strings.ReplaceAll(label, `"`, `\"`)+`"}`)
		tn.apply(t, rebuildP)
		require.Empty(t, fingerprint.Compare(newTwin(t).script(t, tn.registry(t)), tn.forms(t, tn.admin)))
	}
}

func history(t *testing.T, tn *tenant) []execute.Entry {
	t.Helper()
	list, err := execute.History(t.Context(), tn.connect(t, tn.migrator), 10)
	require.NoError(t, err)
	return list
}

// TestRebuildIsAlone: it refuses what does not go together with it, and what is not there.
func TestRebuildIsAlone(t *testing.T) {
	t.Parallel()
	tn := rebuilt(t, 200)
	for operations, message := range map[string]string{
		rebuildP + `, {"op": "rename_form", "form": "p", "label": "R"}`: "takes no other operation",
		`{"op": "create_form", "form": "r"}, ` + rebuildP:               "takes no other operation",
		`{"op": "rebuild_form", "form": "z"}`:                           "is dropped",
		`{"op": "rebuild_form", "form": "nobody"}`:                      "there is no form",
	} {
		before := tn.registry(t)
		_, err := tn.try(t, operations, tn.options())
		require.ErrorContains(t, err, message)
		require.Equal(t, before, tn.registry(t))
	}
	run(t, tn.admin, fmt.Sprintf(`ALTER TABLE form_data.%s DROP CONSTRAINT %[1]s_to_id_fkey`, tn.column(t, "q", "members")))
	_, err := tn.try(t, rebuildP, tn.options())
	require.ErrorContains(t, err, "_to_id_fkey of table "+tn.column(t, "q", "members")+", which refers to form p, is missing")
}

// TestRebuildKeepsTheView: what others have built on the form's view, and given to it, stays; a view that is not as it should be is made anew, and then
// nothing may be built on it.
func TestRebuildKeepsTheView(t *testing.T) {
	t.Parallel()
	for size, rows := range map[string]int{"small": 200, "large": 15_000} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			tn := rebuilt(t, rows)
			run(t, tn.admin, `CREATE VIEW public.mine AS SELECT id, name FROM form_views."P"; COMMENT ON VIEW form_views."P" IS 'mine'`)
			was := one[string](t, tn.admin, "SELECT md5(string_agg(m::text, ',' ORDER BY id)) FROM public.mine AS m")
			tn.apply(t, rebuildP)
			require.Equal(t, was, one[string](t, tn.admin, "SELECT md5(string_agg(m::text, ',' ORDER BY id)) FROM public.mine AS m"))
			require.Equal(t, "mine", one[string](t, tn.admin, `SELECT obj_description('form_views."P"'::regclass)`))
			run(t, tn.admin, `ALTER VIEW form_views."P" RENAME COLUMN name TO title`)
			_, err := tn.try(t, rebuildP, tn.options())
			require.ErrorContains(t, err, `public.mine, lost with view "form_views"."P", which cannot stay as it is`)
			run(t, tn.admin, "DROP VIEW public.mine")
			tn.apply(t, rebuildP)
			run(t, tn.admin, `DROP VIEW form_views."P"`)
			tn.apply(t, rebuildP)
			require.Empty(t, fingerprint.Compare(newTwin(t).script(t, tn.registry(t)), tn.forms(t, tn.admin)))
		})
	}
}

// TestRebuildAtTheLimit: a form that is full of dropped columns says what to do, and has room afterwards.
func TestRebuildAtTheLimit(t *testing.T) {
	t.Parallel()
	tn := rebuilt(t, 200)
	table := tn.table(t, "p")
	fill := func(upto int) {
		run(t, tn.admin, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1 .. %d - (SELECT relnatts FROM pg_class WHERE oid = '%s'::regclass) LOOP
			ALTER TABLE %[2]s ADD COLUMN x text; ALTER TABLE %[2]s DROP COLUMN x; END LOOP; END $$`, upto, table))
	}
	fill(1300)
	add := `{"op": "add_field", "form": "p", "field": "more%d", "type": "short_text"}`
	planned, err := execute.Plan(t.Context(), tn.connect(t, tn.migrator), change(t, fmt.Sprintf(add, 1)))
	require.NoError(t, err)
	require.Contains(t, strings.Join(planned.Notes, "\n"), "form p has had 1301 columns")
	require.Contains(t, strings.Join(planned.Notes, "\n"), "rebuild_form makes the table anew")
	fill(1600)
	_, err = tn.try(t, fmt.Sprintf(add, 1), tn.options())
	require.ErrorContains(t, err, "would have had 1601 columns, dropped ones counted")
	require.ErrorContains(t, err, "rebuild_form first")
	tn.apply(t, rebuildP)
	require.Less(t, tn.attributes(t), 20)
	require.Empty(t, tn.apply(t, fmt.Sprintf(add, 1)).Notes)
}

// TestRebuildOfTheWidest: a form with as many live columns as PostgreSQL has room for, which the triggers write.
func TestRebuildOfTheWidest(t *testing.T) {
	t.Parallel()
	tn := large(t)
	run(t, tn.admin, "DELETE FROM "+tn.table(t, "p")+" WHERE id > 300")
	const most = 1600
	var operations []string
	for i := tn.attributes(t); i < most; i++ {
		operations = append(operations, fmt.Sprintf(`{"op": "add_field", "form": "p", "field": "f%d", "type": "boolean", "default": true}`, i))
	}
	for len(operations) > 0 {
		n := min(len(operations), ddl.MostOperations)
		tn.apply(t, strings.Join(operations[:n], ", "))
		operations = operations[n:]
	}
	_, err := tn.try(t, `{"op": "add_field", "form": "p", "field": "more", "type": "boolean"}`, tn.options())
	require.ErrorContains(t, err, "make a second form")
	require.NotContains(t, err.Error(), "rebuild_form")
	was := one[string](t, tn.admin, "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM "+tn.table(t, "p")+" AS t WHERE id > 3")
	opts, written := tn.options(), false
	opts.Progress = func(_, _ int64, what string) {
		if !written && strings.HasPrefix(what, "take") {
			written = true
			run(t, tn.admin, fmt.Sprintf("UPDATE %[1]s SET %[2]s = 'written' WHERE id = 1; DELETE FROM %[1]s WHERE id = 2; UPDATE %[1]s SET id = -3 WHERE id = 3", tn.table(t, "p"), tn.column(t, "p", "name")))
		}
	}
	_, err = tn.try(t, rebuildP, opts)
	require.NoError(t, err)
	require.True(t, written)
	require.Equal(t, most, tn.attributes(t))
	require.Equal(t, was, one[string](t, tn.admin, "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM "+tn.table(t, "p")+" AS t WHERE id > 3"))
	require.Equal(t, "-3 1", one[string](t, tn.admin, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM "+tn.table(t, "p")+" WHERE id <= 3"))
	require.Equal(t, "written", one[string](t, tn.admin, "SELECT "+tn.column(t, "p", "name")+" FROM "+tn.table(t, "p")+" WHERE id = 1"))
}
