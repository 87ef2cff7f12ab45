package ddl

import (
	"fmt"
	"slices"
	"strings"
)

// rebuild makes a form's table anew.
//
// The new table has the old one's name from the beginning, in [TrashSchema], where only the owner may look. So all that belongs to it, its indexes, its
// sequence and the constraints that PostgreSQL names itself, has the name that it shall have, and the swap renames nothing: the old table is dropped, and
// the new one moves to where that was. Dropping a large table costs the swap no more than a small one: PostgreSQL removes its files when the locks are released.
type rebuild struct {
	b    *builder
	form *Form
	// columns of the new table, in order.
	columns []column
	// indexes of the form, in the order of their names.
	indexes []*Index
	// carry and clear are the triggers that bring over what is written while rows are copied, and that the old table is emptied; both run carry's function.
	carry, clear string
	// own are the form's references, referring what refers to the form from other tables. The new table has neither before the swap: the triggers write it row by
	// row, and a foreign key of its own would refuse what the old table's allows once all rows of a statement are there, such as a parent behind its child.
	own, referring []link
	// view is the form's, nil for one that is not as it should be, or not there: that is made anew. Else it stays, with what others have built on it and
	// given to it, and reads the new table.
	view *view
}

// link is a foreign key.
type link struct {
	schema, table, constraint string
	// column of the table, where it is a field of the form's own.
	column string
	// definition is all of it, with its name.
	definition string
	// target is the form that it points at.
	target *Form
}

func newRebuild(b *builder, form *Form) *rebuild {
	r := &rebuild{b: b, form: form, columns: append([]column{
		{name: columnID, kind: "bigint", notNull: true},
		{name: columnCreated, kind: "timestamp with time zone", constant: "now()", notNull: true},
		{name: columnUpdated, kind: "timestamp with time zone", constant: "now()", notNull: true},
	}, columnsOf(form)...)}
	for _, other := range b.reg.Forms {
		for _, field := range other.Fields {
			switch {
			case field.Spec.Type == Reference && field.Constraint != "":
				r.reference(other, field)
			case field.Spec.Type == ManyToMany && field.Column != "":
				r.join(other, field)
			}
		}
	}
	if before, after := b.viewBefore(form.Key), viewOf(form); before != nil && b.keeps(*before, after) {
		after.table = r.table()
		r.view = &after
	} else {
		b.remade[form.Key] = true
	}
	r.indexes = slices.SortedFunc(slices.Values(form.Indexes), func(a, b *Index) int { return byNumber(a.Name, b.Name) })
	slices.SortStableFunc(r.referring, func(a, b link) int { return strings.Compare(a.table, b.table) })
	return r
}

func (r *rebuild) reference(of *Form, field *Field) {
	target := r.b.reg.Form(field.Spec.References)
	if target == nil {
		return
	}
	l := link{schema: of.schema(), table: of.Table, column: field.Column, constraint: field.Constraint, target: target}
	l.definition = foreignKeyTo(field, ident(target.schema(), target.Table))
	switch {
	case of == r.form:
		r.own = append(r.own, l)
	case target == r.form:
		r.referring = append(r.referring, l)
	}
}

// join finds the ends of a many-to-many field that are at the form. PostgreSQL has named their constraints.
func (r *rebuild) join(of *Form, field *Field) {
	end := func(column string) {
		name := field.Column + "_" + column + "_fkey"
		r.referring = append(r.referring, link{
			schema: of.schema(), table: field.Column, constraint: name, target: r.form,
			definition: fmt.Sprintf("CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (id) ON DELETE CASCADE", ident(name), column, data(r.form.Table)),
		})
	}
	if of == r.form {
		end("from_id")
	}
	if field.Spec.References == r.form.Key {
		end("to_id")
	}
}

// table is the new one, until it takes the old one's place.
func (r *rebuild) table() string { return ident(TrashSchema, r.form.Table) }

// sequence is that of the ids, as PostgreSQL names it.
func (r *rebuild) sequence(schema string) string { return ident(schema, r.form.Table+"_id_seq") }

