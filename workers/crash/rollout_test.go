package crash_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// rolloutPoints are those that a rollout of two waves passes: of its coordinator, and of its tenants' migrations.
var rolloutPoints = []string{
	"rollout.step.before", "rollout.step.within", "rollout.step.within#2", "rollout.step.within#5", "rollout.step.after", "rollout.step.after#4",
	"rollout.gate.asked",
	"operation.start.after", "operation.settle.before", "operation.settle.within#2", "operation.settle.after#3",
	"apply.tx.executed", "apply.tx.committed#2", "apply.alone.effect", "apply.alone.recorded#3",
}

// TestRolloutCrash kills a worker in the middle of a rollout. Another one goes on: the rollout ends, every tenant is at the release, each
// statement has run once, nobody was begun twice for another reason than the crash.
func TestRolloutCrash(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	points := rolloutPoints
	if crashtest.FormOf(t) == crashtest.Short {
		points = []string{"rollout.step.within#2", "rollout.gate.asked", "apply.tx.committed#2"}
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			names := []string{"r1", "r2", "r3", "r4", "r5"}
			withWorker(t, s, func() { needMigrate(t, s, names) })
			id, plan, err := rollout.Start(t.Context(), s.Fleet.Pool, nextRelease, rollout.Selector{},
				rollout.Policy{Waves: []float64{40, 100}, Bake: -1, Parallel: 2, Gate: `SELECT true`}, "test")
			require.NoError(t, err)
			changing := plan.Count(rollout.Pending, -1)
			r, err := rollout.Get(t.Context(), s.Fleet.Pool, id)
			require.NoError(t, err)

			a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint="+point)
			require.NoError(t, a.Await(ended(t, s, r.OperationID)))
			a.Kill()
			b := program(t).Start(t, s.Fleet, "B", longLease)
			s.Fleet.Succeeds(t, r.OperationID)
			r, err = rollout.Get(t.Context(), s.Fleet.Pool, id)
			require.NoError(t, err)
			require.Equal(t, rollout.Completed, r.State)
			require.Equal(t, changing, r.Of(-1, rollout.Done))
			require.Equal(t, changing, value[int](t, s, `SELECT count(*) FROM tenantry.operations WHERE parent_id = $1`, r.OperationID), "somebody was asked twice")
			children, err := s.Fleet.Jobs.List(t.Context(), jobs.Filter{Parent: r.OperationID})
			require.NoError(t, err)
			for _, child := range children {
				require.LessOrEqual(t, child.Attempt, 2)
			}
			crashtest.Holds(t, s, crashtest.Expect{})
			b.Stop(t)
		})
	}
}
