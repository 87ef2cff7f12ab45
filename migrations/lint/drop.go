package lint

import (
	"fmt"
	"strings"
)

// dropped lists the names of a DROP statement.
func dropped(t tree) []name {
	var list []name
	for _, item := range t.list("objects") {
		switch {
		case item.has("List"):
			list = append(list, nameIn(item.at("List").names("items")))
		case item.has("TypeName"):
			list = append(list, nameIn(item.at("TypeName").names("names")))
		case item.has("ObjectWithArgs"):
			list = append(list, nameIn(item.at("ObjectWithArgs").names("objname")))
		case item.has("String"):
			list = append(list, name{"", item.at("String").text("sval")})
		}
	}
	return list
}

func (v *visit) drop(t tree) {
	kind := strings.TrimPrefix(t.text("removeType"), "OBJECT_")
	cascade := t.text("behavior") == "DROP_CASCADE"
	switch kind {
	case "INDEX":
		v.dropIndexes(t)
	case "TABLE", "FOREIGN_TABLE":
		for _, n := range dropped(t) {
			v.dropTable(v.schema.relation(n), cascade)
		}
	case "VIEW", "MATVIEW", "SEQUENCE":
		for _, n := range dropped(t) {
			v.dropView(n, kind, cascade)
		}
	case "TRIGGER", "POLICY", "RULE":
		v.dropFromTable(t)
	case "SCHEMA":
		v.dropSchemas(t, cascade)
	default:
		v.dropObjects(t, kind, cascade)
	}
}

func (v *visit) cascade(r *relation, what string) {
	v.find(r, "drop_cascade", fmt.Sprintf("CASCADE drops everything that depends on %s, without naming it", what),
		"leave CASCADE out, and drop by name what stands in the way")
}

func (v *visit) dropTable(r *relation, cascade bool) {
	v.lockFamily(r, AccessExclusive)
	for _, key := range v.schema.keys {
		if key.from == r || key.to == r && cascade {
			v.lock(key.from, AccessExclusive)
			v.lock(key.to, AccessExclusive)
		}
	}
	for _, c := range r.columns {
		if c.sequence != nil {
			v.lock(c.sequence, AccessExclusive)
		}
	}
	if r.parent != nil {
		v.lock(r.parent, parentLock(r))
	}
	v.find(r, "drop_table", fmt.Sprintf("the rows of %s are lost, and code that still uses the table fails from then on", r.name),
		fmt.Sprintf("release first code that does not know the table; then say so here:\n-- tenantry:allow drop_table: no code since RELEASE uses %s", r.name))
	if cascade {
		v.cascade(r, r.name.String())
	}
	v.schema.drop(r)
}

// parentLock is on the table above one that is dropped: a partition's is told that it is gone.
func parentLock(r *relation) LockMode {
	if r.parent.parted {
		return AccessExclusive
	}
	return NoLock
}

func (v *visit) dropView(n name, kind string, cascade bool) {
	r := v.schema.relation(n)
	v.lock(r, AccessExclusive)
	what := strings.ToLower(strings.ReplaceAll(kind, "MATVIEW", "MATERIALIZED VIEW"))
	switch {
	case v.madeAgain(n):
	case kind == "SEQUENCE":
		v.find(r, "drop_routine", fmt.Sprintf("code that still draws from the sequence %s fails from then on", r.name), "release first code that does not use it")
	default:
		v.find(r, "drop_view", fmt.Sprintf("code that still reads the %s %s fails from then on", what, r.name),
			fmt.Sprintf("CREATE OR REPLACE VIEW, where its columns stay; else release first code that does not read it, and say so here:\n-- tenantry:allow drop_view: no code since RELEASE reads %s", r.name))
	}
	if cascade {
		v.cascade(r, r.name.String())
	}
	v.schema.drop(r)
}

