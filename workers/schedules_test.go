package workers_test

import (
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
	"github.com/avenit/tenantry/workers/timetable"
)

// runSchedules lets as many workers as there are tries look at once what is due.
func runSchedules(t *testing.T, f *fleettest.Fleet, at *time.Time, tries int) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, tries)
	for i := range tries {
		wg.Go(func() { errs[i] = workers.RunSchedules(t.Context(), f.Pool, at) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// timetabled is a fleet with one schedule, of probes, and a clock.
type timetabled struct {
	*fleettest.Fleet

	now time.Time
}

func newTimetabled(t *testing.T, expression, zone string, missed timetable.Missed, now time.Time) *timetabled {
	t.Helper()
	f := &timetabled{fleettest.New(t), now}
	execControl(t, f.Fleet, `DELETE FROM tenantry.schedules`)
	execControl(t, f.Fleet, `INSERT INTO tenantry.schedules (name, kind, expression, zone, missed, does) VALUES ('probe', 'noop', $1, $2, $3, 'a probe')`, expression, zone, missed)
	execControl(t, f.Fleet, `UPDATE tenantry.schedules SET slot = $1`, now)
	return f
}

// pass lets time go by, and then so many workers look at once (looking).
func (f *timetabled) pass(t *testing.T, d time.Duration, looking int) {
	t.Helper()
	f.now = f.now.Add(d)
	runSchedules(t, f.Fleet, &f.now, looking)
}

// asked lists the times that were asked for, and those that were missed.
func (f *timetabled) asked(t *testing.T) (asked, missed []time.Time) {
	t.Helper()
	rows, err := f.Pool.Query(t.Context(), `SELECT slot, operation_id IS NULL FROM tenantry.slots ORDER BY slot`)
	require.NoError(t, err)
	var slot time.Time
	var was bool
	_, err = pgx.ForEachRow(rows, []any{&slot, &was}, func() error {
		if was {
			missed = append(missed, slot.UTC())
		} else {
			asked = append(asked, slot.UTC())
		}
		return nil
	})
	require.NoError(t, err)
	return asked, missed
}

func hour(text string) time.Time {
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return at
}

// Each time is asked for once, however many workers look, however the clock is set, and whatever is lost.
func TestEachTimeOfAScheduleOnce(t *testing.T) {
	t.Parallel()
	f := newTimetabled(t, "0 * * * *", "UTC", timetable.Once, hour("2026-11-27 10:30"))
	f.pass(t, 0, 4)
	asked, _ := f.asked(t)
	require.Empty(t, asked, "a new one has missed nothing")
	f.pass(t, 30*time.Minute, 8)
	f.pass(t, time.Second, 2)
	asked, _ = f.asked(t)
	require.Equal(t, []time.Time{hour("2026-11-27 11:00")}, asked)
	require.Equal(t, "tenantry", scan[string](t, f.Fleet, `SELECT requested_by FROM tenantry.operations WHERE kind = 'noop'`))

	// The clock leaps three days ahead, an operation comes, and it is set right again: the time that is to come then is not that of the past.
	f.pass(t, 72*time.Hour, 2)
	f.pass(t, -72*time.Hour, 2)
	f.pass(t, time.Hour, 4)
	asked, missed := f.asked(t)
	require.Equal(t, []time.Time{hour("2026-11-27 11:00"), hour("2026-11-30 11:00")}, asked, "what was missed by the wrong clock stays missed")
	require.Len(t, missed, 71)
	f.pass(t, 72*time.Hour, 4)
	asked, _ = f.asked(t)
	require.Equal(t, []time.Time{hour("2026-11-27 11:00"), hour("2026-11-30 11:00"), hour("2026-11-30 12:00")}, asked, "and it goes on")

	// The control database is restored from a day ago, but for its ledger: the keys know.
	execControl(t, f.Fleet, `UPDATE tenantry.schedules SET slot = $1, next_at = NULL`, hour("2026-11-29 12:00"))
	execControl(t, f.Fleet, `DELETE FROM tenantry.slots WHERE slot > $1`, hour("2026-11-29 12:00"))
	f.pass(t, 0, 4)
	require.Equal(t, 3, scan[int](t, f.Fleet, `SELECT count(*) FROM tenantry.operations WHERE kind = 'noop'`), "an operation for each time, and no other")

	execControl(t, f.Fleet, `UPDATE tenantry.schedules SET enabled = false`)
	f.pass(t, 24*time.Hour, 2)
	before, _ := f.asked(t)
	execControl(t, f.Fleet, `UPDATE tenantry.schedules SET enabled = true`)
	execControl(t, f.Fleet, `UPDATE tenantry.schedules SET slot = $1`, f.now)
	f.pass(t, time.Minute, 2)
	asked, _ = f.asked(t)
	require.Equal(t, before, asked, "what was switched off has missed nothing")
}

// A week without a worker.
func TestMissedTimes(t *testing.T) {
	t.Parallel()
	for _, z := range []struct {
		missed       timetable.Missed
		asked, missd int
	}{{timetable.Once, 1, 167}, {timetable.Each, 168, 0}, {timetable.Never, 1, 167}} {
		t.Run(string(z.missed), func(t *testing.T) {
			t.Parallel()
			f := newTimetabled(t, "0 * * * *", "UTC", z.missed, hour("2026-11-20 10:05"))
			f.pass(t, 7*24*time.Hour, 3)
			asked, missed := f.asked(t)
			require.Len(t, asked, z.asked)
			require.Len(t, missed, z.missd)
			require.Equal(t, hour("2026-11-27 10:00"), asked[len(asked)-1])
			f.pass(t, 15*time.Minute, 3)
			again, _ := f.asked(t)
			require.Equal(t, asked, again)
		})
	}
}

// Both changes of the clock and a leap day, looked at every few minutes, as workers do.
func TestScheduleInAZone(t *testing.T) {
	t.Parallel()
	for name, z := range map[string]struct {
		from string
		days int
		want []string
	}{
		"spring": {"2026-03-28 00:00", 3, []string{"2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"}},
		"autumn": {"2026-10-24 00:00", 3, []string{"2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"}},
		"leap":   {"2028-02-28 02:00", 2, []string{"2028-02-29 01:30", "2028-03-01 01:30"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTimetabled(t, "30 2 * * *", "Europe/Berlin", timetable.Never, hour(z.from))
			for range z.days * 24 * 6 {
				f.pass(t, 10*time.Minute, 1)
			}
			var want []time.Time
			for _, text := range z.want {
				want = append(want, hour(text))
			}
			asked, missed := f.asked(t)
			require.Equal(t, want, asked)
			require.Empty(t, missed)
		})
	}
}

// A chore is done once for all that was missed. What goes wrong is kept, and it comes again; a person can have it done at once.
func TestChoresAreSchedules(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	runSchedules(t, f, nil, 4)
	execControl(t, f, `UPDATE tenantry.schedules SET slot = now() - interval '1 hour', next_at = NULL WHERE name IN ('purge', 'verify', 'warm', 'replaced', 'sweep')`)
	execControl(t, f, `INSERT INTO tenantry.schedules (name, expression, does) VALUES ('of-another-version', '* * * * *', '')`)
	execControl(t, f, `UPDATE tenantry.schedules SET slot = now() - interval '1 hour' WHERE name = 'of-another-version'`)
	runSchedules(t, f, nil, 4)
	require.Equal(t, 5, scan[int](t, f, `SELECT count(*) FROM tenantry.schedules WHERE name IN ('purge', 'verify', 'warm', 'replaced', 'sweep') AND ran_at > now() - interval '1 minute' AND error = '' AND next_at > now()`))
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM tenantry.schedules WHERE name = 'of-another-version' AND ran_at IS NULL AND next_at IS NULL`), "left to who knows it")

	execControl(t, f, `ALTER FUNCTION tenantry.purge_due() RENAME TO purge_gone`)
	require.Nil(t, scan[*string](t, f, `SELECT tenantry.run_now('purge', 'me')`))
	runSchedules(t, f, nil, 2)
	require.Contains(t, scan[string](t, f, `SELECT error FROM tenantry.schedules WHERE name = 'purge'`), "purge_due")
	execControl(t, f, `ALTER FUNCTION tenantry.purge_gone() RENAME TO purge_due`)
	require.Nil(t, scan[*string](t, f, `SELECT tenantry.run_now('purge', 'me')`))
	runSchedules(t, f, nil, 2)
	require.Empty(t, scan[string](t, f, `SELECT error FROM tenantry.schedules WHERE name = 'purge'`))

	id := scan[string](t, f, `SELECT tenantry.run_now('drift', 'me')`)
	op, err := f.Jobs.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "me", op.RequestedBy)
	require.JSONEq(t, `{"share": "0.15"}`, string(op.Args))
	_, err = f.Pool.Exec(t.Context(), `SELECT tenantry.run_now('nothing', 'me')`)
	require.ErrorContains(t, err, "nothing")
}

// One that cannot be asked for does not stop the others, and comes again.
func TestAScheduleThatFails(t *testing.T) {
	t.Parallel()
	f := newTimetabled(t, "0 * * * *", "UTC", timetable.Once, hour("2026-11-27 10:30"))
	execControl(t, f.Fleet, `INSERT INTO tenantry.schedules (name, kind, args, expression, does) VALUES ('a-broken', 'suspend', '{"tenant": "nobody"}', '0 * * * *', '')`)
	execControl(t, f.Fleet, `UPDATE tenantry.schedules SET slot = $1`, f.now)
	f.pass(t, 0, 1)
	f.pass(t, 31*time.Minute, 3)
	asked, _ := f.asked(t)
	require.Len(t, asked, 1)
	require.Contains(t, scan[string](t, f.Fleet, `SELECT error FROM tenantry.schedules WHERE name = 'a-broken'`), "nobody")
	require.Equal(t, 1, scan[int](t, f.Fleet, `SELECT count(*) FROM tenantry.schedules WHERE name = 'a-broken' AND next_at = $1`, f.now.Add(time.Minute)))
	execControl(t, f.Fleet, `UPDATE tenantry.schedules SET kind = 'noop', args = '{}' WHERE name = 'a-broken'`)
	f.pass(t, time.Minute, 3)
	require.Empty(t, scan[string](t, f.Fleet, `SELECT error FROM tenantry.schedules WHERE name = 'a-broken'`))
	asked, _ = f.asked(t)
	require.Len(t, asked, 2)
}

// What the control database lets through, the workers can read; the rest is refused.
func TestCronExpressions(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	const change = `UPDATE tenantry.schedules SET expression = $1, zone = $2 WHERE name = 'drift'`
	for _, good := range []string{"15 2 * * *", "*/5 0-23/2 1,15 1-12 0-6", "59 23 31 12 6", "0 0 1 1 0", "5/15 * * * *"} {
		_, err := f.Pool.Exec(t.Context(), change, good, "Europe/Berlin")
		require.NoError(t, err, good)
		_, err = timetable.Parse(good, "Europe/Berlin")
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"", "never", "off", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 7",
		"*/0 * * * *", "5-3 * * * *", "1,,2 * * * *", ", * * * *", "1-70 * * * *", "@daily", "MON * * * *", "* * * * mon", "-1 * * * *", "1  * * * *", "TZ=UTC * * * * *",
	} {
		_, err := f.Pool.Exec(t.Context(), change, bad, "UTC")
		require.ErrorContains(t, err, "expression: ", bad)
		require.ErrorContains(t, err, "TY001", bad)
	}
	_, err := f.Pool.Exec(t.Context(), change, "15 2 * * *", "Europe/Nowhere")
	require.ErrorContains(t, err, "zone: ")
}
