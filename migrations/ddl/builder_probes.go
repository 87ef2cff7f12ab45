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

// builtOn looks for what others have built on a column of a form's table, or with "" on all of one of its tables: PostgreSQL lets neither go under them, nor the
// column take another type. Not in the way are the form's view, its triggers, which go before or belong to other columns, and the foreign keys of forms.
func (b *builder) builtOn(form *Form, field, table, column string) {
	now := b.original.Form(form.Key)
	if now == nil {
		return // this change makes it
	}
	var triggers, keys []string
	for _, f := range now.Fields {
		for _, former := range f.Former {
			triggers = append(triggers, former.Sync)
		}
	}
	for _, other := range b.original.Forms {
		for _, f := range other.Fields {
			switch {
			case other != now && f.Spec.References != form.Key: // it may not have been read either
			case f.Spec.Type == ManyToMany && f.Column != "":
				keys = append(keys, f.Column+"."+f.Column+"_from_id_fkey", f.Column+"."+f.Column+"_to_id_fkey")
			case f.Spec.Type == Reference && f.Constraint != "":
				keys = append(keys, other.Table+"."+f.Constraint)
			}
		}
	}
	what, parts, own := "column "+column, partOfTableSQL, ""
	if column == "" {
		what, parts, own = "table "+table, partsOfTableSQL, notOwnSQL
	}
	b.probe(Probe{
		Field: field, Table: table, Named: true, Message: "%s: built on " + what + ", which cannot stay as it is",
		Fix: "take that away, make the change, and put it back on what is there then",
		SQL: strings.NewReplacer(
			"{table}", literal(ident(now.schema(), table)), "{column}", literal(column), "{triggers}", literals(triggers), "{keys}", literals(keys),
			"{view}", literal(now.View), "{views}", literal(ViewSchema), "{data}", literal(DataSchema), "{trash}", literal(TrashSchema),
		).Replace(strings.NewReplacer("{parts}", parts, "{own}", own).Replace(builtOnSQL)),
	})
}

// builtOnSQL goes by what PostgreSQL does.
const builtOnSQL = `SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM ({parts}) AS p
  JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.refobjsubid = coalesce(p.objsubid, d.refobjsubid)
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  WHERE d.deptype = 'n'
    AND NOT EXISTS (SELECT FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace WHERE v.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = {views} AND v.relname = {view})
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = to_regclass({table}) AND g.tgname = ANY ({triggers}))
    AND NOT EXISTS (
      SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        AND (k.conrelid = to_regclass({table}) OR n.nspname IN ({data}, {trash}) AND c.relname || '.' || k.conname = ANY ({keys}))){own}
) AS e`

// What PostgreSQL looks at when a column goes, and when a table goes: that, the type of its rows, its sequence.
const (
	partOfTableSQL = `SELECT 'pg_class'::regclass AS classid, a.attrelid AS objid, a.attnum::integer AS objsubid FROM pg_attribute a WHERE a.attrelid = to_regclass({table}) AND a.attname = {column}`

	partsOfTableSQL = `
    SELECT 'pg_class'::regclass AS classid, to_regclass({table})::oid AS objid, NULL::integer AS objsubid
    UNION ALL
    SELECT 'pg_type'::regclass, unnest(ARRAY[y.oid, y.typarray]), NULL FROM pg_class t JOIN pg_type y ON y.oid = t.reltype WHERE t.oid = to_regclass({table})
    UNION ALL
    SELECT o.classid, o.objid, NULL FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = to_regclass({table}) AND o.deptype = 'i'
  `
)

// notOwnSQL: what belongs to a table goes with it.
const notOwnSQL = `
    AND NOT EXISTS (SELECT FROM pg_depend g WHERE g.classid = d.classid AND g.objid = d.objid AND g.refobjid = to_regclass({table}) AND g.deptype IN ('a', 'i'))`
