package crash_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// returnPoints are passed when a lost node comes back.
var returnPoints = []string{"return.closed", "return.closed#2", "fence.closed"}

// TestReturnCrash kills a worker while it takes a lost node back. Another one goes on: nobody gets into the databases whose tenants live elsewhere.
func TestReturnCrash(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	for _, point := range returnPoints {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			lost := value[string](t, s, `SELECT name FROM tenantry.nodes`)
			s.Fleet.NodeAt(t, fleettest.SecondServerURL(t), "refuge")
			names := []string{"a", "b"}
			withWorker(t, s, func() {
				noVerifying(t, s)
				for _, name := range names {
					s.Fleet.Do(t, jobs.Provision{Slug: name, Node: lost})
					s.Fleet.Do(t, jobs.Backup{Tenant: name})
				}
				control(t, s, `UPDATE tenantry.nodes SET state = 'lost' WHERE name = $1`, lost)
				for _, name := range names {
					s.Fleet.Do(t, jobs.RestoreInPlace{Tenant: name, Backup: backupOf(t, s, name), Confirm: name})
				}
			})
			require.Equal(t, 2, value[int](t, s, `SELECT count(*) FROM tenantry.databases WHERE state = 'lost'`))
			id := s.Fleet.Submit(t, jobs.ReturnNode{Node: lost})
			a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint="+point)
			a.Stands(t)
			a.Kill()
			b := program(t).Start(t, s.Fleet, "B", longLease)
			s.Fleet.Succeeds(t, id)
			require.Equal(t, tenants.NodeDraining, value[string](t, s, `SELECT state FROM tenantry.nodes WHERE name = $1`, lost))
			require.Equal(t, 2, value[int](t, s, `SELECT count(*) FROM tenantry.swaps w JOIN tenantry.databases d ON d.id = w.old_database_id WHERE d.state = 'retained' AND w.keep_until > now()`))
			require.Zero(t, value[int](t, s, `
				SELECT count(*) FROM pg_database p JOIN tenantry.databases d ON d.name = p.datname WHERE d.state = 'retained' AND p.datallowconn`))
			for _, name := range names {
				s.Fleet.Connect(t, name, tenants.RoleApp)
			}
			b.Stop(t)
		})
	}
}
