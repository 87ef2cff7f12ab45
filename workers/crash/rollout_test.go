package crash_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// elsewhere are points that no rollout passes, and why.
var elsewhere = map[string]string{
	apply.PointPrepared: "a tenant's database has its history from its template; the kind first passes it",
}

// hits are the times at which the coordinator's points are visited: the first steps, and some in the middle. A point that is not here is visited
// at its first time.
var hits = map[string][]int{
	"rollout.step.before": {1, 4},
	"rollout.step.within": {1, 2, 3, 5},
	"rollout.step.after":  {1, 4},
}

// endings are the points at which a tenant's operation begins and ends, as far as the rollout has to do with it.
var endings = []string{"operation.start.after", "operation.settle.before#2", "operation.settle.after#3"}

// alwaysInShort are the most dangerous ones: decided and not committed; asked and not recorded; committed, and nobody knows;
// in effect, and not recorded.
var alwaysInShort = []string{"rollout.step.within#2", "rollout.gate.asked", "apply.tx.committed#2", "apply.alone.effect#2"}

// rolloutPoints derives where a rollout is killed: at every point of the coordinator and of apply that the program has, those of apply at every
// boundary between two statements or files of the first tenant.
func rolloutPoints(program []string) []string {
	together, alone := crashtest.Boundaries()
	var points []string
	for _, name := range program {
		if elsewhere[name] != "" {
			continue
		}
		times := []int{1}
		switch {
		case name == apply.PointAloneCleared:
		case strings.HasPrefix(name, "apply.tx."):
			times = upTo(together)
		case strings.HasPrefix(name, "apply.alone."):
			times = upTo(alone)
		case strings.HasPrefix(name, "apply."):
		case strings.HasPrefix(name, "rollout."):
			if hits[name] != nil {
				times = hits[name]
			}
		default:
			continue
		}
		for _, n := range times {
			points = append(points, fmt.Sprintf("%s#%d", name, n))
		}
	}
	return append(points, endings...)
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// TestRolloutCrash kills a worker in the middle of a rollout. Another one goes on: the rollout ends, every tenant is at the release, each
// statement has run once, nobody was begun twice for another reason than the crash.
func TestRolloutCrash(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	known, err := program(t).Points(t.Context())
	require.NoError(t, err)
	points := rolloutPoints(known)
	of := len(points)
	if crashtest.FormOf(t) == crashtest.Short {
		points = append(slices.Clone(alwaysInShort), points[crashtest.Lot(t).IntN(of)])
		slices.Sort(points)
		points = slices.Compact(points)
	}
	t.Logf("%d of %d points", len(points), of)
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			crashRollout(t, point)
		})
	}
}

func crashRollout(t *testing.T, point string) {
	t.Helper()
	s := newScene(t)
	names := []string{"r1", "r2", "r3", "r4", "r5"}
	name, _, _ := strings.Cut(point, "#")
	to := nextRelease
	withWorker(t, s, func() {
		needMigrate(t, s, names)
		if name == apply.PointRelease { // passed by who has the files already
			to = renamedRelease
			all(t, s, append(names, "clean"), func(slug string) string { return s.Fleet.Submit(t, jobs.Migrate{Tenant: slug, Release: nextRelease}) })
		}
	})
	if name == apply.PointAloneCleared {
		for _, slug := range append(names, "clean") {
			invalidIndex(t, s, slug)
		}
	}
	policy := rollout.Policy{Waves: []float64{40, 100}, Bake: -1, Parallel: 2, Gate: `SELECT true`}
	if strings.HasPrefix(name, "apply.") {
		policy.Parallel = 1 // so that the n-th time is the first tenant's n-th boundary
	}
	id, plan, err := rollout.Start(t.Context(), s.Fleet.Pool, to, rollout.Selector{}, policy, "test")
	require.NoError(t, err)
	changing := plan.Count(rollout.Pending, -1)
	require.GreaterOrEqual(t, changing, len(names))
	r, err := rollout.Get(t.Context(), s.Fleet.Pool, id)
	require.NoError(t, err)

	a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint="+point)
	require.NoError(t, a.Await(ended(t, s, r.OperationID)))
	a.Kill()
	b := program(t).Start(t, s.Fleet, "B", longLease)
	s.Fleet.Succeeds(t, r.OperationID)
	rolledOut(t, s, id, changing)
	b.Stop(t)
}

// rolledOut looks at a rollout that has ended well: everybody who was to be changed is, by one operation each, which was begun once more for
// a crash at most.
func rolledOut(t *testing.T, s *crashtest.Scene, id string, changing int) {
	t.Helper()
	r, err := rollout.Get(t.Context(), s.Fleet.Pool, id)
	require.NoError(t, err)
	require.Equal(t, rollout.Completed, r.State)
	require.Equal(t, changing, r.Of(-1, rollout.Done))
	require.Equal(t, changing, value[int](t, s, `SELECT count(*) FROM tenantry.operations WHERE parent_id = $1`, r.OperationID), "somebody was asked twice")
	children, err := s.Fleet.Jobs.List(t.Context(), jobs.Filter{Parent: r.OperationID})
	require.NoError(t, err)
	again := 0
	for _, child := range children {
		require.LessOrEqual(t, child.Attempt, 2)
		again += child.Attempt - 1
	}
	require.LessOrEqual(t, again, r.Policy.Parallel, "more were begun again than were under way")
	crashtest.Holds(t, s, crashtest.Expect{})
}

// TestEveryRolloutPoint: the full matrix visits every point of the coordinator and of apply that the program has, or says where it is visited.
func TestEveryRolloutPoint(t *testing.T) {
	t.Parallel()
	known, err := program(t).Points(t.Context())
	require.NoError(t, err)
	visited := map[string][]string{}
	for _, point := range rolloutPoints(known) {
		name, _, _ := strings.Cut(point, "#")
		visited[name] = append(visited[name], point)
		require.Contains(t, known, name)
	}
	for _, name := range known {
		if strings.HasPrefix(name, "rollout.") || strings.HasPrefix(name, "apply.") {
			require.True(t, len(visited[name]) > 0 || elsewhere[name] != "", "no rollout is killed at %s", name)
		}
	}
	for _, name := range apply.Points() {
		require.Contains(t, known, name, "the program does not register a point of apply")
	}
	for name := range elsewhere {
		require.Contains(t, pointsOfTemplate, name)
	}
	for _, point := range alwaysInShort {
		name, _, _ := strings.Cut(point, "#")
		require.True(t, slices.Contains(visited[name], point) || slices.Contains(visited[name], name+"#1"), point)
	}
	require.Len(t, visited[apply.PointTxCommitted], 3)
	require.Len(t, visited[apply.PointAloneEffect], 3)
}