// names are those of all columns, quoted, each with something before it.
func (r *rebuild) names(before string) []string {
	list := make([]string, len(r.columns))
	for i, column := range r.columns {
		list[i] = before + ident(column.name)
	}
	return list
}

// create makes the new table with all that rows must meet. They have met it in the old one, so checking costs no scan of its own.
func (r *rebuild) create() string {
	var rest []string
	for _, column := range r.columns[len(reservedKeys):] {
		rest = append(rest, ident(column.name)+" "+column.definition())
	}
	for _, check := range checksOf(r.form) {
		rest = append(rest, check.definition())
	}
	return createTable(r.table(), rest...)
}

// others are the tables that the swap holds besides, quoted: those that foreign keys bind to the form.
func (r *rebuild) others() []string {
	var list []string
	for _, l := range r.referring {
		list = append(list, ident(l.schema, l.table))
	}
	for _, l := range r.own {
		if l.target != r.form {
			list = append(list, ident(l.target.schema(), l.target.Table))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// listed names a few and counts the others.
func listed(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// atOnce makes all of it in the transaction of the commit, while nobody writes.
func (r *rebuild) atOnce() {
	columns := strings.Join(r.names(""), ", ")
	r.hold()
	r.commit(r.create(), fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS t", r.table(), columns, strings.Join(r.names("t."), ", "), data(r.form.Table)))
	var constraints []string
	for _, index := range r.indexes {
		if index.Unique {
			constraints = append(constraints, "ADD CONSTRAINT "+ident(index.Name)+" UNIQUE ("+strings.Join(r.indexed(index), ", ")+")")
		} else {
			r.commit("CREATE INDEX " + r.indexOn(index))
		}
	}
	if len(constraints) > 0 {
		r.commit("ALTER TABLE " + r.table() + " " + strings.Join(constraints, ", "))
	}
	r.swap()
}

// beside makes the new table while the old one is read and written.
func (r *rebuild) beside() {
	r.carry, r.clear = r.b.reg.take(ofCarry), r.b.reg.take(ofCarry)
	r.follow()
	r.copy()
	for _, index := range r.indexes {
		r.index(index)
	}
	r.analyze()
	r.lookAgain()
	r.hold()
	r.swap()
}

func (r *rebuild) commit(sql ...string) { r.b.commit(r.form.Table, sql...) }

func (r *rebuild) indexed(index *Index) []string {
	columns := make([]string, len(index.Fields))
	for i, key := range index.Fields {
		columns[i] = ident(r.form.Field(key).Column)
	}
	return columns
}

// indexOn is an index of the new table, behind CREATE INDEX.
func (r *rebuild) indexOn(index *Index) string {
	method := kinds[r.form.Field(index.Fields[0]).Spec.Type].indexed
	return fmt.Sprintf("%s ON %s USING %s (%s)", ident(index.Name), r.table(), method, strings.Join(r.indexed(index), ", "))
}

// step adds a step of the preparation.
func (r *rebuild) step(step Step, rate int64) {
	step.Operation, step.Phase, step.Schema, step.Table, step.Rows = r.b.op, Prepare, TrashSchema, r.form.Table, r.b.rows(r.form.Table)
	step.Estimate = estimate(step.Rows, rate)
	r.b.steps = append(r.b.steps, step)
}

// index builds an index of the new table, which applications write already, through the trigger.
func (r *rebuild) index(index *Index) {
	kind := "INDEX"
	if index.Unique {
		kind = "UNIQUE INDEX"
	}
	r.step(Step{Kind: StepBuildIndex, Index: index.Name, Lock: lockConcurrent, SQL: []string{"CREATE " + kind + " CONCURRENTLY " + r.indexOn(index)}}, indexRate)
}

// analyze has the planner know the new table before anybody asks it.
func (r *rebuild) analyze() {
	r.step(Step{Kind: StepAnalyze, Lock: lockValidate, SQL: []string{"ANALYZE " + r.table()}}, scanRate)
}
