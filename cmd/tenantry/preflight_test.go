package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// TestPreflightByHand: a plan that says who would fail, a start that is refused, one without them, one that takes the risk.
func TestPreflightByHand(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	c := at(t, f)
	f.Node(t, "n1")
	f.Worker(t)
	for _, slug := range []string{"a1", "a2", "a3", "a4", "a5"} {
		c.ok("tenant", "create", slug, "--wait")
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "migrations", "tenant"))))
	write := func(sql string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "00009_email.sql"), []byte("-- +goose Up\n"+sql), 0o600))
	}
	write("-- tenantry:check every customer has an e-mail: DELETE FROM customers\nALTER TABLE customers ALTER email SET NOT NULL;\n")
	_, said := c.run(exitError, "release", "publish", dir, "--name", "r2")
	require.Contains(t, said, "00009_email.sql:2: tenantry:check cannot be read")
	write("-- tenantry:check nobody is called poison: SELECT NOT EXISTS (SELECT FROM customers WHERE name = 'poison')\nALTER TABLE customers ALTER email SET NOT NULL;\n")
	_, said = c.run(exitError, "release", "publish", dir, "--name", "r2")
	require.Contains(t, said, "set_not_null", "the linter sees it first")
	c.ok("release", "publish", dir, "--name", "r2", "--accept-risk", "the tables are small")
	sql(t, c, "a2", `INSERT INTO customers (name) VALUES ('no-mail'), ('no-mail-either')`)
	sql(t, c, "a3", `INSERT INTO customers (name, email) VALUES ('poison', 'x@example.com')`)
	sql(t, c, "a4", `CREATE TEMP TABLE x (a int)`)

	plan, _ := c.run(exitPartial, "rollout", "plan", "r2")
	require.Contains(t, plan, "release r2: 5 tenants")
	require.Contains(t, plan, "5 tenants looked at in ")
	require.Contains(t, plan, "; 2 would fail")
	require.Contains(t, plan, "blocking  1 tenant: not so: 00009_email.sql:3: customers.email is never NULL\n            a2 (2 rows are NULL)\n            → ")
	require.Contains(t, plan, "blocking  1 tenant: the check at 00009_email.sql:2 (nobody is called poison) is not true\n            a3\n")
	require.Contains(t, plan, "node n1: 5 tenants, ")
	require.NotContains(t, plan, "no-mail")
	out, _ := c.run(exitPartial, "rollout", "plan", "r2", "-o", "json")
	object := decode[map[string]any](t, out)
	requireFields(t, object, "release", "waves", "members", "preflight")
	require.Len(t, object["preflight"].(map[string]any)["blocked"], 2)
	require.Positive(t, object["members"].([]any)[0].(map[string]any)["bytes"], "sizes are known now")
	require.NotContains(t, c.ok("rollout", "plan", "r2", "--no-preflight"), "looked at")
	require.Empty(t, c.list("rollout", "history"))

	said1, said := c.run(exitError, "rollout", "start", "r2")
	require.Contains(t, said1, "customers.email is never NULL")
	require.Contains(t, said, "not started: 2 of 5 tenants would fail")
	require.Contains(t, said, "--leave-out")
	_, said = c.run(exitUsage, "rollout", "start", "r2", "--accept-risk", " ")
	require.Contains(t, said, "a reason is missing")
	_, said = c.run(exitUsage, "rollout", "start", "r2", "--accept-risk", "x", "--leave-out")
	require.Contains(t, said, "accept-risk")
	_, said = c.run(exitError, "rollout", "start", "r2", "--leave-out", "--canary", "a2")
	require.Contains(t, said, "canary: a2 cannot be one: is left out")
	require.Empty(t, c.list("rollout", "history"), "nothing was started")

	_, said = c.run(exitPartial, "rollout", "start", "r2", "--leave-out", "--bake", "0", "--wait")
	require.Contains(t, said, "3 of 3 done")
	status := c.ok("rollout", "status")
	require.Contains(t, status, "2 skipped: preflight")
	require.Contains(t, status, "5 tenants looked at in ")
	members := c.ok("rollout", "status", "--tenants", "--state", "skipped_preflight")
	require.Contains(t, members, "customers.email is never NULL")
	object = c.object("rollout", "status")
	require.Equal(t, "completed_with_exceptions", object["state"])
	require.Empty(t, object["preflight"].(map[string]any)["accepted"])
	require.NotEqual(t, "r2", c.object("tenant", "show", "a2")["release"])

	t.Setenv("TENANTRY_SECRET_KEY", "")
	_, said = c.run(exitUsage, "rollout", "start", "r2")
	require.Contains(t, said, "TENANTRY_SECRET_KEY is not set")
	require.Contains(t, said, "--no-preflight")
	shown, said := c.run(exitOK, "rollout", "plan", "r2")
	require.Contains(t, shown, "release r2: 2 tenants")
	require.Contains(t, said, "the preflight is not run")
	t.Setenv("TENANTRY_SECRET_KEY", f.Secret)

	// a3's check is its author's: nothing else stops the statement there.
	_, said = c.run(exitPartial, "rollout", "start", "r2", "--accept-risk", "a2 may fail", "--bake", "0", "--wait")
	require.Contains(t, said, "1 of 2 done, 1 failed")
	object = c.object("rollout", "status")
	require.Equal(t, "a2 may fail", object["preflight"].(map[string]any)["accepted"])
	require.Contains(t, c.ok("rollout", "status"), "accepted by the tests: a2 may fail")
	sql(t, c, "a2", `DELETE FROM customers`)
	c.ok("tenant", "quarantine", "release", "a2")
	c.ok("rollout", "start", "r2", "--wait")
	require.Equal(t, "r2", c.object("tenant", "show", "a2")["release"])
	require.Empty(t, c.object("rollout", "status")["preflight"].(map[string]any)["report"].(map[string]any)["blocked"])
	require.NotContains(t, c.ok("rollout", "plan", "r2"), "preflight", "nobody is left to look at")
}
