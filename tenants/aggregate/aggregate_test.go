package aggregate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/aggregate"
)

func TestAggregate(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog")
	d := define(t, f, aggregate.Spec{Name: "daily_customers", SQL: customersSQL})
	require.Equal(t, "new", d.Change)
	require.Equal(t, "daily_customers", d.Table)
	require.Equal(t, []aggregate.Column{{Name: "customers", Type: "int8"}, {Name: "first", Type: "text"}}, d.Columns)

	r := run(t, f, "daily_customers")
	require.Equal(t, "4 of 4 tenants", r.Coverage())
	require.EqualValues(t, 4, r.Rows)
	require.True(t, r.Published)
	require.Equal(t, []string{"ant 1|c1", "bee 2|c1", "cat 3|c1", "dog 4|c1"}, rows(t, f, "daily_customers"))

	// Another program reads it, and nothing else.
	bi := reader(t, f)
	require.EqualValues(t, 10, scan[int64](t, bi, `SELECT sum(customers)::bigint FROM aggregates.daily_customers WHERE day = (now() AT TIME ZONE 'UTC')::date - 1`))
	require.Equal(t, "bigint", scan[string](t, bi, `SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'aggregates.daily_customers'::regclass AND attname = 'customers'`))
	require.Equal(t, 4, scan[int](t, bi, `SELECT count(*) FROM aggregates.daily_customers a JOIN aggregates.tenants t USING (tenant_id) WHERE t.state = 'active'`))
	require.Equal(t, 0, scan[int](t, bi, `SELECT missing FROM aggregates.coverage WHERE aggregate = 'daily_customers'`))
	for _, sql := range []string{
		`SELECT * FROM tenantry.tenants`, `SELECT * FROM tenantry.aggregate_slices`, `DELETE FROM aggregates.daily_customers`,
		`UPDATE aggregates.daily_customers SET customers = 0`, `CREATE TABLE aggregates.mine ()`, `SELECT tenantry.setting('delete_grace')`,
	} {
		_, err := bi.Exec(t.Context(), sql)
		require.ErrorContains(t, err, "42501", sql)
	}

	// Run again, a tenant's answer takes the place of what it had; who does not answer keeps that.
	f.Change(t, "ant", `INSERT INTO customers (name, created_at) SELECT 'a' || i, now() - interval '1 day' FROM generate_series(1, 10) i`)
	f.Change(t, "bee", `ALTER TABLE customers RENAME TO clients`)
	exec(t, f, `UPDATE tenantry.aggregates SET retry_for = '0'`)
	op := f.Ends(t, f.Submit(t, jobs.Aggregate{Aggregate: "daily_customers"}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Equal(t, "incomplete", op.Error.Code)
	require.Equal(t, `4 of 4 tenants; 1 with an earlier answer: bee (relation "customers" does not exist (42P01))`, op.Error.Message)
	require.Equal(t, []string{"ant 11|a1", "bee 2|c1", "cat 3|c1", "dog 4|c1"}, rows(t, f, "daily_customers"))

	// Who is missing can be asked alone. Nobody is asked twice.
	f.Change(t, "bee", `ALTER TABLE clients RENAME TO customers`)
	before := scan[time.Time](t, f.Pool, `SELECT max(contributed_at) FROM tenantry.aggregate_slices`)
	r = resultOf(t, f.Do(t, jobs.Aggregate{Aggregate: "daily_customers", Only: "missing"}))
	require.Equal(t, "4 of 4 tenants", r.Coverage())
	require.Equal(t, []string{"bee"}, scan[[]string](t, f.Pool, `SELECT array_agg(t.slug) FROM tenantry.aggregate_slices s JOIN tenantry.tenants t ON t.id = s.tenant_id WHERE s.contributed_at > $1`, before))
}

// reasons gives why tenants are missing.
func reasons(t *testing.T, op jobs.Operation) map[string]string {
	t.Helper()
	list := map[string]string{}
	for _, m := range resultOf(t, op).Missing {
		list[m.Tenant] = m.Reason
	}
	return list
}

// What is wrong with one tenant is that tenant's: it is told by name and asked again, and the others' answers are there.
func TestTroubleIsContained(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog", "eel", "fox", "gnu")
	define(t, f, aggregate.Spec{Name: "odd", SQL: customersSQL, RetryFor: new(time.Duration), Timeout: new(time.Second), PublishAt: new(1.0)})
	view := func(name string) string {
		return `ALTER TABLE customers RENAME TO people; CREATE VIEW customers AS SELECT id, ` + name + ` AS name, created_at FROM people; GRANT SELECT ON customers TO PUBLIC`
	}
	f.Change(t, "bee", `ALTER TABLE customers RENAME TO clients`)
	f.Change(t, "cat", view("7::numeric"))
	f.Change(t, "dog", view("(1 / (id - id))::text"))
	f.Change(t, "eel", view("name || pg_sleep(60)::text"))
	op := f.Ends(t, f.Submit(t, jobs.Aggregate{Aggregate: "odd"}))
	require.Equal(t, jobs.StateFailed, op.State)
	r := resultOf(t, op)
	require.Equal(t, 7, r.Tenants)
	require.Equal(t, 3, r.Contributed)
	require.False(t, r.Published)
	why := reasons(t, op)
	require.Len(t, why, 4)
	require.Contains(t, why["bee"], "42P01")
	require.Contains(t, why["cat"], "returns other columns: customers int8, first numeric, where what is asked for has customers int8, first text")
	require.Contains(t, why["dog"], "division by zero")
	require.Contains(t, why["eel"], "did not answer within 1s")
	require.Equal(t, []string{"ant 1|c1", "fox 6|c1", "gnu 7|c1"}, rows(t, f, "odd"))

	// A day that is not complete enough is seen by nobody, until a person says so.
	bi := reader(t, f)
	require.Equal(t, 0, scan[int](t, bi, `SELECT count(*) FROM aggregates.odd`))
	require.Equal(t, 4, scan[int](t, bi, `SELECT missing FROM aggregates.coverage WHERE aggregate = 'odd'`))
	require.NoError(t, aggregate.Publish(t.Context(), f.Pool, "odd", "yesterday"))
	require.Equal(t, 3, scan[int](t, bi, `SELECT count(*) FROM aggregates.odd`))

	// Too many rows, and what the table does not take.
	define(t, f, aggregate.Spec{Name: "many", SQL: `SELECT name FROM customers WHERE created_at < :day_end`, RetryFor: new(time.Duration), MostRows: new(3), On: "ant", Timeout: new(time.Second)})
	op = f.Ends(t, f.Submit(t, jobs.Aggregate{Aggregate: "many"}))
	require.Contains(t, reasons(t, op)["fox"], "returns more than 3 rows")
	require.Equal(t, []string{"ant c1"}, rows(t, f, "many"))
	define(t, f, aggregate.Spec{Name: "unfit", SQL: `SELECT count(*) AS n FROM customers WHERE created_at < :day_end`, RetryFor: new(time.Duration), On: "ant", Timeout: new(time.Second)})
	exec(t, f, `ALTER TABLE aggregates.unfit ADD CHECK (n <> 6)`) // somebody's own
	op = f.Ends(t, f.Submit(t, jobs.Aggregate{Aggregate: "unfit"}))
	require.Contains(t, reasons(t, op)["fox"], `its rows cannot be stored: new row for relation "unfit" violates check constraint`)
	require.Equal(t, []string{"ant 1", "cat 3", "dog 4", "gnu 7"}, rows(t, f, "unfit"))
}

// Who cannot answer is asked again until it can, within its time.
func TestLateTenantsAreAskedAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog")
	exec(t, f, `CREATE OR REPLACE FUNCTION tenantry.aggregate_pause(p_tries integer) RETURNS interval LANGUAGE sql AS $$ SELECT interval '300 milliseconds' $$`)
	define(t, f, aggregate.Spec{Name: "late", SQL: customersSQL, PublishAt: new(0.75)})
	f.Change(t, "bee", `ALTER TABLE customers RENAME TO clients`)
	f.Change(t, "cat", `ALTER TABLE customers RENAME TO clients`)
	id := f.Submit(t, jobs.Aggregate{Aggregate: "late"})
	require.Eventually(t, func() bool {
		return scan[int](t, f.Pool, `SELECT coalesce(sum(tries), 0) FROM tenantry.aggregate_slices WHERE state <> 'contributed'`) >= 4
	}, 20*time.Second, 20*time.Millisecond)
	require.False(t, scan[bool](t, f.Pool, `SELECT published_at IS NOT NULL FROM tenantry.aggregate_days`), "two of four are not three quarters")

	// One that is suspended meanwhile does not belong to the day any more.
	f.Do(t, jobs.Suspend{Tenant: "cat"})
	f.Change(t, "bee", `ALTER TABLE clients RENAME TO customers`)
	r := resultOf(t, f.Succeeds(t, id))
	require.Equal(t, "3 of 3 tenants", r.Coverage())
	require.Equal(t, 1, r.Left)
	require.True(t, r.Published)
	require.Equal(t, []string{"ant 1|c1", "bee 2|c1", "dog 4|c1"}, rows(t, f, "late"))
	require.Zero(t, scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.aggregate_batches`))
	require.Greater(t, scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.operations WHERE kind = 'aggregate_batch' AND state = 'succeeded'`), 3)
}

