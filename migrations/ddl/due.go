package ddl

import (
	"slices"
	"time"
)

// Due is the change that purges everything whose grace is over at a time: dropped forms and fields, and former columns. A form to which something
// refers that can still be restored waits for that. It may have no operations.
func (r *Registry) Due(now time.Time) Change {
	over := func(after *time.Time) bool { return after != nil && !now.Before(*after) }
	var fields, forms []Operation
	for _, form := range r.Forms {
		if form.Dropped != nil {
			if over(form.PurgeAfter) {
				forms = append(forms, &Purge{Form: form.Key})
			}
			continue
		}
		for _, field := range form.Fields {
			due := field.Dropped != nil && over(field.PurgeAfter)
			for _, former := range field.Former {
				due = due || (field.Dropped == nil && !former.Kept && over(&former.PurgeAfter))
			}
			if due {
				fields = append(fields, &Purge{Form: form.Key, Field: field.Key})
			}
		}
	}
	// Fields first: they may refer to the forms.
	fields = fields[:min(len(fields), MostOperations)]
	forms = forms[:min(len(forms), MostOperations-len(fields))]
	for before := -1; before != len(forms); {
		before = len(forms)
		forms = slices.DeleteFunc(forms, func(op Operation) bool { return r.referred(op.form(), fields, forms) })
	}
	return Change{Operations: slices.Concat(fields, forms)}
}

// referred reports whether a field refers to a form that is not purged along with it.
func (r *Registry) referred(key string, fields, forms []Operation) bool {
	for _, form := range r.Forms {
		for _, field := range form.Fields {
			goes := func(op Operation) bool {
				purge, is := op.(*Purge)
				return is && purge.Form == form.Key && (form.Dropped != nil || purge.Field == field.Key)
			}
			if form.Key != key && field.Spec.References == key && !slices.ContainsFunc(fields, goes) && !slices.ContainsFunc(forms, goes) {
				return true
			}
		}
	}
	return false
}
