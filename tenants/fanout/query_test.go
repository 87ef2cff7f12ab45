package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/workers/fleettest"
)

func server(t *testing.T, u string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), u)
	require.NoError(t, err)
	return conn
}

// Every active tenant answers, whichever server it is on, and whoever is not active does not.
func TestEveryActiveTenantAnswers(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog")
	f.Do(t, jobs.Suspend{Tenant: "dog"})
	require.NoError(t, f.Registry.Label(t.Context(), f.Tenant(t, "bee").ID, map[string]string{"plan": "pro"}, nil))

	a := ask(t, f, fanout.Request{SQL: "SELECT count(*), max(name) AS last FROM customers"})
	require.Equal(t, map[string][]string{"ant": {"1|c1"}, "bee": {"2|c2"}, "cat": {"3|c3"}}, a.rows)
	require.True(t, a.Complete())
	require.Equal(t, "3 of 3 tenants", a.Coverage())
	require.EqualValues(t, 3, a.Rows)
	require.Equal(t, "count int8", a.Columns[0].String())
	require.Equal(t, "last text", a.Columns[1].String())
	require.Equal(t, "n2", a.outcome(t, "bee").Node)

	require.Equal(t, map[string][]string{"bee": {"2"}}, ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", Labels: map[string]string{"plan": "pro"}}).rows)
	a = ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", Slugs: []string{"cat", "dog"}})
	require.Equal(t, map[string][]string{"cat": {"3"}}, a.rows)
	require.Equal(t, "1 of 2 tenants; 1 inactive: dog (is suspended)", a.Coverage())
	_, err := try(t.Context(), f, fanout.Request{SQL: "SELECT 1", Slugs: []string{"cat", "eel"}})
	require.ErrorIs(t, err, tenants.ErrNoTenant)
	require.ErrorContains(t, err, "eel")
	a = ask(t, f, fanout.Request{SQL: "SELECT 1", Labels: map[string]string{"plan": "none"}})
	require.True(t, a.Complete())
	require.Equal(t, "0 of 0 tenants", a.Coverage())

	// A password that cannot be opened is the tenant's trouble, and told without it.
	keys, err := tenants.ParseKeys(tenants.NewKey())
	require.NoError(t, err)
	report, err := fanout.Query(t.Context(), tenants.NewRegistry(f.Pool, keys), fanout.Request{SQL: "SELECT 1"}, func(fanout.Row) error { return nil })
	require.NoError(t, err)
	require.Equal(t, 3, report.Count(fanout.Failed))
	require.Contains(t, report.Coverage(), "no key in TENANTRY_SECRET_KEY opens it")

	// What a session is set to does not hang on databases.
	change(t, f, "ant", "CREATE SCHEMA other")
	admin := server(t, fleettest.ServerURL(t))
	defer admin.Close(context.WithoutCancel(t.Context()))
	_, err = admin.Exec(t.Context(), fmt.Sprintf(`ALTER DATABASE %[1]s SET search_path = other; ALTER DATABASE %[1]s SET timezone = 'Asia/Tokyo'`, f.Tenant(t, "ant").Database))
	require.NoError(t, err)
	for _, rows := range ask(t, f, fanout.Request{SQL: "SELECT current_setting('search_path'), current_setting('TimeZone'), timestamptz '2026-01-02 03:04+00', current_user ~ '_ro$'"}).rows {
		require.Equal(t, []string{"public|UTC|2026-01-02 03:04:00+00|t"}, rows)
	}
	require.Equal(t, "other", ask(t, f, fanout.Request{SQL: "SHOW search_path", SearchPath: "other", Slugs: []string{"ant"}}).rows["ant"][0])
}

func TestRowsAreScanned(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	_, err := fanout.Query(t.Context(), f.Registry, fanout.Request{SQL: "SELECT 1::bigint, NULL::text, now(), 1.50::numeric, 'x'"}, func(r fanout.Row) error {
		var n int64
		var nothing *string
		var at time.Time
		var amount float64
		var x string
		require.NoError(t, r.Scan(&n, &nothing, &at, &amount, &x))
		require.EqualValues(t, 1, n)
		require.Nil(t, nothing)
		require.WithinDuration(t, time.Now(), at, time.Minute)
		require.InDelta(t, 1.5, amount, 0)
		require.Equal(t, "x", x)
		require.Error(t, r.Scan(&n))
		return nil
	})
	require.NoError(t, err)
}

// Texts that do not read are refused before anybody is asked.
func TestTextsThatDoNotReadAreRefused(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"", ";", "-- SELECT", "/* SELECT", "DELETE FROM customers", "COMMIT", "commit and chain", "ROLLBACK", "END", "ABORT", "BEGIN", "SAVEPOINT a",
		"SET TRANSACTION READ WRITE", "SET ROLE postgres", "RESET ALL", "DO $$ BEGIN END $$", "CALL p()", "COPY customers TO STDOUT", "copy (select 1) to program 'x'",
		"PREPARE TRANSACTION 'x'", "EXECUTE x", "DISCARD ALL", "LISTEN x", "NOTIFY x", "LOCK customers", "VACUUM", "/* a /* SELECT */ b */ DELETE FROM x",
		"DECLARE c CURSOR FOR SELECT 1", "FETCH c", "CREATE TABLE a ()", "SELECT 1\x00", "\ufeffSELECT 1", "SELECTx", "\u00a0SELECT 1",
	} {
		var refused *fanout.StatementError
		require.ErrorAs(t, fanout.CheckStatement(sql), &refused, "%q", sql)
		_, err := fanout.Query(t.Context(), nil, fanout.Request{SQL: sql}, nil)
		require.ErrorAs(t, err, &refused, "%q", sql)
	}
	for _, sql := range []string{
		"SELECT 1", " \n\tselect 1", "((SELECT 1))", "-- a\nSELECT 1", "/* a /* b */ c */ WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "TABLE customers",
		"SHOW work_mem", "explain SELECT 1", "select*from customers", "SELECT 1;",
	} {
		require.NoError(t, fanout.CheckStatement(sql), "%q", sql)
	}
}

