package ddl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
)

// goldenDir has a file per operation with the plans of its variants, on a small table and on a large one: what a change of this program does to
// the statements that run on people's databases is seen in a review. Package execute runs each of them.
const goldenDir = "testdata/golden"

// goldenForms are the changes that make the forms which the variants are about, one a line. Package execute reads them from forms.jsonl.
var goldenForms = []string{
	`{"operations": [{"op": "create_form", "form": "teams", "label": "Teams"}, {"op": "create_form", "form": "gone"}, {"op": "create_form", "form": "p", "label": "Projects"}]}`,
	`{"operations": [` + strings.Join([]string{
		`{"op": "add_field", "form": "p", "field": "name", "type": "short_text"}`,
		`{"op": "add_field", "form": "p", "field": "note", "type": "long_text"}`,
		`{"op": "add_field", "form": "p", "field": "n", "type": "integer", "bits": 32}`,
		`{"op": "add_field", "form": "p", "field": "price", "type": "decimal", "precision": 12, "scale": 2}`,
		`{"op": "add_field", "form": "p", "field": "due", "type": "long_text", "default": "2026-11-27"}`,
		`{"op": "add_field", "form": "p", "field": "state", "type": "select", "options": [{"key": "a"}, {"key": "b"}]}`,
		`{"op": "add_field", "form": "p", "field": "tags", "type": "multi_select", "options": [{"key": "x"}, {"key": "y"}]}`,
		`{"op": "add_field", "form": "p", "field": "day", "type": "date", "default": "2026-11-27", "required": true}`,
		`{"op": "add_field", "form": "p", "field": "rank", "type": "integer", "index": true}`,
		`{"op": "add_field", "form": "p", "field": "code", "type": "integer", "unique": true, "required": true, "default": 7}`,
		`{"op": "add_field", "form": "p", "field": "old", "type": "short_text", "default": "o", "index": true}`,
		`{"op": "add_field", "form": "p", "field": "was", "type": "long_text"}`,
		`{"op": "add_field", "form": "p", "field": "total", "type": "formula", "expression": "price * 2"}`,
		`{"op": "add_reference", "form": "p", "field": "links", "references": "teams", "many": true}`,
		`{"op": "add_reference", "form": "p", "field": "team", "references": "teams"}`,
	}, ", ") + `]}`,
	`{"operations": [{"op": "change_type", "form": "p", "field": "was", "type": "date"}, {"op": "drop_field", "form": "p", "field": "old"}, {"op": "drop_form", "form": "gone"}]}`,
}

