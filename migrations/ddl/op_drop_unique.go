package ddl

import (
	"fmt"
	"strings"
)

// DropUnique lets rows with the same values in again.
type DropUnique struct {
	Form   string   `json:"form"`
	Fields []string `json:"fields"`
}

// Op is the operation's name.
func (*DropUnique) Op() string { return "drop_unique" }

func (o *DropUnique) form() string { return o.Form }

func (o *DropUnique) check(c *checker) { checkIndexed(c, o.Form, o.Fields) }

func (o *DropUnique) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	index := form.Index(o.Fields, true)
	if index == nil {
		b.refuse("fields", fmt.Sprintf("form %s is not unique over %s", form.Key, strings.Join(o.Fields, ", ")), "see tenantry forms show")
		return
	}
	b.commit(form.Table, dropConstraint(form.Table, index.Name))
	form.loseIndex(index)
	b.undoneBy(&SetUnique{Form: o.Form, Fields: o.Fields})
}