// Each wall holds by itself: here nobody looks at the text but the server.
func TestTheServerRefusesToWrite(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	change(t, f, "ant",
		`CREATE FUNCTION wily() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM customers; END $$`,
		`CREATE FUNCTION unlock() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM set_config('transaction_read_only', 'off', true); DELETE FROM customers; END $$`,
		`CREATE FUNCTION ending() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN COMMIT; DELETE FROM customers; END $$`,
		`CREATE PROCEDURE proc() LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; DELETE FROM customers; COMMIT; END $$`,
		`GRANT ALL ON customers TO PUBLIC`) // so that it is not the role that holds
	count := func() string { return ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers"}).rows["ant"][0] }
	for sql, why := range map[string]string{
		"DELETE FROM customers": "25006",
		"WITH gone AS (DELETE FROM customers RETURNING *) SELECT * FROM gone":         "25006",
		"SELECT * INTO TABLE copied FROM customers":                                   "25006",
		"SELECT * FROM customers FOR UPDATE":                                          "25006",
		"EXPLAIN ANALYZE DELETE FROM customers":                                       "25006",
		"SELECT wily()":                                                               "25006",
		"SELECT unlock()":                                                             "read-write",
		"SELECT ending()":                                                             "2D000",
		"SELECT set_config('transaction_read_only', 'off', true)":                     "read-write",
		"CALL proc()":                                                                 "2D000",
		"DO $$ BEGIN DELETE FROM customers; END $$":                                   "25006",
		"DO $$ BEGIN COMMIT; END $$":                                                  "2D000",
		"COPY customers FROM STDIN":                                                   "25006",
		"SELECT nextval('customers_id_seq')":                                          "(",
		"CREATE TEMPORARY TABLE a (b int)":                                            "(",
		"SELECT pg_read_file('PG_VERSION')":                                           "42501",
		"COPY (SELECT 1) TO PROGRAM 'true'":                                           "42501",
		"SET ROLE " + tenants.Ident(f.Tenant(t, "ant").Database+"_owner"):             "42501",
		"SELECT set_config('role', '" + f.Tenant(t, "ant").Database + "_app', false)": "42501",
		"SELECT set_config('session_authorization', '" + f.Tenant(t, "ant").Database + "_owner', false)": "42501",
	} {
		a := ask(t, f, fanout.Unchecked(fanout.Request{SQL: sql}))
		require.Equal(t, fanout.Failed, a.outcome(t, "ant").State, sql)
		require.Contains(t, a.outcome(t, "ant").Reason, why, sql)
		require.Equal(t, "1", count(), sql)
	}
	// These change nothing, and nothing comes after them.
	for _, sql := range []string{"COMMIT", "ROLLBACK", "SET TRANSACTION READ WRITE", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "RESET ALL"} {
		_, err := try(t.Context(), f, fanout.Unchecked(fanout.Request{SQL: sql}))
		require.NoError(t, err, sql)
		require.Equal(t, "1", count(), sql)
	}
	// One statement, and nothing behind it.
	for _, sql := range []string{"COMMIT; DELETE FROM customers", "SELECT 1; DELETE FROM customers", "SELECT 1; COMMIT; BEGIN; DELETE FROM customers; COMMIT"} {
		_, err := try(t.Context(), f, fanout.Unchecked(fanout.Request{SQL: sql}))
		var refused *fanout.StatementError
		require.ErrorAs(t, err, &refused, sql)
		require.ErrorContains(t, err, "more than one statement")
		require.Equal(t, "1", count(), sql)
	}
	// The role may do nothing even where the transaction could: without the grant of above.
	change(t, f, "ant", "REVOKE ALL ON customers FROM PUBLIC")
	conn := f.Connect(t, "ant", tenants.RoleReadOnly)
	_, err := conn.Exec(t.Context(), "DELETE FROM customers")
	require.ErrorContains(t, err, "42501")
}

// A typing error costs one tenant's connection and not everybody's.
func TestASyntaxErrorEndsIt(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog", "eel", "fox")
	a, err := try(t.Context(), f, fanout.Request{SQL: "SELECT count(* FROM customers", Parallel: 1})
	var refused *fanout.StatementError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "syntax error")
	require.LessOrEqual(t, a.Count(fanout.Failed), 2, "one for each node")
	require.GreaterOrEqual(t, a.Count(fanout.Unasked), 4)
	// A name that one tenant does not have is that tenant's.
	change(t, f, "ant", "ALTER TABLE customers RENAME TO clients")
	require.Equal(t, 5, ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers"}).Count(fanout.Answered))
}

// One tenant's trouble is its own, and is explained.
func TestTroubleStaysWhereItIs(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog")
	change(t, f, "bee", "INSERT INTO customers (name) VALUES ('0')")
	change(t, f, "cat", "ALTER TABLE customers RENAME COLUMN phone TO mobile", "ALTER TABLE customers ALTER name TYPE varchar(100)")

	a := ask(t, f, fanout.Request{SQL: "SELECT sum(1 / nullif(length(name) - 1, 0)), max(1 / (1 - (name = '0')::int)) FROM customers"})
	require.Equal(t, "division by zero (22012)", a.outcome(t, "bee").Reason)
	require.Equal(t, "3 of 4 tenants; 1 failed: bee (division by zero (22012))", a.Coverage())

	a = ask(t, f, fanout.Request{SQL: "SELECT * FROM (SELECT name FROM customers LIMIT 1) c"})
	require.Equal(t, 1, a.Count(fanout.Failed)+a.Count(fanout.Answered)-3, "%s", a.Coverage())
	odd := map[bool]string{true: "cat", false: "ant"}[a.outcome(t, "cat").State == fanout.Failed]
	if odd == "cat" { // else it was the first, and the others are the ones that differ
		require.Equal(t, 3, a.Count(fanout.Answered))
		require.Contains(t, a.outcome(t, "cat").Reason, "returns other columns: name varchar, where ")
		require.Contains(t, a.outcome(t, "cat").Reason, " has name text")
		require.Empty(t, a.rows["cat"], "rows that do not fit were given")
	}

	begun := time.Now()
	a = ask(t, f, fanout.Request{SQL: "SELECT pg_sleep(CASE current_database() WHEN '" + f.Tenant(t, "dog").Database + "' THEN 60 ELSE 0 END)", Timeout: 2 * time.Second})
	require.Equal(t, "3 of 4 tenants; 1 failed: dog (did not answer within 2s)", a.Coverage())
	require.Less(t, time.Since(begun), 10*time.Second)

	a = ask(t, f, fanout.Request{SQL: "SELECT repeat('x', CASE current_database() WHEN '" + f.Tenant(t, "dog").Database + "' THEN 3000000 ELSE 1 END)", MostRow: 1 << 20})
	require.Equal(t, "3 of 4 tenants; 1 failed: dog (a row is longer than 1048576 bytes)", a.Coverage())

	lock := f.Connect(t, "dog", tenants.RoleMigrator)
	_, err := lock.Exec(t.Context(), "BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	a = ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", LockTimeout: 100 * time.Millisecond})
	require.Contains(t, a.outcome(t, "dog").Reason, "a table is locked")
	require.Equal(t, 3, a.Count(fanout.Answered))
	require.NoError(t, lock.Close(t.Context()))

	a = ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM _tenantry.schema_history"})
	require.Equal(t, 4, a.Count(fanout.Failed))
	require.Contains(t, a.Coverage(), "0 of 4 tenants; 4 failed: ant, bee, cat, dog (permission denied")
}

