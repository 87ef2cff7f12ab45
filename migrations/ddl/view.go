package ddl

import (
	"fmt"
	"slices"
	"strings"
)

// view is what the view of a form is called and shows.
type view struct {
	name    string
	columns []viewColumn
	table   string // quoted
}

type viewColumn struct {
	name, expression string
}

// views brings the views of the touched forms in step. A view that only gets another name, other names of columns, or
// columns behind those it has, stays the same view: what others have built on it goes on. Any other is made anew, with what they have given to it.
//
// First what must go is dropped, then views are renamed, then made: so forms may trade their names.
func (b *builder) views() {
	b.op = -1
	b.nameViews()
	var drops, renames, creates, gives []string
	for _, form := range b.reg.Forms {
		if !b.touched[form.Key] {
			continue
		}
		before, after := b.viewBefore(form.Key), b.viewAfter(form)
		kept := before != nil && after != nil && b.keeps(*before, *after) && !b.remade[form.Key]
		switch {
		case kept:
			r, c := before.become(*after)
			renames, creates = append(renames, r...), append(creates, c...)
			if len(after.columns) > len(before.columns) {
				creates = append(creates, replacedOf(form, *after).replace(after.replacement())...)
			}
		case before != nil && after != nil:
			again := b.remadeOf(form, *before, *after)
			drops = append(append(drops, again.keep()...), b.dropView(form.Key, again)...)
			creates, gives = append(creates, after.creation()), append(gives, again.give())
		case before != nil:
			drops = append(drops, b.dropView(form.Key, goneOf(*before))...)
		case after != nil:
			creates = append(creates, after.creation())
		}
	}
	for _, key := range b.gone {
		if before := b.viewBefore(key); before != nil {
			drops = append(drops, b.dropView(key, goneOf(*before))...)
		}
	}
	// Before everything else: nothing waits for a view's readers while it holds a table.
	if len(drops) > 0 {
		b.first = append(b.first, drops...)
	}
	if rest := slices.Concat(renames, creates, gives); len(rest) > 0 {
		b.commit("", rest...)
	}
}

// nameViews names the views of the touched forms after their labels. One whose label is what it was keeps its name, and so do the views of other
// forms, and views that somebody has put beside ours.
func (b *builder) nameViews() {
	taken := &names{taken: map[string]bool{}}
	for name := range b.facts.Views {
		taken.taken[name] = true
	}
	for _, form := range b.original.Forms {
		delete(taken.taken, form.View)
	}
	var named []*Form
	for _, form := range b.reg.Forms {
		before := b.original.Form(form.Key)
		switch {
		case form.Dropped != nil:
			form.View = ""
		case !b.touched[form.Key], before != nil && before.Dropped == nil && before.Label == form.Label && !b.purges[form.Key]:
			taken.taken[form.View] = true
		default:
			named = append(named, form)
		}
	}
	for _, form := range named {
		form.View = taken.of(form.Label, form.Key)
	}
}

// viewBefore is the view that a form has now, nil when it has none.
func (b *builder) viewBefore(key string) *view {
	form := b.original.Form(key)
	if form == nil || form.Dropped != nil {
		return nil
	}
	if _, exists := b.facts.Views[form.View]; !exists {
		return nil // somebody has dropped it
	}
	v := viewOf(form)
	return &v
}

// viewAfter is the view that a form shall have, nil for none.
func (b *builder) viewAfter(form *Form) *view {
	if form.Dropped != nil {
		return nil
	}
	for _, field := range form.Live() {
		if field.Spec.Type != Formula {
			continue
		}
		if _, err := formulaSQL(form, field); err != nil {
			b.problems = append(b.problems, Problem{
				Path: at(b.by[form.Key]), Message: fmt.Sprintf("formula %s of form %s: %v", field.Key, form.Key, err), Fix: "change or drop the formula first",
			})
		}
	}
	v := viewOf(form)
	for i, field := range form.Live() {
		if name := v.columns[len(reservedKeys)+i].name; name != field.Label {
			b.note("field %s of form %s is column %s of its view", field.Key, form.Key, ident(name))
		}
	}
	return &v
}

