package fanout_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/workers/fleettest"
)

// newFleet makes a fleet with tenants in turns on two servers; a tenant has as many customers as its place says, from 1.
func newFleet(t *testing.T, slugs ...string) *fleettest.Fleet {
	t.Helper()
	f := fleettest.Spread(t, slugs...)
	for i, slug := range slugs {
		change(t, f, slug, fmt.Sprintf(`INSERT INTO customers (name) SELECT 'c' || i FROM generate_series(1, %d) i`, i+1))
	}
	return f
}

// change does something in a tenant's database, as its migrator.
func change(t *testing.T, f *fleettest.Fleet, slug string, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		f.Change(t, slug, sql)
	}
}

// answer is what a query gave: rows as text, by tenant.
type answer struct {
	fanout.Report
	rows map[string][]string
}

func (a answer) outcome(t *testing.T, slug string) fanout.Outcome {
	t.Helper()
	i := slices.IndexFunc(a.Outcomes, func(o fanout.Outcome) bool { return o.Tenant == slug })
	require.GreaterOrEqual(t, i, 0, "tenant %s has no outcome", slug)
	return a.Outcomes[i]
}

// ask runs a query that must come to an end.
func ask(t *testing.T, f *fleettest.Fleet, req fanout.Request) answer {
	t.Helper()
	a, err := try(t.Context(), f, req)
	require.NoError(t, err)
	return a
}

func try(ctx context.Context, f *fleettest.Fleet, req fanout.Request) (answer, error) {
	a := answer{rows: map[string][]string{}}
	var err error
	a.Report, err = fanout.Query(ctx, f.Registry, req, func(r fanout.Row) error {
		values := make([]string, len(r.Values))
		for i := range r.Values {
			values[i] = r.Text(i)
		}
		a.rows[r.Tenant] = append(a.rows[r.Tenant], strings.Join(values, "|"))
		return nil
	})
	return a, err
}

// running counts sessions of an application on both servers that are at work, or that are there at all.
func running(t *testing.T, application, where string) int {
	t.Helper()
	total := 0
	for _, u := range []string{fleettest.ServerURL(t), fleettest.SecondServerURL(t)} {
		var n int
		conn := server(t, u)
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND `+where, application).Scan(&n))
		require.NoError(t, conn.Close(t.Context()))
		total += n
	}
	return total
}

// eventually is for what another process does in its own time.
func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 10*time.Millisecond, what)
}