// Types that databases have made themselves have a number in each.
func TestTypesOfTheirOwnFit(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	change(t, f, "bee", "CREATE TYPE filler AS ENUM ('x')")
	for _, slug := range []string{"ant", "bee"} {
		change(t, f, slug, "CREATE TYPE colour AS ENUM ('red')")
	}
	a := ask(t, f, fanout.Request{SQL: "SELECT 'red'::colour AS c"})
	require.True(t, a.Complete(), a.Coverage())
	require.Equal(t, "c a type of its own", a.Columns[0].String())
}

// onPaper makes tenants that are rows in the control database only.
func onPaper(t *testing.T, f *fleettest.Fleet, node, nodeURL string, n int) {
	t.Helper()
	ctx := t.Context()
	_, err := f.Pool.Exec(ctx, `INSERT INTO tenantry.nodes (name, state, url, provisioner, max_connections) VALUES ($1, 'active', $2, 'nobody', 100)`, node, nodeURL)
	require.NoError(t, err)
	_, err = f.Pool.Exec(ctx, `
		WITH d AS (
		  INSERT INTO tenantry.databases (node_id, release_id, state)
		  SELECT n.id, r.id, 'assigned' FROM tenantry.nodes n, (SELECT id FROM tenantry.releases LIMIT 1) r, generate_series(1, $1) WHERE n.name = $2 RETURNING id
		)
		INSERT INTO tenantry.tenants (slug, name, state, database_id) SELECT $2 || '-' || row_number() OVER (), 'T', 'active', id FROM d`, n, node)
	require.NoError(t, err)
	rows, err := f.Pool.Query(ctx, `SELECT d.id FROM tenantry.databases d JOIN tenantry.nodes n ON n.id = d.node_id WHERE n.name = $1`, node)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, id := range ids {
		sealed, err := f.Keys.Seal("credential/"+id+"/readonly", "secret-of-"+id)
		require.NoError(t, err)
		_, err = f.Pool.Exec(ctx, `INSERT INTO tenantry.credentials (database_id, role, username, sealed) VALUES ($1, 'readonly', $2, $3)`, id, "u_"+id, sealed)
		require.NoError(t, err)
	}
}

