package ddl

import "fmt"

// Budgets of PostgreSQL.
const (
	mostAttributes = 1600
	// warnAttributes is where a form is told that its table should be made anew some day.
	warnAttributes = 1200
	// mostRowBytes is what a row takes at most, once everything is moved out that can be.
	mostRowBytes = 8160
	// mostIndexColumns is how many columns an index has at most.
	mostIndexColumns = 32
)

// addColumn counts a new column against the table's budget.
func (b *builder) addColumn(form *Form) {
	b.added[form.Table]++
	used := b.facts.Tables[form.Table].Attributes
	if b.fresh[form.Table] {
		used = len(reservedKeys)
	}
	used += b.added[form.Table]
	lost := b.dropped(form)
	switch {
	case used > mostAttributes:
		fix := "make a second form with a reference to this one"
		if lost > 0 {
			fix = fmt.Sprintf("rebuild_form first, in a change of its own: it makes the table anew without %d dropped columns", lost)
		}
		b.refuse("", fmt.Sprintf("form %s would have had %d columns, dropped ones counted, and PostgreSQL has room for %d", form.Key, used, mostAttributes), fix)
	case used > warnAttributes && lost > 0:
		b.note("form %s has had %d columns, %d of them dropped; PostgreSQL has room for %d, and rebuild_form makes the table anew without the dropped ones", form.Key, used, lost, mostAttributes)
	case used > warnAttributes:
		b.note("form %s has %d columns; PostgreSQL has room for %d", form.Key, used, mostAttributes)
	}
}

// dropped is how many columns of a form's table are gone, and counted all the same.
func (b *builder) dropped(form *Form) int {
	original := b.original.Form(form.Key)
	if original == nil {
		return 0
	}
	return max(b.facts.Tables[form.Table].Attributes-len(reservedKeys)-len(columnsOf(original)), 0)
}

// rowSizes tells which forms may have rows that PostgreSQL has no room for.
func (b *builder) rowSizes() {
	for _, form := range b.reg.Forms {
		if !b.touched[form.Key] || form.Dropped != nil {
			continue
		}
		width := 24 + (len(form.Fields)+7)/8 + 3*widthFixed
		for _, field := range form.Fields {
			width += kinds[field.Spec.Type].width
		}
		if width > mostRowBytes {
			b.note("a row of form %s with a value in every field may take %d bytes, and PostgreSQL has room for %d: saving such a row would fail", form.Key, width, mostRowBytes)
		}
	}
}
