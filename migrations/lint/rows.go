package lint

import "fmt"

// query judges a statement about rows, and those inside of it (WITH).
func (v *visit) query(t tree) {
	for kind, node := range t {
		if below, ok := node.(map[string]any); ok {
			v.queryOf(kind, below)
		}
	}
}

// queryOf judges SELECT, INSERT, UPDATE, DELETE or MERGE.
func (v *visit) queryOf(node string, t tree) {
	for _, r := range v.relationsIn(t) {
		v.lock(r, AccessShare)
	}
	v.change(node, t)
	each(t, v.change)
	if into := t.at("intoClause", "rel"); len(into) > 0 {
		v.schema.add(nameOf(into), aTable, v.fresh).whole = false
	}
	if node == "SelectStmt" {
		v.lookAtCalls(t)
	}
}

// change judges one statement that changes rows.
func (v *visit) change(node string, t tree) {
	target := nameOf(t.at("relation"))
	switch node {
	case "InsertStmt":
		v.lock(v.schema.relation(target), RowExclusive)
		return
	case "UpdateStmt", "DeleteStmt", "MergeStmt":
	default:
		return
	}
	r := v.schema.relation(target)
	v.lockFamily(r, RowExclusive)
	v.does(r, Changes)
	word := map[string]string{"UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "MergeStmt": "MERGE"}[node]
	batches := fmt.Sprintf("do it in batches by key, outside of migrations; or, where %s is small at every tenant, say so here:\n-- tenantry:allow %%s: …", r.name)
	if node != "MergeStmt" && !t.has("whereClause") {
		v.find(r, "change_all_rows",
			fmt.Sprintf("%s of all rows of %s in one transaction: each stays locked until it ends, and the table doubles before it is vacuumed", word, r.name),
			fmt.Sprintf(batches, "change_all_rows"))
		return
	}
	v.find(r, "change_rows", fmt.Sprintf("%s of rows that were there before: as many as match stay locked until the transaction ends", word),
		fmt.Sprintf(batches, "change_rows"))
}

// relationsIn lists the relations that a statement reads, without those that it names itself in WITH.
func (v *visit) relationsIn(t tree) []*relation {
	own := map[string]bool{}
	each(t, func(kind string, node tree) {
		if kind == "CommonTableExpr" {
			own[node.text("ctename")] = true
		}
	})
	set := map[*relation]bool{}
	each(t, func(kind string, node tree) {
		if kind != "RangeVar" || node.text("schemaname") == "" && own[node.text("relname")] || systemSchemas[node.text("schemaname")] {
			return
		}
		if r, known := v.schema.known(nameOf(node)); known {
			set[r] = true
		}
	})
	return sortedRelations(set)
}

var systemSchemas = words("pg_catalog information_schema")

// lookAtCalls finds calls in a SELECT of functions that may do anything.
func (v *visit) lookAtCalls(t tree) {
	each(t, func(kind string, node tree) {
		parts := node.names("funcname")
		if kind != "FuncCall" || len(parts) == 0 || v.out.Unknown {
			return
		}
		function := parts[len(parts)-1]
		volatile, made := v.schema.volatile[function]
		if made && !volatile || !made && (steady[function] || wild[function] || readers[function]) {
			return
		}
		v.unknown(function + "() runs code that the linter does not see")
	})
}

// readers are more functions of PostgreSQL that a SELECT may call without changing anything.
var readers = words(`count sum min max avg array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg bool_and bool_or every
	row_number rank dense_rank lag lead first_value last_value ntile generate_series unnest jsonb_array_elements jsonb_each jsonb_object_keys
	pg_notify to_regclass to_regtype pg_get_serial_sequence pg_advisory_lock pg_advisory_unlock pg_advisory_xact_lock pg_try_advisory_lock version`)
