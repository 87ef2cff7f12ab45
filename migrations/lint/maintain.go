package lint

import (
	"fmt"
	"slices"
)

func (v *visit) cluster(t tree) {
	if !t.has("relation") {
		if v.first {
			return
		}
		v.out.Unknown = true
		v.note("cluster", "every table that was clustered before is written anew, one after the other, while reads and writes wait", "pg_repack or pg_squeeze, outside of migrations")
		return
	}
	r := v.schema.relation(nameOf(t.at("relation")))
	v.lock(r, AccessExclusive)
	v.does(r, Rewrites)
	v.find(r, "cluster", fmt.Sprintf("%s is written anew under %s", r.name, about(r, AccessExclusive)), "pg_repack or pg_squeeze, outside of migrations")
}

func (v *visit) vacuum(t tree) {
	full := t.isOn("options", "full")
	rels := t.list("rels")
	for _, item := range rels {
		r := v.schema.relation(nameOf(item.at("VacuumRelation", "relation")))
		if !full {
			v.lockFamily(r, ShareUpdateExclusive)
			continue
		}
		v.lockFamily(r, AccessExclusive)
		v.does(r, Rewrites)
		v.find(r, "vacuum_full", fmt.Sprintf("%s is written anew under %s", r.name, about(r, AccessExclusive)),
			fmt.Sprintf("VACUUM %s, which locks nobody out; to give space back, pg_repack or pg_squeeze, outside of migrations", r.name))
	}
	if full && len(rels) == 0 && !v.first {
		v.out.Unknown = true
		v.note("vacuum_full", "every table is written anew, one after the other, while reads and writes wait", "VACUUM, which locks nobody out")
	}
}

func (v *visit) refresh(t tree) {
	r := v.schema.relation(nameOf(t.at("relation")))
	for _, used := range v.tablesBehind(r) {
		v.lock(used, AccessShare)
	}
	if t.flag("concurrent") {
		v.lock(r, Exclusive)
		v.does(r, Scans)
		return
	}
	v.lock(r, AccessExclusive)
	v.does(r, Rewrites)
	if v.first {
		return
	}
	v.find(r, "refresh_materialized_view", fmt.Sprintf("the query runs under %s", about(r, AccessExclusive)),
		fmt.Sprintf("REFRESH MATERIALIZED VIEW CONCURRENTLY %s; it needs a unique index on %[1]s", r.name))
}

// tablesBehind are what a view reads, through other views.
func (v *visit) tablesBehind(r *relation) []*relation {
	list := slices.Clone(r.uses)
	for at := 0; at < len(list); at++ {
		if list[at].kind != aView {
			continue
		}
		for _, used := range list[at].uses {
			if used != r && !slices.Contains(list, used) {
				list = append(list, used)
			}
		}
	}
	return list
}

func (v *visit) lockTable(t tree) {
	mode := LockMode(t.number("mode"))
	if mode < AccessShare || mode > AccessExclusive {
		mode = AccessExclusive
	}
	for _, r := range v.rangeVars(t, "relations") {
		v.lockFamily(r, mode)
		if mode.BlocksWrites() {
			v.find(r, "lock_table", about(r, mode)+" until the end of the transaction", "leave it out: every statement takes the lock that it needs")
		}
	}
}

func (v *visit) do(tree) {
	v.unknown("DO runs code that the linter does not see")
}

func (v *visit) comment(t tree) {
	parts := t.at("object", "List").names("items")
	switch t.text("objtype") {
	case "OBJECT_COLUMN":
		if len(parts) > 1 {
			v.lock(v.schema.relation(nameIn(parts[:len(parts)-1])), ShareUpdateExclusive)
		}
	case "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE":
		v.lock(v.schema.relation(nameIn(parts)), ShareUpdateExclusive)
	case "OBJECT_INDEX":
		if x, known := v.schema.index(nameIn(parts)); known {
			v.lockIndex(x, ShareUpdateExclusive)
		}
	}
}

func (v *visit) alterSequence(t tree) {
	v.lock(v.schema.relation(nameOf(t.at("sequence"))), ShareRowExclusive)
	if owner, given := t.option("options", "owned_by"); given {
		if parts := owner.at("List").names("items"); len(parts) > 1 {
			v.lock(v.schema.relation(nameIn(parts[:len(parts)-1])), AccessShare)
		}
	}
}

func (v *visit) alterEnum(t tree) {
	n := nameIn(t.names("typeName"))
	if t.text("oldVal") != "" {
		if !v.first && !v.schema.made("type", n) {
			v.note("enum_rename_value", fmt.Sprintf("code that writes or compares with %s's old value fails from then on", n), "add a value, let the code use both, and leave the old one")
		}
		return
	}
	if v.first || v.schema.made("type", n) {
		return
	}
	v.note("enum_add_value", fmt.Sprintf("the value can never be dropped from %s again, and is unusable until this transaction ends", n), "a column of type text with CHECK (… IN (…)), or a table of the values")
	for _, later := range v.later {
		if mentions(later.tree, t.text("newVal")) {
			v.note("enum_value_in_transaction", fmt.Sprintf("the new value of %s stands in a later statement of this transaction, where it cannot be used yet", n), "move the later statement into a file of its own")
			return
		}
	}
}

// mentions reports whether a text constant equals a value.
func mentions(t tree, value string) bool {
	found := false
	each(t, func(kind string, node tree) {
		found = found || kind == "A_Const" && node.at("sval").text("sval") == value
	})
	return found
}

// alterDomain judges ALTER DOMAIN, which looks at every table that has a column of it.
func (v *visit) alterDomain(t tree) {
	n := nameIn(t.names("typeName"))
	d := v.schema.domains[n.name]
	constraint := t.at("def", "Constraint")
	looks := false
	switch t.text("subtype") {
	case "C":
		looks = !constraint.flag("skip_validation")
		d.constrained = true
	case "O", "V":
		looks = true
		d.constrained = true
	}
	v.schema.domains[n.name] = d
	if !looks {
		return
	}
	for _, r := range sortedRelations(v.schema.everything()) {
		for _, c := range r.columns {
			if c.typ.base != n.name {
				continue
			}
			v.lock(r, Share)
			v.does(r, Scans)
			v.find(r, "alter_domain", fmt.Sprintf("every row of %s is checked under %s, as of all tables with a column of the domain", r.name, about(r, Share)),
				"put a CHECK … NOT VALID on each table, and VALIDATE each in a file of its own")
			break
		}
	}
}
