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
	gone     []string
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
}

func newBuilder(registry *Registry, facts Facts) *builder {
	return &builder{
		original: registry,
		reg:      registry.Clone(),
		facts:    facts,
		touched:  map[string]bool{},
		fresh:    map[string]bool{},
		added:    map[string]int{},
		remade:   map[string]bool{},
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

// small reports whether a step on the table may be a part of a transaction although it looks at every row.
func (b *builder) small(table string) bool { return b.fresh[table] || b.facts.small(table) }

func (b *builder) rows(table string) int64 {
	if b.fresh[table] {
		return 0
	}
	return b.facts.rows(table)
}

// tx adds a transaction with milliseconds of work.
func (b *builder) tx(phase Phase, table string, undo []string, sql ...string) {
	b.steps = append(b.steps, Step{
		Operation: b.op, Phase: phase, Kind: StepTx, Table: table, Lock: lockExclusive, SQL: sql, Undo: undo, Estimate: leastEstimate,
	})
}

// commit adds statements to what makes the change visible.
func (b *builder) commit(table string, sql ...string) { b.tx(Commit, table, nil, sql...) }

// foreignKey adds a constraint that binds two tables: in a transaction of its own, so that nobody waits for one while holding the other.
func (b *builder) foreignKey(table string, target string, undo []string, sql string) {
	small := b.small(table) && b.small(target)
	b.steps = append(b.steps, Step{
		Operation: b.op, Phase: Prepare, Kind: StepTx, Table: table, Lock: lockShareRow, SQL: []string{sql}, Undo: undo, Estimate: leastEstimate, alone: !small,
	})
}

// validate has a constraint's rows checked.
func (b *builder) validate(table, constraint string) {
	step := Step{
		Operation: b.op, Phase: Prepare, Kind: StepValidate, Table: table, Lock: lockValidate,
		SQL:  []string{"ALTER TABLE " + data(table) + " VALIDATE CONSTRAINT " + ident(constraint)},
		Rows: b.rows(table), Estimate: estimate(b.rows(table), scanRate),
	}
	if b.small(table) {
		step.Kind = StepTx
	}
	b.steps = append(b.steps, step)
}

// index builds one. unique ones fail when rows are alike.
func (b *builder) index(table, name string, columns []string, unique bool, method string) {
	kind := "INDEX"
	if unique {
		kind = "UNIQUE INDEX"
	}
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = ident(column)
	}
	on := fmt.Sprintf("%s ON %s USING %s (%s)", ident(name), data(table), method, strings.Join(quoted, ", "))
	step := Step{
		Operation: b.op, Phase: Prepare, Table: table, Index: name, Rows: b.rows(table), Estimate: estimate(b.rows(table), indexRate),
	}
	if b.small(table) {
		step.Kind, step.Lock = StepTx, lockExclusive
		step.SQL = []string{"CREATE " + kind + " " + on}
		step.Undo = []string{"DROP INDEX " + ident(DataSchema, name)}
	} else {
		step.Kind, step.Lock = StepBuildIndex, lockConcurrent
		step.SQL = []string{"CREATE " + kind + " CONCURRENTLY " + on}
	}
	b.steps = append(b.steps, step)
}

// dropIndex drops one once the change is visible.
func (b *builder) dropIndex(table, name string) {
	step := Step{Operation: b.op, Phase: After, Table: table, Index: name, Estimate: leastEstimate}
	if b.small(table) {
		step.Kind, step.Phase, step.Lock = StepTx, Commit, lockExclusive
		step.SQL = []string{"DROP INDEX " + ident(DataSchema, name)}
	} else {
		step.Kind, step.Lock = StepDropIndex, lockConcurrent
		step.SQL = []string{"DROP INDEX CONCURRENTLY IF EXISTS " + ident(DataSchema, name)}
	}
	b.steps = append(b.steps, step)
}

// fill sets a column in all rows that meet a condition, in batches by id. unfill takes it back, given rows' ids; "" when the column goes
// as a whole. The rows that were changed are only kept where there is an unfill.
func (b *builder) fill(table, column, value, condition, unfill string) {
	set := fmt.Sprintf("%s = %s", ident(column), value)
	step := Step{
		Operation: b.op, Phase: Prepare, Kind: StepFill, Table: table, Lock: lockRows, Unfill: unfill,
		Rows: b.rows(table), Estimate: estimate(b.rows(table), fillRate),
	}
	if b.small(table) {
		step.Kind, step.Unfill = StepTx, ""
		step.SQL = []string{fmt.Sprintf("UPDATE %s AS t SET %s WHERE %s", data(table), set, condition)}
		b.steps = append(b.steps, step)
		return
	}
	// One statement a batch: where it ends, what it changes. The end is where so many rows end, however many of them
	// meet the condition; so each batch is about as much work, and the last key alone says how far it is.
	ids := "NULL::bigint[]"
	if unfill != "" {
		ids = "(SELECT array_agg(id) FROM changed)"
	}
	step.SQL = []string{fmt.Sprintf(`WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM %[1]s WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE %[1]s AS t
  SET %[2]s
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND %[3]s
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), %[4]s`, data(table), set, condition, ids)}
	b.steps = append(b.steps, step)
}

// probe looks at rows before the first step, and refuses the change when it finds some. A table that this change makes has none.
func (b *builder) probe(p Probe) {
	if b.fresh[p.Table] {
		return
	}
	p.Operation, p.Rows = b.op, b.rows(p.Table)
	b.probes = append(b.probes, p)
}

// lookAgain asks the same just before the change becomes visible: rows are written meanwhile.
func (b *builder) lookAgain(p Probe) {
	if b.small(p.Table) {
		return
	}
	p.Operation, p.Rows = b.op, b.rows(p.Table)
	b.steps = append(b.steps, Step{
		Operation: b.op, Phase: Prepare, Kind: StepProbe, Table: p.Table, Lock: lockNone, SQL: []string{p.SQL}, Probe: &p,
		Rows: p.Rows, Estimate: estimate(p.Rows, scanRate),
	})
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
	return " || coalesce(': ' || left(" + column + "::text, 40), '')"
}

// Budgets of PostgreSQL.
const (
	mostAttributes = 1600
	// warnAttributes is where a form is told that its table should be made anew some day.
	warnAttributes = 1200
	// mostRowBytes is what a row takes at most, once everything is moved out that can be.
	mostRowBytes = 8160
	// mostIndexColumns is how many columns an index has at most.
	mostIndexColumns = 32
)

// addColumn counts a new column against the table's budget.
func (b *builder) addColumn(form *Form) {
	b.added[form.Table]++
	used := b.facts.Tables[form.Table].Attributes
	if b.fresh[form.Table] {
		used = len(reservedKeys)
	}
	used += b.added[form.Table]
	switch {
	case used > mostAttributes:
		b.refuse("", fmt.Sprintf("form %s would have had %d columns, dropped ones counted, and PostgreSQL has room for %d", form.Key, used, mostAttributes),
			"make a second form with a reference to this one; dropped columns do not come free")
	case used > warnAttributes:
		b.note("form %s has had %d columns, dropped ones counted; PostgreSQL has room for %d", form.Key, used, mostAttributes)
	}
}

// end looks at the forms as they will be, as wholes.
func (b *builder) end() {
	for _, form := range b.reg.Forms {
		if !b.touched[form.Key] || form.Dropped != nil {
			continue
		}
		width := 24 + (len(form.Fields)+7)/8 + 3*widthFixed
		for _, field := range form.Fields {
			width += kinds[field.Spec.Type].width
		}
		if width > mostRowBytes {
			b.note("a row of form %s with a value in every field may take %d bytes, and PostgreSQL has room for %d: saving such a row would fail", form.Key, width, mostRowBytes)
		}
	}
	b.views()
}

// purgeAfter is until when something that is dropped now can be restored.
func (b *builder) purgeAfter() time.Time { return b.facts.Now.Add(Grace) }

// literal quotes a text constant.
func literal(text string) string { return strings.TrimSpace(tenants.Literal(text)) }
