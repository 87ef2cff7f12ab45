package release

import (
	"slices"
	"strings"
)

// statement goes by the kind of statement.
func (e *effects) statement(node string, t tree) {
	switch node {
	case "AlterTableStmt":
		e.alterTable(t)
	case "IndexStmt":
		e.createIndex(t)
	case "CreateStmt":
		e.createTable(t)
	case "DropStmt":
		e.drop(t)
	case "RenameStmt":
		e.rename(t)
	case "AlterObjectSchemaStmt":
		e.move(t.at("relation"), Name{t.text("newschema"), t.at("relation").text("relname")}, t.flag("missing_ok"))
	case "CreateTrigStmt", "RuleStmt":
		e.add(t.at("relation"), TableEffects{Cascades: true, Owned: node == "RuleStmt"})
	case "CreatePolicyStmt", "AlterPolicyStmt":
		e.add(t.at("table"), TableEffects{Owned: true})
	case "CreateExtensionStmt":
		e.Extension = &Extension{Name: t.text("extname"), Version: optionText(t, "options", "new_version"), IfNotExists: t.flag("if_not_exists")}
	case "CreateFunctionStmt":
		_, name := lastTwo(t.names("funcname"))
		e.Functions = append(e.Functions, name)
	case "VariableSetStmt":
		e.SearchPath = t.text("name") == "search_path" || t.text("kind") == "VAR_RESET_ALL"
	case "ViewStmt":
		e.add(t.at("view"), TableEffects{Makes: true, Optional: t.flag("replace")})
	case "CreateForeignTableStmt":
		e.createTable(t.at("base"))
	case "DoStmt", "CallStmt", "ExecuteStmt", "ImportForeignSchemaStmt":
		e.Opaque = true
	default:
		e.rows(node, t)
	}
	e.calls(node, t)
}

// rows: statements that change or lock rows and whole tables.
func (e *effects) rows(node string, t tree) {
	switch node {
	case "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
		e.add(t.at("relation"), TableEffects{Rows: true})
	case "TruncateStmt":
		e.Opaque = t.text("behavior") == "DROP_CASCADE"
		for _, item := range t.list("relations") {
			e.add(item.at("RangeVar"), TableEffects{Rows: true})
		}
	case "LockStmt":
		for _, item := range t.list("relations") {
			e.add(item.at("RangeVar"), TableEffects{})
		}
	case "VacuumStmt":
		for _, item := range t.list("rels") {
			e.add(item.at("VacuumRelation").at("relation"), TableEffects{Rewrites: t.option("options", "full"), Owned: true})
		}
	case "ClusterStmt":
		e.add(t.at("relation"), TableEffects{Rewrites: true, Owned: true})
	case "RefreshMatViewStmt":
		e.add(t.at("relation"), TableEffects{Rewrites: true, Owned: true})
	case "ReindexStmt":
		if t.text("kind") == "REINDEX_OBJECT_TABLE" {
			e.add(t.at("relation"), TableEffects{Owned: true})
		}
	case "CreateStatsStmt":
		for _, item := range t.list("relations") {
			e.add(item.at("RangeVar"), TableEffects{Owned: true})
		}
	case "CreateTableAsStmt":
		e.add(t.at("into").at("rel"), TableEffects{Makes: true, Optional: t.flag("if_not_exists")})
	case "SelectStmt":
		e.add(t.at("intoClause").at("rel"), TableEffects{Makes: true})
	case "CreateSchemaStmt":
		e.Opaque = len(t.list("schemaElts")) > 0
	}
}

func (e *effects) createTable(t tree) {
	e.add(t.at("relation"), TableEffects{Makes: true, Optional: t.flag("if_not_exists")})
	for _, item := range t.list("inhRelations") {
		e.add(item.at("RangeVar"), TableEffects{Owned: true})
	}
	for _, item := range t.list("tableElts") {
		for _, c := range item.at("ColumnDef").list("constraints") {
			e.referenced(c.at("Constraint"))
		}
		e.referenced(item.at("Constraint"))
	}
}

// referenced: a foreign key locks the table that it points at, and its action may change the one that it stands on.
func (e *effects) referenced(constraint tree) {
	if constraint.text("contype") != "CONSTR_FOREIGN" {
		return
	}
	acts := func(field string) bool { return !slices.Contains([]string{"", "a", "r"}, constraint.text(field)) }
	e.add(constraint.at("pktable"), TableEffects{Cascades: acts("fk_del_action") || acts("fk_upd_action")})
}

