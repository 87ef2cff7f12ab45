package workers_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// changing makes the arguments of a change of tenant acme.
func changing(operations string) jobs.ChangeSchema {
	return jobs.ChangeSchema{Tenant: "acme", Change: json.RawMessage(`{"operations": [` + operations + `]}`)}
}

const projects = `
{"op": "create_form", "form": "projects", "label": "Projects"},
{"op": "add_field", "form": "projects", "field": "name", "label": "Name", "type": "short_text"},
{"op": "add_field", "form": "projects", "field": "budget", "label": "Budget (EUR)", "type": "decimal", "precision": 12, "scale": 2, "default": "0.00"},
{"op": "add_field", "form": "projects", "field": "due", "type": "long_text"}`

// aTenant makes a fleet with a worker and tenant acme.
func aTenant(t *testing.T) *fleettest.Fleet {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "one")
	f.Worker(t)
	made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	f.Succeeds(t, made.OperationID)
	return f
}

// A change that the API has asked for is made by a worker; the application reads the registry and uses the form; the drift check knows the
// form and tells what somebody has done behind our back.
func TestChangeSchema(t *testing.T) {
	t.Parallel()
	f := aTenant(t)
	ctx := t.Context()
	before := f.Tenant(t, "acme")
	op := f.Do(t, changing(projects))
	var result execute.Result
	require.NoError(t, json.Unmarshal(op.Result, &result))
	require.Equal(t, map[string]int64{"projects": 1}, result.Forms)
	require.Equal(t, int64(1), result.Number)
	require.Positive(t, schemaEpoch(t, f, before.ID))

	app := f.Connect(t, "acme", tenants.RoleApp)
	registry, err := execute.Read(ctx, app)
	require.NoError(t, err)
	form := registry.Form("projects")
	_, err = app.Exec(ctx, fmt.Sprintf(`INSERT INTO form_data.%s (%s) VALUES ('Bridge')`, form.Table, form.Field("name").Column))
	require.NoError(t, err)
	var budget string
	reader := f.Connect(t, "acme", tenants.RoleReadOnly)
	require.NoError(t, reader.QueryRow(ctx, `SELECT "Budget (EUR)"::text FROM form_views."Projects" WHERE "Name" = 'Bridge'`).Scan(&budget))
	require.Equal(t, "0.00", budget)

	for _, change := range []string{
		`{"op": "change_type", "form": "projects", "field": "due", "type": "date"}, {"op": "set_unique", "form": "projects", "fields": ["name"]}`,
		`{"op": "create_form", "form": "tasks"}, {"op": "add_reference", "form": "tasks", "field": "project", "references": "projects"},
		 {"op": "add_field", "form": "tasks", "field": "state", "type": "select", "options": [{"key": "open"}, {"key": "done"}]},
		 {"op": "add_field", "form": "projects", "field": "left", "type": "formula", "expression": "budget * 2"},
		 {"op": "add_reference", "form": "projects", "field": "also", "references": "tasks", "many": true}`,
		`{"op": "drop_field", "form": "projects", "field": "left"}, {"op": "drop_field", "form": "projects", "field": "name"}, {"op": "set_required", "form": "projects", "field": "budget"},
		 {"op": "set_options", "form": "tasks", "field": "state", "options": [{"key": "done"}, {"key": "open"}, {"key": "never"}]}`,
		`{"op": "drop_form", "form": "tasks"}`,
		`{"op": "rebuild_form", "form": "projects"}`,
	} {
		if change == `{"op": "drop_form", "form": "tasks"}` {
			f.Do(t, changing(`{"op": "drop_field", "form": "projects", "field": "also"}`))
		}
		f.Do(t, changing(change))
		require.Empty(t, driftOf(t, f), change)
	}

	inDatabase(t, f, "acme", fmt.Sprintf(`ALTER TABLE form_data.%s ADD COLUMN sneaky text`, form.Table))
	found := driftOf(t, f)
	require.Len(t, found, 1)
	require.Equal(t, "form_data."+form.Table+".sneaky", found[0].Name)
	refused := f.Ends(t, f.Submit(t, changing(`{"op": "rebuild_form", "form": "projects"}`)))
	require.Equal(t, "refused", refused.Error.Code)
	require.Contains(t, refused.Error.Message, "operations[0].form: not of the form, and lost with its old table: column sneaky")
}

// A form that came back from a backup can be made anew as any other: its rights are those of every form.
func TestChangeSchemaOfARestoredTenant(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, changing(projects+`, {"op": "add_reference", "form": "projects", "field": "parent", "references": "projects"}`))
	f.Do(t, changing(`{"op": "change_type", "form": "projects", "field": "due", "type": "date"}, {"op": "drop_field", "form": "projects", "field": "budget"}`))
	f.Do(t, jobs.Backup{Tenant: "acme"})
	f.Do(t, jobs.Restore{Backup: newestBackup(t, f).ID, To: "again"})
	again := changing(`{"op": "rebuild_form", "form": "projects"}`)
	again.Tenant = "again"
	f.Do(t, again)
	check(t, f, jobs.Check{Only: "again"})
	require.Empty(t, checkedAll(t, f)["again"].Differences)
}

