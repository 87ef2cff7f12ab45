package rollout_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/rollout"
)

func fleet(n int) []rollout.Candidate {
	list := make([]rollout.Candidate, n)
	for i := range list {
		list[i] = rollout.Candidate{
			TenantID: fmt.Sprintf("tnt_%05d", i), Slug: fmt.Sprintf("t%d", i), Node: fmt.Sprint("n", i%2), Release: "r1", ReleaseSeq: int64(1 + i%10/9),
			Active: true, PinnedSeq: math.MaxInt64,
		}
	}
	return list
}

func waveSizes(members []rollout.Member, waves int) []int {
	sizes := make([]int, waves)
	for _, m := range members {
		if m.State == rollout.Pending {
			sizes[m.Wave]++
		}
	}
	return sizes
}

func TestAssignWaves(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]int{0: {0}, 1: {1}, 3: {3}, 5: {3, 2}, 10: {3, 2, 5}, 200: {3, 17, 80, 100}, 1000: {10, 90, 400, 500}} {
		members, waves, err := rollout.Assign(fleet(n), 9, rollout.Policy{}.WithDefaults())
		require.NoError(t, err)
		require.Equal(t, want, waveSizes(members, waves), "%d tenants", n)
	}
	members, waves, err := rollout.Assign(fleet(200), 9, rollout.Policy{Canary: []string{"t7", "t3"}}.WithDefaults())
	require.NoError(t, err)
	require.Equal(t, []int{2, 2, 18, 79, 99}, waveSizes(members, waves))
	require.ElementsMatch(t, []string{"t7", "t3"}, []string{members[0].Slug, members[1].Slug})
}

// The first wave has tenants of every node and release.
func TestAssignMixes(t *testing.T) {
	t.Parallel()
	members, _, err := rollout.Assign(fleet(400), 9, rollout.Policy{}.WithDefaults())
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, m := range members {
		if m.Wave == 0 {
			seen[fmt.Sprint(m.Node, m.ReleaseSeq)] = true
		}
	}
	require.Len(t, seen, 3, "n0 and n1 at release 1, n1 at release 2")
}

// The first wave has the largest tenant that is known, and still one of every node and release.
func TestAssignBeginsWithTheLargest(t *testing.T) {
	t.Parallel()
	list := fleet(400)
	list[123].Bytes, list[5].Bytes, list[6].Bytes = 9<<30, 1<<30, 9<<30
	list[7].Bytes, list[7].Quarantined = 99<<30, true
	members, waves, err := rollout.Assign(list, 9, rollout.Policy{}.WithDefaults())
	require.NoError(t, err)
	require.Equal(t, "t6", members[0].Slug, "of two that are as large, the older one")
	require.Equal(t, []int{4, 36, 160, 199}, waveSizes(members, waves))
	first := map[string]int{}
	for _, m := range members[:4] {
		first[fmt.Sprint(m.Node, m.ReleaseSeq)]++
	}
	require.Equal(t, map[string]int{"n01": 2, "n11": 1, "n12": 1}, first, "the largest has the first turn of its kind")

	members, _, err = rollout.Assign(list, 9, rollout.Policy{Canary: []string{"t6"}}.WithDefaults())
	require.NoError(t, err)
	require.Equal(t, []string{"t6", "t0"}, []string{members[0].Slug, members[1].Slug}, "it is a canary already")

	again, _, err := rollout.Assign(fleet(400), 9, rollout.Policy{}.WithDefaults())
	require.NoError(t, err)
	require.Equal(t, "t0", again[0].Slug, "no size is known")
}

func TestAssignLeavesOut(t *testing.T) {
	t.Parallel()
	list := fleet(6)
	list[3].LeftOut = "its database is read-only"
	members, _, err := rollout.Assign(list, 9, rollout.Policy{}.WithDefaults())
	require.NoError(t, err)
	require.Equal(t, rollout.SkippedPreflight, members[5].State)
	require.Equal(t, "is left out: its database is read-only", members[5].Why)
	_, _, err = rollout.Assign(list, 9, rollout.Policy{Canary: []string{"t3"}}.WithDefaults())
	require.ErrorContains(t, err, "canary: t3 cannot be one: is left out")
}

func TestAssignSkips(t *testing.T) {
	t.Parallel()
	list := fleet(6)
	list[0].ReleaseSeq = 9
	list[1].Active = false
	list[2].PinnedSeq, list[2].PinReason = 5, "waits for its auditor"
	list[3].Quarantined = true
	list[4].PinnedSeq = 9
	members, _, err := rollout.Assign(list, 9, rollout.Policy{}.WithDefaults())
	require.NoError(t, err)
	got := map[string]rollout.MemberState{}
	for _, m := range members {
		got[m.Slug] = m.State
	}
	require.Equal(t, map[string]rollout.MemberState{
		"t0": rollout.SkippedUpToDate, "t1": rollout.SkippedInactive, "t2": rollout.SkippedPinned, "t3": rollout.SkippedQuarantined,
		"t4": rollout.Pending, "t5": rollout.Pending,
	}, got)
	for _, canary := range []string{"t2", "nobody"} {
		_, _, err = rollout.Assign(list, 9, rollout.Policy{Canary: []string{canary}}.WithDefaults())
		require.ErrorContains(t, err, canary)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, bad := range [][]float64{{10, 5, 100}, {50}, {0, 100}, {10, 10, 100}, {10, 101}} {
		require.Error(t, rollout.Policy{Waves: bad}.WithDefaults().Validate(), "%v", bad)
	}
	require.NoError(t, rollout.Policy{}.WithDefaults().Validate())
	waves, err := rollout.ParseWaves("1%, 10,100%")
	require.NoError(t, err)
	require.Equal(t, []float64{1, 10, 100}, waves)
	for _, text := range []string{"x%", "1%,,", ""} {
		_, err := rollout.ParseWaves(text)
		require.Error(t, err, text)
	}
	budget, err := rollout.ParseFailures("3")
	require.NoError(t, err)
	require.Equal(t, rollout.Failures{Count: 3}, budget)
	budget, err = rollout.ParseFailures("2.5%")
	require.NoError(t, err)
	require.Equal(t, rollout.Failures{Percent: 2.5}, budget)
	for _, text := range []string{"0", "0%"} {
		budget, err = rollout.ParseFailures(text)
		require.NoError(t, err)
		require.Equal(t, rollout.NoFailures, budget)
		require.NoError(t, rollout.Policy{MaxFailures: budget}.WithDefaults().Validate())
	}
	for _, text := range []string{"", "-1", "many", "101%"} {
		_, err := rollout.ParseFailures(text)
		require.Error(t, err, text)
	}
}
