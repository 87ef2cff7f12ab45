package lint

import (
	"fmt"
	"slices"
	"strings"
)

func (v *visit) createTable(t tree) {
	n := nameOf(t.at("relation"))
	if _, there := v.schema.known(n); there && t.flag("if_not_exists") {
		return
	}
	r := v.schema.add(n, aTable, v.fresh || t.at("relation").text("relpersistence") == "t")
	r.parted = t.has("partspec")
	for _, part := range t.at("partspec").list("partParams") {
		if of := part.at("PartitionElem").text("name"); of != "" {
			r.keys = append(r.keys, of)
		}
	}
	v.inherit(r, t)
	var keyed []tree
	for _, item := range t.list("tableElts") {
		switch {
		case item.has("ColumnDef"):
			v.defineColumn(r, item.at("ColumnDef"))
		case item.has("Constraint"):
			keyed = append(keyed, item.at("Constraint"))
		case item.has("TableLikeClause"):
			v.like(r, item.at("TableLikeClause"))
		}
	}
	for _, constraint := range keyed { // after all columns, which they name
		v.defineConstraint(r, constraint, "")
	}
}

// inherit takes the columns of partitions and heirs from the table above.
func (v *visit) inherit(r *relation, t tree) {
	for _, item := range t.list("inhRelations") {
		parent := v.schema.relation(nameOf(item.at("RangeVar")))
		r.parent, r.whole = parent, parent.whole
		for of, c := range parent.columns {
			r.columns[of] = &column{typ: c.typ, notNull: c.notNull}
		}
		if !t.has("partbound") {
			v.lock(parent, ShareUpdateExclusive)
			continue
		}
		v.lock(parent, AccessExclusive)
		if other := v.defaultPartition(parent, r); other != nil {
			v.lock(other, AccessExclusive)
			v.does(other, Scans)
		}
		r.takesRest = t.at("partbound").flag("is_default")
		v.find(parent, "add_partition", about(parent, AccessExclusive)+" for a moment",
			fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL); and in a file of its own ALTER TABLE %s ATTACH PARTITION %s …, which only takes %s",
				r.name, parent.name, parent.name, r.name, ShareUpdateExclusive))
	}
}

// defaultPartition returns the partition that takes what no other does.
func (v *visit) defaultPartition(parent, but *relation) *relation {
	for _, child := range v.schema.children(parent) {
		if child.takesRest && child != but {
			return child
		}
	}
	return nil
}

func (v *visit) like(r *relation, t tree) {
	from := v.schema.relation(nameOf(t.at("relation")))
	v.lock(from, AccessShare)
	r.whole = r.whole && from.whole
	for of, c := range from.columns {
		r.columns[of] = &column{typ: c.typ, notNull: c.notNull}
	}
}

func (v *visit) createTableAs(t tree) {
	into := nameOf(t.at("into", "rel"))
	v.query(t.at("query"))
	if _, there := v.schema.known(into); there && t.flag("if_not_exists") {
		return
	}
	kind := aTable
	if t.text("objtype") == "OBJECT_MATVIEW" {
		kind = aMatView
	}
	r := v.schema.add(into, kind, v.fresh || t.at("into", "rel").text("relpersistence") == "t")
	r.whole, r.uses = false, v.relationsIn(t.at("query"))
}

func (v *visit) createView(t tree) {
	n := nameOf(t.at("view"))
	uses := v.relationsIn(t.at("query"))
	for _, r := range uses {
		v.lock(r, AccessShare)
	}
	if existing, there := v.schema.known(n); there && t.flag("replace") {
		v.lock(existing, AccessExclusive)
		existing.uses = uses
		return
	}
	r := v.schema.add(n, aView, v.fresh)
	r.uses = uses
}

func (v *visit) createFunction(t tree) {
	n := nameIn(t.names("funcname"))
	volatile := true
	if arg, given := t.option("options", "volatility"); given {
		volatile = arg.at("String").text("sval") == "volatile"
	}
	v.schema.volatile[n.name] = volatile
	if !t.flag("replace") || !v.schema.hasObject("function", n) {
		v.schema.make("function", n, v.fresh)
	}
}

func (v *visit) createDomain(t tree) {
	n := nameIn(t.names("domainname"))
	d := domain{base: typeOf(t.at("typeName"))}
	for _, item := range t.list("constraints") {
		switch item.at("Constraint").text("contype") {
		case "CONSTR_CHECK", "CONSTR_NOTNULL":
			d.constrained = true
		}
	}
	v.schema.domains[n.name] = d
	v.schema.make("type", n, v.fresh)
}

func (v *visit) createEnum(t tree) {
	n := nameIn(t.names("typeName"))
	v.schema.make("type", n, v.fresh)
	v.note("prefer_text_to_enum", fmt.Sprintf("%s is an enum: its values can never be dropped, and a new one is unusable in its own transaction", n),
		"a column of type text with CHECK (… IN (…)), or a table of the values")
}

func (v *visit) createStatistics(t tree) {
	for _, item := range t.list("relations") {
		v.lock(v.schema.relation(nameOf(item.at("RangeVar"))), ShareUpdateExclusive)
	}
}

func (v *visit) createPublication(t tree) {
	for _, item := range t.list("pubobjects") {
		if table := item.at("PublicationObjSpec", "pubtable", "relation"); len(table) > 0 {
			v.lock(v.schema.relation(nameOf(table)), ShareUpdateExclusive)
		}
	}
}

func (v *visit) createTrigger(t tree) {
	r := v.schema.relation(nameOf(t.at("relation")))
	v.lock(r, ShareRowExclusive)
	if to := t.at("constrrel"); len(to) > 0 {
		v.lock(v.schema.relation(nameOf(to)), ShareRowExclusive)
	}
	v.find(r, "create_trigger",
		fmt.Sprintf("%s for a moment; from then on %s() runs at every %s of the code that is running", about(r, ShareRowExclusive), nameIn(t.names("funcname")), events(t)),
		"make sure that the function is short, raises nothing that the running code does not expect, and is there already")
}

// events are the bits of a trigger's event mask.
func events(t tree) string {
	var list []string
	for bit, word := range map[int]string{4: "INSERT", 8: "DELETE", 16: "UPDATE", 32: "TRUNCATE"} {
		if t.number("events")&bit != 0 {
			list = append(list, word)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func (v *visit) changePolicy(t tree) {
	v.lock(v.schema.relation(nameOf(t.at("table"))), AccessExclusive)
	for _, r := range v.relationsIn(t) {
		v.lock(r, AccessShare)
	}
}

// set follows the search path, which decides where names without a schema are.
func (v *visit) set(t tree) {
	if t.text("name") != "search_path" {
		return
	}
	var path []string
	for _, arg := range t.list("args") {
		if schema := arg.at("A_Const", "sval").text("sval"); schema != "" && schema != "$user" && schema != `"$user"` {
			path = append(path, schema)
		}
	}
	if path == nil {
		path = []string{"public"}
	}
	v.schema.path = path
}
