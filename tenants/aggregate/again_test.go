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
	defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // it is committed
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
	change(t, f, "bee", `ALTER TABLE customers RENAME TO clients`)
	require.Equal(t, jobs.StateFailed, f.Ends(t, f.Submit(t, jobs.Aggregate{Aggregate: "leaving"})).State)
	f.Do(t, jobs.Suspend{Tenant: "bee"})
	for _, only := range []string{"missing", ""} {
		r := resultOf(t, f.Do(t, jobs.Aggregate{Aggregate: "leaving", Only: only}))
		require.Equal(t, "2 of 2 tenants", r.Coverage())
		require.Equal(t, 1, r.Left)
		require.True(t, r.Published)
	}
}
