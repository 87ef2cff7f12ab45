package execute_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// people is a form with a field of each type.
const people = `
{"op": "create_form", "form": "teams", "label": "Teams"},
{"op": "create_form", "form": "people", "label": "People & Co"},
{"op": "add_field", "form": "people", "field": "name", "label": "Full name", "type": "short_text", "index": true},
{"op": "add_field", "form": "people", "field": "bio", "type": "long_text"},
{"op": "add_field", "form": "people", "field": "age", "type": "integer", "bits": 32},
{"op": "add_field", "form": "people", "field": "budget", "label": "Budget (EUR)", "type": "decimal", "precision": 12, "scale": 2, "default": "0.00"},
{"op": "add_field", "form": "people", "field": "salary", "type": "money", "currency": "EUR"},
{"op": "add_field", "form": "people", "field": "active", "type": "boolean", "default": true, "required": true},
{"op": "add_field", "form": "people", "field": "born", "type": "date"},
{"op": "add_field", "form": "people", "field": "seen", "type": "date_time"},
{"op": "add_field", "form": "people", "field": "wakes", "type": "time", "default": "07:30"},
{"op": "add_field", "form": "people", "field": "mail", "type": "email", "unique": true},
{"op": "add_field", "form": "people", "field": "site", "type": "url"},
{"op": "add_field", "form": "people", "field": "phone", "type": "phone"},
{"op": "add_field", "form": "people", "field": "role", "type": "select", "options": [{"key": "dev", "label": "Developer"}, {"key": "ops"}], "default": "dev"},
{"op": "add_field", "form": "people", "field": "tags", "type": "multi_select", "options": [{"key": "a"}, {"key": "b"}], "index": true},
{"op": "add_field", "form": "people", "field": "cv", "type": "file"},
{"op": "add_field", "form": "people", "field": "extra", "type": "json", "default": {"a": [1, null]}},
{"op": "add_reference", "form": "people", "field": "team", "references": "teams"},
{"op": "add_reference", "form": "people", "field": "friends", "references": "people", "many": true},
{"op": "add_field", "form": "people", "field": "year_cost", "label": "Cost", "type": "formula", "expression": "round(salary * 12, 2)"}`

func TestApplyMakesAFormWithEveryType(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	result := tn.apply(t, people)
	require.Equal(t, int64(1), result.Number)
	require.Equal(t, 1, result.Steps, "all of it is one transaction")
	require.Equal(t, map[string]int64{"people": 1, "teams": 1}, result.Forms)
	app := tn.connect(t, tn.app)
	run(t, app, fmt.Sprintf(`INSERT INTO %s (%s, %s) VALUES ('Ann', 1000.5)`, tn.table(t, "people"), tn.column(t, "people", "name"), tn.column(t, "people", "salary")))
	ro := tn.connect(t, tn.readOnly)
	require.Equal(t, "12006.00", one[string](t, ro, `SELECT "Cost"::text FROM form_views."People & Co" WHERE "Full name" = 'Ann' AND role = 'dev' AND active AND "Budget (EUR)" = 0`))
	require.Equal(t, 21, one[int](t, ro, `SELECT count(*) FROM _tenantry.form_fields`)-0+2)
}

// TestApplyTwice makes a change again that was made: nothing happens.
func TestApplyTwice(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	opts := tn.options()
	first, err := tn.try(t, people, opts)
	require.NoError(t, err)
	again, err := tn.try(t, people, opts)
	require.NoError(t, err)
	require.Equal(t, first.Number, again.Number)
	require.Equal(t, first.Forms, again.Forms)
	require.Zero(t, again.Steps)
}

// TestApplyOnALargeTable goes through every operation on a table that is too large to be scanned under a lock.
func TestApplyOnALargeTable(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	tn.apply(t, people)
	table := tn.table(t, "people")
	col := func(field string) string { return tn.column(t, "people", field) }
	run(t, tn.admin, fmt.Sprintf(`INSERT INTO %s (%s, %s, %s) SELECT 'person ' || g, g, '2026-01-' || lpad((g %% 28 + 1)::text, 2, '0') FROM generate_series(1, 30000) g`,
		table, col("name"), col("age"), col("bio")))
	run(t, tn.admin, "ANALYZE "+table)
	tn.apply(t, `{"op": "add_field", "form": "people", "field": "nick", "type": "short_text", "default": "none", "required": true, "index": true}`)
	tn.apply(t, `{"op": "set_required", "form": "people", "field": "born", "value": "2000-01-01"}`)
	require.Zero(t, one[int](t, tn.admin, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s <> '2000-01-01'", table, col("born"))))
	tn.apply(t, `{"op": "set_unique", "form": "people", "fields": ["age"]}`)
	tn.apply(t, `{"op": "change_type", "form": "people", "field": "age", "type": "integer", "bits": 64}`)
	require.Equal(t, "bigint", one[string](t, tn.admin, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2", table, col("age")))
	tn.apply(t, `{"op": "change_type", "form": "people", "field": "bio", "type": "date"}`)
	require.Equal(t, 30000, one[int](t, tn.admin, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NOT NULL", table, col("bio"))))
	tn.apply(t, `{"op": "revert_type", "form": "people", "field": "bio"}`)
	tn.apply(t, `{"op": "add_index", "form": "people", "fields": ["born", "active"]}, {"op": "drop_index", "form": "people", "fields": ["name"]}`)
	tn.apply(t, `{"op": "add_reference", "form": "people", "field": "boss", "references": "people"}`)
	tn.apply(t, `{"op": "set_options", "form": "people", "field": "role", "options": [{"key": "dev"}, {"key": "boss"}]}`)
	tn.apply(t, `{"op": "drop_unique", "form": "people", "fields": ["age"]}, {"op": "set_optional", "form": "people", "field": "born"}, {"op": "set_default", "form": "people", "field": "born", "default": "2001-02-03"}`)
	tn.apply(t, `{"op": "drop_field", "form": "people", "field": "born"}`)
	tn.apply(t, `{"op": "restore_field", "form": "people", "field": "born"}`)
	tn.apply(t, `{"op": "drop_field", "form": "people", "field": "born"}, {"op": "purge", "form": "people", "field": "born", "early": true}, {"op": "purge", "form": "people", "field": "age", "early": true}`)
	tn.apply(t, `{"op": "rename_field", "form": "people", "field": "name", "label": "Name"}, {"op": "rename_form", "form": "people", "label": "Teams"}, {"op": "rename_form", "form": "teams", "label": "People & Co"}`)
	tn.apply(t, `{"op": "drop_form", "form": "people"}`)
	tn.apply(t, `{"op": "restore_form", "form": "people"}`)
	tn.apply(t, `{"op": "drop_form", "form": "people"}, {"op": "purge", "form": "people", "early": true}`)
	require.Zero(t, one[int](t, tn.admin, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'form_data'::regnamespace"))
	require.Zero(t, one[int](t, tn.admin, "SELECT count(*) FROM pg_constraint WHERE NOT convalidated"))
	require.Zero(t, one[int](t, tn.admin, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"))
}
