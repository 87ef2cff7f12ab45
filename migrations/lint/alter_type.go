package lint

import (
	"fmt"
	"slices"
)

// changeType judges ALTER COLUMN TYPE.
func (a *alteration) changeType(c tree) {
	a.take(AccessExclusive)
	of, def := c.text("name"), c.at("def", "ColumnDef")
	column := a.table.column(of)
	from, to := column.typ, typeOf(def.at("typeName"))
	change := a.schema.changeUsing(from, to, of, def.at("raw_default"))
	a.preferType(of, to)
	switch change {
	case inCatalog:
		a.changeInPlace(of, from, to, def.has("collClause"))
	case anew:
		a.does(a.table, Rewrites)
		a.find(a.table, "alter_column_type", fmt.Sprintf("%s becomes %s: every row of %s is written anew under %s", typeWord(from, ident(of)), to, a.table.name, about(a.table, AccessExclusive)),
			a.typeInstead(of, to))
	case notKnown:
		a.does(a.table, Rewrites)
		a.out.Unknown = true
		a.find(a.table, "alter_column_type",
			fmt.Sprintf("the present type of %s.%s is not known here, so this is taken for a rewrite of every row under %s", a.table.name, ident(of), about(a.table, AccessExclusive)),
			a.typeInstead(of, to))
	}
	for _, key := range a.schema.keys {
		if key.from == a.table && slices.Contains(key.columns, of) || key.to == a.table && slices.Contains(key.refs, of) {
			a.lock(key.from, AccessExclusive)
			a.lock(key.to, AccessExclusive)
			if change != inCatalog { // the key is made again, and checked
				a.does(key.from, Scans)
				a.does(key.to, Scans)
			}
		}
	}
	for _, member := range a.schema.family(a.table) {
		member.column(of).typ = to
	}
}

func typeWord(from typeName, of string) string {
	if from.base == "" {
		return of
	}
	return fmt.Sprintf("%s, which is %s,", of, from)
}

// changeUsing is changeOf with a USING expression, which changes nothing where it is the column itself, cast or not.
func (s *schema) changeUsing(from, to typeName, of string, using tree) change {
	switch {
	case len(using) == 0, isColumn(using, of):
		return s.changeOf(from, to)
	case using.has("TypeCast") && isColumn(using.at("TypeCast", "arg"), of):
		cast := typeOf(using.at("TypeCast", "typeName"))
		return max(s.changeOf(from, cast), s.changeOf(cast, to))
	default:
		return anew
	}
}

func isColumn(expression tree, of string) bool {
	names := expression.at("ColumnRef").names("fields")
	return len(names) > 0 && names[len(names)-1] == of
}

// changeInPlace looks at what is checked or built again although the rows stay.
func (a *alteration) changeInPlace(of string, from, to typeName, collation bool) {
	for _, member := range a.schema.family(a.table) {
		again := Work("")
		for _, c := range member.checks {
			if c.columns[of] && c.validated {
				again = Scans
			}
		}
		for _, x := range a.schema.indexesOf(member, of) {
			if x.complex || collation || (from.base == "citext") != (to.base == "citext") {
				again = Builds
			}
		}
		if again == "" {
			continue
		}
		a.does(member, again)
		a.find(member, "alter_column_type_check",
			fmt.Sprintf("the rows of %s stay as they are, but a constraint or an index on %s is checked or built anew under %s", member.name, ident(of), about(member, AccessExclusive)),
			"drop the constraint or index before (CONCURRENTLY), and make it again after: NOT VALID and VALIDATE, CONCURRENTLY")
	}
	if !from.same(to) {
		a.find(a.table, "alter_column_type_plans",
			fmt.Sprintf("only the catalog changes; prepared statements that return %s fail once with \"cached plan must not change result type\"", ident(of)),
			"nothing, where the code's driver prepares again after that error")
	}
}

func (a *alteration) typeInstead(of string, to typeName) string {
	next := ident(made(of, "new"))
	return fmt.Sprintf("ALTER TABLE %[1]s ADD COLUMN %[3]s %[4]s;\n"+
		"let a trigger or the code write both; copy old rows in batches, outside of migrations;\n"+
		"release code that reads %[3]s; then drop %[2]s", a.table.name, ident(of), next, to)
}
