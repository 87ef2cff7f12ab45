package ddl_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/wasilibs/go-pgquery/parser"

	"github.com/avenit/tenantry/migrations/ddl"
)

// grammar lets one goroutine parse at a time: each further one makes the library compile another copy of it.
var grammar sync.Mutex

// parse gives the root of one statement, by PostgreSQL's own grammar.
func parse(t testing.TB, sql string) (node string, root map[string]any) {
	t.Helper()
	grammar.Lock()
	defer grammar.Unlock()
	encoded, err := parser.ParseToJSON(sql)
	require.NoError(t, err, sql)
	var result struct {
		Stmts []struct {
			Stmt map[string]map[string]any `json:"stmt"`
		} `json:"stmts"`
	}
	require.NoError(t, json.Unmarshal([]byte(encoded), &result))
	require.Len(t, result.Stmts, 1, "one statement: %s", sql)
	for node, root := range result.Stmts[0].Stmt {
		return node, root
	}
	return "", nil
}

// allowed are the statements that plans are made of. Whatever people write makes none of another kind.
var allowed = map[ddl.StepKind][]string{
	ddl.StepTx: {
		"CreateStmt", "AlterTableStmt", "IndexStmt", "DropStmt", "UpdateStmt", "ViewStmt", "RenameStmt", "DoStmt", "CreateFunctionStmt", "CreateTrigStmt", "AlterObjectSchemaStmt",
		"LockStmt", "InsertStmt", "AlterSeqStmt", "GrantStmt",
	},
	ddl.StepBuildIndex: {"IndexStmt"},
	ddl.StepDropIndex:  {"DropStmt"},
	ddl.StepValidate:   {"AlterTableStmt"},
	ddl.StepAnalyze:    {"VacuumStmt"},
	ddl.StepFill:       {"SelectStmt"},
	ddl.StepProbe:      {"SelectStmt"},
}

// alterations are what is done to a table.
var alterations = []string{
	"AT_AddColumn", "AT_DropColumn", "AT_ColumnDefault", "AT_SetNotNull", "AT_DropNotNull", "AT_AddConstraint", "AT_DropConstraint", "AT_ValidateConstraint", "AT_AlterColumnType", "AT_EnableAlwaysTrig",
}

var (
	physical  = regexp.MustCompile(`^[dfjiucnrlsm]_[0-9a-z]{4,}$|^j_[0-9a-z]{4,}_(from|to)_id_fkey$`)
	ourWords  = []string{"form_data", "form_views", "form_trash", "id", "created_at", "updated_at", "from_id", "to_id", "t", "j", "k", "e", "n", "upto", "changed", "alike", "example", "last", "between", "new", "old", "trigger", "plpgsql", "tg_op", "f", "batch", "excluded", "search_path", "pg_temp", "row"}
	functions = []string{
		"pg_catalog", "now", "char_length", "max", "count", "array_agg", "left", "coalesce", "sum", "min", "concat_ws", "btrim", "substr", "make_date", "date_part", "extract", "lower", "upper", "round", "abs",
		"trunc", "to_char", "array_to_string", "cardinality", "timezone", "nullif", "isfinite", "ceil", "floor", "least", "greatest", "length", "ltrim", "rtrim", "pg_column_size", "hash_record_extended",
		"int8", "int4", "text", "numeric", "bool", "date", "timestamptz", "timestamp", "time", "jsonb", "interval", "bigint", "boolean", "integer",
	}
)

// names collects every identifier of a statement, and every text constant.
func names(node any, found map[string]bool) {
	switch n := node.(type) {
	case []any:
		for _, x := range n {
			names(x, found)
		}
	case map[string]any:
		for key, x := range n {
			if text, is := x.(string); is {
				switch key {
				case "relname", "schemaname", "colname", "name", "aliasname", "conname", "idxname", "indexname", "newname", "trigname", "ctename", "subname", "indexcolname", "newschema":
					found[text] = true
				}
			}
			// A String is a part of a name, a constant is inside of A_Const as sval.
			if key == "String" {
				if s, is := x.(map[string]any); is {
					if text, is := s["sval"].(string); is {
						found[text] = true
					}
				}
				continue
			}
			names(x, found)
		}
	}
}

