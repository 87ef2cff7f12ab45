package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestNodeChangesOnlyWhatIsSaid: doctor and errors tell people to add a node again, which must not undo what others have set.
func TestNodeChangesOnlyWhatIsSaid(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	c := at(t, f)
	f.Node(t, "n1") // for its cleaning up
	url := fleettest.ServerURL(t)
	full := []string{"--region", "eu", "--label", "disk=nvme", "--label", "tier=gold", "--max-connections", "40", "--max-tenants", "7", "--warm", "2", "--pooler-url", "postgres://pooler:6432/"}
	before := c.object(append([]string{"node", "add", "n1", "--url", url}, full...)...)
	require.Equal(t, "eu", before["region"])
	require.Equal(t, map[string]any{"disk": "nvme", "tier": "gold"}, before["labels"])
	c.ok("node", "drain", "n1")
	before["state"] = "draining"
	require.Equal(t, before, c.object("node", "add", "n1", "--url", url), "without flags nothing changes")

	// set says a part, in words of its own, and contacts nothing.
	t.Setenv("TENANTRY_SECRET_KEY", "")
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET url = replace(url, '127.0.0.1', '192.0.2.1')`)
	require.NoError(t, err)
	after := maps.Clone(before)
	after["url"], after["warm_target"], after["labels"] = "postgres://db1:5433/postgres", 5.0, map[string]any{"disk": "ssd", "zone": "a"}
	require.Equal(t, after, c.object("node", "set", "n1", "--warm", "5", "--label", "disk=ssd", "--label", "tier-", "--label", "zone=a", "--worker-url", "postgres://db1:5433/postgres"))
	after["max_tenants"], after["pooler_url"], after["region"], after["max_connections"] = nil, "", "", 50.0
	require.Equal(t, after, c.object("node", "set", "n1", "--max-tenants", "0", "--pooler-url", "", "--region", "", "--max-connections", "50"))
	require.Contains(t, c.ok("node", "set", "n1", "--warm", "0"), "0 databases kept warm")
	for _, z := range []struct {
		args []string
		says string
	}{
		{nil, "nothing to change"},
		{[]string{"--warm", "1001"}, "--warm: 1001 is not from 0 to 1000"},
		{[]string{"--max-connections", "0"}, "--max-connections: 0"},
		{[]string{"--max-tenants", "-1"}, "--max-tenants: -1"},
		{[]string{"--worker-url", "db1:5432"}, "--worker-url"},
		{[]string{"--label", "disk"}, "disk"},
	} {
		_, said := c.run(exitUsage, append([]string{"node", "set", "n1"}, z.args...)...)
		require.Contains(t, said, z.says, "%v", z.args)
	}
	_, said := c.run(exitError, "node", "set", "n1", "--region", "the moon")
	require.Contains(t, said, "region: \"the moon\" is not a word\n")
	_, said = c.run(exitError, "node", "set", "n2", "--warm", "1")
	require.Contains(t, said, "n2")

	// The address was a wrong one. The server knows its provisioner, so it may say where workers find it.
	t.Setenv("TENANTRY_SECRET_KEY", f.Secret)
	require.NotEqual(t, after["url"], c.object("node", "add", "n1", "--url", url, "--worker-url", strings.Replace(url, "127.0.0.1", "localhost", 1))["url"])
	_, said = c.run(exitError, "node", "add", "n1", "--url", fleettest.SecondServerURL(t))
	require.Contains(t, said, "stands at another address")
	require.Equal(t, "active", c.object("node", "activate", "n1")["state"])
}

// TestLostKey walks the way out of docs/operating.md.
func TestLostKey(t *testing.T) { //nolint:paralleltest // as above
	f := fleettest.New(t)
	c := at(t, f)
	f.Node(t, "n1")
	c.ok("node", "set", "n1", "--warm", "1")
	rt := f.Worker(t)
	c.ok("tenant", "create", "acme", "--wait")
	c.ok("tenant", "create", "beta", "--wait")
	c.ok("tenant", "suspend", "beta", "--wait")
	warm := func() (list []string) {
		rows, err := f.Pool.Query(t.Context(), `SELECT name FROM tenantry.databases WHERE state = 'warm'`)
		require.NoError(t, err)
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return list
	}
	isWarm := func(n int) {
		require.Eventually(t, func() bool { return len(warm()) == n }, time.Minute, 20*time.Millisecond)
	}
	isWarm(1)
	sealedWithLost := warm()
	old := strings.TrimSpace(c.ok("tenant", "url", "acme"))
	rt.Stop()
	// A tenant whose worker died while it made the database: its passwords are stored, and sealed with the lost key.
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.databases SET state = 'building' WHERE state = 'warm'`)
	require.NoError(t, err)
	delta := c.object("tenant", "create", "delta")["operation_id"].(string)
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.databases SET state = 'warm' WHERE state = 'building' AND tenant_id IS NULL`)
	require.NoError(t, err)
	_, err = f.Pool.Exec(t.Context(), `
		INSERT INTO tenantry.credentials (database_id, role, username, sealed)
		SELECT t.database_id, c.role, replace(c.username, w.name, d.name), c.sealed
		FROM tenantry.tenants t
		JOIN tenantry.databases d ON d.id = t.database_id
		CROSS JOIN tenantry.databases w
		JOIN tenantry.credentials c ON c.database_id = w.id
		WHERE t.slug = 'delta' AND w.state = 'warm'`)
	require.NoError(t, err)

	key := strings.TrimSpace(c.ok("key", "new"))
	t.Setenv("TENANTRY_SECRET_KEY", key)
	_, said := c.run(exitError, "tenant", "url", "acme")
	require.Contains(t, said, "no key in TENANTRY_SECRET_KEY opens it")
	stdout, _ := c.run(exitError, "doctor")
	require.Contains(t, stdout, "node add n1 --url")
	_, said = c.run(exitOK, "node", "add", "n1", "--url", fleettest.ServerURL(t))
	require.Contains(t, said, "new one")
	_, said = c.run(exitOK, "node", "add", "n1", "--url", fleettest.ServerURL(t))
	require.NotContains(t, said, "new one", "once is enough")
	keys, err := tenants.ParseKeys(key)
	require.NoError(t, err)
	f.Worker(t, func(cfg *workers.Config) { cfg.Keys = keys })

	c.ok("node", "set", "n1", "--warm", "0")
	isWarm(0)
	c.ok("node", "set", "n1", "--warm", "1")
	isWarm(1)
	require.NotEqual(t, sealedWithLost, warm())
	c.ok("tenant", "rotate", "acme", "beta", "--wait")
	c.ok("tenant", "resume", "beta", "--wait")
	_, err = pgx.Connect(t.Context(), old)
	require.Error(t, err)
	c.ok("tenant", "create", "gamma")

	// The one whose database was just being made.
	require.Contains(t, []jobs.State{jobs.StateParked, jobs.StateFailed}, f.Ends(t, delta).State)
	if f.Ends(t, delta).State == jobs.StateParked {
		c.ok("op", "cancel", delta)
	}
	c.ok("tenant", "delete", "delta", "--confirm", "delta", "--wait")
	isWarm(1)
	c.ok("tenant", "create", "delta")
	for _, slug := range []string{"acme", "beta", "gamma", "delta"} {
		for _, role := range []string{"app", "readonly", "migrator"} {
			conn, err := pgx.Connect(t.Context(), strings.TrimSpace(c.ok("tenant", "url", slug, "--role", role)))
			require.NoError(t, err, "%s of %s", role, slug)
			require.NoError(t, conn.Close(t.Context()))
		}
	}
	require.Zero(t, c.object("key", "reseal")["resealed"], "nothing is sealed with the lost key")

	// A new password although the old one is known.
	sealed := func() (s string) {
		require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT sealed_password FROM tenantry.nodes`).Scan(&s))
		return s
	}
	before := sealed()
	c.ok("node", "add", "n1", "--url", fleettest.ServerURL(t), "--new-password")
	require.NotEqual(t, before, sealed())
	c.ok("tenant", "rotate", "acme", "--wait")
}

