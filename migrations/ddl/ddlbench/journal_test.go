package ddlbench_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// journal is what one writer has written: the last values of each row. A writer's rows are its own.
type journal struct {
	writer int
	next   int64 // the next code, unique among all writers
	rows   map[int64]written
}

// written are the values that a row has now; the zero value of each is what it was loaded with.
type written struct {
	inserted       int64 // the code that it was made with
	code, day, not int64
}

func newJournal(writer int) *journal {
	return &journal{writer: writer, next: 1_000_000_000 + int64(writer)*100_000_000, rows: map[int64]written{}}
}

var firstDay = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func dayOf(code int64) string { return firstDay.AddDate(0, 0, int(code%9000)).Format(time.DateOnly) }

func noteOf(code int64) string { return fmt.Sprintf("written with %d", code) }

// write makes a row, or changes one: its day, or its code and its note.
func (j *journal) write(ctx context.Context, conn *pgx.Conn, s *statements, n int) error {
	j.next++
	code := j.next
	var id int64
	var err error
	var sql string
	var row written
	switch n % 4 {
	case 0, 2:
		sql = s.insert
		err = conn.QueryRow(ctx, sql, fmt.Sprintf("new %d", code), code, dayOf(code), code/20, code%1000+1, noteOf(code)).Scan(&id)
		row = written{code, code, code, code}
	default:
		id = (some(n, s.rows)/connections)*connections + int64(j.writer)
		if id == 0 || id > int64(s.rows) {
			id = int64(connections + j.writer)
		}
		row = j.rows[id]
		args := []any{id, dayOf(code)}
		if sql = s.updateDay; n%4 == 1 {
			row.day = code
		} else {
			sql, args = s.updateCode, []any{id, code, noteOf(code)}
			row.code, row.not = code, code
		}
		_, err = conn.Exec(ctx, sql, args...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	if s.kept {
		j.rows[id] = row
	}
	return nil
}

// verify compares every row of the table with what must be there. It is called when the traffic is over.
func (tr *traffic) verify(t *testing.T, tn *tenant, tb table) {
	t.Helper()
	run(t, tn.admin, "CREATE TEMPORARY TABLE wrote (id bigint PRIMARY KEY, made boolean, made_with bigint, code bigint, day text, note text)")
	var rows [][]any
	made := 0
	for _, j := range tr.journals {
		for id, w := range j.rows {
			row := []any{id, w.inserted != 0, w.inserted, nil, nil, nil}
			if w.code != 0 {
				row[3] = w.code
			}
			if w.day != 0 {
				row[4] = dayOf(w.day)
			}
			if w.not != 0 {
				row[5] = noteOf(w.not)
			}
			if w.inserted != 0 {
				made++
			}
			rows = append(rows, row)
		}
	}
	_, err := tn.admin.CopyFrom(t.Context(), pgx.Identifier{"wrote"}, []string{"id", "made", "made_with", "code", "day", "note"}, pgx.CopyFromRows(rows))
	require.NoError(t, err)
	run(t, tn.admin, "ANALYZE wrote")

	var wrong []string
	for _, f := range fields {
		if column, there := tb.column[f.key]; there {
			wrong = append(wrong, fmt.Sprintf("t.%s::text IS DISTINCT FROM (%s)::text", column, mustBe(f)))
		}
	}
	sql := fmt.Sprintf(`
		SELECT count(*), count(*) FILTER (WHERE w.id IS NOT NULL), count(*) FILTER (WHERE %s),
		       (array_agg(t.id) FILTER (WHERE %[1]s))[1:5]::text
		FROM %s t
		LEFT JOIN wrote w USING (id)`, strings.Join(wrong, " OR "), tb.name)
	var all, found, bad int
	var examples *string
	require.NoError(t, tn.admin.QueryRow(t.Context(), sql).Scan(&all, &found, &bad, &examples), sql)
	require.Zero(t, bad, "rows with a wrong value, such as %v", examples)
	require.Equal(t, tb.rows+made, all, "rows that are lost, or too many")
	require.Equal(t, len(rows), found, "rows that were written and are not there")
	t.Logf("%d rows are as they must be, among them %d that were made and %d that were changed meanwhile", all, made, len(rows)-made)
}

// mustBe is the value that a row t must have of a field, given what was written of it as w.
func mustBe(f field) string {
	value := f.of("t.id")
	switch f.key {
	case "code", "day", "note":
		return "coalesce(w." + f.key + ", " + value + ")"
	case "region":
		value = "coalesce(" + value + ", 'none')" // what set_required gives
	}
	made := map[string]string{
		"name": "'new ' || w.made_with", "grp": "w.made_with / 20", "account": "w.made_with % 1000 + 1", "region": "'south'", "state": "'new'",
	}[f.key]
	if made == "" {
		return value
	}
	return "CASE WHEN w.made THEN " + made + " ELSE " + value + " END"
}