// holds says what of a plan's statements is not ours: identifiers other than those of views and their columns.
func parsePlan(t testing.TB, plan *ddl.Plan) {
	t.Helper()
	words := map[string]bool{}
	for _, form := range plan.Touched {
		words[form.View] = true
	}
	check := func(kind ddl.StepKind, sql string) {
		node, root := parse(t, sql)
		require.Contains(t, allowed[kind], node, sql)
		if node == "AlterTableStmt" && root["objtype"] == "OBJECT_VIEW" {
			require.Regexp(t, `^ALTER VIEW "form_views"\."(?:[^"]|"")+" OWNER TO CURRENT_USER$`, sql)
			return
		}
		if node == "AlterTableStmt" {
			for _, cmd := range root["cmds"].([]any) {
				subtype := cmd.(map[string]any)["AlterTableCmd"].(map[string]any)["subtype"]
				if subtype == nil {
					subtype = "AT_AddColumn" // the zero value
				}
				require.Contains(t, alterations, subtype, sql)
			}
		}
		if node == "IndexStmt" {
			require.Equal(t, kind == ddl.StepBuildIndex, root["concurrent"] == true, sql)
		}
		if node == "DropStmt" {
			require.Equal(t, kind == ddl.StepDropIndex, root["concurrent"] == true, sql)
			require.NotEqual(t, "DROP_CASCADE", root["behavior"], sql)
		}
		if node == "ViewStmt" || node == "RenameStmt" || root["removeType"] == "OBJECT_VIEW" {
			return // their names are people's: looked at by TestLabels
		}
		if node == "SelectStmt" && strings.Contains(sql, "pg_depend") {
			return // a look at the catalog: what is not of that are constants
		}
		found := map[string]bool{}
		names(root, found)
		for name := range found {
			lower := strings.ToLower(name)
			ours := physical.MatchString(name) || slices.Contains(ourWords, lower) || slices.Contains(functions, lower) || words[name] ||
				regexp.MustCompile(`^[^a-zA-Z]*$`).MatchString(name) || strings.HasPrefix(name, "d_") // operators; the primary key's index
			isBody := (node == "CreateFunctionStmt" || node == "DoStmt") && (strings.Contains(name, "BEGIN") || name == "as" || name == "language" || name == "plpgsql")
			require.True(t, ours || isBody, "%q is no name of ours in %s", name, sql)
		}
	}
	for _, step := range plan.Steps {
		for _, sql := range step.SQL {
			check(step.Kind, sql)
		}
		for _, sql := range step.Undo {
			check(ddl.StepTx, sql)
		}
		if step.Unfill != "" {
			check(ddl.StepTx, step.Unfill)
		}
	}
	for _, probe := range plan.Probes {
		check(ddl.StepProbe, probe.SQL)
	}
}

// evolve makes the registry that a plan leads to.
func evolve(registry *ddl.Registry, plan *ddl.Plan) *ddl.Registry {
	next := registry.Clone()
	next.Next = plan.Next
	next.Forms = slices.DeleteFunc(next.Forms, func(f *ddl.Form) bool {
		return slices.Contains(plan.Gone, f.Key) || slices.ContainsFunc(plan.Touched, func(x *ddl.Form) bool { return x.Key == f.Key })
	})
	next.Forms = append(next.Forms, plan.Touched...)
	slices.SortFunc(next.Forms, func(a, b *ddl.Form) int { return strings.Compare(a.Key, b.Key) })
	return next
}

// factsOf is the catalog of a database in which a registry is what it says, with tables of a size.
func factsOf(registry *ddl.Registry, bytes int64) ddl.Facts {
	facts := ddl.Facts{Now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), Tables: map[string]ddl.Table{}, Views: map[string]ddl.View{}}
	for _, form := range registry.Forms {
		schema := ddl.DataSchema
		if form.Dropped != nil {
			schema = ddl.TrashSchema
		} else {
			facts.Views[form.View] = ddl.View{Columns: form.ViewColumns()}
		}
		table := ddl.Table{Schema: schema, Rows: float64(bytes / 50), Bytes: bytes, Attributes: 3, Columns: map[string]ddl.Column{}}
		for _, field := range form.Fields {
			if field.Spec.Type == ddl.ManyToMany {
				facts.Tables[field.Column] = ddl.Table{Schema: schema, Columns: map[string]ddl.Column{}, Constraints: []string{field.Column + "_from_id_fkey", field.Column + "_to_id_fkey"}}
			}
			if field.Column == "" || field.Spec.Type == ddl.ManyToMany {
				continue
			}
			table.Attributes++
			table.Columns[field.Column] = ddl.Column{Type: field.Spec.ColumnType(), NotNull: field.Required && field.Dropped == nil}
			table.Constraints = append(table.Constraints, field.Constraint)
		}
		for _, index := range form.Indexes {
			table.Indexes = append(table.Indexes, index.Name)
		}
		facts.Tables[form.Table] = table
	}
	return facts
}

