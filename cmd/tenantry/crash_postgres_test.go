package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/cmd/internal/localpg"
	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// death is a server that is killed while a worker stands at a point.
type death struct {
	kind, point string
	// away: the worker goes on while the server is down, for so long. Else it finds it restarted.
	away time.Duration
	// lease of the worker, when it matters.
	lease time.Duration
}

const (
	away     = 3 * time.Second
	longLife = 20 * time.Second
)

// TestPostgresDies kills the server of a node, and that of the control database, under a worker in the middle of an operation, and
// starts it again. The operation ends by itself, and the outage counts as one failed attempt at most.
func TestPostgresDies(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	program, err := crashtest.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Run("node", func(t *testing.T) {
		t.Parallel()
		server := privateServer(t)
		f := fleettest.New(t)
		s := crashtest.NewScene(f, f.NodeAt(t, server.URL("postgres"), "n1"), server.URL("postgres"))
		killEach(t, program, s, server, []death{
			{kind: "provision", point: "build.database.created"},
			{kind: "first", point: "apply.alone.intent", away: away},
			{kind: "purge", point: "drop.database.before"},
			{kind: "change", point: "ddl.fill.batch", away: away},
			{kind: "provision", point: "build.roles.intent", away: away},
			{kind: "provision", point: "build.database.before"},
			{kind: "provision", point: "build.contents.after", away: away},
			{kind: "first", point: "template.database.created"},
			{kind: "first", point: "apply.tx.executed"},
			{kind: "first", point: "template.schema.after", away: away},
			{kind: "suspend", point: "fence.closed"},
			{kind: "purge", point: "drop.database.after", away: away},
			{kind: "rotate", point: "build.roles.intent"},
			{kind: "form", point: "ddl.prepared", away: away},
			{kind: "change", point: "ddl.index.effect"},
			{kind: "change", point: "ddl.committed", away: away},
			{kind: "change", point: "ddl.step.before#4"},
		})
	})
	t.Run("control", func(t *testing.T) {
		t.Parallel()
		server := privateServer(t)
		f := fleettest.NewAt(t, server.URL("postgres"))
		s := crashtest.NewScene(f, f.Node(t, "n1"), fleettest.ServerURL(t))
		killEach(t, program, s, server, []death{
			{kind: "provision", point: "operation.settle.before", away: away},
			{kind: "provision", point: "build.roles.before"},
			{kind: "purge", point: "drop.verified", away: away},
			{kind: "change", point: "ddl.committed", away: away},
			{kind: "provision", point: "operation.start.before"},
			{kind: "provision", point: "operation.start.before", away: away},
			{kind: "provision", point: "operation.start.after", away: away},
			{kind: "provision", point: "build.connect.after"},
			{kind: "provision", point: "operation.settle.before"},
			{kind: "provision", point: "operation.settle.after", away: away},
			{kind: "suspend", point: "fence.closed", away: away},
			{kind: "purge", point: "operation.settle.before"},
			{kind: "rotate", point: "build.roles.intent", away: away},
			{kind: "change", point: "operation.change.within"},
			{kind: "form", point: "operation.settle.before", away: away},
			{kind: "change", point: "operation.settle.before"},
			// For longer than the lease: the worker gives up its own runs and starts anew.
			{kind: "provision", point: "build.database.created", away: 8 * time.Second, lease: 2 * time.Second},
			{kind: "purge", point: "drop.database.after", away: 8 * time.Second, lease: 2 * time.Second},
			{kind: "change", point: "ddl.fill.batch", away: 8 * time.Second, lease: 2 * time.Second},
			{kind: "provision", point: "operation.start.before", away: 8 * time.Second, lease: 2 * time.Second},
			// For longer than River tries in a row to give a job back, and shorter than the lease.
			{kind: "provision", point: "operation.start.before", away: 12 * time.Second, lease: time.Minute},
		})
	})
}

// inShort is how many deaths of each list are in a short run.
const inShort = 4

