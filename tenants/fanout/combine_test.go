package fanout_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// combine gathers a query's rows and runs another over them.
func combine(t *testing.T, f *fleettest.Fleet, sql, over string, within time.Duration) (fanout.Combined, error) {
	t.Helper()
	c, err := fanout.NewCombiner(t.Context(), f.Registry, over, within)
	if err != nil {
		return fanout.Combined{}, err
	}
	defer c.Close()
	report, err := fanout.Query(t.Context(), f.Registry, fanout.Request{SQL: sql, Ended: c.Ended}, func(r fanout.Row) error { return c.Take(t.Context(), r) })
	require.NoError(t, err)
	return c.Result(t.Context(), report.Columns)
}

// texts gives values without the quotes of JSON.
func texts(rows [][]json.RawMessage) [][]string {
	list := make([][]string, len(rows))
	for i, row := range rows {
		for _, v := range row {
			text := string(v)
			if strings.HasPrefix(text, `"`) {
				if err := json.Unmarshal(v, &text); err != nil {
					panic(err)
				}
			}
			list[i] = append(list[i], text)
		}
	}
	return list
}

func TestCombine(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat")
	got, err := combine(t, f, "SELECT count(*), 'a\tb\\c' || chr(10) AS odd, NULL::date AS day, ARRAY[1,2] AS list FROM customers",
		"SELECT sum(count), max(odd), count(day), max(list[2]), string_agg(tenant, '+' ORDER BY tenant), NULL AS nothing FROM rows", time.Minute)
	require.NoError(t, err)
	require.Equal(t, []string{"sum", "max", "count", "max", "string_agg", "nothing"}, got.Columns)
	require.Equal(t, [][]string{{"6", "a\tb\\c\n", "0", "2", "ant+bee+cat", "null"}}, texts(got.Rows))

	// Columns keep their types, each has a name of its own, and there may be no row at all.
	got, err = combine(t, f, "SELECT count(*), sum(1.5), now()::date, 'x'::name AS ctid, 1 AS tenant, count(*) FROM customers WHERE false HAVING false",
		"SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'pg_temp.rows'::regclass AND attnum > 0", time.Minute)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"tenant text, count bigint, sum numeric, now date, ctid_2 text, tenant_2 integer, count_2 bigint"}}, texts(got.Rows))
}

// Rows of a tenant that did not come to its end do not count.
func TestCombineCountsWhatIsComplete(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	change(t, f, "bee", "INSERT INTO customers (name) SELECT CASE WHEN i < 9999 THEN repeat('1', 50) ELSE '0' END FROM generate_series(1, 10000) i")
	got, err := combine(t, f, "SELECT 1 / nullif(length(name) - 1, 1) FROM customers WHERE length(name) <> 2 OR true", "SELECT DISTINCT tenant FROM rows", time.Minute)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"ant"}}, texts(got.Rows))
}

