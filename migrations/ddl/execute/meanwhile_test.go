package execute_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/gentle"
)

// large makes a form with so many rows that nothing scans it under a lock: a text, a number, a date as text, a select.
func large(t *testing.T) *tenant {
	t.Helper()
	tn := newTenant(t)
	tn.apply(t, `{"op": "create_form", "form": "p", "label": "P"},
		{"op": "add_field", "form": "p", "field": "name", "type": "long_text"}, {"op": "add_field", "form": "p", "field": "n", "type": "integer"},
		{"op": "add_field", "form": "p", "field": "due", "type": "long_text"},
		{"op": "add_field", "form": "p", "field": "state", "type": "select", "options": [{"key": "a"}, {"key": "b"}]}`)
	run(t, tn.admin, fmt.Sprintf(`INSERT INTO %s (%s, %s, %s, %s) SELECT repeat('x', 60), g, '2026-11-27', 'a' FROM generate_series(1, 15000) AS g`,
		tn.table(t, "p"), tn.column(t, "p", "name"), tn.column(t, "p", "n"), tn.column(t, "p", "due"), tn.column(t, "p", "state")))
	run(t, tn.admin, "ANALYZE "+tn.table(t, "p"))
	return tn
}

// TestRowsThatComeMeanwhile: what is written after the first look, and before the change is visible, is met: the change copes with it, or is
// taken back with everything as it was.
func TestRowsThatComeMeanwhile(t *testing.T) {
	t.Parallel()
	for name, z := range map[string]struct {
		operation string
		// insert runs at a point, the nth time.
		insert string // of columns (n, due, state), with their values
		point  string
		pass   int
		// undone says what the refusal tells; "" for a change that copes.
		undone string
	}{
		"a duplicate before the index is built":             {`{"op": "set_unique", "form": "p", "fields": ["n"]}`, "(1, NULL, 'a')", execute.PointStepBefore, 1, "could not create unique index"},
		"a row without a value, and no value to give":       {`{"op": "set_required", "form": "p", "field": "due"}`, "(0, NULL, 'a')", execute.PointStepBefore, 1, "is violated by some row"},
		"a row without a value, after the rows were filled": {`{"op": "set_required", "form": "p", "field": "due", "value": "none"}`, "(0, NULL, 'a')", execute.PointStepDone, 1, ""},
		"a value that cannot be converted":                  {`{"op": "change_type", "form": "p", "field": "due", "type": "date"}`, "(0, 'soon', 'a')", execute.PointStepDone, 1, "1 row written meanwhile cannot become a date"},
		"one that cannot, after the last look":              {`{"op": "change_type", "form": "p", "field": "due", "type": "date"}`, "(0, 'soon', 'a')", execute.PointStepBefore, 5, "rows written meanwhile cannot become a date"},
		"one that may be lost":                              {`{"op": "change_type", "form": "p", "field": "due", "type": "date", "on_error": "empty"}`, "(0, 'soon', 'a')", execute.PointStepDone, 1, ""},
		"an option that goes":                               {`{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "a"}]}`, "(0, NULL, 'b')", execute.PointBegun, 1, "is violated by some row"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := large(t)
			app := tn.connect(t, tn.app)
			insert := fmt.Sprintf("INSERT INTO %s (%s, %s, %s) VALUES %s", tn.table(t, "p"), tn.column(t, "p", "n"), tn.column(t, "p", "due"), tn.column(t, "p", "state"), z.insert)
			before, catalog := tn.registry(t), tn.forms(t, tn.admin)
			opts := tn.options()
			passed := 0
			opts.Crash = func(point string) {
				if point == z.point {
					if passed++; passed == z.pass {
						run(t, app, insert)
					}
				}
			}
			_, err := tn.try(t, z.operation, opts)
			require.GreaterOrEqual(t, passed, z.pass)
			tidy(t, tn)
			require.Zero(t, one[int](t, tn.admin, `SELECT count(*) FROM pg_class WHERE relname LIKE 'l\_%'`), "an index of rows that would be lost is left")
			if z.undone == "" {
				require.NoError(t, err)
				return
			}
			var undone *execute.UndoneError
			require.ErrorAs(t, err, &undone)
			require.Contains(t, undone.Message+" "+undone.Problems.Summary(), z.undone)
			require.Equal(t, before, tn.registry(t))
			require.Equal(t, catalog, tn.forms(t, tn.admin))
			// The same operation, asked for once more, begins anew.
			_, err = tn.try(t, z.operation, opts)
			require.Error(t, err)
			require.Equal(t, before, tn.registry(t))
		})
	}
}

