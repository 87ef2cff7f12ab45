package timetable_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avenit/tenantry/workers/timetable"
)

func utc(t interface{ Fatalf(string, ...any) }, text string) time.Time {
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatalf("%s", err)
	}
	return at
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, z := range []struct{ expression, zone, after, want string }{
		{"15 2 * * *", "", "2026-11-25 02:14", "2026-11-25 02:15"},
		{"15 2 * * *", "UTC", "2026-11-25 02:15", "2026-11-26 02:15"},
		{"0 9 * * *", "Europe/Berlin", "2026-11-25 08:00", "2026-11-26 08:00"},
		{"0 0 29 2 *", "", "2026-11-25 00:00", "2028-02-29 00:00"},
		{"0 0 30 2 *", "", "2026-11-25 00:00", ""},
		{"0 0 31 12 *", "", "2026-12-31 00:00", "2027-12-31 00:00"},
		// The clock leaps from 2:00 to 3:00 on 2026-03-29, at 01:00 UTC.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"},
		{"30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30"},
		{"0 3 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"},
		{"*/20 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"},
		{"*/20 2 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:00"},
		{"*/20 * * * *", "Europe/Berlin", "2026-03-29 00:40", "2026-03-29 01:00"},
		{"*/20 * * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-29 01:20"},
		// It is set back from 3:00 to 2:00 on 2026-10-25, at 01:00 UTC.
		{"30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30"},
		{"30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30"},
		{"*/20 * * * *", "Europe/Berlin", "2026-10-25 00:40", "2026-10-25 01:00"},
		{"*/20 * * * *", "Europe/Berlin", "2026-10-25 01:00", "2026-10-25 01:20"},
		// Midnight does not exist there on that day.
		{"0 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00", "2018-11-04 03:00"},
		// Half an hour.
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00", "2026-10-03 15:30"},
		// A whole day was left out: 30 December 2011.
		{"0 12 30 12 *", "Pacific/Apia", "2011-12-01 00:00", "2011-12-30 10:00"},
		{"0 12 31 12 *", "Pacific/Apia", "2011-12-01 00:00", "2011-12-30 22:00"},
	} {
		times, err := timetable.Parse(z.expression, z.zone)
		require.NoError(t, err)
		got := times.Next(utc(t, z.after))
		if z.want == "" {
			require.Zero(t, got, z)
			continue
		}
		require.Equal(t, utc(t, z.want), got, z)
	}
	require.Zero(t, timetable.Times{}.Next(time.Now()))
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "* * * *", "* * * * * *", "61 * * * *", "TZ=UTC * * * * *", "CRON_TZ=UTC * * * *", "@daily"} {
		_, err := timetable.Parse(bad, "")
		require.ErrorContains(t, err, "give five fields", bad)
	}
	_, err := timetable.Parse("* * * * *", "Europe/Nowhere")
	require.ErrorContains(t, err, `zone "Europe/Nowhere" is not known`)
	_, err = timetable.Parse("* * * * *", "Local")
	require.ErrorContains(t, err, "another one on each machine")
}

func TestDue(t *testing.T) {
	t.Parallel()
	times, err := timetable.Parse("15 2 * * *", "")
	require.NoError(t, err)
	last := utc(t, "2026-11-20 02:15")
	due, more := times.Due(last, utc(t, "2026-11-27 02:14"), 100)
	require.Len(t, due, 6)
	require.False(t, more)
	due, more = times.Due(last, utc(t, "2026-11-27 02:15"), 2)
	require.Equal(t, []time.Time{utc(t, "2026-11-21 02:15"), utc(t, "2026-11-22 02:15")}, due)
	require.True(t, more)
	_, more = times.Due(last, utc(t, "2026-11-27 02:15"), 7)
	require.False(t, more)
	due, more = times.Due(last, last.Add(-time.Hour), 2)
	require.Empty(t, due)
	require.False(t, more)
}

func TestMissed(t *testing.T) {
	t.Parallel()
	now := utc(t, "2026-11-27 02:16")
	old, late, fresh := now.Add(-48*time.Hour), now.Add(-11*time.Minute), now.Add(-10*time.Minute)
	for _, z := range []struct {
		missed       timetable.Missed
		due          []time.Time
		more         bool
		want, others []time.Time
	}{
		{timetable.Once, nil, false, nil, nil},
		{timetable.Once, []time.Time{old, late}, false, []time.Time{late}, []time.Time{old}},
		{timetable.Once, []time.Time{old, late}, true, nil, []time.Time{old, late}},
		{timetable.Each, []time.Time{old, late, fresh}, true, []time.Time{old, late, fresh}, nil},
		{timetable.Never, []time.Time{old, late, fresh}, false, []time.Time{fresh}, []time.Time{old, late}},
		{timetable.Never, []time.Time{old}, false, nil, []time.Time{old}},
	} {
		do, others := z.missed.Split(z.due, z.more, now)
		require.Equal(t, z.want, do)
		require.Equal(t, z.others, others)
	}
}

// Minute by minute, by the clock on the wall: an independent and slow way to the same times.
func TestAgainstAClockThatIsWatched(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Apia", "Africa/Casablanca"}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		location, err := time.LoadLocation(zone)
		require.NoError(t, err)
		minute := rapid.IntRange(0, 59).Draw(t, "minute")
		hour := rapid.SampledFrom([]string{"*", "0", "1", "2", "3", "23"}).Draw(t, "hour")
		times, err := timetable.Parse(fmt.Sprintf("%d %s * * *", minute, hour), zone)
		require.NoError(t, err)
		begin := utc(t, "2009-01-01 00:00").Add(time.Duration(rapid.IntRange(0, 20*366*24).Draw(t, "hours")) * time.Hour)
		end := begin.Add(4 * 24 * time.Hour)

		var want []time.Time
		due := func(shown time.Time) bool {
			return shown.Minute() == minute && (hour == "*" || hour == fmt.Sprint(shown.Hour()))
		}
		seen := map[string]bool{}
		// Before it begins, so that what the clock has shown and leapt over is known.
		for at := begin.Add(-48 * time.Hour); at.Before(end); at = at.Add(time.Minute) {
			shown, before := at.In(location), at.Add(-time.Minute).In(location)
			is := due(shown) && (hour == "*" || !seen[shown.Format(time.DateTime)])
			seen[shown.Format(time.DateTime)] = true
			_, o := shown.Zone()
			_, was := before.Zone()
			for leapt := before.Add(time.Minute); hour != "*" && o > was && leapt.Before(before.Add(time.Minute+time.Duration(o-was)*time.Second)); leapt = leapt.Add(time.Minute) {
				// What the clock would have shown, had it not been set.
				is = is || due(leapt.In(time.FixedZone("", was)))
			}
			if is && at.After(begin) {
				want = append(want, at)
			}
		}
		var got []time.Time
		for at := times.Next(begin); at.Before(end); at = times.Next(at) {
			got = append(got, at)
		}
		require.Equal(t, want, got)
	})
}

// A week of minutes is listed at once: it is done in a transaction.
func BenchmarkDue(b *testing.B) {
	times, err := timetable.Parse("* * * * *", "Europe/Berlin")
	require.NoError(b, err)
	last := utc(b, "2026-11-20 00:00")
	for b.Loop() {
		due, _ := times.Due(last, last.AddDate(0, 0, 7), 10_080)
		require.Len(b, due, 10_080)
	}
}
