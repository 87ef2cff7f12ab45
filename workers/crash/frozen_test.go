package crash_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// freeze is a worker that stands still for longer than its lease, such as in a virtual machine that is moved: meanwhile
// another finishes its operation and the tenant's life goes on; then it wakes up in the middle of the past.
type freeze struct {
	name, point string
	least       crashtest.Form
	need        func(t *testing.T, s *crashtest.Scene, names []string)
	before      func(t *testing.T, s *crashtest.Scene, name, point string)
	ask         func(t *testing.T, s *crashtest.Scene, name, point string) (operation string)
	// meanwhile is what happens to the tenant while the worker is frozen, after its operation has been finished.
	meanwhile []func(slug string) jobs.Args
	tenant    tenants.State
}

func freezes() []freeze {
	rotate := func(slug string) jobs.Args { return jobs.Rotate{Tenant: slug} }
	suspend := func(slug string) jobs.Args { return jobs.Suspend{Tenant: slug} }
	resume := func(slug string) jobs.Args { return jobs.Resume{Tenant: slug} }
	purge := func(slug string) jobs.Args { return jobs.Purge{Tenant: slug, Confirm: slug} }
	then := func(list ...func(string) jobs.Args) []func(string) jobs.Args { return list }
	return []freeze{
		{name: "create", point: "build.database.before", least: crashtest.Short, ask: askProvision, meanwhile: then(purge), tenant: tenants.StateDeleted},
		{name: "passwords", point: "build.roles.before", ask: askProvision, meanwhile: then(purge), tenant: tenants.StateDeleted},
		{name: "end", point: "operation.settle.before", ask: askProvision, meanwhile: then(suspend), tenant: tenants.StateSuspended},
		{name: "record", point: "operation.settle.within", least: crashtest.Short, ask: askProvision, meanwhile: then(suspend), tenant: tenants.StateSuspended},
		{name: "change", point: "operation.change.within", need: needTenants, ask: asking(purge), tenant: tenants.StateDeleted},
		{name: "begin", point: "operation.start.before", ask: askProvision, tenant: tenants.StateActive},
		{name: "template", point: "template.close.after", before: loseTemplate, ask: askProvision, tenant: tenants.StateActive},
		{name: "drop", point: "drop.database.before", least: crashtest.Short, need: needTenants, ask: asking(purge), tenant: tenants.StateDeleted},
		{name: "close", point: "fence.before", least: crashtest.Short, need: needTenants, ask: asking(suspend), meanwhile: then(resume), tenant: tenants.StateActive},
		{name: "open", point: "unfence.before", need: needing(suspend), ask: asking(resume), meanwhile: then(suspend), tenant: tenants.StateSuspended},
		{name: "rotate", point: "build.roles.before", least: crashtest.Short, need: needTenants, ask: asking(rotate), meanwhile: then(rotate), tenant: tenants.StateActive},
		{name: "migrate", point: "apply.tx.executed", need: needMigrate, ask: askMigrate, meanwhile: then(rotate), tenant: tenants.StateActive},
		{name: "index", point: "apply.alone.intent", need: needMigrate, ask: askMigrate, tenant: tenants.StateActive},
	}
}

func TestFrozenWorker(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	for _, z := range freezes() {
		t.Run(z.name, func(t *testing.T) {
			t.Parallel()
			if z.least == "" {
				crashtest.From(t, crashtest.Full)
			}
			s := newScene(t)
			slug := "frozen-" + z.name
			if z.need != nil {
				withWorker(t, s, func() { z.need(t, s, []string{slug}) })
			}
			z.run(t, s, slug)
		})
	}
}

func (z freeze) run(t *testing.T, s *crashtest.Scene, slug string) {
	t.Helper()
	if z.before != nil {
		z.before(t, s, slug, z.point)
	}
	id := z.ask(t, s, slug, z.point)
	a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint=stop:"+z.point)
	require.NoError(t, a.Await(ended(t, s, id)))
	b := program(t).Start(t, s.Fleet, "B", longLease)
	op := s.Fleet.Succeeds(t, id)
	require.LessOrEqual(t, op.Attempt, 2)
	require.NotContains(t, *op.WorkerID, fmt.Sprintf("-%d-", a.PID()))
	tenantID := *op.TenantID
	for _, args := range z.meanwhile {
		s.Fleet.Do(t, args(slug))
	}
	crashtest.Holds(t, s, crashtest.Expect{})

	a.Continue()
	eventually(t, "the worker that was frozen does not start anew", func() bool {
		return strings.Count(a.Log(), `"message":"worker started"`) == 2
	})
	// Its old life has ended, and all it did in it.
	crashtest.Holds(t, s, crashtest.Expect{})
	require.Equal(t, z.tenant, s.Fleet.Tenant(t, tenantID).State)
	require.Equal(t, op.Attempt, operation(t, s, id).Attempt)

	b.Stop(t)
	op = s.Fleet.Succeeds(t, askTenant(t, s, "after-"+slug))
	require.Contains(t, *op.WorkerID, fmt.Sprintf("-%d-", a.PID()), "the worker that was frozen works again")
	crashtest.Holds(t, s, crashtest.Expect{})
	a.Stop(t)
}