// A node that is away costs its own tenants, and not each of them a timeout.
func TestANodeThatIsAway(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	onPaper(t, f, "closed", "postgres://x@127.0.0.1:1/postgres?sslmode=disable", 200)
	a := ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers"})
	require.Equal(t, map[string][]string{"ant": {"1"}, "bee": {"2"}}, a.rows)
	require.Equal(t, 200, a.Count(fanout.Unreachable))
	require.Contains(t, a.Coverage(), "2 of 202 tenants; 200 unreachable: closed-1, ")
	require.Contains(t, a.Coverage(), ", … (node closed: connection refused)")
	require.NotContains(t, fmt.Sprintf("%+v", a.Report), "secret-of-")

	// One that is lost is not connected to, though something answers there: it would be what is old.
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET state = 'lost' WHERE name = 'n2'`)
	require.NoError(t, err)
	a = ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", Slugs: []string{"ant", "bee"}})
	require.Equal(t, "1 of 2 tenants; 1 unreachable: bee (node n2 is lost)", a.Coverage())
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET state = 'active' WHERE name = 'n2'`)
	require.NoError(t, err)

	// One that takes connections and says nothing.
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	onPaper(t, f, "silent", "postgres://x@"+silent.Addr().String()+"/postgres?sslmode=disable", 100)
	begun := time.Now()
	const timeout = 500 * time.Millisecond
	a = ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", Timeout: timeout, Parallel: 2})
	require.Equal(t, 300, a.Count(fanout.Unreachable), a.Coverage())
	require.Equal(t, "node silent: no answer in time", a.outcome(t, "silent-7").Reason)
	require.Less(t, time.Since(begun), 20*timeout, "they were tried one after the other")
}

