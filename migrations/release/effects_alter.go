package release

import "slices"

func (e *effects) alterTable(t tree) {
	if objtype := t.text("objtype"); objtype != "OBJECT_TABLE" && objtype != "OBJECT_MATVIEW" && objtype != "OBJECT_FOREIGN_TABLE" {
		return
	}
	at := len(e.Tables)
	e.add(t.at("relation"), TableEffects{Owned: true, Optional: t.flag("missing_ok")})
	if len(e.Tables) == at {
		return
	}
	for _, item := range t.list("cmds") {
		e.command(at, item.at("AlterTableCmd"))
	}
}

// command is one part of an ALTER TABLE; at is the place of its table in e.Tables.
func (e *effects) command(at int, c tree) {
	column, def := c.text("name"), c.at("def")
	to := &e.Tables[at]
	switch c.text("subtype") {
	case "AT_AddColumn":
		e.addColumn(at, def.at("ColumnDef"), c.flag("missing_ok"))
	case "AT_DropColumn":
		to.Unknown = append(to.Unknown, column)
	case "AT_AlterColumnType":
		to.Unknown = append(to.Unknown, column)
		to.Retypes = append(to.Retypes, retype(column, def.at("ColumnDef")))
	case "AT_SetNotNull":
		to.Needs = append(to.Needs, Need{Kind: NeedNotNull, Columns: []string{column}})
	case "AT_AddConstraint":
		e.addConstraint(at, def.at("Constraint"))
	case "AT_ValidateConstraint":
		to.Needs = append(to.Needs, Need{Kind: NeedValid, Constraint: column})
	case "AT_SetLogged", "AT_SetUnLogged", "AT_SetAccessMethod", "AT_SetTableSpace", "AT_SetExpression":
		to.Rewrites = true
		to.Unknown = append(to.Unknown, column)
	case "AT_EnableTrig", "AT_EnableTrigAll", "AT_EnableTrigUser", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig", "AT_EnableRule", "AT_EnableAlwaysRule":
		to.Cascades = true
	case "AT_AttachPartition", "AT_DetachPartition":
		to.Rows = true // the parent's rows are others now
		e.add(def.at("PartitionCmd").at("name"), TableEffects{Owned: true})
	}
}

func retype(column string, def tree) Retype {
	typeName := def.at("typeName")
	_, name := lastTwo(typeName.names("names"))
	r := Retype{Column: column, Type: name, Using: len(def.at("raw_default")) > 0}
	if len(typeName.list("arrayBounds")) > 0 {
		r.Type += "[]"
	}
	for _, mod := range typeName.list("typmods") {
		value, _ := mod.at("A_Const").at("ival")["ival"].(float64)
		r.Mods = append(r.Mods, int(value))
	}
	return r
}

// stable are functions whose value as a default is found once for all rows.
var stable = map[string]bool{
	"now": true, "transaction_timestamp": true, "statement_timestamp": true, "timezone": true, "lower": true, "upper": true, "md5": true,
	"current_setting": true, "jsonb_build_object": true, "jsonb_build_array": true, "date_trunc": true, "to_jsonb": true, "length": true,
	"make_interval": true, "concat": true, "format": true,
}

func (e *effects) addColumn(at int, def tree, optional bool) {
	name := def.text("colname")
	_, typeName := lastTwo(def.at("typeName").names("names"))
	filled := slices.Contains([]string{"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"}, typeName)
	rewrites, notNull := filled, false
	for _, item := range def.list("constraints") {
		constraint := item.at("Constraint")
		switch constraint.text("contype") {
		case "CONSTR_NOTNULL", "CONSTR_PRIMARY":
			notNull = true
		case "CONSTR_DEFAULT":
			filled = true
			rewrites = rewrites || volatile(constraint)
		case "CONSTR_GENERATED", "CONSTR_IDENTITY":
			filled, rewrites = true, true
		}
		e.referenced(constraint)
	}
	to := &e.Tables[at] // referenced may have moved it
	to.Adds = append(to.Adds, AddedColumn{Name: name, Optional: optional})
	to.Rewrites = to.Rewrites || rewrites
	if notNull && !filled && !optional {
		to.Needs = append(to.Needs, Need{Kind: NeedNoRows, Columns: []string{name}})
	}
}

// volatile reports whether a default calls anything that may differ from row to row.
func volatile(constraint tree) bool {
	found := false
	walk("", map[string]any(constraint.at("raw_expr")), func(name string, value any) {
		call, ok := value.(map[string]any)
		if !ok || name != "FuncCall" {
			return
		}
		_, function := lastTwo(tree(call).names("funcname"))
		found = found || !stable[function]
	})
	return found
}

func (e *effects) addConstraint(at int, c tree) {
	need := Need{Constraint: c.text("conname"), NotValidated: c.flag("skip_validation")}
	switch c.text("contype") {
	case "CONSTR_NOTNULL": // PostgreSQL 18
		need.Kind, need.Columns = NeedNotNull, c.names("keys")
	case "CONSTR_CHECK":
		need.Kind = NeedCheck
		need.Expressions = []string{e.parenthesized(c)}
		need.Columns, need.Functions = mentioned(c.at("raw_expr"))
	case "CONSTR_UNIQUE", "CONSTR_PRIMARY":
		e.addKey(at, c, need)
		return
	case "CONSTR_FOREIGN":
		need.Kind = NeedReference
		need.Columns, need.References, need.ReferenceTo = c.names("fk_attrs"), nameOf(c.at("pktable")), c.names("pk_attrs")
		need.MatchFull = c.text("fk_matchtype") == "f"
		e.referenced(c)
	case "CONSTR_EXCLUSION":
		need.Kind = NeedOther
	default:
		return
	}
	e.Tables[at].Needs = append(e.Tables[at].Needs, need)
}

func (e *effects) addKey(at int, c tree, need Need) {
	to := &e.Tables[at]
	if c.text("indexname") != "" { // unique already; a primary key's columns are not named here
		if c.text("contype") == "CONSTR_PRIMARY" {
			need.Kind = NeedOther
			to.Needs = append(to.Needs, need)
		}
		return
	}
	columns := c.names("keys")
	if c.text("contype") == "CONSTR_PRIMARY" {
		for _, column := range columns {
			to.Needs = append(to.Needs, Need{Kind: NeedNotNull, Columns: []string{column}})
		}
	}
	need.Kind, need.Columns, need.NullsEqual = NeedUnique, columns, c.flag("nulls_not_distinct")
	for _, column := range columns {
		need.Expressions = append(need.Expressions, quoteName(column))
	}
	to.Needs = append(to.Needs, need)
}

// mentioned lists the columns and the functions of an expression.
func mentioned(expression tree) (columns, functions []string) {
	walk("", map[string]any(expression), func(name string, value any) {
		node, ok := value.(map[string]any)
		if !ok {
			return
		}
		switch name {
		case "ColumnRef":
			if _, column := lastTwo(tree(node).names("fields")); column != "" && !slices.Contains(columns, column) {
				columns = append(columns, column)
			}
		case "FuncCall":
			_, function := lastTwo(tree(node).names("funcname"))
			functions = append(functions, function)
		}
	})
	slices.Sort(columns) // the tree's fields come in no order
	slices.Sort(functions)
	return columns, functions
}
