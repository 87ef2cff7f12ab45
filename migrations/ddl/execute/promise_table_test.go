package execute_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/avenit/tenantry/migrations/ddl"
)

// What the server refuses rows with.
const (
	tooLong     = "22001"
	tooLarge    = "54000" // for an index
	notNull     = "23502"
	foreignKey  = "23503"
	unique      = "23505"
	check       = "23514"
	noTable     = "42P01"
	outOfRange  = "22003"
	badText     = "22P02"
	badDate     = "22007"
	badDateTime = "22008"
)

// promises are the rows of the table.
var promises = slices.Concat(newFields(), fieldPromises, conversionPromises(), formPromises)

func always(value string) func(row) *string { return func(row) *string { return &value } }

func nothing(row) *string { return nil }

func isNothing(key string) func(row) bool { return func(r row) bool { return r(key) == nil } }

func everyRow(row) bool { return true }

func addsX(before []string) []string { return append(before, "x") }

func without(key string) func([]string) []string {
	return func(before []string) []string {
		return slices.DeleteFunc(before, func(column string) bool { return column == key })
	}
}

// field makes a look at a field in the registry.
func field(key string, right func(f *ddl.Field) bool) func(*ddl.Registry) bool {
	return func(r *ddl.Registry) bool {
		f := r.Form("p").Field(key)
		return f != nil && right(f)
	}
}

