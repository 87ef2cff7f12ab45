package ddl

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Registry is what a tenant's forms are: the truth that its tables follow. It is kept in the tenant's database, in the
// schema _tenantry. The zero value has no forms.
type Registry struct {
	// Next is the number of the next physical name; 0 is taken for 1.
	Next int64 `json:"next"`
	// Forms by key.
	Forms []*Form `json:"forms"`
}

// Form is a table, as people know it.
type Form struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	// Table is the physical name of its table in [DataSchema], or in [TrashSchema] once it is dropped.
	Table string `json:"table"`
	// View is the name of its view in [ViewSchema].
	View string `json:"view"`
	// Version counts the changes that touched it, from 1.
	Version int64    `json:"version"`
	Fields  []*Field `json:"fields"`
	Indexes []*Index `json:"indexes"`
	// Dropped is when it was dropped, PurgeAfter until when it can be restored. Both are nil for one that is not dropped.
	Dropped    *time.Time `json:"dropped_at,omitempty"`
	PurgeAfter *time.Time `json:"purge_after,omitempty"`
}

// Field is a column, as people know it.
type Field struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	// Position in the form, from 1.
	Position int  `json:"position"`
	Spec     Spec `json:"spec"`
	// Column is the physical name of its column; of its join table when it is many-to-many; "" for a formula.
	Column string `json:"column"`
	// Constraint is the physical name of its CHECK or FOREIGN KEY, "" when its type needs none.
	Constraint string `json:"constraint,omitempty"`
	Required   bool   `json:"required,omitempty"`
	// Default is the value of a row that names none, as it was given; nil for none.
	Default json.RawMessage `json:"default,omitempty"`
	// Former columns of the field, of types that it had, the newest last. They wait to be purged.
	Former     []Former   `json:"former,omitempty"`
	Dropped    *time.Time `json:"dropped_at,omitempty"`
	PurgeAfter *time.Time `json:"purge_after,omitempty"`
}

// Former is a column that a field had before its type changed.
type Former struct {
	Column string `json:"column"`
	Spec   Spec   `json:"spec"`
	// Constraint of the column, "" for none.
	Constraint string          `json:"constraint,omitempty"`
	Default    json.RawMessage `json:"default,omitempty"`
	// Sync is the trigger that keeps it in step with the field's column, "" when it is not written any more.
	Sync string `json:"sync,omitempty"`
	// Kept: it stays until somebody purges it early.
	Kept       bool      `json:"kept,omitempty"`
	PurgeAfter time.Time `json:"purge_after"`
}

// Index is an index or a UNIQUE constraint over fields.
type Index struct {
	// Name is physical.
	Name   string   `json:"name"`
	Fields []string `json:"fields"` // keys, in order
	Unique bool     `json:"unique,omitempty"`
}

// Kept reports whether a database has the registry, and the schemas that go with it: it has had a form.
func (r *Registry) Kept() bool { return r.Next > 1 }

// Form finds a form by its key, nil when there is none.
func (r *Registry) Form(key string) *Form {
	for _, form := range r.Forms {
		if form.Key == key {
			return form
		}
	}
	return nil
}

// Field finds a field by its key, nil when there is none.
func (f *Form) Field(key string) *Field {
	for _, field := range f.Fields {
		if field.Key == key {
			return field
		}
	}
	return nil
}

// Index finds an index over exactly these fields, nil when there is none.
func (f *Form) Index(fields []string, unique bool) *Index {
	for _, index := range f.Indexes {
		if index.Unique == unique && slices.Equal(index.Fields, fields) {
			return index
		}
	}
	return nil
}

// schema is where the form's table is.
func (f *Form) schema() string {
	if f.Dropped != nil {
		return TrashSchema
	}
	return DataSchema
}

// Live lists the fields that are not dropped, in order.
func (f *Form) Live() []*Field {
	var live []*Field
	for _, field := range f.Fields {
		if field.Dropped == nil {
			live = append(live, field)
		}
	}
	slices.SortStableFunc(live, func(a, b *Field) int { return a.Position - b.Position })
	return live
}

// Clone copies it, so that planning leaves the original alone.
func (r *Registry) Clone() *Registry {
	c := &Registry{Next: max(r.Next, 1), Forms: make([]*Form, len(r.Forms))}
	for i, form := range r.Forms {
		c.Forms[i] = form.clone()
	}
	return c
}

func (f *Form) clone() *Form {
	c := *f
	c.Fields = make([]*Field, len(f.Fields))
	for i, field := range f.Fields {
		copied := *field
		copied.Former = slices.Clone(field.Former)
		c.Fields[i] = &copied
	}
	c.Indexes = make([]*Index, len(f.Indexes))
	for i, index := range f.Indexes {
		copied := *index
		copied.Fields = slices.Clone(index.Fields)
		c.Indexes[i] = &copied
	}
	return &c
}

// take makes the next physical name.
func (r *Registry) take(p prefix) string {
	name := physical(p, r.Next)
	r.Next++
	return name
}

func (r *Registry) add(form *Form) {
	r.Forms = append(r.Forms, form)
	slices.SortFunc(r.Forms, func(a, b *Form) int { return strings.Compare(a.Key, b.Key) })
}
