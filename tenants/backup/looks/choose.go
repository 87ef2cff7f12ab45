package looks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
)

// Table is a table of a backup, and what its copy is called.
type Table struct {
	Schema, Table string
	As            string
	// Bytes are those of its rows as they were dumped; 0 where others hold them, as the parts of a partitioned table do.
	Bytes int64
}

func (t Table) name() name { return name{t.Schema, t.Table} }

// quoted is the table's name as SQL has it.
func (t Table) quoted() string { return tenants.Ident(t.Schema) + "." + tenants.Ident(t.Table) }

// ownSchema is the schema that Tenantry keeps its own things in. Its tables are meant only by who names it.
const ownSchema = "_tenantry"

// Choose finds the tables that somebody means. A name without a schema is of public, or of the only schema that has it. What is no table of the backup is
// refused with a [*tenants.RefusedError] that says what there is. A table that is named twice is copied once.
func Choose(c backup.Contents, names []string) ([]Table, error) {
	things := thingsOf(c)
	var chosen []Table
	for _, text := range names {
		n, err := parseName(text)
		if err != nil {
			return nil, err
		}
		found, err := things.find(n)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(chosen, func(t Table) bool { return t.name() == found.name() }) {
			chosen = append(chosen, found)
		}
	}
	nameCopies(chosen)
	return chosen, nil
}

// things are what a backup has that may be taken for a table, by name: pg_dump's word for each.
type things struct {
	kinds map[name]string
	bytes map[name]int64
}

func thingsOf(c backup.Contents) things {
	t := things{map[name]string{}, map[name]int64{}}
	for _, thing := range c.Schema {
		switch thing.Kind {
		case backup.KindTable, backup.KindView, backup.KindMaterializedView, backup.KindForeignTable, backup.KindSequence:
			t.kinds[name{thing.Schema, thing.Name}] = thing.Kind
		}
	}
	for _, rows := range c.Tables {
		t.bytes[name{rows.Schema, rows.Table}] = rows.Bytes
	}
	return t
}

func (t things) find(n name) (Table, error) {
	full, err := t.complete(n)
	if err != nil {
		return Table{}, err
	}
	if kind := t.kinds[full]; kind != backup.KindTable {
		return Table{}, &tenants.RefusedError{
			Message: fmt.Sprintf("tables: %s is a %s, and only tables are restored", full, strings.ToLower(kind)), Fix: "name the tables that it reads, of which the backup has " + t.list(),
		}
	}
	return Table{Schema: full.schema, Table: full.table, Bytes: t.bytes[full]}, nil
}

// complete says in which schema a name is.
func (t things) complete(n name) (name, error) {
	var in []name
	for thing := range t.kinds {
		if thing.table == n.table && (thing.schema == n.schema || (n.schema == "" && thing.schema != ownSchema)) {
			in = append(in, thing)
		}
	}
	public := name{"public", n.table}
	switch {
	case n.schema == "" && slices.Contains(in, public):
		return public, nil
	case len(in) == 0:
		return n, &tenants.RefusedError{Message: fmt.Sprintf("tables: the backup has no table %s", n), Fix: "it has " + t.list()}
	case len(in) > 1:
		return n, &tenants.RefusedError{Message: fmt.Sprintf("tables: the backup has %s in several schemas", n), Fix: "name one of them: " + written(in)}
	}
	return in[0], nil
}

// list tells what tables there are.
func (t things) list() string {
	var tables []name
	for n, kind := range t.kinds {
		if kind == backup.KindTable && n.schema != ownSchema {
			tables = append(tables, n)
		}
	}
	if len(tables) == 0 {
		return "none"
	}
	return written(tables)
}

// written lists names, sorted, and not more than a person reads. Those of public stand without it.
func written(names []name) string {
	const most = 20
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = strings.TrimPrefix(n.String(), "public.")
	}
	slices.Sort(list)
	more := ""
	if len(list) > most {
		more = fmt.Sprintf(" and %d more", len(list)-most)
		list = list[:most]
	}
	return strings.Join(list, ", ") + more
}

// nameCopies names copies as their tables are named. Those that would share a name get their schema before it.
func nameCopies(tables []Table) {
	count := map[string]int{}
	for _, t := range tables {
		count[t.Table]++
	}
	taken := map[string]bool{}
	for _, t := range tables {
		taken[t.Table] = taken[t.Table] || count[t.Table] == 1
	}
	for i := range tables {
		t := &tables[i]
		t.As = t.Table
		for n := 1; count[t.Table] > 1 && (n == 1 || taken[t.As]); n++ {
			t.As = prefixed(*t, n)
		}
		taken[t.As] = true
	}
}

// mostIdentifier is how many bytes of a name PostgreSQL keeps.
const mostIdentifier = 63

// prefixed is the nth name of a copy with its schema in it, in as many bytes as a name may have.
func prefixed(t Table, n int) string {
	end := ""
	if n > 1 {
		end = fmt.Sprintf("_%d", n)
	}
	begin := t.Schema + "_" + t.Table
	return strings.ToValidUTF8(begin[:min(len(begin), mostIdentifier-len(end))], "") + end
}
