package crash_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// schedulePoints are passed by a worker that asks for what is due: in the middle of three times, and after the transaction.
var schedulePoints = []string{"schedule.slot.within", "schedule.slot.within#2", "schedule.slot.after"}

// TestScheduleCrash kills a worker while it asks for what a schedule is due for. Another one goes on: each time was asked for once.
func TestScheduleCrash(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	for _, point := range schedulePoints {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			control(t, s, `DELETE FROM tenantry.schedules`)
			control(t, s, `INSERT INTO tenantry.schedules (name, kind, expression, missed, does) VALUES ('probe', 'noop', '0 * * * *', 'each', 'a probe')`)
			control(t, s, `UPDATE tenantry.schedules SET slot = date_trunc('hour', now()) - interval '3 hours'`)
			a := program(t).Start(t, s.Fleet, "A", shortLease, "--crashpoint="+point)
			a.Stands(t)
			a.Kill()
			b := program(t).Start(t, s.Fleet, "B", longLease)
			eventually(t, "nobody goes on", func() bool {
				return value[int](t, s, `SELECT count(*) FROM tenantry.slots s JOIN tenantry.operations o ON o.id = s.operation_id WHERE o.state = 'succeeded'`) >= 3
			})
			require.Equal(t, value[int](t, s, `SELECT count(*) FROM tenantry.slots`), value[int](t, s, `SELECT count(*) FROM tenantry.operations WHERE kind = 'noop'`))
			require.Zero(t, value[int](t, s, `SELECT count(*) FROM tenantry.slots WHERE operation_id IS NULL`))
			b.Stop(t)
		})
	}
}
