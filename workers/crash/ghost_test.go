package crash_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// bigRelease has some 200 MB in its template, so that copying it takes the server a while.
const bigRelease = "sample-big"

func publishBig(t *testing.T, s *crashtest.Scene) {
	t.Helper()
	crashtest.Publish(t, s.Fleet, bigRelease, crashtest.Sample(t, map[string]string{"00005_big.sql": `-- +goose Up
CREATE UNLOGGED TABLE big AS SELECT n, repeat('x', 1000) AS filler FROM generate_series(1, 200000) AS n;
`}), workers.MakeCurrent)
	withWorker(t, s, func() { createTenant(t, s, "clean-big") })
	s.Remember(t, "clean-big")
}

// TestGhostCreate kills a worker while the server is busy with its CREATE or DROP DATABASE. The server may go on with it, the next
// worker must not be confused by that.
func TestGhostCreate(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	s := newScene(t)
	publishBig(t, s)
	node := onNode(t, s, "")

	id := askTenant(t, s, "ghost")
	a := program(t).Start(t, s.Fleet, "A", shortLease)
	untilBusy(t, node, id, "CREATE DATABASE \"t\\_%")
	a.Kill()
	killed := time.Now()
	b := program(t).Start(t, s.Fleet, "B", longLease)
	eventually(t, "the ghost does not end", func() bool { return len(busy(t, node, id, "CREATE DATABASE \"t\\_%")) == 0 })
	t.Logf("the ghost of CREATE DATABASE ended %s after its client", time.Since(killed).Round(time.Millisecond))
	require.Equal(t, 2, s.Fleet.Succeeds(t, id).Attempt)
	crashtest.Holds(t, s, crashtest.Expect{})
	b.Stop(t)

	database := s.Fleet.Tenant(t, "ghost").Database
	id = s.Fleet.Submit(t, jobs.Purge{Tenant: "ghost", Confirm: "ghost"})
	letGo := hold(t, s, database)
	a = program(t).Start(t, s.Fleet, "A", shortLease)
	untilBusy(t, node, id, "DROP DATABASE%")
	a.Kill()
	b = program(t).Start(t, s.Fleet, "B", longLease)
	eventually(t, "the next attempt does not come to its DROP DATABASE", func() bool {
		return operation(t, s, id).Attempt == 2 && len(busy(t, node, id, "DROP DATABASE%")) > 0
	})
	letGo()
	s.Fleet.Succeeds(t, id)
	crashtest.Holds(t, s, crashtest.Expect{})
	b.Stop(t)
}

// TestGhostOfFrozen: the client is frozen, not dead, so the server keeps on working for it. The next attempt of the same
// operation ends that session before it begins.
func TestGhostOfFrozen(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Full)
	s := newScene(t)
	node := onNode(t, s, "")
	letGo := hold(t, s, template(t, s))
	id := askTenant(t, s, "ghost")
	a := program(t).Start(t, s.Fleet, "A", shortLease)
	untilBusy(t, node, id, "CREATE DATABASE%")
	ghost := busy(t, node, id, "CREATE DATABASE%")
	a.Freeze()
	b := program(t).Start(t, s.Fleet, "B", longLease)
	eventually(t, "the next attempt does not come to its CREATE DATABASE", func() bool {
		now := busy(t, node, id, "CREATE DATABASE%")
		return len(now) == 1 && now[0] != ghost[0]
	})
	letGo()
	require.Equal(t, 2, s.Fleet.Succeeds(t, id).Attempt)
	a.Continue()
	crashtest.Holds(t, s, crashtest.Expect{})
	a.Stop(t)
	b.Stop(t)
	crashtest.Holds(t, s, crashtest.Expect{})
}

// TestGhostOfAnother: the server still works for an operation that a person has given up.
func TestGhostOfAnother(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Full)
	require.NoError(t, purgeWaits(t, newScene(t), ""))
}

// purgeWaits: the operation whose CREATE DATABASE the server still works on is given up by a person, and its tenant is purged.
// The purge must wait for the ghost: what it does not see yet, it would leave behind. Another operation's session is not
// its to end; what keeps the two apart is the lock alone.
func purgeWaits(t *testing.T, s *crashtest.Scene, off string) error {
	t.Helper()
	control(t, s, `UPDATE tenantry.settings SET value = '1' WHERE key = 'max_reaps'`)
	node := onNode(t, s, "")
	letGo := hold(t, s, template(t, s))
	id := askTenant(t, s, "ghost")
	tenantID := s.Fleet.Tenant(t, "ghost").ID
	a := program(t).Start(t, s.Fleet, "A", shortLease)
	untilBusy(t, node, id, "CREATE DATABASE%")
	a.Freeze()
	program(t).Start(t, s.Fleet, "B", guardsOff(off, longLease)...)
	require.Equal(t, jobs.StateParked, s.Fleet.Ends(t, id).State)
	tenantry(t, s, "op", "cancel", id)
	purge := s.Fleet.Submit(t, jobs.Purge{Tenant: "ghost", Confirm: "ghost"})
	eventually(t, "the purge does not begin", func() bool { return operation(t, s, purge).State != jobs.StateQueued })
	var early error
	for until := time.Now().Add(2 * time.Second); early == nil && time.Now().Before(until); <-time.After(50 * time.Millisecond) {
		if op := operation(t, s, purge); op.State.Final() {
			early = fmt.Errorf("the purge is %s while the server still works on CREATE DATABASE", op.State)
		}
	}
	letGo() // the ghost's database appears
	eventually(t, "CREATE DATABASE does not end", func() bool { return len(busy(t, node, id, "CREATE DATABASE%")) == 0 })
	a.Kill()
	if early != nil {
		return early
	}
	s.Fleet.Succeeds(t, purge)
	require.Equal(t, tenants.StateDeleted, s.Fleet.Tenant(t, tenantID).State)
	return violations(t, s, crashtest.Expect{Ended: map[string]string{id: string(jobs.StateCancelled)}})
}
