package retention_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avenit/tenantry/tenants/backup/retention"
)

func at(text string) time.Time {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return t
}

// nightly are backups of so many nights at 02:00, the newest on 2026-11-27.
func nightly(nights int, outcome retention.Outcome) []retention.Backup {
	var list []retention.Backup
	for i := range nights {
		t := at("2026-11-27 02:00:00").AddDate(0, 0, -i)
		list = append(list, retention.Backup{ID: t.Format(time.DateOnly), At: t, Outcome: outcome})
	}
	return list
}

func kept(list []retention.Verdict) []string {
	var ids []string
	for _, v := range list {
		if v.Keep() {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	for name, z := range map[string]struct {
		policy  retention.Policy
		backups []retention.Backup
		want    []string
	}{
		"nothing":             {retention.Policy{Daily: 7}, nil, nil},
		"the newest verified": {retention.Policy{}, nightly(5, retention.Verified), []string{"2026-11-27"}},
		"none is verified":    {retention.Policy{Last: 1}, nightly(3, retention.Unverified), []string{"2026-11-27", "2026-11-26", "2026-11-25"}},
		"last":                {retention.Policy{Last: 2}, nightly(5, retention.Verified), []string{"2026-11-27", "2026-11-26"}},
		"daily and weekly": {
			retention.Policy{Daily: 3, Weekly: 3},
			nightly(60, retention.Verified),
			[]string{"2026-11-27", "2026-11-26", "2026-11-25", "2026-11-22", "2026-11-15"},
		},
		"monthly and yearly": {
			retention.Policy{Monthly: 3, Yearly: 2},
			nightly(400, retention.Verified),
			[]string{"2026-11-27", "2026-10-31", "2026-09-30", "2025-12-31"},
		},
		"days without a backup do not count": {
			retention.Policy{Daily: 3},
			[]retention.Backup{
				{ID: "a", At: at("2026-11-27 02:00:00"), Outcome: retention.Verified},
				{ID: "b", At: at("2026-03-01 02:00:00"), Outcome: retention.Verified},
				{ID: "c", At: at("2025-03-01 02:00:00"), Outcome: retention.Verified},
				{ID: "d", At: at("2025-02-01 02:00:00"), Outcome: retention.Verified},
			},
			[]string{"a", "b", "c"},
		},
		"a verified one of the day is worth more": {
			retention.Policy{Daily: 2},
			[]retention.Backup{
				{ID: "today", At: at("2026-11-27 02:00:00"), Outcome: retention.Verified},
				{ID: "evening", At: at("2026-11-26 20:00:00")},
				{ID: "morning", At: at("2026-11-26 08:00:00"), Outcome: retention.Verified},
			},
			[]string{"today", "morning"},
		},
		"failed ones count for nothing": {
			retention.Policy{Last: 1, Daily: 2},
			[]retention.Backup{
				{ID: "bad", At: at("2026-11-27 02:00:00"), Outcome: retention.Failed},
				{ID: "good", At: at("2026-11-26 02:00:00"), Outcome: retention.Verified},
				{ID: "older", At: at("2026-11-25 02:00:00"), Outcome: retention.Verified},
			},
			[]string{"good", "older"},
		},
		"while none is verified none goes, what failed neither": {
			retention.Policy{Last: 1},
			[]retention.Backup{
				{ID: "bad", At: at("2026-11-27 02:00:00"), Outcome: retention.Failed},
				{ID: "unknown", At: at("2026-11-26 02:00:00")},
			},
			[]string{"bad", "unknown"},
		},
		"held, also a failed one": {
			retention.Policy{Last: 1},
			[]retention.Backup{
				{ID: "new", At: at("2026-11-27 02:00:00"), Outcome: retention.Verified},
				{ID: "old", At: at("2020-01-01 02:00:00"), Held: true},
				{ID: "bad", At: at("2019-01-01 02:00:00"), Held: true, Outcome: retention.Failed},
			},
			[]string{"new", "old", "bad"},
		},
		"one that covers many days stands for all of them": {
			retention.Policy{Daily: 5},
			[]retention.Backup{
				{ID: "quiet", At: at("2026-11-20 02:00:00"), Until: at("2026-11-27 02:00:00"), Outcome: retention.Verified},
				{ID: "before", At: at("2026-11-19 02:00:00"), Outcome: retention.Verified},
			},
			[]string{"quiet"},
		},
		"and leaves the rest to those before": {
			retention.Policy{Daily: 9},
			[]retention.Backup{
				{ID: "quiet", At: at("2026-11-20 02:00:00"), Until: at("2026-11-27 02:00:00"), Outcome: retention.Verified},
				{ID: "before", At: at("2026-11-19 02:00:00"), Outcome: retention.Verified},
				{ID: "long before", At: at("2026-11-18 02:00:00"), Outcome: retention.Verified},
			},
			[]string{"quiet", "before"},
		},
	} {
		require.Equal(t, z.want, kept(retention.Decide(z.policy, z.backups, nil)), name)
	}
}

// TestZone: what day it is depends on where.
func TestZone(t *testing.T) {
	t.Parallel()
	backups := []retention.Backup{
		{ID: "late", At: at("2026-11-26 23:30:00"), Outcome: retention.Verified}, {ID: "early", At: at("2026-11-26 22:30:00"), Outcome: retention.Verified},
	}
	require.Equal(t, []string{"late"}, kept(retention.Decide(retention.Policy{Daily: 2}, backups, nil)))
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, []string{"late", "early"}, kept(retention.Decide(retention.Policy{Daily: 2}, backups, berlin)))
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, retention.Policy{Last: 7, Daily: 30, Weekly: 10, Monthly: 12, Yearly: 10}.Validate())
	require.EqualError(t, retention.Policy{Weekly: -1}.Validate(), "weekly: -1 is not from 0 to 10000: give how many are kept")
	require.Error(t, retention.Policy{Last: retention.Most + 1}.Validate())
}

