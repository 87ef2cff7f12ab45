package ddl

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// object is a part of a JSON Schema.
type object = map[string]any

// SchemaID names the published JSON Schema.
const SchemaID = "https://github.com/avenit/tenantry/blob/main/docs/change.schema.json"

// Schema is the JSON Schema (draft 2020-12) of a change set, as [Decode] reads it. What depends on the form (is there such a field?), or on the
// value of another property (does the default fit the type?), only Decode and a plan can tell.
func Schema() []byte {
	definitions := object{"key": keySchema(), "label": labelSchema(), "options": optionsSchema()}
	list := make([]any, 0, len(newOperation))
	for _, empty := range newOperation {
		op := empty()
		definitions[op.Op()] = operationSchema(op)
		list = append(list, object{"$ref": "#/$defs/" + op.Op()})
	}
	schema := object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         SchemaID,
		"title":       "A change of a tenant's forms",
		"description": "What the no-code builder asks for at once: all of it is made, or nothing. See docs/forms.md.",
		"type":        "object",
		"properties": object{
			"$schema": object{"type": "string"},
			"versions": object{
				"description":          "Which version of a form its author saw, by the form's key: the change is refused when the form has another one by then.",
				"type":                 "object",
				"propertyNames":        object{"$ref": "#/$defs/key"},
				"additionalProperties": object{"type": "integer", "minimum": 0},
			},
			"operations": object{
				"description": "In the order in which they take effect.",
				"type":        "array", "minItems": 1, "maxItems": MostOperations,
				"items": object{"oneOf": list},
			},
		},
		"required":             []string{"operations"},
		"additionalProperties": false,
		"$defs":                definitions,
	}
	encoded, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic("ddl: the schema is made of maps and texts: " + err.Error())
	}
	return append(encoded, '\n')
}

func keySchema() object {
	return object{"description": "The builder's stable key; what people read is the label.", "type": "string", "pattern": keyPattern.String()}
}

func labelSchema() object {
	return object{"description": "What people read: any text without a NUL, up to 10,000 bytes. Defaults to the key.", "type": "string", "maxLength": MostLabelBytes}
}

func optionsSchema() object {
	return object{
		"description": "The choices of a select, in their order.",
		"type":        "array", "minItems": 1, "maxItems": MostOptions,
		"items": object{
			"type": "object",
			"properties": object{
				"key":   object{"description": "What rows keep.", "type": "string", "pattern": optionPattern.String()},
				"label": object{"$ref": "#/$defs/label"},
			},
			"required": []string{"key"}, "additionalProperties": false,
		},
	}
}

// about says what each operation does.
var about = map[string]string{
	"create_form":   "Makes a form without fields.",
	"rename_form":   "Gives a form another label; its table keeps its name.",
	"drop_form":     "Hides a form, with everything in it, for 30 days.",
	"restore_form":  "Takes a drop_form back.",
	"rebuild_form":  "Makes a form's table anew, without the dropped columns that PostgreSQL counts to its limit; a change of its own.",
	"add_field":     "Adds a field. Rows that are there get the default, or no value.",
	"add_reference": "Adds a field that points at a row of another form, or at many.",
	"rename_field":  "Gives a field another label; its column keeps its name.",
	"drop_field":    "Hides a field; its values stay for 30 days.",
	"restore_field": "Takes a drop_field back.",
	"set_required":  "Refuses rows without a value from now on.",
	"set_optional":  "Lets rows without a value in again.",
	"set_default":   "Says which value rows get that name none; null is none.",
	"set_options":   "Replaces the options of a select or multi_select. An option that rows have cannot go.",
	"change_type":   "Gives a field another type, or other parameters of its type. Values are converted exactly, or not at all.",
	"revert_type":   "Takes a change_type back that made another column.",
	"add_index":     "Makes looking for values of these fields fast, in this order.",
	"drop_index":    "Takes an index away.",
	"set_unique":    "Refuses a row that has the same values in these fields as another.",
	"drop_unique":   "Lets rows with the same values in again.",
	"purge":         "Removes for good what was dropped: a form; with field, a field or the former columns of one whose type has changed.",
}

