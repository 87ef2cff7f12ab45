package crash_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// What a change of a large form passes: columns that are filled, indexes that are built and dropped beside the traffic.
var pointsOfForm = []string{
	"ddl.read", "ddl.begun", "ddl.step.before", "ddl.step.done", "ddl.fill.batch", "ddl.fill.batch#3",
	"ddl.index.cleared", "ddl.index.effect", "ddl.step.done#3", "ddl.committed", "ddl.index.effect#2", "ddl.done",
}

// What the first change of a tenant passes: all of it is one transaction.
var pointsOfFirstForm = []string{"ddl.read", "ddl.prepared", "ddl.step.before", "ddl.step.done", "ddl.committed", "ddl.done"}

// What one passes that was cancelled in the middle of a fill.
var pointsOfUndo = []string{"ddl.read", "ddl.undo.begun", "ddl.undo.step", "ddl.undo.step#3", "ddl.undone"}

const fillForm = `
{"op": "add_field", "form": "projects", "field": "size", "type": "integer"},
{"op": "set_required", "form": "projects", "field": "due", "value": "2026-11-27"}`

// needForms makes tenants of a release of their own that have a form with so many rows, or none, and remembers what the change makes of one.
func needForms(rows int, change string) func(*testing.T, *crashtest.Scene, []string) {
	return func(t *testing.T, s *crashtest.Scene, names []string) {
		t.Helper()
		crashtest.PublishNext(t, s.Fleet)
		names = append([]string{"clean-change"}, names...)
		for _, name := range names {
			createTenant(t, s, name)
			s.Fleet.Do(t, jobs.Migrate{Tenant: name, Release: nextRelease})
			if rows > 0 {
				s.FormWith(t, name, rows)
			}
		}
		if change != "" {
			s.Fleet.Do(t, crashtest.Changing("clean-change", change))
		}
		s.Remember(t, "clean-change")
	}
}

// beforeChange leaves what an index build that was interrupted leaves.
func beforeChange(t *testing.T, s *crashtest.Scene, name, point string) {
	t.Helper()
	if point != "ddl.index.cleared" {
		return
	}
	execOn(t, onNode(t, s, s.Fleet.Tenant(t, name).Database), `
		CREATE INDEX i_0007 ON form_data.d_0001 (f_0004);
		UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'form_data.i_0007'::regclass`)
}

// needCancelled makes tenants with a form, and remembers what a change leaves that was cancelled.
func needCancelled(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	needForms(300_000, "")(t, s, names)
	standStill(t, s, "clean-change")
	id := cancelChange(t, s, "clean-change", "")
	eventually(t, "the change was not taken back", func() bool { return operation(t, s, id).State == jobs.StateCancelled })
	s.Remember(t, "clean-change")
}

// standStill makes a change that stands still in the middle of a fill.
func standStill(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	id := s.Fleet.Submit(t, crashtest.Changing(name, fillForm))
	eventually(t, "the fill has not begun", func() bool { return strings.HasPrefix(operation(t, s, id).Step, "fill") })
	_, err := s.Fleet.Jobs.Pause(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, jobs.StateParked, s.Fleet.Ends(t, id).State)
}

func beginFill(t *testing.T, s *crashtest.Scene, name, _ string) {
	t.Helper()
	withWorker(t, s, func() { standStill(t, s, name) })
}

// cancelChange cancels the change of a tenant that stands still.
func cancelChange(t *testing.T, s *crashtest.Scene, name, _ string) string {
	t.Helper()
	ops, err := s.Fleet.Jobs.List(t.Context(), jobs.Filter{Tenant: name, Kind: "change_schema", States: []jobs.State{jobs.StateParked}})
	require.NoError(t, err)
	require.Len(t, ops, 1)
	_, err = s.Fleet.Jobs.Cancel(t.Context(), ops[0].ID)
	require.NoError(t, err)
	return ops[0].ID
}

// emptyAgain: the rows that a fill had filled have no value again, and nothing is left of the change.
func emptyAgain(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	conn := onNode(t, s, s.Fleet.Tenant(t, name).Database)
	for sql, want := range map[string]int{
		`SELECT count(*) FROM form_data.d_0001 WHERE f_0003 IS NULL`:                                        150_000,
		`SELECT count(*) FROM _tenantry.form_filled`:                                                        0,
		`SELECT count(*) FROM _tenantry.form_changes WHERE state <> 'done'`:                                 1,
		`SELECT count(*) FROM _tenantry.form_changes WHERE state = 'undone'`:                                1,
		`SELECT count(*) FROM _tenantry.form_changes WHERE plan IS NOT NULL`:                                0,
		`SELECT sum(version) FROM _tenantry.forms`:                                                          1,
		`SELECT count(*) FROM pg_constraint WHERE NOT convalidated`:                                         0,
		`SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'form_data.d_0001'::regclass`: 0,
	} {
		var got int
		require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&got), sql)
		require.Equal(t, want, got, sql)
	}
}

// changed: the change was made once, and every row has its value.
func changed(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	conn := onNode(t, s, s.Fleet.Tenant(t, name).Database)
	for sql, want := range map[string]int{
		`SELECT count(*) FROM form_data.d_0001 WHERE f_0006 IS DISTINCT FROM f_0003::date`: 0,
		`SELECT count(*) FROM form_data.d_0001 WHERE f_0006 IS NOT NULL`:                   crashtest.FormRows / 2,
		`SELECT count(*) FROM _tenantry.form_changes WHERE state = 'done'`:                 2,
		`SELECT count(*) FROM _tenantry.form_changes WHERE plan IS NOT NULL`:               0,
		`SELECT sum(version) FROM _tenantry.forms`:                                         2,
	} {
		var got int
		require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&got), sql)
		require.Equal(t, want, got, sql)
	}
}
