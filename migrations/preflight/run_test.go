package preflight_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/preflight"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/workers/fleettest"
)

// nextFile is a release with something to find in every kind.
const nextFile = `ALTER TABLE customers ADD COLUMN vip boolean, ADD COLUMN tier text;
-- tenantry:check nobody is called poison: SELECT NOT EXISTS (SELECT FROM customers WHERE name = 'poison')
ALTER TABLE customers ALTER COLUMN phone SET NOT NULL;
ALTER TABLE orders ADD CONSTRAINT status_short CHECK (length(status) < 6 /* ) */);
CREATE UNIQUE INDEX orders_note ON orders (lower(note)) WHERE note <> '';
ALTER TABLE invoices ADD CONSTRAINT invoices_order FOREIGN KEY (number) REFERENCES orders (number);
ALTER TABLE forms ALTER COLUMN title TYPE varchar(300) USING left(title, 300);
ALTER TABLE order_items ADD COLUMN weight numeric NOT NULL;
ALTER TABLE form_submissions VALIDATE CONSTRAINT recent;
UPDATE forms SET definition = '{}' WHERE definition IS NULL;
ALTER TABLE forms ADD CONSTRAINT forms_small CHECK (pg_column_size(definition) < 1000);
CREATE TABLE tiers (name text PRIMARY KEY);
`

const at = "00009_next.sql:"

// recent is NOT VALID in every tenant, and the release validates it.
const recent = `ALTER TABLE form_submissions ADD CONSTRAINT recent CHECK (submitted_at > '2000-01-01') NOT VALID`

