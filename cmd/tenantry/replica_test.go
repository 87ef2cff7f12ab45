package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/cmd/internal/localpg"
	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestFillWaitsForAReplica: while a replica stays behind no rows are filled, and whoever watches is told which one it is.
func TestFillWaitsForAReplica(t *testing.T) {
	t.Parallel()
	server := privateServer(t)
	replica := replicaOf(t, server)
	f := fleettest.New(t)
	f.NodeAt(t, server.URL("postgres"), "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	change := func(operations string) jobs.ChangeSchema {
		return jobs.ChangeSchema{Tenant: "acme", Change: json.RawMessage(`{"operations": [` + operations + `]}`)}
	}
	f.Do(t, change(`{"op": "create_form", "form": "p"}, {"op": "add_field", "form": "p", "field": "day", "type": "short_text"}`))
	conn := f.Connect(t, "acme", tenants.RoleApp)
	var table, column string
	err := conn.QueryRow(t.Context(), `SELECT f.table_name, d.column_name FROM _tenantry.forms f JOIN _tenantry.form_fields d ON d.form = f.key`).Scan(&table, &column)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `INSERT INTO form_data.`+table+` (`+column+`) SELECT '2026-01-01' FROM generate_series(1, 400000)`)
	require.NoError(t, err)

	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '"0.5"' WHERE key = 'replica_lag'`)
	require.NoError(t, err)
	_, err = replica.Exec(t.Context(), `SELECT pg_wal_replay_pause()`)
	require.NoError(t, err)
	id := f.Submit(t, change(`{"op": "change_type", "form": "p", "field": "day", "type": "date"}`))
	look := func() jobs.Operation {
		op, err := f.Jobs.Get(t.Context(), id)
		require.NoError(t, err)
		require.Contains(t, []jobs.State{jobs.StateQueued, jobs.StateRunning}, op.State, "%+v", op.Error)
		return op
	}
	require.Eventually(t, func() bool { return strings.Contains(look().Step, "waits for replica tenantry-") }, 30*time.Second, 50*time.Millisecond)
	<-time.After(time.Second) // what was under way is told
	before := look()
	<-time.After(3 * time.Second)
	require.Equal(t, before.Progress.Done, look().Progress.Done, "rows were filled")
	require.Less(t, before.Progress.Done, int64(400000))

	_, err = replica.Exec(t.Context(), `SELECT pg_wal_replay_resume()`)
	require.NoError(t, err)
	f.Succeeds(t, id)
}

// replicaOf copies a server while it runs, and has the copy follow it. The connection is the superuser's.
func replicaOf(t *testing.T, server *localpg.Server) *pgx.Conn {
	t.Helper()
	dir, err := os.MkdirTemp("", "tenantry-replica-") //nolint:usetesting // below TempDir the server's user may not get in, and a copy is not moved
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o711))
	config, err := pgx.ParseConfig(server.URL("postgres"))
	require.NoError(t, err)
	program := server.Binaries().Path("pg_basebackup")
	out, err := exec.CommandContext(t.Context(), program, "-d", server.URL("postgres"), "-D", filepath.Join(dir, "data"), "-R", "-X", "stream", "-c", "fast").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "password"), []byte(config.Password), 0o600))
	standby, err := localpg.Start(t.Context(), localpg.Config{Dir: dir, Durability: localpg.Throwaway})
	require.NoError(t, err)
	t.Cleanup(func() { stopServer(t, standby, dir) })
	conn, err := pgx.Connect(t.Context(), standby.URL("postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
