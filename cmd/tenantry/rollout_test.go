package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// TestRolloutByHand walks through a rollout as an operator does: plan, start, a canary that fails, a look, the cure, resume.
func TestRolloutByHand(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	c := at(t, f)
	f.Node(t, "n1")
	f.Worker(t)
	for _, slug := range []string{"a1", "a2", "a3", "a4", "a5"} {
		c.ok("tenant", "create", slug, "--label", "plan="+slug[:1], "--wait")
	}
	c.ok("tenant", "create", "calm", "--label", "channel=beta", "--wait")
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "migrations", "tenant"))))
	next := "-- +goose Up\nALTER TABLE customers ADD COLUMN vip boolean;\nSELECT 1 / (SELECT 1 - count(*) FROM customers WHERE name = 'poison');\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "00009_vip.sql"), []byte(next), 0o600))
	c.ok("release", "publish", dir, "--name", "r2")
	c.ok("tenant", "pin", "a5", "--reason", "audit until April")
	sql(t, c, "a2", `INSERT INTO customers (name) VALUES ('poison')`)

	plan := c.ok("rollout", "plan", "r2", "--canary", "a2")
	require.Contains(t, plan, "release r2: 5 tenants")
	require.Contains(t, plan, "skipped: a5 is pinned: audit until April")
	require.Empty(t, c.list("rollout", "history"), "a plan changes nothing")
	for _, z := range [][]string{
		{"plan", "r9"},
		{"plan", "r2", "--waves", "50%,10%"},
		{"plan", "r2", "--canary", "a5"},
		{"plan", "r2", "--max-failures", "some"},
		{"plan", "r2", "--on-error", "cry"},
		{"plan", "r2", "--parallel", "-1"},
		{"plan", "r2", "--channel", "gamma"},
		{"plan", "r2", "--gate", "/nowhere.sql"},
	} {
		var out, err strings.Builder
		require.NotZero(t, run(append([]string{"rollout"}, z...), &out, &err), "%v", z)
		require.Contains(t, err.String(), strings.TrimSuffix(z[len(z)-1], "%"), "%v names the value", z)
	}

	_, said := c.run(exitError, "rollout", "start", "r2", "--canary", "a2", "--bake", "0", "--channel", "stable", "--wait")
	require.Contains(t, said, "paused (budget)")
	status := c.ok("rollout", "status")
	require.Contains(t, status, "22012 at 00009_vip.sql:")
	require.Contains(t, c.ok("rollout", "status", "--tenants", "--state", "failed"), "a2")
	require.Len(t, c.list("tenant", "quarantine", "list"), 1)
	_, said = c.run(exitError, "rollout", "pause")
	require.Contains(t, said, "only one that runs or bakes")
	_, said = c.run(exitError, "rollout", "start", "r2")
	require.Contains(t, said, "waits for its turn in rollout")

	sql(t, c, "a2", `DELETE FROM customers`)
	c.ok("rollout", "retry", "--tenant", "a2")
	require.Equal(t, "running", c.object("rollout", "resume")["state"])
	_, said = c.run(exitPartial, "rollout", "watch")
	require.Contains(t, said, "4 of 4 done")
	require.Empty(t, c.list("tenant", "quarantine", "list"))
	require.Equal(t, "r2", c.object("tenant", "show", "a2")["release"])
	require.NotEqual(t, "r2", c.object("tenant", "show", "calm")["release"], "another channel")

	c.ok("tenant", "unpin", "a5")
	c.ok("rollout", "start", "r2", "--bake", "0", "--wait")
	require.Equal(t, "r2", c.object("tenant", "show", "calm")["release"])
	require.Equal(t, "r2", c.object("tenant", "show", "a5")["release"])
	require.Len(t, c.list("rollout", "history"), 2)
	_, said = c.run(exitError, "rollout", "abort")
	require.Contains(t, said, "has ended")
	op := c.list("op", "list", "--kind", "rollout", "--limit", "1")[0]
	require.Equal(t, "succeeded", op["state"])
	_, said = c.run(exitError, "op", "retry", op["id"].(string))
	require.Contains(t, said, "is a rollout")
}

// sql runs a statement in a tenant's database, as its application.
func sql(t *testing.T, c cli, slug, statement string) {
	t.Helper()
	conn := connect(t, strings.TrimSpace(c.ok("tenant", "url", slug)))
	_, err := conn.Exec(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}
