package ddl

import (
	"encoding/json"
	"fmt"
	"slices"
)

// What becomes of values that the new type has no counterpart of.
const (
	// OnErrorStop refuses the change.
	OnErrorStop = "stop"
	// OnErrorEmpty leaves such rows without a value; the old ones can be had back until the grace is over.
	OnErrorEmpty = "empty"
	// OnErrorKeep does the same and keeps the old values for good, in a column beside.
	OnErrorKeep = "keep"
)

// ChangeType gives a field another type, or other parameters of its type. Values are converted exactly, or not at all.
type ChangeType struct {
	Form  string `json:"form"`
	Field string `json:"field"`
	Spec
	// OnError says what becomes of values that cannot be converted: stop (the default), empty or keep.
	OnError string `json:"on_error,omitempty"`
}

// Op is the operation's name.
func (*ChangeType) Op() string { return "change_type" }

func (o *ChangeType) form() string { return o.Form }

func (o *ChangeType) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
	o.Spec.check(c)
	if !slices.Contains([]string{"", OnErrorStop, OnErrorEmpty, OnErrorKeep}, o.OnError) {
		c.refuse("on_error", shown(o.OnError)+" is not one of stop, empty, keep", "use stop, the default, to be told which rows are in the way")
	}
}

func (o *ChangeType) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := b.field(form, "field", o.Field)
	if field == nil {
		return
	}
	if !b.claim(o.Form, o.Field, isShaped) {
		return
	}
	from, to := field.Spec, o.withDefaults()
	if sameSpec(from, to) {
		b.refuse("type", fmt.Sprintf("field %s is so already", shown(o.Field)), "leave the operation out")
		return
	}
	if from.Type == Formula && to.Type == Formula {
		b.undoneBy(&ChangeType{Form: o.Form, Field: o.Field, Spec: from.asGiven()})
		field.Spec = to
		return
	}
	if !o.possible(b, form, field, to) {
		return
	}
	_, partial := convert(from, to, "x")
	switch {
	case from.column() == to.column() && (!partial || or(o.OnError, OnErrorStop) == OnErrorStop):
		o.recheck(b, form, field, to)
	case widens(from, to):
		b.undoneBy(&ChangeType{Form: o.Form, Field: o.Field, Spec: from.asGiven()})
		b.remade[form.Key] = true // its view reads the column, and PostgreSQL changes no type under a view
		b.builtOn(form, "type", form.Table, field.Column)
		b.unsync(form, field)
		field.Spec = to
		b.commit(form.Table, alterColumn(form, field, "TYPE "+to.column()))
		b.renewDefault(form, field)
		b.resync(form, field)
	default:
		o.replace(b, form, field, to)
	}
}

// possible refuses what cannot be converted, or not with what the field has.
func (o *ChangeType) possible(b *builder, form *Form, field *Field, to Spec) bool {
	from := field.Spec
	refused := len(b.problems)
	special := func(t Type) bool { return t == Reference || t == ManyToMany || t == Formula }
	if special(from.Type) || special(to.Type) {
		b.refuse("type", fmt.Sprintf("a %s cannot become a %s", from.Type, to.Type), "add a field of that type, and drop this one")
		return false
	}
	if sql, _ := convert(from, to, "x"); sql == "" {
		b.refuse("type", fmt.Sprintf("a %s cannot become a %s", from.Type, to.Type), "change it to long_text first, or add a field of that type")
		return false
	}
	k := kinds[to.Type]
	for _, index := range form.Indexes {
		if !slices.Contains(index.Fields, field.Key) {
			continue
		}
		if k.indexed == "" || (index.Unique && !k.unique) || (k.indexed == "gin" && len(index.Fields) > 1) || k.indexed != kinds[from.Type].indexed {
			b.refuse("type", fmt.Sprintf("field %s has an index, or is unique, and a %s cannot be so", field.Key, to.Type), "drop_index or drop_unique first")
		}
	}
	if _, wrong := to.constant(becomes(field.Default, to)); wrong != "" {
		b.refuse("type", "the default would not fit: "+wrong, "set_default before it in the same change, null for none")
	}
	return len(b.problems) == refused
}

// becomes writes a default as another type reads it: a number or a truth value as a text.
func becomes(value json.RawMessage, to Spec) json.RawMessage {
	if _, wrong := to.constant(value); wrong == "" || !isTextual(to.Type) || value[0] == '"' || value[0] == '[' || value[0] == '{' {
		return value
	}
	text, err := json.Marshal(string(value))
	if err != nil {
		return value
	}
	return text
}

func sameSpec(a, b Spec) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// recheck changes only what values the column may have.
func (o *ChangeType) recheck(b *builder, form *Form, field *Field, to Spec) {
	b.undoneBy(&ChangeType{Form: o.Form, Field: o.Field, Spec: field.Spec.asGiven()})
	column := b.reads(field)
	if condition := to.condition(column); condition != "" {
		b.probe(Probe{
			Field: "type", Table: form.Table, SQL: rowsWhere(form.Table, "NOT ("+condition+")", showing(column)),
			Message: "%d rows cannot become a " + string(to.Type), Fix: fixConversion,
		})
	}
	from := field.Spec
	field.Spec = to
	b.renewDefault(form, field)
	if from.condition("x") != to.condition("x") {
		b.replaceCheck(form, field)
	}
	b.resync(form, field)
}

