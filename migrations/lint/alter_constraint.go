package lint

import (
	"fmt"
	"slices"
)

func (a *alteration) addConstraint(c tree) {
	constraint := c.at("def", "Constraint")
	switch constraint.text("contype") {
	case "CONSTR_CHECK":
		a.addCheck(constraint)
	case "CONSTR_FOREIGN":
		a.addForeignKey(constraint)
	case "CONSTR_PRIMARY", "CONSTR_UNIQUE":
		a.addKey(constraint)
	case "CONSTR_EXCLUSION":
		a.take(AccessExclusive)
		a.does(a.table, Builds)
		a.find(a.table, "add_exclusion", fmt.Sprintf("its index is built under %s, and there is no way to build it CONCURRENTLY", about(a.table, AccessExclusive)),
			"make the constraint while the table is small; else a new table that has it, copied in batches")
	default:
		a.take(AccessExclusive)
	}
	a.defineConstraint(a.table, constraint, "")
	if constraint.flag("skip_validation") {
		a.tx.added(a.table, constraintName(constraint, a.table, constraint.names("fk_attrs"), suffixes[constraint.text("contype")]))
	}
}

var suffixes = map[string]string{"CONSTR_CHECK": "check", "CONSTR_FOREIGN": "fkey"}

// added remembers a constraint that is not validated yet.
func (tx *transaction) added(r *relation, constraint string) {
	if tx.unvalidated[r] == nil {
		tx.unvalidated[r] = map[string]bool{}
	}
	tx.unvalidated[r][constraint] = true
}

// twoSteps is the statement as NOT VALID, and the VALIDATE that must follow in a file of its own.
func (a *alteration) twoSteps(definition, named string) string {
	first := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s NOT VALID", a.table.name, ident(named), definition)
	return fmt.Sprintf("%s;\nALTER TABLE %s VALIDATE CONSTRAINT %s;   -- in a file of its own", first, a.table.name, ident(named))
}

func (a *alteration) addCheck(constraint tree) {
	a.take(AccessExclusive)
	if constraint.flag("skip_validation") {
		return
	}
	a.does(a.table, Scans)
	definition := "CHECK (…)"
	if proven := proofs(constraint.at("raw_expr")); len(proven) == 1 && constraint.at("raw_expr").has("NullTest") {
		for of := range proven {
			definition = fmt.Sprintf("CHECK (%s IS NOT NULL)", ident(of))
		}
	}
	a.find(a.table, "add_check", fmt.Sprintf("every row of %s is checked under %s", a.table.name, about(a.table, AccessExclusive)),
		a.twoSteps(definition, constraintName(constraint, a.table, nil, "check")))
}

func (a *alteration) addForeignKey(constraint tree) {
	to := a.schema.relation(nameOf(constraint.at("pktable")))
	a.take(ShareRowExclusive)
	a.lock(to, ShareRowExclusive)
	if constraint.flag("skip_validation") {
		return
	}
	a.looksUp(to)
	columns := constraint.names("fk_attrs")
	a.find(a.table, "add_foreign_key",
		fmt.Sprintf("every row of %s is looked up in %s under %s; the same holds for %s", a.table.name, to.name, about(a.table, ShareRowExclusive), to.name),
		a.foreignKeyInstead(constraintName(constraint, a.table, columns, "fkey"), columns, to.name))
}

// looksUp reads a table and what its keys refer to. The keys of a table that was just made are none or few.
func (a *alteration) looksUp(to *relation) {
	a.does(a.table, Scans)
	if !a.table.fresh {
		a.does(to, Scans)
	}
}

func (a *alteration) foreignKeyInstead(named string, columns []string, to name) string {
	return a.twoSteps(fmt.Sprintf("FOREIGN KEY (%s) REFERENCES %s …", idents(columns), to), named)
}

