package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/release"
)

// question is one query on rows. Either it counts rows that a statement cannot do with, at most mostRows, or it is a check of the release.
type question struct {
	sql string
	// what is wrong when the answer is bad, in the same words for every tenant.
	what string
	// rows says what is counted, such as "rows are NULL"; "" for a check.
	rows string
	fix  string
	// check: the answer is true or false. early: no statement of the release comes before it that could make what it speaks of.
	check, early bool
}

// checks takes over the release's own questions before a step. They are about the database as it is before the release.
func (j *judgement) checks(s step, first bool) {
	for _, c := range s.left.Statement.Checks() {
		j.questions = append(j.questions, question{
			sql: c.SQL, what: fmt.Sprintf("the check at %s:%d (%s)", s.left.File.Name, c.Line, c.Says), check: true, early: first,
			fix: "mend the data, or leave the tenant out",
		})
	}
}

// needs turns what a step needs of a table's rows into questions, or says why it is not looked.
func (j *judgement) needs(w *world, s step, t release.TableEffects) {
	there, c := w.table(t.Name)
	for _, need := range t.Needs {
		if need.NotValidated {
			continue
		}
		if there == nil && c.made {
			continue // its rows, if any, are the release's own
		}
		if need.Kind == release.NeedValid {
			need = w.constraint(there, c, need)
		}
		doubt := w.doubt(s, t.Name, need.Columns, need.Functions)
		if need.Kind == release.NeedNoRows { // its column is the one that comes
			doubt = w.doubt(s, t.Name, nil, nil)
		}
		if doubt == "" {
			doubt = w.unasked(s, there, need)
		}
		what := fmt.Sprintf("%s: %s", s.place(), describe(need, t.String()))
		if doubt != "" {
			j.add(notLooked("not looked whether "+what+": "+doubt, ""))
			continue
		}
		q := question{what: what, fix: "mend the data, or leave the tenant out"}
		q.sql, q.rows = violations(need, there, w.references(need))
		j.questions = append(j.questions, q)
	}
}

// constraint finds what a constraint says that is to be validated: one that an earlier step added, or one that is there.
func (w *world) constraint(there *table, c *change, need release.Need) release.Need {
	if later, ok := c.later[need.Constraint]; ok {
		return later
	}
	if there == nil {
		return need
	}
	at := slices.IndexFunc(w.facts.unvalidated, func(k constraint) bool { return k.OID == there.oid && k.Name == need.Constraint })
	if at < 0 {
		return release.Need{Kind: release.NeedOther, Constraint: need.Constraint} // valid already, or there are too many
	}
	k := w.facts.unvalidated[at]
	found := release.Need{Constraint: k.Name, Columns: k.Columns, MatchFull: k.MatchFull, ReferenceTo: k.ReferenceTo}
	switch {
	case k.Type == "c" && k.Expression != nil:
		found.Kind, found.Expressions = release.NeedCheck, []string{*k.Expression}
	case k.Type == "n":
		found.Kind = release.NeedNotNull
	case k.Type == "f":
		found.Kind = release.NeedReference
		found.References = release.Name{Name: k.References}
		w.facts.tables[found.References] = &table{name: k.References, said: k.References}
	default:
		found.Kind = release.NeedOther
	}
	return found
}

// references is the table that a foreign key points at, nil where there is none.
func (w *world) references(need release.Need) *table {
	if need.Kind != release.NeedReference {
		return nil
	}
	t, _ := w.table(need.References)
	return t
}