// keeps reports whether PostgreSQL can make one view of the other.
func (b *builder) keeps(before, after view) bool {
	if _, taken := b.facts.Views[after.name]; taken && after.name != before.name {
		return false
	}
	if len(after.columns) < len(before.columns) || !slices.Equal(b.facts.Views[before.name].Columns, before.names()) {
		return false
	}
	for i, column := range before.columns {
		if column.expression != after.columns[i].expression {
			return false
		}
		if name := after.columns[i].name; name != column.name && slices.Contains(before.names(), name) {
			return false
		}
	}
	return true
}

// become gives the statements that make one view of another that it keeps, but for columns that come behind.
func (v view) become(after view) (renames, columns []string) {
	if v.name != after.name {
		renames = append(renames, "ALTER VIEW "+v.ident()+" RENAME TO "+ident(after.name))
	}
	name := after.ident()
	for i, column := range v.columns {
		if column.name != after.columns[i].name {
			columns = append(columns, "ALTER VIEW "+name+" RENAME COLUMN "+ident(column.name)+" TO "+ident(after.columns[i].name))
		}
	}
	return renames, columns
}

func (v view) ident() string { return ident(ViewSchema, v.name) }

func (v view) creation() string {
	return "CREATE VIEW " + v.ident() + " AS " + v.query()
}

func (v view) replacement() string {
	return "CREATE OR REPLACE VIEW " + v.ident() + " AS " + v.query()
}

// dropView drops one, unless others have built on it.
func (b *builder) dropView(form string, v remake) []string {
	b.probes = append(b.probes, Probe{
		Operation: b.by[form], Table: b.original.Form(form).Table, Named: true, Message: "%s" + lostWith(v.before),
		Fix: "take that away, make the change, and put it on the new view; what reads the form's table is not in the way",
		SQL: "SELECT count(*), array_agg(l.example ORDER BY l.example) FROM (" + v.lost() + ") AS l",
	})
	return []string{"DROP VIEW " + v.before}
}

func viewOf(form *Form) view {
	taken := &names{taken: map[string]bool{}}
	v := view{name: form.View, table: data(form.Table)}
	for _, column := range reservedKeys {
		v.columns = append(v.columns, viewColumn{taken.of(column, column), "t." + ident(column)})
	}
	for _, field := range form.Live() {
		v.columns = append(v.columns, viewColumn{taken.of(field.Label, field.Key), shownAs(form, field)})
	}
	return v
}

// shownAs is what a view shows of a field.
func shownAs(form *Form, field *Field) string {
	switch field.Spec.Type { //nolint:exhaustive // the others have a column
	case ManyToMany:
		return fmt.Sprintf("ARRAY(SELECT j.to_id FROM %s AS j WHERE j.from_id = t.id ORDER BY j.to_id)", data(field.Column))
	case Formula:
		sql, err := formulaSQL(form, field)
		if err != nil {
			return "NULL::text" // the change is refused
		}
		return sql
	default:
		return "t." + ident(field.Column)
	}
}

func formulaSQL(form *Form, field *Field) (string, error) {
	formula, err := ParseFormula(field.Spec.Expression)
	if err != nil {
		return "", err
	}
	return formula.SQL(form)
}

func (v view) names() []string {
	list := make([]string, len(v.columns))
	for i, column := range v.columns {
		list[i] = column.name
	}
	return list
}

func (v view) query() string {
	lines := make([]string, len(v.columns))
	for i, column := range v.columns {
		lines[i] = "\n  " + column.expression + " AS " + ident(column.name)
	}
	return "SELECT" + strings.Join(lines, ",") + "\nFROM " + v.table + " AS t"
}

// ViewColumns are the names of the columns of a form's view, in order.
func (f *Form) ViewColumns() []string { return viewOf(f).names() }