// goldenCases are the variants of each operation, by the operation.
var goldenCases = map[string][]struct{ name, operations string }{
	"create_form": {
		{"without fields", `{"op": "create_form", "form": "r"}`},
		{"with fields", `{"op": "create_form", "form": "r", "label": "R"}, {"op": "add_field", "form": "r", "field": "a", "type": "email", "required": true, "unique": true}, {"op": "add_reference", "form": "r", "field": "p", "references": "p"}`},
	},
	"rename_form":  {{"to another label", `{"op": "rename_form", "form": "p", "label": "Pröjects \"2\""}`}},
	"drop_form":    {{"with links", `{"op": "drop_form", "form": "p"}`}},
	"restore_form": {{"as it was", `{"op": "restore_form", "form": "gone"}`}},
	"rebuild_form": {{"with all that it has", `{"op": "rebuild_form", "form": "p"}`}, {"with what refers to it", `{"op": "rebuild_form", "form": "teams"}`}},
	"add_field": {
		{"short_text", `{"op": "add_field", "form": "p", "field": "x", "type": "short_text"}`},
		{"short_text with a default, required, with an index", `{"op": "add_field", "form": "p", "field": "x", "type": "short_text", "default": "it's", "required": true, "index": true}`},
		{"long_text", `{"op": "add_field", "form": "p", "field": "x", "type": "long_text"}`},
		{"email, unique", `{"op": "add_field", "form": "p", "field": "x", "type": "email", "unique": true}`},
		{"url", `{"op": "add_field", "form": "p", "field": "x", "type": "url"}`},
		{"phone", `{"op": "add_field", "form": "p", "field": "x", "type": "phone"}`},
		{"file", `{"op": "add_field", "form": "p", "field": "x", "type": "file"}`},
		{"integer with a default", `{"op": "add_field", "form": "p", "field": "x", "type": "integer", "default": 1}`},
		{"decimal", `{"op": "add_field", "form": "p", "field": "x", "type": "decimal", "precision": 5, "scale": 1}`},
		{"money", `{"op": "add_field", "form": "p", "field": "x", "type": "money", "currency": "EUR", "default": "0.10"}`},
		{"boolean, required", `{"op": "add_field", "form": "p", "field": "x", "type": "boolean", "default": false, "required": true}`},
		{"date", `{"op": "add_field", "form": "p", "field": "x", "type": "date"}`},
		{"date_time with a default", `{"op": "add_field", "form": "p", "field": "x", "type": "date_time", "default": "2026-11-27T17:00:00+01:00"}`},
		{"time", `{"op": "add_field", "form": "p", "field": "x", "type": "time"}`},
		{"select", `{"op": "add_field", "form": "p", "field": "x", "type": "select", "options": [{"key": "k2"}, {"key": "k1"}], "default": "k1"}`},
		{"multi_select with an index", `{"op": "add_field", "form": "p", "field": "x", "type": "multi_select", "options": [{"key": "k"}], "index": true}`},
		{"reference, emptied", `{"op": "add_field", "form": "p", "field": "x", "type": "reference", "references": "teams", "on_delete": "set_null"}`},
		{"many_to_many", `{"op": "add_field", "form": "p", "field": "x", "type": "many_to_many", "references": "p"}`},
		{"json with a default", `{"op": "add_field", "form": "p", "field": "x", "type": "json", "default": {"a": [1]}}`},
		{"formula", `{"op": "add_field", "form": "p", "field": "x", "type": "formula", "expression": "if(is_empty(price), 'free', 'from ' & round(price / n, 2))"}`},
	},
	"add_reference": {
		{"to one", `{"op": "add_reference", "form": "p", "field": "x", "references": "teams"}`}, {"to many", `{"op": "add_reference", "form": "p", "field": "x", "references": "teams", "many": true}`},
	},
	"rename_field":  {{"to another label", `{"op": "rename_field", "form": "p", "field": "name", "label": "Full name"}`}},
	"drop_field":    {{"plain", `{"op": "drop_field", "form": "p", "field": "name"}`}, {"required, with a default", `{"op": "drop_field", "form": "p", "field": "day"}`}},
	"restore_field": {{"with a default", `{"op": "restore_field", "form": "p", "field": "old"}`}},
	"set_required":  {{"rows have values", `{"op": "set_required", "form": "p", "field": "name"}`}, {"rows get a value", `{"op": "set_required", "form": "p", "field": "note", "value": "none"}`}},
	"set_optional":  {{"plain", `{"op": "set_optional", "form": "p", "field": "day"}`}},
	"set_default":   {{"a value", `{"op": "set_default", "form": "p", "field": "price", "default": "9.50"}`}, {"none", `{"op": "set_default", "form": "p", "field": "due", "default": null}`}},
	"set_options": {
		{"other labels", `{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "b", "label": "B"}, {"key": "a"}]}`},
		{"more", `{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "a"}, {"key": "b"}, {"key": "c"}]}`},
		{"fewer", `{"op": "set_options", "form": "p", "field": "tags", "options": [{"key": "x"}]}`},
	},
	"change_type": {
		{"text to date, with a default", `{"op": "change_type", "form": "p", "field": "due", "type": "date"}`},
		{"text to date, keeping what cannot be one", `{"op": "change_type", "form": "p", "field": "due", "type": "date", "on_error": "keep"}`},
		{"text to integer, emptying what cannot be one", `{"op": "set_default", "form": "p", "field": "due", "default": null}, {"op": "change_type", "form": "p", "field": "due", "type": "integer", "on_error": "empty"}`},
		{"more bits", `{"op": "change_type", "form": "p", "field": "n", "type": "integer", "bits": 64}`},
		{"with an index", `{"op": "change_type", "form": "p", "field": "rank", "type": "decimal"}`},
		{"unique, required, with a default", `{"op": "change_type", "form": "p", "field": "code", "type": "decimal", "precision": 20, "scale": 0}`},
		{"more digits", `{"op": "change_type", "form": "p", "field": "price", "type": "decimal", "precision": 14, "scale": 2}`},
		{"another check", `{"op": "change_type", "form": "p", "field": "name", "type": "short_text", "max_length": 50}`},
		{"a second time", `{"op": "change_type", "form": "p", "field": "was", "type": "date_time"}`},
	},
	"revert_type": {{"plain", `{"op": "revert_type", "form": "p", "field": "was"}`}},
	"add_index":   {{"over two fields", `{"op": "add_index", "form": "p", "fields": ["state", "n"]}`}, {"of a multi_select", `{"op": "add_index", "form": "p", "fields": ["tags"]}`}},
	"drop_index":  {{"plain", `{"op": "drop_index", "form": "p", "fields": ["rank"]}`}},
	"set_unique":  {{"over one field", `{"op": "set_unique", "form": "p", "fields": ["n"]}`}, {"over two fields", `{"op": "set_unique", "form": "p", "fields": ["name", "day"]}`}},
	"drop_unique": {{"plain", `{"op": "drop_unique", "form": "p", "fields": ["code"]}`}},
	"purge": {
		{"of a field", `{"op": "purge", "form": "p", "field": "old", "early": true}`},
		{"of a former column", `{"op": "purge", "form": "p", "field": "was", "early": true}`},
		{"of a form", `{"op": "purge", "form": "gone", "early": true}`},
	},
}