// newFields are add_field with each type.
func newFields() []promise {
	list := []promise{}
	add := func(name, spec, is string, more promise) {
		p := more
		p.name = "add_field " + name
		p.change = fmt.Sprintf(`{"op": "add_field", "form": "p", "field": "x", %s}`, spec)
		p.field, p.is, p.columns = "x", is, addsX
		if p.after == nil {
			p.after = nothing
		}
		p.registry = field("x", func(f *ddl.Field) bool {
			return strings.Contains(spec, `"type": "`+string(f.Spec.Type)+`"`) && f.Position == 25
		})
		list = append(list, p)
	}
	x := func(expression, state, want string) try {
		return try{set: map[string]string{"x": expression}, state: state, want: want}
	}
	options := `"options": [{"key": "k1"}, {"key": "k2", "label": "K 2"}]`
	// Of each type: nothing in the rows that are there, then values that it takes, and values that it refuses.
	add("short_text", `"type": "short_text"`, "text", promise{tries: []try{x("-", "", "-"), x("repeat('é', 255)", "", strings.Repeat("é", 255)), x("repeat('é', 256)", check, "")}})
	add("long_text", `"type": "long_text"`, "text", promise{tries: []try{x("repeat('a', 1000)", "", strings.Repeat("a", 1000))}})
	add("long_text with a length", `"type": "long_text", "max_length": 5`, "text", promise{tries: []try{x("'12345'", "", "12345"), x("'123456'", check, "")}})
	add("email", `"type": "email"`, "text", promise{tries: []try{x("'a@b.c'", "", "a@b.c"), x("'nobody'", check, "")}})
	add("url", `"type": "url"`, "text", promise{tries: []try{x("'https://a.b'", "", "https://a.b"), x("'nowhere'", check, "")}})
	add("phone", `"type": "phone"`, "text", promise{tries: []try{x("'+49 (30) 1-2'", "", "+49 (30) 1-2"), x("'nobody'", check, "")}})
	add("integer", `"type": "integer"`, "bigint", promise{tries: []try{x("9223372036854775807", "", "9223372036854775807"), x("9223372036854775808", outOfRange, ""), x("'a'", badText, "")}})
	add("integer of 32 bits", `"type": "integer", "bits": 32`, "integer", promise{tries: []try{x("2147483647", "", "2147483647"), x("2147483648", outOfRange, "")}})
	add("decimal", `"type": "decimal", "precision": 5, "scale": 2`, "numeric(5,2)", promise{tries: []try{x("999.99", "", "999.99"), x("1000", outOfRange, "")}})
	add("money", `"type": "money", "currency": "EUR"`, "numeric(19,4)", promise{tries: []try{x("1.2345", "", "1.2345"), x("1e15", outOfRange, "")}})
	add("boolean", `"type": "boolean"`, "boolean", promise{tries: []try{x("true", "", "true"), x("'perhaps'", badText, "")}})
	add("date", `"type": "date"`, "date", promise{tries: []try{x("'2026-11-27'", "", "2026-11-27"), x("'2026-02-30'", badDateTime, ""), x("'soon'", badDate, "")}})
	add("date_time", `"type": "date_time"`, "timestamp with time zone", promise{tries: []try{x("'2026-11-27T10:00:00+01:00'", "", "2026-11-27 09:00:00+00")}})
	add("time", `"type": "time"`, "time without time zone", promise{tries: []try{x("'07:30'", "", "07:30:00"), x("'25:00'", badDateTime, "")}})
	add("select", `"type": "select", `+options, "text", promise{tries: []try{x("'k1'", "", "k1"), x("'K 2'", check, "")}})
	add("multi_select", `"type": "multi_select", `+options, "text[]", promise{tries: []try{x("'{k2,k1}'", "", "{k2,k1}"), x("'{k1,k3}'", check, "")}})
	add("reference", `"type": "reference", "references": "q"`, "bigint", promise{tries: []try{x("1", "", "1"), x("999", foreignKey, "")}})
	add("file", `"type": "file"`, "text", promise{tries: []try{x("'a/b.pdf'", "", "a/b.pdf"), x("repeat('a', 1025)", check, "")}})
	add("json", `"type": "json"`, "jsonb", promise{tries: []try{x(`'{"a": [1]}'`, "", `{"a": [1]}`), x("'{'", badText, "")}})
	add("many_to_many", `"type": "many_to_many", "references": "q"`, "", promise{})
	add("formula", `"type": "formula", "expression": "if(is_empty(amount), 'none', 'n ' & n)"`, "", promise{after: func(r row) *string {
		if r("amount") == nil {
			return new("none")
		}
		return new("n " + *r("n"))
	}})

	// Defaults: of the rows that are there, and of those that name none.
	defaults := func(name, spec, is, value string, more promise) {
		more.after = always(value)
		more.tries = append(more.tries, x("-", "", value), x("NULL", map[bool]string{true: notNull}[strings.Contains(spec, "required")], "-"))
		add(name, spec, is, more)
	}
	defaults("short_text with all", `"type": "short_text", "default": "it's", "required": true, "index": true`, "text", "it's", promise{probable: true})
	defaults("integer with default", `"type": "integer", "default": "-7", "index": true`, "bigint", "-7", promise{})
	defaults("decimal with default, required", `"type": "decimal", "precision": 6, "scale": 3, "default": "0.10", "required": true`, "numeric(6,3)", "0.100", promise{})
	defaults("boolean with default, required", `"type": "boolean", "default": false, "required": true`, "boolean", "false", promise{})
	defaults("date_time with default", `"type": "date_time", "default": "2026-11-27T10:00:00+01:00"`, "timestamp with time zone", "2026-11-27 09:00:00+00", promise{})
	defaults("select with default, required, index", `"type": "select", `+options+`, "default": "k2", "required": true, "index": true`, "text", "k2", promise{})
	defaults("multi_select with default, index", `"type": "multi_select", `+options+`, "default": ["k2", "k1"], "index": true`, "text[]", "{k2,k1}", promise{})
	defaults("json with default", `"type": "json", "default": {"a": [null]}, "index": true`, "jsonb", `{"a": [null]}`, promise{})
	defaults("time with default, required", `"type": "time", "default": "07:30", "required": true`, "time without time zone", "07:30:00", promise{})

	add("required without default", `"type": "short_text", "required": true`, "text", promise{
		inTheWay: everyRow, path: "operations[0].required", message: "would have no value", tries: []try{x("-", notNull, ""), x("'a'", "", "a")},
		bad: map[string]*string{}, states: []string{notNull}, breaks: []string{notNull},
	})
	add("unique", `"type": "short_text", "unique": true`, "text", promise{tries: []try{x("'a'", "", "a"), x("'a'", unique, ""), x("-", "", "-"), x("-", "", "-")}})
	add("unique with default", `"type": "short_text", "unique": true, "default": "a"`, "text", promise{
		after: always("a"), alike: func(row) (string, bool) { return "a", true }, path: "operations[0].unique", message: "would have the same value",
		tries: []try{x("'b'", "", "b"), x("'b'", unique, "")}, bad: map[string]*string{}, states: []string{unique}, breaks: []string{unique},
	})

	reference := func(name, more string, p promise) {
		p.name = "add_reference " + name
		p.change = fmt.Sprintf(`{"op": "add_reference", "form": "p", "field": "x", "references": "q"%s}`, more)
		p.field, p.columns, p.after = "x", addsX, nothing
		list = append(list, p)
	}
	reference("to one", "", promise{is: "bigint", tries: []try{x("1", "", "1"), x("999", foreignKey, ""), x("-", "", "-")}, probable: true})
	reference("to one, emptied", `, "on_delete": "set_null"`, promise{is: "bigint", tries: []try{x("1", "", "1"), x("999", foreignKey, "")}})
	reference("to one, required", `, "required": true`, promise{
		is: "bigint", inTheWay: everyRow, path: "operations[0].required", message: "would have no value", tries: []try{x("1", "", "1"), x("-", notNull, "")},
		bad: map[string]*string{}, states: []string{notNull}, breaks: []string{notNull},
	})
	list = append(list, promise{
		name: "add_field reference with a default that is no row", change: `{"op": "add_field", "form": "p", "field": "x", "type": "reference", "references": "q", "default": 999}`,
		field: "x", columns: addsX, after: always("999"), always: true, path: "operations[0].default", message: "form q has no row 999",
	})
	reference("to many", `, "many": true`, promise{})
	return list
}

