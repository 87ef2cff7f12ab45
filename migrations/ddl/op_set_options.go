package ddl

import (
	"fmt"
	"strings"
)

// SetOptions replaces the options of a select or a multi_select, in their order. An option that rows have cannot go: give those rows
// another value first.
type SetOptions struct {
	Form    string   `json:"form"`
	Field   string   `json:"field"`
	Options []Option `json:"options"`
}

// Op is the operation's name.
func (*SetOptions) Op() string { return "set_options" }

func (o *SetOptions) form() string { return o.Form }

func (o *SetOptions) check(c *checker) {
	c.key("form", o.Form)
	c.key("field", o.Field)
	checkOptions(c, o.Options)
}

func (o *SetOptions) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	field := b.storedField(form, "field", o.Field)
	if field == nil {
		return
	}
	if field.Spec.Type != Select && field.Spec.Type != MultiSelect {
		b.refuse("field", fmt.Sprintf("field %s is a %s, which has no options", shown(o.Field), field.Spec.Type), "change_type it to select first")
		return
	}
	if !b.claim(o.Form, o.Field, isShaped) {
		return
	}
	b.undoneBy(&SetOptions{Form: o.Form, Field: o.Field, Options: field.Spec.Options})
	before := field.Spec.Options
	field.Spec.Options = o.Options
	if field.Default != nil {
		if _, wrong := field.Spec.constant(field.Default); wrong != "" {
			b.refuse("options", "the default is "+string(field.Default)+", which would be none of them", "set_default first, null for none")
			return
		}
	}
	var removed []string
	for _, option := range before {
		if !hasOption(o.Options, option.Key) {
			removed = append(removed, option.Key)
		}
	}
	if len(removed) == 0 && len(before) == len(o.Options) {
		return // other labels or another order: the rows do not care
	}
	if len(removed) > 0 {
		b.probe(Probe{
			Field: "options", Table: form.Table,
			SQL:     rowsWhere(form.Table, "NOT ("+field.Spec.condition(b.reads(field))+")", showing(b.reads(field))),
			Message: "%d rows have an option that goes: " + strings.Join(removed, ", "),
			Fix:     "keep the option, or give these rows another value first",
		})
	}
	b.replaceCheck(form, field)
	b.resync(form, field)
}

// replaceCheck puts the CHECK that a field needs now in the place of the one it has.
func (b *builder) replaceCheck(form *Form, field *Field) {
	had := field.Constraint
	field.Constraint = ""
	b.constrain(form, field)
	if had != "" {
		b.commit(form.Table, dropConstraint(form.Table, had))
	}
}
