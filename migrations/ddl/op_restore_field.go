package ddl

import "fmt"

// RestoreField takes a [DropField] back. The field has its values, its default and its indexes again. One that was required comes back
// as optional, because rows may lack a value by now: [SetRequired] says which.
type RestoreField struct {
	Form  string `json:"form"`
	Field string `json:"field"`
}

// Op is the operation's name.
func (*RestoreField) Op() string { return "restore_field" }

func (o *RestoreField) form() string { return o.Form }

func (o *RestoreField) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
}

func (o *RestoreField) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := form.Field(o.Field)
	if field == nil || field.Dropped == nil {
		b.refuse("field", fmt.Sprintf("form %s has no dropped field %s", form.Key, shown(o.Field)), "see tenantry forms show --dropped")
		return
	}
	if !b.claim(o.Form, o.Field, isMoved) {
		return
	}
	if target := b.reg.Form(field.Spec.References); field.Spec.References != "" && (target == nil || target.Dropped != nil) {
		b.refuse("field", fmt.Sprintf("it refers to form %s, which is dropped", field.Spec.References), "restore that form first")
		return
	}
	b.undoneBy(&DropField{Form: o.Form, Field: o.Field})
	field.Dropped, field.PurgeAfter = nil, nil
	if field.Default != nil {
		constant, _ := field.Spec.constant(field.Default)
		b.commit(form.Table, alterColumn(form, field, "SET DEFAULT "+constant))
		b.resync(form, field)
	}
	if field.Required {
		field.Required = false
		b.note("field %s of form %s was required and comes back as optional: rows may lack a value by now; set_required makes it so again", field.Key, form.Key)
	}
}