// TestUndoneBesideOthers: what others have done to rows, or to what a change has made, does not keep it from being taken back: it is, or another call does it.
func TestUndoneBesideOthers(t *testing.T) {
	t.Parallel()
	for name, z := range map[string]struct {
		operation string
		point     string
		pass      int
		meanwhile string // somebody's statement then; the change is cancelled at its next step after it
		mend      string // without which it cannot be undone; "" for nothing
	}{
		"a row that the second fill has filled": {`{"op": "set_required", "form": "p", "field": "due", "value": "none"}`, execute.PointStepDone, 1, "UPDATE {p} SET {due} = NULL WHERE id = 7", ""},
		"a trigger that somebody has dropped": {
			`{"op": "change_type", "form": "p", "field": "due", "type": "date"}`, execute.PointStepDone, 1,
			"ALTER TRIGGER {s} ON {p} RENAME TO mine", "ALTER TRIGGER mine ON {p} RENAME TO {s}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := large(t)
			words := strings.NewReplacer("{p}", tn.table(t, "p"), "{due}", tn.column(t, "p", "due"))
			trigger := ""
			asSomebody := func(sql string) {
				if trigger == "" {
					trigger = one[string](t, tn.admin, "SELECT coalesce(max(tgname), '') FROM pg_trigger WHERE NOT tgisinternal")
				}
				run(t, tn.admin, strings.ReplaceAll(words.Replace(sql), "{s}", trigger))
			}
			run(t, tn.admin, words.Replace("UPDATE {p} SET {due} = NULL WHERE id % 10 = 1"))
			before, catalog := tn.registry(t), tn.forms(t, tn.admin)
			opts := tn.options()
			passed, stop := 0, false
			opts.Crash = func(point string) {
				if point != z.point {
					return
				}
				if passed++; passed == z.pass {
					asSomebody(z.meanwhile)
				}
			}
			opts.Progress = func(_, _ int64, what string) {
				stop = passed >= z.pass && strings.HasPrefix(what, "check") || z.mend != "" && passed >= z.pass
			}
			opts.Pause = func() bool { return stop }
			_, err := tn.try(t, z.operation, opts)
			require.ErrorIs(t, err, execute.ErrPaused)
			if z.mend != "" {
				var half *execute.UnfinishedError
				require.ErrorAs(t, tn.undo(t, opts), &half)
				require.True(t, half.Undoing)
				require.ErrorAs(t, tn.undo(t, opts), &half, "and it does not get lost")
				asSomebody(z.mend)
			}
			require.NoError(t, tn.undo(t, opts))
			tidy(t, tn)
			require.Equal(t, before, tn.registry(t))
			require.Equal(t, catalog, tn.forms(t, tn.admin))
			empty := 1500
			if z.mend == "" {
				empty++
			}
			require.Equal(t, empty, one[int](t, tn.admin, words.Replace("SELECT count(*) FROM {p} WHERE {due} IS NULL")))
			_, err = tn.try(t, z.operation, tn.options())
			require.NoError(t, err)
		})
	}
}

