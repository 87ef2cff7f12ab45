package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// TestTenantStats walks what is known of tenants' sizes.
func TestTenantStats(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	c := at(t, f)
	require.Contains(t, c.ok("tenant", "stats"), "0 tenants")
	require.Empty(t, c.list("tenant", "stats"))
	for _, slug := range []string{"acme", "globex", "initech"} {
		c.ok("tenant", "create", slug, "--wait")
	}
	require.Regexp(t, `acme +active +n1 +- +- +- .*never`, c.ok("tenant", "stats"))
	require.Contains(t, c.ok("tenant", "stats"), "3 not measured within two days: acme, globex, initech")
	require.Contains(t, c.ok("tenant", "stats", "acme"), "was not measured")
	c.ok("schedule", "run-now", "measure", "--wait")

	// As if it had been measured for ten days.
	_, err := f.Pool.Exec(t.Context(), `
		DELETE FROM tenantry.tenant_days;
		INSERT INTO tenantry.tenant_days (tenant_id, day, bytes, transactions, rows_written, rows_read, sessions, whole, measured_at)
		SELECT t.id, (now() AT TIME ZONE 'UTC')::date - i, CASE t.slug WHEN 'acme' THEN 900000 - i * 1000 WHEN 'globex' THEN 500000 - i * 20000 ELSE 700000 + i * 5000 END,
		       10, CASE t.slug WHEN 'initech' THEN 7 ELSE 3 END, 100, 2, NOT (t.slug = 'globex' AND i = 2), now()
		FROM tenantry.tenants t, generate_series(0, 9) i`)
	require.NoError(t, err)
	order := func(args ...string) (slugs []string) {
		t.Helper()
		for _, s := range c.list(append([]string{"tenant", "stats"}, args...)...) {
			requireFields(t, s, "tenant_id", "tenant", "state", "node", "bytes", "grown", "transactions", "rows_written", "rows_read", "sessions", "whole", "last_active", "measured_at")
			slugs = append(slugs, s["tenant"].(string))
		}
		return slugs
	}
	require.Equal(t, []string{"acme", "initech", "globex"}, order())
	require.Equal(t, []string{"globex", "acme", "initech"}, order("--sort", "growth"))
	require.Equal(t, []string{"initech"}, order("--sort", "written", "--limit", "1"))
	text := c.ok("tenant", "stats", "--days", "4")
	require.Regexp(t, `acme +active +n1 +878\.9 KiB +\+3\.9 KiB +50 +15 +500 +10 `, text)
	require.Regexp(t, `globex .* 50\+ +15\+ `, text, "there was more")
	require.Regexp(t, `initech .* -19\.5 KiB `, text)
	require.Contains(t, text, "3 tenants, 2.0 MiB\n")
	require.NotContains(t, text, "not measured")

	days := c.list("tenant", "stats", "acme", "--days", "3")
	require.Len(t, days, 4)
	requireFields(t, days[0], "day", "bytes", "grown", "transactions", "rows_written", "rows_read", "sessions", "whole", "measured_at")
	require.InDelta(t, 1000, days[3]["grown"], 0, "than on the day before these")
	require.Regexp(t, `[0-9]{4}-[0-9]{2}-[0-9]{2} +878\.9 KiB +\+1000 B +10 +3 +100 +2 `, c.ok("tenant", "stats", "acme"))

	for _, args := range [][]string{{"--sort", "age"}, {"--days", "0"}, {"--limit", "-1"}} {
		c.run(exitUsage, append([]string{"tenant", "stats"}, args...)...)
	}
	_, said := c.run(exitError, "tenant", "stats", "nobody")
	require.Contains(t, said, "nobody")
}