// driftOf checks tenant acme and gives what is not as it should be.
func driftOf(t *testing.T, f *fleettest.Fleet) []fingerprint.Difference {
	t.Helper()
	check(t, f, jobs.Check{Only: "acme"})
	found := checkedAll(t, f)["acme"]
	require.Contains(t, []drift.State{drift.Clean, drift.Drifted}, found.State, found.Detail)
	return found.Differences
}

func schemaEpoch(t *testing.T, f *fleettest.Fleet, id string) int64 {
	t.Helper()
	var epoch int64
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT schema_epoch FROM tenantry.tenants WHERE id = $1`, id).Scan(&epoch))
	return epoch
}

// A change is announced when it is visible, not only when everything is tidied up; and one that leaves the forms as they were is not.
func TestChangeSchemaIsAnnounced(t *testing.T) {
	t.Parallel()
	f := aTenant(t)
	ctx := t.Context()
	id := f.Tenant(t, "acme").ID
	f.Do(t, changing(projects+`, {"op": "add_index", "form": "projects", "fields": ["name"]}`))
	before := schemaEpoch(t, f, id)
	registry, err := execute.Read(ctx, f.Connect(t, "acme", tenants.RoleApp))
	require.NoError(t, err)
	const theIndex = 4711
	inDatabase(t, f, "acme", fmt.Sprintf(`INSERT INTO form_data.%s (%s) SELECT repeat('x', 100) FROM generate_series(1, 100000)`, // for the index to be dropped beside the traffic
		registry.Form("projects").Table, registry.Form("projects").Field("name").Column), fmt.Sprintf(`
		CREATE FUNCTION held() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(%d); END';
		CREATE EVENT TRIGGER held ON ddl_command_start WHEN TAG IN ('DROP INDEX') EXECUTE FUNCTION held()`, theIndex))
	app := f.Connect(t, "acme", tenants.RoleApp)
	_, err = app.Exec(ctx, `SELECT pg_advisory_lock($1)`, theIndex)
	require.NoError(t, err)
	op := f.Submit(t, changing(`{"op": "drop_index", "form": "projects", "fields": ["name"]}`))
	require.Eventually(t, func() bool { return schemaEpoch(t, f, id) > before }, 20*time.Second, 20*time.Millisecond)
	running, err := f.Jobs.Get(ctx, op)
	require.NoError(t, err)
	require.False(t, running.State.Final(), "it ended while nobody could drop the index")
	_, err = app.Exec(ctx, `SELECT pg_advisory_unlock($1)`, theIndex)
	require.NoError(t, err)
	f.Succeeds(t, op)

	before = schemaEpoch(t, f, id)
	f.Do(t, changing(`{"op": "drop_field", "form": "projects", "field": "due"}`))
	require.Equal(t, before+1, schemaEpoch(t, f, id), "one that is visible at its end is announced once")
	require.Equal(t, jobs.StateFailed, f.Ends(t, f.Submit(t, changing(`{"op": "drop_form", "form": "ghosts"}`))).State)
	require.Equal(t, before+1, schemaEpoch(t, f, id))
}

// A release of which a tenant got a part has changed its tables, although its operation has failed.
func TestFailedMigrationIsAnnounced(t *testing.T) {
	t.Parallel()
	f := aTenant(t)
	id := f.Tenant(t, "acme").ID
	before := schemaEpoch(t, f, id)
	newest, err := release.LoadNewest(t.Context(), f.Pool)
	require.NoError(t, err)
	more := fleettest.Extended(newest, "CREATE TABLE extra (id int)")
	f.Publish(t, fleettest.Extended(more, "SELECT 1/0"), "half")
	op := f.Ends(t, f.Submit(t, jobs.Migrate{Tenant: "acme", Release: "half"}))
	require.Equal(t, jobs.StateFailed, op.State, "%+v", op.Error)
	require.Equal(t, before+1, schemaEpoch(t, f, id))
	op = f.Ends(t, f.Submit(t, jobs.Migrate{Tenant: "acme", Release: "half"}))
	require.Equal(t, jobs.StateFailed, op.State, "%+v", op.Error)
	require.Equal(t, before+1, schemaEpoch(t, f, id), "nothing was changed")
}

// What makes no sense is refused, by field and with the fix, and changes nothing.
func TestChangeSchemaRefused(t *testing.T) {
	t.Parallel()
	f := aTenant(t)
	f.Do(t, changing(projects))
	for name, z := range map[string]struct {
		args          jobs.ChangeSchema
		code, message string
	}{
		"no such form":      {changing(`{"op": "set_optional", "form": "ghosts", "field": "name"}`), "refused", `operations[0].form: there is no form "ghosts"`},
		"no such operation": {changing(`{"op": "explode"}`), "refused", `operations[0].op: "explode" is not an operation`},
		"an older version":  {jobs.ChangeSchema{Tenant: "acme", Change: json.RawMessage(`{"versions": {"projects": 0}, "operations": [{"op": "drop_form", "form": "projects"}]}`)}, "refused", "versions.projects: form projects has version 1, and the change was made against version 0; meanwhile: change 1 by postgres (create_form projects, add_field projects.name"},
		"another plan":      {jobs.ChangeSchema{Tenant: "acme", Change: json.RawMessage(`{"operations": [{"op": "drop_form", "form": "projects"}]}`), Plan: "plan_000000000000000000000000"}, "outdated", "the plan is outdated"},
	} {
		op := f.Ends(t, f.Submit(t, z.args))
		require.Equal(t, jobs.StateFailed, op.State, name)
		require.Equal(t, z.code, op.Error.Code, name)
		require.Contains(t, op.Error.Message, z.message, name)
	}
	_, err := f.Jobs.Submit(t.Context(), jobs.ChangeSchema{Tenant: "acme", Change: json.RawMessage(`{"operations": []}`)}, nil)
	require.ErrorIs(t, err, jobs.ErrInvalid)
	require.Empty(t, driftOf(t, f))
}

// A change of a large table is paused in the middle, goes on, and another is cancelled: then the form is as it was.
func TestChangeSchemaPausesAndCancels(t *testing.T) {
	t.Parallel()
	f := aTenant(t)
	ctx := t.Context()
	f.Do(t, changing(projects))
	app := f.Connect(t, "acme", tenants.RoleApp)
	registry, err := execute.Read(ctx, app)
	require.NoError(t, err)
	form := registry.Form("projects")
	due := form.Field("due").Column
	_, err = app.Exec(ctx, fmt.Sprintf(`INSERT INTO form_data.%s (%s, %s) SELECT 'p ' || g, CASE WHEN g %% 2 = 0 THEN '2026-11-27' END FROM generate_series(1, 200000) g`, form.Table, form.Field("name").Column, due))
	require.NoError(t, err)

	// Somebody has the last rows, so that no fill ends before it is asked to stop.
	holding := func(do func()) {
		t.Helper()
		tx, err := app.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, fmt.Sprintf(`SELECT FROM form_data.%s WHERE id > 199990 FOR UPDATE`, form.Table))
		require.NoError(t, err)
		do()
		require.NoError(t, tx.Rollback(ctx))
	}
	pause := func(id string) (op jobs.Operation) {
		t.Helper()
		waitForStep(t, f, id, "fill rows")
		holding(func() {
			_, err := f.Jobs.Pause(ctx, id)
			require.NoError(t, err)
			op = f.Ends(t, id)
		})
		return op
	}

	op := pause(f.Submit(t, changing(`{"op": "change_type", "form": "projects", "field": "due", "type": "date"}`)))
	id := op.ID
	require.Equal(t, jobs.StateParked, op.State)
	require.Equal(t, "paused", op.Error.Code)
	_, err = f.Jobs.Retry(ctx, id)
	require.NoError(t, err)
	f.Succeeds(t, id)
	require.Empty(t, driftOf(t, f))

	id = f.Submit(t, changing(`{"op": "set_required", "form": "projects", "field": "due", "value": "2000-01-01"}`))
	waitForStep(t, f, id, "fill rows")
	holding(func() {
		_, err := f.Jobs.Cancel(ctx, id)
		require.NoError(t, err)
	})
	require.Equal(t, jobs.StateCancelled, f.Ends(t, id).State)
	require.Empty(t, driftOf(t, f))
	registry, err = execute.Read(ctx, app)
	require.NoError(t, err)
	var empty int
	require.NoError(t, app.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM form_data.%s WHERE %s IS NULL`, form.Table, registry.Form("projects").Field("due").Column)).Scan(&empty))
	require.Equal(t, 100000, empty, "rows that were filled are empty again")
	id = f.Submit(t, changing(`{"op": "rebuild_form", "form": "projects"}`))
	waitForStep(t, f, id, "fill rows")
	holding(func() {
		_, err := f.Jobs.Cancel(ctx, id)
		require.NoError(t, err)
	})
	require.Equal(t, jobs.StateCancelled, f.Ends(t, id).State)
	require.Empty(t, driftOf(t, f))
	// One that was paused and is cancelled then is taken back by a worker, too.
	op = pause(f.Submit(t, changing(`{"op": "set_required", "form": "projects", "field": "due", "value": "2000-01-01"}`)))
	id = op.ID
	require.Equal(t, jobs.StateParked, op.State)
	_, err = f.Jobs.Cancel(ctx, id)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		op, err := f.Jobs.Get(ctx, id)
		return err == nil && op.State == jobs.StateCancelled
	}, time.Minute, 50*time.Millisecond)
	require.Empty(t, driftOf(t, f))
}

func waitForStep(t *testing.T, f *fleettest.Fleet, id, step string) {
	t.Helper()
	require.Eventually(t, func() bool {
		op, err := f.Jobs.Get(t.Context(), id)
		require.NoError(t, err)
		require.False(t, op.State.Final(), "it ended before it was at step %s", step)
		return len(op.Step) >= len(step) && op.Step[:len(step)] == step
	}, time.Minute, 20*time.Millisecond)
}
