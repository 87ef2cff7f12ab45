package main

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// TestDriftByHand walks through a change that somebody has made by hand, as an operator finds it.
func TestDriftByHand(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	c := at(t, f)
	f.Node(t, "n1")
	f.Worker(t)
	for _, slug := range []string{"acme", "globex", "quiet"} {
		c.ok("tenant", "create", slug, "--label", "plan="+slug, "--wait")
	}
	require.Contains(t, c.ok("drift", "list"), "never")
	require.Contains(t, c.ok("drift", "check", "acme"), "clean")
	c.ok("tenant", "suspend", "quiet", "--wait")
	all := c.list("drift", "check", "--all")
	require.Len(t, all, 3)
	require.Equal(t, "clean", all[0]["state"])
	require.Equal(t, "skipped", all[2]["state"])
	require.Equal(t, "is suspended", all[2]["detail"])

	config, err := pgx.ParseConfig(fleettest.ServerURL(t))
	require.NoError(t, err)
	config.Database = f.Tenant(t, "acme").Database
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	for _, statement := range []string{`ALTER TABLE customers ADD COLUMN fax text`, `DROP INDEX customers_email`, `GRANT SELECT ON orders TO PUBLIC`, `ALTER TABLE orders ALTER COLUMN note SET DEFAULT 'x'`} {
		_, err = conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close(t.Context()))

	out, said := c.run(exitPartial, "drift", "check", "--all", "--diff")
	require.Contains(t, said, "1 of 3 tenants have drifted")
	require.Contains(t, out, "1 missing, 2 extra, 1 changed")
	for _, line := range []string{
		"acme, at " + fleettest.Release + ":",
		"  extra column public.customers.fax", "    + text",
		"  missing index public.customers_email", "    - CREATE UNIQUE INDEX customers_email ON public.customers USING btree (lower(email))",
		"  extra grant table public.orders to PUBLIC", "    + SELECT",
		"  changed column public.orders.note", "    - text NOT NULL DEFAULT ''::text", "    + text NOT NULL DEFAULT 'x'::text",
	} {
		require.Contains(t, out, line+"\n")
	}
	require.Contains(t, c.ok("drift", "check", "--select", "plan=globex"), "clean", "others' drift is not its")
	c.run(exitPartial, "drift", "check", "acme")

	list := c.list("drift", "list", "--state", "drifted")
	require.Len(t, list, 1)
	requireFields(t, list[0], "tenant", "state", "detail", "tried_at", "checked_at", "release", "found", "differences")
	require.InDelta(t, 4, list[0]["found"], 0)
	require.Len(t, c.list("drift", "list"), 3)
	require.Contains(t, c.ok("drift", "list", "acme", "--diff"), "public.customers.fax")

	for _, z := range []struct {
		args []string
		says string
	}{
		{[]string{"drift", "check"}, "TENANT"},
		{[]string{"drift", "check", "acme", "--all"}, "TENANT"},
		{[]string{"drift", "check", "--select", "plan"}, "plan"},
		{[]string{"drift", "list", "--state", "dirty"}, "dirty"},
	} {
		_, said := c.run(exitUsage, z.args...)
		require.Contains(t, said, z.says)
	}
	_, said = c.run(exitError, "drift", "check", "nobody")
	require.Contains(t, said, "nobody")
	require.Contains(t, c.ok("control", "settings", "drift_sample", "0.5"), "0.5")
}
