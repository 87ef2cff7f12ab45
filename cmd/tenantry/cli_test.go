package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// cli is the program as a person at a terminal has it.
type cli struct {
	t *testing.T
}

// at gives the program the environment of a fleet.
func at(t *testing.T, f *fleettest.Fleet) cli {
	t.Helper()
	for key, value := range map[string]string{
		"TENANTRY_CONTROL_URL": f.URL, "TENANTRY_SECRET_KEY": f.Secret, "TENANTRY_OPS_USER": "", "TENANTRY_OPS_PASSWORD": "",
		"TENANTRY_LOG_LEVEL": "warn", "TENANTRY_LOG_FORMAT": "json", "TENANTRY_REQUESTED_BY": "the tests",
	} {
		t.Setenv(key, value)
	}
	return cli{t}
}

// run gives what a command wrote, and checks its exit code.
func (c cli) run(code int, args ...string) (stdout, stderr string) {
	c.t.Helper()
	var out, err bytes.Buffer
	require.Equal(c.t, code, run(args, &out, &err), "tenantry %s\n%s%s", strings.Join(args, " "), &out, &err)
	return out.String(), err.String()
}

// ok gives the output of a command that must succeed.
func (c cli) ok(args ...string) string {
	c.t.Helper()
	out, _ := c.run(exitOK, args...)
	return out
}

// object gives the JSON of a command that must succeed.
func (c cli) object(args ...string) map[string]any {
	c.t.Helper()
	return decode[map[string]any](c.t, c.ok(append(args, "-o", "json")...))
}