// fieldPromises are about fields that are there.
var fieldPromises = []promise{
	{
		name: "set_required", change: `{"op": "set_required", "form": "p", "field": "title"}`, field: "title", is: "text",
		inTheWay: isNothing("title"), path: "operations[0].value", message: "no value", registry: field("title", func(f *ddl.Field) bool { return f.Required }),
		tries: []try{{set: map[string]string{"title": "NULL"}, state: notNull}, {set: map[string]string{"title": "'a'"}, want: "a"}},
		bad:   map[string]*string{"title": nil}, states: []string{notNull, check}, probable: true,
	},
	{
		name: "set_required with value", change: `{"op": "set_required", "form": "p", "field": "title", "value": "it's new"}`, field: "title", is: "text",
		after: func(r row) *string {
			if r("title") == nil {
				return new("it's new")
			}
			return r("title")
		},
		registry: field("title", func(f *ddl.Field) bool { return f.Required && f.Default == nil }),
		tries:    []try{{set: map[string]string{"title": "NULL"}, state: notNull}, {set: map[string]string{"title": "-"}, state: notNull}},
		bad:      map[string]*string{"title": nil}, states: []string{notNull, check}, probable: true,
	},
	{
		name: "set_required of a unique field with value", field: "code",
		change: `{"op": "set_required", "form": "p", "field": "code", "value": "x"}`, registry: field("code", func(f *ddl.Field) bool { return f.Required }),
		alike: func(r row) (string, bool) { return "x", r("code") == nil }, path: "operations[0].value",
	},
	{
		name: "set_required of a reference, to no row", change: `{"op": "set_required", "form": "p", "field": "ref", "value": 999}`, field: "ref", is: "bigint",
		always: true, path: "operations[0].value", message: "form q has no row 999",
	},
	{
		name: "set_optional", change: `{"op": "set_optional", "form": "p", "field": "req"}`, field: "req", is: "text", registry: field("req", func(f *ddl.Field) bool { return !f.Required }),
		tries: []try{{set: map[string]string{"req": "NULL"}, want: "-"}, {set: map[string]string{"req": "-"}, want: "7"}},
	},
	{
		name: "set_default", change: `{"op": "set_default", "form": "p", "field": "amount", "default": "9.5"}`, field: "amount", is: "numeric(12,2)",
		registry: field("amount", func(f *ddl.Field) bool { return string(f.Default) == `"9.5"` }),
		tries:    []try{{set: map[string]string{"amount": "-"}, want: "9.50"}, {set: map[string]string{"amount": "NULL"}, want: "-"}},
	},
	{
		name: "set_default to none", change: `{"op": "set_default", "form": "p", "field": "req", "default": null}`, field: "req", is: "text",
		registry: field("req", func(f *ddl.Field) bool { return f.Default == nil && f.Required }), tries: []try{{set: map[string]string{"req": "-"}, state: notNull}},
	},
	{
		name: "set_options without one that rows have", change: `{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "b", "label": "B"}, {"key": "a"}, {"key": "d"}]}`,
		field: "state", is: "text", inTheWay: func(r row) bool { return r("state") != nil && *r("state") == "c" }, path: "operations[0].options", message: "an option that goes: c",
		registry: field("state", func(f *ddl.Field) bool { return len(f.Spec.Options) == 3 && f.Spec.Options[0].Label == "B" }),
		tries:    []try{{set: map[string]string{"state": "'c'"}, state: check}, {set: map[string]string{"state": "'d'"}, want: "d"}},
		bad:      map[string]*string{"state": new("c")}, states: []string{check}, probable: true,
	},
	{
		name: "set_options without one that no row has", change: `{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "c"}, {"key": "b"}, {"key": "a"}]}`,
		field: "state", is: "text", registry: field("state", func(f *ddl.Field) bool { return len(f.Spec.Options) == 3 }),
		tries: []try{{set: map[string]string{"state": "'d'"}, state: check}, {set: map[string]string{"state": "'c'"}, want: "c"}},
		bad:   map[string]*string{"state": new("d")}, states: []string{check},
	},
	{
		name:   "set_options with more",
		change: `{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "a"}, {"key": "b"}, {"key": "c"}, {"key": "d"}, {"key": "e"}]}`, field: "state", is: "text",
		registry: field("state", func(f *ddl.Field) bool { return len(f.Spec.Options) == 5 }),
		tries:    []try{{set: map[string]string{"state": "'e'"}, want: "e"}, {set: map[string]string{"state": "'f'"}, state: check}},
	},
	{
		name: "set_options of a multi_select, without one that rows have", change: `{"op": "set_options", "form": "p", "field": "tags", "options": [{"key": "x"}, {"key": "y"}]}`,
		field: "tags", is: "text[]", inTheWay: func(r row) bool { return r("tags") != nil && strings.Contains(*r("tags"), "z") }, path: "operations[0].options", message: "an option that goes: z",
		tries: []try{{set: map[string]string{"tags": "'{x,z}'"}, state: check}, {set: map[string]string{"tags": "'{}'"}, want: "{}"}},
		bad:   map[string]*string{"tags": new("{z}")}, states: []string{check},
	},
	{
		name: "set_unique", change: `{"op": "set_unique", "form": "p", "fields": ["dup"]}`, field: "dup", is: "text",
		alike: func(r row) (string, bool) { return text(r("dup")), r("dup") != nil }, path: "operations[0].fields", message: "a value that another row has",
		registry: func(r *ddl.Registry) bool { return r.Form("p").Index([]string{"dup"}, true) != nil },
		tries:    []try{{set: map[string]string{"dup": "'a'"}, want: "a"}, {set: map[string]string{"dup": "'a'"}, state: unique}, {set: map[string]string{"dup": "NULL"}, want: "-"}, {set: map[string]string{"dup": "NULL"}, want: "-"}},
		bad:      map[string]*string{"dup": new("rude")}, states: []string{unique}, probable: true,
	},
	{
		name: "set_unique over two fields", change: `{"op": "set_unique", "form": "p", "fields": ["dup", "pair"]}`, field: "dup", is: "text",
		alike: func(r row) (string, bool) {
			return text(r("dup")) + "\x00" + text(r("pair")), r("dup") != nil && r("pair") != nil
		},
		path: "operations[0].fields", message: "a value that another row has", registry: func(r *ddl.Registry) bool { return r.Form("p").Index([]string{"dup", "pair"}, true) != nil },
		tries: []try{
			{set: map[string]string{"dup": "'a'", "pair": "1"}, want: "a"},
			{set: map[string]string{"dup": "'a'", "pair": "2"}, want: "a"},
			{set: map[string]string{"dup": "'a'", "pair": "1"}, state: unique},
			{set: map[string]string{"dup": "NULL", "pair": "1"}, want: "-"},
			{set: map[string]string{"dup": "NULL", "pair": "1"}, want: "-"},
		},
		bad: map[string]*string{"dup": new("rude"), "pair": new("1")}, states: []string{unique},
	},
	{
		name: "set_unique and set_required at once", change: `{"op": "set_required", "form": "p", "field": "n"}, {"op": "set_unique", "form": "p", "fields": ["n"]}`, field: "n", is: "bigint",
		registry: func(r *ddl.Registry) bool {
			return r.Form("p").Index([]string{"n"}, true) != nil && r.Form("p").Field("n").Required
		},
		tries: []try{{set: map[string]string{"n": "5000000"}, want: "5000000"}, {set: map[string]string{"n": "5000000"}, state: unique}, {set: map[string]string{"n": "NULL"}, state: notNull}},
	},
	{
		name: "drop_unique", change: `{"op": "drop_unique", "form": "p", "fields": ["code"]}`, field: "code", is: "text",
		registry: func(r *ddl.Registry) bool { return r.Form("p").Index([]string{"code"}, true) == nil },
		tries:    []try{{set: map[string]string{"code": "'a'"}, want: "a"}, {set: map[string]string{"code": "'a'"}, want: "a"}},
	},
	{
		name: "add_index", change: `{"op": "add_index", "form": "p", "fields": ["state", "n"]}`,
		registry: func(r *ddl.Registry) bool { return r.Form("p").Index([]string{"state", "n"}, false) != nil },
	},
	{
		name: "add_index of a multi_select and a json", change: `{"op": "add_index", "form": "p", "fields": ["tags"]}, {"op": "add_index", "form": "p", "fields": ["doc"]}`,
		registry: func(r *ddl.Registry) bool {
			return r.Form("p").Index([]string{"tags"}, false) != nil && r.Form("p").Index([]string{"doc"}, false) != nil
		},
	},
	{
		// The plan tells: "values of x that have more than about 2688 bytes together cannot be saved".
		name: "add_index of a text of the greatest length", field: "x", columns: addsX, after: nothing,
		change: `{"op": "add_field", "form": "p", "field": "x", "type": "short_text", "max_length": 1000, "index": true}`,
		tries:  []try{{set: map[string]string{"x": incompressible(1000)}, state: tooLarge}, {set: map[string]string{"x": incompressible(600)}, want: wide(600)}},
	},
	{
		name: "set_unique of a text of the greatest length", field: "x", columns: addsX, after: nothing,
		change: `{"op": "add_field", "form": "p", "field": "x", "type": "url", "unique": true}`, tries: []try{{set: map[string]string{"x": "'a:' || " + incompressible(2000)}, state: tooLarge}},
	},
	{
		name: "drop_index", change: `{"op": "drop_index", "form": "p", "fields": ["idx"]}`, field: "idx", is: "integer",
		registry: func(r *ddl.Registry) bool { return r.Form("p").Index([]string{"idx"}, false) == nil },
	},
	{
		name: "rename_field", change: `{"op": "rename_field", "form": "p", "field": "title", "label": "Ünï \"x\""}`, field: "title", is: "text",
		registry: field("title", func(f *ddl.Field) bool { return f.Label == `Ünï "x"` }),
		columns: func(before []string) []string {
			before[slices.Index(before, "title")] = `Ünï "x"`
			return before
		},
	},
	{
		name: "drop_field", change: `{"op": "drop_field", "form": "p", "field": "title"}`, field: "title", columns: without("title"),
		registry: field("title", func(f *ddl.Field) bool { return f.Dropped != nil && f.PurgeAfter.Sub(*f.Dropped) == 30*24*time.Hour }),
	},
	{
		name: "drop_field that is required and has a default", change: `{"op": "drop_field", "form": "p", "field": "req"}`, field: "req", columns: without("req"),
		registry: field("req", func(f *ddl.Field) bool { return f.Dropped != nil }), tries: []try{{want: "-"}},
	},
	{
		name: "drop_field that is unique", change: `{"op": "drop_field", "form": "p", "field": "code"}`, field: "code", columns: without("code"), tries: []try{{want: "-"}},
	},
	{
		name: "drop_field that a formula reads", change: `{"op": "drop_field", "form": "p", "field": "amount"}`, always: true, path: "operations[0].field", message: "formula total reads field amount",
	},
	{
		name: "drop_field of a formula", change: `{"op": "drop_field", "form": "p", "field": "total"}`, columns: without("total"),
	},
	{
		name: "drop_field of a reference", change: `{"op": "drop_field", "form": "p", "field": "ref"}`, field: "ref", columns: without("ref"), tries: []try{{want: "-"}},
	},
	{
		name: "restore_field", change: `{"op": "restore_field", "form": "p", "field": "hidden"}`, field: "hidden", is: "text", registry: field("hidden", func(f *ddl.Field) bool { return f.Dropped == nil && string(f.Default) == `"h"` }),
		columns: func(before []string) []string {
			return slices.Insert(before, slices.Index(before, "turned"), "hidden")
		},
		tries: []try{{want: "h"}}, later: new("h"),
	},
	{
		name: "purge of a field", change: `{"op": "purge", "form": "p", "field": "hidden", "early": true}`,
		registry: func(r *ddl.Registry) bool { return r.Form("p").Field("hidden") == nil && len(r.Form("p").Indexes) == 3 },
	},
	{
		name: "purge of a field before its time", change: `{"op": "purge", "form": "p", "field": "hidden"}`, always: true, path: "operations[0].field", message: "field hidden can be restored until",
	},
	{
		name: "purge of a former column", change: `{"op": "purge", "form": "p", "field": "turned", "early": true}`, field: "turned", is: "date",
		registry: field("turned", func(f *ddl.Field) bool { return len(f.Former) == 0 }), tries: []try{{set: map[string]string{"turned": "'2026-11-27'"}, want: "2026-11-27"}},
	},
	{
		name: "revert_type", change: `{"op": "revert_type", "form": "p", "field": "turned"}`, field: "turned", is: "text", registry: field("turned", func(f *ddl.Field) bool { return f.Spec.Type == ddl.LongText && len(f.Former) == 1 }),
		tries: []try{{set: map[string]string{"turned": "'soon'"}, want: "soon"}},
	},
}

