package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// queryFleet has tenants on two servers, of which each has as many customers as its place says, from 1.
func queryFleet(t *testing.T, slugs ...string) *fleettest.Fleet {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.NodeAt(t, fleettest.SecondServerURL(t), "n2")
	f.Worker(t)
	for i, slug := range slugs {
		f.Do(t, jobs.Provision{Slug: slug, Node: fmt.Sprintf("n%d", i%2+1), Labels: map[string]string{"odd": fmt.Sprint(i%2 == 0)}})
		conn := f.Connect(t, slug, tenants.RoleApp)
		_, err := conn.Exec(t.Context(), `INSERT INTO customers (name, email) SELECT 'c' || i, 'c' || i || '@x' FROM generate_series(1, $1::int) i`, i+1)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
	return f
}

// TestQuery walks the ways of tenantry query --help.
func TestQuery(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := queryFleet(t, "ant", "bee", "cat")
	c := at(t, f)
	const count = "SELECT count(*) FROM customers"

	lines := strings.Split(strings.TrimSpace(c.ok("query", count)), "\n")
	require.Equal(t, []string{"TENANT", "COUNT"}, strings.Fields(lines[0]))
	require.ElementsMatch(t, []string{"ant 1", "bee 2", "cat 3"}, []string{squeeze(lines[1]), squeeze(lines[2]), squeeze(lines[3])})
	require.Equal(t, []string{"total 6", "3 of 3 tenants"}, []string{squeeze(lines[4]), lines[5]})
	require.NotContains(t, c.ok("query", "SELECT name FROM customers"), "total")
	require.NotContains(t, c.ok("query", "SELECT id FROM customers"), "total", "several rows of a tenant are no count")

	document := c.object("query", count)
	require.Len(t, document["rows"], 3)
	require.InDelta(t, 6, document["total"], 0)
	require.Equal(t, map[string]any{"tenants": 3.0, "answered": 3.0, "complete": true, "text": "3 of 3 tenants", "others": []any{}}, document["coverage"])
	require.Equal(t, []any{map[string]any{"sum": 6.0}}, c.object("query", count, "--sum")["rows"])
	require.Equal(t, []any{map[string]any{"avg": 2.0}}, c.object("query", count, "--avg=count")["rows"])
	require.Equal(t, []any{map[string]any{"min": "c1"}}, c.object("query", "SELECT id, name FROM customers", "--min=name")["rows"])
	require.Equal(t, []any{map[string]any{"max": 3.0}}, c.object("query", count, "--max")["rows"])
	require.Equal(t, []any{map[string]any{"sum": nil}}, c.object("query", "SELECT 1 WHERE false", "--sum")["rows"])
	require.Equal(t, []any{map[string]any{"tenant": "cat", "count": 3.0}, map[string]any{"tenant": "bee", "count": 2.0}}, c.object("query", count, "--top", "2")["rows"])
	require.Equal(t, []any{map[string]any{"all": 6.0, "who": []any{"ant", "bee", "cat"}, "text": "x\ny", "none": nil}},
		c.object("query", count, "--combine", "SELECT sum(count) AS all, array_agg(tenant ORDER BY tenant) AS who, E'x\\ny' AS text, NULL AS none FROM rows")["rows"])
	require.Equal(t, []string{"SUM", "6", "3 of 3 tenants"}, strings.Split(strings.TrimSpace(c.ok("query", count, "--combine", "SELECT sum(count) FROM rows")), "\n"))

	require.Equal(t, "tenant,a,b\nbee,\"x,\"\"y\",\n", c.ok("query", `SELECT 'x,"y' AS a, NULL AS b`, "--tenant", "bee", "-o", "csv"))
	stdout, stderr := c.run(exitOK, "query", `SELECT true AS yes, 1.50 AS n, 'NaN'::float8 AS odd, E'{"a":\n1}'::json AS j, 'a"b' AS tenant, 2 AS n`, "--select", "odd=true", "--tenant", "cat,bee", "-o", "ndjson")
	require.JSONEq(t, `{"tenant": "cat", "yes": true, "n": 1.50, "odd": "NaN", "j": {"a":1}, "tenant_2": "a\"b", "n_2": 2}`, stdout)
	require.Equal(t, 1, strings.Count(stdout, "\n"))
	require.Equal(t, "1 of 1 tenants\n", stderr)

	const named = "SELECT count(*) FROM customers WHERE name <= :last AND :tenant <> 'cat'"
	require.Equal(t, "tenant,count\nbee,2\n", c.ok("query", named, "--param", "last=c2", "--tenant", "bee", "-o", "csv"))

	for _, args := range [][]string{
		{named},
		{named, "-p", "last"},
		{"DELETE FROM customers"},
		{"SELECT 1; SELECT 2"},
		{"SELECT count(* FROM customers"},
		{count, "--combine", "DROP TABLE rows"},
		{count, "--tenant", "nobody"},
		{count, "count"},
		{count, "--sum", "--avg"},
		{count, "--by", "x"},
		{count, "--top", "-1"},
		{count, "-o", "xml"},
		{count, "--select", "plan"},
		{count, "--timeout", "0s"},
		{},
	} {
		_, said := c.run(exitUsage, append([]string{"query"}, args...)...)
		require.NotEmpty(t, said)
	}
	_, said := c.run(exitError, "query", "SELECT 1 AS a, 2 AS b", "--sum")
	require.Contains(t, said, "which column? Columns are a int4, b int4")
	_, said = c.run(exitError, "query", count, "--combine", "SELECT * FROM tenantry.credentials")
	require.Contains(t, said, "permission denied")
	t.Setenv("TENANTRY_SECRET_KEY", "")
	_, said = c.run(exitUsage, "query", count)
	require.Contains(t, said, "TENANTRY_SECRET_KEY")
}

func squeeze(line string) string { return strings.Join(strings.Fields(line), " ") }

// TestQueryTellsWhoHasNotAnswered: exit code 3, by name and why, in every format.
func TestQueryTellsWhoHasNotAnswered(t *testing.T) { //nolint:paralleltest // as above
	f := queryFleet(t, "ant", "bee", "cat")
	c := at(t, f)
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET url = 'postgres://x@127.0.0.1:1/postgres?sslmode=disable' WHERE name = 'n2'`)
	require.NoError(t, err)
	const coverage = "2 of 3 tenants; 1 unreachable: bee (node n2: connection refused)"
	stdout, stderr := c.run(exitPartial, "query", "SELECT count(*) FROM customers")
	require.Contains(t, stdout, "total")
	require.True(t, strings.HasSuffix(stdout, coverage+"\n"), stdout)
	require.Empty(t, stderr)
	stdout, stderr = c.run(exitPartial, "query", "SELECT count(*) FROM customers", "--sum", "-o", "csv")
	require.Equal(t, "sum\n4\n", stdout)
	require.Equal(t, coverage+"\n", stderr)
	stdout, stderr = c.run(exitPartial, "query", "SELECT count(*) FROM customers", "-o", "json")
	require.Equal(t, coverage+"\n", stderr)
	var document struct{ Coverage coverageView }
	require.NoError(t, json.Unmarshal([]byte(stdout), &document))
	require.False(t, document.Coverage.Complete)
	require.Equal(t, "bee", document.Coverage.Others[0].Tenant)

	// All that comes before the time is over counts.
	stdout, _ = c.run(exitPartial, "query", "SELECT pg_sleep(CASE WHEN count(*) = 3 THEN 60 ELSE 0 END)::text IS NULL, count(*) FROM customers", "--sum", "--total-timeout", "1500ms")
	require.Equal(t, "SUM\n1\n1 of 3 tenants; 1 unreachable: bee (node n2: connection refused); 1 unasked: cat (the query ended first)\n", stdout)
}

// TestQueryIsInterrupted: Ctrl-C ends it on every server.
func TestQueryIsInterrupted(t *testing.T) { //nolint:paralleltest // it signals the process
	f := queryFleet(t, "ant", "bee")
	at(t, f)
	sleeping := func() (n int) {
		for _, u := range []string{fleettest.ServerURL(t), fleettest.SecondServerURL(t)} {
			var here int
			conn := connectTo(t, u)
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tenantry/cli-query'`).Scan(&here))
			require.NoError(t, conn.Close(t.Context()))
			n += here
		}
		return n
	}
	var out, said bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run([]string{"query", "SELECT pg_sleep(300), count(*) FROM customers", "--timeout", "10m"}, &out, &said)
	}()
	require.Eventually(t, func() bool { return sleeping() == 2 }, 20*time.Second, 20*time.Millisecond)
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(syscall.SIGINT))
	select {
	case code := <-ended:
		require.Equal(t, exitError, code)
		require.Zero(t, sleeping(), "backends go on")
		require.Contains(t, said.String(), "interrupted")
		require.Contains(t, out.String(), "0 of 2 tenants")
	case <-time.After(20 * time.Second):
		require.Fail(t, "it does not end")
	}
}

func connectTo(t *testing.T, u string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), u)
	require.NoError(t, err)
	return conn
}
