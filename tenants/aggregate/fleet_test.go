package aggregate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/workers/fleettest"
)

// newFleet makes a fleet with tenants in turns on two servers; a tenant has as many customers of yesterday as its place says, from 1, and one of today.
func newFleet(t *testing.T, slugs ...string) *fleettest.Fleet {
	t.Helper()
	f := fleettest.Spread(t, slugs...)
	for i, slug := range slugs {
		f.Change(t, slug, fmt.Sprintf(`
			INSERT INTO customers (name, created_at)
			SELECT 'c' || i, date_trunc('day', now(), 'UTC') - interval '12 hours' FROM generate_series(1, %d) i
			UNION ALL SELECT 'new', now()`, i+1))
	}
	return f
}

const customersSQL = `SELECT count(*) AS customers, min(name) AS first FROM customers WHERE created_at >= :day_start AND created_at < :day_end`

func define(t *testing.T, f *fleettest.Fleet, s aggregate.Spec) aggregate.Defined {
	t.Helper()
	s.By = "test"
	d, err := aggregate.Define(t.Context(), f.Registry, s)
	require.NoError(t, err)
	return d
}

// run asks for yesterday and gives what came of it.
func run(t *testing.T, f *fleettest.Fleet, name string) aggregate.Result {
	t.Helper()
	return resultOf(t, f.Do(t, jobs.Aggregate{Aggregate: name}))
}

func resultOf(t *testing.T, op jobs.Operation) (r aggregate.Result) {
	t.Helper()
	require.NoError(t, json.Unmarshal(op.Result, &r))
	return r
}

// rows gives what stands in the newest table for yesterday where the aggregate's clock is, as "slug value|value".
func rows(t *testing.T, f *fleettest.Fleet, name string) []string {
	t.Helper()
	g, err := aggregate.Get(t.Context(), f.Pool, name)
	require.NoError(t, err)
	zone, err := time.LoadLocation(g.Zone)
	require.NoError(t, err)
	year, month, today := time.Now().In(zone).Date()
	day := time.Date(year, month, today-1, 0, 0, 0, 0, time.UTC)
	list := []string{}
	_, err = aggregate.Results(t.Context(), f.Pool, g, aggregate.Range{From: day, To: day, Unpublished: true}, func(r fanout.Row) error {
		values := make([]string, 0, len(r.Values))
		for i := range r.Values[1:] {
			values = append(values, r.Text(i+1))
		}
		list = append(list, r.Tenant+" "+strings.Join(values, "|"))
		return nil
	})
	require.NoError(t, err)
	return list
}

// reader logs in as another program would.
func reader(t *testing.T, f *fleettest.Fleet) *pgx.Conn {
	t.Helper()
	name := "bi_" + f.Database
	_, err := f.Pool.Exec(t.Context(), fmt.Sprintf(`CREATE ROLE %[1]s LOGIN PASSWORD 'reads' IN ROLE tenantry_bi; GRANT CONNECT ON DATABASE %[2]s TO tenantry_bi`, name, f.Database), pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	u, err := url.Parse(f.URL)
	require.NoError(t, err)
	u.User = url.UserPassword(name, "reads")
	conn, err := pgx.Connect(t.Context(), u.String())
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = conn.Close(ctx)
		_, err := f.Pool.Exec(ctx, "DROP ROLE "+name)
		require.NoError(t, err)
	})
	return conn
}

func scan[T any](t *testing.T, conn interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, sql string, args ...any,
) (value T) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&value))
	return value
}

func exec(t *testing.T, f *fleettest.Fleet, sql string) {
	t.Helper()
	_, err := f.Pool.Exec(t.Context(), sql)
	require.NoError(t, err)
}

// slowly has tenants take their time to answer.
func slowly(t *testing.T, pool *pgxpool.Pool, name string, seconds float64) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `UPDATE tenantry.aggregate_definitions SET sql = format('SELECT count(*) AS customers, pg_sleep(%s)::text AS first FROM customers', $2::float8) WHERE aggregate = $1`,
		name, seconds)
	require.NoError(t, err)
}