// list does the same for a list.
func (c cli) list(args ...string) []map[string]any {
	c.t.Helper()
	return decode[[]map[string]any](c.t, c.ok(append(args, "-o", "json")...))
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

func requireFields(t *testing.T, object map[string]any, fields ...string) {
	t.Helper()
	for _, field := range fields {
		require.Contains(t, object, field)
	}
}

// TestFromNothing walks the way of tenantry --help: a control database, a node, a release, a worker, a tenant and its life.
func TestFromNothing(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	c := at(t, f)
	require.Contains(t, c.ok("control", "migrate"), "up to date")
	require.Empty(t, c.object("control", "migrate")["ran"])
	f.Node(t, "n1") // for its cleaning up; added again below
	node := c.object("node", "add", "n1", "--url", fleettest.ServerURL(t), "--region", "eu", "--label", "disk=nvme", "--max-connections", "40")
	requireFields(t, node, "id", "name", "state", "region", "labels", "max_connections")
	require.Equal(t, "active", node["state"])
	require.Equal(t, "eu", node["region"])
	require.NotContains(t, c.ok("node", "show", "n1"), "password")
	require.Len(t, c.list("node", "list"), 1)

	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "migrations", "tenant"))))
	require.Contains(t, c.ok("release", "publish", dir, "--name", fleettest.Release), "unchanged: 4 files read as goose")
	require.Contains(t, c.ok("release", "publish", dir, "--name", fleettest.Release, "--format", "goose"), "unchanged")
	_, refused := c.run(exitError, "release", "publish", dir, "--name", "r0", "--format", "flyway")
	require.Contains(t, refused, "holds no migration of flyway")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "00009_extra.sql"), []byte("-- +goose Up\nCREATE TABLE extra (id bigint PRIMARY KEY);\n"), 0o600))
	require.Greater(t, c.object("release", "publish", dir, "--name", "r2")["files"], 4.0)
	require.Len(t, c.list("release", "list"), 2)
	require.Contains(t, c.ok("release", "show", "r2"), "00009_extra.sql")

	// Nobody works yet.
	_, said := c.run(exitTimeout, "tenant", "create", "acme", "--name", "Acme Ltd", "--label", "plan=pro", "--region", "eu", "--wait", "--timeout", "300ms")
	require.Contains(t, said, "the work goes on")
	acme := c.object("tenant", "show", "acme")
	requireFields(t, acme, "id", "slug", "name", "state", "node", "database", "release", "labels", "created_at")
	require.Equal(t, "requested", acme["state"])
	_, said = c.run(exitError, "tenant", "url", "acme")
	require.Contains(t, said, "requested")

	f.Worker(t)
	op := c.list("op", "list", "--tenant", "acme")[0]
	requireFields(t, op, "id", "kind", "tenant", "state", "step", "progress", "attempt", "error", "result", "created_at", "started_at", "finished_at")
	id := op["id"].(string)
	_, said = c.run(exitOK, "op", "watch", id)
	require.Contains(t, said, "succeeded", "a line a change where there is no terminal")
	require.Equal(t, "succeeded", c.object("op", "show", id)["state"])
	require.Contains(t, c.ok("op", "show", id), "the tests")

	url := strings.TrimSpace(c.ok("tenant", "url", "acme"))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `INSERT INTO customers (name) VALUES ('Ada')`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	require.Equal(t, "succeeded", c.object("tenant", "migrate", "acme", "--to", "r2", "--wait")["state"])
	require.Equal(t, "r2", c.object("tenant", "show", "acme")["release"])
	require.Equal(t, "r2", c.object("release", "current", "r2")["current_release"])
	require.NoError(t, os.WriteFile(filepath.Join(dir, "00010_bad.sql"), []byte("-- +goose Up\nCREATE TABLE bad (id bigint PRIMARY KEY);\n"), 0o600))
	c.object("release", "publish", dir, "--name", "r3")
	require.Equal(t, "r3", c.object("release", "withdraw", "r3", "--reason", "second thoughts")["release"])
	require.Equal(t, "second thoughts", c.list("release", "list")[0]["withdrawn"].(map[string]any)["reason"])
	require.Contains(t, c.ok("release", "list"), "withdrawn")
	c.ok("tenant", "create", "beta", "--wait")
	require.Len(t, c.list("tenant", "list"), 2)
	require.Len(t, c.list("tenant", "list", "--select", "plan=pro"), 1)
	require.Equal(t, map[string]any{"plan": "enterprise"}, c.object("tenant", "label", "acme", "plan=enterprise", "trial-")["labels"])

	require.Len(t, decode[[]any](t, c.ok("tenant", "suspend", "acme", "beta", "--reason", "unpaid", "--wait", "-o", "json")), 2)
	_, err = pgx.Connect(t.Context(), url)
	require.Error(t, err)
	_, said = c.run(exitPartial, "tenant", "resume", "acme", "nobody", "beta", "--wait")
	require.Contains(t, said, "nobody")
	require.Equal(t, "active", c.object("tenant", "show", "beta")["state"])

	c.ok("tenant", "rotate", "acme", "--wait")
	require.NotEqual(t, url, strings.TrimSpace(c.ok("tenant", "url", "acme", "--role", "app")))
	require.NotEmpty(t, c.object("tenant", "url", "acme", "--role", "readonly")["url"])

	c.ok("tenant", "delete", "beta", "--grace", "1h", "--wait")
	require.Equal(t, "deleting", c.object("tenant", "show", "beta")["state"])
	require.Contains(t, c.ok("tenant", "show", "beta"), "undelete")
	c.ok("tenant", "undelete", "beta", "--wait")
	_, said = c.run(exitUsage, "tenant", "delete", "beta", "--confirm", "acme")
	require.Contains(t, said, "confirm with beta")
	c.ok("tenant", "delete", "beta", "--confirm", "beta", "--wait")
	require.Len(t, c.list("tenant", "list"), 1)
	require.Len(t, c.list("tenant", "list", "--all"), 2)

	doctor := c.ok("doctor")
	require.Contains(t, doctor, "node n1")
	require.NotContains(t, doctor, "FAIL")
	t.Setenv("TENANTRY_SECRET_KEY", strings.TrimSpace(c.ok("key", "new"))+","+f.Secret)
	require.Positive(t, c.object("key", "reseal")["resealed"])
}