// madeAgain reports whether a later statement of the transaction makes something of a name again: nobody sees it gone.
func (v *visit) madeAgain(n name) bool {
	for _, later := range v.later {
		var again name
		switch later.node {
		case "ViewStmt":
			again = nameOf(later.tree.at("view"))
		case "CreateTableAsStmt":
			again = nameOf(later.tree.at("into", "rel"))
		case "CreateFunctionStmt":
			again = nameIn(later.tree.names("funcname"))
		case "CreateSeqStmt":
			again = nameOf(later.tree.at("sequence"))
		case "CreateEnumStmt":
			again = nameIn(later.tree.names("typeName"))
		case "CompositeTypeStmt":
			again = nameOf(later.tree.at("typevar"))
		case "CreateDomainStmt":
			again = nameIn(later.tree.names("domainname"))
		default:
			continue
		}
		if v.schema.home(again) == v.schema.home(n) {
			return true
		}
	}
	return false
}

// dropFromTable judges DROP TRIGGER, POLICY and RULE, whose last name is their own.
func (v *visit) dropFromTable(t tree) {
	for _, item := range t.list("objects") {
		parts := item.at("List").names("items")
		if len(parts) > 1 {
			v.lock(v.schema.relation(nameIn(parts[:len(parts)-1])), AccessExclusive)
		}
	}
}

func (v *visit) dropSchemas(t tree, cascade bool) {
	for _, n := range dropped(t) {
		found := false
		for _, r := range sortedRelations(v.schema.everything()) {
			if r.name.schema == n.name && cascade {
				v.lock(r, AccessExclusive)
				found = found || !r.fresh
			}
		}
		if v.first || !cascade {
			continue
		}
		v.out.Unknown = true
		if found {
			v.note("drop_table", fmt.Sprintf("everything in the schema %s is lost, and code that still uses it fails from then on", ident(n.name)), "drop by name what is not needed any more")
		}
		v.note("drop_cascade", fmt.Sprintf("CASCADE drops everything in the schema %s, and what depends on it, without naming it", ident(n.name)), "drop by name what is not needed any more")
	}
}

func (s *schema) everything() map[*relation]bool {
	set := map[*relation]bool{}
	for _, r := range s.relations {
		set[r] = true
	}
	return set
}

// dropObjects judges DROP of what is no relation.
func (v *visit) dropObjects(t tree, kind string, cascade bool) {
	objectKind := "function"
	if kind == "TYPE" || kind == "DOMAIN" {
		objectKind = "type"
	}
	words := strings.ToLower(strings.ReplaceAll(kind, "_", " "))
	for _, n := range dropped(t) {
		if v.first || v.schema.made(objectKind, n) || v.madeAgain(n) {
			continue
		}
		v.note("drop_routine", fmt.Sprintf("code that still uses the %s %s fails from then on", words, n), "release first code that does not use it")
		if cascade {
			v.out.Unknown = true
			v.note("drop_cascade", fmt.Sprintf("CASCADE drops everything that depends on the %s %s, columns among it, without naming it", words, n),
				"leave CASCADE out, and drop by name what stands in the way")
		}
	}
}

func (v *visit) truncate(t tree) {
	cascade := t.text("behavior") == "DROP_CASCADE"
	queue := v.rangeVars(t, "relations")
	seen := map[*relation]bool{}
	for len(queue) > 0 {
		r := queue[0]
		queue = queue[1:]
		if seen[r] {
			continue
		}
		seen[r] = true
		v.lockFamily(r, AccessExclusive)
		v.does(r, Empties)
		v.find(r, "truncate", fmt.Sprintf("all rows of %s are lost, under %s", r.name, about(r, AccessExclusive)),
			"delete what must go in batches, outside of migrations; if all rows may go, say so here:\n-- tenantry:allow truncate: …")
		for _, key := range v.schema.keys {
			if key.to == r && cascade {
				queue = append(queue, key.from)
			}
		}
		if cascade {
			v.cascade(r, r.name.String())
		}
	}
}

// rangeVars returns the relations of a list of names.
func (v *visit) rangeVars(t tree, field string) []*relation {
	var list []*relation
	for _, item := range t.list(field) {
		list = append(list, v.schema.relation(nameOf(item.at("RangeVar"))))
	}
	return list
}
