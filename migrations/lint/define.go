package lint

import (
	"fmt"
	"slices"
)

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