func TestRunsAreCancelled(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	define(t, f, aggregate.Spec{Name: "slow", SQL: customersSQL, Timeout: new(5 * time.Minute)})
	slowly(t, f.Pool, "slow", 60)
	id := f.Submit(t, jobs.Aggregate{Aggregate: "slow"})
	require.Eventually(t, func() bool {
		return scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.operations WHERE kind = 'aggregate_batch' AND state = 'running'`) == 2
	}, 20*time.Second, 10*time.Millisecond)
	// The day is being asked for: once is enough.
	_, err := f.Jobs.Submit(t.Context(), jobs.Aggregate{Aggregate: "slow"}, nil)
	require.ErrorContains(t, err, "is under way: "+id)
	require.ErrorContains(t, aggregate.Drop(t.Context(), f.Pool, "slow"), "tenantry op cancel "+id)
	_, err = f.Jobs.Cancel(t.Context(), id)
	require.NoError(t, err)
	op := f.Ends(t, id)
	require.Equal(t, jobs.StateCancelled, op.State)
	require.Zero(t, scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.operations WHERE kind = 'aggregate_batch' AND state <> 'cancelled'`))
	require.Zero(t, scan[int](t, f.Pool, `SELECT count(*) FROM aggregates.slow`))
	_, err = f.Jobs.Retry(t.Context(), id)
	require.ErrorContains(t, err, "is a run of an aggregate")
	require.NoError(t, aggregate.Drop(t.Context(), f.Pool, "slow"))
	require.Zero(t, scan[int](t, f.Pool, `SELECT (SELECT count(*) FROM tenantry.aggregate_slices) + (SELECT count(*) FROM tenantry.aggregate_runs)`))
	require.Nil(t, scan[*string](t, f.Pool, `SELECT to_regclass('aggregates.slow')::text`))
}

