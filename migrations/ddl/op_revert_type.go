package ddl

import (
	"bytes"
	"fmt"
	"slices"
)

// RevertType takes a [ChangeType] back that made another column: the former one, which has been written all along, is the field's
// again. Values that could not be converted are there again.
type RevertType struct {
	Form  string `json:"form"`
	Field string `json:"field"`
}

// Op is the operation's name.
func (*RevertType) Op() string { return "revert_type" }

func (o *RevertType) form() string { return o.Form }

func (o *RevertType) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
}

func (o *RevertType) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := b.storedField(form, "field", o.Field)
	if field == nil {
		return
	}
	i := slices.IndexFunc(field.Former, func(f Former) bool { return f.Sync != "" })
	if i < 0 {
		b.refuse("field", fmt.Sprintf("field %s has no former column that is still written", shown(o.Field)), "change_type it instead")
		return
	}
	if !b.claim(o.Form, o.Field, isShaped) {
		return
	}
	former := field.Former[i]
	back, _ := convert(field.Spec, former.Spec, "x")
	constant := former.Default // unless it has another meanwhile
	if _, wrong := former.Spec.constant(field.Default); wrong == "" && !bytes.Equal(becomes(former.Default, field.Spec), field.Default) {
		constant = field.Default
	}
	if back == "" {
		b.refuse("field", fmt.Sprintf("a %s cannot become a %s again", field.Spec.Type, former.Spec.Type), "change_type it to something else")
		return
	}
	noWay := fmt.Sprintf("t.%s IS NOT NULL AND t.%s IS NULL", ident(field.Column), ident(former.Column))
	b.probe(Probe{
		Field: "field", Table: form.Table, SQL: rowsWhere(form.Table, noWay, showing("t."+ident(field.Column))),
		Message: "%d rows have a value that was no " + string(former.Spec.Type), Fix: "change those rows first",
	})
	last := b.watch(form, former.Column, noWay, Probe{
		Field: "field", SQL: rowsWhere(form.Table, noWay, showing("t."+ident(field.Column))),
		Message: "%d rows have been written meanwhile with a value that was no " + string(former.Spec.Type), Fix: "change those rows first",
	})
	if field.Required {
		b.probe(Probe{
			Field: "field", Table: form.Table, SQL: rowsWhere(form.Table, "t."+ident(former.Column)+" IS NULL", ""),
			Message: "%d rows would have no value", Fix: "change those rows: the field is required",
		})
	}
	b.collisions("field", form, field, "t."+ident(former.Column), fixCollision)
	field.Former = slices.Delete(field.Former, i, i+1)
	now := Former{Column: former.Column, Spec: former.Spec, Constraint: former.Constraint, Default: constant}
	next := Former{Column: field.Column, Spec: field.Spec, Constraint: field.Constraint, Default: field.Default, Sync: former.Sync, PurgeAfter: b.purgeAfter()}
	sync := twin{table: form.Table, name: former.Sync, from: field.Spec, to: former.Spec, old: field.Column, new: former.Column}
	b.reading[former.Column] = "t." + ident(former.Column)
	b.swap(form, field, sync, now, next)
	last()
	b.undoneBy(&RevertType{Form: o.Form, Field: o.Field})
}