// unasked says why a question would cost too much, or cannot be put; "" when it can.
func (w *world) unasked(s step, there *table, need release.Need) string {
	switch need.Kind {
	case release.NeedOther, release.NeedValid:
		return "such a constraint is not looked into"
	case release.NeedUnique, release.NeedReference:
		if there.rows > manyRows {
			return fmt.Sprintf("the table has about %d rows", there.rows)
		}
	case release.NeedCheck, release.NeedNotNull, release.NeedNoRows:
	}
	if slices.Contains(need.Expressions, "") {
		return "the statement cannot be read"
	}
	for _, column := range need.Columns {
		if _, has := there.columns[column]; !has && need.Kind != release.NeedNoRows {
			return "it has no column " + column
		}
	}
	if need.Kind != release.NeedReference {
		return ""
	}
	if doubt := w.doubt(s, need.References, need.ReferenceTo, nil); doubt != "" {
		return doubt
	}
	if to := w.references(need); len(need.ReferenceTo) == 0 && len(to.key) != len(need.Columns) {
		return "the table that it references has another key"
	}
	return ""
}

// describe says what a statement needs.
func describe(need release.Need, table string) string {
	columns := strings.Join(need.Columns, ", ")
	switch need.Kind {
	case release.NeedNoRows:
		return fmt.Sprintf("%s has no rows: %s is to be NOT NULL and has no default", table, columns)
	case release.NeedNotNull:
		return fmt.Sprintf("%s.%s is never NULL", table, columns)
	case release.NeedCheck:
		return fmt.Sprintf("all rows of %s fulfil the constraint%s", table, named(need))
	case release.NeedUnique:
		return fmt.Sprintf("%s is unique in %s", columns, table)
	case release.NeedReference:
		return fmt.Sprintf("every %s of %s is found in %s", columns, table, need.References)
	case release.NeedValid, release.NeedOther:
	}
	return fmt.Sprintf("all rows of %s fulfil the constraint%s", table, named(need))
}

func named(need release.Need) string {
	if need.Constraint == "" {
		return ""
	}
	return " " + need.Constraint
}

// violations is the query that counts the rows that a need does not bear, and what it counts. Expressions are the release's own SQL, as it
// stands in the statement that will run.
func violations(need release.Need, t, to *table) (sql, rows string) {
	limit := mostRows
	switch need.Kind {
	case release.NeedNoRows:
		sql, rows, limit = "SELECT 1 FROM "+t.name, "rows are there", 1
	case release.NeedNotNull:
		sql, rows = fmt.Sprintf("SELECT 1 FROM %s WHERE %s IS NULL", t.name, quote(need.Columns[0])), "rows are NULL"
	case release.NeedCheck:
		sql, rows = fmt.Sprintf("SELECT 1 FROM %s WHERE NOT (%s\n)", t.name, need.Expressions[0]), "rows break it"
	case release.NeedUnique:
		sql, rows = duplicates(need, t), "values come more than once"
	case release.NeedReference:
		sql, rows = orphans(need, t, to), "rows point at nothing"
	case release.NeedValid, release.NeedOther:
	}
	return fmt.Sprintf("SELECT count(*) FROM (%s LIMIT %d) AS found", sql, limit), rows
}

func duplicates(need release.Need, t *table) string {
	var where, keys []string
	if need.Where != "" {
		where = append(where, "("+need.Where+"\n)")
	}
	for _, e := range need.Expressions {
		keys = append(keys, "("+e+"\n)")
		if !need.NullsEqual {
			where = append(where, "("+e+"\n) IS NOT NULL")
		}
	}
	sql := "SELECT 1 FROM " + t.name
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return sql + " GROUP BY " + strings.Join(keys, ", ") + " HAVING count(*) > 1"
}

func orphans(need release.Need, t, to *table) string {
	key := need.ReferenceTo
	if len(key) == 0 {
		key = to.key
	}
	var given, equal []string
	for i, column := range need.Columns {
		given = append(given, "a."+quote(column)+" IS NOT NULL")
		equal = append(equal, "b."+quote(key[i])+" = a."+quote(column))
	}
	some := " AND "
	if need.MatchFull {
		some = " OR " // a key that is NULL in part is found nowhere
	}
	return fmt.Sprintf("SELECT 1 FROM %s AS a WHERE (%s) AND NOT EXISTS (SELECT FROM %s AS b WHERE %s)",
		t.name, strings.Join(given, some), to.name, strings.Join(equal, " AND "))
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
