package execute_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

// TestTogether makes changes whose operations meet on a field or a form, on a small table and on a large one: each is made, and can be taken back, or is
// refused with everything as it was.
func TestTogether(t *testing.T) {
	t.Parallel()
	for _, z := range []struct {
		name, operations string
		refused          string // "" for a change that is made
	}{
		{"an index over fields that are made", `{"op": "add_field", "form": "p", "field": "x", "type": "integer"}, {"op": "add_index", "form": "p", "fields": ["x", "n"]}`, ""},
		{"unique over fields that are made", `{"op": "add_field", "form": "p", "field": "x", "type": "integer"}, {"op": "set_unique", "form": "p", "fields": ["n", "x"]}`, ""},
		{"unique over a default", `{"op": "add_field", "form": "p", "field": "x", "type": "integer", "default": 1}, {"op": "set_unique", "form": "p", "fields": ["x"]}`, "rows have a value that another row has"},
		{"unique over what is filled", `{"op": "add_field", "form": "p", "field": "x", "type": "integer"}, {"op": "set_required", "form": "p", "field": "x", "value": 1}, {"op": "set_unique", "form": "p", "fields": ["x"]}`, "rows have a value that another row has"},
		{"filling what is unique", `{"op": "add_field", "form": "p", "field": "x", "type": "integer"}, {"op": "set_unique", "form": "p", "fields": ["x"]}, {"op": "set_required", "form": "p", "field": "x", "value": 1}`, "x is unique"},
		{"required without a value, and made", `{"op": "add_field", "form": "p", "field": "x", "type": "integer"}, {"op": "set_required", "form": "p", "field": "x"}`, "rows have no value"},
		{"required with a value, and made", `{"op": "add_field", "form": "p", "field": "x", "type": "integer"}, {"op": "set_required", "form": "p", "field": "x", "value": 1}`, ""},
		{"another type, and required", `{"op": "change_type", "form": "p", "field": "due", "type": "date", "on_error": "empty"}, {"op": "set_required", "form": "p", "field": "due", "value": "2026-01-01"}`, ""},
		{"another type, and unique", `{"op": "change_type", "form": "p", "field": "n", "type": "long_text"}, {"op": "rename_field", "form": "p", "field": "n", "label": "N"}`, ""},
		{"another type, and unique by it", `{"op": "change_type", "form": "p", "field": "name", "type": "boolean", "on_error": "empty"}, {"op": "set_unique", "form": "p", "fields": ["n"]}`, ""},
		{"another type twice", `{"op": "change_type", "form": "p", "field": "n", "type": "long_text"}, {"op": "change_type", "form": "p", "field": "n", "type": "integer"}`, "its values are changed in this change"},
		{"another type, and back", `{"op": "change_type", "form": "p", "field": "n", "type": "long_text"}, {"op": "revert_type", "form": "p", "field": "n"}`, "its values are changed in this change"},
		{"another type without the default", `{"op": "set_default", "form": "p", "field": "due", "default": "soon"}, {"op": "set_default", "form": "p", "field": "due", "default": null}, {"op": "change_type", "form": "p", "field": "due", "type": "date", "on_error": "empty"}`, ""},
		{"dropped and brought back", `{"op": "drop_field", "form": "p", "field": "n"}, {"op": "restore_field", "form": "p", "field": "n"}`, "it is hidden or brought back in this change"},
		{"dropped and purged", `{"op": "drop_field", "form": "p", "field": "n"}, {"op": "purge", "form": "p", "field": "n", "early": true}`, ""},
		{"made and dropped", `{"op": "add_field", "form": "p", "field": "x", "type": "integer"}, {"op": "drop_field", "form": "p", "field": "x"}`, "it is added in this change"},
		{"a form that is made with a reference to itself and another", `{"op": "create_form", "form": "a"}, {"op": "create_form", "form": "b"}, {"op": "add_reference", "form": "a", "field": "b", "references": "b"}, {"op": "add_reference", "form": "b", "field": "a", "references": "a"}, {"op": "add_reference", "form": "a", "field": "p", "references": "p", "many": true}, {"op": "add_field", "form": "a", "field": "x", "type": "integer", "required": true, "unique": true}`, ""},
		{"a form that is dropped and changed", `{"op": "add_field", "form": "p", "field": "x", "type": "integer"}, {"op": "drop_form", "form": "p"}`, "takes no other operation"},
		{"a form that is purged and made anew", `{"op": "drop_form", "form": "p"}, {"op": "purge", "form": "p", "early": true}, {"op": "create_form", "form": "p"}`, "takes no other operation"},
		{"views that trade their names", `{"op": "create_form", "form": "q", "label": "P"}, {"op": "rename_form", "form": "p", "label": "Q"}`, ""},
		{"a view whose name is taken", `{"op": "create_form", "form": "a", "label": "P"}, {"op": "set_default", "form": "p", "field": "n", "default": 1}`, ""},
		{"a reference to no row", `{"op": "add_reference", "form": "p", "field": "boss", "references": "p"}, {"op": "set_required", "form": "p", "field": "boss", "value": 999999}`, "form p has no row 999999"},
		{"a reference to no row, as the default", `{"op": "add_field", "form": "p", "field": "boss", "type": "reference", "references": "p", "default": 999999}`, "form p has no row 999999"},
	} {
		for size, rows := range map[string]int{"small": 30, "large": 8000} {
			t.Run(z.name+", "+size, func(t *testing.T) {
				t.Parallel()
				tn := newTenant(t)
				tn.apply(t, `{"op": "create_form", "form": "p", "label": "P"}, {"op": "add_field", "form": "p", "field": "name", "type": "long_text"},
					{"op": "add_field", "form": "p", "field": "n", "type": "integer"}, {"op": "add_field", "form": "p", "field": "due", "type": "long_text"}`)
				// Ids from below zero: the application may give them.
				run(t, tn.admin, fmt.Sprintf(`INSERT INTO %s (id, %s, %s, %s) SELECT g - 10, repeat('x', 160), g, (ARRAY['2026-11-27', 'soon', NULL])[1 + g %% 3] FROM generate_series(1, %d) AS g`,
					tn.table(t, "p"), tn.column(t, "p", "name"), tn.column(t, "p", "n"), tn.column(t, "p", "due"), rows))
				run(t, tn.admin, "ANALYZE "+tn.table(t, "p"))
				before := tn.registry(t)
				_, err := tn.try(t, z.operations, tn.options())
				if z.refused != "" {
					var problems ddl.Problems
					require.ErrorAs(t, err, &problems)
					require.ErrorContains(t, err, z.refused)
					require.Equal(t, before, tn.registry(t))
				} else {
					require.NoError(t, err)
					if after := takenBack(t, tn, before, z.operations); after.Form("p") != nil && after.Form("p").Field("due").Former == nil {
						column := after.Form("p").Field("due").Column
						require.Equal(t, (rows+1)/3, one[int](t, tn.admin, fmt.Sprintf("SELECT count(*) FROM form_data.%s WHERE %s = 'soon'", after.Form("p").Table, column)))
					}
				}
				require.Empty(t, fingerprint.Compare(newTwin(t).script(t, tn.registry(t)), tn.forms(t, tn.admin)))
				tidy(t, tn)
			})
		}
	}
}

