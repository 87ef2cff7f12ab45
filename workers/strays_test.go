package workers_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/fleettest"
)

func operation(t *testing.T, f *fleettest.Fleet, id string) jobs.Operation {
	t.Helper()
	op, err := f.Jobs.Get(t.Context(), id)
	require.NoError(t, err)
	return op
}

func execControl(t *testing.T, f *fleettest.Fleet, sql string, args ...any) {
	t.Helper()
	_, err := f.Pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// scan reads one value from the control database.
func scan[T any](t *testing.T, f *fleettest.Fleet, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, f.Pool.QueryRow(t.Context(), sql, args...).Scan(&v))
	return v
}

type stray struct{ OperationID, JobState, Became string }

func settleStrays(t *testing.T, f *fleettest.Fleet) []stray {
	t.Helper()
	rows, err := f.Pool.Query(t.Context(), `SELECT * FROM tenantry.settle_strays()`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stray])
	require.NoError(t, err)
	return list
}

// Whatever a person does to a job in River UI, the ledger and the queue agree again after the chore, and no tenant stays held.
func TestStraysAreSettled(t *testing.T) {
	t.Parallel()
	const finalize = `UPDATE river.river_job SET state = $2, finalized_at = now() WHERE id = $1`
	cases := map[string]struct {
		waiting bool   // the stray is the second in line
		sql     string // what was done to its job, $1
		args    []any
		found   string
		state   jobs.State
		job     string // the state of its job afterwards
	}{
		"queued, cancelled":          {false, finalize, []any{"cancelled"}, "cancelled", jobs.StateCancelled, "cancelled"},
		"queued, deleted":            {false, `DELETE FROM river.river_job WHERE id = $1`, nil, "deleted", jobs.StateCancelled, ""},
		"queued, discarded":          {false, finalize, []any{"discarded"}, "discarded", jobs.StateParked, "discarded"},
		"queued, completed":          {false, finalize, []any{"completed"}, "completed", jobs.StateQueued, "available"},
		"queued, pending":            {false, `UPDATE river.river_job SET state = 'pending' WHERE id = $1`, nil, "pending", jobs.StateQueued, "available"},
		"queued, fetched, not begun": {false, `UPDATE river.river_job SET state = 'running', attempted_at = now() - interval '5 minutes' WHERE id = $1`, nil, "running", jobs.StateQueued, "available"},
		"waiting, cancelled":         {true, finalize, []any{"cancelled"}, "cancelled", jobs.StateCancelled, "cancelled"},
		"waiting, deleted":           {true, `DELETE FROM river.river_job WHERE id = $1`, nil, "deleted", jobs.StateCancelled, ""},
		"waiting, discarded":         {true, finalize, []any{"discarded"}, "discarded", jobs.StateWaiting, "pending"},
		"waiting, completed":         {true, finalize, []any{"completed"}, "completed", jobs.StateWaiting, "pending"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fleettest.New(t)
			slug := paperFleet(t, f, 1)[0]
			first := f.Submit(t, jobs.Rotate{Tenant: slug})
			second := f.Submit(t, jobs.Rotate{Tenant: slug})
			strayed, other := first, second
			if c.waiting {
				strayed, other = second, first
			}
			require.Empty(t, settleStrays(t, f), "there is no stray yet")
			execControl(t, f, c.sql, append([]any{*operation(t, f, strayed).RiverJobID}, c.args...)...)
			require.Equal(t, []stray{{strayed, c.found, string(c.state)}}, settleStrays(t, f))
			require.Empty(t, settleStrays(t, f), "once is enough")
			op := operation(t, f, strayed)
			require.Equal(t, c.state, op.State)
			require.Equal(t, c.job, scan[string](t, f, `SELECT coalesce((SELECT state::text FROM river.river_job WHERE id = $1), '')`, *op.RiverJobID))
			holder := scan[string](t, f, `SELECT coalesce(current_operation_id, '') FROM tenantry.tenants`)
			if !c.waiting && c.state == jobs.StateCancelled {
				require.Equal(t, other, holder, "the next has its turn")
				require.Equal(t, jobs.StateQueued, operation(t, f, other).State)
			} else {
				require.Equal(t, first, holder)
			}
			if op.State.Final() || op.State == jobs.StateParked {
				require.NotEmpty(t, op.Error.Hint)
				_, err := f.Jobs.Retry(t.Context(), strayed)
				if holder == other {
					require.ErrorIs(t, err, jobs.ErrConflict, "its tenant is busy with the next")
				} else if op.State == jobs.StateParked {
					require.NoError(t, err)
					require.Equal(t, "available", scan[string](t, f, `SELECT state::text FROM river.river_job WHERE args ->> 'operation_id' = $1`, strayed))
				}
			}
		})
	}
}

