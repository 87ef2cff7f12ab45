package ddl

// RenameField gives a field another label. Its column keeps its name.
type RenameField struct {
	Form  string `json:"form"`
	Field string `json:"field"`
	Label string `json:"label"`
}

// Op is the operation's name.
func (*RenameField) Op() string { return "rename_field" }

func (o *RenameField) form() string { return o.Form }

func (o *RenameField) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
	c.label("label", o.Label)
}

func (o *RenameField) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := b.field(form, "field", o.Field)
	if field == nil {
		return
	}
	b.undoneBy(&RenameField{Form: o.Form, Field: o.Field, Label: field.Label})
	field.Label = o.Label
}