// faults is what is wrong with each tenant, and what must be told of it.
var faults = map[string]struct {
	tamper   []string
	severity preflight.Severity
	what     string
	detail   string
}{
	"sound": {},
	"full": {
		tamper: []string{`DO $$ BEGIN FOR i IN 1..1593 LOOP EXECUTE format('ALTER TABLE customers ADD COLUMN c%s int', i); END LOOP; END $$`, `ALTER TABLE customers DROP COLUMN c1`},
		what:   "public.customers has no room for the release's columns", detail: "1601 of 1600 with the release",
	},
	"fuller": {
		tamper:   []string{`DO $$ BEGIN FOR i IN 1..1200 LOOP EXECUTE format('ALTER TABLE customers ADD COLUMN c%s int', i); END LOOP; END $$`},
		severity: preflight.Warning, what: "public.customers uses most of its columns", detail: "1208 of 1600 with the release",
	},
	"poisoned": {
		tamper: []string{`INSERT INTO customers (name, phone) VALUES ('poison', '1')`},
		what:   "the check at " + at + "3 (nobody is called poison) is not true",
	},
	"nulls": {
		tamper: []string{`INSERT INTO customers (name) SELECT 'x' FROM generate_series(1, 12)`},
		what:   "not so: " + at + "4: customers.phone is never NULL", detail: "12 rows are NULL",
	},
	"manynulls": {
		tamper: []string{`INSERT INTO customers (name) SELECT 'x' FROM generate_series(1, 120)`},
		what:   "not so: " + at + "4: customers.phone is never NULL", detail: "100 or more rows are NULL",
	},
	"long": {
		tamper: []string{`INSERT INTO customers (name, phone) VALUES ('c', '1')`, `INSERT INTO orders (customer_id, number, status) VALUES (1, '1', 'cancelled')`},
		what:   "not so: " + at + "5: all rows of orders fulfil the constraint status_short", detail: "1 rows break it",
	},
	"twice": {
		tamper: []string{
			`INSERT INTO customers (name, phone) VALUES ('c', '1')`,
			`INSERT INTO orders (customer_id, number, note) VALUES (1, '1', 'A'), (1, '2', 'a'), (1, '3', ''), (1, '4', '')`,
		},
		what: "not so: " + at + "6: note is unique in orders", detail: "1 values come more than once",
	},
	"orphan": {
		tamper: []string{`INSERT INTO customers (name, phone) VALUES ('c', '1')`, `INSERT INTO invoices (customer_id, number) VALUES (1, 'lost')`},
		what:   "not so: " + at + "7: every number of invoices is found in orders", detail: "1 rows point at nothing",
	},
	"items": {
		tamper: []string{
			`INSERT INTO customers (name, phone) VALUES ('c', '1')`, `INSERT INTO orders (customer_id, number) VALUES (1, '1')`,
			`INSERT INTO order_items VALUES (1, 1, 'x', 1, 1)`,
		},
		what: "not so: " + at + "9: order_items has no rows: weight is to be NOT NULL and has no default", detail: "1 rows are there",
	},
	"old": {
		tamper: []string{
			`INSERT INTO forms (slug, title) VALUES ('f', 'f')`, `ALTER TABLE form_submissions DROP CONSTRAINT recent`,
			`INSERT INTO form_submissions (form_id, answers, submitted_at) VALUES (1, '{}', '1999-01-01')`, recent,
		},
		what: "not so: " + at + "10: all rows of form_submissions fulfil the constraint recent", detail: "1 rows break it",
	},
	"hasit": {
		tamper: []string{`ALTER TABLE customers ADD COLUMN vip text`},
		what:   at + "2 adds the column vip to public.customers, which has it already",
	},
	"hastable": {
		tamper: []string{`CREATE TABLE tiers (x int)`},
		what:   at + "13 makes public.tiers, which is there already",
	},
	"lost": {
		tamper: []string{`DROP TABLE order_items`},
		what:   at + "9 needs the table order_items, which is not there",
	},
	"foreign": {
		tamper: []string{`!ALTER TABLE forms OWNER TO CURRENT_USER`, `!GRANT ALL ON forms TO PUBLIC`},
		what:   at + "8 changes public.forms, which the tenant's owner does not own",
	},
	"diverged": {
		tamper: []string{`UPDATE _tenantry.schema_history SET statement_hash = repeat('0', 64) WHERE version = '2' AND statement_no = 1`},
		what:   "its history diverges from the release at 00002_invoices.sql",
	},
	"reading": {
		tamper: []string{`!DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`},
		what:   "its database is read-only (default_transaction_read_only)",
	},
	"norole": {
		tamper: []string{`!DO $$ BEGIN EXECUTE format('REVOKE %I FROM %I', current_database() || '_owner', current_database() || '_migrator'); END $$`},
		what:   "its migrator may not take the owner's role",
	},
	"invalid": {
		tamper: []string{
			`CREATE INDEX orders_status ON orders (status)`, `!UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_status'::regclass`,
		},
		severity: preflight.Warning, what: "the index orders_status on public.orders is invalid: no query uses it, and every write pays for it",
	},
	"unproven": {
		tamper:   []string{`ALTER TABLE orders ADD CONSTRAINT late CHECK (number <> '') NOT VALID`},
		severity: preflight.Warning, what: "the constraint late on public.orders is not validated",
	},
}