// A stray that somebody works on is left alone, and nobody waits for anybody.
func TestStraysThatAreHeldAreLeftAlone(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	slug := paperFleet(t, f, 1)[0]
	id := f.Submit(t, jobs.Rotate{Tenant: slug})
	execControl(t, f, `UPDATE river.river_job SET state = 'cancelled', finalized_at = now() WHERE id = $1`, *operation(t, f, id).RiverJobID)
	for _, sql := range []string{`SELECT FROM tenantry.tenants FOR NO KEY UPDATE`, `SELECT FROM tenantry.operations FOR NO KEY UPDATE`} {
		tx, err := f.Pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), sql)
		require.NoError(t, err)
		require.Empty(t, settleStrays(t, f))
		require.NoError(t, tx.Rollback(t.Context()))
	}
	require.Len(t, settleStrays(t, f), 1)
}

// A tenant whose provisioning was cancelled in River UI can be deleted or provisioned again; it is not stuck between two states.
func TestCancelledProvisioningFails(t *testing.T) {
	t.Parallel()
	ways := map[string]func(t *testing.T, f *fleettest.Fleet, id string){
		"through the door": func(t *testing.T, f *fleettest.Fleet, id string) {
			t.Helper()
			_, err := f.Jobs.Cancel(t.Context(), id)
			require.NoError(t, err)
		},
		"in River UI": func(t *testing.T, f *fleettest.Fleet, id string) {
			t.Helper()
			execControl(t, f, `UPDATE river.river_job SET state = 'cancelled', finalized_at = now() WHERE id = $1`, *operation(t, f, id).RiverJobID)
			require.Len(t, settleStrays(t, f), 1)
		},
	}
	for name, cancel := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fleettest.New(t)
			paperFleet(t, f, 1)
			id := f.Submit(t, jobs.Provision{Slug: "acme"})
			cancel(t, f, id)
			require.Equal(t, jobs.StateCancelled, operation(t, f, id).State)
			require.EqualValues(t, "failed", f.Tenant(t, "acme").State)
			require.Equal(t, "failed", scan[string](t, f, `SELECT d.state FROM tenantry.databases d JOIN tenantry.tenants t ON t.database_id = d.id WHERE t.slug = 'acme'`))
			_, err := f.Jobs.Submit(t.Context(), jobs.Delete{Tenant: "acme"}, nil)
			require.NoError(t, err)
		})
	}
}

// A warm build that is cancelled gives its place back: else the pool would be one short for ever.
func TestCancelledWarmBuildIsClearedAway(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	paperFleet(t, f, 1)
	execControl(t, f, `UPDATE tenantry.nodes SET warm_target = 1`)
	require.Equal(t, 1, scan[int](t, f, `SELECT tenantry.refill_warm()`))
	id := scan[string](t, f, `SELECT id FROM tenantry.operations WHERE kind = 'warm'`)
	_, err := f.Jobs.Cancel(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 2, scan[int](t, f, `SELECT tenantry.refill_warm()`), "one to clear away, one to build")
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE kind = 'retire'`))
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE kind = 'warm' AND finished_at IS NULL`))
	require.Zero(t, scan[int](t, f, `SELECT tenantry.refill_warm()`))
}

// kill lets a clerk's lease run out and reaps.
func kill(t *testing.T, f *fleettest.Fleet, c *clerk) {
	t.Helper()
	execControl(t, f, `UPDATE tenantry.workers SET heartbeat_at = now() - interval '1 hour' WHERE id = $1`, c.id)
	execControl(t, f, `SELECT * FROM tenantry.reap()`)
}

// An operation that loses three workers may be what kills them.
func TestReapedThreeTimesIsParked(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	ctx := t.Context()
	slug := paperFleet(t, f, 1)[0]
	id := f.Submit(t, jobs.Rotate{Tenant: slug})
	next := f.Submit(t, jobs.Rotate{Tenant: slug})
	errs := &errorLog{}
	work := func(ctx context.Context, name string) *clerk {
		c := hire(ctx, f, name, errs)
		require.Equal(t, []string{id}, c.fetch(ctx, 10))
		require.Len(t, c.start(ctx, []string{id}), 1)
		return c
	}
	for i, want := range []jobs.State{jobs.StateQueued, jobs.StateQueued, jobs.StateParked} {
		c := work(ctx, string(rune('a'+i)))
		kill(t, f, c)
		op := operation(t, f, id)
		require.Equal(t, want, op.State)
		require.Equal(t, i+1, op.Reaps)
		require.Zero(t, op.Failures, "a lost worker is not the operation's failure")
		require.Empty(t, c.settle(ctx, []ending{{ID: id, Attempt: i + 1, Outcome: "succeeded"}}), "the dead worker comes back and is refused")
	}
	require.Equal(t, "lost_workers", operation(t, f, id).Error.Code)
	require.Equal(t, jobs.StateWaiting, operation(t, f, next).State, "the tenant is held")
	_, err := f.Jobs.Retry(ctx, id)
	require.NoError(t, err)
	require.Zero(t, operation(t, f, id).Reaps)
	c := work(ctx, "last")
	require.Len(t, c.settle(ctx, []ending{{ID: id, Attempt: 4, Outcome: "succeeded"}}), 1)
	require.Equal(t, jobs.StateQueued, operation(t, f, next).State)
	require.Empty(t, errs.all())
}

