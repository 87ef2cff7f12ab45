package ddlbench_test

import "fmt"

// measured is a change that is made on a form, and what does the same to a plain table.
type measured struct {
	name string
	// ours are operations, plain statements that run one by one.
	ours  string
	plain func(tb table, accounts string) []string
	// rows are gone through; where they are also written, both tables are vacuumed before what comes next.
	rows, fills bool
	// wrong is a condition on rows that none may meet afterwards.
	wrong func(tb table) string
}

func alter(tb table, what ...string) []string {
	statements := make([]string, len(what))
	for i, w := range what {
		statements[i] = "ALTER TABLE " + tb.name + " " + w
	}
	return statements
}

// changes are made one after the other.
var changes = []measured{
	{
		name:  "add field with a default",
		ours:  `{"op": "add_field", "form": "entries", "field": "priority", "type": "integer", "default": 3}`,
		plain: func(tb table, _ string) []string { return alter(tb, "ADD COLUMN priority bigint DEFAULT 3") },
		wrong: func(tb table) string { return tb.column["priority"] + " IS DISTINCT FROM 3" },
	},
	{
		name:  "add required field with a default",
		ours:  `{"op": "add_field", "form": "entries", "field": "level", "type": "integer", "default": 1, "required": true}`,
		plain: func(tb table, _ string) []string { return alter(tb, "ADD COLUMN level bigint DEFAULT 1 NOT NULL") },
		wrong: func(tb table) string { return tb.column["level"] + " IS DISTINCT FROM 1" },
	},
	{
		name: "set_required, half of the rows filled", rows: true, fills: true,
		ours: `{"op": "set_required", "form": "entries", "field": "region", "value": "none"}`,
		plain: func(tb table, _ string) []string {
			return append([]string{"UPDATE " + tb.name + " SET region = 'none' WHERE region IS NULL"}, alter(tb, "ALTER region SET NOT NULL")...)
		},
		wrong: func(tb table) string {
			return fmt.Sprintf("%s IS NULL OR (id <= %d AND (%[1]s = 'none') <> (id %% 2 = 1))", tb.column["region"], tb.rows)
		},
	},
	{
		name: "set_unique", rows: true,
		ours:  `{"op": "set_unique", "form": "entries", "fields": ["code"]}`,
		plain: func(tb table, _ string) []string { return alter(tb, "ADD UNIQUE (code)") },
	},
	{
		name: "add_index", rows: true,
		ours:  `{"op": "add_index", "form": "entries", "fields": ["account"]}`,
		plain: func(tb table, _ string) []string { return []string{"CREATE INDEX ON " + tb.name + " (account)"} },
	},
	{
		name: "add_reference", rows: true,
		ours: `{"op": "add_reference", "form": "entries", "field": "owner", "references": "accounts"}`,
		plain: func(tb table, accounts string) []string {
			return append(alter(tb, "ADD COLUMN owner bigint REFERENCES "+accounts), "CREATE INDEX ON "+tb.name+" (owner)")
		},
	},
	{
		name: "change_type integer 32 → 64, unique", rows: true, fills: true,
		ours:  `{"op": "change_type", "form": "entries", "field": "code", "type": "integer", "bits": 64}`,
		plain: func(tb table, _ string) []string { return alter(tb, "ALTER code TYPE bigint") },
		wrong: func(tb table) string { return tb.column["code"] + " IS DISTINCT FROM " + tb.former["code"] },
	},
	{
		name: "change_type text → date", rows: true, fills: true,
		ours: `{"op": "change_type", "form": "entries", "field": "day", "type": "date"}`,
		plain: func(tb table, _ string) []string {
			return alter(tb, "DROP CONSTRAINT "+tb.check["day"]+", ALTER day TYPE date USING day::date")
		},
		wrong: func(tb table) string { return tb.column["day"] + " IS DISTINCT FROM " + tb.former["day"] + "::date" },
	},
	{
		name: "set_options", rows: true,
		ours: `{"op": "set_options", "form": "entries", "field": "state", "options": [{"key": "new"}, {"key": "open"}, {"key": "closed"}, {"key": "won"}]}`,
		plain: func(tb table, _ string) []string {
			return alter(tb, "DROP CONSTRAINT "+tb.check["state"], "ADD CHECK (state IN ('new', 'open', 'closed', 'won'))")
		},
	},
	{
		name:  "drop_field",
		ours:  `{"op": "drop_field", "form": "entries", "field": "legacy"}`,
		plain: func(tb table, _ string) []string { return alter(tb, "ALTER legacy DROP NOT NULL") },
	},
	{
		name: "purge: that field, two former columns",
		ours: `{"op": "purge", "form": "entries", "field": "legacy", "early": true},
			{"op": "purge", "form": "entries", "field": "code", "early": true}, {"op": "purge", "form": "entries", "field": "day", "early": true}`,
		plain: func(tb table, _ string) []string { return alter(tb, "DROP COLUMN legacy") },
	},
	{
		name: "rebuild_form", rows: true, fills: true,
		ours:  `{"op": "rebuild_form", "form": "entries"}`,
		plain: func(tb table, _ string) []string { return []string{"VACUUM (FULL) " + tb.name} }, // which leaves the dropped columns, and holds the table meanwhile
		wrong: func(tb table) string {
			return tb.column["priority"] + " IS DISTINCT FROM 3 OR " + tb.column["level"] + " IS DISTINCT FROM 1"
		},
	},
}
