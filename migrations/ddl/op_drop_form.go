package ddl

import "fmt"

// DropForm hides a form: its table moves to a schema that nobody may use, with everything in it. [RestoreForm] brings it back
// until the grace is over.
type DropForm struct {
	Form string `json:"form"`
}

// Op is the operation's name.
func (*DropForm) Op() string { return "drop_form" }

func (o *DropForm) form() string { return o.Form }

func (o *DropForm) check(c *checker) { c.key("form", o.Form) }

func (o *DropForm) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	for _, other := range b.reg.Forms {
		if other == form || other.Dropped != nil || b.hides[other.Key] {
			continue
		}
		for _, field := range other.Live() {
			if field.Spec.References == form.Key {
				b.refuse("form", fmt.Sprintf("field %s of form %s refers to form %s", field.Key, other.Key, form.Key), "drop that field first")
				return
			}
		}
	}
	b.undoneBy(&RestoreForm{Form: o.Form})
	b.move(form, DataSchema, TrashSchema)
	form.Dropped, form.PurgeAfter = new(b.facts.Now), new(b.purgeAfter())
}

// move brings a form's table, and those of its many-to-many fields, from one schema to another.
func (b *builder) move(form *Form, from, to string) {
	b.commit(form.Table, "ALTER TABLE "+ident(from, form.Table)+" SET SCHEMA "+ident(to))
	for _, field := range form.Fields {
		if field.Spec.Type == ManyToMany {
			b.commit(field.Column, "ALTER TABLE "+ident(from, field.Column)+" SET SCHEMA "+ident(to))
		}
	}
}