// TestGolden holds the plans of all operations against what was reviewed.
func TestGolden(t *testing.T) {
	t.Parallel()
	forms := strings.Join(goldenForms, "\n") + "\n"
	files := map[string]string{"forms.jsonl": forms}
	for _, op := range ddl.Operations() {
		require.NotEmpty(t, goldenCases[op], "there is no case of %s", op)
		files[op+".sql"] = goldenFile(t, op)
	}
	found, err := os.ReadDir(goldenDir)
	require.NoError(t, err)
	for _, entry := range found {
		_, known := files[entry.Name()]
		require.True(t, known, "%s is of no operation", entry.Name())
	}
	for name, text := range files {
		path := filepath.Join(goldenDir, name)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		}
		body, err := os.ReadFile(path)
		require.NoError(t, err, "go test ./migrations/ddl -run TestGolden -update")
		require.Equal(t, string(body), text, "%s: go test ./migrations/ddl -run TestGolden -update", name)
	}
}

// goldenFile writes the plans of an operation's variants.
func goldenFile(t *testing.T, op string) string {
	t.Helper()
	registry := &ddl.Registry{}
	for _, text := range goldenForms {
		change, err := ddl.Decode([]byte(text))
		require.NoError(t, err)
		plan, err := ddl.Generate(change, registry, factsOf(registry, 1000))
		require.NoError(t, err)
		registry = evolve(registry, plan)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "-- Plans of %s, made by TestGolden: see golden_test.go.\n", op)
	for _, z := range goldenCases[op] {
		change, err := ddl.Decode([]byte(`{"operations": [` + z.operations + `]}`))
		require.NoError(t, err, z.operations)
		require.True(t, slices.ContainsFunc(change.Operations, func(o ddl.Operation) bool { return o.Op() == op }))
		fmt.Fprintf(&text, "\n\n-- case: %s\n-- change: {\"operations\": [%s]}\n", z.name, z.operations)
		for _, size := range []struct {
			name  string
			bytes int64
		}{{"small", 1000}, {"large", 10 << 20}} {
			facts := factsOf(registry, 1000)
			table := facts.Tables[registry.Form("p").Table]
			table.Bytes = size.bytes
			facts.Tables[registry.Form("p").Table] = table
			plan, err := ddl.Generate(change, registry, facts)
			require.NoError(t, err, z.operations)
			fmt.Fprintf(&text, "\n-- size: %s\n", size.name)
			goldenPlan(&text, plan)
		}
	}
	return text.String()
}

// goldenPlan writes what a plan runs as SQL, and the rest as comments.
func goldenPlan(text *strings.Builder, plan *ddl.Plan) {
	comment := func(what, s string) {
		fmt.Fprintf(text, "--   %s: %s\n", what, strings.ReplaceAll(s, "\n", "\n--     "))
	}
	for _, note := range plan.Notes {
		comment("note", note)
	}
	for i, probe := range plan.Probes {
		kind := "refuses"
		if probe.Note {
			kind = "tells"
		}
		fmt.Fprintf(text, "-- look %d, %s: %s\n%s;\n", i+1, kind, probe.Message, probe.SQL)
	}
	for i, step := range plan.Steps {
		fmt.Fprintf(text, "-- step %d: %s, %s, %s\n", i+1, step.Phase, step.Kind, step.Lock)
		for _, undo := range step.Undo {
			comment("undo", undo)
		}
		if step.Unfill != "" {
			comment("unfill", step.Unfill)
		}
		for _, sql := range step.SQL {
			fmt.Fprintf(text, "%s;\n", sql)
		}
	}
}
