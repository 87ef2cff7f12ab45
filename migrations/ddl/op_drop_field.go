package ddl

import (
	"fmt"
	"slices"
)

// DropField hides a field. Its column stays, with its values, and takes no new ones by itself; who still writes it may.
// [RestoreField] brings it back until the grace is over.
type DropField struct {
	Form  string `json:"form"`
	Field string `json:"field"`
}

// Op is the operation's name.
func (*DropField) Op() string { return "drop_field" }

func (o *DropField) form() string { return o.Form }

func (o *DropField) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
}

func (o *DropField) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := b.field(form, "field", o.Field)
	if field == nil {
		return
	}
	if !b.claim(o.Form, o.Field, isMoved) {
		return
	}
	for _, other := range form.Live() {
		if other.Spec.Type != Formula || other == field {
			continue
		}
		if formula, err := ParseFormula(other.Spec.Expression); err == nil && slices.Contains(formula.Fields(), field.Key) {
			b.refuse("field", fmt.Sprintf("formula %s reads field %s", other.Key, field.Key), "drop or change the formula first")
			return
		}
	}
	b.undoneBy(&RestoreField{Form: o.Form, Field: o.Field})
	if field.Spec.stored() {
		if field.Default != nil {
			b.commit(form.Table, alterColumn(form, field, "DROP DEFAULT"))
		}
		if field.Required {
			b.commit(form.Table, alterColumn(form, field, "DROP NOT NULL"))
		}
	}
	field.Dropped, field.PurgeAfter = new(b.facts.Now), new(b.purgeAfter())
	if field.Default != nil {
		b.resync(form, field)
	}
}

// alterColumn is an ALTER COLUMN of a field.
func alterColumn(form *Form, field *Field, what string) string {
	return "ALTER TABLE " + data(form.Table) + " ALTER COLUMN " + ident(field.Column) + " " + what
}
