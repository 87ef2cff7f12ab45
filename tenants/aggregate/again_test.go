package aggregate_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/aggregate"
)

// A day has one run at a time. A time of a schedule that finds one under way is content with it, and several that are due at once for one day ask for one run.
func TestTimesOfADayShareARun(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	define(t, f, aggregate.Spec{Name: "live", SQL: customersSQL})
	require.NoError(t, aggregate.Schedule(t.Context(), f.Pool, "live", "*/10 * * * *", "", "today"))
	slowly(t, f.Pool, "live", 1)
	tx, err := f.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	ask := func(ago string) *string {
		return scan[*string](t, tx, `SELECT tenantry.ask_scheduled('aggregate.live', date_trunc('day', now(), 'UTC') + $1::interval, 'test')`, ago)
	}
	first := ask("0")
	require.NotNil(t, first)
	require.Equal(t, *first, *ask("1 second"))
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, *first, scan[string](t, f.Pool, `SELECT tenantry.run_now('aggregate.live', 'test')`))
	f.Succeeds(t, *first)
	require.Equal(t, []string{*first}, scan[[]string](t, f.Pool, `SELECT array_agg(DISTINCT operation_id) FROM tenantry.slots WHERE schedule = 'aggregate.live'`))
	require.NotEqual(t, *first, scan[string](t, f.Pool, `SELECT tenantry.run_now('aggregate.live', 'test')`))
}

// Who is not active any more, and had not answered, does not belong to the day: not as missing either, once the day is asked for again.
func TestWhoHasLeftIsNotMissing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat")
	define(t, f, aggregate.Spec{Name: "leaving", SQL: customersSQL, RetryFor: new(time.Duration), PublishAt: new(1.0)})
	f.Change(t, "bee", `ALTER TABLE customers RENAME TO clients`)
	require.Equal(t, jobs.StateFailed, f.Ends(t, f.Submit(t, jobs.Aggregate{Aggregate: "leaving"})).State)
	f.Do(t, jobs.Suspend{Tenant: "bee"})
	for _, only := range []string{"missing", ""} {
		r := resultOf(t, f.Do(t, jobs.Aggregate{Aggregate: "leaving", Only: only}))
		require.Equal(t, "2 of 2 tenants", r.Coverage())
		require.Equal(t, 1, r.Left)
		require.True(t, r.Published)
	}
}

