package ddl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/avenit/tenantry/tenants"
)

// builder is what operations plan themselves with: the registry as it will be, and the steps that lead there.
type builder struct {
	original *Registry
	reg      *Registry
	facts    Facts

	op       int // index of the operation that plans now
	steps    []Step
	probes   []Probe
	notes    []string
	problems Problems
	touched  map[string]bool
	// by is the last operation that touched a form.
	by   map[string]int
	gone []string
	// fresh are the tables that this change makes: nobody uses them yet.
	fresh map[string]bool
	// inverse collects what takes the operations back; final says that something cannot be.
	inverse []Operation
	final   bool
	// added counts the new columns of each table.
	added map[string]int
	// first is what the commit begins with.
	first []string
	// remade are forms whose view is in the way of a change and is made anew.
	remade map[string]bool
	// claims are what the change does with fields; hides, returns and purges are the forms that it drops, restores and purges as wholes.
	claims                 claims
	hides, returns, purges map[string]bool
	// columns are those that the change makes, reading what rows have in a column that it makes or fills.
	columns map[string]bool
	reading map[string]string
}

func newBuilder(registry *Registry, facts Facts) *builder {
	return &builder{
		original: registry,
		reg:      registry.Clone(),
		facts:    facts,
		touched:  map[string]bool{},
		by:       map[string]int{},
		fresh:    map[string]bool{},
		added:    map[string]int{},
		remade:   map[string]bool{},
		claims:   claims{},
		hides:    map[string]bool{},
		returns:  map[string]bool{},
		purges:   map[string]bool{},
		columns:  map[string]bool{},
		reading:  map[string]string{},
	}
}

func (b *builder) begin(i int, _ Operation) { b.op = i }

func (b *builder) refuse(field, message, fix string) {
	path := at(b.op)
	if field != "" {
		path += "." + field
	}
	b.problems = append(b.problems, Problem{Path: path, Message: message, Fix: fix})
}

func (b *builder) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(b.notes, text) {
		b.notes = append(b.notes, text)
	}
}

// undoneBy says which operation takes this one back.
func (b *builder) undoneBy(op Operation) { b.inverse = append(b.inverse, op) }

// touch marks a form as changed: its version grows once in a change.
func (b *builder) touch(form *Form) {
	b.by[form.Key] = b.op
	if !b.touched[form.Key] {
		b.touched[form.Key] = true
		form.Version++
	}
}

// form finds a form that is there, and marks it as changed.
func (b *builder) form(key string) *Form {
	form := b.reg.Form(key)
	switch {
	case form == nil:
		b.refuse("form", "there is no form "+shown(key), "see tenantry forms show, or create_form it first")
		return nil
	case form.Dropped != nil:
		b.refuse("form", "form "+shown(key)+" is dropped", "restore_form it first")
		return nil
	}
	b.touch(form)
	return form
}

// field finds a field that is there.
func (b *builder) field(form *Form, name, key string) *Field {
	field := form.Field(key)
	switch {
	case field == nil:
		b.refuse(name, fmt.Sprintf("form %s has no field %s", form.Key, shown(key)), "see tenantry forms show")
		return nil
	case field.Dropped != nil:
		b.refuse(name, fmt.Sprintf("field %s of form %s is dropped", shown(key), form.Key), "restore_field it first")
		return nil
	}
	return field
}

// storedField finds a field that has a column.
func (b *builder) storedField(form *Form, name, key string) *Field {
	field := b.field(form, name, key)
	if field != nil && !field.Spec.stored() {
		b.refuse(name, fmt.Sprintf("field %s is a %s, which has no column", shown(key), field.Spec.Type), "this is for fields that rows have a value of")
		return nil
	}
	return field
}

// end looks at the forms as they will be, as wholes.
func (b *builder) end() {
	b.rowSizes()
	b.views()
}

// purgeAfter is until when something that is dropped now can be restored.
func (b *builder) purgeAfter() time.Time { return b.facts.Now.Add(Grace) }

// literal quotes a text constant.
func literal(text string) string { return strings.TrimSpace(tenants.Literal(text)) }

// literals is an array of texts.
func literals(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = literal(text)
	}
	return "ARRAY[" + strings.Join(quoted, ", ") + "]::text[]"
}