// TestEveryFault gives each tenant a fault of its own. The report says of each what is wrong, nothing of the others, and nothing changes. Then the
// release is applied: who was said to fail fails, and nobody else.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	var all []string
	for slug := range faults {
		all = append(all, slug)
	}
	f := newFleet(t, all...)
	publish(t, f, "00009_next.sql", nextFile)
	before := map[string]string{}
	for slug, fault := range faults {
		tamper(t, f, slug, recent)
		tamper(t, f, slug, fault.tamper...)
		before[slug] = dump(t, f, slug)
	}

	w := &watcher{modes: map[string]map[string]bool{}}
	report := look(t, f, preflight.Watched(preflight.Options{}, w.watch))
	for slug := range faults {
		require.Equal(t, before[slug], dump(t, f, slug), "%s is as it was", slug)
	}
	w.check(t)

	var blocked []string
	for slug, fault := range faults {
		severity := fault.severity
		if severity == "" {
			severity = preflight.Blocking
		}
		if fault.what == "" {
			continue
		}
		if severity == preflight.Blocking {
			blocked = append(blocked, slug)
		}
		group := told(report, severity)[fault.what]
		require.Contains(t, group, slug, "%q is told of %s; told are %v", fault.what, slug, told(report, severity))
		if fault.detail != "" {
			require.Equal(t, fault.detail, group[slug], slug)
		}
	}
	require.ElementsMatch(t, blocked, blockedSlugs(report))
	for _, s := range []preflight.Severity{preflight.Blocking, preflight.Warning} {
		for what, group := range told(report, s) {
			for slug := range group {
				require.Equal(t, what, faults[slug].what, "%s has this beside its fault", slug)
			}
		}
	}
	require.Equal(t, map[string]bool{
		"not looked whether " + at + "12: all rows of forms fulfil the constraint forms_small: an earlier statement of the release changes rows": true,
	}, looked(report), "what is not looked at is said")
	require.NotContains(t, mustJSON(t, report), "poison'", "no row's content")

	// The statements of those that could be compared: all but the diverged one and the one without a role.
	require.Equal(t, len(faults), report.Tenants)
	require.Equal(t, 11*(len(faults)-2), report.Statements)
	require.Positive(t, report.Nodes[0].RewriteBytes, "forms is rewritten")
	require.Equal(t, report.RewriteBytes, report.Nodes[0].RewriteBytes)
	require.Less(t, report.Nodes[0].AtOnceBytes, report.Nodes[0].RewriteBytes)
	var tables []string
	for _, x := range report.Tables {
		tables = append(tables, x.Table)
	}
	require.ElementsMatch(t, []string{"public.customers", "public.orders", "public.invoices", "public.forms", "public.order_items", "public.form_submissions"}, tables)

	for slug, fault := range faults {
		err := fails(t, f, slug)
		if fault.what != "" && fault.severity == "" && slug != "poisoned" { // a check is what its author says: nothing else would stop it
			require.Error(t, err, slug)
		} else {
			require.NoError(t, err, slug)
		}
	}
}

// looked is what was not looked at, as notes; sizes of disks are none.
func looked(r preflight.Report) map[string]bool {
	notes := map[string]bool{}
	for _, g := range r.Groups {
		if g.Kind == preflight.NotLooked {
			notes[g.What] = true
		}
	}
	return notes
}

// watcher sees every lock that the preflight holds at the end of each of its transactions.
type watcher struct {
	mu       sync.Mutex
	modes    map[string]map[string]bool // of relations, by mode
	writable int
	err      error
}

func (w *watcher) watch(ctx context.Context, conn *pgx.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rows, err := conn.Query(ctx, `
		SELECT l.mode, l.relation::regclass::text, current_setting('transaction_read_only')
		FROM pg_locks l
		WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation'`)
	if err != nil {
		w.err = err
		return
	}
	var mode, relation, readOnly string
	_, err = pgx.ForEachRow(rows, []any{&mode, &relation, &readOnly}, func() error {
		if w.modes[mode] == nil {
			w.modes[mode] = map[string]bool{}
		}
		w.modes[mode][relation] = true
		if readOnly != "on" {
			w.writable++
		}
		return nil
	})
	if err != nil {
		w.err = err
	}
}

func (w *watcher) check(t *testing.T) {
	t.Helper()
	require.NoError(t, w.err)
	require.Zero(t, w.writable, "every transaction is read-only")
	require.Len(t, w.modes, 1, "%v", w.modes)
	for _, table := range []string{"customers", "orders", "invoices", "order_items", "form_submissions"} {
		require.True(t, w.modes["AccessShareLock"][table], "%s was read: %v", table, w.modes)
	}
}

