package bench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/directory"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

const (
	countSQL = `SELECT count(*) FROM customers`
	// countRows is how many rows each tenant counts.
	countRows = 2000
)

// One count over tenants of which none has a connection, against a bare loop over pgx and what people have in a shell. All log in to each
// tenant as its read-only role.
func TestBenchQueryCold(t *testing.T) {
	n := size(500, 12)
	f, urls := counted(t, n)
	ctx := t.Context()
	var bare, ours, shell best
	bestOf := 0
	for _, concurrency := range []int{2, 4, 8} {
		if bare.take(bareCount(ctx, t, urls, concurrency)) {
			bestOf = concurrency
		}
	}
	for range 8 { // in turns: what else the machine does meets both
		ours.take(queryCount(t, f, n, fanout.Request{SQL: countSQL}))
		bare.take(bareCount(ctx, t, urls, bestOf))
	}
	for range 2 {
		shell.take(xargs(t, urls, psql(t)+` -XqAt -c '`+countSQL+`' "$1"`))
	}
	rate := func(b best) float64 { return float64(n) / time.Duration(b).Seconds() }
	what := fmt.Sprintf("one count over %d tenants, cold", n)
	for _, against := range []struct {
		theirs best
		name   string
		goal   float64
	}{
		{bare, fmt.Sprintf("bare pgx loop, best of 2, 4 and 8 at a time (%d)", bestOf), .9},
		{shell, "psql under xargs -P4", 1.5},
	} {
		ratio := rate(ours) / rate(against.theirs)
		report(t, row{what, fmt.Sprintf("%.0f/s", rate(ours)), fmt.Sprintf("%.0f/s %s", rate(against.theirs), against.name), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("≥ %g", against.goal), ratio >= against.goal})
		what = "the same"
	}
}

// One count over tenants whose pools are open, against the same on bare pgxpools.
func TestBenchQueryWarm(t *testing.T) {
	n := size(50, 6)
	f, urls := counted(t, n)
	ctx := t.Context()
	cache, err := poolcache.New(poolcache.Config{MaxEntries: n, NodeBudget: 2 * n}, directory.New(f.Registry, tenants.RoleReadOnly))
	require.NoError(t, err)
	require.NoError(t, cache.Start(ctx))
	t.Cleanup(cache.Stop)
	pools := make([]*pgxpool.Pool, n)
	for i, u := range urls {
		pools[i], err = pgxpool.New(ctx, u)
		require.NoError(t, err)
		t.Cleanup(pools[i].Close)
		require.NoError(t, pools[i].Ping(ctx))
		lease, err := cache.Acquire(ctx, f.Tenant(t, fmt.Sprintf("t%04d", i)).ID)
		require.NoError(t, err)
		require.NoError(t, lease.Pool().Ping(ctx))
		lease.Release()
	}
	// One text again and again, which pgx has prepared by then; and one that is new each time, as people's are.
	asked := 0
	for _, kind := range []struct {
		name string
		text func() string
	}{
		{"asked again and again", func() string { return countSQL }},
		{"a new text each time", func() string { asked++; return fmt.Sprintf("%s -- %d", countSQL, asked) }},
	} {
		var bare, ours best
		bestOf := 0
		for _, concurrency := range []int{2, 4, 8} {
			if bare.take(poolCount(ctx, t, pools, kind.text(), concurrency)) {
				bestOf = concurrency
			}
		}
		for range 20 {
			warm := 0
			ours.take(queryCount(t, f, n, fanout.Request{SQL: kind.text(), Cache: cache, Ended: func(o fanout.Outcome) {
				if o.Warm {
					warm++
				}
			}}))
			require.Equal(t, n, warm, "a pool was not open")
			bare.take(poolCount(ctx, t, pools, kind.text(), bestOf))
		}
		ratio := float64(bare) / float64(ours)
		report(t, row{
			fmt.Sprintf("one count over %d tenants whose pools are open, %s", n, kind.name), ms(time.Duration(ours)),
			fmt.Sprintf("%s bare pgxpools, best of 2, 4 and 8 at a time (%d)", ms(time.Duration(bare)), bestOf), fmt.Sprintf("%.2f", ratio), "≥ 0.8", ratio >= .8,
		})
	}
}

// psql is the program itself, where a distribution has a script that looks for it.
func psql(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "pg_config", "--bindir").Output()
	if err != nil {
		return "psql"
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "psql")
	if _, err := os.Stat(path); err != nil {
		return "psql"
	}
	return path
}

// counted makes tenants with rows to count, and gives their read-only roles' URLs.
func counted(t *testing.T, n int) (*fleettest.Fleet, []string) {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "n1")
	w := f.Worker(t, func(c *workers.Config) { c.Concurrency = map[string]int{jobs.QueueProvision: 4} })
	fill(t, f, n)
	w.Stop() // it would work beside what is measured
	urls := make([]string, n)
	for i := range urls {
		slug := fmt.Sprintf("t%04d", i)
		conn := f.Connect(t, slug, tenants.RoleMigrator)
		_, err := conn.Exec(t.Context(), `INSERT INTO customers (name) SELECT 'c' || i FROM generate_series(1, $1::int) i`, countRows)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), `VACUUM ANALYZE customers`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
		urls[i], err = f.Registry.TenantURL(t.Context(), f.Tenant(t, slug).ID, tenants.RoleReadOnly, true)
		require.NoError(t, err)
	}
	return f, urls
}

func queryCount(t *testing.T, f *fleettest.Fleet, n int, req fanout.Request) time.Duration {
	t.Helper()
	begun := time.Now()
	total := fanout.NewTally(fanout.Sum, "")
	ended := req.Ended
	req.Ended = func(o fanout.Outcome) {
		total.Ended(o)
		if ended != nil {
			ended(o)
		}
	}
	report, err := fanout.Query(t.Context(), f.Registry, req, total.Take)
	took := time.Since(begun)
	require.NoError(t, err)
	require.True(t, report.Complete(), report.Coverage())
	value, _ := total.Value()
	require.Equal(t, fmt.Sprint(n*countRows), value)
	return took
}

func bareCount(ctx context.Context, t *testing.T, urls []string, concurrency int) time.Duration {
	t.Helper()
	return sumOf(t, len(urls), concurrency, func(i int) (count int64, err error) {
		conn, err := pgx.Connect(ctx, urls[i])
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close(ctx) }()
		err = conn.QueryRow(ctx, countSQL).Scan(&count)
		return count, err
	})
}

func poolCount(ctx context.Context, t *testing.T, pools []*pgxpool.Pool, sql string, concurrency int) time.Duration {
	t.Helper()
	return sumOf(t, len(pools), concurrency, func(i int) (count int64, err error) {
		err = pools[i].QueryRow(ctx, sql).Scan(&count)
		return count, err
	})
}

// sumOf adds up some counts, so many at a time, and gives how long that took.
func sumOf(t *testing.T, n, concurrency int, count func(i int) (int64, error)) time.Duration {
	t.Helper()
	begun := time.Now()
	var total atomic.Int64
	var g errgroup.Group
	g.SetLimit(concurrency)
	for i := range n {
		g.Go(func() error {
			one, err := count(i)
			total.Add(one)
			return err
		})
	}
	require.NoError(t, g.Wait())
	took := time.Since(begun)
	require.EqualValues(t, n*countRows, total.Load())
	return took
}
