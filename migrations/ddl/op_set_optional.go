package ddl

import "fmt"

// SetOptional lets rows without a value in again.
type SetOptional struct {
	Form  string `json:"form"`
	Field string `json:"field"`
}

// Op is the operation's name.
func (*SetOptional) Op() string { return "set_optional" }

func (o *SetOptional) form() string { return o.Form }

func (o *SetOptional) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
}

func (o *SetOptional) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := b.storedField(form, "field", o.Field)
	if field == nil {
		return
	}
	if !field.Required {
		b.refuse("field", fmt.Sprintf("field %s is optional already", shown(o.Field)), "leave the operation out")
		return
	}
	b.undoneBy(&SetRequired{Form: o.Form, Field: o.Field})
	b.commit(form.Table, alterColumn(form, field, "DROP NOT NULL"))
	field.Required = false
}