// formPromises are about forms as wholes.
var formPromises = []promise{
	{
		name: "create_form", change: `{"op": "create_form", "form": "r", "label": "R"}, {"op": "add_field", "form": "r", "field": "x", "type": "integer", "default": 7, "required": true, "unique": true}`,
		form: "r", field: "x", registry: func(r *ddl.Registry) bool { return r.Form("r").Version == 1 && r.Form("r").View == "R" }, columns: addsX,
		tries: []try{{want: "7"}, {state: unique}, {set: map[string]string{"x": "NULL"}, state: notNull}},
	},
	{name: "create_form that is there", change: `{"op": "create_form", "form": "p"}`, always: true, path: "operations[0].form", message: "already"},
	{
		name: "rename_form", change: `{"op": "rename_form", "form": "p", "label": "Pröjects"}`, registry: func(r *ddl.Registry) bool { return r.Form("p").View == "Pröjects" && r.Form("p").Label == "Pröjects" },
		breaks: []string{noTable},
	},
	{
		name: "drop_form", change: `{"op": "drop_form", "form": "p"}`, registry: func(r *ddl.Registry) bool { return r.Form("p").Dropped != nil && r.Form("p").View == "" },
		breaks: []string{noTable},
	},
	{name: "drop_form that others refer to", change: `{"op": "drop_form", "form": "q"}`, form: "q", always: true, path: "operations[0].form", message: "of form p refers to form q"},
	{
		name: "restore_form", change: `{"op": "restore_form", "form": "gone"}`, form: "gone", field: "a", registry: func(r *ddl.Registry) bool { return r.Form("gone").Dropped == nil && r.Form("gone").View == "gone" },
		tries: []try{{set: map[string]string{"a": "'b'"}, want: "b"}},
	},
	{
		name: "rebuild_form", change: `{"op": "rebuild_form", "form": "p"}`, field: "asint", is: "text", tries: []try{{set: map[string]string{"asint": "'7'"}, want: "7"}},
		registry: func(r *ddl.Registry) bool { return len(r.Form("p").Fields) == 24 && r.Form("p").View == "p" }, probable: true,
	},
	{
		name: "rebuild_form that others refer to", change: `{"op": "rebuild_form", "form": "q"}`, form: "q", probable: true,
		registry: func(r *ddl.Registry) bool { return r.Form("q").Dropped == nil && r.Form("q").View == "q" },
	},
	{name: "rebuild_form that is dropped", change: `{"op": "rebuild_form", "form": "gone"}`, form: "gone", always: true, path: "operations[0].form", message: "is dropped"},
	{name: "purge of a form", change: `{"op": "purge", "form": "gone", "early": true}`, form: "gone", registry: func(r *ddl.Registry) bool { return r.Form("gone") == nil }},
	{name: "purge of a form that is not dropped", change: `{"op": "purge", "form": "p", "early": true}`, always: true, path: "operations[0].form", message: "is not dropped"},
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

// wide is a text that PostgreSQL cannot compress; incompressible is SQL for it.
func wide(characters int) string {
	runes := make([]rune, characters)
	for i, x := 0, uint32(1); i < characters; i++ {
		x = x*1664525 + 1013904223
		runes[i] = rune(0x4e00 + x>>8%20000)
	}
	return string(runes)
}

func incompressible(characters int) string { return literal(wide(characters)) }

var (
	isInteger = regexp.MustCompile(`^[+-]?[0-9]+$`)
	isDate    = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

// conversion is how values become others, by Go; false for one that has no counterpart.
type conversion func(value string) (string, bool)

func toInteger(value string) (string, bool) {
	trimmed := strings.TrimSpace(value)
	if !isInteger.MatchString(trimmed) {
		return "", false
	}
	n, err := strconv.ParseInt(trimmed, 10, 64)
	return strconv.FormatInt(n, 10), err == nil
}

func toInteger32(value string) (string, bool) {
	n, err := strconv.ParseInt(value, 10, 32)
	return strconv.FormatInt(n, 10), err == nil
}

func wholeNumber(value string) (string, bool) { return strings.CutSuffix(value, ".00") }

func asDate(value string) (string, bool) { return value, isDate.MatchString(value) }

func same(value string) (string, bool) { return value, true }

// conversionPromises are change_type of pairs of types, with all that may become of rows that cannot be converted.
func conversionPromises() []promise {
	var list []promise
	add := func(field_, spec, is, onError string, by conversion, more promise) {
		p := more
		p.name = fmt.Sprintf("change_type of %s to %s, %s", field_, strings.ReplaceAll(strings.ReplaceAll(spec, `"type": `, ""), `"`, ""), onError)
		p.change = fmt.Sprintf(`{"op": "change_type", "form": "p", "field": %q, %s, "on_error": %q}`, field_, spec, onError)
		p.field, p.is = field_, is
		p.after = func(r row) *string {
			value := r(field_)
			if value == nil {
				return nil
			}
			if converted, is := by(*value); is {
				return &converted
			}
			return nil
		}
		if onError == "stop" || field_ == "req" {
			p.path, p.message = "operations[0].type", "cannot become a"
			p.inTheWay = func(r row) bool {
				if r(field_) == nil {
					return false
				}
				_, is := by(*r(field_))
				return !is
			}
		}
		p.registry = field(field_, func(f *ddl.Field) bool { return strings.Contains(spec, `"type": "`+string(f.Spec.Type)+`"`) })
		list = append(list, p)
	}
	tries := func(key, good, want, bad, state string) []try {
		list := []try{{set: map[string]string{key: good}, want: want}}
		if bad != "" {
			list = append(list, try{set: map[string]string{key: bad}, state: state})
		}
		return list
	}
	for _, onError := range []string{"stop", "empty", "keep"} {
		add("asint", `"type": "integer"`, "bigint", onError, toInteger, promise{
			tries: tries("asint", "12", "12", "'a'", badText), bad: map[string]*string{"asint": new("rude")}, probable: onError == "stop",
		})
	}
	for _, onError := range []string{"stop", "empty"} {
		add("asdate", `"type": "date"`, "date", onError, asDate, promise{tries: tries("asdate", "'2026-11-27'", "2026-11-27", "'soon'", badDate), bad: map[string]*string{"asdate": new("soon")}})
		add("amount", `"type": "integer"`, "bigint", onError, wholeNumber, promise{tries: tries("amount", "5", "5", "'a'", badText), bad: map[string]*string{"amount": new("1.50")}})
		add("mail", `"type": "email"`, "text", onError, func(v string) (string, bool) { return v, strings.Contains(v, "@") }, promise{
			tries: tries("mail", "'a@b'", "a@b", "'nobody'", check), bad: map[string]*string{"mail": new("rude")}, states: []string{check},
		})
		add("asint", `"type": "short_text", "max_length": 6`, "text", onError, func(v string) (string, bool) { return v, len(v) <= 6 }, promise{
			tries: tries("asint", "'123456'", "123456", "'1234567'", check), bad: map[string]*string{"asint": new("much too long")}, states: []string{check},
		})
		add("req", `"type": "integer"`, "bigint", onError, toInteger, promise{
			tries: append(tries("req", "5", "5", "NULL", notNull), try{set: map[string]string{"req": "-"}, want: "7"}), bad: map[string]*string{"req": new("rude")}, states: []string{notNull, check},
		})
		add("code", `"type": "integer"`, "bigint", onError, toInteger, promise{
			alike: func(r row) (string, bool) { return toInteger(text(r("code"))) }, path: "operations[0].type",
			tries: append(tries("code", "5000000", "5000000", "5000000", unique), try{set: map[string]string{"code": "NULL"}, want: "-"}),
		})
		add("born", `"type": "long_text"`, "text", onError, asDate, promise{tries: tries("born", "'soon'", "soon", "", "")})
		add("state", `"type": "multi_select", "options": [{"key": "a"}, {"key": "b"}]`, "text[]", onError, func(v string) (string, bool) { return "{" + v + "}", v == "a" || v == "b" }, promise{
			tries: tries("state", "'{a,b}'", "{a,b}", "'{c}'", check),
		})
	}
	add("amount", `"type": "decimal", "precision": 14, "scale": 2`, "numeric(14,2)", "stop", same, promise{tries: tries("amount", "999999999999.99", "999999999999.99", "1000000000000", outOfRange), probable: true})
	add("amount", `"type": "decimal", "precision": 14, "scale": 3`, "numeric(14,3)", "stop", func(v string) (string, bool) { return v + "0", true }, promise{tries: tries("amount", "1.001", "1.001", "", "")})
	add("amount", `"type": "money", "currency": "EUR"`, "numeric(19,4)", "stop", func(v string) (string, bool) { return v + "00", true }, promise{tries: tries("amount", "1.0001", "1.0001", "", "")})
	add("born", `"type": "date_time"`, "timestamp with time zone", "stop", func(v string) (string, bool) {
		if day, bc := strings.CutSuffix(v, " BC"); bc {
			return day + " 00:00:00+00 BC", true
		}
		if v == "infinity" {
			return v, true
		}
		return v + " 00:00:00+00", len(v) == len("2026-11-27") // PostgreSQL has dates that are later than all of its times
	}, promise{tries: tries("born", "'2026-11-27T10:00:00Z'", "2026-11-27 10:00:00+00", "", "")})
	add("seen", `"type": "date"`, "date", "stop", func(v string) (string, bool) { return v[:10], true }, promise{tries: tries("seen", "'2026-11-27'", "2026-11-27", "", "")})
	add("seen", `"type": "long_text"`, "text", "stop", func(v string) (string, bool) { return v[:10] + "T10:00:00.000000Z", true }, promise{tries: tries("seen", "'soon'", "soon", "", "")})
	add("flag", `"type": "integer"`, "bigint", "stop", func(v string) (string, bool) { return map[string]string{"true": "1", "false": "0"}[v], true }, promise{tries: tries("flag", "5", "5", "", "")})
	add("n", `"type": "long_text"`, "text", "stop", same, promise{tries: tries("n", "'many'", "many", "", "")})
	add("idx", `"type": "integer", "bits": 64`, "bigint", "stop", same, promise{tries: tries("idx", "9223372036854775807", "9223372036854775807", "", "")})
	add("n", `"type": "integer", "bits": 32`, "integer", "stop", toInteger32, promise{tries: tries("n", "2147483647", "2147483647", "2147483648", outOfRange)})
	add("tags", `"type": "long_text"`, "text", "stop", func(v string) (string, bool) {
		return strings.ReplaceAll(strings.Trim(v, "{}"), ",", ", "), true
	}, promise{tries: tries("tags", "'what'", "what", "", "")})
	add("doc", `"type": "long_text"`, "text", "stop", same, promise{tries: tries("doc", "'what'", "what", "", "")})
	add("opt", `"type": "integer"`, "bigint", "stop", toInteger, promise{tries: append(tries("opt", "5", "5", "", ""), try{set: map[string]string{"opt": "-"}, want: "5"}, try{set: map[string]string{"opt": "NULL"}, want: "-"})})
	list = append(list, promise{
		name: "change_type of what a formula reads", change: `{"op": "change_type", "form": "p", "field": "amount", "type": "long_text"}`, always: true, path: "operations[0]", message: "formula total",
	}, promise{
		name: "change_type of a text to json", change: `{"op": "change_type", "form": "p", "field": "note", "type": "json"}`, always: true, path: "operations[0].type", message: "cannot become a json",
	}, promise{
		name: "change_type of a reference", change: `{"op": "change_type", "form": "p", "field": "ref", "type": "integer"}`, always: true, path: "operations[0].type", message: "a reference cannot become a integer",
	}, promise{
		name: "change_type to what it is", change: `{"op": "change_type", "form": "p", "field": "n", "type": "integer"}`, always: true, path: "operations[0].type", message: "is so already",
	})
	return list
}
