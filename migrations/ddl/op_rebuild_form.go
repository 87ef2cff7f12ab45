package ddl

import (
	"fmt"
	"slices"
)

// RebuildForm makes a form's table anew, without the columns that it once had and that PostgreSQL still counts. Its rows, its names and what refers to
// it are what they were. There is no way back, and none is needed.
type RebuildForm struct {
	Form string `json:"form"`
}

// Op is the operation's name.
func (*RebuildForm) Op() string { return "rebuild_form" }

func (o *RebuildForm) form() string { return o.Form }

func (o *RebuildForm) check(c *checker) { c.key("form", o.Form) }

func (o *RebuildForm) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	r := newRebuild(b, form)
	for _, l := range r.referring {
		if !slices.Contains(b.facts.Tables[l.table].Constraints, l.constraint) {
			b.refuse("form", fmt.Sprintf("constraint %s of table %s, which refers to form %s, is missing", l.constraint, l.table, form.Key), "tenantry drift check tells more; bring the table back to what it was")
			return
		}
	}
	b.final = true
	b.note("the table of form %s is made anew with %d columns; it has had %d, dropped ones counted. This cannot be taken back, and changes nothing that anybody sees", form.Key, len(r.columns), b.facts.Tables[form.Table].Attributes)
	if others := r.others(); len(others) > 0 {
		b.note("what refers to form %s, or it to, is held at the moment of the swap as well: %s", form.Key, listed(others))
	}
	b.probe(r.strangers())
	if b.small(form.Table) {
		r.atOnce()
		return
	}
	b.note("the new table needs room beside the old one until the swap: about %s, and as much as the old one's indexes have", size(b.facts.Tables[form.Table].Bytes))
	r.beside()
}

// size is how much room something takes, for people.
func size(bytes int64) string {
	const megabyte, gigabyte = 1 << 20, 1 << 30
	if bytes < gigabyte {
		return fmt.Sprintf("%d MB", bytes/megabyte)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/gigabyte)
}