// What happens to a tenant after the query has begun.
func TestTenantsChangeMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog")
	a := ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", Begin: func(n int) {
		require.Equal(t, 4, n)
		f.Do(t, jobs.Suspend{Tenant: "ant"})
		f.Do(t, jobs.Rotate{Tenant: "bee"})
		f.Do(t, jobs.Purge{Tenant: "cat", Confirm: "cat"})
	}})
	require.Equal(t, map[string][]string{"bee": {"2"}, "dog": {"4"}}, a.rows)
	require.Equal(t, fanout.Inactive, a.outcome(t, "ant").State)
	require.Equal(t, "is suspended since", a.outcome(t, "ant").Reason)
	require.Equal(t, fanout.Inactive, a.outcome(t, "cat").State, a.Coverage())
	require.Contains(t, []string{"is deleted since", "is gone since"}, a.outcome(t, "cat").Reason)
	require.False(t, a.Complete())

	// Or while it answers.
	var at atomic.Int32
	asked := make(chan answer, 1)
	go func() {
		got, _ := try(t.Context(), f, fanout.Request{SQL: "SELECT pg_sleep(30)", Application: "test/meanwhile", Slugs: []string{"dog"}, Ended: func(fanout.Outcome) { at.Add(1) }})
		asked <- got
	}()
	eventually(t, func() bool { return running(t, "test/meanwhile", "wait_event = 'PgSleep'") == 1 }, "it is asked")
	f.Do(t, jobs.Suspend{Tenant: "dog"})
	select {
	case got := <-asked:
		require.Equal(t, "0 of 1 tenants; 1 inactive: dog (is suspended since)", got.Coverage())
		require.EqualValues(t, 1, at.Load())
	case <-time.After(20 * time.Second):
		require.Fail(t, "it was not ended")
	}
}

// Who is cancelled leaves nothing running on any server.
func TestCancelledEverywhere(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog")
	const name = "test/cancelled"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var report answer
	go func() {
		var err error
		report, err = try(ctx, f, fanout.Request{SQL: "SELECT pg_sleep(120)", Application: name, Timeout: 2 * time.Minute, Parallel: 2})
		ended <- err
	}()
	eventually(t, func() bool { return running(t, name, "wait_event = 'PgSleep'") == 4 }, "all are asked")
	cancel()
	begun := time.Now()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Less(t, time.Since(begun), 5*time.Second)
	require.Zero(t, running(t, name, "true"), "sessions are left")
	require.Equal(t, 4, report.Count(fanout.Unasked))

	// Who takes no more rows ends it as well: the servers would go on for hours.
	enough := errors.New("enough")
	_, err := fanout.Query(t.Context(), f.Registry, fanout.Request{SQL: "SELECT generate_series(1, 1000000000)", Application: name}, func(fanout.Row) error { return enough })
	require.ErrorIs(t, err, enough)
	eventually(t, func() bool { return running(t, name, "true") == 0 }, "sessions are left")

	// So does the end of the caller's time.
	short, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	a, err := try(short, f, fanout.Request{SQL: "SELECT pg_sleep(120)", Application: name, Parallel: 1})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Zero(t, running(t, name, "true"), "sessions are left")
	require.Equal(t, 4, a.Count(fanout.Unasked))
}

