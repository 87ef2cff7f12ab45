package execute_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
)

// givenTo is what people may have given to a view, by the names that its columns have.
const givenTo = `SELECT jsonb_build_object(
  'rights', (SELECT jsonb_agg(format('%s %s %s', h.grantee::regrole, h.privilege_type, h.is_grantable) ORDER BY h.grantee::regrole::text, h.privilege_type) FROM aclexplode(c.relacl) AS h),
  'on columns', (SELECT jsonb_agg(format('%s %s %s', a.attname, h.grantee::regrole, h.privilege_type) ORDER BY a.attname, h.grantee::regrole::text) FROM pg_attribute a, aclexplode(a.attacl) AS h WHERE a.attrelid = c.oid),
  'comments', (SELECT jsonb_agg(format('%s: %s', a.attname, o.description) ORDER BY a.attname) FROM pg_description o LEFT JOIN pg_attribute a ON a.attrelid = o.objoid AND a.attnum = nullif(o.objsubid, 0) WHERE o.objoid = c.oid),
  'options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(c.reloptions) AS o))::text
FROM pg_class c WHERE c.oid = $1::regclass`

// TestViewsKeepWhatTheyWereGiven: a view that a change makes anew has the rights that people gave to it, and lacks those that they took away; its comments and its
// options are there.
func TestViewsKeepWhatTheyWereGiven(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"a type by a second column": `{"op": "change_type", "form": "p", "field": "due", "type": "date"}`,
		"a type in place":           `{"op": "change_type", "form": "p", "field": "cost", "type": "decimal", "precision": 20, "scale": 2}`,
		"a field that goes":         `{"op": "drop_field", "form": "p", "field": "state"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := large(t)
			tn.apply(t, `{"op": "add_field", "form": "p", "field": "cost", "type": "decimal"}`)
			table := tn.registry(t).Form("p").Table
			plain := one[string](t, tn.admin, givenTo, `form_views."P"`)
			for _, sql := range []string{
				"GRANT TRUNCATE ON {v} TO {app} WITH GRANT OPTION", "REVOKE INSERT ON {v} FROM {app}", "REVOKE ALL ON {v} FROM {ro}", `GRANT SELECT (id, name, n), UPDATE ("name") ON {v} TO {ro}`,
				"GRANT REFERENCES ON {v} TO PUBLIC", `COMMENT ON VIEW {v} IS 'it''s "mine"; DROP TABLE x'`, `COMMENT ON COLUMN {v}.n IS E'é\\n''n'`, "ALTER VIEW {v} SET (security_barrier = true, check_option = local)",
			} {
				tn.byHand(t, sql)
			}
			given := one[string](t, tn.admin, givenTo, `form_views."P"`)
			require.NotEqual(t, plain, given)
			oid := one[uint32](t, tn.admin, `SELECT 'form_views."P"'::regclass::oid`)
			tn.apply(t, change+`, {"op": "rename_form", "form": "p", "label": "People's \"P\""}`)
			view := `form_views."People's ""P"""`
			require.NotEqual(t, oid, one[uint32](t, tn.admin, `SELECT $1::regclass::oid`, view), "another view")
			require.Equal(t, given, one[string](t, tn.admin, givenTo, view))
			require.Empty(t, one[string](t, tn.admin, fmt.Sprintf("SELECT coalesce(current_setting('tenantry.%s', true), '')", table)))
		})
	}
}

// TestColumnsKeepWhatTheyWereGiven: rights and comments of a column go with its field, whatever it is called then.
func TestColumnsKeepWhatTheyWereGiven(t *testing.T) {
	t.Parallel()
	tn := large(t)
	for _, sql := range []string{"GRANT SELECT (name, n, state) ON {v} TO {ro}", "COMMENT ON COLUMN {v}.n IS 'a number'", "COMMENT ON COLUMN {v}.state IS 'goes'"} {
		tn.byHand(t, sql)
	}
	tn.apply(t, `{"op": "rename_field", "form": "p", "field": "n", "label": "name"}, {"op": "rename_field", "form": "p", "field": "name", "label": "n"}, {"op": "drop_field", "form": "p", "field": "state"}`)
	require.JSONEq(t, fmt.Sprintf(`["n %[1]s SELECT", "name %[1]s SELECT"]`, tn.readOnly), one[string](t, tn.admin, "SELECT (("+givenTo+")::jsonb -> 'on columns')::text", `form_views."P"`))
	require.JSONEq(t, `["name: a number"]`, one[string](t, tn.admin, "SELECT (("+givenTo+")::jsonb -> 'comments')::text", `form_views."P"`))
}

// TestWhatAViewWouldLose: triggers, rules and defaults of a view's columns stand in the way of a change that makes it anew, also when they come after the plan.
func TestWhatAViewWouldLose(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"trigger mine on view form_views": `CREATE TRIGGER mine INSTEAD OF DELETE ON {v} FOR EACH ROW EXECUTE FUNCTION public.nothing()`,
		"rule mine on view form_views":    `CREATE RULE mine AS ON DELETE TO {v} DO INSTEAD NOTHING`,
		"default value for column n of":   `ALTER VIEW {v} ALTER COLUMN n SET DEFAULT 5`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := large(t)
			run(t, tn.admin, "CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
			const operation = `{"op": "change_type", "form": "p", "field": "due", "type": "date"}`
			registry, catalog := tn.registry(t), tn.forms(t, tn.admin)
			opts := tn.options()
			put := false
			opts.Crash = func(point string) {
				if point == execute.PointStepDone && !put {
					tn.byHand(t, sql)
					put = true
				}
			}
			_, err := tn.try(t, operation, opts)
			var undone *execute.UndoneError
			require.ErrorAs(t, err, &undone)
			require.ErrorContains(t, err, name)
			require.Equal(t, registry, tn.registry(t))

			_, err = tn.try(t, operation, tn.options())
			var problems ddl.Problems
			require.ErrorAs(t, err, &problems)
			require.ErrorContains(t, err, name)
			tn.byHand(t, map[byte]string{'t': "DROP TRIGGER mine ON {v}", 'r': "DROP RULE mine ON {v}", 'd': "ALTER VIEW {v} ALTER COLUMN n DROP DEFAULT"}[name[0]])
			require.Equal(t, catalog, tn.forms(t, tn.admin))
			tn.apply(t, operation)
		})
	}
}

// TestWhoOwnsAView: a view that belongs to somebody else, and one whose rows are the type of something, stay until somebody has looked.
func TestWhoOwnsAView(t *testing.T) {
	t.Parallel()
	tn := large(t)
	const operation = `{"op": "drop_field", "form": "p", "field": "state"}`
	for _, z := range []struct{ put, take, named string }{
		{"ALTER VIEW {v} OWNER TO {app}", "ALTER VIEW {v} OWNER TO " + tn.owner, "its owner " + tn.app},
		{"CREATE FUNCTION public.all_of_p() RETURNS SETOF {v} LANGUAGE plpgsql AS 'BEGIN END'", "DROP FUNCTION public.all_of_p", "function all_of_p()"},
		{"CREATE TABLE public.copies (was {v}[])", "DROP TABLE public.copies", "column was of table copies"},
		{"GRANT SELECT (title) ON {v} TO {ro}", "REVOKE SELECT (title) ON {v} FROM {ro}", "what column title was given"},
	} {
		if strings.Contains(z.put, "title") {
			tn.byHand(t, "ALTER VIEW {v} RENAME COLUMN n TO title")
		}
		tn.byHand(t, z.put)
		_, err := tn.try(t, operation, tn.options())
		var problems ddl.Problems
		require.ErrorAs(t, err, &problems, z.put)
		require.ErrorContains(t, err, z.named)
		tn.byHand(t, z.take)
	}
	tn.apply(t, operation)
}

// TestAViewThatStaysKeepsItsOptions: PostgreSQL takes them from a view that is replaced, security_invoker among them.
func TestAViewThatStaysKeepsItsOptions(t *testing.T) {
	t.Parallel()
	for size, rows := range map[string]int{"small": 200, "large": 15_000} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			tn := rebuilt(t, rows)
			tn.byHand(t, "ALTER VIEW {v} SET (security_invoker = true, security_barrier = true)")
			tn.byHand(t, "REVOKE INSERT ON {v} FROM {app}")
			given, oid := one[string](t, tn.admin, givenTo, `form_views."P"`), one[uint32](t, tn.admin, `SELECT 'form_views."P"'::regclass::oid`)
			require.Contains(t, given, "security_invoker=true")
			tn.apply(t, `{"op": "add_field", "form": "p", "field": "x", "type": "integer", "default": 5}`)
			require.Equal(t, given, one[string](t, tn.admin, givenTo, `form_views."P"`))
			tn.apply(t, rebuildP)
			require.Equal(t, given, one[string](t, tn.admin, givenTo, `form_views."P"`))
			tn.apply(t, `{"op": "add_field", "form": "p", "field": "y", "type": "integer"}, {"op": "rename_form", "form": "p", "label": "R"}, {"op": "rename_field", "form": "p", "field": "x", "label": "X"}`)
			require.Equal(t, given, one[string](t, tn.admin, givenTo, `form_views."R"`))
			require.Equal(t, oid, one[uint32](t, tn.admin, `SELECT 'form_views."R"'::regclass::oid`), "the same view")
		})
	}
}

// TestWhatIsBuiltOnATable: what others have built on a form's table or column is named before it stands in the way of a change that cannot be taken back any more.
func TestWhatIsBuiltOnATable(t *testing.T) {
	t.Parallel()
	tn := large(t)
	tn.apply(t, `{"op": "add_field", "form": "p", "field": "cost", "type": "decimal"}, {"op": "add_reference", "form": "p", "field": "links", "references": "p", "many": true},
		{"op": "create_form", "form": "q"}, {"op": "add_field", "form": "q", "field": "a", "type": "integer"}`)
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "due", "type": "date"}`)
	former, n, cost, links, q := tn.registry(t).Form("p").Field("due").Former[0].Column, tn.column(t, "p", "n"), tn.column(t, "p", "cost"), tn.column(t, "p", "links"), tn.table(t, "q")
	tn.apply(t, `{"op": "drop_field", "form": "p", "field": "n"}, {"op": "drop_field", "form": "p", "field": "links"}, {"op": "drop_form", "form": "q"}`)
	for _, sql := range []string{
		fmt.Sprintf("CREATE VIEW public.reads_former AS SELECT %s FROM %s", former, tn.table(t, "p")), fmt.Sprintf("CREATE VIEW public.reads_n AS SELECT %s FROM %s", n, tn.table(t, "p")),
		fmt.Sprintf("CREATE VIEW public.reads_cost AS SELECT %s FROM %s", cost, tn.table(t, "p")), "CREATE VIEW public.reads_links AS SELECT * FROM form_data." + links,
		"CREATE VIEW public.reads_q AS SELECT id FROM " + strings.Replace(q, "form_data", "form_trash", 1), "CREATE VIEW public.reads_name AS SELECT id FROM " + tn.table(t, "p"),
	} {
		run(t, tn.admin, sql)
	}
	run(t, tn.admin, fmt.Sprintf("CREATE TABLE public.counts (n bigint DEFAULT nextval('%s_id_seq'))", strings.Replace(q, "form_data", "form_trash", 1)))
	run(t, tn.admin, "CREATE TABLE form_data.mine (q bigint CONSTRAINT to_q REFERENCES "+strings.Replace(q, "form_data", "form_trash", 1)+")")
	for operation, built := range map[string]string{
		`{"op": "purge", "form": "p", "field": "due", "early": true}`:                                         "reads_former",
		`{"op": "purge", "form": "p", "field": "n", "early": true}`:                                           "reads_n",
		`{"op": "purge", "form": "p", "field": "links", "early": true}`:                                       "reads_links",
		`{"op": "purge", "form": "q", "early": true}`:                                                         "reads_q",
		`{"op": "change_type", "form": "p", "field": "cost", "type": "decimal", "precision": 20, "scale": 2}`: "reads_cost",
		`{"op": "drop_form", "form": "p"}, {"op": "purge", "form": "p", "early": true}`:                       "reads_cost, view reads_former",
	} {
		before := tn.registry(t)
		_, err := tn.try(t, operation, tn.options())
		var problems ddl.Problems
		require.ErrorAs(t, err, &problems, operation)
		require.ErrorContains(t, err, "view "+built, operation)
		if built == "reads_q" {
			require.ErrorContains(t, err, "constraint to_q on table form_data.mine, default value for column n of table counts, view reads_q: built on")
		}
		require.Equal(t, before, tn.registry(t), operation)
	}
	run(t, tn.admin, "DROP VIEW public.reads_former, public.reads_n, public.reads_cost, public.reads_links, public.reads_q")
	run(t, tn.admin, "DROP TABLE public.counts, form_data.mine")
	tn.apply(t, `{"op": "purge", "form": "p", "field": "n", "early": true}, {"op": "purge", "form": "p", "field": "links", "early": true}, {"op": "purge", "form": "q", "early": true}, {"op": "purge", "form": "p", "field": "due", "early": true}`)
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "cost", "type": "decimal", "precision": 20, "scale": 2}`)
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "state", "type": "long_text"}`)
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "state", "type": "short_text", "max_length": 20, "on_error": "keep"}`)
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "due", "type": "date_time"}`)
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "due", "type": "long_text"}, {"op": "purge", "form": "p", "field": "due", "early": true}`)
	_, err := tn.try(t, `{"op": "drop_form", "form": "p"}, {"op": "purge", "form": "p", "early": true}`, tn.options())
	require.ErrorContains(t, err, "view reads_name")
	run(t, tn.admin, "DROP VIEW public.reads_name")
	tn.apply(t, `{"op": "drop_form", "form": "p"}, {"op": "purge", "form": "p", "early": true}`)
}