func (e *effects) drop(t tree) {
	e.Opaque = t.text("behavior") == "DROP_CASCADE"
	switch t.text("removeType") {
	case "OBJECT_TABLE", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE", "OBJECT_VIEW":
		for _, object := range t.list("objects") {
			schema, name := lastTwo(object.at("List").names("items"))
			e.Tables = append(e.Tables, TableEffects{Name: Name{schema, name}, Gone: true, Owned: true, Optional: t.flag("missing_ok")})
		}
	case "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE":
		for _, object := range t.list("objects") {
			parts := object.at("List").names("items") // the last one is the trigger's own name
			if len(parts) < 2 {
				continue
			}
			schema, name := lastTwo(parts[:len(parts)-1])
			e.Tables = append(e.Tables, TableEffects{Name: Name{schema, name}, Owned: true, Optional: t.flag("missing_ok")})
		}
	}
}

func (e *effects) rename(t tree) {
	switch t.text("renameType") {
	case "OBJECT_TABLE", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE", "OBJECT_VIEW":
		e.move(t.at("relation"), Name{t.at("relation").text("schemaname"), t.text("newname")}, t.flag("missing_ok"))
	case "OBJECT_COLUMN":
		if t.text("relationType") == "OBJECT_TABLE" {
			e.add(t.at("relation"), TableEffects{Unknown: []string{t.text("subname"), t.text("newname")}, Owned: true, Optional: t.flag("missing_ok")})
		}
	case "OBJECT_TABCONSTRAINT":
		e.add(t.at("relation"), TableEffects{Owned: true, Optional: t.flag("missing_ok")})
	case "OBJECT_SCHEMA":
		e.Opaque = true
	}
}

// move: what was there has another name.
func (e *effects) move(relation tree, to Name, optional bool) {
	at := len(e.Tables)
	e.add(relation, TableEffects{Gone: true, Owned: true, Optional: optional})
	if len(e.Tables) > at {
		e.Tables = append(e.Tables, TableEffects{Name: to, Makes: true, Optional: true})
	}
}

// harmless are functions that change no table, of those that migrations call. What stands in none of these statements needs no entry.
var harmless = func() map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(`
		abs array_agg array_append array_length array_remove array_to_string array_to_json avg bool_and bool_or btrim cardinality ceil char_length
		clock_timestamp concat concat_ws count currval date_part date_trunc encode decode extract floor format gen_random_uuid
		generate_series jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object
		jsonb_each jsonb_each_text jsonb_object_agg jsonb_object_keys jsonb_set jsonb_strip_nulls jsonb_typeof json_agg json_build_array
		json_build_object jsonb_insert lag lead lastval left length lower lpad ltrim make_interval max md5 min mod nextval now octet_length
		overlay percentile_cont position power random rank regexp_match regexp_matches regexp_replace regexp_split_to_array
		regexp_split_to_table repeat replace reverse right round row_number row_to_json rpad rtrim setval sha256 sign split_part sqrt
		statement_timestamp string_agg string_to_array strpos substr substring sum timezone to_char to_date to_hex to_json to_jsonb
		to_number to_timestamp to_tsvector transaction_timestamp translate trim trunc unnest upper uuid_generate_v4 date coalesce nullif
		first_value last_value dense_rank ntile age convert_from convert_to`) {
		set[name] = true
	}
	return set
}()

// calls looks for functions that might do more than they say.
func (e *effects) calls(node string, t tree) {
	switch node {
	case "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CreateTableAsStmt":
	default:
		return
	}
	walk(node, map[string]any(t), func(name string, value any) {
		below, ok := value.(map[string]any)
		if !ok {
			return
		}
		switch name {
		case "FuncCall":
			_, function := lastTwo(tree(below).names("funcname"))
			switch {
			case function == "set_config":
				e.SearchPath = true
			case !harmless[function]:
				e.Opaque = true
			}
		case "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt": // in a WITH
			if node != name {
				e.add(tree(below).at("relation"), TableEffects{Rows: true})
			}
		}
	})
}

// optionText is the text of a statement's option, "" when it is not said.
func optionText(t tree, field, name string) string {
	for _, item := range t.list(field) {
		if element := item.at("DefElem"); element.text("defname") == name {
			return element.at("arg").at("String").text("sval")
		}
	}
	return ""
}
