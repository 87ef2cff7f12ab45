package ddl

import (
	"fmt"
	"slices"
	"strings"
)

// AddIndex makes looking for values of these fields fast, in this order.
type AddIndex struct {
	Form string `json:"form"`
	// Fields are 1 to 32 keys.
	Fields []string `json:"fields"`
}

// Op is the operation's name.
func (*AddIndex) Op() string { return "add_index" }

func (o *AddIndex) form() string { return o.Form }

func (o *AddIndex) check(c *checker) { checkIndexed(c, o.Form, o.Fields) }

func (o *AddIndex) plan(b *builder) {
	form, fields := b.indexed(o.Form, o.Fields, false)
	if form == nil {
		return
	}
	b.addIndex(form, fields)
	b.undoneBy(&DropIndex{Form: o.Form, Fields: o.Fields})
}

func checkIndexed(c *checker, form string, fields []string) {
	c.key("form", form)
	if n := len(fields); n == 0 || n > mostIndexColumns {
		c.refuse("fields", fmt.Sprintf("there are %d fields", n), fmt.Sprintf("give 1 to %d: an index has no room for more", mostIndexColumns))
	}
	for i, field := range fields {
		c.key(fmt.Sprintf("fields[%d]", i), field)
		if slices.Contains(fields[:i], field) {
			c.refuse(fmt.Sprintf("fields[%d]", i), shown(field)+" is there twice", "name each field once")
		}
	}
}

// indexed finds the fields of an index that is not there yet.
func (b *builder) indexed(key string, keys []string, unique bool) (*Form, []*Field) {
	form := b.form(key)
	if form == nil {
		return nil, nil
	}
	if form.Index(keys, unique) != nil {
		b.refuse("fields", fmt.Sprintf("there is one over %s already", strings.Join(keys, ", ")), "leave the operation out")
		return nil, nil
	}
	var fields []*Field
	for i, name := range keys {
		field := b.storedField(form, fmt.Sprintf("fields[%d]", i), name)
		if field == nil {
			return nil, nil
		}
		k := kinds[field.Spec.Type]
		switch {
		case k.indexed == "" || (unique && !k.unique):
			b.refuse(fmt.Sprintf("fields[%d]", i), fmt.Sprintf("field %s is a %s, which cannot have one", name, field.Spec.Type), "leave the field out")
			return nil, nil
		case k.indexed == "gin" && len(keys) > 1:
			b.refuse(fmt.Sprintf("fields[%d]", i), fmt.Sprintf("field %s is a %s, which needs an index of its own", name, field.Spec.Type), "make two indexes")
			return nil, nil
		}
		fields = append(fields, field)
	}
	return form, fields
}

// addIndex builds an index over fields.
func (b *builder) addIndex(form *Form, fields []*Field) {
	b.buildIndex(form, &Index{Name: b.reg.take(ofIndex), Fields: keysOf(fields)}, fields)
}

// unique builds a UNIQUE constraint over fields: first its index, beside the traffic, then the constraint takes that over.
func (b *builder) unique(form *Form, fields []*Field) {
	index := &Index{Name: b.reg.take(ofUnique), Fields: keysOf(fields), Unique: true}
	b.buildIndex(form, index, fields)
	b.commit(form.Table, adoptIndex(form, index.Name))
}

func adoptIndex(form *Form, index string) string {
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %[2]s UNIQUE USING INDEX %[2]s", data(form.Table), ident(index))
}

func (b *builder) buildIndex(form *Form, index *Index, fields []*Field) {
	columns := make([]string, len(fields))
	for i, field := range fields {
		columns[i] = field.Column
	}
	form.Indexes = append(form.Indexes, index)
	b.indexable(form, fields)
	b.index(form.Table, index.Name, columns, index.Unique, kinds[fields[0].Spec.Type].indexed)
}

func keysOf(fields []*Field) []string {
	keys := make([]string, len(fields))
	for i, field := range fields {
		keys[i] = field.Key
	}
	return keys
}

// loseIndex takes an index out of the registry.
func (f *Form) loseIndex(index *Index) {
	f.Indexes = slices.DeleteFunc(f.Indexes, func(other *Index) bool { return other == index })
}