// A person's cancel must not get lost with the worker that was told.
func TestCancelOutlivesItsWorker(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	ctx := t.Context()
	paperFleet(t, f, 1)
	id := f.Submit(t, jobs.Provision{Slug: "acme"})
	errs := &errorLog{}
	c := hire(ctx, f, "a", errs)
	require.Len(t, c.start(ctx, c.fetch(ctx, 1)), 1)
	state, err := f.Jobs.Cancel(ctx, id)
	require.NoError(t, err)
	require.Equal(t, jobs.StateRunning, state)
	kill(t, f, c)
	c = hire(ctx, f, "b", errs)
	require.Len(t, c.start(ctx, c.fetch(ctx, 1)), 1)
	require.Equal(t, "cancel", scan[string](t, f, `SELECT tenantry.step($1, 2, 'template', 0, 1)`, id))
	require.Len(t, c.settle(ctx, []ending{{ID: id, Attempt: 2, Outcome: "cancelled"}}), 1)
	_, err = f.Jobs.Retry(ctx, id)
	require.NoError(t, err)
	require.Len(t, c.start(ctx, c.fetch(ctx, 1)), 1)
	require.Equal(t, "go", scan[string](t, f, `SELECT tenantry.step($1, 3, 'template', 0, 1)`, id), "retried means that it is wanted again")
	require.Empty(t, errs.all())
}

// A dead worker may not begin anything, and what it fetched goes to others without an attempt burnt.
func TestFencedWorkerBeginsNothing(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	ctx := t.Context()
	slug := paperFleet(t, f, 1)[0]
	id := f.Submit(t, jobs.Rotate{Tenant: slug})
	errs := &errorLog{}
	c := hire(ctx, f, "a", errs)
	require.Equal(t, []string{id}, c.fetch(ctx, 1))
	kill(t, f, c)
	require.Empty(t, c.start(ctx, []string{id}))
	require.Equal(t, "fenced", scan[string](t, f, `SELECT verdict FROM tenantry.start('a', ARRAY[$1])`, id))
	op := operation(t, f, id)
	require.Equal(t, jobs.StateQueued, op.State)
	require.Zero(t, op.Attempt)
	require.Zero(t, scan[int](t, f, `SELECT attempt FROM river.river_job WHERE id = $1`, *op.RiverJobID))
	c = hire(ctx, f, "b", errs)
	require.Equal(t, []string{id}, c.fetch(ctx, 1))
	require.Empty(t, errs.all())
}

// Where River's client did not come to tell that a job is over, the chores do: at once for a dead worker, soon for a live one.
func TestJobsOfEndedOperationsAreCompleted(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*testing.T, *fleettest.Fleet, *clerk){
		"its worker is dead": kill,
		"its worker lives": func(t *testing.T, f *fleettest.Fleet, _ *clerk) {
			t.Helper()
			require.Empty(t, settleStrays(t, f))
			execControl(t, f, `SELECT * FROM tenantry.reap()`)
			require.Equal(t, "running", scan[string](t, f, `SELECT state::text FROM river.river_job`), "its client will tell")
			execControl(t, f, `UPDATE tenantry.operations SET finished_at = finished_at - interval '2 minutes'`)
			execControl(t, f, `SELECT * FROM tenantry.reap()`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fleettest.New(t)
			errs := &errorLog{}
			c := hire(t.Context(), f, "a", errs)
			id := f.Submit(t, jobs.Noop{})
			require.Len(t, c.start(t.Context(), c.fetch(t.Context(), 1)), 1)
			require.Equal(t, []string{id}, c.settle(t.Context(), []ending{{ID: id, Attempt: 1, Outcome: "succeeded"}}))
			require.Equal(t, "running", scan[string](t, f, `SELECT state::text FROM river.river_job`))
			forget(t, f, c)
			require.Equal(t, "completed", scan[string](t, f, `SELECT state::text FROM river.river_job`))
			require.Equal(t, 1, scan[int](t, f, `SELECT attempt FROM river.river_job`), "it was worked")
			require.Empty(t, errs.all())
		})
	}
}