func (a *alteration) addKey(constraint tree) {
	a.take(AccessExclusive)
	columns := constraint.names("keys")
	existing := constraint.text("indexname")
	if existing == "" {
		a.does(a.table, Builds)
		a.keyFinding(constraint, columns)
		return
	}
	if constraint.text("contype") != "CONSTR_PRIMARY" {
		return
	}
	x, known := a.schema.index(name{a.table.name.schema, existing})
	if !known {
		a.does(a.table, Scans)
		a.out.Unknown = true
		a.find(a.table, "add_primary_key", fmt.Sprintf("the columns of %s are not known here; where one may be NULL, every row is read under %s", ident(existing), about(a.table, AccessExclusive)),
			"make the columns NOT NULL before, as set_not_null says")
		return
	}
	open := slices.DeleteFunc(slices.Clone(x.columns), a.table.proven)
	if len(open) > 0 {
		a.does(a.table, Scans)
		a.find(a.table, "add_primary_key", fmt.Sprintf("%s may be NULL, so every row is read under %s", idents(open), about(a.table, AccessExclusive)),
			fmt.Sprintf("make %s NOT NULL before, as set_not_null says", idents(open)))
	}
}

// keyFinding is about a PRIMARY KEY or UNIQUE that builds its own index.
func (a *alteration) keyFinding(constraint tree, columns []string) {
	rule, kind, suffix := "add_unique", "UNIQUE", "key"
	parts := columns
	if constraint.text("contype") == "CONSTR_PRIMARY" {
		rule, kind, suffix, parts = "add_primary_key", "PRIMARY KEY", "pkey", nil
	}
	named := ident(constraintName(constraint, a.table, parts, suffix))
	a.find(a.table, rule, fmt.Sprintf("its index is built under %s", about(a.table, AccessExclusive)),
		fmt.Sprintf("CREATE UNIQUE INDEX CONCURRENTLY %s ON %s (%s);   -- in a file without a transaction\nALTER TABLE %[2]s ADD CONSTRAINT %[1]s %[4]s USING INDEX %[1]s;",
			named, a.table.name, idents(columns), kind))
}

func (a *alteration) validate(c tree) {
	named := c.text("name")
	a.take(ShareUpdateExclusive)
	a.does(a.table, Scans)
	for _, key := range a.schema.keys {
		if key.from == a.table && key.name == named {
			a.lock(key.to, RowShare)
			a.looksUp(key.to)
			key.validated = true
		}
	}
	if check := a.table.checks[named]; check != nil {
		check.validated = true
	}
	if !a.tx.unvalidated[a.table][named] {
		return
	}
	a.find(a.table, "validate_in_transaction",
		fmt.Sprintf("every row of %s is checked while the lock of the ADD CONSTRAINT in the same transaction is held: NOT VALID was for nothing", a.table.name),
		"move the VALIDATE into a file of its own")
}

func (a *alteration) dropConstraint(c tree) {
	a.take(AccessExclusive)
	named := c.text("name")
	_, isKey := a.schema.indexes[name{a.table.name.schema, named}]
	for _, member := range a.schema.family(a.table) {
		delete(member.checks, named)
		delete(a.schema.indexes, name{member.name.schema, named})
	}
	a.schema.keys = slices.DeleteFunc(a.schema.keys, func(key *foreignKey) bool {
		if key.from != a.table || key.name != named {
			return false
		}
		a.lock(key.to, AccessExclusive)
		if key.to != a.table {
			a.find(key.to, "drop_foreign_key", fmt.Sprintf("%s, and the same on %s, for a moment", about(a.table, AccessExclusive), key.to.name),
				"do nothing else in this transaction")
		}
		return true
	})
	if c.text("behavior") == "DROP_CASCADE" {
		if isKey {
			a.dropReferences()
		}
		a.find(a.table, "drop_cascade", "CASCADE drops the keys of other tables that refer to the constraint, without naming them",
			"leave CASCADE out, and drop by name what stands in the way")
	}
}

// dropReferences drops the foreign keys that refer to the table, as CASCADE does with its key.
func (a *alteration) dropReferences() {
	a.schema.keys = slices.DeleteFunc(a.schema.keys, func(key *foreignKey) bool {
		if key.to != a.table {
			return false
		}
		a.lock(key.from, AccessExclusive)
		return true
	})
}
