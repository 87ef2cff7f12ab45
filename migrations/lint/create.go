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

// defineColumn adds a column to the schema and says what is wrong with its type.
func (v *visit) defineColumn(r *relation, def tree) {
	of := def.text("colname")
	c := &column{typ: typeOf(def.at("typeName"))}
	if typ, isSerial := serials[c.typ.base]; isSerial {
		v.note("prefer_identity", fmt.Sprintf("%s is %s: the right to insert must be given for its sequence too", ident(of), c.typ.base),
			fmt.Sprintf("%s %s GENERATED ALWAYS AS IDENTITY", ident(of), typ))
		c.typ, c.notNull = typ, true
		c.sequence = v.schema.add(name{r.name.schema, made(r.name.name, of, "seq")}, aSequence, v.fresh)
	}
	v.preferType(of, c.typ)
	r.columns[of] = c
	for _, item := range def.list("constraints") {
		constraint := item.at("Constraint")
		switch constraint.text("contype") {
		case "CONSTR_NOTNULL":
			c.notNull = true
		case "CONSTR_IDENTITY":
			c.notNull = true
			c.sequence = v.schema.add(name{r.name.schema, made(r.name.name, of, "seq")}, aSequence, v.fresh)
		default:
			v.defineConstraint(r, constraint, of)
		}
	}
}

// preferType gives the notices about types.
func (v *visit) preferType(of string, typ typeName) {
	switch typ.base {
	case "bpchar":
		v.note("prefer_text", fmt.Sprintf("%s is %s: values are padded with blanks, which comparisons ignore", ident(of), typ),
			fmt.Sprintf("%s text", ident(of)))
	case "timestamp":
		v.note("prefer_timestamptz", fmt.Sprintf("%s is %s: which moment a value means depends on who reads it", ident(of), typ),
			fmt.Sprintf("%s timestamptz", ident(of)))
	case "json":
		v.note("prefer_jsonb", fmt.Sprintf("%s is json: it has no equality, so SELECT DISTINCT and UNION fail, and it is parsed at every use", ident(of)),
			fmt.Sprintf("%s jsonb", ident(of)))
	}
}

// defineConstraint adds a constraint to the schema, of a column where one is given, and locks what a foreign key refers to.
func (v *visit) defineConstraint(r *relation, constraint tree, of string) {
	columns := constraint.names("keys")
	if of != "" {
		columns = []string{of}
	}
	switch constraint.text("contype") {
	case "CONSTR_PRIMARY", "CONSTR_UNIQUE":
		v.defineKey(r, constraint, columns)
	case "CONSTR_EXCLUSION":
		v.defineIndex(r, constraintName(constraint, r, columns, "excl"), nil, constraint, true)
	case "CONSTR_CHECK":
		expression := constraint.at("raw_expr")
		r.checks[constraintName(constraint, r, columns, "check")] = &check{
			proves: proofs(expression), columns: columnsIn(expression), validated: !constraint.flag("skip_validation"),
		}
	case "CONSTR_FOREIGN":
		if of == "" {
			columns = constraint.names("fk_attrs")
		}
		to := v.schema.relation(nameOf(constraint.at("pktable")))
		v.lock(to, ShareRowExclusive)
		v.schema.keys = append(v.schema.keys, &foreignKey{
			name: constraintName(constraint, r, columns, "fkey"), from: r, to: to, columns: columns, refs: constraint.names("pk_attrs"),
			validated: !constraint.flag("skip_validation"),
		})
	}
}

// defineKey adds a PRIMARY KEY or UNIQUE.
func (v *visit) defineKey(r *relation, constraint tree, columns []string) {
	primary := constraint.text("contype") == "CONSTR_PRIMARY"
	suffix := "key"
	if primary {
		suffix = "pkey"
	}
	if existing := constraint.text("indexname"); existing != "" {
		x, known := v.schema.index(name{r.name.schema, existing})
		if !known {
			return
		}
		columns = x.columns
		delete(v.schema.indexes, x.name)
		x.constraint = true
		if named := constraint.text("conname"); named != "" {
			x.name.name = named
		}
		v.schema.indexes[x.name] = x
	} else {
		parts := columns
		if primary {
			parts = nil
		}
		v.defineIndex(r, constraintName(constraint, r, parts, suffix), columns, nil, true)
	}
	if !primary {
		return
	}
	for _, of := range columns {
		c := r.column(of)
		c.notNull = true
		if slices.Contains([]string{"int2", "int4"}, c.typ.base) && len(columns) == 1 && !v.isReference(r, of) {
			v.note("prefer_bigint_key", fmt.Sprintf("the primary key %s is %s: turning it into bigint later rewrites the table", ident(of), c.typ),
				fmt.Sprintf("%s bigint", ident(of)))
		}
	}
}

// isReference reports whether a column refers to another table: its type is that table's matter.
func (v *visit) isReference(r *relation, of string) bool {
	for _, key := range v.schema.keys {
		if key.from == r && slices.Contains(key.columns, of) {
			return true
		}
	}
	return false
}

func (v *visit) defineIndex(r *relation, named string, columns []string, from tree, constraint bool) *index {
	x := &index{name: name{r.name.schema, named}, table: r, columns: columns, constraint: constraint}
	x.mentions = columnsIn(from)
	for _, of := range columns {
		x.mentions[of] = true
	}
	v.schema.indexes[x.name] = x
	return x
}

// constraintName is the constraint's own name, or the one that PostgreSQL gives.
func constraintName(constraint tree, r *relation, columns []string, suffix string) string {
	if named := constraint.text("conname"); named != "" {
		return named
	}
	return made(slices.Concat([]string{r.name.name}, columns, []string{suffix})...)
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
