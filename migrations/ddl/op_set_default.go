package ddl

import "encoding/json"

// SetDefault says which value rows get that name none. Rows that are there keep theirs. null is no default.
type SetDefault struct {
	Form    string          `json:"form"`
	Field   string          `json:"field"`
	Default json.RawMessage `json:"default"`
}

// Op is the operation's name.
func (*SetDefault) Op() string { return "set_default" }

func (o *SetDefault) form() string { return o.Form }

func (o *SetDefault) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
	if o.Default == nil {
		c.refuse("default", "it is missing", "give a value, or null for no default")
	}
}

func (o *SetDefault) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := b.storedField(form, "field", o.Field)
	if field == nil {
		return
	}
	constant, wrong := field.Spec.constant(o.Default)
	if wrong != "" {
		b.refuse("default", wrong, "give a value of the field's type, or null for none")
		return
	}
	b.refersTo("default", field.Spec, constant)
	before := field.Default
	if before == nil {
		before = json.RawMessage("null")
	}
	b.undoneBy(&SetDefault{Form: o.Form, Field: o.Field, Default: before})
	if isNull(o.Default) {
		field.Default = nil
		b.commit(form.Table, alterColumn(form, field, "DROP DEFAULT"))
	} else {
		field.Default = o.Default
		b.commit(form.Table, alterColumn(form, field, "SET DEFAULT "+constant))
	}
	b.resync(form, field)
}
