package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// TestLooks: tables of a backup are restored for a look, listed, and dropped, by somebody at a terminal.
func TestLooks(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	c := at(t, f)
	t.Setenv("TENANTRY_BACKUP_URL", f.BackupURL)
	f.Node(t, "n1")
	f.Worker(t)
	c.ok("control", "settings", "verify_at_once", "0")
	c.ok("tenant", "create", "acme", "--wait")
	c.ok("backup", "create", "acme", "--wait")
	backup := c.list("backup", "list", "acme")[0]["id"].(string)

	_, said := c.run(exitUsage, "backup", "restore", backup, "--table", "customers", "--to-new", "acme-2")
	require.Contains(t, said, "one of them")
	_, said = c.run(exitUsage, "backup", "restore", backup, "--to-new", "acme-2", "--keep", "1 day")
	require.Contains(t, said, `--keep "1 day" without --table`)
	_, said = c.run(exitUsage, "backup", "restore", backup, "--table", "customers", "--keep", "soon")
	require.Contains(t, said, "give an interval")
	_, said = c.run(exitError, "backup", "restore", backup, "--table", "custmers", "--wait")
	require.Contains(t, said, "the backup has no table custmers")

	shown := c.ok("backup", "restore", "--tenant", "acme", "--table", "customers", "--table", `"invoices"`, "--keep", "2 days", "--wait")
	look := c.list("backup", "looks", "acme")[0]
	requireFields(t, look, "operation_id", "tenant", "backup", "taken_at", "schema", "state", "tables", "rows", "expires_at")
	require.Contains(t, shown, look["schema"])
	require.Equal(t, "there", look["state"])
	require.InDelta(t, 2, look["tables"], 0)
	require.Len(t, c.list("backup", "looks"), 1)
	result := c.object("op", "show", look["operation_id"].(string))["result"].(map[string]any)
	require.Equal(t, look["schema"], result["schema"])
	require.Len(t, result["tables"], 2)

	_, said = c.run(exitError, "backup", "drop-tables", "acme", "public")
	require.Contains(t, said, "acme has no restored tables in")
	c.ok("backup", "drop-tables", "acme", look["schema"].(string), "--wait")
	require.Empty(t, c.list("backup", "looks"))
}
