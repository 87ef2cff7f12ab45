package ddl

// AddReference adds a field that points at a row of another form, or at many: it is [AddField] with type reference or many_to_many.
type AddReference struct {
	Form  string `json:"form"`
	Field string `json:"field"`
	Label string `json:"label,omitempty"`
	// References is the key of the form that it points at.
	References string `json:"references"`
	// Many makes it many-to-many.
	Many bool `json:"many,omitempty"`
	// OnDelete is restrict (the default) or set_null; see [Spec].
	OnDelete string `json:"on_delete,omitempty"`
	Required bool   `json:"required,omitempty"`
}

// Op is the operation's name.
func (*AddReference) Op() string { return "add_reference" }

func (o *AddReference) form() string { return o.Form }

func (o *AddReference) check(c *checker) { o.field().check(c) }

func (o *AddReference) plan(b *builder) { o.field().plan(b) }

func (o *AddReference) field() *AddField {
	of := Reference
	if o.Many {
		of = ManyToMany
	}
	return &AddField{
		Form: o.Form, Field: o.Field, Label: o.Label, Required: o.Required,
		Spec: Spec{Type: of, References: o.References, OnDelete: o.OnDelete},
	}
}
