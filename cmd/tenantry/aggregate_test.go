package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/cmd/internal/localpg"
	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestAggregateCommands walks tenantry aggregate --help.
func TestAggregateCommands(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := queryFleet(t, "ant", "bee", "cat")
	c := at(t, f)
	file := filepath.Join(t.TempDir(), "daily.sql")
	require.NoError(t, os.WriteFile(file, []byte("-- how many\nSELECT count(*) AS customers FROM customers WHERE created_at >= :day_start AND created_at < :day_end;\n"), 0o600))
	said := c.ok("aggregate", "define", "daily", "-f", file, "--coverage", "100%", "--zone", "UTC")
	require.Contains(t, said, "aggregate daily: table aggregates.daily\n")
	require.Contains(t, said, "columns: tenant_id text, day date, customers int8 (as ant has them, which has given 1 rows for yesterday)")
	require.Contains(t, c.ok("aggregate", "define", "daily", "--retry-for", "0s"), "settings are as given")
	require.Contains(t, c.ok("aggregate", "list"), "aggregates.daily")

	today := time.Now().UTC().Format(time.DateOnly)
	c.ok("aggregate", "run", "daily", "--day", "today", "--wait")
	require.Regexp(t, `TENANT +DAY +CUSTOMERS\nant +`+today+` +1\nbee +`+today+` +2\ncat +`+today+` +3\n`+today+`: 3 of 3 tenants\n`, c.ok("aggregate", "results", "daily"))
	document := c.object("aggregate", "results", "daily", "--day", today, "--tenant", "bee")
	require.Equal(t, []any{map[string]any{"tenant": "bee", "day": today, "customers": 2.0}}, document["rows"])
	require.Equal(t, today+": 3 of 3 tenants", document["days"].([]any)[0].(map[string]any)["text"])
	c.ok("aggregate", "run", "daily", "--from", "2026-01-30", "--to", "2026-02-02", "--wait")
	out, _ := c.run(exitOK, "aggregate", "results", "daily", "--from", "2026-01-31", "--to", "2026-02-01", "-o", "csv")
	require.Equal(t, "tenant,day,customers\nant,2026-01-31,0\nbee,2026-01-31,0\ncat,2026-01-31,0\nant,2026-02-01,0\nbee,2026-02-01,0\ncat,2026-02-01,0\n", out)

	// A day without a tenant is told, not published, and can be published by a person.
	conn := f.Connect(t, "bee", tenants.RoleMigrator)
	_, err := conn.Exec(t.Context(), `ALTER TABLE customers RENAME TO clients`)
	require.NoError(t, err)
	_, told := c.run(exitError, "aggregate", "run", "daily", "--day", "2026-03-01", "--wait")
	require.Contains(t, told, `2 of 3 tenants; 1 missing: bee (relation "customers" does not exist (42P01))`)
	require.Contains(t, told, "tenantry aggregate run daily --day 2026-03-01 --only-missing")
	_, told = c.run(exitPartial, "aggregate", "results", "daily", "--day", "2026-03-01")
	require.NotContains(t, told, "ant")
	require.Contains(t, c.ok("doctor"), "each complete in its newest day")
	require.Contains(t, c.ok("aggregate", "publish", "daily", "--day", "2026-03-01"), "2026-03-01")
	out, _ = c.run(exitPartial, "aggregate", "results", "daily", "--day", "2026-03-01")
	require.Contains(t, out, `2026-03-01: 2 of 3 tenants; 1 missing: bee (relation`)
	_, err = conn.Exec(t.Context(), `ALTER TABLE clients RENAME TO customers`)
	require.NoError(t, err)
	c.ok("aggregate", "run", "daily", "--day", "2026-03-01", "--only-missing", "--wait")
	c.ok("aggregate", "results", "daily", "--day", "2026-03-01")

	require.Contains(t, c.ok("aggregate", "schedule", "daily", "15 2 * * *", "--zone", "Europe/Berlin"), "aggregate.daily")
	c.ok("schedule", "run-now", "aggregate.daily", "--wait")
	shown := c.object("aggregate", "show", "daily")
	require.Len(t, shown["days"], 7)
	require.Empty(t, shown["missing"])
	c.ok("aggregate", "show", "daily")
	c.ok("aggregate", "schedule", "daily", "--off")

	for _, args := range [][]string{
		{"define", "Daily", "--sql", "SELECT 1 AS a"},
		{"define", "new"},
		{"define", "new", "--sql", "DELETE FROM customers"},
		{"define", "new", "--sql", "SELECT :x AS x"},
		{"define", "new", "--sql", "SELECT 1 AS a", "-f", file},
		{"define", "new", "-f", file + "x"},
		{"define", "daily", "--coverage", "101"},
		{"define", "daily", "--zone", "Berlin"},
		{"show", "nothing"},
		{"run", "daily", "--from", "2026-01-01"},
		{"run", "daily", "--from", "2026-01-02", "--to", "2026-01-01"},
		{"run", "daily", "--from", "2020-01-01", "--to", "2026-01-01"},
		{"results", "daily", "--day", "x"},
		{"results", "nothing"},
		{"schedule", "daily"},
		{"schedule", "daily", "x"},
		{"schedule", "daily", "15 2 * * *", "--of", "tomorrow"},
		{"publish", "daily", "--day", "x"},
		{"drop", "daily"},
		{"drop", "daily", "--confirm", "dayly"},
	} {
		_, told := c.run(exitUsage, append([]string{"aggregate"}, args...)...)
		require.NotEmpty(t, told, args)
	}
	c.ok("aggregate", "drop", "daily", "--confirm", "daily")
	require.Empty(t, c.list("aggregate", "list"))

	c.ok("aggregate", "define", "odd", "--sql", "SELECT count(*) AS n FROM customers", "--retry-for", "0s", "--coverage", "100")
	_, err = conn.Exec(t.Context(), `ALTER TABLE customers RENAME TO clients`)
	require.NoError(t, err)
	c.run(exitError, "aggregate", "run", "odd", "--wait")
	require.Regexp(t, `warn +aggregate odd +2 of 3 tenants have answered for \S+, which is not published\n`, c.ok("doctor"))
}