// Extensions that a release needs are looked for on the server, and in the database.
func TestExtensions(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	tamper(t, f, "b", `!CREATE EXTENSION pg_trgm`)
	publish(t, f, "00009_next.sql", `CREATE EXTENSION no_such_thing;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION pg_trgm VERSION '0.1';
CREATE EXTENSION IF NOT EXISTS dblink;`)
	report := look(t, f, preflight.Options{})
	require.Equal(t, map[string]map[string]string{
		at + "2 needs the extension no_such_thing, which its server does not have":          {"a": "", "b": ""},
		at + "4 needs the extension pg_trgm in version 0.1, which its server does not have": {"a": ""},
		at + "4 needs the extension pg_trgm, which the database has already":                {"b": "version 1.6"},
		at + "5 needs the extension dblink, which only a superuser may create":              {"a": "", "b": ""},
	}, told(report, preflight.Blocking))
}

// A node that is down costs its own tenants only, and is told once.
func TestNodeDown(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	lost := f.NodeAt(t, fleettest.SecondServerURL(t), "n2")
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET state = 'draining' WHERE name = 'n1'`)
	require.NoError(t, err)
	settle(t, f, "c", "d", "e")
	publish(t, f, "00009_next.sql", `ALTER TABLE customers ADD COLUMN vip boolean;`)
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET url = regexp_replace(url, ':\d+/', ':1/') WHERE name = 'n2'`)
	require.NoError(t, err)
	defer func() {
		_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.nodes SET url = $2 WHERE name = $1`, "n2", lost.URL)
		require.NoError(t, err)
	}()
	report := look(t, f, preflight.Options{})
	require.Equal(t, map[string]map[string]string{"node n2 does not answer": {"c": "", "d": "", "e": ""}}, told(report, preflight.Blocking))
	require.ElementsMatch(t, []string{"c", "d", "e"}, blockedSlugs(report))
	for _, n := range report.Nodes {
		require.Equal(t, n.Node == "n2", n.Down != "", "%+v", n)
	}
	require.Equal(t, 2, report.Statements)
}

// Old transactions and the lock of migrations are seen, with who has them; a check that takes too long is not known.
func TestWhoIsInTheWay(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "holds", "open", "locked", "free", "slow")
	publish(t, f, "00009_next.sql", `-- tenantry:check in time: SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM customers) THEN 60 ELSE 0 END) IS NOT NULL
ALTER TABLE customers ADD COLUMN vip boolean;
-- tenantry:check later: SELECT NOT EXISTS (SELECT FROM customers WHERE vip)
SELECT 1;`)
	tamper(t, f, "slow", `INSERT INTO customers (name) VALUES ('c')`)
	begin := func(slug, name string, statements ...string) *pgx.Conn {
		conn := admin(t, f, slug)
		for _, sql := range append([]string{"SET application_name = '" + name + "'"}, statements...) {
			_, err := conn.Exec(t.Context(), sql)
			require.NoError(t, err)
		}
		return conn
	}
	begin("holds", "report", "BEGIN", "SELECT FROM customers")
	begin("open", "console", "BEGIN", "SELECT FROM orders")
	_, err := begin("locked", "other").Exec(t.Context(), "SELECT pg_advisory_lock($1)", gentle.LockKey)
	require.NoError(t, err)
	report := look(t, f, preflight.Options{LongTransaction: time.Millisecond, QuestionTimeout: time.Second})
	require.Empty(t, report.Blocked)
	warnings := told(report, preflight.Warning)
	detail := warnings["an old transaction holds locks, on tables that the release changes"]["holds"]
	require.Regexp(t, `^pid \d+ \(report, idle in transaction\), open for \d+s, holds public.customers$`, detail)
	require.Regexp(t, `^pid \d+ \(console, idle in transaction\), open for \d+s$`, warnings["an old transaction is open"]["open"])
	require.Regexp(t, `^pid \d+ \(other\)$`, warnings["somebody changes its database now (the lock of migrations is held)"]["locked"])
	require.Equal(t, map[string]string{"slow": "no answer in time"}, warnings["the check at "+at+"2 (in time) is not known"])
	require.Len(t, warnings["the check at "+at+"4 (later) is not known"], 5, "it speaks of a column that the release makes")
	require.Len(t, warnings, 5)

	report = look(t, f, preflight.Options{QuestionTimeout: time.Second})
	require.NotContains(t, told(report, preflight.Warning), "an old transaction is open", "not 30 seconds old")
}

// A locked table is not waited for, and nobody waits behind the look.
func TestLockedTable(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a")
	publish(t, f, "00009_next.sql", `-- tenantry:check nobody is called x: SELECT NOT EXISTS (SELECT FROM customers WHERE name = 'x')
