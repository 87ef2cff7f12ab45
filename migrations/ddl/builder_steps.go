package ddl

import (
	"fmt"
	"strings"
)

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

// filling says which rows get what, and how that is taken back.
type filling struct {
	column, value, condition string
	// unfill takes it back, given rows' ids; "" when the column goes as a whole. The rows that were changed are only kept where there is an unfill.
	unfill string
}

// fill sets a column in all rows that meet a condition, in batches by id. On a small table that is one statement; of the commit when nothing else
// would take it back.
func (b *builder) fill(table string, f filling) {
	set := fmt.Sprintf("%s = %s", ident(f.column), f.value)
	step := Step{
		Operation: b.op, Phase: Prepare, Kind: StepFill, Table: table, Lock: lockRows, Unfill: f.unfill,
		Rows: b.rows(table), Estimate: estimate(b.rows(table), fillRate),
	}
	if b.small(table) {
		step.Kind, step.Unfill = StepTx, ""
		if f.unfill != "" {
			step.Phase = Commit
		}
		step.SQL = []string{fmt.Sprintf("UPDATE %s AS t SET %s WHERE %s", data(table), set, f.condition)}
		b.steps = append(b.steps, step)
		return
	}
	// One statement a batch: where it ends, what it changes. The end is where so many rows end, however many of them
	// meet the condition; so each batch is about as much work, and the last key alone says how far it is. Without a key it begins at the first row.
	ids := "NULL::bigint[]"
	if f.unfill != "" {
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
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), %[4]s`, data(table), set, f.condition, ids)}
	b.steps = append(b.steps, step)
}

// guard ends the commit when there is a row that meets a condition: it was written after the last look. The statements before it keep
// others from writing more. found is an index of such rows, so that it need not look at others while it holds them up; "" on a small table.
func (b *builder) guard(table, condition, message string) {
	b.commit(table, fmt.Sprintf("DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); "+
		"IF EXISTS (SELECT FROM %s AS t WHERE %s) THEN RAISE check_violation USING MESSAGE = %s; END IF; END $guard$", data(table), condition, literal(message)))
}
