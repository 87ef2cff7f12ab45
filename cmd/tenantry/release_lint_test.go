package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestLintGolden compares what a person reads of a folder with findings. UPDATE_GOLDEN=1 writes it anew.
func TestLintGolden(t *testing.T) {
	t.Parallel()
	var out, err bytes.Buffer
	code := run([]string{"release", "lint", "testdata/lint", "--since", "0001_orders.sql", "--offline", "--locks"}, &out, &err)
	require.Equal(t, exitError, code)
	require.Empty(t, err.String())
	golden := filepath.Join("testdata", "lint.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o600))
	}
	want, readErr := os.ReadFile(golden)
	require.NoError(t, readErr)
	require.Equal(t, string(want), out.String())
}

// TestLintAndPublish goes from a finding to a release that is published with it.
func TestLintAndPublish(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	c := at(t, f)
	f.Node(t, "n1")
	f.Worker(t)
	c.ok("tenant", "create", "acme", "--wait")
	var database string
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT database_id FROM tenantry.tenants WHERE slug = 'acme'`).Scan(&database))
	require.NoError(t, tenants.NewRegistry(f.Pool, nil).RecordSizes(t.Context(), database, tenants.Sizes{
		Bytes: 5e9, Tables: []tenants.TableSize{{Schema: "public", Table: "customers", Rows: 20e6, Bytes: 4e9}},
	}))
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "migrations", "tenant"))))
	require.Contains(t, c.ok("release", "lint", dir), "since "+fleettest.Release+": 0 statements; 0 errors")

	bad := "-- +goose Up\nALTER TABLE customers ADD COLUMN token uuid DEFAULT gen_random_uuid();\nCREATE TABLE x (at timestamp);\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "00009_token.sql"), []byte(bad), 0o600))
	out, _ := c.run(exitError, "release", "lint", dir)
	require.Contains(t, out, "00009_token.sql:2  ALTER TABLE customers ADD COLUMN token")
	require.Contains(t, out, "ACCESS EXCLUSIVE on customers · rewrite of customers, about 8m at acme (4 GB, about 20000000 rows)")
	require.Contains(t, out, "error add_column_rewrite: gen_random_uuid() is volatile")
	require.Contains(t, out, "2 statements; 1 error, 0 warnings, 1 notice, 0 allowed")

	text, _ := c.run(exitError, "release", "lint", dir, "-o", "json")
	view := decode[map[string]any](t, text)
	requireFields(t, view, "linted", "since", "first", "errors", "warnings", "notices", "allowed", "statements")
	require.InDelta(t, 1, view["errors"], 0)

	_, said := c.run(exitError, "release", "publish", dir, "--name", "r2")
	require.Contains(t, said, "error add_column_rewrite")
	require.Contains(t, said, "release r2 is not published: errors that the linter finds in what it adds: 1")
	require.NotContains(t, said, "prefer_timestamptz")
	require.Len(t, c.list("release", "list"), 1)
	_, said = c.run(exitUsage, "release", "publish", dir, "--name", "r2", "--accept-risk", " ")
	require.Contains(t, said, "--accept-risk is empty")

	made := c.object("release", "publish", dir, "--name", "r2", "--accept-risk", "all tenants are asleep")
	risk, _ := made["risk"].(map[string]any)
	require.Equal(t, "all tenants are asleep", risk["reason"])
	require.Equal(t, "the tests", risk["accepted_by"])
	require.InDelta(t, 1, risk["errors"], 0)
	require.Len(t, risk["findings"], 1)
	require.Contains(t, c.ok("release", "list"), "risk accepted")
	require.Contains(t, c.ok("release", "show", "r2"), "1 error of the linter accepted by the tests: all tenants are asleep")
	require.Contains(t, c.object("release", "show", "r2"), "risk")
	require.NotContains(t, c.object("release", "show", fleettest.Release), "risk")
	_, err := f.Pool.Exec(t.Context(), `DELETE FROM tenantry.release_risks`)
	require.ErrorContains(t, err, "a published release never changes")
	require.Contains(t, c.ok("release", "publish", dir, "--name", "r2"), "was published before, unchanged")

	out, _ = c.run(exitError, "release", "lint", "r2")
	require.Contains(t, out, "r2 since "+fleettest.Release+": 2 statements")
	require.Contains(t, c.ok("release", "lint", fleettest.Release), firstNote)
	require.Contains(t, c.ok("release", "lint", dir), "since r2: 0 statements")
	out, _ = c.run(exitError, "release", "lint", dir, "--since", "4", "--locks")
	require.Contains(t, out, "00009_token.sql:2  ACCESS EXCLUSIVE  customers")
	out, _ = c.run(exitError, "release", "lint", dir, "--all")
	require.Contains(t, out, "every file as if")

	allowed := strings.Replace(bad, "ALTER", "-- tenantry:allow add_column_rewrite: the table is small by contract\nALTER", 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "00010_more.sql"), []byte(strings.ReplaceAll(strings.ReplaceAll(allowed, "token", "other"), "TABLE x", "TABLE y")), 0o600))
	require.Contains(t, c.ok("release", "publish", dir, "--name", "r3"), "the linter has 0 warnings and 1 notice: tenantry release lint r3")

	for _, bad := range [][]string{{"nothing"}, {dir, "--since", "9.9"}, {dir, "--format", "word"}, {"r2", "--offline"}, {}} {
		_, said := c.run(exitUsage, append([]string{"release", "lint"}, bad...)...)
		require.NotEmpty(t, said)
	}
	require.Greater(t, len(c.list("release", "lint", "--rules")), 50)
}
