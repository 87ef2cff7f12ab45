package bench_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A night's aggregate: asked for, ordered, asked of every tenant, and in its table, against a bare loop that asks each tenant and inserts what it says.
func TestBenchAggregate(t *testing.T) {
	n := size(500, 12)
	f, urls := counted(t, n)
	ctx := t.Context()
	f.Worker(t)
	_, err := aggregate.Define(ctx, f.Registry, aggregate.Spec{Name: "counts", SQL: `SELECT count(*) AS n FROM customers`, By: "test"})
	require.NoError(t, err)
	_, err = f.Pool.Exec(ctx, `CREATE TABLE aggregates.bare (tenant text NOT NULL, day date NOT NULL, n bigint, PRIMARY KEY (day, tenant))`)
	require.NoError(t, err)
	var bare, ours best
	bestOf := 0
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	next := func() string { day = day.AddDate(0, 0, 1); return day.Format(time.DateOnly) }
	for _, concurrency := range []int{2, 4, 8} {
		if bare.take(bareAggregate(ctx, t, f, urls, next(), concurrency)) {
			bestOf = concurrency
		}
	}
	for range 6 { // in turns: what else the machine does meets both
		begun := time.Now()
		id := f.Submit(t, jobs.Aggregate{Aggregate: "counts", Day: next()})
		f.Succeeds(t, id)
		ours.take(time.Since(begun))
		var total int
		require.NoError(t, f.Pool.QueryRow(ctx, `SELECT sum(n) FROM aggregates.counts WHERE day = $1::date`, day).Scan(&total))
		require.Equal(t, n*countRows, total)
		bare.take(bareAggregate(ctx, t, f, urls, next(), bestOf))
	}
	rate := func(b best) float64 { return float64(n) / time.Duration(b).Seconds() }
	ratio := rate(ours) / rate(bare)
	report(t, row{
		fmt.Sprintf("a day's aggregate of %d tenants, with ledger, queue and COPY", n), fmt.Sprintf("%.0f/s", rate(ours)),
		fmt.Sprintf("%.0f/s bare loop with INSERTs, best of 2, 4 and 8 at a time (%d)", rate(bare), bestOf), fmt.Sprintf("%.2f", ratio), "≥ 0.7", ratio >= .7,
	})
}

func bareAggregate(ctx context.Context, t *testing.T, f *fleettest.Fleet, urls []string, day string, concurrency int) time.Duration {
	t.Helper()
	return sumOf(t, len(urls), concurrency, func(i int) (count int64, err error) {
		conn, err := pgx.Connect(ctx, urls[i])
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close(ctx) }()
		if err := conn.QueryRow(ctx, countSQL).Scan(&count); err != nil {
			return 0, err
		}
		_, err = f.Pool.Exec(ctx, `INSERT INTO aggregates.bare (tenant, day, n) VALUES ($1, $2::date, $3) ON CONFLICT (day, tenant) DO UPDATE SET n = excluded.n`, fmt.Sprint(i), day, count)
		return count, err
	})
}
