package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// One no-op on an idle system: submitted, started by a worker, done.
func TestBenchNoopLatency(t *testing.T) {
	n := size(500, 20)
	f := fleettest.New(t)
	f.Worker(t)
	// The first runs pay for connections and plans.
	for range 5 {
		f.Do(t, jobs.Noop{})
	}
	var took []time.Duration
	for range n {
		begun := time.Now()
		id := f.Submit(t, jobs.Noop{})
		f.Succeeds(t, id)
		took = append(took, time.Since(begun))
	}
	report(t, row{fmt.Sprintf("no-op: submit → started → done, p50 (n=%d)", n), ms(quantile(took, .5)), "—", "—", "≤ 25 ms", quantile(took, .5) <= 25*time.Millisecond})
	report(t, row{"the same, p99", ms(quantile(took, .99)), "—", "—", "≤ 120 ms", quantile(took, .99) <= 120*time.Millisecond})
}

type bareArgs struct{}

func (bareArgs) Kind() string { return "bare_noop" }

type bareWorker struct {
	river.WorkerDefaults[bareArgs]
	done *atomic.Int64
}

func (w *bareWorker) Work(context.Context, *river.Job[bareArgs]) error {
	w.done.Add(1)
	return nil
}

// concurrency and cooldown are the same on both sides.
const (
	noopConcurrency = 100
	noopCooldown    = 10 * time.Millisecond
)

// The same number of no-ops through ledger, mailbox and River, and through bare River: from the first insert to the last
// completion that the database knows of.
func TestBenchNoopRate(t *testing.T) {
	n := size(10000, 300)
	f := fleettest.New(t)
	ctx := t.Context()
	rounds := size(3, 1)
	var ours, theirs []float64
	for range rounds {
		theirs = append(theirs, bareRate(ctx, t, f, n))
		ours = append(ours, ourRate(ctx, t, f, n))
	}
	best := func(list []float64) float64 {
		top := list[0]
		for _, x := range list {
			top = max(top, x)
		}
		return top
	}
	ratio := best(ours) / best(theirs)
	report(t, row{
		fmt.Sprintf("no-op operations through ledger, mailbox and River (n=%d, %d at a time, %s cooldown, best of %d)", n, noopConcurrency, noopCooldown, rounds),
		fmt.Sprintf("%.0f/s", best(ours)), fmt.Sprintf("%.0f/s bare River", best(theirs)), fmt.Sprintf("%.2f", ratio), "≥ 0.4", ratio >= .4,
	})
}

func ourRate(ctx context.Context, t *testing.T, f *fleettest.Fleet, n int) float64 {
	t.Helper()
	rt := f.Worker(t, func(c *workers.Config) {
		c.Concurrency = map[string]int{jobs.QueueDefault: noopConcurrency}
		c.FetchCooldown = noopCooldown
	})
	defer rt.Stop()
	begun := time.Now()
	const batch = 500
	for at := 0; at < n; at += batch {
		_, err := f.Jobs.SubmitMany(ctx, many(jobs.Noop{}, min(batch, n-at)), nil)
		require.NoError(t, err)
	}
	await(ctx, t, f.Pool, `SELECT NOT EXISTS (SELECT FROM tenantry.operations WHERE finished_at IS NULL)`)
	return float64(n) / time.Since(begun).Seconds()
}

func many(args jobs.Args, n int) []jobs.Args {
	list := make([]jobs.Args, n)
	for i := range list {
		list[i] = args
	}
	return list
}

func bareRate(ctx context.Context, t *testing.T, f *fleettest.Fleet, n int) float64 {
	t.Helper()
	config, err := pgxpool.ParseConfig(f.URL)
	require.NoError(t, err)
	config.MaxConns = 8 // as a worker's
	pool, err := pgxpool.NewWithConfig(ctx, config)
	require.NoError(t, err)
	defer pool.Close()
	var done atomic.Int64
	bundle := river.NewWorkers()
	river.AddWorker(bundle, &bareWorker{done: &done})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: jobs.Schema, Workers: bundle, Logger: slog.New(slog.DiscardHandler),
		Queues: map[string]river.QueueConfig{"bare": {MaxWorkers: noopConcurrency, FetchCooldown: noopCooldown}},
	})
	require.NoError(t, err)
	require.NoError(t, client.Start(ctx))
	defer func() { require.NoError(t, client.Stop(ctx)) }()
	begun := time.Now()
	const batch = 500
	for at := 0; at < n; at += batch {
		params := make([]river.InsertManyParams, min(batch, n-at))
		for i := range params {
			params[i] = river.InsertManyParams{Args: bareArgs{}, InsertOpts: &river.InsertOpts{Queue: "bare"}}
		}
		_, err := client.InsertMany(ctx, params)
		require.NoError(t, err)
	}
	await(ctx, t, pool, `SELECT NOT EXISTS (SELECT FROM river.river_job WHERE queue = 'bare' AND state <> 'completed')`)
	require.EqualValues(t, n, done.Load())
	rate := float64(n) / time.Since(begun).Seconds()
	_, err = pool.Exec(ctx, `DELETE FROM river.river_job WHERE queue = 'bare'`)
	require.NoError(t, err)
	return rate
}

// await polls until a query says true.
func await(ctx context.Context, t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond) // looking costs the server too, on both sides
	defer tick.Stop()
	for {
		var yes bool
		require.NoError(t, pool.QueryRow(ctx, sql).Scan(&yes))
		if yes {
			return
		}
		select {
		case <-ctx.Done():
			require.NoError(t, ctx.Err())
		case <-tick.C:
		}
	}
}