// A batch that fails while others are looked at is looked at the next time, and its tenants with it.
func TestABatchEndsWhileOthersAreLookedAt(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	define(t, f, aggregate.Spec{Name: "narrow", SQL: customersSQL})
	exec(t, f, `
		INSERT INTO tenantry.aggregate_runs (operation_id, aggregate, definition, relation, day, timeout, most_rows, until, finished_at)
		VALUES ('op_run', 'narrow', 1, 'narrow', '2026-01-01', '30s', 100, now(), now())`)
	exec(t, f, `INSERT INTO tenantry.operations (id, kind, args, state) VALUES ('op_run', 'aggregate', '{}', 'running')`)
	exec(t, f, `INSERT INTO tenantry.operations (id, kind, args, state, attempt, finished_at) VALUES ('op_a', 'aggregate_batch', '{}', 'failed', 1, now()), ('op_b', 'aggregate_batch', '{}', 'running', 1, NULL)`)
	exec(t, f, `INSERT INTO tenantry.aggregate_batches (node_id, operation_id, run) SELECT id, CASE name WHEN 'n1' THEN 'op_a' ELSE 'op_b' END, 'op_run' FROM tenantry.nodes`)
	exec(t, f, `INSERT INTO tenantry.aggregate_slices (relation, day, tenant_id, run, state, batch_id) VALUES ('narrow', '2026-01-01', 'one', 'op_run', 'asked', 'op_a'), ('narrow', '2026-01-01', 'two', 'op_run', 'asked', 'op_b')`)

	hold, err := f.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer hold.Rollback(context.WithoutCancel(t.Context()))
	_, err = hold.Exec(t.Context(), `SELECT FROM tenantry.aggregate_slices WHERE batch_id = 'op_a' FOR UPDATE`)
	require.NoError(t, err)
	looked := make(chan error)
	go func() {
		_, err := f.Pool.Exec(t.Context(), `SELECT tenantry.observe_aggregate('op_run')`)
		looked <- err
	}()
	require.Eventually(t, func() bool {
		return scan[int](t, f.Pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%observe_aggregate%'`) > 0
	}, 10*time.Second, 10*time.Millisecond)
	exec(t, f, `UPDATE tenantry.operations SET state = 'failed', finished_at = now() WHERE id = 'op_b'`)
	require.NoError(t, hold.Rollback(t.Context()))
	require.NoError(t, <-looked)
	require.Zero(t, scan[int](t, f.Pool, `
		SELECT count(*) FROM tenantry.aggregate_slices s WHERE s.state = 'asked' AND NOT EXISTS (SELECT FROM tenantry.aggregate_batches b WHERE b.operation_id = s.batch_id)`))
}

// A changed query is tried on a tenant that the aggregate asks, and what a column is has changed although the table keeps both as text.
func TestAChangedQueryIsTriedOnWhomItAsks(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog", "eel", "fox")
	exec(t, f, `UPDATE tenantry.tenants SET labels = '{"app": "crm"}' WHERE slug = 'fox'`)
	f.Change(t, "fox", `CREATE TYPE stage AS ENUM ('new'); CREATE TABLE deals AS SELECT 'new'::stage AS stage, 'pg_class'::name AS kind; GRANT SELECT ON deals TO PUBLIC`)
	const sql = `SELECT stage, kind FROM deals`
	define(t, f, aggregate.Spec{Name: "deals", SQL: sql, Labels: map[string]string{"app": "crm"}, Zone: new("Europe/Berlin")})
	require.Equal(t, "settings", define(t, f, aggregate.Spec{Name: "deals", SQL: sql}).Change)
	f.Change(t, "fox", `ALTER TABLE deals ALTER kind TYPE text`)
	d := define(t, f, aggregate.Spec{Name: "deals", SQL: sql})
	require.Equal(t, "text deals fox", d.Change+" "+d.Table+" "+d.Tried)
	require.Equal(t, "1 of 1 tenants", run(t, f, "deals").Coverage())
}

// A name that another aggregate has does not keep one from its next table.
func TestVersionsPassNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	for _, name := range []string{"sales", "sales_v2"} {
		define(t, f, aggregate.Spec{Name: name, SQL: `SELECT 1 AS n`})
	}
	require.Equal(t, "sales_v3", define(t, f, aggregate.Spec{Name: "sales", SQL: `SELECT 'x' AS n`}).Table)
	require.Equal(t, "sales_v4", define(t, f, aggregate.Spec{Name: "sales", SQL: `SELECT 1 AS n`}).Table)
	// A name can be asked for, and be that of a schedule.
	_, err := aggregate.Define(t.Context(), f.Registry, aggregate.Spec{Name: "sales_", SQL: `SELECT 1 AS n`})
	require.ErrorContains(t, err, "no _ at the end")
}

// Whoever reads a table for long makes others wait for seconds only: the change waits no longer, and nobody behind it.
func TestAChangeDoesNotQueueBehindReaders(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	define(t, f, aggregate.Spec{Name: "read", SQL: `SELECT 1 AS n`})
	require.NoError(t, aggregate.Schedule(t.Context(), f.Pool, "read", "15 2 * * *", "", "yesterday"))
	for _, change := range []func() error{
		func() error {
			_, err := aggregate.Define(t.Context(), f.Registry, aggregate.Spec{Name: "read", SQL: `SELECT 1 AS n, 2 AS m`})
			return err
		},
		func() error { return aggregate.Drop(t.Context(), f.Pool, "read") },
	} {
		tx, err := f.Pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `SELECT FROM aggregates.read`)
		require.NoError(t, err)
		err = change()
		_ = tx.Rollback(context.WithoutCancel(t.Context()))
		require.ErrorContains(t, err, "somebody is reading the table")
	}
	require.Equal(t, 1, scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.schedules WHERE name = 'aggregate.read'`))
	exec(t, f, `DROP TABLE aggregates.read`) // somebody was tidy
	require.NoError(t, aggregate.Drop(t.Context(), f.Pool, "read"))
	require.Zero(t, scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.schedules WHERE name = 'aggregate.read'`))
}

// A batch whose workers died after somebody had cancelled the run is parked, and does not keep the run from its end.
func TestAParkedBatchIsCancelledHoweverItWasAskedTo(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	define(t, f, aggregate.Spec{Name: "parked", SQL: customersSQL, Timeout: new(time.Minute)})
	slowly(t, f.Pool, "parked", 60)
	id := f.Submit(t, jobs.Aggregate{Aggregate: "parked"})
	require.Eventually(t, func() bool {
		return scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.operations WHERE kind = 'aggregate_batch' AND state = 'running'`) == 1
	}, 20*time.Second, 10*time.Millisecond)
	exec(t, f, `UPDATE tenantry.operations SET cancel_asked = true, state = CASE kind WHEN 'aggregate' THEN state ELSE 'parked' END WHERE kind LIKE 'aggregate%'`)
	require.Equal(t, jobs.StateCancelled, f.Ends(t, id).State)
}
