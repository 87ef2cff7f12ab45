package ddl

import (
	"fmt"
	"slices"
	"strings"
)

// probe looks at rows before the first step, and refuses the change when it finds some. A table that this change makes has none.
func (b *builder) probe(p Probe) {
	if b.fresh[p.Table] {
		return
	}
	p.Operation, p.Rows = b.op, b.rows(p.Table)
	b.probes = append(b.probes, p)
}

// rowsWhere makes the SQL of a probe: how many rows meet a condition, and some of them. shows is what an example says of its row.
func rowsWhere(table, condition, shows string) string {
	return fmt.Sprintf(`SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id%[3]s AS example FROM %[1]s AS t WHERE %[2]s ORDER BY t.id LIMIT 5) AS e
)
FROM %[1]s AS t
WHERE %[2]s`, data(table), condition, shows)
}

// showing is what an example tells of a value: the beginning of its text.
func showing(column string) string {
	return " || coalesce(': ' || left((" + column + ")::text, 40), '')"
}

// watch looks again just before the change becomes visible whether rows meet a condition that none did at first, and gives what the commit ends
// with: the last look, when nobody can write more of them. That one is quick on a large table as well: an index of such rows is made first.
func (b *builder) watch(form *Form, number string, condition string, again Probe) (last func()) {
	message := strings.TrimPrefix(again.Message, "%d ")
	if b.small(form.Table) {
		return func() { b.guard(form.Table, condition, message) }
	}
	index := ofLost.of(number)
	b.steps = append(b.steps, Step{
		Operation: b.op, Phase: Prepare, Kind: StepBuildIndex, Table: form.Table, Index: index, Lock: lockConcurrent,
		SQL:  []string{fmt.Sprintf("CREATE INDEX CONCURRENTLY %s ON %s (id) WHERE %s", ident(index), data(form.Table), strings.ReplaceAll(condition, "t.", ""))},
		Rows: b.rows(form.Table), Estimate: estimate(b.rows(form.Table), scanRate),
	})
	again.Operation, again.Table, again.Rows = b.op, form.Table, b.rows(form.Table)
	b.steps = append(b.steps, Step{
		Operation: b.op, Phase: Prepare, Kind: StepProbe, Table: form.Table, Lock: lockNone, SQL: []string{again.SQL}, Probe: &again,
		Rows: again.Rows, Estimate: estimate(again.Rows, scanRate),
	})
	return func() {
		b.guard(form.Table, condition, message)
		b.dropIndex(form.Table, index)
	}
}

// refersTo refuses a constant of a reference that is no row's id.
func (b *builder) refersTo(name string, spec Spec, constant string) {
	target := b.reg.Form(spec.References)
	if target == nil || constant == "NULL" {
		return
	}
	message := fmt.Sprintf("form %s has no row %s", target.Key, strings.Trim(strings.TrimSuffix(constant, "::bigint"), "'"))
	const fix = "give the id of a row that is there"
	if b.fresh[target.Table] {
		b.refuse(name, message, fix)
		return
	}
	b.probe(Probe{
		Field: name, Table: target.Table, Message: message, Fix: fix,
		SQL: fmt.Sprintf("SELECT CASE WHEN EXISTS (SELECT FROM %s AS t WHERE t.id = %s) THEN 0 ELSE 1 END, NULL::text[]", data(target.Table), constant),
	})
}

// collisions refuses a change of a field's values after which rows would be alike that must not be: reads is what the field has then.
func (b *builder) collisions(name string, form *Form, field *Field, reads, fix string) {
	was, found := b.reading[field.Column]
	b.reading[field.Column] = reads
	for _, index := range form.Indexes {
		if !index.Unique || !slices.Contains(index.Fields, field.Key) {
			continue
		}
		fields := make([]*Field, len(index.Fields))
		for i, key := range index.Fields {
			fields[i] = form.Field(key)
		}
		p := b.duplicates(form, fields)
		p.Field, p.Fix = name, fix
		p.Message = "%d rows would have a value that another row has, and " + strings.Join(index.Fields, ", ") + " is unique"
		b.probe(p)
	}
	if delete(b.reading, field.Column); found {
		b.reading[field.Column] = was
	}
}

// indexable refuses an index over values that are too large for one, and tells that such values could not be saved any more.
func (b *builder) indexable(form *Form, fields []*Field) {
	const mostBytes = 2704 // of an entry of a btree, on pages of 8 kB: BTMaxItemSize
	const entry = 16       // its header
	most, sizes := entry, make([]string, len(fields))
	for i, field := range fields {
		kind := kinds[field.Spec.Type]
		if kind.indexed != "btree" {
			return
		}
		most += max(widthFixed, 4*field.Spec.mostCharacters(), (field.Spec.Precision+1)/2)
		sizes[i] = "coalesce(pg_column_size(" + b.reads(field) + "), 0)"
	}
	if most <= mostBytes {
		return
	}
	sum := strings.Join(sizes, " + ")
	b.probe(Probe{
		Field: "fields", Table: form.Table, SQL: rowsWhere(form.Table, fmt.Sprintf("%s > %d", sum, mostBytes-entry-4*len(fields)), " || ': ' || "+sum+" || ' bytes'"),
		Message: "%d rows have values that are too large for an index", Fix: "shorten them, or leave those fields out",
	})
	b.note("values of %s that have more than about %d bytes together cannot be saved once there is an index over them", strings.Join(keysOf(fields), ", "), mostBytes-entry)
}
