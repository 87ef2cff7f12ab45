package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// drillTenants is how many tenants the drill loses: DRILL_TENANTS, or a few.
func drillTenants(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("DRILL_TENANTS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	return 3
}

// TestDrillOfALostNode kills the server of a node and brings its tenants back from their backups, with one command; then the server comes back.
func TestDrillOfALostNode(t *testing.T) { //nolint:paralleltest // the environment is the process's
	n := drillTenants(t)
	server := privateServer(t)
	f := fleettest.New(t)
	f.Node(t, "safe")
	f.NodeAt(t, server.URL("postgres"), "doomed")
	f.Worker(t)
	c := at(t, f)
	t.Setenv("TENANTRY_BACKUP_URL", f.BackupURL)
	control := func(sql string) {
		t.Helper()
		_, err := f.Pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	control(`UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	slug := func(i int) string { return fmt.Sprintf("t-%02d", i) }
	rows := func(slug string) (count int) {
		t.Helper()
		require.NoError(t, f.Connect(t, slug, tenants.RoleApp).QueryRow(t.Context(), `SELECT count(*) FROM customers`).Scan(&count))
		return count
	}
	write := func(slug string, rows int) {
		t.Helper()
		conn := f.Connect(t, slug, tenants.RoleApp)
		_, err := conn.Exec(t.Context(), `INSERT INTO customers (name, email) SELECT 'c' || i, gen_random_uuid() || '@example.com' FROM generate_series(1, $1) i`, rows)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
	for i := range n {
		f.Do(t, jobs.Provision{Slug: slug(i), Node: "doomed"})
		write(slug(i), 10+i)
		f.Do(t, jobs.Backup{Tenant: slug(i)})
		write(slug(i), 1) // which is lost
	}
	f.Do(t, jobs.Provision{Slug: "no-backup", Node: "doomed"})
	f.Do(t, jobs.Provision{Slug: "elsewhere", Node: "safe"})

	_, said := c.run(exitError, "node", "lost", "doomed", "--confirm", "doomed")
	require.Contains(t, said, "doomed answers")
	_, said = c.run(exitUsage, "node", "lost", "doomed")
	require.Contains(t, said, "repeat doomed")
	_, said = c.run(exitError, "node", "restore", "doomed", "--confirm", "doomed")
	require.Contains(t, said, "tenantry node lost doomed first")

	require.NoError(t, server.Kill(t.Context()))
	waits := f.Submit(t, jobs.Backup{Tenant: slug(0)}) // it waits for the node, in the tenant's turn
	c.ok("node", "lost", "doomed", "--confirm", "doomed")
	stdout, _ := c.run(exitError, "doctor")
	require.Contains(t, stdout, "is lost; "+strconv.Itoa(n+1)+" tenants are still on it")
	c.ok("node", "restore", "doomed", "--dry-run")
	_, said = c.run(exitPartial, "node", "restore", "doomed", "--confirm", "doomed", "--wait")
	require.Contains(t, said, "tenant no-backup is not restored: it has no backup")
	for i := range n {
		require.Equal(t, "safe", c.object("tenant", "show", slug(i))["node"])
		require.Equal(t, 10+i, rows(slug(i)), "as of its backup")
	}
	op := f.Ends(t, waits)
	require.Equal(t, jobs.StateFailed, op.State)
	require.Equal(t, "node_lost", op.Error.Code)
	asked := len(c.list("op", "list", "--kind", "restore_in_place"))
	require.Equal(t, n, asked)
	_, said = c.run(exitError, "node", "restore", "doomed", "--confirm", "doomed", "--wait")
	require.NotContains(t, said, slug(0), "what is restored is not restored again")
	require.Len(t, c.list("op", "list", "--kind", "restore_in_place"), asked)
	_, said = c.run(exitError, "backup", "undo", slug(0), "--confirm", slug(0), "--wait")
	require.Contains(t, said, "no restore in place that can be undone")
	write(slug(0), 5)
	stdout, _ = c.run(exitError, "doctor")
	require.Contains(t, stdout, "is lost; 1 tenants are still on it")

	// The server comes back. Nobody gets into what is old, who was not restored is served again, and what was lost can be looked at.
	require.NoError(t, server.Restart(t.Context()))
	c.ok("node", "return", "doomed", "--wait")
	require.Equal(t, "draining", c.object("node", "show", "doomed")["state"])
	require.Zero(t, rows("no-backup"))
	require.Zero(t, rows("elsewhere"))
	require.Equal(t, 15, rows(slug(0)))
	closed := 0
	require.NoError(t, connect(t, server.URL("postgres")).QueryRow(t.Context(), `
		SELECT count(*) FROM pg_database WHERE datname LIKE 't\_%' AND NOT datallowconn AND NOT datistemplate`).Scan(&closed))
	require.Equal(t, n, closed)
	c.ok("backup", "undo", slug(0), "--confirm", slug(0), "--wait")
	require.Equal(t, 11, rows(slug(0)), "with what was written after the backup")
	_, said = c.run(exitError, "node", "return", "doomed", "--wait")
	require.Contains(t, said, "not lost")
	// What was asked for while the node was lost, and comes to its turn now, restores nothing.
	db, err := f.Registry.DatabaseOf(t.Context(), f.Tenant(t, slug(0)).ID)
	require.NoError(t, err)
	var backup string
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT max(id) FROM tenantry.backups WHERE tenant_id = $1 AND state = 'complete'`, db.TenantID).Scan(&backup))
	op = f.Ends(t, f.Submit(t, jobs.RestoreInPlace{Tenant: slug(0), Backup: backup, Confirm: slug(0), Lost: db.ID}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message, "nothing is restored")
	require.Equal(t, 11, rows(slug(0)))
	require.Eventually(t, func() bool {
		var open int
		err := f.Pool.QueryRow(t.Context(), `SELECT count(*) FROM tenantry.operations WHERE finished_at IS NULL`).Scan(&open)
		return err == nil && open == 0
	}, 30*time.Second, 100*time.Millisecond)
}
