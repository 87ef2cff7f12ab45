package crash_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// cutInRollout is a connection of a worker that is lost in the middle of a rollout.
type cutInRollout struct {
	name    string
	control bool // it is one to the control database, else one to a tenant's
	least   crashtest.Form
	cut     crashtest.Cut
}

// Requests of apply, and of what brings a tenant's operation and a rollout on.
const (
	history = "_tenantry.schema_history"
	commit  = "COMMIT\x00"
	ends    = `"release":"rel_` // of an argument: a migration's end, together with what its database stands at
	step    = "tenantry.dispatch_rollout"
)

func cutsInRollout() []cutInRollout {
	const short, full = crashtest.Short, crashtest.Full
	return []cutInRollout{
		{"open", false, full, crashtest.Cut{How: crashtest.LoseRequest, At: "pg_try_advisory_lock", Saw: "SET idle_in_transaction_session_timeout", Nth: 2}},
		{"statements/lost", false, full, crashtest.Cut{How: crashtest.LoseRequest, At: "ADD COLUMN country", Nth: 2}},
		{"statements/answer", false, full, crashtest.Cut{How: crashtest.LoseAnswer, At: "ADD COLUMN country", Nth: 2}},
		{"commit/lost", false, full, crashtest.Cut{How: crashtest.LoseRequest, Saw: history, At: commit, Nth: 3}},
		{"commit/answer", false, short, crashtest.Cut{How: crashtest.LoseAnswer, Saw: history, At: commit, Nth: 3}},
		{"commit/reset", false, full, crashtest.Cut{How: crashtest.Reset, Saw: history, At: commit, Nth: 1}},
		{"last commit/answer", false, full, crashtest.Cut{How: crashtest.LoseAnswer, Saw: "pinned = NOT pinned", At: commit, Nth: 2}},
		{"intent/answer", false, full, crashtest.Cut{How: crashtest.LoseAnswer, At: "'running', $5, $6", Nth: 2}},
		{"alone/lost", false, full, crashtest.Cut{How: crashtest.LoseRequest, At: "CREATE INDEX CONCURRENTLY customers_country", Nth: 2}},
		{"alone/answer", false, full, crashtest.Cut{How: crashtest.LoseAnswer, At: "DROP INDEX CONCURRENTLY orders_ordered", Nth: 2}},
		{"alone/reset", false, full, crashtest.Cut{How: crashtest.Reset, At: "CREATE UNIQUE INDEX CONCURRENTLY notes_body", Nth: 2}},
		{"effect/answer", false, full, crashtest.Cut{How: crashtest.LoseAnswer, At: "SET status = 'done'", Nth: 4}},
		{"end/lost", true, full, crashtest.Cut{How: crashtest.LoseRequest, At: ends, Nth: 2}},
		{"end/answer", true, short, crashtest.Cut{How: crashtest.LoseAnswer, At: ends, Nth: 2}},
		{"step/lost", true, full, crashtest.Cut{How: crashtest.LoseRequest, Saw: step, At: "commit\x00", Nth: 1}},
		{"step/answer", true, full, crashtest.Cut{How: crashtest.LoseAnswer, Saw: step, At: "commit\x00", Nth: 1}},
	}
}

// TestConnectionCutInRollout cuts a worker's connections in the middle of a rollout, also after COMMIT was sent and before its answer came.
// The same worker goes on: nothing is guessed, nothing is done twice.
func TestConnectionCutInRollout(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	for _, c := range cutsInRollout() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			crashtest.From(t, c.least)
			f := fleettest.New(t)
			server := fleettest.ServerURL(t)
			wire := crashtest.NewWire(t, server)
			at, controlURL := wire.URL(t, server), f.URL
			if c.control {
				at, controlURL = server, wire.URL(t, f.URL)
			}
			s := sceneOf(t, f, f.NodeAt(t, at, "n1"))
			var names []string
			for i := range 5 {
				names = append(names, fmt.Sprintf("w%d", i))
			}
			withWorker(t, s, func() { needMigrate(t, s, names) })
			policy := rollout.Policy{Waves: []float64{40, 100}, Bake: -1, Parallel: 2}
			id, plan, err := rollout.Start(t.Context(), f.Pool, nextRelease, rollout.Selector{}, policy, "test")
			require.NoError(t, err)
			r, err := rollout.Get(t.Context(), f.Pool, id)
			require.NoError(t, err)

			fell := wire.Arm(c.cut)
			f.Worker(t, func(config *workers.Config) { config.ControlURL, config.Lease = controlURL, 10*time.Second })
			op := f.Ends(t, r.OperationID)
			select {
			case <-fell:
			default:
				require.Fail(t, "no connection was cut")
			}
			require.Equal(t, jobs.StateSucceeded, op.State, "%+v", op.Error)
			changing := plan.Count(rollout.Pending, -1)
			r, err = rollout.Get(t.Context(), f.Pool, id)
			require.NoError(t, err)
			require.Equal(t, changing, r.Of(-1, rollout.Done))
			children, err := f.Jobs.List(t.Context(), jobs.Filter{Parent: r.OperationID})
			require.NoError(t, err)
			require.Len(t, children, changing)
			again := 0
			for _, child := range children {
				again += child.Attempt - 1
			}
			require.LessOrEqual(t, again, 1, "one connection was cut")
			crashtest.Holds(t, s, crashtest.Expect{Failures: 1, Hiccups: 2})
		})
	}
}