// A million rows pass through a little memory.
func TestAMillionRowsAreNotKept(t *testing.T) { //nolint:paralleltest // it measures memory
	f := newFleet(t, "ant", "bee")
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	rows, peak := 0, uint64(0)
	report, err := fanout.Query(t.Context(), f.Registry, fanout.Request{SQL: "SELECT i, repeat('x', 200) FROM generate_series(1, 500000) i", Timeout: 5 * time.Minute}, func(fanout.Row) error {
		if rows++; rows%10000 == 0 {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapInuse)
		}
		return nil
	})
	require.NoError(t, err)
	require.True(t, report.Complete(), report.Coverage())
	require.Equal(t, 1000000, rows)
	grown := int64(peak) - int64(before.HeapInuse)
	t.Logf("%d rows of 200 bytes in %s; the heap had %.1f MiB before and %.1f MiB at most", rows, report.Took.Round(time.Millisecond), float64(before.HeapInuse)/(1<<20), float64(peak)/(1<<20))
	require.Less(t, grown, int64(24<<20), "rows pile up")
}

// There are never more sessions on a node than were asked for, nor than a quarter of what the node has.
func TestNeverMoreThanTheShare(t *testing.T) {
	t.Parallel()
	slugs := []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "b1", "b2", "b3"}
	f := newFleet(t, slugs...)
	const name = "test/share"
	most := func(parallel int) int {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = try(t.Context(), f, fanout.Request{SQL: "SELECT pg_sleep(0.3)", Application: name, Parallel: parallel})
		}()
		conn := server(t, fleettest.ServerURL(t))
		defer conn.Close(context.WithoutCancel(t.Context()))
		seen := 0
		for {
			var n int
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, name).Scan(&n))
			seen = max(seen, n)
			select {
			case <-done:
				return seen
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	require.Equal(t, 3, most(3))
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET max_connections = 8`)
	require.NoError(t, err)
	require.Equal(t, 2, most(6))
}

// crowdedServer stands before a server and says to the first connections that there are too many.
func crowdedServer(t *testing.T, to string, refuse int32) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	var seen atomic.Int32
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				if seen.Add(1) <= refuse {
					backend := pgproto3.NewBackend(client, client)
					if _, err := backend.ReceiveStartupMessage(); err != nil {
						return
					}
					backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "53300", Message: "sorry, too many clients already", Routine: "InitProcess"})
					_ = backend.Flush()
					return
				}
				pipe(t.Context(), client, to)
			}()
		}
	}()
	return l.Addr().String()
}

func pipe(ctx context.Context, client net.Conn, to string) {
	upstream, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := upstream.Read(buf)
			if n > 0 {
				if _, err := client.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				_ = client.Close()
				return
			}
		}
	}()
	buf := make([]byte, 4096)
	for {
		n, err := client.Read(buf)
		if n > 0 {
			if _, err := upstream.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = upstream.Close()
	<-done
}

// A server that is out of connections is asked again.
func TestACrowdedServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat")
	config, err := pgx.ParseConfig(fleettest.ServerURL(t))
	require.NoError(t, err)
	at := crowdedServer(t, fmt.Sprintf("%s:%d", config.Host, config.Port), 4)
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET url = $1 WHERE name = 'n1'`, "postgres://x@"+at+"/postgres?sslmode=disable")
	require.NoError(t, err)
	a := ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers"})
	require.Equal(t, map[string][]string{"ant": {"1"}, "bee": {"2"}, "cat": {"3"}}, a.rows, a.Coverage())
	require.Greater(t, a.outcome(t, "ant").Took, 50*time.Millisecond)

	at = crowdedServer(t, "127.0.0.1:1", 1000)
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET url = $1 WHERE name = 'n1'`, "postgres://x@"+at+"/postgres?sslmode=disable")
	require.NoError(t, err)
	a = ask(t, f, fanout.Request{SQL: "SELECT count(*) FROM customers", Timeout: 500 * time.Millisecond})
	require.Equal(t, 1, a.Count(fanout.Answered))
	require.Contains(t, a.Coverage(), "too many clients")
}
