package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// TestBackupCommands walks backups from their making to their end.
func TestBackupCommands(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	c := at(t, f)
	t.Setenv("TENANTRY_BACKUP_URL", f.BackupURL)
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	require.NoError(t, err)
	c.ok("tenant", "create", "acme", "--label", "plan=pro", "--wait")
	_, said := c.run(exitUsage, "backup", "create")
	require.Contains(t, said, "--all")
	require.Contains(t, c.ok("backup", "status"), "never")
	c.ok("backup", "create", "--all", "--wait")
	c.ok("backup", "create", "--select", "plan=pro", "--wait")
	list := c.list("backup", "list", "acme")
	require.Len(t, list, 2)
	newest := list[0]["id"].(string)
	require.Contains(t, c.ok("backup", "show", newest), "unverified")
	require.Contains(t, c.ok("backup", "check", newest), "is as it was written")
	c.ok("backup", "verify", "--tenant", "acme", "--wait")
	require.Equal(t, "verified", c.object("backup", "show", newest)["outcome"])

	require.Contains(t, c.ok("backup", "retention", "show"), "last 3, daily 7, weekly 4, monthly 12")
	_, said = c.run(exitUsage, "backup", "retention", "set", "--tenant", "acme", "--last", "-1")
	require.Contains(t, said, "--last: -1 is not from 0 to 10000")
	_, said = c.run(exitUsage, "backup", "retention", "set", "--tenant", "acme", "--select", "plan=pro", "--last", "1")
	require.Contains(t, said, "one of them")
	require.Contains(t, c.ok("backup", "retention", "set", "--select", "plan=pro", "--yearly", "5"), "plan=pro    yearly 5")
	c.ok("backup", "retention", "set", "--tenant", "acme", "--last", "1")
	shown := c.ok("backup", "retention", "show", "acme")
	require.Contains(t, shown, "stays: newest that is verified, last")
	require.Contains(t, shown, "goes")
	require.Contains(t, shown, "acme: last 1 (its own)")
	c.ok("backup", "expire", "--wait")
	require.Len(t, c.list("backup", "list", "acme"), 1)
	c.ok("backup", "retention", "unset", "--tenant", "acme")
	_, said = c.run(exitError, "backup", "retention", "unset", "--tenant", "acme")
	require.Contains(t, said, "there is no such policy")
	require.Contains(t, c.ok("backup", "retention", "show", "acme"), "yearly 5 (of plan=pro)")

	_, said = c.run(exitUsage, "backup", "hold", newest)
	require.Contains(t, said, "--reason")
	require.Contains(t, c.ok("backup", "hold", newest, "--reason", "case 4711"), "case 4711")
	require.Contains(t, c.ok("backup", "release", newest), "is not held")

	c.ok("backup", "cover", "acme", "--wait")
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.backups SET taken_at = now() - interval '2 hours', unchanged_until = now() - interval '1 hour' WHERE id = $1`, newest)
	require.NoError(t, err)
	require.Contains(t, c.ok("backup", "show", newest), "had not changed until")
	_, said = c.run(exitOK, "backup", "restore", "--tenant", "acme", "--at", time.Now().Add(-90*time.Minute).UTC().Format(time.RFC3339), "--to-new", "acme-2", "--wait")
	require.Contains(t, said, "nothing is lost")
	_, said = c.run(exitError, "backup", "restore", "--tenant", "acme", "--to-new", "acme-2")
	require.Contains(t, said, "what was written in the 1h0m")
	require.Contains(t, said, "exists")
	_, said = c.run(exitError, "backup", "restore", "--tenant", "acme", "--at", "2020-01-01T00:00:00Z", "--to-new", "acme-4")
	require.Contains(t, said, "has no backup that was taken before")
	c.ok("backup", "restore", newest, "--in-place", "--confirm", "acme", "--wait")
	c.ok("backup", "undo", "acme", "--confirm", "acme", "--wait")
	status := c.ok("backup", "status")
	require.Contains(t, status, "acme")
	require.Regexp(t, `the next night: about .*s of dumping, spread over 04:00:00; 1 tenants have not changed`, status)
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.backups SET unchanged_until = NULL`)
	require.NoError(t, err)
	require.Contains(t, c.ok("backup", "status"), "0 tenants have not changed lately")
}
