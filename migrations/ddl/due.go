package ddl

import "time"

// Due is the change that purges everything whose grace is over at a time: dropped forms and fields, and former columns. It may have no
// operations.
func (r *Registry) Due(now time.Time) Change {
	var change Change
	over := func(after *time.Time) bool { return after != nil && !now.Before(*after) }
	for _, form := range r.Forms {
		if form.Dropped != nil {
			if over(form.PurgeAfter) {
				change.Operations = append(change.Operations, &Purge{Form: form.Key})
			}
			continue
		}
		for _, field := range form.Fields {
			due := field.Dropped != nil && over(field.PurgeAfter)
			for _, former := range field.Former {
				due = due || (field.Dropped == nil && !former.Kept && over(&former.PurgeAfter))
			}
			if due {
				change.Operations = append(change.Operations, &Purge{Form: form.Key, Field: field.Key})
			}
		}
	}
	change.Operations = change.Operations[:min(len(change.Operations), MostOperations)]
	return change
}
