package aggregate_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

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
