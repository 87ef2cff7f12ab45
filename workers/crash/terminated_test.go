package crash_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// endOneSQL ends one of a worker's sessions, drawn by $1 from 0 to 1. $2 and $3 are the control database and the node's
// provisioner.
const endOneSQL = `
WITH ours AS (
  SELECT pid, application_name, row_number() OVER (ORDER BY pid) - 1 AS i, count(*) OVER () AS n
  FROM pg_stat_activity
  WHERE application_name LIKE 'tenantry/%' AND application_name <> 'tenantry/test'
    AND (datname = $2 OR usename = $3 OR usename LIKE $3 || '\_%' OR 'tenantry/' || split_part(application_name, '/', 2) = ANY ($4))
)
SELECT coalesce((SELECT application_name FROM ours WHERE i = floor($1 * n) AND pg_terminate_backend(pid)), '')`

// TestBackendTerminated ends a worker's sessions on the control database and on the node at random moments while it makes
// tenants. Each costs at most an attempt.
func TestBackendTerminated(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	lot := crashtest.Lot(t)
	s := newScene(t)
	server := onNode(t, s, "")
	var ops, ours []string
	for i := range 10 {
		id := askTenant(t, s, fmt.Sprintf("cut-%d", i))
		ops, ours = append(ops, id), append(ours, "tenantry/"+id)
	}
	w := program(t).Start(t, s.Fleet, "A", longLease)
	w.Ready(t)
	ends := map[string]int{}
	for range 40 {
		<-time.After(time.Duration(10+lot.IntN(150)) * time.Millisecond)
		var name string
		require.NoError(t, server.QueryRow(t.Context(), endOneSQL, lot.Float64(), s.Fleet.Database, s.Node.Provisioner, ours).Scan(&name))
		if strings.HasPrefix(name, "tenantry/op_") {
			name = "an operation's"
		}
		ends[name]++
	}
	t.Logf("ended sessions: %v", ends)
	failures := 0
	for _, id := range ops {
		failures = max(failures, s.Fleet.Succeeds(t, id).Failures)
	}
	t.Logf("most failures of one operation: %d", failures)
	crashtest.Holds(t, s, crashtest.Expect{Failures: failures, Hiccups: 100})
	w.Stop(t)
}
