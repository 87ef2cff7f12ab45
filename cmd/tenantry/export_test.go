package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// TestExportCommands walks an export from its making to a new tenant.
func TestExportCommands(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	c := at(t, f)
	t.Setenv("TENANTRY_BACKUP_URL", f.BackupURL)
	dir := t.TempDir()
	c.ok("tenant", "create", "acme", "--wait")
	require.Empty(t, c.list("export", "list"))
	_, said := c.run(exitUsage, "export", "create", "acme", "--format", "xlsx")
	require.Contains(t, said, "csv, ndjson or parquet")
	c.ok("export", "create", "acme", "--keep", "2 hours", "--wait")
	e := c.list("export", "list", "acme")[0]
	requireFields(t, e, "id", "tenant", "state", "format", "bytes", "sha256", "tables", "rows", "expires_at")
	id := e["id"].(string)
	require.Contains(t, c.ok("export", "list"), id)

	file := filepath.Join(dir, "acme.zip")
	require.Contains(t, c.ok("export", "fetch", id, "--to", file), e["sha256"])
	_, said = c.run(exitError, "export", "fetch", id, "--to", file)
	require.Contains(t, said, "exists")
	_, said = c.run(exitError, "export", "link", id)
	require.Contains(t, said, "tenantry export fetch "+id)
	_, said = c.run(exitUsage, "export", "link", id, "--for", "3h")
	require.Contains(t, said, "before the link ends")

	c.ok("import", file, "--to-new", "acme-2", "--label", "plan=pro", "--idempotency-key", "k", "--wait")
	c.ok("import", file, "--to-new", "acme-2", "--label", "plan=pro", "--idempotency-key", "k", "--wait")
	require.Equal(t, "active", c.object("tenant", "show", "acme-2")["state"])
	_, said = c.run(exitError, "import", file, "--to-new", "acme-2")
	require.Contains(t, said, "exists")
	uploads, err := filepath.Glob(strings.TrimPrefix(f.BackupURL, "file://") + "/imports/*")
	require.NoError(t, err)
	require.Len(t, uploads, 1, "what was refused leaves nothing")

	c.ok("export", "create", "acme", "--format", "parquet", "--wait")
	columns := filepath.Join(dir, "columns.zip")
	c.ok("export", "fetch", c.list("export", "list", "acme")[0]["id"].(string), "--to", columns)
	_, said = c.run(exitError, "import", columns, "--to-new", "acme-3")
	require.Contains(t, said, "its rows are parquet, which is for other programs: make an export with --format csv")

	body, err := os.ReadFile(file)
	require.NoError(t, err)
	broken := filepath.Join(dir, "broken.zip")
	require.NoError(t, os.WriteFile(broken, body[:len(body)/2], 0o600))
	_, said = c.run(exitError, "import", broken, "--to-new", "acme-3")
	require.Contains(t, said, "no zip, or its end is missing")

	// What lies in the store is not what was written there.
	object := filepath.Join(strings.TrimPrefix(f.BackupURL, "file://"), filepath.FromSlash(e["object"].(string)))
	body[len(body)/2] ^= 1
	require.NoError(t, os.WriteFile(object, body, 0o600))
	_, said = c.run(exitError, "export", "fetch", id, "--to", filepath.Join(dir, "again.zip"))
	require.Contains(t, said, "checksum")
	left, err := filepath.Glob(filepath.Join(dir, "*again*"))
	require.NoError(t, err)
	require.Empty(t, left)
	hidden, err := filepath.Glob(filepath.Join(dir, ".tenantry-export-*"))
	require.NoError(t, err)
	require.Empty(t, hidden)
}
