package ddl

import (
	"fmt"
	"slices"
	"strings"
)

// hold begins the commit: from here on nobody reads or writes the form, what refers to it, or what it refers to, because both would have to be
// changed as well. And what somebody has put on the table in the last moment is seen before it would be lost.
func (r *rebuild) hold() {
	var held []string
	if r.view != nil { // first, as its readers do
		held = append(held, r.view.ident())
	}
	held = append(append(held, data(r.form.Table)), r.others()...)
	if r.carry != "" {
		held = append(held, r.table())
	}
	guard := fmt.Sprintf("DECLARE example text; BEGIN SELECT string_agg(e.example, ', ' ORDER BY e.example) INTO example FROM (%s) AS e; "+
		"IF example IS NOT NULL THEN RAISE check_violation USING MESSAGE = %s || example; END IF; END", r.strange(), literal(strange))
	// A constant, and not between dollars: the name of a view is in it, which may be anything.
	r.commit("LOCK TABLE "+strings.Join(held, ", ")+" IN ACCESS EXCLUSIVE MODE", "DO "+literal(guard))
}

// swap puts the new table in the old one's place.
func (r *rebuild) swap() {
	r.each(r.referring, func(l link) string { return "DROP CONSTRAINT " + ident(l.constraint) })
	// Ids go on where they were, also those that somebody has taken without a row: so nobody takes one between the look and the end.
	r.commit("ALTER SEQUENCE "+r.sequence(DataSchema)+" NO CYCLE",
		fmt.Sprintf("DO $ids$ BEGIN PERFORM setval(%s, k.last_value, k.is_called) FROM %s AS k; END $ids$", literal(r.sequence(TrashSchema)), r.sequence(DataSchema)))
	if r.view != nil {
		r.commit(replacedOf(r.form, *r.view).replace(r.view.replacement())...)
	}
	r.commit("DROP TABLE " + data(r.form.Table))
	if r.carry != "" {
		r.commit("DROP FUNCTION " + ident(DataSchema, r.carry) + "()")
	}
	r.commit("ALTER TABLE " + r.table() + " SET SCHEMA " + ident(DataSchema))
	if r.carry != "" {
		r.adopt()
	}
	r.sync()
	links := slices.Concat(r.own, r.referring)
	small := func(l link) bool { return r.b.small(l.table) }
	r.each(links, func(l link) string {
		if small(l) {
			return "ADD " + l.definition
		}
		return "ADD " + l.definition + " NOT VALID"
	})
	for _, l := range links {
		if !small(l) {
			r.validate(l)
		}
	}
}

// each alters the tables of links, one after the other.
func (r *rebuild) each(links []link, what func(link) string) {
	for i := 0; i < len(links); {
		table, actions := links[i].table, []string{}
		schema := links[i].schema
		for ; i < len(links) && links[i].table == table; i++ {
			actions = append(actions, what(links[i]))
		}
		r.b.commit(table, "ALTER TABLE "+ident(schema, table)+" "+strings.Join(actions, ", "))
	}
}

// adopt makes constraints of the unique indexes.
func (r *rebuild) adopt() {
	var constraints []string
	for _, index := range r.indexes {
		if index.Unique {
			constraints = append(constraints, fmt.Sprintf("ADD CONSTRAINT %[1]s UNIQUE USING INDEX %[1]s", ident(index.Name)))
		}
	}
	if len(constraints) > 0 {
		r.commit("ALTER TABLE " + data(r.form.Table) + " " + strings.Join(constraints, ", "))
	}
}

// sync has former columns kept in step again. Not before: what is copied is right as it is, also where a conversion would make something else of it.
func (r *rebuild) sync() {
	for _, field := range r.form.Fields {
		for _, former := range field.Former {
			if former.Sync != "" {
				r.commit(syncOf(r.form, field, former).both()[1]) // its function is there
			}
		}
	}
}

// validate has the rows of a large table checked that refers to the form, or of the form itself. They are right: the old constraint has seen to that.
func (r *rebuild) validate(l link) {
	rows := r.b.rows(l.table)
	r.b.steps = append(r.b.steps, Step{
		Operation: r.b.op, Phase: After, Kind: StepValidate, Schema: l.schema, Table: l.table, Lock: lockValidate,
		SQL:  []string{"ALTER TABLE " + ident(l.schema, l.table) + " VALIDATE CONSTRAINT " + ident(l.constraint)},
		Rows: rows, Estimate: estimate(rows, scanRate),
	})
}