// TestBlockedChange: a session that holds the table for longer than the policy waits is named, nobody else waits for long, and the
// next call goes on.
func TestBlockedChange(t *testing.T) {
	t.Parallel()
	tn := large(t)
	holder := tn.connect(t, tn.app)
	tx, err := holder.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT count(*) FROM "+tn.table(t, "p"))
	require.NoError(t, err)
	opts := tn.options()
	opts.LockPolicy = gentle.LockPolicy{Budget: time.Second, GiveWay: 200 * time.Millisecond}
	operation := `{"op": "add_field", "form": "p", "field": "x", "type": "short_text", "default": "new"}`
	_, err = tn.try(t, operation, opts)
	var blocked *gentle.BlockedError
	require.ErrorAs(t, err, &blocked)
	require.Equal(t, int(holder.PgConn().PID()), blocked.Sessions[0].PID)
	require.Equal(t, gentle.Blocked, gentle.Classify(err))
	require.Nil(t, tn.registry(t).Form("p").Field("x"))
	require.NoError(t, tx.Rollback(t.Context()))
	_, err = tn.try(t, operation, opts)
	require.NoError(t, err)
	tidy(t, tn)
	require.Equal(t, 15000, one[int](t, tn.admin, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s = 'new'", tn.table(t, "p"), tn.column(t, "p", "x"))))
}

// TestFillGivesWay: rows that somebody holds are waited for, and it is never an application's statement that a deadlock ends.
func TestFillGivesWay(t *testing.T) {
	t.Parallel()
	tn := large(t)
	table, name := tn.table(t, "p"), tn.column(t, "p", "name")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers sync.WaitGroup
	failed := make(chan error, 100)
	ended := make(chan struct{})
	for i := range 3 {
		conn := tn.connect(t, tn.app)
		writers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-ended:
					return
				default:
				}
				// Two rows far apart, the later one first: the other way round than a batch takes them.
				err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
					for _, id := range []int{14000 - i - n%5000, 1 + i + n%5000} {
						if _, err := tx.Exec(ctx, fmt.Sprintf("UPDATE %s SET %s = 'y' WHERE id = $1", table, name), id); err != nil {
							return err
						}
						<-time.After(20 * time.Millisecond) // the rows are held
					}
					return nil
				})
				if err != nil {
					failed <- err
				}
			}
		})
	}
	result := tn.apply(t, `{"op": "change_type", "form": "p", "field": "due", "type": "date"}`)
	close(ended)
	writers.Wait()
	require.Empty(t, failed)
	require.GreaterOrEqual(t, result.Rows, int64(15000))
	require.Zero(t, one[int](t, tn.admin, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL", table, tn.column(t, "p", "due"))))
}

// TestOutdatedPlan: whoever has agreed to a plan is told when it is not what would happen.
func TestOutdatedPlan(t *testing.T) {
	t.Parallel()
	tn := large(t)
	conn := tn.connect(t, tn.migrator)
	operation := `{"op": "set_required", "form": "p", "field": "due"}`
	planned, err := execute.Plan(t.Context(), conn, change(t, operation))
	require.NoError(t, err)
	require.Empty(t, planned.Problems)

	// Rows have changed.
	run(t, tn.admin, fmt.Sprintf("INSERT INTO %s DEFAULT VALUES", tn.table(t, "p")))
	opts := tn.options()
	opts.PlanID = planned.ID
	_, err = tn.try(t, operation, opts)
	require.ErrorIs(t, err, execute.ErrOutdated)
	require.ErrorContains(t, err, "1 row has no value")
	again, err := execute.Plan(t.Context(), conn, change(t, operation))
	require.NoError(t, err)
	require.Len(t, again.Problems, 1)
	require.Equal(t, int64(1), again.Problems[0].Rows)
	run(t, tn.admin, fmt.Sprintf("DELETE FROM %s WHERE %s IS NULL", tn.table(t, "p"), tn.column(t, "p", "due")))

	// The form has.
	tn.apply(t, `{"op": "rename_form", "form": "p", "label": "Q"}`)
	_, err = tn.try(t, operation, opts)
	require.ErrorIs(t, err, execute.ErrOutdated)

	planned, err = execute.Plan(t.Context(), conn, change(t, operation))
	require.NoError(t, err)
	opts.PlanID = planned.ID
	_, err = tn.try(t, operation, opts)
	require.NoError(t, err)
}

// TestViewsOfOthers: a view that somebody has built on ours survives what it can, and stands in the way of the rest.
func TestViewsOfOthers(t *testing.T) {
	t.Parallel()
	tn := large(t)
	run(t, tn.admin, `CREATE VIEW report AS SELECT name, count(*) FROM form_views."P" GROUP BY name`)
	tn.apply(t, `{"op": "add_field", "form": "p", "field": "x", "type": "date"}, {"op": "rename_field", "form": "p", "field": "name", "label": "Full name"}, {"op": "rename_form", "form": "p", "label": "People"}`)
	require.Equal(t, 1, one[int](t, tn.admin, "SELECT count(*) FROM report"))
	before, catalog := tn.registry(t), tn.forms(t, tn.admin)
	for _, operation := range []string{`{"op": "drop_field", "form": "p", "field": "n"}`, `{"op": "drop_form", "form": "p"}`, `{"op": "change_type", "form": "p", "field": "due", "type": "date"}`} {
		_, err := tn.try(t, operation, tn.options())
		var problems ddl.Problems
		require.ErrorAs(t, err, &problems, operation)
		require.Contains(t, problems.Error(), `public.report, lost with view "form_views"."People"`)
	}
	require.Equal(t, before, tn.registry(t))
	require.Equal(t, catalog, tn.forms(t, tn.admin))
	run(t, tn.admin, "DROP VIEW report")
	tn.apply(t, `{"op": "drop_field", "form": "p", "field": "n"}`)
}

// TestForeignSchema: schemas of our names that are somebody else's are left alone.
func TestForeignSchema(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "CREATE SCHEMA form_views")
	_, err := tn.try(t, `{"op": "create_form", "form": "p"}`, tn.options())
	require.ErrorContains(t, err, "the database has a schema form_views that is not ours")
	require.Zero(t, one[int](t, tn.admin, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('_tenantry', 'form_data')"))
	run(t, tn.admin, "DROP SCHEMA form_views")
	tn.apply(t, `{"op": "create_form", "form": "p"}`)
}

// TestByHand: what somebody has done to a form's table behind our back is found before anything is built on it.
func TestByHand(t *testing.T) {
	t.Parallel()
	tn := large(t)
	due := tn.column(t, "p", "due")
	run(t, tn.admin, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", tn.table(t, "p"), due))
	_, err := tn.try(t, `{"op": "set_required", "form": "p", "field": "due"}`, tn.options())
	require.ErrorContains(t, err, "form p is not as the registry says: column "+due+" of field due has NOT NULL where it should not")
	run(t, tn.admin, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", tn.table(t, "p"), due))
	run(t, tn.admin, fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s CASCADE", tn.table(t, "p"), due))
	_, err = tn.try(t, `{"op": "add_field", "form": "p", "field": "x", "type": "date"}`, tn.options())
	require.ErrorContains(t, err, "column "+due+" of field due is missing")
}

// TestRights: an application reads the registry and writes rows, and nothing else.
func TestRights(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	tn.apply(t, `{"op": "create_form", "form": "p"}, {"op": "create_form", "form": "q"}`)
	tn.apply(t, `{"op": "drop_form", "form": "q"}`)
	app, reader := tn.connect(t, tn.app), tn.connect(t, tn.readOnly)
	for _, conn := range []*pgx.Conn{app, reader} {
		run(t, conn, "SELECT * FROM _tenantry.forms, _tenantry.form_fields, _tenantry.form_indexes")
		for _, sql := range []string{
			"UPDATE _tenantry.forms SET label = 'x'", "INSERT INTO _tenantry.form_names VALUES (1)", "SELECT * FROM _tenantry.form_changes", "SELECT * FROM _tenantry.form_filled",
			"SELECT * FROM " + tn.table(t, "q"), "CREATE TABLE form_data.x ()", "DROP VIEW form_views.p", "ALTER TABLE " + tn.table(t, "p") + " ADD COLUMN x int",
		} {
			_, err := conn.Exec(t.Context(), sql)
			require.Error(t, err, sql)
			require.ErrorContains(t, err, "42501", sql)
		}
	}
	run(t, app, "INSERT INTO "+tn.table(t, "p")+" DEFAULT VALUES")
	run(t, reader, "SELECT * FROM form_views.p")
	_, err := reader.Exec(t.Context(), "INSERT INTO "+tn.table(t, "p")+" DEFAULT VALUES")
	require.Error(t, err)
}
