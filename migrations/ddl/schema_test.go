package ddl_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
)

var update = flag.Bool("update", false, "write files that are made")

const published = "../../docs/change.schema.json"

// TestSchemaIsPublished: the file that people point their editors at is what this program says.
func TestSchemaIsPublished(t *testing.T) {
	t.Parallel()
	if *update {
		require.NoError(t, os.WriteFile(published, ddl.Schema(), 0o600))
	}
	body, err := os.ReadFile(published)
	require.NoError(t, err)
	require.Equal(t, string(ddl.Schema()), string(body), "go test ./migrations/ddl -run TestSchemaIsPublished -update")
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(ddl.Schema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(ddl.SchemaID, document))
	schema, err := compiler.Compile(ddl.SchemaID)
	require.NoError(t, err)
	return schema
}

// valid are changes with every operation, every type and every parameter.
var valid = []string{
	`{"op": "create_form", "form": "projects", "label": "Projects"}`, `{"op": "create_form", "form": "p"}`,
	`{"op": "rename_form", "form": "p", "label": ""}`, `{"op": "drop_form", "form": "p"}`, `{"op": "restore_form", "form": "p"}`, `{"op": "rebuild_form", "form": "p"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "short_text", "max_length": 10, "default": "x", "required": true, "unique": true}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "long_text", "label": "é"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "integer", "bits": 32, "default": "7", "index": true}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "decimal", "precision": 12, "scale": 0, "default": 1}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "money", "currency": "EUR"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "boolean", "default": false}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "date", "default": "2026-11-27"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "date_time", "default": "2026-11-27T17:00:00+01:00"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "time", "default": "07:30"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "email", "default": "a@b"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "url", "default": "https://a.b"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "phone", "default": "+49 30 1"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "select", "options": [{"key": "x", "label": "X"}, {"key": "y"}], "default": "y"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "multi_select", "options": [{"key": "x"}], "default": ["x"], "index": true}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "reference", "references": "p", "on_delete": "set_null"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "many_to_many", "references": "p"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "file"}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "json", "default": {"a": [null]}}`,
	`{"op": "add_field", "form": "p", "field": "a", "type": "formula", "expression": "if(b > 1, 'x', 'y')"}`,
	`{"op": "add_reference", "form": "p", "field": "a", "references": "q", "many": true}`, `{"op": "add_reference", "form": "p", "field": "a", "references": "q", "on_delete": "restrict", "required": true}`,
	`{"op": "rename_field", "form": "p", "field": "a", "label": "x"}`, `{"op": "drop_field", "form": "p", "field": "a"}`, `{"op": "restore_field", "form": "p", "field": "a"}`,
	`{"op": "set_required", "form": "p", "field": "a", "value": [1]}`, `{"op": "set_optional", "form": "p", "field": "a"}`, `{"op": "set_default", "form": "p", "field": "a", "default": null}`,
	`{"op": "set_options", "form": "p", "field": "a", "options": [{"key": "x"}]}`, `{"op": "change_type", "form": "p", "field": "a", "type": "date", "on_error": "keep"}`,
	`{"op": "revert_type", "form": "p", "field": "a"}`, `{"op": "add_index", "form": "p", "fields": ["a", "b"]}`, `{"op": "drop_index", "form": "p", "fields": ["a"]}`,
	`{"op": "set_unique", "form": "p", "fields": ["a"]}`, `{"op": "drop_unique", "form": "p", "fields": ["a"]}`, `{"op": "purge", "form": "p", "field": "a", "early": true}`,
}