// TestFormerValuesAreKept: what a conversion had no counterpart for is there again when the type is changed back, whatever happened to the field between.
func TestFormerValuesAreKept(t *testing.T) {
	t.Parallel()
	for size, rows := range map[string]int{"small": 30, "large": 15000} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			tn := large(t)
			table, due := tn.table(t, "p"), tn.column(t, "p", "due")
			run(t, tn.admin, fmt.Sprintf("CREATE TABLE kept AS SELECT * FROM %s WHERE id <= %d", table, rows))
			run(t, tn.admin, "TRUNCATE "+table)
			run(t, tn.admin, "INSERT INTO "+table+" SELECT * FROM kept")
			run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = CASE WHEN id %% 3 = 0 THEN 'soon' END WHERE id %% 3 < 2", table, due))
			was := one[string](t, tn.admin, fmt.Sprintf("SELECT md5(string_agg(%s, ',' ORDER BY id)) FROM %s", due, table))
			tn.apply(t, `{"op": "change_type", "form": "p", "field": "due", "type": "date", "on_error": "empty"}`)
			// A value for rows that have none would be written over what the former column has.
			_, err := tn.try(t, `{"op": "set_required", "form": "p", "field": "due", "value": "2026-01-01"}`, tn.options())
			require.ErrorContains(t, err, fmt.Sprintf("%d rows have no value because that of their former column was no date", rows/3))
			run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = '2026-02-02' WHERE %s = 'soon'", table, due, due)) // as one does that knows the old column
			// Cancelled just before it is visible: what was filled is empty again.
			opts := tn.options()
			passed := 0
			opts.Pause = func() bool { passed++; return passed > 2 }
			_, err = tn.try(t, `{"op": "set_required", "form": "p", "field": "due", "value": "2026-01-01"}, {"op": "add_field", "form": "p", "field": "p", "type": "reference", "references": "p"}`, opts)
			if size == "large" {
				require.ErrorIs(t, err, execute.ErrPaused)
				conn := dial(t, tn.config(t, tn.migrator))
				require.NoError(t, execute.Undo(t.Context(), conn, opts))
				require.Equal(t, rows/3, one[int](t, tn.admin, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL", table, tn.column(t, "p", "due"))))
			}
			_, err = tn.try(t, `{"op": "revert_type", "form": "p", "field": "due"}`, tn.options())
			require.NoError(t, err)
			require.Equal(t, was, one[string](t, tn.admin, fmt.Sprintf("SELECT md5(string_agg(replace(%[1]s, '2026-02-02', 'soon'), ',' ORDER BY id)) FROM %[2]s WHERE %[1]s IS DISTINCT FROM '2026-01-01'", due, table)))
			tidy(t, tn)
		})
	}
}
