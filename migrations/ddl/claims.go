package ddl

import (
	"fmt"
	"slices"
)

// What operations do with a field, as far as it matters to the others of a change.
type deed string

const (
	// isMade: the change adds it.
	isMade deed = "made"
	// isMoved: it is hidden or brought back.
	isMoved deed = "moved"
	// isPurged: it, or its former columns, go for good.
	isPurged deed = "purged"
	// isShaped: what values it has changes, its type or its options.
	isShaped deed = "shaped"
	// isLooked: rows are looked at or filled.
	isLooked deed = "looked at"
)

// apart says which deeds do not go together in one change, each with what is said about it. The outcome would be clear all the same;
// but the steps of two changes of a field's values, one made while the other is not visible yet, are not what anybody wants to read in
// a plan, and an undo that must take both back is not what anybody wants to trust.
var apart = map[[2]deed]string{
	{isMade, isMade}:     "it is added in this change",
	{isMade, isMoved}:    "it is added in this change",
	{isMade, isShaped}:   "it is added in this change: say there what it shall be",
	{isMade, isPurged}:   "it is added in this change",
	{isMoved, isMoved}:   "it is hidden or brought back in this change",
	{isShaped, isMoved}:  "its values are changed in this change",
	{isShaped, isShaped}: "its values are changed in this change",
	{isLooked, isMoved}:  "its values are looked at in this change",
	{isPurged, isMade}:   "it is purged in this change",
	{isPurged, isShaped}: "it is purged in this change",
	{isPurged, isPurged}: "it is purged in this change",
	{isMoved, isShaped}:  "it is brought back in this change",
	{isMoved, isLooked}:  "it is brought back in this change",
}

// claim notes what an operation does with a field. It refuses what does not go together with what the change does with it already.
func (b *builder) claim(form, field string, what deed) bool {
	key := form + "." + field
	for _, before := range b.claims[key] {
		if why, found := apart[[2]deed{before, what}]; found {
			b.refuse("field", fmt.Sprintf("field %s: %s", field, why), "make two changes, one after the other")
			return false
		}
	}
	b.claims[key] = append(b.claims[key], what)
	return true
}

// survey looks at a change as a whole before its operations are planned: which forms it hides, brings back and purges. A form to which that
// happens takes no other operation, except that one may be dropped and purged at once. A form that is made anew is a change of its own: what others do
// in the meantime would have to be done to both tables.
func (b *builder) survey(change Change) {
	for i, op := range change.Operations {
		var list map[string]bool
		switch o := op.(type) {
		case *DropForm:
			list = b.hides
		case *RestoreForm:
			list = b.returns
		case *Purge:
			if o.Field == "" {
				list = b.purges
			}
		case *RebuildForm:
			if len(change.Operations) > 1 {
				b.op = i
				b.refuse("", "rebuild_form takes no other operation in the same change", "make two changes, one after the other")
				return
			}
		}
		if list == nil {
			continue
		}
		list[op.form()] = true
		for k, other := range change.Operations {
			if k != i && other.form() == op.form() && !dropsAndPurges(op, other, i < k) && !dropsAndPurges(other, op, k < i) {
				b.op = max(i, k)
				b.refuse("form", fmt.Sprintf("%s of form %s takes no other operation on that form in the same change", op.Op(), op.form()), "make two changes, one after the other")
				return
			}
		}
	}
}

func dropsAndPurges(first, second Operation, inOrder bool) bool {
	_, drops := first.(*DropForm)
	purge, purges := second.(*Purge)
	return inOrder && drops && purges && purge.Field == ""
}

// reads is what a field's value in a row t will be when an operation that is planned now takes effect, as SQL that can be asked before the
// first step has run: its column may be one that this change makes, or one that it fills.
func (b *builder) reads(field *Field) string {
	if sql, found := b.reading[field.Column]; found {
		return sql
	}
	return "t." + ident(field.Column)
}

// isNew reports whether a column is made by this change: it goes as a whole when the change is undone.
func (b *builder) isNew(column string) bool { return b.columns[column] }

// made marks a column as new, with what rows have in it at first.
func (b *builder) made(column, reads string) {
	b.columns[column] = true
	b.reading[column] = reads
}

// collapse makes of the operations that take a change back those that are needed: what is made in this change goes as a whole.
func (b *builder) collapse(inverse []Operation) []Operation {
	var list []Operation
	for _, op := range inverse {
		if form := b.reg.Form(op.form()); form != nil && b.fresh[form.Table] {
			if _, drops := op.(*DropForm); !drops {
				continue
			}
		}
		if field := fieldOf(op); field != "" {
			form := b.reg.Form(op.form())
			if _, drops := op.(*DropField); !drops && form != nil && form.Field(field) != nil && b.claims.have(op.form(), field, isMade) {
				continue
			}
		}
		list = append(list, op)
	}
	return list
}

// claims are what a change does with fields, by form and field.
type claims map[string][]deed

func (c claims) have(form, field string, what deed) bool {
	return slices.Contains(c[form+"."+field], what)
}

// fieldOf is the field that an operation is about, "" for one about a form or about several fields.
func fieldOf(op Operation) string {
	switch o := op.(type) {
	case *RenameField:
		return o.Field
	case *SetRequired:
		return o.Field
	case *SetOptional:
		return o.Field
	case *SetDefault:
		return o.Field
	case *SetOptions:
		return o.Field
	case *ChangeType:
		return o.Field
	case *RevertType:
		return o.Field
	default:
		return ""
	}
}
