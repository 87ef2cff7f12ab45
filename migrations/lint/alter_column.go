package lint

import (
	"fmt"
	"slices"
)

func (a *alteration) addColumn(c tree) {
	a.take(AccessExclusive)
	def := c.at("def", "ColumnDef")
	of := def.text("colname")
	if _, there := a.table.columns[of]; there && c.flag("missing_ok") {
		return
	}
	what := a.columnOf(def)
	a.defineColumn(a.table, def)
	column := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s", a.table.name, ident(of))
	if what.rewrite != "" {
		a.does(a.table, Rewrites)
		a.find(a.table, "add_column_rewrite", fmt.Sprintf("%s: every row of %s is written anew under %s", what.rewrite, a.table.name, about(a.table, AccessExclusive)),
			what.instead(column, a.table.name, ident(of)))
	}
	if what.needsValue {
		a.does(a.table, Scans)
		a.find(a.table, "add_column_not_null",
			fmt.Sprintf("fails on every tenant whose %s has a row, and what the running code inserts has no value for %s", a.table.name, ident(of)),
			fmt.Sprintf("%s %s NOT NULL DEFAULT <a constant>;\nor without NOT NULL, fill it, and prove it: see set_not_null", column, what.typ))
	}
	for _, item := range def.list("constraints") {
		a.inlineConstraint(item.at("Constraint"), of, what)
	}
}

// newColumn is what matters of a column that is added.
type newColumn struct {
	typ typeName
	// rewrite says why the table is rewritten, "" when it is not.
	rewrite    string
	volatile   bool
	notNull    bool
	hasDefault bool
	// needsValue: rows that are there have none.
	needsValue bool
}

func (v *visit) columnOf(def tree) newColumn {
	c := newColumn{typ: typeOf(def.at("typeName"))}
	var generated bool
	if typ, isSerial := serials[c.typ.base]; isSerial {
		c.typ, c.rewrite, generated = typ, "serial numbers the rows that there are", true
	}
	if d, isDomain := v.schema.domains[c.typ.base]; isDomain && d.constrained {
		c.rewrite = "the domain " + c.typ.base + " has constraints, which are checked for each row"
	}
	for _, item := range def.list("constraints") {
		constraint := item.at("Constraint")
		switch constraint.text("contype") {
		case "CONSTR_NOTNULL", "CONSTR_PRIMARY":
			c.notNull = true
		case "CONSTR_GENERATED":
			c.rewrite, generated = "a stored generated column is computed for each row", true
		case "CONSTR_IDENTITY":
			c.rewrite, generated = "an identity numbers the rows that there are", true
		case "CONSTR_DEFAULT":
			expression := constraint.at("raw_expr")
			c.hasDefault = !isNull(expression)
			if volatile, why := v.schema.volatility(expression); volatile {
				c.volatile, c.rewrite = true, why
			}
		}
	}
	c.needsValue = c.notNull && !c.hasDefault && !generated
	return c
}

// isNull reports whether an expression is NULL, also a cast one.
func isNull(expression tree) bool {
	for expression.has("TypeCast") {
		expression = expression.at("TypeCast", "arg")
	}
	return expression.at("A_Const").flag("isnull")
}

// instead says how the column comes without a rewrite.
func (c newColumn) instead(column string, table name, of string) string {
	switch {
	case c.volatile:
		return fmt.Sprintf("%s %s;\nALTER TABLE %s ALTER COLUMN %s SET DEFAULT …;\nthen fill old rows in batches, outside of migrations", column, c.typ, table, of)
	case c.typ.base != "" && c.rewrite[0] == 't':
		return fmt.Sprintf("%s with the domain's own type, and ADD CONSTRAINT … CHECK … NOT VALID, then VALIDATE", column)
	default:
		return fmt.Sprintf("%s %s;\nlet the code or a trigger fill new rows; fill old rows in batches, outside of migrations", column, c.typ)
	}
}

// inlineConstraint judges a constraint that stands in the definition of an added column.
func (a *alteration) inlineConstraint(constraint tree, of string, what newColumn) {
	switch constraint.text("contype") {
	case "CONSTR_CHECK":
		a.does(a.table, Scans)
		a.find(a.table, "add_check", fmt.Sprintf("the new column's CHECK is held against every row of %s under %s", a.table.name, about(a.table, AccessExclusive)),
			fmt.Sprintf("add the column; then ALTER TABLE %s ADD CONSTRAINT %s CHECK (…) NOT VALID; and in a file of its own VALIDATE CONSTRAINT %[2]s",
				a.table.name, ident(constraintName(constraint, a.table, []string{of}, "check"))))
	case "CONSTR_FOREIGN":
		if what.hasDefault {
			a.looksUp(a.schema.relation(nameOf(constraint.at("pktable"))))
			a.find(a.table, "add_foreign_key", fmt.Sprintf("the new column's default is looked up for every row of %s under %s", a.table.name, about(a.table, AccessExclusive)),
				a.foreignKeyInstead(constraintName(constraint, a.table, []string{of}, "fkey"), []string{of}, nameOf(constraint.at("pktable"))))
		}
	case "CONSTR_UNIQUE", "CONSTR_PRIMARY":
		a.does(a.table, Builds)
		a.keyFinding(constraint, []string{of})
	}
}