func genPolicy(t *rapid.T) retention.Policy {
	n := func(name string) int { return rapid.IntRange(0, 6).Draw(t, name) }
	return retention.Policy{Last: n("last"), Daily: n("daily"), Weekly: n("weekly"), Monthly: n("monthly"), Yearly: n("yearly")}
}

func genBackups(t *rapid.T) []retention.Backup {
	return rapid.Custom(func(t *rapid.T) []retention.Backup {
		var list []retention.Backup
		for i := range rapid.IntRange(0, 40).Draw(t, "backups") {
			taken := at("2024-01-01 00:00:00").Add(time.Duration(rapid.IntRange(0, 26_000).Draw(t, "hour")) * time.Hour)
			b := retention.Backup{ID: fmt.Sprint(i), At: taken, Outcome: rapid.SampledFrom([]retention.Outcome{retention.Unverified, retention.Verified, retention.Verified, retention.Failed}).Draw(t, "outcome"), Held: rapid.IntRange(0, 9).Draw(t, "held") == 0}
			if rapid.IntRange(0, 3).Draw(t, "covers") == 0 {
				b.Until = taken.Add(time.Duration(rapid.IntRange(0, 900).Draw(t, "until")) * time.Hour)
			}
			list = append(list, b)
		}
		return list
	}).Draw(t, "list")
}

// TestNothingNeededGoes: whatever the policy and the backups are.
func TestNothingNeededGoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy, backups := genPolicy(t), genBackups(t)
		verdicts := retention.Decide(policy, backups, nil)
		require.Len(t, verdicts, len(backups))
		var left []retention.Backup
		var newest *retention.Backup
		good := 0
		for i, v := range verdicts {
			require.True(t, i == 0 || !v.At.After(verdicts[i-1].At), "the newest first")
			if v.Held {
				require.True(t, v.Keep(), "a held one goes")
			}
			if v.Outcome == retention.Verified && newest == nil {
				newest = &verdicts[i].Backup
				require.True(t, v.Keep(), "the newest verified one goes")
			}
			if newest == nil && v.Outcome == retention.Unverified {
				require.True(t, v.Keep(), "one goes before its successor is proven")
			}
			if v.Outcome != retention.Failed {
				if good < policy.Last {
					require.True(t, v.Keep(), "one of the last goes")
				}
				good++
			}
			if v.Keep() {
				left = append(left, v.Backup)
			}
		}
		// Once what may go is gone, nothing more goes; and the order in which they are given does not matter.
		require.Len(t, kept(retention.Decide(policy, left, nil)), len(left), "it is not idempotent")
		slices.Reverse(left)
		require.Len(t, kept(retention.Decide(policy, left, nil)), len(left))
	})
}

// TestEveryPeriodKeepsOne: the newest days that have a good backup, or are covered by one, keep one; an independent, slower way to count.
func TestEveryPeriodKeepsOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "daily")
		backups := genBackups(t)
		stands := func(list []retention.Backup) map[string]bool {
			days := map[string]bool{}
			for _, b := range list {
				if b.Outcome == retention.Failed {
					continue
				}
				for d := b.At.Truncate(24 * time.Hour); !d.After(b.At) || !d.After(b.Until); d = d.Add(24 * time.Hour) {
					days[d.Format(time.DateOnly)] = true
				}
			}
			return days
		}
		var left []retention.Backup
		for _, v := range retention.Decide(retention.Policy{Daily: n}, backups, nil) {
			if v.Keep() {
				left = append(left, v.Backup)
			}
		}
		var days []string
		for day := range stands(backups) {
			days = append(days, day)
		}
		slices.Sort(days)
		slices.Reverse(days)
		after := stands(left)
		for _, day := range days[:min(n, len(days))] {
			require.True(t, after[day], "nothing stands for %s any more", day)
		}
	})
}
