package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/cmd/internal/localpg"
	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// rolloutDeath is a server that is killed while a worker stands at a point of a rollout.
type rolloutDeath struct {
	point string
	// away: the worker goes on while the server is down, for so long. Else it finds it restarted.
	away time.Duration
}

// TestPostgresDiesInRollout kills the server of a node, and that of the control database, in the middle of a rollout. It goes on by itself: every
// tenant is at the release, each statement has run once.
func TestPostgresDiesInRollout(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	program, err := crashtest.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Run("node", func(t *testing.T) {
		t.Parallel()
		server := privateServer(t)
		rolloutDeaths(t, program, server, []rolloutDeath{
			{"apply.tx.executed#2", away},
			{"apply.alone.intent#2", 0},
			{"apply.tx.committed#4", 0},
			{"apply.alone.effect", away},
			{"apply.tx.before#3", away},
			{"apply.locked#2", 0},
		}, func(t *testing.T) *crashtest.Scene {
			t.Helper()
			f := fleettest.New(t)
			return crashtest.NewScene(f, f.NodeAt(t, server.URL("postgres"), "n1"), server.URL("postgres"))
		})
	})
	t.Run("control", func(t *testing.T) {
		t.Parallel()
		server := privateServer(t)
		rolloutDeaths(t, program, server, []rolloutDeath{
			{"rollout.step.within#2", away},
			{"operation.settle.before#2", 0},
			{"rollout.step.within#3", 0},
			{"rollout.gate.asked", away},
			{"rollout.step.after#2", away},
			{"apply.tx.committed#2", away},
		}, func(t *testing.T) *crashtest.Scene {
			t.Helper()
			f := fleettest.NewAt(t, server.URL("postgres"))
			return crashtest.NewScene(f, f.Node(t, "n1"), fleettest.ServerURL(t))
		})
	})
}

// rolloutDeaths kills one server again and again, each time under another fleet.
func rolloutDeaths(t *testing.T, program crashtest.Program, server *localpg.Server, deaths []rolloutDeath, scene func(*testing.T) *crashtest.Scene) {
	t.Helper()
	of := len(deaths)
	if crashtest.FormOf(t) == crashtest.Short {
		deaths = deaths[:1]
	}
	t.Logf("%d of %d deaths", len(deaths), of)
	for _, d := range deaths {
		name := d.point
		if d.away > 0 {
			name += "/away"
		}
		t.Run(name, func(t *testing.T) { d.kill(t, program, server, scene(t)) })
	}
}

func (d rolloutDeath) kill(t *testing.T, program crashtest.Program, server *localpg.Server, s *crashtest.Scene) {
	t.Helper()
	w := program.Start(t, s.Fleet, "first")
	made := func(slug string) {
		tenant, err := s.Fleet.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: slug}, nil)
		require.NoError(t, err)
		s.Fleet.Succeeds(t, tenant.OperationID)
	}
	made("clean")
	s.Remember(t, "clean")
	crashtest.PublishNext(t, s.Fleet)
	s.Fleet.Do(t, jobs.Migrate{Tenant: "clean", Release: crashtest.NextRelease})
	s.Remember(t, "clean")
	for i := range 5 {
		made(fmt.Sprintf("r%d", i))
	}
	w.Stop(t)

	w = program.Start(t, s.Fleet, "A", "--lease="+longLife.String(), "--crashpoint=stop:"+d.point)
	w.Ready(t)
	id, plan, err := rollout.Start(t.Context(), s.Fleet.Pool, crashtest.NextRelease, rollout.Selector{},
		rollout.Policy{Waves: []float64{40, 100}, Bake: -1, Parallel: 2, Gate: `SELECT true`}, "test")
	require.NoError(t, err)
	w.Stands(t)
	require.NoError(t, server.Kill(t.Context()))
	if d.away > 0 {
		w.Continue()
		<-time.After(d.away)
		require.NoError(t, server.Restart(t.Context()))
	} else {
		require.NoError(t, server.Restart(t.Context()))
		w.Continue()
	}
	begun := time.Now()
	s.Fleet.Pool.Reset()
	r, err := rollout.Get(t.Context(), s.Fleet.Pool, id)
	require.NoError(t, err)
	op := s.Settles(t, r.OperationID)
	require.Equal(t, jobs.StateSucceeded, op.State, "%+v", op.Error)
	t.Logf("ended %s after the server was back", time.Since(begun).Round(time.Millisecond))
	r, err = rollout.Get(t.Context(), s.Fleet.Pool, id)
	require.NoError(t, err)
	changing := plan.Count(rollout.Pending, -1)
	require.Equal(t, rollout.Completed, r.State)
	require.Equal(t, changing, r.Of(-1, rollout.Done))
	children, err := s.Fleet.Jobs.List(t.Context(), jobs.Filter{Parent: r.OperationID})
	require.NoError(t, err)
	require.Len(t, children, changing, "somebody was asked twice")
	crashtest.Holds(t, s, crashtest.Expect{Failures: 1, Hiccups: 3, Quiet: crashtest.QuietAfterControl})
	w.Stop(t)
}
