package ddl

import (
	"encoding/json"
	"fmt"
	"slices"
)

// AddField adds a field: a column, for most types. Rows that are there get the default, or no value.
type AddField struct {
	Form  string `json:"form"`
	Field string `json:"field"`
	// Label is what people read. Defaults to the key.
	Label string `json:"label,omitempty"`
	Spec
	// Default is the value of rows that name none. Defaults to none.
	Default json.RawMessage `json:"default,omitempty"`
	// Required refuses rows without a value; on a form that has rows it needs a default.
	Required bool `json:"required,omitempty"`
	// Unique refuses a value that another row has.
	Unique bool `json:"unique,omitempty"`
	// Index makes looking for a value fast. A unique field has one anyway, and so has a reference.
	Index bool `json:"index,omitempty"`
}

// Op is the operation's name.
func (*AddField) Op() string { return "add_field" }

func (o *AddField) form() string { return o.Form }

func (o *AddField) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
	c.label("label", o.Label)
	before := len(c.problems)
	o.Spec.check(c)
	if slices.Contains(reservedKeys, o.Field) {
		c.refuse("field", shown(o.Field)+" is a column that every form has", "use another key")
	}
	if len(c.problems) > before {
		return
	}
	k := kinds[o.Type]
	if !o.stored() {
		for name, given := range map[string]bool{"default": o.Default != nil, "required": o.Required, "unique": o.Unique, "index": o.Index} {
			if given {
				c.refuse(name, fmt.Sprintf("a %s takes no %s", o.Type, name), "leave it out")
			}
		}
		return
	}
	if o.Unique && !k.unique {
		c.refuse("unique", fmt.Sprintf("a %s cannot be unique", o.Type), "leave it out")
	}
	if o.Index && k.indexed == "" {
		c.refuse("index", fmt.Sprintf("a %s cannot have an index", o.Type), "leave it out")
	}
	if _, wrong := o.withDefaults().constant(o.Default); wrong != "" {
		c.refuse("default", wrong, "give a value of the field's type")
	}
}

func (o *AddField) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	if there := form.Field(o.Field); there != nil {
		fix := "use another key, or change the field that is there"
		if there.Dropped != nil {
			fix = "restore_field it, or use another key"
		}
		b.refuse("field", fmt.Sprintf("form %s has a field %s already", form.Key, shown(o.Field)), fix)
		return
	}
	if !b.claim(o.Form, o.Field, isMade) {
		return
	}
	position := 1
	for _, other := range form.Fields {
		position = max(position, other.Position+1)
	}
	field := &Field{Key: o.Field, Label: or(o.Label, o.Field), Position: position, Spec: o.withDefaults(), Required: o.Required}
	if !isNull(o.Default) {
		field.Default = o.Default
	}
	form.Fields = append(form.Fields, field)
	b.undoneBy(&DropField{Form: o.Form, Field: o.Field})
	switch o.Type { //nolint:exhaustive // the others have a column
	case Formula:
		if _, err := formulaSQL(form, field); err != nil {
			b.refuse("expression", err.Error(), "see docs/forms.md for what a formula may be")
		}
	case ManyToMany:
		b.joinTable(form, field)
	default:
		o.column(b, form, field)
	}
}

// column adds the field's column with all that it asks for.
func (o *AddField) column(b *builder, form *Form, field *Field) {
	b.addColumn(form)
	field.Column = b.reg.take(ofField)
	constant, _ := field.Spec.constant(field.Default)
	b.made(field.Column, or(constant, "NULL")+"::"+field.Spec.column())
	rows := Probe{
		Field: "required", Table: form.Table, SQL: rowsWhere(form.Table, "true", ""),
		Message: "%d rows would have no value", Fix: "give a default, or add it as optional, fill it, and set_required",
	}
	column := "ALTER TABLE " + data(form.Table) + " ADD COLUMN " + ident(field.Column) + " " + field.Spec.column()
	if field.Default != nil {
		column += " DEFAULT " + constant
	}
	if field.Required {
		column += " NOT NULL"
		if field.Default == nil {
			b.probe(rows)
		}
	}
	b.tx(Prepare, form.Table, []string{"ALTER TABLE " + data(form.Table) + " DROP COLUMN " + ident(field.Column)}, column)
	b.constrain(form, field)
	if field.Spec.Type == Reference {
		b.refersTo("default", field.Spec, constant)
		b.refer(form, field)
	}
	if o.Unique {
		if field.Default != nil {
			rows.Field, rows.Message = "unique", "%d rows would have the same value, the default"
			rows.Fix = "add it without a default, fill it, and set_unique"
			rows.SQL = "SELECT CASE WHEN f.n > 1 THEN f.n ELSE 0 END, f.example FROM (" + rowsWhere(form.Table, "true", "") + ") AS f (n, example)"
			b.probe(rows)
		}
		b.unique(form, []*Field{field})
	} else if o.Index {
		b.addIndex(form, []*Field{field})
	}
}