// TestPostgresDiesUnderAnAggregate kills the server of a node, and that of the control database, while tenants are asked, and starts it again. The sums are those of
// the tenants.
func TestPostgresDiesUnderAnAggregate(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	for _, which := range []string{"node", "control"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			server := privateServer(t)
			var f *fleettest.Fleet
			var first, second tenants.Node
			if which == "node" {
				f = fleettest.New(t)
				first, second = f.Node(t, "n1"), f.NodeAt(t, server.URL("postgres"), "n2")
			} else {
				f = fleettest.NewAt(t, server.URL("postgres"))
				first, second = f.Node(t, "n1"), f.NodeAt(t, fleettest.SecondServerURL(t), "n2")
			}
			aggregateThroughDeath(t, f, server, []string{first.Name, second.Name})
		})
	}
}

func aggregateThroughDeath(t *testing.T, f *fleettest.Fleet, server *localpg.Server, nodes []string) {
	t.Helper()
	f.Worker(t)
	want := map[string]int{}
	for i := range 12 {
		slug := fmt.Sprintf("t%02d", i)
		f.Do(t, jobs.Provision{Slug: slug, Node: nodes[i%2]})
		conn := f.Connect(t, slug, tenants.RoleApp)
		_, err := conn.Exec(t.Context(), `INSERT INTO customers (name) SELECT 'c' FROM generate_series(1, $1::int)`, 10+i)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
		want[slug] = 10 + i
	}
	_, err := aggregate.Define(t.Context(), f.Registry, aggregate.Spec{Name: "slow", SQL: `SELECT count(*) AS n, pg_sleep(0.3)::text AS slept FROM customers`, By: "test"})
	require.NoError(t, err)
	id := f.Submit(t, jobs.Aggregate{Aggregate: "slow"})
	require.Eventually(t, func() bool {
		op, err := f.Jobs.List(t.Context(), jobs.Filter{Kind: jobs.KindAggregateBatch, States: []jobs.State{jobs.StateRunning}})
		return err == nil && len(op) == 2
	}, 20*time.Second, 10*time.Millisecond)
	<-time.After(400 * time.Millisecond) // some have answered
	require.NoError(t, server.Kill(t.Context()))
	<-time.After(away)
	require.NoError(t, server.Restart(t.Context()))
	f.Pool.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	op, err := f.Jobs.Wait(ctx, id)
	require.NoError(t, err)
	require.Equal(t, jobs.StateSucceeded, op.State, "%+v", op.Error)
	rows, err := f.Pool.Query(t.Context(), `SELECT t.slug, a.n::int FROM aggregates.slow a JOIN tenantry.tenants t ON t.id = a.tenant_id`)
	require.NoError(t, err)
	defer rows.Close()
	got := map[string]int{}
	n := 0
	for ; rows.Next(); n++ {
		var slug string
		var count int
		require.NoError(t, rows.Scan(&slug, &count))
		got[slug] = count
	}
	require.NoError(t, rows.Err())
	require.Equal(t, want, got)
	require.Len(t, want, n, "each once")
}
