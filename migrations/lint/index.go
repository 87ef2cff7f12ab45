package lint

import (
	"fmt"
	"slices"
)

func (v *visit) createIndex(t tree) {
	r := v.schema.relation(nameOf(t.at("relation")))
	concurrent := t.flag("concurrent")
	mode := Share
	if concurrent {
		mode = ShareUpdateExclusive
	}
	only := !t.at("relation").flag("inh")
	if only {
		v.lock(r, mode)
	} else {
		v.lockFamily(r, mode)
	}
	columns, more := indexColumns(t)
	named := t.text("idxname")
	if named == "" {
		named = made(slices.Concat([]string{r.name.name}, columns, []string{"idx"})...)
	}
	if concurrent && t.flag("if_not_exists") {
		v.find(r, "index_if_not_exists", fmt.Sprintf("an interrupted build leaves an INVALID index %s, which IF NOT EXISTS keeps without a word", ident(named)),
			fmt.Sprintf("leave IF NOT EXISTS out: what an interrupted build left of %s is dropped before the next try", ident(named)))
	}
	if _, there := v.schema.index(name{r.name.schema, named}); there && t.flag("if_not_exists") {
		return
	}
	here := !r.parted || !only // an index ON ONLY a parted table is a name to attach others to
	if here {
		v.does(r, Builds)
	}
	if !concurrent && here {
		v.find(r, "create_index", fmt.Sprintf("the index is built under %s", about(r, Share)), v.indexInstead(r, t, named, columns, more))
	}
	x := v.defineIndex(r, named, columns, t, false)
	x.complex = more
}

// indexColumns returns the columns of an index, and whether there is more to it: expressions, a WHERE.
func indexColumns(t tree) (columns []string, more bool) {
	more = t.has("whereClause")
	for _, item := range t.list("indexParams") {
		element := item.at("IndexElem")
		if element.has("expr") {
			more = true
			continue
		}
		columns = append(columns, element.text("name"))
	}
	return columns, more
}

func (v *visit) indexInstead(r *relation, t tree, named string, columns []string, more bool) string {
	if r.parted {
		return fmt.Sprintf("CREATE INDEX %s ON ONLY %s (%s);\nthen on each partition CREATE INDEX CONCURRENTLY, and ALTER INDEX %[1]s ATTACH PARTITION it", ident(named), r.name, idents(columns))
	}
	unique, list := "", idents(columns)
	if t.flag("unique") {
		unique = "UNIQUE "
	}
	if more {
		list = "…"
	}
	method := t.text("accessMethod")
	if method != "" && method != "btree" {
		method = "USING " + ident(method) + " "
	} else {
		method = ""
	}
	return fmt.Sprintf("CREATE %sINDEX CONCURRENTLY %s ON %s %s(%s);   -- in a file without a transaction", unique, ident(named), r.name, method, list)
}

// dropIndexes judges DROP INDEX.
func (v *visit) dropIndexes(t tree) {
	concurrent := t.flag("concurrent")
	mode := AccessExclusive
	if concurrent {
		mode = ShareUpdateExclusive
	}
	for _, n := range dropped(t) {
		x, known := v.schema.index(n)
		if !known {
			x = &index{name: v.schema.home(n)}
		}
		if x.table != nil {
			v.lock(x.table, mode)
		}
		v.lockIndex(x, mode)
		delete(v.schema.indexes, x.name)
		if concurrent {
			continue
		}
		where := "its table, which is not known here,"
		if x.table != nil {
			where = x.table.name.String()
		}
		v.find(x.table, "drop_index", fmt.Sprintf("%s on %s for a moment, so that reads and writes wait", AccessExclusive, where),
			fmt.Sprintf("DROP INDEX CONCURRENTLY %s;   -- in a file without a transaction", x.name))
	}
}

// alterIndex judges ALTER INDEX.
func (v *visit) alterIndex(n name, commands []tree) {
	x, known := v.schema.index(n)
	if !known {
		x = &index{name: v.schema.home(n)}
	}
	for _, item := range commands {
		c := item.at("AlterTableCmd")
		switch c.text("subtype") {
		case "AT_SetRelOptions", "AT_ResetRelOptions", "AT_SetStatistics":
			v.lockIndex(x, ShareUpdateExclusive)
		case "AT_AttachPartition":
			v.attachIndex(x, c)
		case "AT_SetTableSpace":
			v.lockIndex(x, AccessExclusive)
			v.find(x.table, "move_table", fmt.Sprintf("the index is copied under %s on it: queries that would use it wait", AccessExclusive),
				fmt.Sprintf("REINDEX INDEX CONCURRENTLY %s with (TABLESPACE …)", x.name))
		default:
			v.lockIndex(x, AccessExclusive)
			v.unknown(c.text("subtype") + " of an index is a change that the linter does not know")
		}
	}
}

func (v *visit) attachIndex(parent *index, c tree) {
	v.lockIndex(parent, ShareUpdateExclusive)
	if child, known := v.schema.index(nameOf(c.at("def", "PartitionCmd", "name"))); known {
		v.lockIndex(child, AccessExclusive)
		if child.table != nil {
			v.lock(child.table, AccessShare)
		}
	}
	if parent.table != nil {
		v.lock(parent.table, AccessShare)
	}
}

func (v *visit) reindex(t tree) {
	concurrent := t.isOn("params", "concurrently")
	tableMode, indexMode := Share, AccessExclusive
	if concurrent {
		tableMode, indexMode = ShareUpdateExclusive, ShareUpdateExclusive
	}
	n := nameOf(t.at("relation"))
	switch t.text("kind") {
	case "REINDEX_OBJECT_TABLE":
		r := v.schema.relation(n)
		v.lockFamily(r, tableMode)
		v.does(r, Builds)
		v.reindexFinding(r, concurrent, "TABLE", r.name)
	case "REINDEX_OBJECT_INDEX":
		x, known := v.schema.index(n)
		if !known {
			x = &index{name: v.schema.home(n)}
		}
		v.lockIndex(x, indexMode)
		if x.table != nil {
			v.lock(x.table, tableMode)
			v.does(x.table, Builds)
		}
		v.reindexFinding(x.table, concurrent, "INDEX", x.name)
	default:
		v.out.Unknown = true
		if !concurrent && !v.first {
			v.note("reindex", "every index is built anew, table after table, while writes to it and reads that would use the index wait", "REINDEX TABLE CONCURRENTLY, of the tables that need it")
		}
	}
}

func (v *visit) reindexFinding(r *relation, concurrent bool, kind string, n name) {
	if !concurrent {
		v.find(r, "reindex", "it is built anew while writes to the table, and reads that would use the index, wait",
			fmt.Sprintf("REINDEX %s CONCURRENTLY %s;   -- in a file without a transaction", kind, n))
	}
}
