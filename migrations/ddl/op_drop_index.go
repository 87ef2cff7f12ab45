package ddl

import (
	"fmt"
	"strings"
)

// DropIndex takes an index away that [AddIndex] or [AddField] made.
type DropIndex struct {
	Form   string   `json:"form"`
	Fields []string `json:"fields"`
}

// Op is the operation's name.
func (*DropIndex) Op() string { return "drop_index" }

func (o *DropIndex) form() string { return o.Form }

func (o *DropIndex) check(c *checker) { checkIndexed(c, o.Form, o.Fields) }

func (o *DropIndex) plan(b *builder) {
	form := b.form(o.Form)
	if form == nil {
		return
	}
	index := form.Index(o.Fields, false)
	if index == nil {
		b.refuse("fields", fmt.Sprintf("form %s has no index over %s", form.Key, strings.Join(o.Fields, ", ")), "see tenantry forms show")
		return
	}
	if field := form.Field(o.Fields[0]); len(o.Fields) == 1 && field != nil && field.Spec.Type == Reference {
		b.refuse("fields", fmt.Sprintf("field %s is a reference, and without an index every deletion there would read all rows here", field.Key), "keep it")
		return
	}
	b.dropIndex(form.Table, index.Name)
	form.loseIndex(index)
	b.undoneBy(&AddIndex{Form: o.Form, Fields: o.Fields})
}