ALTER TABLE customers ALTER phone SET NOT NULL;`)
	conn := admin(t, f, "a")
	_, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE customers")
	require.NoError(t, err)
	report := look(t, f, preflight.Options{})
	require.Empty(t, report.Blocked)
	require.Equal(t, map[string]string{"a": "a table is locked"}, told(report, preflight.Warning)["the check at "+at+"2 (nobody is called x) is not known"])
	require.Equal(t, map[string]bool{"not looked whether " + at + "3: customers.phone is never NULL": true}, looked(report))
	require.Less(t, report.Duration, 30*time.Second)
}

// TestManyTenants looks at fifty tenants: four at a time, all of them, and writes down how large they are.
func TestManyTenants(t *testing.T) {
	t.Parallel()
	f := newFleet(t, slugs(50)...)
	publish(t, f, "00009_next.sql", `ALTER TABLE customers ADD COLUMN vip boolean;`)
	var mu sync.Mutex
	most, sessions, last := 0, 0, 0
	o := preflight.Options{Progress: func(done, total int) {
		require.Equal(t, 50, total)
		require.Equal(t, last+1, done)
		last = done
	}}
	report := look(t, f, preflight.Watched(o, func(ctx context.Context, _ *pgx.Conn) {
		var n int
		err := f.Pool.QueryRow(ctx, `
			SELECT count(*) FROM pg_stat_activity
			WHERE application_name = 'tenantry/preflight' AND datname = ANY ($1) AND xact_start IS NOT NULL -- one that is hanging up is there for a moment yet`, databases(t, f)).Scan(&n)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			most, sessions = max(most, n), sessions+1
		}
	}))
	require.Equal(t, 50, last)
	require.Positive(t, sessions)
	require.LessOrEqual(t, most, 4, "tenants at a time")
	require.Greater(t, most, 1)
	require.Empty(t, report.Groups)
	require.Equal(t, 50, report.Statements)
	t.Logf("%.0f tenants a second, at most %d at a time", 50/report.Duration.Seconds(), most)

	plan, err := rollout.Make(t.Context(), f.Pool, "next", rollout.Selector{}, rollout.Policy{})
	require.NoError(t, err)
	for _, m := range plan.Members {
		require.Greater(t, m.Bytes, int64(1<<20), "the size of %s is known", m.Slug)
	}
}

func databases(t *testing.T, f *fleettest.Fleet) []string {
	t.Helper()
	rows, err := f.Pool.Query(t.Context(), `SELECT name FROM tenantry.databases`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	publish(t, f, "00009_next.sql", "-- tenantry:check slow: SELECT pg_sleep(60) IS NULL\nALTER TABLE customers ADD COLUMN vip boolean;")
	plan, err := rollout.Make(t.Context(), f.Pool, "next", rollout.Selector{}, rollout.Policy{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := time.Now()
	o := preflight.Options{QuestionTimeout: 50 * time.Second}
	_, err = preflight.Run(ctx, f.Registry, plan, preflight.Watched(o, func(context.Context, *pgx.Conn) { cancel() }))
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(begun), 40*time.Second)
	_, err = preflight.Run(t.Context(), f.Registry, plan, preflight.Options{Parallel: 1000})
	require.ErrorContains(t, err, "from 1 to 100")
}

func mustJSON(t *testing.T, r preflight.Report) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, writeJSON(&out, r))
	return out.String()
}
