package lint

import (
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// name of a relation, a type or a function; schema "" when the statement does not say.
type name struct {
	schema, name string
}

// nameOf reads a RangeVar.
func nameOf(rangeVar tree) name {
	return name{rangeVar.text("schemaname"), rangeVar.text("relname")}
}

// nameIn takes the last two parts of a qualified name.
func nameIn(parts []string) name {
	switch n := len(parts); n {
	case 0:
		return name{}
	case 1:
		return name{"", parts[0]}
	default:
		return name{parts[n-2], parts[n-1]}
	}
}

// String is the name as SQL. The schema public is left out: it is where nearly everything is.
func (n name) String() string {
	if n.schema == "" || n.schema == "public" {
		return ident(n.name)
	}
	return ident(n.schema) + "." + ident(n.name)
}

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// ident writes a name so that it can be pasted into SQL: plainly where it can be.
func ident(text string) string {
	if plainName.MatchString(text) && !reserved[text] {
		return text
	}
	return pgx.Identifier{text}.Sanitize()
}

func idents(names []string) string {
	list := make([]string, len(names))
	for i, text := range names {
		list[i] = ident(text)
	}
	return strings.Join(list, ", ")
}

// maxNameBytes is what PostgreSQL keeps of a name.
const maxNameBytes = 63

// made joins parts to the name of something new, as PostgreSQL itself does, and keeps it short enough.
func made(parts ...string) string {
	text := strings.Join(parts, "_")
	for len(text) > maxNameBytes {
		runes := []rune(text)
		text = string(runes[1:])
	}
	return text
}

// reserved are the words that cannot be a column's or a table's name without quotes, of PostgreSQL 15 to 18.
var reserved = words(`all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
	concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp current_user
	default deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having ilike in initially inner
	intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer
	overlaps placing primary references returning right select session_user similar some symmetric system_user table tablesample then to trailing
	true union unique user using variadic verbose when where window with`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}
