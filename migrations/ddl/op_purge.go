package ddl

import (
	"fmt"
	"slices"
	"time"
)

// Purge removes for good what was dropped: a form; with Field, a field, or the former columns of one whose type has changed. There is
// no way back.
type Purge struct {
	Form  string `json:"form"`
	Field string `json:"field,omitempty"`
	// Early purges before the grace is over.
	Early bool `json:"early,omitempty"`
}

// Op is the operation's name.
func (*Purge) Op() string { return "purge" }

func (o *Purge) form() string { return o.Form }

func (o *Purge) check(c *checker) {
	c.key("form", o.Form)
	if o.Field != "" {
		c.key("field", o.Field)
	}
}

func (o *Purge) plan(b *builder) {
	b.final = true
	form := b.reg.Form(o.Form)
	if form == nil {
		b.refuse("form", "there is no form "+shown(o.Form), "see tenantry forms show --dropped")
		return
	}
	if o.Field == "" {
		o.purgeForm(b, form)
		return
	}
	field := form.Field(o.Field)
	if field != nil && !b.claim(o.Form, o.Field, isPurged) {
		return
	}
	switch {
	case field == nil:
		b.refuse("field", fmt.Sprintf("form %s has no field %s", form.Key, shown(o.Field)), "see tenantry forms show --dropped")
	case form.Dropped != nil:
		b.refuse("field", fmt.Sprintf("form %s is dropped as a whole", form.Key), "purge the form, or restore it")
	case field.Dropped != nil:
		if o.due(b, "field", field.Key, *field.PurgeAfter) {
			b.touch(form)
			b.purgeField(form, field)
		}
	case len(field.Former) > 0:
		o.purgeFormer(b, form, field)
	default:
		b.refuse("field", fmt.Sprintf("field %s is not dropped", shown(o.Field)), "drop_field it first")
	}
}

// due refuses what could still be restored.
func (o *Purge) due(b *builder, what, key string, after time.Time) bool {
	if o.Early || !b.facts.Now.Before(after) {
		return true
	}
	b.refuse(what, fmt.Sprintf("%s %s can be restored until %s", what, key, after.UTC().Format(time.DateTime)), "wait, or say early")
	return false
}

func (o *Purge) purgeForm(b *builder, form *Form) {
	if form.Dropped == nil {
		b.refuse("form", fmt.Sprintf("form %s is not dropped", shown(o.Form)), "drop_form it first")
		return
	}
	if !o.due(b, "form", form.Key, *form.PurgeAfter) {
		return
	}
	if !b.unreferred(form) {
		return
	}
	// It is out of the registry first: what is left then is nobody's.
	for _, field := range form.Fields {
		if field.Spec.Type == ManyToMany && field.Column != "" { // or it went with the form that it refers to
			b.builtOn(form, "form", field.Column, "")
			b.tx(After, field.Column, nil, "DROP TABLE "+ident(TrashSchema, field.Column))
		}
		for _, former := range field.Former {
			if former.Sync != "" {
				b.tx(After, form.Table, nil, "DROP TRIGGER "+ident(former.Sync)+" ON "+ident(TrashSchema, form.Table), "DROP FUNCTION "+ident(DataSchema, former.Sync)+"()")
			}
		}
	}
	b.builtOn(form, "form", form.Table, "")
	b.tx(After, form.Table, nil, "DROP TABLE "+ident(TrashSchema, form.Table))
	b.reg.Forms = slices.DeleteFunc(b.reg.Forms, func(f *Form) bool { return f == form })
	b.gone = append(b.gone, form.Key)
}

// unreferred refuses a form that something refers to which stays, and unbinds what goes together with it.
func (b *builder) unreferred(form *Form) bool {
	for _, other := range b.reg.Forms {
		for _, field := range other.Fields {
			if other == form || field.Spec.References != form.Key {
				continue
			}
			switch {
			case other.Dropped == nil:
				b.refuse("form", fmt.Sprintf("hidden field %s of form %s refers to form %s", field.Key, other.Key, form.Key), "purge that first, before this in the same change if you like")
				return false
			case !b.purges[other.Key]:
				b.refuse("form", fmt.Sprintf("form %s, which is dropped too, refers to form %s with its field %s", other.Key, form.Key, field.Key), "purge that first, or in the same change")
				return false
			case field.Spec.Type == ManyToMany && field.Column != "":
				b.builtOn(other, "form", field.Column, "")
				b.tx(After, field.Column, nil, "DROP TABLE "+ident(TrashSchema, field.Column))
				field.Column = ""
			case field.Constraint != "":
				b.tx(After, other.Table, nil, "ALTER TABLE "+ident(TrashSchema, other.Table)+" DROP CONSTRAINT "+ident(field.Constraint))
				field.Constraint = ""
			}
		}
	}
	return true
}

// purgeField takes a hidden field's column away. It is out of the registry first: what is left then is nobody's.
func (b *builder) purgeField(form *Form, field *Field) {
	for _, index := range slices.Clone(form.Indexes) {
		if !slices.Contains(index.Fields, field.Key) {
			continue
		}
		form.loseIndex(index)
		if index.Unique {
			b.tx(After, form.Table, nil, dropConstraint(form.Table, index.Name))
		} else {
			b.dropIndex(form.Table, index.Name)
		}
	}
	form.Fields = slices.DeleteFunc(form.Fields, func(f *Field) bool { return f == field })
	switch {
	case field.Spec.Type == ManyToMany:
		b.builtOn(form, "field", field.Column, "")
		b.tx(After, field.Column, nil, "DROP TABLE "+data(field.Column))
	case field.Spec.stored():
		b.dropFormer(form, field, time.Time{})
		b.dropColumn(form, field.Column)
	}
}

func (b *builder) dropColumn(form *Form, column string) {
	b.builtOn(form, "field", form.Table, column)
	b.tx(After, form.Table, nil, "ALTER TABLE "+data(form.Table)+" DROP COLUMN "+ident(column))
}

// purgeFormer takes away the columns that a field had before, as far as their grace is over.
func (o *Purge) purgeFormer(b *builder, form *Form, field *Field) {
	due := b.facts.Now
	if o.Early {
		due = time.Time{}
	}
	before := len(field.Former)
	b.touch(form)
	b.dropFormer(form, field, due)
	if len(field.Former) == before {
		b.refuse("field", fmt.Sprintf("the former column of field %s can be had back until %s, or is kept", field.Key, field.Former[0].PurgeAfter.UTC().Format(time.DateTime)), "wait, or say early")
	}
}

// dropFormer drops former columns whose grace was over at a time, all of them when that is zero.
func (b *builder) dropFormer(form *Form, field *Field, due time.Time) {
	var left []Former
	for _, former := range field.Former {
		if !due.IsZero() && (former.Kept || due.Before(former.PurgeAfter)) {
			left = append(left, former)
			continue
		}
		if former.Sync != "" {
			b.commit(form.Table, twin{table: form.Table, name: former.Sync}.drop()...)
		}
		b.dropColumn(form, former.Column)
	}
	field.Former = left
}