// renewDefault writes a default again whose type has other parameters now.
func (b *builder) renewDefault(form *Form, field *Field) {
	if field.Default != nil {
		constant, _ := field.Spec.constant(field.Default)
		b.commit(form.Table, alterColumn(form, field, "SET DEFAULT "+constant))
	}
}

const (
	fixConversion = "change those rows, or say what becomes of them: on_error empty or keep"
	fixCollision  = "change those rows, or drop_unique first"
)

// replace makes a new column beside the old one, keeps the two in step while rows are converted, and swaps them in the registry.
// Whoever still writes the old column goes on doing so until it is purged.
func (o *ChangeType) replace(b *builder, form *Form, field *Field, to Spec) {
	stop := or(o.OnError, OnErrorStop) == OnErrorStop
	from, old := field.Spec, field.Column
	b.addColumn(form)
	column := b.reg.take(ofField)
	value, partial := convert(from, to, b.reads(field))
	b.collisions("type", form, field, value, fixCollision)
	b.made(column, value)
	b.tx(Prepare, form.Table, []string{"ALTER TABLE " + data(form.Table) + " DROP COLUMN " + ident(column)},
		"ALTER TABLE "+data(form.Table)+" ADD COLUMN "+ident(column)+" "+to.column())
	sync := twin{table: form.Table, name: ofSync.of(column), from: from, to: to, old: old, new: column, also: b.endSync(form, field)}
	b.tx(Prepare, form.Table, sync.drop(), sync.follow()...)

	if partial {
		lost := Probe{
			Field: "type", Table: form.Table, Note: !stop,
			SQL:     rowsWhere(form.Table, fmt.Sprintf("(%s) IS NOT NULL AND (%s) IS NULL", b.reads(field), value), showing(b.reads(field))),
			Message: "%d rows cannot become a " + string(to.Type), Fix: fixConversion,
		}
		if field.Required {
			lost.Note, lost.Fix = false, "change those rows: the field is required"
		}
		b.probe(lost)
	}
	fillValue, _ := convert(from, to, "t."+ident(old))
	unconverted := fmt.Sprintf("t.%s IS NOT NULL AND t.%s IS NULL", ident(old), ident(column))
	b.fill(form.Table, filling{column: column, value: fillValue, condition: unconverted})
	last := func() {}
	if partial && stop {
		last = b.watch(form, column, unconverted, Probe{
			Field: "type", SQL: rowsWhere(form.Table, unconverted, showing("t."+ident(old))),
			Message: "%d rows written meanwhile cannot become a " + string(to.Type), Fix: fixConversion,
		})
	}
	former := Former{Column: old, Spec: from, Constraint: field.Constraint, Default: field.Default, Sync: sync.name, PurgeAfter: b.purgeAfter(), Kept: o.OnError == OnErrorKeep}
	b.swap(form, field, sync, Former{Column: column, Spec: to, Default: becomes(field.Default, to)}, former)
	last()
	if back, _ := convert(to, from, "x"); back == "" {
		b.final = true // and nobody can take back a change of which this is a part
		b.note("field %s cannot be changed back from a %s to a %s", field.Key, to.Type, from.Type)
	}
	b.undoneBy(&RevertType{Form: o.Form, Field: o.Field})
}

// swap makes another column the field's: with its CHECK, its indexes, its NOT NULL and its default; the former one stays, and is kept in step.
func (b *builder) swap(form *Form, field *Field, sync twin, now, former Former) {
	was := *field
	field.Column, field.Spec, field.Constraint, field.Default = now.Column, now.Spec, now.Constraint, now.Default
	if field.Constraint == "" {
		b.constrain(form, field)
	}
	for _, index := range slices.Clone(form.Indexes) {
		if !slices.Contains(index.Fields, field.Key) {
			continue
		}
		fields := make([]*Field, len(index.Fields))
		for i, key := range index.Fields {
			fields[i] = form.Field(key)
		}
		form.loseIndex(index)
		if index.Unique {
			b.commit(form.Table, dropConstraint(form.Table, index.Name))
			b.unique(form, fields)
			continue
		}
		b.addIndex(form, fields)
		b.dropIndex(form.Table, index.Name)
	}
	if was.Required {
		b.requireColumn(form, field.Column, func() {})
		b.commit(form.Table, alterColumn(form, &was, "DROP NOT NULL"))
	}
	if field.Default != nil {
		constant, _ := field.Spec.constant(field.Default)
		b.commit(form.Table, alterColumn(form, field, "SET DEFAULT "+constant))
	}
	sync.standin = standin(field, former.Spec)
	b.commit(form.Table, append(sync.both(), sync.defaults())...)
	field.Former = append(field.Former, former)
}