// TestDecisions: what a person does with an operation that does not go on by itself.
func TestDecisions(t *testing.T) { //nolint:paralleltest // as above
	f := fleettest.New(t)
	c := at(t, f)
	f.Node(t, "n1")
	made := c.object("tenant", "create", "acme", "--idempotency-key", "k1")
	id := made["operation_id"].(string)
	require.Equal(t, id, c.object("tenant", "create", "acme", "--idempotency-key", "k1")["operation_id"], "the same request")
	canceled := c.list("op", "cancel", id)
	require.Equal(t, []map[string]any{{"id": id, "state": "cancelled"}}, canceled)
	_, said := c.run(exitPartial, "op", "retry", id, "op_nothing")
	require.Contains(t, said, "op_nothing")
	require.Equal(t, "queued", c.object("op", "show", id)["state"])
	require.Empty(t, c.list("op", "list", "--state", "parked"))
	f.Worker(t)
	c.ok("op", "watch", id)

	require.EqualValues(t, 50, c.list("control", "settings", "purges_per_hour", "50")[0]["value"])
	require.Contains(t, c.ok("control", "settings", "mass_delete_share", "0.25"), "0.25")
	require.Equal(t, "30 days", c.list("control", "settings", "delete_grace", "30 days")[0]["value"])
	require.NotEmpty(t, c.ok("control", "settings"))
	node := c.object("node", "drain", "n1")
	require.Equal(t, "draining", node["state"])
	_, said = c.run(exitError, "tenant", "create", "beta", "--node", "n1")
	require.Contains(t, said, "n1")
	require.Equal(t, "active", c.object("node", "activate", "n1")["state"])

	url := c.object("control", "api-url")["url"].(string)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `SELECT * FROM tenantry.credentials`)
	require.Error(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

// TestUsage: what cannot be right is told with the field, the value and the way out, and exits 2.
func TestUsage(t *testing.T) { //nolint:paralleltest // as above
	f := fleettest.New(t)
	c := at(t, f)
	f.Node(t, "n1")
	for _, z := range []struct {
		args []string
		says string
	}{
		{[]string{"tenant", "create", "Ac;me"}, "slug"},
		{[]string{"tenant", "create", "acme", "--label", "plan"}, "plan"},
		{[]string{"tenant", "create"}, "arg"},
		{[]string{"tenant", "frobnicate"}, "frobnicate"},
		{[]string{"tenant", "url", "acme", "--role", "root"}, "root"},
		{[]string{"tenant", "list", "--state", "weird"}, "weird"},
		{[]string{"op", "list", "--state", "weird"}, "weird"},
		{[]string{"op", "list", "-o", "yaml"}, "yaml"},
		{[]string{"node", "add", "n2"}, "--url is missing"},
		{[]string{"release", "publish", "/nowhere", "--name", "x"}, "/nowhere"},
		{[]string{"release", "publish", "."}, "--name is missing"},
		{[]string{"release", "publish", ".", "--name", "x", "--format", "xml"}, "--format xml is none of goose, golang-migrate, prisma, drizzle, flyway, plain"},
		{[]string{"release", "current", "none"}, "none"},
		{[]string{"release", "withdraw", "none"}, "--reason must say"},
		{[]string{"release", "withdraw", "none", "--reason", "why"}, "there is no release"},
		{[]string{"control", "settings", "delete_grace", "soon"}, "soon"},
		{[]string{"control", "settings", "delete_grace", "400 days"}, "366 days"},
		{[]string{"control", "settings", "no_such", "1"}, "no_such"},
		{[]string{"control", "settings", "max_reaps", "2.5"}, "2.5"},
		{[]string{"control", "settings", "max_reaps", "0"}, "from 1"},
		{[]string{"control", "settings", "warm_failures", "3.0"}, "3.0"},
		{[]string{"control", "settings", "purges_per_hour", "1.5"}, "1.5"},
		{[]string{"control", "settings", "purges_per_hour", "99999999999"}, "99999999999"},
		{[]string{"control", "settings", "mass_delete_floor", "ten"}, "ten"},
		{[]string{"control", "settings", "mass_delete_share", "10"}, "from 0 to 1"},
		{[]string{"worker", "--concurrency", "kitchen=1"}, "kitchen"},
		{[]string{"ops", "--http", "0.0.0.0:0"}, "TENANTRY_OPS_USER"},
		{[]string{"dev", "--tenants", "5000"}, "5000"},
		{[]string{"--nonsense"}, "nonsense"},
	} {
		_, said := c.run(exitUsage, z.args...)
		require.Contains(t, said, z.says, "%v", z.args)
	}
	for _, args := range [][]string{{"tenant", "show", "nobody"}, {"op", "show", "op_nothing"}, {"node", "show", "n9"}, {"release", "show", "r9"}, {"op", "watch", "op_nothing"}} {
		_, said := c.run(exitError, args...)
		require.Contains(t, said, args[2])
	}
	for _, args := range [][]string{{"--help"}, {"tenant", "--help"}, {"tenant", "delete", "--help"}, {"--version"}} {
		require.NotEmpty(t, c.ok(args...))
	}

	t.Setenv("TENANTRY_CONTROL_URL", "")
	t.Chdir(t.TempDir())
	_, said := c.run(exitUsage, "tenant", "list")
	require.Contains(t, said, "TENANTRY_CONTROL_URL is not set")
	t.Setenv("TENANTRY_CONTROL_URL", "postgres://u:hunter2@127.0.0.1:1/x?sslmode=disable")
	_, said = c.run(exitError, "tenant", "list")
	require.NotContains(t, said, "hunter2")
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	return conn
}
