package ddl

// RenameForm gives a form another label. Its table keeps its name.
type RenameForm struct {
	Form  string `json:"form"`
	Label string `json:"label"`
}

// Op is the operation's name.
func (*RenameForm) Op() string { return "rename_form" }

func (o *RenameForm) form() string { return o.Form }

func (o *RenameForm) check(c *checker) {
	c.key("form", o.Form)
	c.label("label", o.Label)
}

func (o *RenameForm) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	b.undoneBy(&RenameForm{Form: o.Form, Label: form.Label})
	form.Label = o.Label
}
