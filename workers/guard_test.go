package workers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// nasty is a job that ends in the way that its name says.
type nasty struct {
	Ending string `json:"ending"`
}

func (nasty) Kind() string { return "guard_test" }

type nastyWorker struct {
	river.WorkerDefaults[nasty]
	endings map[string]func(ctx context.Context) error
}

func (w *nastyWorker) Work(ctx context.Context, job *river.Job[nasty]) error {
	return w.endings[job.Args.Ending](ctx)
}

const guardQueue = "guard_test"

// guarded starts a small River client of the test's own with the workers' middleware on a fleet's control database.
func guarded(t *testing.T, f *fleettest.Fleet, endings map[string]func(ctx context.Context) error) *river.Client[pgx.Tx] {
	t.Helper()
	bundle := river.NewWorkers()
	river.AddWorker(bundle, &nastyWorker{endings: endings})
	client, err := river.NewClient(riverpgxv5.New(f.Pool), &river.Config{
		Schema: jobs.Schema, Workers: bundle, Middleware: []rivertype.Middleware{workers.Guard()}, LeaderElectionDisabled: true,
		Queues: map[string]river.QueueConfig{guardQueue: {MaxWorkers: 4, FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 50 * time.Millisecond}},
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.NoError(t, client.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, client.StopAndCancel(ctx), "the client cannot stop: its completer is jammed")
	})
	return client
}

func insert(t *testing.T, client *river.Client[pgx.Tx], ending string, attempts int) int64 {
	t.Helper()
	inserted, err := client.Insert(t.Context(), nasty{ending}, &river.InsertOpts{Queue: guardQueue, MaxAttempts: attempts})
	require.NoError(t, err)
	return inserted.Job.ID
}

// An error that PostgreSQL cannot store must cost one job, not every later one of the process.
func TestGuardKeepsTheQueueGoing(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	panics := func(v any) func(context.Context) error { return func(context.Context) error { panic(v) } }
	endings := map[string]func(context.Context) error{
		"well":            fails(nil),
		"NUL":             fails(errors.New("a\x00b")),
		"only NULs":       fails(errors.New("\x00\x00")),
		"not UTF-8":       fails(errors.New("a\xff\xfeb")),
		"joined":          fails(errors.Join(errors.New("a\x00"), fmt.Errorf("b: %w", errors.New("\xc3")))),
		"huge":            fails(errors.New(strings.Repeat("日\x00", 1<<20))),
		"panic":           panics("a\x00b"),
		"panic error":     panics(errors.New("c\x00\xff")),
		"panic nil":       panics(nil), // a *runtime.PanicNilError
		"panic object":    panics(struct{ s string }{"d\x00"}),
		"snooze":          fails(fmt.Errorf("a\x00b: %w", river.JobSnooze(time.Hour))),
		"cancel":          fails(river.JobCancel(errors.New("a\x00b"))),
		"cancel, wrapped": fails(fmt.Errorf("\xff: %w", river.JobCancel(errors.New("a\x00b")))),
	}
	client := guarded(t, f, endings)
	ids := map[string]int64{}
	for ending := range endings {
		ids[ending] = insert(t, client, ending, 1)
	}
	var later []int64
	for range 20 {
		later = append(later, insert(t, client, "well", 1))
	}
	ctx := t.Context()
	require.Eventually(t, func() bool {
		var open int
		require.NoError(t, f.Pool.QueryRow(ctx, `SELECT count(*) FROM river.river_job WHERE kind = 'guard_test' AND state IN ('available', 'running', 'retryable')`).Scan(&open))
		return open == 0
	}, 30*time.Second, 20*time.Millisecond, "the process is jammed")
	for _, id := range later {
		job, err := client.JobGet(ctx, id)
		require.NoError(t, err)
		require.Equal(t, rivertype.JobStateCompleted, job.State)
	}
	for ending, id := range ids {
		job, err := client.JobGet(ctx, id)
		require.NoError(t, err)
		want := rivertype.JobStateDiscarded
		switch {
		case ending == "well":
			want = rivertype.JobStateCompleted
		case ending == "snooze":
			want = rivertype.JobStateScheduled
		case strings.HasPrefix(ending, "cancel"):
			want = rivertype.JobStateCancelled
		}
		require.Equal(t, want, job.State, ending)
		for _, e := range job.Errors {
			require.True(t, utf8.ValidString(e.Error), ending)
			require.NotContains(t, e.Error, "\x00", ending)
			require.LessOrEqual(t, len(e.Error), 4000, ending)
		}
		if want == rivertype.JobStateDiscarded {
			require.Len(t, job.Errors, 1, ending)
		}
	}
	for ending, want := range map[string]string{"NUL": "ab", "not UTF-8": "a\ufffdb", "panic": "panic: ab", "panic error": "panic: c\ufffd"} {
		job, err := client.JobGet(ctx, ids[ending])
		require.NoError(t, err)
		require.Equal(t, want, job.Errors[0].Error, ending)
	}
}

// A job that dies of the shutdown with an error of its own, as a killed pg_dump does, burns no attempt.
func TestGuardSparesAttemptsOnShutdown(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	begun := make(chan struct{})
	client := guarded(t, f, map[string]func(context.Context) error{
		"killed": func(ctx context.Context) error {
			close(begun)
			<-ctx.Done()
			return errors.New("signal: killed\x00")
		},
	})
	id := insert(t, client, "killed", 1)
	select {
	case <-begun:
	case <-time.After(30 * time.Second):
		require.Fail(t, "the job does not start")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, client.StopAndCancel(ctx))
	job, err := client.JobGet(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, rivertype.JobStateAvailable, job.State)
	require.Zero(t, job.Attempt)
	require.Empty(t, job.Errors)
}