// constrain adds the CHECK that a field's type asks for, and has the rows that are there checked.
func (b *builder) constrain(form *Form, field *Field) {
	condition := field.Spec.condition(ident(field.Column))
	if condition == "" {
		return
	}
	field.Constraint = b.reg.take(ofCheck)
	b.tx(Prepare, form.Table, []string{dropConstraint(form.Table, field.Constraint)},
		fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID", data(form.Table), ident(field.Constraint), condition))
	b.validate(form.Table, field.Constraint)
}

func dropConstraint(table, constraint string) string {
	return "ALTER TABLE " + data(table) + " DROP CONSTRAINT " + ident(constraint)
}

func dropIfThere(table, constraint string) string {
	return "ALTER TABLE " + data(table) + " DROP CONSTRAINT IF EXISTS " + ident(constraint)
}

// refer binds a field to the form that it points at: first an index, or deleting there would read all rows here.
func (b *builder) refer(form *Form, field *Field) {
	target := b.target(field)
	if target == nil {
		return
	}
	if field.Required && field.Spec.OnDelete == "set_null" {
		b.refuse("on_delete", "a required reference cannot be emptied", "use restrict, or make it optional")
		return
	}
	b.addIndex(form, []*Field{field})
	field.Constraint = b.reg.take(ofForeignKey)
	b.foreignKey(form.Table, target.Table, []string{dropConstraint(form.Table, field.Constraint)},
		"ALTER TABLE "+data(form.Table)+" ADD "+foreignKeyTo(field, data(target.Table))+" NOT VALID")
	b.validate(form.Table, field.Constraint)
}

// target is the form that a new field points at, nil when it cannot.
func (b *builder) target(field *Field) *Form {
	target := b.reg.Form(field.Spec.References)
	switch {
	case target == nil || target.Dropped != nil:
		b.refuse("references", "there is no form "+shown(field.Spec.References), "create it first, in the same change if you like")
		return nil
	case b.returns[target.Key]:
		b.refuse("references", fmt.Sprintf("form %s is brought back in this change", target.Key), "make two changes, one after the other")
		return nil
	}
	return target
}

// foreignKeyTo is the constraint of a reference.
func foreignKeyTo(field *Field, target string) string {
	action := map[string]string{"restrict": "RESTRICT", "set_null": "SET NULL"}[field.Spec.OnDelete]
	return fmt.Sprintf("CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (id) ON DELETE %s", ident(field.Constraint), ident(field.Column), target, action)
}

// joinTable makes the table of a many-to-many field. A link has no content of its own: it goes with either end.
func (b *builder) joinTable(form *Form, field *Field) {
	target := b.target(field)
	if target == nil {
		return
	}
	field.Column = b.reg.take(ofJoin)
	b.fresh[field.Column] = true
	table := data(field.Column)
	b.tx(Prepare, field.Column, []string{"DROP TABLE " + table}, createJoin(table, field, data(form.Table), data(target.Table))...)
}

// createJoin makes the table of a many-to-many field.
func createJoin(table string, field *Field, from, to string) []string {
	return []string{
		fmt.Sprintf(`CREATE TABLE %s (
  from_id bigint NOT NULL REFERENCES %s (id) ON DELETE CASCADE,
  to_id bigint NOT NULL REFERENCES %s (id) ON DELETE CASCADE,
  PRIMARY KEY (from_id, to_id)
)`, table, from, to),
		"CREATE INDEX " + ident(ofIndex.of(field.Column)) + " ON " + table + " (to_id)",
	}
}

// of names what belongs to another thing after that.
func (p prefix) of(name string) string { return string(p) + number(name) }
