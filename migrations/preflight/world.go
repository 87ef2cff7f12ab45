package preflight

import (
	"slices"

	"github.com/avenit/tenantry/migrations/release"
)

// world is what is known of a database after some of the steps: what they make, change and take away.
type world struct {
	facts facts
	// opaque: a step may have done anything; vague: tables may have come whose names are not known.
	opaque, vague bool
	// stirred: rows of any table may be others.
	stirred bool
	// path is the file whose names without a schema mean something else than before.
	path      string
	functions []string
	tables    map[string]*change
}

// change is what the steps so far did to a table.
type change struct {
	made, gone, rows, cascades bool
	// unknown are columns that are not what they were.
	unknown []string
	// later are constraints that are not validated yet.
	later map[string]release.Need
}

func newWorld(f facts) *world { return &world{facts: f, tables: map[string]*change{}} }

// table finds what a name means, nil when nothing is there of that name, and what the steps did to it. The two names of one table find the same.
func (w *world) table(n release.Name) (*table, *change) {
	t := w.facts.tables[n]
	key := n.String()
	switch {
	case t != nil:
		key = t.said
	case n.Schema == "":
		key = w.facts.schema + "." + n.Name
	}
	c := w.tables[key]
	if c == nil {
		c = &change{later: map[string]release.Need{}}
		w.tables[key] = c
	}
	if c.gone && !c.made {
		t = nil
	}
	return t, c
}

// readable says whether names mean what they meant before the release.
func (w *world) readable(s step, n release.Name) bool {
	return n.Schema != "" || w.path != s.left.File.Name
}

// doubt says why a question about a table cannot be asked now, "" when it can.
func (w *world) doubt(s step, n release.Name, columns, functions []string) string {
	const earlier = "an earlier statement of the release "
	t, c := w.table(n)
	touched := func(column string) bool { return slices.Contains(c.unknown, column) }
	switch {
	case s.unread != "":
		return "the statement cannot be read"
	case !w.readable(s, n):
		return "the search path was changed"
	case w.opaque:
		return earlier + "may do anything"
	case w.stirred || c.rows:
		return earlier + "changes rows"
	case t == nil || c.made || c.gone:
		return earlier + "makes the table"
	case slices.ContainsFunc(columns, touched):
		return earlier + "changes the column"
	case slices.ContainsFunc(functions, func(f string) bool { return slices.Contains(w.functions, f) }):
		return earlier + "makes a function that it calls"
	}
	return ""
}

// after takes over what a step does.
func (w *world) after(s step) {
	e := s.effects
	w.opaque = w.opaque || e.Opaque
	w.vague = w.vague || e.Opaque || e.Extension != nil
	if e.SearchPath {
		w.path = s.left.File.Name
	}
	w.functions = append(w.functions, e.Functions...)
	for _, t := range e.Tables {
		if !w.readable(s, t.Name) {
			w.opaque, w.vague = true, true
			continue
		}
		w.tableAfter(t)
	}
}

func (w *world) tableAfter(t release.TableEffects) {
	there, c := w.table(t.Name)
	switch {
	case t.Gone:
		c.gone, c.made = true, false
	case t.Makes && (there == nil || !t.Optional):
		c.made = true
	}
	c.rows = c.rows || t.Rows
	c.cascades = c.cascades || t.Cascades
	if t.Rows && (c.cascades || (there != nil && there.cascades)) {
		w.stirred = true
	}
	c.unknown = append(c.unknown, t.Unknown...)
	for _, a := range t.Adds {
		c.unknown = append(c.unknown, a.Name)
	}
	for _, need := range t.Needs {
		if need.NotValidated && need.Constraint != "" {
			c.later[need.Constraint] = need
		}
	}
}