// A changed definition never breaks what is there.
func TestDefinitionsChange(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	spec := aggregate.Spec{Name: "growing", SQL: customersSQL, Labels: map[string]string{}, Zone: new("Europe/Berlin")}
	define(t, f, spec)
	run(t, f, "growing")
	require.Equal(t, "settings", define(t, f, spec).Change)
	require.Equal(t, "settings", define(t, f, aggregate.Spec{Name: "growing", RetryFor: new(time.Hour)}).Change)
	g, err := aggregate.Get(t.Context(), f.Pool, "growing")
	require.NoError(t, err)
	require.Equal(t, "1h0m0s Europe/Berlin 30s", fmt.Sprint(g.RetryFor, " ", g.Zone, " ", g.Timeout))
	before := rows(t, f, "growing")

	d := define(t, f, aggregate.Spec{Name: "growing", SQL: "SELECT 'x' AS first, count(*) AS customers FROM customers WHERE created_at < :day_end"})
	require.Equal(t, "text", d.Change)
	d = define(t, f, aggregate.Spec{Name: "growing", SQL: `SELECT count(*) AS customers, min(name) AS first, max(id) AS last, now()::date AS "asked on" FROM customers`})
	require.Equal(t, "columns growing", d.Change+" "+d.Table)
	require.Equal(t, []string{before[0] + "||", before[1] + "||"}, rows(t, f, "growing"))
	d = define(t, f, aggregate.Spec{Name: "growing", SQL: "SELECT count(*)::int AS customers FROM customers"})
	require.Equal(t, "table growing_v2", d.Change+" "+d.Table)
	run(t, f, "growing")
	require.Equal(t, []string{"ant 2", "bee 3"}, rows(t, f, "growing"))
	require.Equal(t, 2, scan[int](t, f.Pool, `SELECT count(*) FROM aggregates.growing`))

	for _, test := range []struct {
		spec aggregate.Spec
		want string
	}{
		{aggregate.Spec{Name: "Growing", SQL: "SELECT 1 AS one"}, "name: "},
		{aggregate.Spec{Name: "growing_v2", SQL: "SELECT 1 AS one"}, "name: there is aggregates.growing_v2 already"},
		{aggregate.Spec{Name: "coverage", SQL: "SELECT 1 AS one"}, "name: there is aggregates.coverage already"},
		{aggregate.Spec{Name: "fresh"}, "sql: there is no aggregate fresh yet"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1"}, "sql: column 1 has no name"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1 AS a, 2 AS a"}, "sql: two columns are named a"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT :day AS day"}, "sql: the column day is in the table by itself"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1 AS ctid"}, "sql: no column can be named ctid"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT FROM customers"}, "sql: it returns no column"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT :week AS week"}, "there is no parameter :week: there are :day, :day_end, :day_start, :tenant, :tenant_id"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT ("}, "the query is refused: syntax error"},
		{aggregate.Spec{Name: "fresh", SQL: "DELETE FROM customers"}, "the query is refused: it begins with DELETE"},
		{aggregate.Spec{Name: "fresh", SQL: "WITH gone AS (DELETE FROM customers RETURNING 1) SELECT count(*) AS n FROM gone"}, "no tenant could be asked"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT nothing AS n FROM customers"}, `column "nothing" does not exist`},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1 AS a", Zone: new("Mars/Olympus")}, `zone: there is no time zone "Mars/Olympus"`},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1 AS a", PublishAt: new(1.5)}, "coverage: 1.5 is no share"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1 AS a", Timeout: new(time.Hour)}, "timeout: 1h0m0s: give"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1 AS a", MostRows: new(0)}, "most-rows: 0: give"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1 AS a", RetryFor: new(-time.Second)}, "retry-for: -1s: give"},
		{aggregate.Spec{Name: "fresh", SQL: "SELECT 1 AS a", Labels: map[string]string{"plan": "none"}}, "there is no active tenant with these labels"},
	} {
		_, err := aggregate.Define(t.Context(), f.Registry, test.spec)
		require.ErrorContains(t, err, test.want, "%+v", test.spec)
	}
	require.Equal(t, 1, scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.aggregates`))

	for _, test := range []struct {
		args jobs.Aggregate
		want string
	}{
		{jobs.Aggregate{Aggregate: "nothing"}, `aggregate: there is no "nothing"`},
		{jobs.Aggregate{Aggregate: "growing", Day: "2999-01-01"}, "day: 2999-01-01 has not begun in Europe/Berlin"},
		{jobs.Aggregate{Aggregate: "growing", Day: "2026-02-30"}, `day: "2026-02-30" is no day`},
		{jobs.Aggregate{Aggregate: "growing", Day: "x"}, `day: "x" is no day`},
		{jobs.Aggregate{Aggregate: "growing", Only: "some"}, `only: "some" is not known`},
	} {
		_, err := f.Jobs.Submit(t.Context(), test.args, nil)
		require.ErrorContains(t, err, test.want)
	}
}

// Values keep their types, whatever they are; those of a database's own are text.
func TestTypes(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	f.Change(t, "bee", `CREATE TYPE filler AS ENUM ('f')`) // so that the next has another number
	slugs := []string{"ant", "bee"}
	for _, slug := range slugs {
		f.Change(t, slug, `CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN email AS text; GRANT USAGE ON TYPE mood TO PUBLIC`)
	}
	d := define(t, f, aggregate.Spec{Name: "types", SQL: `SELECT 1.50::numeric(10, 2) AS n, 'NaN'::float8 AS f, ARRAY['a', NULL, 'b"\c'] AS list, '{"a": [1, "x\ty"]}'::jsonb AS j, 'bad'::mood AS m,
		'a@b'::email AS e, '\x00ff'::bytea AS b, TIMESTAMPTZ '2026-03-29 03:30+02' AS at, INTERVAL '1 mon -2 days' AS i, NULL::uuid AS u, E'tab\there\nline' AS text, 'customers'::regclass AS c,
		int4range(1, 5) AS r, true AS yes, :tenant AS who, :day AS "the day"`})
	types := map[string]string{}
	for _, c := range d.Columns {
		types[c.Name] = c.Type
	}
	require.Equal(t, map[string]string{
		"n": "numeric", "f": "float8", "list": "_text", "j": "jsonb", "m": "text", "e": "text", "b": "bytea", "at": "timestamptz", "i": "interval", "u": "uuid", "text": "text",
		"c": "text", "r": "text", "yes": "bool", "who": "text", "the day": "date",
	}, types)
	run(t, f, "types")
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	got := rows(t, f, "types")
	for i, slug := range slugs {
		require.Equal(t, slug+` 1.50|NaN|{a,NULL,"b\"\\c"}|{"a": [1, "x\ty"]}|bad|a@b|\x00ff|2026-03-29 01:30:00+00|1 mon -2 days||tab`+"\there\nline"+`|customers|[1,5)|t|`+slug+"|"+yesterday, got[i])
	}
}

// Whatever runs, a node has one batch at a time.
func TestRunsShareANode(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat", "dog", "eel", "fox")
	f.Worker(t)
	names := []string{"one", "two", "three"}
	for _, name := range names {
		define(t, f, aggregate.Spec{Name: name, SQL: customersSQL})
		slowly(t, f.Pool, name, 0.2)
	}
	var ids []string
	for _, name := range names {
		ids = append(ids, f.Submit(t, jobs.Aggregate{Aggregate: name}))
	}
	ctx, stop := context.WithCancel(t.Context())
	most := make(chan int)
	go func() {
		n := 0
		for ctx.Err() == nil {
			var now int
			err := f.Pool.QueryRow(ctx, `
				SELECT coalesce(max(n), 0) FROM (
				  SELECT count(*) AS n FROM tenantry.operations WHERE kind = 'aggregate_batch' AND finished_at IS NULL GROUP BY args ->> 'node') x`).Scan(&now)
			if err == nil {
				n = max(n, now)
			}
		}
		most <- n
	}()
	for _, id := range ids {
		f.Succeeds(t, id)
	}
	stop()
	require.Equal(t, 1, <-most)
	for _, name := range names {
		require.Len(t, rows(t, f, name), 6)
	}
}

// A schedule asks for the day before each of its times, by the clock of its zone, also when that is long over.
func TestSchedules(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	define(t, f, aggregate.Spec{Name: "nightly", SQL: customersSQL, Zone: new("Pacific/Auckland")})
	require.NoError(t, aggregate.Schedule(t.Context(), f.Pool, "nightly", "15 2 * * *", "", "yesterday"))
	require.ErrorContains(t, aggregate.Schedule(t.Context(), f.Pool, "nightly", "x", "", "yesterday"), "no cron expression")
	require.ErrorContains(t, aggregate.Schedule(t.Context(), f.Pool, "nightly", "15 2 * * *", "", "tomorrow"), "day: ")
	require.ErrorIs(t, aggregate.Schedule(t.Context(), f.Pool, "nothing", "15 2 * * *", "", "today"), aggregate.ErrNoAggregate)
	// 2:15 in Auckland is 13:15 UTC of the day before in its summer.
	for slot, day := range map[string]string{"2026-11-26T13:15:00Z": "2026-11-26", "2026-07-26T14:15:00Z": "2026-07-26"} {
		id := scan[string](t, f.Pool, `SELECT tenantry.ask_scheduled('aggregate.nightly', $1::timestamptz, 'test')`, slot)
		require.Equal(t, day, resultOf(t, f.Succeeds(t, id)).Day)
		require.Nil(t, scan[*string](t, f.Pool, `SELECT tenantry.ask_scheduled('aggregate.nightly', $1::timestamptz, 'test')`, slot), "once")
	}
	require.NoError(t, aggregate.Schedule(t.Context(), f.Pool, "nightly", "*/10 * * * *", "UTC", "today"))
	id := scan[string](t, f.Pool, `SELECT tenantry.run_now('aggregate.nightly', 'test')`)
	auckland, err := time.LoadLocation("Pacific/Auckland")
	require.NoError(t, err)
	require.Equal(t, time.Now().In(auckland).Format(time.DateOnly), resultOf(t, f.Succeeds(t, id)).Day)
	require.NoError(t, aggregate.Unschedule(t.Context(), f.Pool, "nightly"))
	require.Zero(t, scan[int](t, f.Pool, `SELECT count(*) FROM tenantry.schedules WHERE kind = 'aggregate'`))
}

// What a purged tenant has answered stays, or goes with it, as the aggregate says.
func TestPurgedTenants(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	define(t, f, aggregate.Spec{Name: "keeps", SQL: customersSQL})
	define(t, f, aggregate.Spec{Name: "forgets", SQL: customersSQL, Forget: new(true)})
	for _, name := range []string{"keeps", "forgets"} {
		run(t, f, name)
	}
	op := f.Do(t, jobs.Purge{Tenant: "ant", Confirm: "ant"})
	require.Contains(t, string(op.Result), `"aggregates_kept": "aggregates.keeps"`)
	require.Equal(t, []string{"bee 2|c1"}, rows(t, f, "forgets"))
	require.Equal(t, "bee", scan[string](t, f.Pool, `SELECT string_agg(slug, ',') FROM aggregates.tenants`))
	require.Equal(t, []string{"ant 1|c1", "bee 2|c1"}, rows(t, f, "keeps"))
	require.Equal(t, "1 of 1", scan[string](t, f.Pool, `SELECT contributed || ' of ' || tenants FROM tenantry.aggregate_days WHERE relation = 'forgets'`))
	require.Equal(t, "2 of 2", scan[string](t, f.Pool, `SELECT contributed || ' of ' || tenants FROM tenantry.aggregate_days WHERE relation = 'keeps'`))
}

// The same idempotency key gives the same run, and a day begins and ends by its zone, also when clocks change.
func TestDaysBeginByTheZone(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant")
	define(t, f, aggregate.Spec{
		Name: "clock", Zone: new("Europe/Berlin"),
		SQL: `SELECT :day_start AS begins, :day_end AS ends, extract(epoch FROM :day_end - :day_start)::int / 3600 AS hours`,
	})
	for day, hours := range map[string]int{"2026-03-29": 23, "2026-10-25": 25, "2024-02-29": 24} {
		id, err := f.Jobs.Submit(t.Context(), jobs.Aggregate{Aggregate: "clock", Day: day}, &jobs.Options{IdempotencyKey: day})
		require.NoError(t, err)
		again, err := f.Jobs.Submit(t.Context(), jobs.Aggregate{Aggregate: "clock", Day: day}, &jobs.Options{IdempotencyKey: day})
		require.NoError(t, err)
		require.Equal(t, id, again)
		f.Succeeds(t, id)
		require.Equal(t, hours, scan[int](t, f.Pool, `SELECT hours FROM aggregates.clock WHERE day = $1::date AND begins = day::timestamp AT TIME ZONE 'Europe/Berlin'`, day))
	}
}
