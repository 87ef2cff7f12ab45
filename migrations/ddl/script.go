package ddl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/avenit/tenantry/tenants"
)

// SchemasSQL makes the schemas that forms live in, and lets the application's and the read-only role use them, but not dropped forms; ""
// for both roles gives nobody any rights.
func SchemasSQL(app, readOnly string) []string {
	statements := make([]string, 0, len(Schemas())+3)
	for _, schema := range Schemas() {
		statements = append(statements, "CREATE SCHEMA "+ident(schema))
	}
	statements = append(statements, fmt.Sprintf("REVOKE ALL ON SCHEMA %s, %s, %s FROM PUBLIC", DataSchema, ViewSchema, TrashSchema))
	if app == "" || readOnly == "" {
		return statements
	}
	roles := tenants.Ident(app) + ", " + tenants.Ident(readOnly)
	return append(statements,
		fmt.Sprintf("REVOKE ALL ON SCHEMA %s FROM %s", TrashSchema, roles),
		fmt.Sprintf("GRANT USAGE ON SCHEMA %s, %s TO %s", DataSchema, ViewSchema, roles))
}

// Script makes a registry's tables, views and triggers from nothing, in schemas that are there and empty. Whatever changes have led to a
// registry, what they have left in a database is what this makes: it says what is drift, and tests hold changes against it.
func (r *Registry) Script() []string {
	s := script{registry: r}
	for _, form := range r.Forms {
		s.table(form)
	}
	for _, form := range r.Forms {
		s.links(form)
		s.rest(form)
	}
	for _, form := range r.Forms {
		if form.Dropped == nil {
			v := viewOf(form)
			s.statements = append(s.statements, v.creation())
		}
	}
	return s.statements
}

type script struct {
	registry   *Registry
	statements []string
}

func (s *script) add(format string, args ...any) {
	s.statements = append(s.statements, fmt.Sprintf(format, args...))
}

// column is one column of a form's table.
type column struct {
	name, kind string
	// constant is its default, "" for none.
	constant string
	notNull  bool
}

// definition is all of it behind its name.
func (c column) definition() string {
	definition := c.kind
	if c.constant != "" {
		definition += " DEFAULT " + c.constant
	}
	if c.notNull {
		definition += " NOT NULL"
	}
	return definition
}

// table makes a form's table with its columns in the order in which they came about: their numbers.
func (s *script) table(form *Form) {
	s.statements = append(s.statements, createTable(ident(form.schema(), form.Table)))
	for _, c := range columnsOf(form) {
		s.add("ALTER TABLE %s ADD COLUMN %s %s", ident(form.schema(), form.Table), ident(c.name), c.definition())
	}
}

// columnsOf are the columns of a form's fields, former ones included.
func columnsOf(form *Form) []column {
	var columns []column
	for _, field := range form.Fields {
		if !field.Spec.stored() {
			continue
		}
		c := column{name: field.Column, kind: field.Spec.column(), notNull: field.Dropped == nil && field.Required}
		if field.Dropped == nil && field.Default != nil {
			c.constant, _ = field.Spec.constant(field.Default)
		}
		columns = append(columns, c)
		for _, former := range field.Former {
			c := column{name: former.Column, kind: former.Spec.column()}
			if former.Sync != "" {
				c.constant = standin(field, former.Spec)
			}
			columns = append(columns, c)
		}
	}
	slices.SortFunc(columns, func(a, b column) int { return byNumber(a.name, b.name) })
	return columns
}

// check is a CHECK of a form's table.
type check struct{ name, condition string }

func (c check) definition() string {
	return "CONSTRAINT " + ident(c.name) + " CHECK (" + c.condition + ")"
}

// checksOf are the checks of a form's fields, former columns included.
func checksOf(form *Form) []check {
	var checks []check
	add := func(constraint string, spec Spec, column string) {
		if condition := spec.condition(ident(column)); condition != "" && constraint != "" {
			checks = append(checks, check{constraint, condition})
		}
	}
	for _, field := range form.Fields {
		if !field.Spec.stored() {
			continue
		}
		add(field.Constraint, field.Spec, field.Column)
		for _, former := range field.Former {
			add(former.Constraint, former.Spec, former.Column)
		}
	}
	return checks
}

// byNumber orders physical names as they were given out.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// links makes what binds a form to others.
func (s *script) links(form *Form) {
	for _, field := range form.Fields {
		target := s.registry.Form(field.Spec.References)
		if target == nil {
			continue
		}
		if field.Spec.Type == ManyToMany {
			s.statements = append(s.statements, createJoin(ident(form.schema(), field.Column), field, ident(form.schema(), form.Table), ident(target.schema(), target.Table))...)
			continue
		}
		s.add("ALTER TABLE %s ADD %s", ident(form.schema(), form.Table), foreignKeyTo(field, ident(target.schema(), target.Table)))
	}
}

// rest makes a form's checks, indexes and triggers.
func (s *script) rest(form *Form) {
	table := ident(form.schema(), form.Table)
	for _, check := range checksOf(form) {
		s.add("ALTER TABLE %s ADD %s", table, check.definition())
	}
	for _, field := range form.Fields {
		for _, former := range field.Former {
			if former.Sync != "" {
				sync := syncOf(form, field, former)
				sync.schema = form.schema()
				s.statements = append(s.statements, sync.both()...)
			}
		}
	}
	for _, index := range form.Indexes {
		columns := make([]string, len(index.Fields))
		for i, key := range index.Fields {
			columns[i] = ident(form.Field(key).Column)
		}
		list := strings.Join(columns, ", ")
		if index.Unique {
			s.add("ALTER TABLE %s ADD CONSTRAINT %s UNIQUE (%s)", table, ident(index.Name), list)
		} else {
			s.add("CREATE INDEX %s ON %s USING %s (%s)", ident(index.Name), table, kinds[form.Field(index.Fields[0]).Spec.Type].indexed, list)
		}
	}
}
