package workers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// Fences are forgotten after a week, when every live worker has obeyed them. The newest stays.
func TestOldFencesAreSwept(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1")
	rt := f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	rt.Stop()
	execControl(t, f, `DELETE FROM tenantry.workers`)
	execControl(t, f, `DELETE FROM tenantry.fences`)
	execControl(t, f, `
		INSERT INTO tenantry.fences (seq, tenant_id, epoch, at)
		SELECT s, t.id, s, now() - make_interval(days => 10 - s, hours => 12)
		FROM tenantry.tenants t, generate_series(1, 10) s`) // the third is seven days and a half old, the fourth six
	worker := func(id, state string, fenced int) {
		execControl(t, f, `INSERT INTO tenantry.workers (id, host, pid, version, lease, state, fenced_seq) VALUES ($1, '', 1, '', '10 s', $2, $3)`, id, state, fenced)
	}
	left := func() []int32 {
		require.NoError(t, workers.Sweep(ctx, f.Pool))
		return scan[[]int32](t, f, `SELECT array_agg(seq::integer ORDER BY seq) FROM tenantry.fences`)
	}
	worker("quick", "alive", 9)
	worker("slow", "alive", 2)
	worker("dead", "dead", 0)
	require.Equal(t, []int32{3, 4, 5, 6, 7, 8, 9, 10}, left(), "what the slow one has not obeyed stays")
	execControl(t, f, `UPDATE tenantry.workers SET fenced_seq = 9 WHERE id = 'slow'`)
	require.Equal(t, []int32{4, 5, 6, 7, 8, 9, 10}, left(), "what is younger than a week stays")
	execControl(t, f, `UPDATE tenantry.workers SET fenced_seq = 10`)
	execControl(t, f, `UPDATE tenantry.fences SET at = now() - interval '8 days'`)
	require.Equal(t, []int32{10}, left())
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM pg_indexes WHERE schemaname = 'tenantry' AND tablename = 'fences' AND indexdef LIKE '%(tenant_id, seq)'`))
}