// TestSchemaTakesWhatDecodeTakes, and the other way round; and all that there is is among it.
func TestSchemaTakesWhatDecodeTakes(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	all := strings.Join(valid, "\n")
	for _, op := range ddl.Operations() {
		require.Contains(t, all, fmt.Sprintf(`"op": %q`, op))
	}
	for _, kind := range ddl.Types() {
		require.Contains(t, all, fmt.Sprintf(`"type": %q`, kind))
	}
	for _, operation := range valid {
		change := `{"operations": [` + operation + `]}`
		decoded, err := ddl.Decode([]byte(change))
		require.NoError(t, err, change)
		require.NoError(t, validate(t, schema, change), change)
		// What a program has read it writes so that both read it again.
		encoded, err := json.Marshal(decoded)
		require.NoError(t, err)
		again, err := ddl.Decode(encoded)
		require.NoError(t, err, string(encoded))
		require.Equal(t, decoded, again)
		require.NoError(t, validate(t, schema, string(encoded)), string(encoded))
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	return schema.Validate(document)
}

// TestRefusals: each names the place, the value and what to do; what the schema can tell it refuses as well.
func TestRefusals(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for _, z := range []struct {
		operation, path, message, fix string
		// hidden: only Decode can tell.
		hidden bool
	}{
		{`{"op": "explode"}`, "operations[0].op", `"explode" is not an operation`, "use one of create_form", false},
		{`{"op": "create_form", "form": "9"}`, "operations[0].form", `"9" is not a key`, "1 to 63", false},
		{`{"op": "create_form", "form": "p", "colour": "red"}`, "operations[0]", `unknown field "colour"`, "ddl schema", false},
		{`{"op": "create_form", "form": "p", "label": "` + strings.Repeat("x", 10_001) + `"}`, "operations[0].label", "10001 bytes", "shorten", false},
		{`{"op": "create_form", "form": "p", "label": "a\u0000b"}`, "operations[0].label", "holds a NUL", "remove it", true},
		{`{"op": "add_field", "form": "p", "field": "id", "type": "date"}`, "operations[0].field", "every form has", "another key", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "colour"}`, "operations[0].type", `"colour" is not a type`, "use one of short_text", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "date", "scale": 2}`, "operations[0].scale", "a date takes no scale", "leave it out", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "decimal", "precision": 3, "scale": 5}`, "operations[0].scale", "5 is not from 0 to 3", "give 0 to 3", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "decimal", "precision": 3, "scale": 2, "default": "12.5"}`, "operations[0].default", `"12.5" does not fit`, "of the field's type", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "integer", "bits": 16}`, "operations[0].bits", "16 is neither 32 nor 64", "use 64", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "integer", "bits": 32, "default": 3000000000}`, "operations[0].default", "is not an integer of 32 bits", "", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "date", "default": "31.12.2026"}`, "operations[0].default", `"31.12.2026" is not a date such as 2026-11-27`, "", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "date", "default": "2026-02-30"}`, "operations[0].default", `is not a date`, "", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "email", "default": "nobody"}`, "operations[0].default", "is not a value of type email", "", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "select"}`, "operations[0].options", "there are 0 options", "give 1 to 500", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "select", "options": [{"key": "x"}, {"key": "x"}]}`, "operations[0].options[1].key", "there twice", "", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "select", "options": [{"key": "x"}], "default": "y"}`, "operations[0].default", "none of the options x", "", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "reference"}`, "operations[0].references", "not the key of a form", "name the form", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "reference", "references": "p", "on_delete": "cascade"}`, "operations[0].on_delete", "neither restrict nor set_null", "never done by itself", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "money", "currency": "euro"}`, "operations[0].currency", "ISO 4217", "EUR", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "formula", "expression": "pg_sleep(10)"}`, "operations[0].expression", `"pg_sleep" is not a function`, "docs/forms.md", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "json", "unique": true}`, "operations[0].unique", "a json cannot be unique", "leave it out", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "many_to_many", "references": "p", "required": true}`, "operations[0].required", "takes no required", "leave it out", true},
		{`{"op": "set_default", "form": "p", "field": "a"}`, "operations[0].default", "it is missing", "null for no default", false},
		{`{"op": "create_form", "Form": "p"}`, "operations[0]", `unknown field "Form"`, "ddl schema", false},
		{`{"OP": "create_form", "form": "p"}`, "operations[0].op", `"" is not an operation`, "use one of", false},
		{`{"op": "create_form", "form": "p", "label": null}`, "operations[0]", "label: null is no value", "ddl schema", false},
		{`{"op": "add_index", "form": "p", "fields": ["a", null]}`, "operations[0]", "fields: null is no value", "", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "select", "options": [{"Key": "x"}]}`, "operations[0]", `options: unknown field "Key"`, "", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "date", "max_length": 0}`, "operations[0].max_length", "a date takes no max_length", "leave it out", false},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "email", "default": "a@\u00a0b"}`, "operations[0].default", "is not a value of type email", "", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "date_time", "default": "0001-01-01T00:00:00+01:00"}`, "operations[0].default", "is not a date_time", "", true},
		{`{"op": "add_field", "form": "p", "field": "a", "type": "json", "default": [1e999999]}`, "operations[0].default", `the number "1e999999"`, "", true},
		{`{"op": "add_index", "form": "p", "fields": []}`, "operations[0].fields", "there are 0 fields", "give 1 to 32", false},
		{`{"op": "add_index", "form": "p", "fields": ["a", "a"]}`, "operations[0].fields[1]", "there twice", "once", false},
		{`{"op": "change_type", "form": "p", "field": "a", "type": "date", "on_error": "guess"}`, "operations[0].on_error", "stop, empty, keep", "stop", false},
	} {
		change := `{"operations": [` + z.operation + `]}`
		_, err := ddl.Decode([]byte(change))
		var problems ddl.Problems
		require.ErrorAs(t, err, &problems, z.operation)
		require.Equal(t, z.path, problems[0].Path, z.operation)
		require.Contains(t, problems[0].Message, z.message, z.operation)
		require.Contains(t, problems[0].Fix, z.fix, z.operation)
		if z.hidden {
			continue
		}
		require.Error(t, validate(t, schema, change), z.operation)
	}
	for text, message := range map[string]string{
		"": "the change is not what is expected", "[]": "the change is not what is expected", `{"operations": []}`: "there are 0 operations",
		`{"operations": [{"op": "drop_form", "form": "p"}]} x`: "something follows its end", "{\"operations\": [\"\xff\"]}": "it is not UTF-8",
		`{"operations": [` + strings.Repeat(`{"op": "drop_form", "form": "p"},`, 200) + `{"op": "drop_form", "form": "p"}]}`: "there are 201 operations",
	} {
		_, err := ddl.Decode([]byte(text))
		require.ErrorContains(t, err, message)
	}
}