func (a *alteration) setNotNull(c tree) {
	a.take(AccessExclusive)
	of := c.text("name")
	if !a.table.proven(of) {
		a.does(a.table, Scans)
		proof := ident(made(a.table.name.name, of, "not_null"))
		a.find(a.table, "set_not_null", fmt.Sprintf("every row of %s is read under %s", a.table.name, about(a.table, AccessExclusive)),
			fmt.Sprintf("ALTER TABLE %[1]s ADD CONSTRAINT %[3]s CHECK (%[2]s IS NOT NULL) NOT VALID;\n"+
				"ALTER TABLE %[1]s VALIDATE CONSTRAINT %[3]s;   -- in a file of its own\n"+
				"ALTER TABLE %[1]s ALTER COLUMN %[2]s SET NOT NULL;   -- in another: it believes the constraint\n"+
				"ALTER TABLE %[1]s DROP CONSTRAINT %[3]s;", a.table.name, ident(of), proof))
	}
	for _, member := range a.schema.family(a.table) {
		member.column(of).notNull = true
	}
}

func (a *alteration) dropNotNull(c tree) {
	a.take(AccessExclusive)
	a.table.column(c.text("name")).notNull = false
}

func (a *alteration) addIdentity(c tree) {
	a.take(AccessExclusive)
	a.table.column(c.text("name")).sequence = a.schema.add(name{a.table.name.schema, made(a.table.name.name, c.text("name"), "seq")}, aSequence, a.fresh)
}

func (a *alteration) dropIdentity(c tree) {
	a.take(AccessExclusive)
	column := a.table.column(c.text("name"))
	if column.sequence != nil {
		a.lock(column.sequence, AccessExclusive)
		delete(a.schema.relations, column.sequence.name)
		column.sequence = nil
	}
}

func (a *alteration) setExpression(c tree) {
	a.take(AccessExclusive)
	a.does(a.table, Rewrites)
	a.find(a.table, "add_column_rewrite", fmt.Sprintf("the new expression of %s is computed for every row of %s under %s", ident(c.text("name")), a.table.name, about(a.table, AccessExclusive)),
		"add another column, fill it in batches, and let the code change over")
}

func (a *alteration) setStorage(c tree) {
	a.take(AccessExclusive)
	a.find(a.table, "set_storage", fmt.Sprintf("only what is written from now on is stored so: old values of %s stay as they are", ident(c.text("name"))),
		"nothing, if that is meant")
}

func (a *alteration) dropColumn(c tree) {
	a.take(AccessExclusive)
	of := c.text("name")
	a.find(a.table, "drop_column",
		fmt.Sprintf("the values of %s.%s are lost, and code that still reads or writes the column fails from then on", a.table.name, ident(of)),
		fmt.Sprintf("release first code that does not know the column; then say so here:\n-- tenantry:allow drop_column: no code since RELEASE reads %s.%s", a.table.name, ident(of)))
	if c.text("behavior") == "DROP_CASCADE" {
		a.find(a.table, "drop_cascade", "CASCADE drops what depends on the column, views and keys of other tables among it, without naming it",
			"leave CASCADE out, and drop by name what stands in the way")
	}
	for _, member := range a.schema.family(a.table) {
		if column := member.columns[of]; column != nil && column.sequence != nil {
			a.lock(column.sequence, AccessExclusive)
		}
		a.forgetColumn(member, of)
	}
}

// forgetColumn drops a column with what stands on it.
func (a *alteration) forgetColumn(r *relation, of string) {
	delete(r.columns, of)
	for named, c := range r.checks {
		if c.columns[of] {
			delete(r.checks, named)
		}
	}
	for _, x := range a.schema.indexesOf(r, of) {
		delete(a.schema.indexes, x.name)
	}
	a.schema.keys = slices.DeleteFunc(a.schema.keys, func(key *foreignKey) bool {
		gone := key.from == r && slices.Contains(key.columns, of) || key.to == r && slices.Contains(key.refs, of)
		if gone {
			a.lock(key.from, AccessExclusive)
			a.lock(key.to, AccessExclusive)
		}
		return gone
	})
}