// properties are what operations take, by their names in JSON.
var properties = map[string]object{
	"form":       {"$ref": "#/$defs/key"},
	"field":      {"$ref": "#/$defs/key"},
	"label":      {"$ref": "#/$defs/label"},
	"default":    {"description": "The value of rows that name none, of the field's type; numbers may be strings, dates are ISO 8601. null is none."},
	"value":      {"description": "What rows get that have no value. Without it they refuse the change."},
	"required":   {"description": "Refuses rows without a value; on a form that has rows it needs a default.", "type": "boolean"},
	"unique":     {"description": "Refuses a value that another row has.", "type": "boolean"},
	"index":      {"description": "Makes looking for a value fast.", "type": "boolean"},
	"many":       {"description": "Points at many rows.", "type": "boolean"},
	"early":      {"description": "Before the 30 days are over.", "type": "boolean"},
	"options":    {"$ref": "#/$defs/options"},
	"fields":     {"description": "Keys of fields, in order.", "type": "array", "minItems": 1, "maxItems": mostIndexColumns, "uniqueItems": true, "items": object{"$ref": "#/$defs/key"}},
	"on_error":   {"description": "What becomes of values that cannot be converted: stop refuses the change, empty leaves such rows without a value, keep does the same and keeps the old values for good.", "enum": []string{OnErrorStop, OnErrorEmpty, OnErrorKeep}},
	"max_length": {"description": "In characters: short_text 1 to 1,000 (255), long_text without a limit by default.", "type": "integer", "minimum": 0, "maximum": 100_000_000},
	"bits":       {"description": "64, the default, or 32.", "enum": []int{0, 32, 64}},
	"precision":  {"description": "All digits of a decimal: 1 to 1,000 (18).", "type": "integer", "minimum": 0, "maximum": 1000},
	"scale":      {"description": "Digits behind the point, at most precision (2).", "type": "integer", "minimum": 0, "maximum": 1000},
	"currency":   {"description": "An ISO 4217 code, such as EUR.", "type": "string", "pattern": "^([A-Z]{3})?$"},
	"references": {"$ref": "#/$defs/key"},
	"on_delete":  {"description": "What becomes of a reference whose row is deleted: restrict, the default, refuses to delete it; set_null empties the reference.", "enum": []string{"", "restrict", "set_null"}},
	"expression": {"description": "A formula over fields of the same form, such as price * quantity.", "type": "string", "maxLength": mostFormulaBytes},
}

// operationSchema reads what an operation takes from its Go type: what may be left out has omitempty.
func operationSchema(op Operation) object {
	s := object{
		"description": about[op.Op()],
		"type":        "object",
		"properties":  object{"op": object{"const": op.Op()}},
	}
	required := []string{"op"}
	typed := false
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for field := range t.Fields() {
			if field.Anonymous {
				typed = true
				walk(field.Type)
				continue
			}
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "type" {
				s["properties"].(object)[name] = object{"description": "What the field holds.", "enum": Types()} //nolint:forcetypeassert // set above
			} else {
				s["properties"].(object)[name] = properties[name] //nolint:forcetypeassert // set above
			}
			if !strings.Contains(options, "omitempty") {
				required = append(required, name)
			}
		}
	}
	walk(reflect.TypeOf(op).Elem())
	s["required"], s["additionalProperties"] = required, false
	if typed {
		s["allOf"] = typeRules()
	}
	return s
}

// typeRules say which parameters each type takes, and which it needs.
func typeRules() []any {
	needs := map[Type][]string{
		Select: {"options"}, MultiSelect: {"options"}, Reference: {"references"}, ManyToMany: {"references"}, Formula: {"expression"},
	}
	rules := make([]any, 0, len(kinds))
	for _, t := range Types() {
		then := object{}
		for _, name := range parameters {
			if !slices.Contains(kinds[t].takes, name) {
				then[name] = false
			}
		}
		rule := object{"properties": then}
		if needs[t] != nil {
			rule["required"] = needs[t]
		}
		rules = append(rules, object{"if": object{"properties": object{"type": object{"const": t}}}, "then": rule})
	}
	return rules
}
