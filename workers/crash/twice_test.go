package crash_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// TestCrashTwice kills the worker that takes over, too: at a point drawn by lot of those that are still to come.
func TestCrashTwice(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	draws := map[crashtest.Form]int{crashtest.Short: 3, crashtest.Full: 18}[crashtest.FormOf(t)]
	lot := crashtest.Lot(t)
	every := kinds()
	for i := range draws {
		k := every[(i+lot.IntN(len(every)))%len(every)]
		first := lot.IntN(len(k.points) - 1) // after the last one, there is nothing to take over
		p, q := k.points[first], k.points[first+lot.IntN(len(k.points)-first)]
		t.Run(fmt.Sprintf("%d/%s/%s/%s", i, k.name, p, q), func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			if k.need != nil {
				withWorker(t, s, func() { k.need(t, s, []string{cellName(k.name, p)}) })
			}
			k.crashTwice(t, s, p, q)
		})
	}
}

func (k kind) crashTwice(t *testing.T, s *crashtest.Scene, p, q string) {
	t.Helper()
	name := cellName(k.name, p)
	if k.before != nil {
		k.before(t, s, name, p)
	}
	id := k.ask(t, s, name, p)
	a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint="+p)
	require.NoError(t, a.Await(ended(t, s, id)))
	a.Kill()
	b := program(t).Start(t, s.Fleet, "B", shortLease, "--crashpoint="+q)
	if err := b.Await(ended(t, s, id)); err != nil {
		t.Logf("what the first worker did is done, the second did not pass %s: %v", q, err)
	}
	b.Kill()
	c := program(t).Start(t, s.Fleet, "C", longLease)
	k.judge(t, s, id, name, p, 2)
	c.Stop(t)
}

// TestCrashThrice: an operation that lost three workers may be what kills them. It is parked for a person, keeps its tenant, and
// goes on when it is retried.
func TestCrashThrice(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	s := newScene(t)
	id := askTenant(t, s, "deadly")
	next := s.Fleet.Submit(t, jobs.Suspend{Tenant: "deadly"})
	for _, name := range []string{"A", "B", "C"} {
		w := program(t).Start(t, s.Fleet, name, shortLease, "--crashpoint=build.roles.before")
		require.NoError(t, w.Await(ended(t, s, id)))
		w.Kill()
	}
	d := program(t).Start(t, s.Fleet, "D", longLease)
	op := s.Fleet.Ends(t, id)
	require.Equal(t, jobs.StateParked, op.State)
	require.Equal(t, "lost_workers", op.Error.Code)
	require.Equal(t, 3, op.Reaps)
	require.Zero(t, op.Failures)
	require.Equal(t, id, *s.Fleet.Tenant(t, "deadly").CurrentOperationID)
	require.Equal(t, jobs.StateWaiting, operation(t, s, next).State)
	require.Equal(t, "discarded", value[string](t, s, `SELECT state FROM river.river_job WHERE id = $1`, *op.RiverJobID))

	tenantry(t, s, "op", "retry", id)
	op = s.Fleet.Succeeds(t, id)
	require.Equal(t, 4, op.Attempt)
	s.Fleet.Succeeds(t, next)
	require.Equal(t, tenants.StateSuspended, s.Fleet.Tenant(t, "deadly").State)
	crashtest.Holds(t, s, crashtest.Expect{})
	d.Stop(t)
}