// The text may be anybody's: it sees the rows, and nothing of the control database.
func TestCombineIsConfined(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	ctx := t.Context()
	for _, sql := range []string{
		"DROP TABLE tenantry.tenants", "COMMIT", "SET ROLE postgres", "RESET ROLE", "COPY rows TO PROGRAM 'true'", "DO $$ BEGIN END $$", "",
	} {
		_, err := fanout.NewCombiner(ctx, f.Registry, sql, time.Minute)
		var refused *fanout.StatementError
		require.ErrorAs(t, err, &refused, sql)
	}
	const peek = `query_to_xml('SELECT * FROM tenantry.credentials', true, false, '')`
	for sql, code := range map[string]string{
		"SELECT * FROM tenantry.credentials":                                                "42501",
		"SELECT * FROM tenantry.tenant_status":                                              "42501",
		"SELECT tenantry.setting('delete_grace')":                                           "42501",
		"SELECT * FROM river.river_job":                                                     "42501",
		"SELECT " + peek:                                                                    "42501",
		"SELECT set_config('role', 'none', true), " + peek:                                  "42501",
		"SELECT set_config('role', 'postgres', false), " + peek:                             "42501",
		"SELECT set_config('session_authorization', 'default', true), " + peek:              "42501",
		"SELECT set_config('transaction_read_only', 'off', true)":                           "25001",
		"SELECT 1; RESET ROLE":                                                              "42P11",
		"SELECT 1; SELECT 2":                                                                "42P11",
		"WITH gone AS (DELETE FROM rows RETURNING *) SELECT * FROM gone":                    "",
		"WITH made AS (INSERT INTO rows SELECT * FROM rows RETURNING *) SELECT * FROM made": "",
		"SELECT * INTO pg_temp.mine FROM rows":                                              "",
		"SELECT tenantry.combine('SELECT 1', 1)":                                            "42501",
		"SELECT pg_read_file('PG_VERSION')":                                                 "42501",
		"SELECT * FROM pg_ls_dir('.')":                                                      "42501",
		"SELECT lo_import('/etc/hostname')":                                                 "42501",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IS NOT NULL AND pid <> pg_backend_pid() LIMIT 1": "42501",
		"SELECT pg_reload_conf()":               "42501",
		"SELECT usename, passwd FROM pg_shadow": "42501",
		"SELECT rolpassword FROM pg_authid":     "42501",
		"SELECT pg_sleep(60)":                   "57014",
		"SELECT generate_series(1, 1000000000)": "",
	} {
		got, err := combine(t, f, "SELECT count(*) FROM customers", sql, 2*time.Second)
		require.Error(t, err, "%s gave %v", sql, texts(got.Rows))
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg, sql)
		if code != "" {
			require.Equal(t, code, pg.Code, "%s: %v", sql, err)
		}
	}
	// What it can do is undone.
	got, err := combine(t, f, "SELECT count(*) FROM customers", "SELECT pg_notify('tenantry_operations', 'x') IS NULL, current_user = 'tenantry_combine', session_user = 'tenantry_combine' FROM rows", time.Minute)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"false", "true", "false"}}, texts(got.Rows))
	got, err = combine(t, f, "SELECT 1", "SELECT coalesce(string_agg(query, ''), '') FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query !~ 'insufficient privilege'", time.Minute)
	require.NoError(t, err)
	require.Empty(t, texts(got.Rows)[0][0], "it sees what others do")

	// It does not run as anybody who may do something, and nobody else may call it.
	var owner string
	var others bool
	require.NoError(t, f.Pool.QueryRow(ctx, `SELECT pg_get_userbyid(proowner), has_function_privilege('tenantry_api', oid, 'EXECUTE') OR has_function_privilege('public', oid, 'EXECUTE')
		FROM pg_proc WHERE oid = 'tenantry.combine(text, bigint)'::regprocedure`).Scan(&owner, &others))
	require.Equal(t, "tenantry_combine", owner)
	require.False(t, others)
	_, err = f.Pool.Exec(ctx, `SELECT tenantry.combine('SELECT 1', 1)`)
	require.ErrorContains(t, err, "READ ONLY")
	tx, err := f.Pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	_, err = tx.Exec(ctx, `ALTER FUNCTION tenantry.combine(text, bigint) OWNER TO CURRENT_USER`)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `SELECT tenantry.combine('SELECT 1', 1)`)
	require.ErrorContains(t, err, "a role that has nothing")
}

// A control database's login need be no superuser: it may make roles, as for tenantry_api.
func TestCombineWithoutASuperuser(t *testing.T) {
	t.Parallel()
	fleettest.New(t) // makes tenantry_combine, if no other test has
	ctx := t.Context()
	admin := server(t, fleettest.ServerURL(t))
	t.Cleanup(func() { _ = admin.Close(context.WithoutCancel(ctx)) })
	name := "test_ctl_" + strings.ToLower(rand.Text()[:16])
	run := func(sql string) {
		require.NoError(t, tenants.RetryCatalog(ctx, func() error {
			_, err := admin.Exec(context.WithoutCancel(ctx), sql)
			return err
		}), sql)
	}
	run("CREATE ROLE " + name + " LOGIN CREATEROLE PASSWORD 'x'")
	run("GRANT tenantry_combine TO " + name + " WITH ADMIN OPTION") // who has made the role has it; here another has
	run("CREATE DATABASE " + name + " OWNER " + name)
	t.Cleanup(func() {
		run("DROP DATABASE " + name + " WITH (FORCE)")
		run("DROP ROLE " + name)
	})
	u, err := tenants.JoinURL(fleettest.ServerURL(t), name, name, "x")
	require.NoError(t, err)
	_, err = workers.MigrateControl(ctx, u)
	require.NoError(t, err)
	pool, err := pgxpool.New(ctx, u)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	combine := func(sql string) (fanout.Combined, error) {
		c, err := fanout.NewCombiner(ctx, tenants.NewRegistry(pool, nil), sql, time.Minute)
		require.NoError(t, err)
		defer c.Close()
		return c.Result(ctx, []fanout.Column{{Name: "n", OID: 20}})
	}
	got, err := combine("SELECT count(*), current_user FROM rows")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"0", "tenantry_combine"}}, texts(got.Rows))
	_, err = combine("SELECT set_config('role', 'none', true), query_to_xml('SELECT * FROM tenantry.credentials', true, false, '')")
	require.ErrorContains(t, err, "42501")
	_, err = workers.MigrateControl(ctx, u) // grants are said again at every migration
	require.NoError(t, err)
}