// TestDoctorComparesPgDump: pg_dump refuses a server that is newer than itself.
func TestDoctorComparesPgDump(t *testing.T) { //nolint:paralleltest // as above
	f := fleettest.New(t)
	c := at(t, f)
	node := f.Node(t, "n1")
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	pgDump := func(says string) map[string]any {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pg_dump"), []byte("#!/bin/sh\necho '"+says+"'\n"), 0o700))
		stdout, _ := c.run(exitError, "doctor", "-o", "json") // no worker
		for _, finding := range decode[[]map[string]any](t, stdout) {
			if finding["what"] == "pg_dump" {
				return finding
			}
		}
		return nil
	}
	old := pgDump("pg_dump (PostgreSQL) 14.9 (Debian 14.9-1)")
	require.Equal(t, "warn", old["status"])
	require.Contains(t, old["says"], "n1")
	require.Contains(t, old["fix"], fmt.Sprintf("postgresql-client-%d", node.ServerVersion/10000))
	require.Equal(t, "ok", pgDump("pg_dump (PostgreSQL) 99.1")["status"])
	require.Equal(t, "warn", pgDump("who knows")["status"])
}

// TestDoctorTellsOfWorkersNobodyReaps: a reaper that fails says so in its worker's log only; what it leaves can be seen.
func TestDoctorTellsOfWorkersNobodyReaps(t *testing.T) { //nolint:paralleltest // as above
	f := fleettest.New(t)
	c := at(t, f)
	doctor := func() string {
		stdout, _ := c.run(exitError, "doctor")
		return stdout
	}
	for id, silent := range map[string]string{"here": "0", "gone": "5 minutes"} {
		_, err := f.Pool.Exec(t.Context(), `
			INSERT INTO tenantry.workers (id, host, pid, version, lease, heartbeat_at) VALUES ($1, '', 1, '', '30 s', now() - $2::text::interval)`, id, silent)
		require.NoError(t, err)
	}
	require.Contains(t, doctor(), "were not reaped")
	_, err := f.Pool.Exec(t.Context(), `SELECT * FROM tenantry.reap()`)
	require.NoError(t, err)
	require.Contains(t, c.ok("doctor"), "1 alive")
}
