package ddl

import (
	"encoding/json"
	"fmt"
)

// SetRequired refuses rows without a value from now on.
type SetRequired struct {
	Form  string `json:"form"`
	Field string `json:"field"`
	// Value is given to rows that have none. Without it such rows refuse the change.
	Value json.RawMessage `json:"value,omitempty"`
}

// Op is the operation's name.
func (*SetRequired) Op() string { return "set_required" }

func (o *SetRequired) form() string { return o.Form }

func (o *SetRequired) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
}

func (o *SetRequired) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := b.storedField(form, "field", o.Field)
	switch {
	case field == nil:
		return
	case field.Required:
		b.refuse("field", fmt.Sprintf("field %s is required already", shown(o.Field)), "leave the operation out")
		return
	case field.Spec.Type == Reference && field.Spec.OnDelete == "set_null":
		b.refuse("field", fmt.Sprintf("field %s is emptied when what it refers to is deleted", shown(o.Field)), "drop it and add it with on_delete restrict")
		return
	}
	if !b.claim(o.Form, o.Field, isLooked) {
		return
	}
	empty := "(" + b.reads(field) + ") IS NULL"
	if isNull(o.Value) {
		b.probe(Probe{
			Field: "value", Table: form.Table, SQL: rowsWhere(form.Table, empty, ""),
			Message: "%d rows have no value", Fix: "give them one: value",
		})
	} else {
		constant, wrong := field.Spec.constant(o.Value)
		if wrong != "" {
			b.refuse("value", wrong, "give a value of the field's type")
			return
		}
		b.probe(Probe{
			Field: "value", Table: form.Table, SQL: rowsWhere(form.Table, empty, ""), Note: true,
			Message: "%d rows have no value and get " + string(o.Value),
		})
		b.refersTo("value", field.Spec, constant)
		b.collisions("value", form, field, "coalesce("+b.reads(field)+", "+constant+")", "give those rows different values first")
		if former := b.synced(field); former != nil {
			b.probe(Probe{
				Field: "value", Table: form.Table, SQL: rowsWhere(form.Table, empty+" AND t."+ident(former.Column)+" IS NOT NULL", showing("t."+ident(former.Column))),
				Message: "%d rows have no value because that of their former column was no " + string(field.Spec.Type),
				Fix:     "give those rows a value first, or purge the former column",
			})
		}
		o.fill(b, form, field, constant)
		b.reading[field.Column] = "coalesce(" + b.reads(field) + ", " + constant + ")"
	}
	b.requireColumn(form, field.Column, func() {
		if constant, _ := field.Spec.constant(o.Value); !isNull(o.Value) && !b.small(form.Table) {
			o.fill(b, form, field, constant) // rows that were written before nobody could write more of them
		}
	})
	field.Required = true
	b.undoneBy(&SetOptional{Form: o.Form, Field: o.Field})
}

func (o *SetRequired) fill(b *builder, form *Form, field *Field, constant string) {
	column := "t." + ident(field.Column)
	f := filling{column: field.Column, value: constant, condition: column + " IS NULL"}
	if former := b.synced(field); former != nil {
		f.condition += " AND t." + ident(former.Column) + " IS NULL" // or the trigger would overwrite what could not be converted
	}
	if !b.isNew(field.Column) {
		f.unfill = fmt.Sprintf("UPDATE %s AS t SET %s = NULL WHERE t.id = ANY ($1::bigint[]) AND %s = %s", data(form.Table), ident(field.Column), column, constant)
	}
	b.fill(form.Table, f)
}

// requireColumn makes a column NOT NULL: a CHECK refuses new rows without a value, then all rows are checked beside the traffic, and
// then NOT NULL needs no scan, because the CHECK proves it. between runs when no more such rows can come.
func (b *builder) requireColumn(form *Form, column string, between func()) {
	table := data(form.Table)
	notNull := "ALTER TABLE " + table + " ALTER COLUMN " + ident(column) + " SET NOT NULL"
	if b.small(form.Table) {
		b.commit(form.Table, notNull)
		return
	}
	proof := ofProof.of(column)
	b.tx(Prepare, form.Table, []string{dropIfThere(form.Table, proof)},
		fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", table, ident(proof), ident(column)))
	filled := len(b.steps)
	between()
	for i := range b.steps[filled:] {
		b.steps[filled+i].Undo = []string{dropIfThere(form.Table, proof)} // or the rows could not be emptied again
	}
	b.validate(form.Table, proof)
	// Two statements: in one, PostgreSQL drops the proof first and scans.
	b.commit(form.Table, notNull, dropConstraint(form.Table, proof))
}
