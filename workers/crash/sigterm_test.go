package crash_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// TestSigtermHandsOver drains a worker that stands in the middle of a step: what does not end within the grace goes to
// another worker at once, and nothing is counted.
func TestSigtermHandsOver(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	purge := func(slug string) jobs.Args { return jobs.Purge{Tenant: slug, Confirm: slug} }
	for _, c := range []struct {
		point string
		least crashtest.Form
		need  func(t *testing.T, s *crashtest.Scene, names []string)
		ask   func(t *testing.T, s *crashtest.Scene, name, point string) string
	}{
		{"build.database.created", crashtest.Short, nil, askProvision},
		{"drop.database.after", crashtest.Full, needTenants, asking(purge)},
		{"apply.tx.executed", crashtest.Short, needMigrate, askMigrate},
		{"apply.alone.intent", crashtest.Full, needMigrate, askMigrate},
		{"operation.start.after", crashtest.Full, nil, askProvision},
	} {
		t.Run(c.point, func(t *testing.T) {
			t.Parallel()
			crashtest.From(t, c.least)
			s := newScene(t)
			const slug = "drained"
			if c.need != nil {
				withWorker(t, s, func() { c.need(t, s, []string{slug}) })
			}
			id := c.ask(t, s, slug, c.point)
			const grace = time.Second
			a := program(t).Start(t, s.Fleet, "A", "--lease=30s", "--grace="+grace.String(), "--crashpoint="+c.point)
			require.NoError(t, a.Await(ended(t, s, id)))
			begun := time.Now()
			a.Terminate()
			require.Zero(t, a.Exit(t))
			require.Less(t, time.Since(begun), grace+10*time.Second)
			op := operation(t, s, id)
			require.Equal(t, jobs.StateQueued, op.State)
			require.Zero(t, op.Failures)
			require.Zero(t, op.Reaps)
			require.Nil(t, op.Error)
			require.Zero(t, value[int](t, s, `SELECT attempt FROM river.river_job WHERE id = $1`, *op.RiverJobID))

			b := program(t).Start(t, s.Fleet, "B", longLease)
			op = s.Fleet.Succeeds(t, id)
			require.Equal(t, 2, op.Attempt)
			require.Zero(t, op.Reaps)
			crashtest.Holds(t, s, crashtest.Expect{})
			b.Stop(t)
		})
	}
}

// TestSigtermWaits: what ends within the grace ends with the worker that has it.
func TestSigtermWaits(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	s := newScene(t)
	node := onNode(t, s, "")
	letGo := hold(t, s, template(t, s))
	id := askTenant(t, s, "patient")
	a := program(t).Start(t, s.Fleet, "A", "--lease=2s", "--grace=60s")
	untilBusy(t, node, id, "CREATE DATABASE%")
	a.Terminate()
	a.Logs(t, `"message":"draining"`)
	<-time.After(4 * time.Second) // longer than the lease, which a draining worker renews
	letGo()
	require.Zero(t, a.Exit(t))
	op := operation(t, s, id)
	require.Equal(t, jobs.StateSucceeded, op.State)
	require.Equal(t, 1, op.Attempt)
	crashtest.Holds(t, s, crashtest.Expect{})
}

// TestSigtermInStatement: the grace ends while the server works on a CREATE DATABASE. The next worker gets the operation at
// once and must not be confused by what the server still does for the last.
func TestSigtermInStatement(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Full)
	s := newScene(t)
	node := onNode(t, s, "")
	letGo := hold(t, s, template(t, s))
	id := askTenant(t, s, "busy")
	a := program(t).Start(t, s.Fleet, "A", "--lease=30s", "--grace=1s")
	untilBusy(t, node, id, "CREATE DATABASE%")
	b := program(t).Start(t, s.Fleet, "B", longLease)
	b.Ready(t)
	a.Terminate()
	require.Zero(t, a.Exit(t))
	eventually(t, "the operation is not taken over", func() bool { return operation(t, s, id).Attempt == 2 })
	letGo()
	op := s.Fleet.Succeeds(t, id)
	require.Equal(t, 2, op.Attempt)
	require.Zero(t, op.Reaps)
	crashtest.Holds(t, s, crashtest.Expect{})
	b.Stop(t)
}
