package ddl

import "fmt"

// RestoreForm takes a [DropForm] back.
type RestoreForm struct {
	Form string `json:"form"`
}

// Op is the operation's name.
func (*RestoreForm) Op() string { return "restore_form" }

func (o *RestoreForm) form() string { return o.Form }

func (o *RestoreForm) check(c *checker) { c.key("form", o.Form) }

func (o *RestoreForm) plan(b *builder) {
	form := b.reg.Form(o.Form)
	if form == nil || form.Dropped == nil {
		b.refuse("form", fmt.Sprintf("there is no dropped form %s", shown(o.Form)), "see tenantry forms show --dropped")
		return
	}
	for _, field := range form.Live() {
		if to := field.Spec.References; to == "" || to == form.Key {
			continue
		}
		if target := b.reg.Form(field.Spec.References); target == nil || (target.Dropped != nil && !b.returns[target.Key]) {
			b.refuse("form", fmt.Sprintf("its field %s refers to form %s, which is dropped", field.Key, field.Spec.References), "restore that form first")
			return
		}
	}
	b.touch(form)
	b.undoneBy(&DropForm{Form: o.Form})
	b.move(form, TrashSchema, DataSchema)
	form.Dropped, form.PurgeAfter = nil, nil
}