func killEach(t *testing.T, program crashtest.Program, s *crashtest.Scene, server *localpg.Server, deaths []death) {
	t.Helper()
	of := len(deaths)
	if crashtest.FormOf(t) == crashtest.Short {
		deaths = deaths[:inShort]
	}
	t.Logf("%d of %d deaths", len(deaths), of)
	w := program.Start(t, s.Fleet, "first")
	made, err := s.Fleet.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "clean"}, nil)
	require.NoError(t, err)
	s.Fleet.Succeeds(t, made.OperationID)
	s.Remember(t, "clean")
	slugs := make([]string, len(deaths))
	for i, d := range deaths {
		slugs[i] = fmt.Sprintf("%s-%d", d.kind, i)
		if d.kind != "provision" && d.kind != "first" {
			s.Fleet.Do(t, jobs.Provision{Slug: slugs[i]})
		}
		if d.kind == "change" {
			s.FormWith(t, slugs[i], crashtest.FormRows)
		}
	}
	w.Stop(t)
	for i, d := range deaths {
		name := d.kind + "/" + d.point
		if d.away > 0 {
			name += "/away"
		}
		t.Run(name, func(t *testing.T) { d.kill(t, program, s, server, slugs[i]) })
	}
}

func (d death) kill(t *testing.T, program crashtest.Program, s *crashtest.Scene, server *localpg.Server, slug string) {
	t.Helper()
	if d.kind == "first" {
		_, err := s.Fleet.Pool.Exec(t.Context(), `UPDATE tenantry.templates SET state = 'building'`)
		require.NoError(t, err)
	}
	lease := longLife
	if d.lease > 0 {
		lease = d.lease
	}
	w := program.Start(t, s.Fleet, "A", "--lease="+lease.String(), "--crashpoint=stop:"+d.point)
	w.Ready(t) // one that is still starting ends when it cannot reach its control database
	id := s.Fleet.Submit(t, map[string]jobs.Args{
		"provision": jobs.Provision{Slug: slug},
		"first":     jobs.Provision{Slug: slug},
		"suspend":   jobs.Suspend{Tenant: slug},
		"purge":     jobs.Purge{Tenant: slug, Confirm: slug},
		"rotate":    jobs.Rotate{Tenant: slug},
		"form":      crashtest.Changing(slug, crashtest.MakeForm),
		"change":    crashtest.Changing(slug, crashtest.ChangeForm),
	}[d.kind])
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
	op := s.Settles(t, id)
	t.Logf("%s %s after the server was back, with %d attempts and %d failures", op.State, time.Since(begun).Round(time.Millisecond), op.Attempt, op.Failures)
	require.Equal(t, jobs.StateSucceeded, op.State, "%+v", op.Error)
	require.LessOrEqual(t, op.Failures, 1)
	if d.lease == 0 {
		require.Zero(t, op.Reaps)
	}
	s.Fleet.Pool.Reset()
	if d.kind == "form" || d.kind == "change" {
		crashtest.FormsAreClean(t, s.Fleet, slug)
	}
	crashtest.Holds(t, s, crashtest.Expect{Failures: 1, Hiccups: 3, Quiet: crashtest.QuietAfterControl})
	want := map[string]tenants.State{"suspend": tenants.StateSuspended, "purge": tenants.StateDeleted}[d.kind]
	if want == "" {
		want = tenants.StateActive
	}
	require.Equal(t, want, s.Fleet.Tenant(t, *op.TenantID).State)
	w.Stop(t)
}

// privateServer runs a PostgreSQL server that a test may kill.
func privateServer(t *testing.T) *localpg.Server {
	t.Helper()
	dir := t.TempDir()
	server, err := localpg.Start(t.Context(), localpg.Config{Dir: dir, Durability: localpg.Throwaway})
	require.NoError(t, err)
	t.Cleanup(func() { stopServer(t, server, dir) })
	t.Logf("private server at port %d", server.Port())
	return server
}

// stopServer ends a private server and removes its files.
func stopServer(t *testing.T, server *localpg.Server, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(t, server.Stop(ctx, localpg.Immediate))
	require.NoError(t, localpg.Remove(ctx, dir))
}
