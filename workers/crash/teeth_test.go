package crash_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// scenario is a fault that one guard is there for. It returns what does not hold afterwards, and works with the guards that are off
// in the workers that it starts, "" for none.
type scenario func(t *testing.T, s *crashtest.Scene, off string) (violation error)

// TestSuiteHasTeeth switches guards off, one at a time, and expects the suite to notice. The same scenarios hold with all
// guards on.
func TestSuiteHasTeeth(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	for _, c := range []struct {
		name, guards string
		run          scenario
	}{
		{"reaper", "reaper", takesOver},
		{"fence", "fence", takesOverFromFrozen},
		{"past", "fence,lock,lease", pastHasNoEffect},
		{"template", "lock", buildOneTemplate},
		{"ghost", "lock", purgeWaits},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			violation := c.run(t, newScene(t), c.guards)
			require.Error(t, violation, "without %s, nothing is noticed", c.guards)
			t.Logf("without %s: %v", c.guards, violation)
		})
		t.Run(c.name+"/on", func(t *testing.T) {
			t.Parallel()
			crashtest.From(t, crashtest.Full)
			require.NoError(t, c.run(t, newScene(t), ""))
		})
	}
}

// bite is how long a scenario waits for what should happen: much longer than it takes with the guard on.
const bite = 12 * time.Second

func guardsOff(off string, args ...string) []string {
	if off == "" {
		return args
	}
	return append(args, "--guards-off="+off)
}

// within waits until an operation has succeeded.
func within(t *testing.T, s *crashtest.Scene, id string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bite)
	defer cancel()
	op, err := s.Fleet.Jobs.Wait(ctx, id)
	if err != nil {
		return fmt.Errorf("not done %s after the fault: %w", bite, err)
	}
	if op.State != jobs.StateSucceeded {
		return fmt.Errorf("operation %s is %s: %+v", id, op.State, op.Error)
	}
	return nil
}

// violations is what Check finds, as an error.
func violations(t *testing.T, s *crashtest.Scene, e crashtest.Expect) error {
	t.Helper()
	var errs []error
	for _, v := range crashtest.Check(t.Context(), s, e) {
		errs = append(errs, errors.New(v))
	}
	return errors.Join(errs...)
}

// takesOver: a worker is killed, another goes on.
func takesOver(t *testing.T, s *crashtest.Scene, off string) error {
	t.Helper()
	id := askTenant(t, s, "left")
	a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint=build.database.created")
	a.Stands(t)
	a.Kill()
	program(t).Start(t, s.Fleet, "B", guardsOff(off, longLease)...)
	return within(t, s, id)
}

// takesOverFromFrozen: the session of a frozen worker holds the lock on what the next attempt must change.
func takesOverFromFrozen(t *testing.T, s *crashtest.Scene, off string) error {
	t.Helper()
	id := askTenant(t, s, "left")
	a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint=stop:build.database.before")
	a.Stands(t)
	program(t).Start(t, s.Fleet, "B", guardsOff(off, longLease)...)
	return within(t, s, id)
}

// pastHasNoEffect: a frozen worker wakes up before its ALTER DATABASE, which would close a tenant that was opened again. Mostly it
// notices first that its lease is over, and stops by itself; what must hold where it does not is tried a few times.
func pastHasNoEffect(t *testing.T, s *crashtest.Scene, off string) error {
	t.Helper()
	withWorker(t, s, func() { needTenants(t, s, []string{"open"}) })
	for range 4 {
		id := s.Fleet.Submit(t, jobs.Suspend{Tenant: "open"})
		a := program(t).Start(t, s.Fleet, "A", guardsOff(off, shortLease, "--crashpoint=stop:fence.before")...)
		a.Stands(t)
		b := program(t).Start(t, s.Fleet, "B", guardsOff(off, longLease)...)
		if err := within(t, s, id); err != nil {
			return err
		}
		s.Fleet.Do(t, jobs.Resume{Tenant: "open"})
		s.Fleet.Connect(t, "open", tenants.RoleApp)
		a.Continue()
		a.Logs(t, "superseded") // its attempt has ended, whichever way
		if err := violations(t, s, crashtest.Expect{}); err != nil {
			return err
		}
		a.Stop(t)
		b.Stop(t)
	}
	return nil
}

// buildOneTemplate: many first tenants at once build one template on their node, in turns.
func buildOneTemplate(t *testing.T, s *crashtest.Scene, off string) error {
	t.Helper()
	loseTemplate(t, s, "", "")
	var ids []string
	for i := range 6 {
		ids = append(ids, askTenant(t, s, fmt.Sprintf("first-%d", i)))
	}
	program(t).Start(t, s.Fleet, "A", guardsOff(off, longLease)...)
	for _, id := range ids {
		if err := within(t, s, id); err != nil {
			return err
		}
	}
	return violations(t, s, crashtest.Expect{})
}
