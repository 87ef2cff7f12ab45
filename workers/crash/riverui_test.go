package crash_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// settled is how soon the ledger has settled what a person did to a River job.
const settled = time.Minute

// riverClient does what River UI's API does: it is made with such a client.
func riverClient(t *testing.T, s *crashtest.Scene) *river.Client[pgx.Tx] {
	t.Helper()
	client, err := river.NewClient(riverpgxv5.New(s.Fleet.Pool), &river.Config{Schema: jobs.Schema})
	require.NoError(t, err)
	return client
}

// action is something that a person does to a River job.
type action struct {
	name string
	do   func(t *testing.T, s *crashtest.Scene, job int64)
}

func riverActions() []action {
	return []action{
		{"cancel", func(t *testing.T, s *crashtest.Scene, job int64) {
			t.Helper()
			_, err := riverClient(t, s).JobCancel(t.Context(), job)
			require.NoError(t, err)
		}},
		{"delete", func(t *testing.T, s *crashtest.Scene, job int64) {
			t.Helper()
			_, err := riverClient(t, s).JobDelete(t.Context(), job)
			require.NoError(t, err)
		}},
		{"discard", func(t *testing.T, s *crashtest.Scene, job int64) {
			t.Helper()
			control(t, s, `UPDATE river.river_job SET state = 'discarded', finalized_at = now() WHERE id = $1`, job)
		}},
		{"retry", func(t *testing.T, s *crashtest.Scene, job int64) {
			t.Helper()
			_, err := riverClient(t, s).JobRetry(t.Context(), job)
			require.NoError(t, err)
		}},
		{"remove", func(t *testing.T, s *crashtest.Scene, job int64) {
			t.Helper()
			control(t, s, `DELETE FROM river.river_job WHERE id = $1`, job)
		}},
	}
}

// TestRiverUIActions: whatever is done to a job by hand, the ledger settles it, the tenant's mailbox goes on, and nothing runs out
// of its turn.
func TestRiverUIActions(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	for _, act := range riverActions() {
		t.Run(act.name, func(t *testing.T) {
			t.Parallel()
			if act.name == "remove" { // River UI does not, psql does
				crashtest.From(t, crashtest.Full)
			}
			s := newScene(t)
			withWorker(t, s, func() {
				needTenants(t, s, []string{"queued", "running", "waiting", "retrying"})
			})
			meddle(t, s, act)
		})
	}
}

// meddle has four tenants with three operations each: the first stands where the action meets it, the second is met in the
// tenant "waiting", and the third must come to its turn in any case.
func meddle(t *testing.T, s *crashtest.Scene, act action) {
	t.Helper()
	job := func(id string) int64 { return *operation(t, s, id).RiverJobID }
	three := func(slug string) [3]string {
		return [3]string{
			s.Fleet.Submit(t, jobs.Rotate{Tenant: slug}), s.Fleet.Submit(t, jobs.Suspend{Tenant: slug}), s.Fleet.Submit(t, jobs.Resume{Tenant: slug}),
		}
	}

	// One that runs: a worker stands in the middle of it until its grace is over.
	running := three("running")
	a := program(t).Start(t, s.Fleet, "A", "--lease=30s", "--grace=1s", "--crashpoint=build.roles.intent")
	a.Stands(t)
	if act.name == "delete" {
		_, err := riverClient(t, s).JobDelete(t.Context(), job(running[0]))
		require.ErrorIs(t, err, rivertype.ErrJobRunning, "River refuses to delete what runs")
	} else {
		act.do(t, s, job(running[0]))
	}
	a.Stop(t)

	// One that is retried: its node lets nobody in for a while.
	node := onNode(t, s, "")
	execOn(t, node, "ALTER ROLE %s CONNECTION LIMIT 0", pgx.Identifier{s.Node.Provisioner}.Sanitize())
	retrying := three("retrying")
	w := program(t).Start(t, s.Fleet, "B", longLease)
	eventually(t, "the operation is not retried", func() bool { return operation(t, s, retrying[0]).State == jobs.StateRetrying })
	w.Stop(t)
	act.do(t, s, job(retrying[0]))
	execOn(t, node, "ALTER ROLE %s CONNECTION LIMIT -1", pgx.Identifier{s.Node.Provisioner}.Sanitize())

	queued, waiting := three("queued"), three("waiting")
	act.do(t, s, job(queued[0]))
	act.do(t, s, job(waiting[1]))
	fresh := askTenant(t, s, "fresh")
	act.do(t, s, job(fresh))

	c := program(t).Start(t, s.Fleet, "C", longLease)
	begun := time.Now()
	met := map[string]bool{running[0]: true, retrying[0]: true, queued[0]: true, waiting[1]: true}
	ended := map[string]string{}
	for _, ids := range [][3]string{running, retrying, queued, waiting} {
		var last jobs.Operation
		for _, id := range ids {
			op := s.Fleet.Ends(t, id)
			if op.State == jobs.StateParked {
				require.True(t, met[id], "operation %s is parked: %+v", id, op.Error)
				require.Equal(t, "job_discarded", op.Error.Code)
				tenantry(t, s, "op", "retry", id)
				op = s.Fleet.Ends(t, id)
			}
			if op.State != jobs.StateSucceeded {
				require.Equal(t, jobs.StateCancelled, op.State, "operation %s: %+v", id, op.Error)
				require.True(t, met[id], "operation %s, which nobody has touched, is cancelled", id)
				require.NotEqual(t, "retry", act.name)
				ended[id] = string(op.State)
			}
			if last.FinishedAt != nil && op.StartedAt != nil {
				require.False(t, op.StartedAt.Before(*last.FinishedAt), "%s %s began before %s %s had ended", op.Kind, id, last.Kind, last.ID)
			}
			last = op
		}
	}
	made(t, s, fresh)
	if act.name == "retry" {
		// What has ended stays as it is, however often its job is run.
		op := operation(t, s, fresh)
		act.do(t, s, *op.RiverJobID)
		eventually(t, "the job of an ended operation is not put away", func() bool {
			return value[string](t, s, `SELECT state FROM river.river_job WHERE id = $1`, *op.RiverJobID) == "completed"
		})
		require.Equal(t, op, operation(t, s, fresh))
	}
	t.Logf("%s: settled in %s, cancelled %d", act.name, time.Since(begun).Round(time.Millisecond), len(ended))
	require.Less(t, time.Since(begun), settled)
	crashtest.Holds(t, s, crashtest.Expect{Ended: ended, AnyJob: true, Failures: 1})
	c.Stop(t)
}

// made: a tenant whose provisioning was stopped has failed, cleanly, and can be provisioned again.
func made(t *testing.T, s *crashtest.Scene, id string) {
	t.Helper()
	op := s.Fleet.Ends(t, id)
	if op.State == jobs.StateCancelled {
		require.Equal(t, tenants.StateFailed, s.Fleet.Tenant(t, *op.TenantID).State)
	}
	if op.State != jobs.StateSucceeded {
		tenantry(t, s, "op", "retry", id)
		s.Fleet.Succeeds(t, id)
	}
	require.Equal(t, tenants.StateActive, s.Fleet.Tenant(t, *op.TenantID).State)
}
