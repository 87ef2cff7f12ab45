package ddl

import (
	"fmt"
	"math"
	"strings"
)

// follow makes the new table and the triggers that carry over what is written from then on. Whoever has written before is waited for, so all that
// they wrote is there for the copy.
//
// The function is the owner's, because nobody else may use the new table, and nobody may put it on a table of their own. Its triggers fire in
// a session that replicates as well.
func (r *rebuild) follow() {
	old, function := data(r.form.Table), ident(DataSchema, r.carry)
	columns := strings.Join(r.names(""), ", ")
	statements := []string{
		r.create(), r.function(),
		"REVOKE ALL ON FUNCTION " + function + "() FROM PUBLIC",
		fmt.Sprintf("CREATE TRIGGER %s AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s()", ident(r.carry), old, function),
		fmt.Sprintf("CREATE TRIGGER %s AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s()", ident(r.clear), old, function),
		fmt.Sprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s, ENABLE ALWAYS TRIGGER %s", old, ident(r.carry), ident(r.clear)),
		// The copy begins behind the least id that there can be.
		fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS t WHERE t.id = '%d'::bigint", r.table(), columns, strings.Join(r.names("t."), ", "), old, int64(math.MinInt64)),
	}
	undo := []string{
		fmt.Sprintf("DROP TRIGGER %s ON %s", ident(r.carry), old), fmt.Sprintf("DROP TRIGGER %s ON %s", ident(r.clear), old),
		"DROP FUNCTION " + function + "()", "DROP TABLE " + r.table(),
	}
	r.step(Step{Kind: StepTx, Lock: lockWriters, SQL: statements, Undo: undo}, 0)
}

// function brings a row's newest version over, whether the copy has come to it or not.
//
// Rows are carried over in the order in which they were changed, also those that a statement changes twice, and those that the server changes because of a
// foreign key: it puts them at the end of the same list. So the new table goes through what the old one went through, and nothing is unique in one and not in the other.
//
// It runs in the writer's transaction, which holds the row of the old table: nobody else writes that row of the new one meanwhile, but the copy may have
// done so after the writer's transaction began. One that is READ COMMITTED sees that. Any other does not: an upsert is refused then by the server, as
// such transactions must expect, but a DELETE would just find nothing. So where one finds nothing, the row is put there first: if it is there and
// not seen, that is refused; if it is not there, it goes again.
func (r *rebuild) function() string {
	columns := strings.Join(r.names(""), ", ")
	var sets []string
	for _, column := range r.columns[1:] {
		sets = append(sets, fmt.Sprintf("%[1]s = excluded.%[1]s", ident(column.name)))
	}
	return fmt.Sprintf(`CREATE FUNCTION %[1]s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $carry$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    TRUNCATE %[2]s;
    RETURN NULL;
  END IF;
  IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND NEW.id IS DISTINCT FROM OLD.id) THEN
    DELETE FROM %[2]s WHERE id = OLD.id;
    IF NOT FOUND AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
      INSERT INTO %[2]s (%[3]s)
      VALUES (%[4]s)
      ON CONFLICT (id) DO NOTHING;
      DELETE FROM %[2]s WHERE id = OLD.id;
    END IF;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO %[2]s (%[3]s)
    VALUES (%[5]s)
    ON CONFLICT (id) DO UPDATE SET %[6]s;
  END IF;
  RETURN NULL;
END
$carry$`, ident(DataSchema, r.carry), r.table(), columns, strings.Join(r.names("OLD."), ", "), strings.Join(r.names("NEW."), ", "), strings.Join(sets, ", "))
}

// copy brings the rows over that nobody writes, in batches by id.
//
// Why none comes to be lost, doubled or stale, in a transaction that is READ COMMITTED as fills are. A batch takes each row FOR SHARE, so a writer has it
// before or after, never at the same time:
//
//   - Before: the batch waits for the writer's end, and then for the newest version. If that is within the batch, the writer's trigger has brought the same
//     over, and ON CONFLICT leaves it alone. If the row is gone, or has another id that is not within the batch, it is not copied; the trigger has done with it what is right.
//   - After: the writer waits for the batch's end. Its trigger then finds what was copied, and writes over it or deletes it.
//   - A row that the batch does not see was made since the triggers are there, and so is in the new table already.
//
// Where the batch ends is found without locks, by the same snapshot: a row that gets a large id meanwhile must not make the batch end there.
func (r *rebuild) copy() {
	sql := fmt.Sprintf(`WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM %[1]s WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), batch AS MATERIALIZED (
  SELECT %[3]s
  FROM %[1]s AS t
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto)
  ORDER BY t.id
  FOR SHARE
), changed AS (
  INSERT INTO %[2]s (%[4]s)
  SELECT %[4]s FROM batch
  ON CONFLICT (id) DO NOTHING
  RETURNING id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[]`,
		data(r.form.Table), r.table(), strings.Join(r.names("t."), ", "), strings.Join(r.names(""), ", "))
	r.step(Step{Kind: StepFill, Lock: lockRows, SQL: []string{sql}}, fillRate)
}

// lookAgain looks before the swap whether somebody has put something on the table meanwhile, and holds all rows of both tables against each other. The
// triggers write both in one transaction, so whatever is written, one snapshot sees the same in both.
func (r *rebuild) lookAgain() {
	look := func(probe Probe, rate int64) {
		probe.Operation, probe.Table, probe.Rows = r.b.op, r.form.Table, r.b.rows(r.form.Table)
		r.step(Step{Kind: StepProbe, Lock: lockNone, SQL: []string{probe.SQL}, Probe: &probe}, rate)
	}
	look(r.strangers(), scanRate)
	for _, l := range r.own {
		target := ident(l.target.schema(), l.target.Table)
		if l.target == r.form {
			target = r.table() // both are as they will be
		}
		look(Probe{
			Field: "form", Message: "%d rows refer with " + l.constraint + " to a row that is not there", Fix: "mend those rows: they were written with triggers or foreign keys switched off",
			SQL: fmt.Sprintf("SELECT count(*), (array_agg('id ' || t.id))[:5] FROM %s AS t WHERE t.%[2]s IS NOT NULL AND NOT EXISTS (SELECT FROM %[3]s AS k WHERE k.id = t.%[2]s)",
				r.table(), ident(l.column), target),
		}, scanRate)
	}
	sum := func(table string) string {
		return fmt.Sprintf("(SELECT count(*) AS n, sum(hash_record_extended(ROW(%s), 0)::numeric) AS example FROM %s AS t)", strings.Join(r.names("t."), ", "), table)
	}
	look(Probe{
		Field: "form", Message: "%d rows or more are not the same in the new table", Fix: "nothing was changed; please report this, and make the change again",
		SQL: fmt.Sprintf(`SELECT CASE WHEN k.n = j.n AND k.example IS NOT DISTINCT FROM j.example THEN 0 ELSE greatest(abs(k.n - j.n), 1) END, NULL::text[]
FROM %s AS k, %s AS j`, sum(data(r.form.Table)), sum(r.table())),
	}, scanRate/2)
}
