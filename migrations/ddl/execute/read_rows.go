package execute

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/avenit/tenantry/migrations/ddl"
)

// row reads the columns of a row one after the other. The first error stays.
type row struct {
	columns [][]byte
	err     error
}

func (r *row) next() []byte {
	column := r.columns[0]
	r.columns = r.columns[1:]
	return column
}

func (r *row) text() string { return string(r.next()) }

// bool is false for NULL.
func (r *row) bool() bool { return string(r.next()) == "t" }

// number is 0 for NULL.
func (r *row) number() int64 {
	column := r.next()
	if column == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(column), 10, 64)
	r.err = cmp.Or(r.err, err)
	return n
}

func (r *row) float() float64 {
	column := r.next()
	if column == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(column), 64)
	r.err = cmp.Or(r.err, err)
	return n
}

// time is nil for NULL.
func (r *row) time() *time.Time {
	column := r.next()
	if column == nil {
		return nil
	}
	at, err := parseTime(column)
	r.err = cmp.Or(r.err, err)
	return &at
}

// json leaves v alone for NULL.
func (r *row) json(v any) {
	if column := r.next(); column != nil {
		r.err = cmp.Or(r.err, json.Unmarshal(column, v))
	}
}

// parseRegistry reads the rows of registrySQL.
func parseRegistry(rows [][][]byte) (*ddl.Registry, error) {
	registry := &ddl.Registry{}
	forms := map[string]*ddl.Form{}
	fields, indexes := map[string][]*ddl.Field{}, map[string][]*ddl.Index{}
	for _, columns := range rows {
		r := row{columns: columns}
		what, form := r.text(), r.text()
		switch what {
		case "next":
			r.columns = r.columns[2:]
			registry.Next = r.number()
		case "form":
			f := parseForm(&r)
			forms[f.Key] = f
			registry.Forms = append(registry.Forms, f)
		case "field":
			fields[form] = append(fields[form], parseField(&r))
		case "index":
			index := &ddl.Index{Name: r.text()}
			r.columns = r.columns[6:]
			index.Unique = r.bool()
			r.next()
			r.json(&index.Fields)
			indexes[form] = append(indexes[form], index)
		}
		if r.err != nil {
			return nil, fmt.Errorf("a %s of form %q: %w", what, form, r.err)
		}
	}
	slices.SortFunc(registry.Forms, func(a, b *ddl.Form) int { return strings.Compare(a.Key, b.Key) })
	for key, f := range forms {
		f.Fields, f.Indexes = append(f.Fields, fields[key]...), append(f.Indexes, indexes[key]...)
		slices.SortFunc(f.Fields, func(a, b *ddl.Field) int {
			return cmp.Or(cmp.Compare(a.Position, b.Position), strings.Compare(a.Key, b.Key))
		})
		slices.SortFunc(f.Indexes, func(a, b *ddl.Index) int { return strings.Compare(a.Name, b.Name) })
	}
	return registry, nil
}

func parseForm(r *row) *ddl.Form {
	f := &ddl.Form{Key: r.text(), Label: r.text(), Version: r.number(), Fields: []*ddl.Field{}, Indexes: []*ddl.Index{}}
	r.columns = r.columns[2:]
	f.Table, f.View = r.text(), r.text()
	r.columns = r.columns[3:]
	f.Dropped, f.PurgeAfter = r.time(), r.time()
	return f
}

func parseField(r *row) *ddl.Field {
	f := &ddl.Field{Key: r.text(), Label: r.text(), Position: int(r.number())}
	kind := ddl.Type(r.text())
	r.json(&f.Spec)
	f.Spec.Type = kind
	f.Column, f.Constraint, f.Required = r.text(), r.text(), r.bool()
	if value := r.next(); value != nil && string(value) != "null" {
		f.Default = slices.Clone(value)
	}
	r.json(&f.Former)
	f.Dropped, f.PurgeAfter = r.time(), r.time()
	return f
}

// parseFacts reads the rows of factsSQL.
func parseFacts(rows [][][]byte, facts *ddl.Facts) error {
	tables, views := map[string]*ddl.Table{}, map[string]*ddl.View{}
	table := func(name string) *ddl.Table {
		if tables[name] == nil {
			tables[name] = &ddl.Table{Columns: map[string]ddl.Column{}, Constraints: []string{}, Indexes: []string{}}
		}
		return tables[name]
	}
	view := func(name string) *ddl.View {
		if views[name] == nil {
			views[name] = &ddl.View{}
		}
		return views[name]
	}
	places := map[string]map[string]int64{} // of views' columns
	for _, columns := range rows {
		r := row{columns: columns}
		what, of, name, kind, notNull, n := r.text(), r.text(), r.text(), r.text(), r.bool(), r.number()
		switch what {
		case "table":
			t := table(of)
			t.Schema, t.Attributes, t.Rows, t.Bytes = name, int(n), r.float(), r.number()
		case "column":
			table(of).Columns[name] = ddl.Column{Type: kind, NotNull: notNull}
		case "constraint":
			table(of).Constraints = append(table(of).Constraints, name)
		case "unchecked":
			table(of).Unchecked = append(table(of).Unchecked, name)
		case "index":
			table(of).Indexes = append(table(of).Indexes, name)
		case "view":
			view(of)
		case "view column":
			view(of).Columns = append(view(of).Columns, name)
			if places[of] == nil {
				places[of] = map[string]int64{}
			}
			places[of][name] = n
		}
		if r.err != nil {
			return fmt.Errorf("%s %s of %s: %w", what, name, of, r.err)
		}
	}
	facts.Tables, facts.Views = map[string]ddl.Table{}, map[string]ddl.View{}
	for name, t := range tables {
		facts.Tables[name] = *t
	}
	for name, v := range views {
		at := places[name]
		slices.SortFunc(v.Columns, func(a, b string) int { return cmp.Compare(at[a], at[b]) })
		facts.Views[name] = *v
	}
	return nil
}