// TestPlansAreWhatTheySay parses all statements of the plans of every operation, on small tables and on large ones, back with PostgreSQL's
// grammar: each is one statement of the kind that it should be, and has no names but ours.
func TestPlansAreWhatTheySay(t *testing.T) {
	t.Parallel()
	for _, bytes := range []int64{1000, 10 << 20} {
		registry := &ddl.Registry{}
		parsed := 0
		for _, operations := range story {
			change, err := ddl.Decode([]byte(`{"operations": [` + operations + `]}`))
			require.NoError(t, err, operations)
			plan, err := ddl.Generate(change, registry, factsOf(registry, bytes))
			require.NoError(t, err, operations)
			again, err := ddl.Generate(change, registry, factsOf(registry, bytes))
			require.NoError(t, err)
			require.Equal(t, plan, again, "the same in gives the same out")
			parsePlan(t, plan)
			parsed += len(plan.Steps)
			registry = evolve(registry, plan)
			for _, sql := range registry.Script() {
				parse(t, sql)
			}
			if plan.Inverse != nil {
				back, err := ddl.Generate(*plan.Inverse, registry, factsOf(registry, bytes))
				require.NoError(t, err, "the inverse of %s", operations)
				parsePlan(t, back)
			}
		}
		t.Logf("%d steps of tables of %d bytes", parsed, bytes)
	}
}

// story is changes that can be made one after the other, with every operation among them.
var story = func() []string {
	list := []string{
		`{"op": "create_form", "form": "q", "label": "Teams"}, {"op": "create_form", "form": "p", "label": "Projects"}`,
	}
	n := 0
	for _, operation := range valid {
		if !strings.HasPrefix(operation, `{"op": "add_field"`) {
			continue
		}
		n++
		operation = strings.Replace(operation, `"field": "a"`, fmt.Sprintf(`"field": "f%d"`, n), 1)
		operation = strings.ReplaceAll(operation, "if(b > 1, 'x', 'y')", "if(f3 > 1, 'x', 'y')")
		list = append(list, strings.Replace(operation, `, "required": true`, "", 1))
	}
	return append(list,
		`{"op": "add_reference", "form": "p", "field": "team", "references": "q"}`, `{"op": "rebuild_form", "form": "q"}`,
		`{"op": "add_field", "form": "p", "field": "due", "type": "long_text", "default": "2026-11-27"}`,
		`{"op": "set_required", "form": "p", "field": "due", "value": "2026-11-27"}, {"op": "set_unique", "form": "p", "fields": ["f3"]}`,
		`{"op": "change_type", "form": "p", "field": "due", "type": "date"}`,
		`{"op": "change_type", "form": "p", "field": "f3", "type": "integer", "bits": 64}, {"op": "set_required", "form": "p", "field": "f3", "value": 1}`,
		`{"op": "revert_type", "form": "p", "field": "due"}`, `{"op": "rebuild_form", "form": "p"}`,
		`{"op": "set_default", "form": "p", "field": "due", "default": null}, {"op": "change_type", "form": "p", "field": "due", "type": "date_time", "on_error": "keep"}`,
		`{"op": "change_type", "form": "p", "field": "f4", "type": "decimal", "precision": 20, "scale": 0}`,
		`{"op": "set_default", "form": "p", "field": "f1", "default": null}, {"op": "change_type", "form": "p", "field": "f1", "type": "email", "on_error": "empty"}`,
		`{"op": "set_options", "form": "p", "field": "f13", "options": [{"key": "y"}, {"key": "z"}]}`,
		`{"op": "add_index", "form": "p", "fields": ["f3", "f7"]}, {"op": "add_index", "form": "p", "fields": ["f17"]}`,
		`{"op": "drop_index", "form": "p", "fields": ["f3", "f7"]}, {"op": "drop_unique", "form": "p", "fields": ["f3"]}, {"op": "set_optional", "form": "p", "field": "f3"}`,
		`{"op": "set_default", "form": "p", "field": "f3", "default": 5}`, `{"op": "set_default", "form": "p", "field": "f3", "default": null}`,
		`{"op": "rename_field", "form": "p", "field": "f7", "label": "Due"}, {"op": "rename_form", "form": "p", "label": "Teams"}, {"op": "rename_form", "form": "q", "label": "Projects"}`,
		`{"op": "drop_field", "form": "p", "field": "f7"}`, `{"op": "restore_field", "form": "p", "field": "f7"}`,
		`{"op": "drop_field", "form": "p", "field": "f7"}`, `{"op": "purge", "form": "p", "field": "f7", "early": true}, {"op": "purge", "form": "p", "field": "due", "early": true}`,
		`{"op": "drop_form", "form": "p"}`, `{"op": "restore_form", "form": "p"}`, `{"op": "drop_form", "form": "p"}`, `{"op": "purge", "form": "p", "early": true}`,
	)
}()
