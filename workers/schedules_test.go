package workers_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// askScheduled lets as many workers as there are tries look at once what is due.
func askScheduled(t *testing.T, f *fleettest.Fleet, tries int) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, tries)
	for i := range tries {
		wg.Go(func() { errs[i] = workers.AskScheduled(t.Context(), f.Pool) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func TestScheduleAsksOnceForEachTime(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	asked := func() []jobs.Operation {
		list, err := f.Jobs.List(t.Context(), jobs.Filter{Kind: "check"})
		require.NoError(t, err)
		return list
	}
	slot := func() (at time.Time) {
		require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT slot FROM tenantry.schedules WHERE name = 'drift'`).Scan(&at))
		return at.UTC()
	}
	askScheduled(t, f, 4)
	require.Empty(t, asked(), "a new fleet has missed nothing")
	execControl(t, f, `UPDATE tenantry.settings SET value = '"0 * * * *"' WHERE key = 'drift_schedule'`)
	askScheduled(t, f, 4)
	require.Empty(t, asked(), "nor has one that was given another time")

	// The fleet was down for three days: once.
	execControl(t, f, `UPDATE tenantry.schedules SET slot = now() - interval '3 days'`)
	askScheduled(t, f, 8)
	askScheduled(t, f, 2)
	require.Len(t, asked(), 1)
	op := asked()[0]
	require.JSONEq(t, `{"share": "0.15"}`, string(op.Args))
	require.Equal(t, "tenantry", op.RequestedBy)
	newest := slot()
	require.Equal(t, "schedule/drift/"+newest.Format(time.RFC3339), op.IdempotencyKey)
	require.Equal(t, newest, newest.Truncate(time.Hour))
	require.WithinDuration(t, time.Now(), newest, time.Hour+time.Minute)

	// The row was lost, as by a restore: the key knows, also where the sample is another one by now.
	execControl(t, f, `UPDATE tenantry.settings SET value = '0.5' WHERE key = 'drift_sample'`)
	execControl(t, f, `UPDATE tenantry.schedules SET slot = now() - interval '3 days'`)
	askScheduled(t, f, 2)
	require.Equal(t, newest, slot())
	require.Len(t, asked(), 1)

	execControl(t, f, `UPDATE tenantry.settings SET value = '"off"' WHERE key = 'drift_schedule'`)
	askScheduled(t, f, 2)
	execControl(t, f, `UPDATE tenantry.schedules SET slot = now() - interval '3 days'`)
	askScheduled(t, f, 2)
	require.Len(t, asked(), 1)
}

func TestNewestSlot(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", text)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct{ expression, last, now, want string }{
		{"15 2 * * *", "2026-11-25 02:15", "2026-11-26 02:14", ""},
		{"15 2 * * *", "2026-11-25 02:15", "2026-11-26 02:15", "2026-11-26 02:15"},
		{"15 2 * * *", "2026-11-25 02:14", "2026-11-25 09:00", "2026-11-25 02:15"},
		{"15 2 * * *", "2026-11-01 12:00", "2026-11-25 09:00", "2026-11-25 02:15"},
		{"*/10 * * * *", "2025-11-01 12:00", "2026-11-25 09:09", "2026-11-25 09:00"},
		{"0 3 * * 0", "2026-11-16 00:00", "2026-11-25 09:00", "2026-11-22 03:00"},
		{"0 0 30 2 *", "2026-11-16 00:00", "2026-11-25 09:00", ""}, // a day that never comes
		{"off", "2026-11-16 00:00", "2026-11-25 09:00", ""},
	} {
		got, err := workers.NewestSlot(c.expression, at(c.last), at(c.now))
		require.NoError(t, err)
		if c.want == "" {
			require.Zero(t, got, c)
			continue
		}
		require.Equal(t, at(c.want), got, c)
	}
}

// What the control database lets through, the workers can read; the rest is refused.
func TestCronExpressions(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	const change = `UPDATE tenantry.settings SET value = to_jsonb($1::text) WHERE key = 'drift_schedule'`
	for _, good := range []string{"off", "15 2 * * *", "*/5 0-23/2 1,15 1-12 0-6", "59 23 31 12 6", "0 0 1 1 0", "5/15 * * * *"} {
		_, err := f.Pool.Exec(t.Context(), change, good)
		require.NoError(t, err, good)
		_, err = workers.NewestSlot(good, time.Now(), time.Now())
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"", "never", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 7",
		"*/0 * * * *", "5-3 * * * *", "1,,2 * * * *", ", * * * *", "1-70 * * * *", "@daily", "MON * * * *", "* * * * mon", "-1 * * * *", "1  * * * *", "TZ=UTC * * * * *",
	} {
		_, err := f.Pool.Exec(t.Context(), change, bad)
		require.ErrorContains(t, err, "drift_schedule: ", bad)
		require.ErrorContains(t, err, "TY001", bad)
	}
}
