package workers_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// check runs a check and gives how many tenants it found in which state.
func check(t *testing.T, f *fleettest.Fleet, c jobs.Check) map[drift.State]int {
	t.Helper()
	var result map[drift.State]int
	require.NoError(t, json.Unmarshal(f.Do(t, c).Result, &result))
	return result
}

// checkedAll lists what was found, by slug.
func checkedAll(t *testing.T, f *fleettest.Fleet) map[string]drift.Checked {
	t.Helper()
	list, err := drift.List(t.Context(), f.Pool, drift.Filter{})
	require.NoError(t, err)
	found := map[string]drift.Checked{}
	for _, c := range list {
		found[c.Tenant] = c
	}
	return found
}

// inDatabase runs statements in a tenant's database as a superuser who knows no release.
func inDatabase(t *testing.T, f *fleettest.Fleet, slug string, statements ...string) {
	t.Helper()
	config, err := pgx.ParseConfig(fleettest.ServerURL(t))
	require.NoError(t, err)
	config.Database = f.Tenant(t, slug).Database
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, sql := range statements {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
}

// However a tenant came to its schema, it is what its release says.
func TestCleanFleetIsClean(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(1) })
	f.Worker(t)
	awaitWarm(t, f, 1)
	warm, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "warm"}, nil)
	require.NoError(t, err)
	require.Equal(t, "active", warm.State)
	for _, slug := range []string{"cold", "migrated", "resting", "rotated", "deleted", "rolled"} {
		f.Do(t, jobs.Provision{Slug: slug, Labels: map[string]string{"of": slug}})
	}
	f.Do(t, jobs.Suspend{Tenant: "resting"})
	f.Do(t, jobs.Resume{Tenant: "resting"})
	f.Do(t, jobs.Rotate{Tenant: "rotated"})
	f.Do(t, jobs.Delete{Tenant: "deleted"})
	require.Equal(t, map[drift.State]int{drift.Clean: 6}, check(t, f, jobs.Check{}))

	// Everything that a release may make, applied in three steps to databases that are in use, and at once to new ones.
	f.Extend(t, "r2",
		`CREATE SCHEMA extra`,
		`CREATE TABLE extra.things (id serial PRIMARY KEY, kind text NOT NULL, customer_id bigint REFERENCES customers)`,
		`CREATE TYPE extra.mood AS ENUM ('good', 'bad')`,
		`CREATE VIEW extra.kinds AS SELECT DISTINCT kind FROM extra.things`,
		`CREATE MATERIALIZED VIEW extra.counts AS SELECT kind, count(*) AS n FROM extra.things GROUP BY 1`,
		`CREATE SEQUENCE extra.numbers`,
		`CREATE FUNCTION extra.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
		`REVOKE EXECUTE ON FUNCTION extra.one() FROM PUBLIC`,
		`CREATE EXTENSION hstore`,
		`COMMENT ON TABLE extra.things IS 'things'`)
	f.Extend(t, "r3",
		`ALTER TABLE customers ADD COLUMN mood extra.mood DEFAULT 'good'`,
		`ALTER TABLE extra.things ADD CONSTRAINT kind_given CHECK (kind <> '') NOT VALID`,
		`ALTER TABLE extra.things ENABLE ROW LEVEL SECURITY`,
		`CREATE POLICY mine ON extra.things USING (kind <> 'theirs')`,
		`CREATE TABLE events (id bigint, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)`,
		`CREATE TABLE events_all PARTITION OF events DEFAULT`)
	f.Extend(t, "r4", `ALTER TABLE customers DROP COLUMN phone`, `ALTER TABLE customers ADD COLUMN phone text`)
	for _, release := range []string{"r2", "r3", "r4"} {
		f.Do(t, jobs.Migrate{Tenant: "migrated", Release: release})
	}
	id, _, err := rollout.Start(t.Context(), f.Pool, "r4", rollout.Selector{Labels: map[string]string{"of": "rolled"}}, quick(), "test")
	require.NoError(t, err)
	awaitRollout(t, f, id, rollout.Completed)
	f.Do(t, jobs.Migrate{Tenant: "cold", Release: "r3"})
	f.Do(t, jobs.Provision{Slug: "new"})
	require.Equal(t, "r4", f.Tenant(t, "new").Release)

	result := check(t, f, jobs.Check{})
	found := checkedAll(t, f)
	for slug, c := range found {
		require.Empty(t, c.Differences, slug)
	}
	require.Equal(t, map[drift.State]int{drift.Clean: 7}, result)
	require.Equal(t, drift.Skipped, found["deleted"].State)
	require.Equal(t, "r3", found["cold"].Release, "a release that has no template: it was built to be looked at")
	require.Equal(t, "r4", found["rolled"].Release)
	require.Equal(t, map[drift.State]int{drift.Skipped: 1}, check(t, f, jobs.Check{Only: "deleted"}))
	require.Equal(t, map[drift.State]int{drift.Clean: 1}, check(t, f, jobs.Check{Labels: map[string]string{"of": "cold"}}))

	// Each look has left how large the tables are.
	largest, err := f.Registry.LargestTables(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, largest)
	var warmSizes int
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT count(*) FROM tenantry.sizes s JOIN tenantry.databases d ON d.id = s.database_id WHERE d.tenant_id IS NULL`).Scan(&warmSizes))
	require.Zero(t, warmSizes, "a database that waits for its tenant is none's")
}

func TestDriftIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Extend(t, "r2", `ALTER TABLE customers ADD CONSTRAINT named CHECK (name <> 'x') NOT VALID`)
	for _, slug := range []string{"good", "bad"} {
		f.Do(t, jobs.Provision{Slug: slug})
	}
	app := f.Tenant(t, "bad").Database + "_app"
	inDatabase(t, f, "bad",
		`DROP INDEX invoices_customer`,
		`CREATE TABLE backup_of_customers AS TABLE customers`,
		`ALTER TABLE orders ALTER COLUMN note DROP NOT NULL`,
		`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_customer'::regclass`,
		`ALTER TABLE invoices DROP CONSTRAINT invoices_check`, `ALTER TABLE invoices ADD CONSTRAINT invoices_check CHECK (status = 'draft' OR issued_at IS NOT NULL) NOT VALID`,
		`ALTER TABLE customers VALIDATE CONSTRAINT named`,
		`ALTER TABLE customers DISABLE TRIGGER touch`,
		`REVOKE UPDATE ON customers FROM `+app,
		`REVOKE ALL ON forms FROM `+app,
		`GRANT SELECT ON customers TO PUBLIC`,
		`ALTER VIEW monthly_revenue OWNER TO postgres`)
	require.Equal(t, map[drift.State]int{drift.Clean: 1, drift.Drifted: 1}, check(t, f, jobs.Check{}))
	found := checkedAll(t, f)
	require.Equal(t, drift.Clean, found["good"].State)
	var named []string
	for _, d := range found["bad"].Differences {
		named = append(named, fmt.Sprintf("%s %s %s", d.Class, d.Kind, d.Name))
	}
	require.Subset(t, named, []string{
		"missing index public.invoices_customer",
		"extra table public.backup_of_customers",
		"extra column public.backup_of_customers.name",
		"changed column public.orders.note",
		"invalid index public.orders_customer",
		"not_validated constraint invoices_check on public.invoices",
		"changed constraint named on public.customers",
		"changed trigger touch on public.customers",
		"changed grant table public.customers to {app}",
		"missing grant table public.forms to {app}",
		"extra grant table public.customers to PUBLIC",
		"changed view public.monthly_revenue",
	})
	require.Equal(t, len(named), found["bad"].Found)

	// What was found stays beside what could not be looked at; what was mended is clean again.
	f.Do(t, jobs.Suspend{Tenant: "good"})
	require.Equal(t, map[drift.State]int{drift.Drifted: 1}, check(t, f, jobs.Check{}))
	require.NotNil(t, checkedAll(t, f)["good"].CheckedAt)
	require.Equal(t, drift.Skipped, checkedAll(t, f)["good"].State)
}

// A tenant that something is changing is not reported, and one whose node is away does not stop the others.
func TestCheckOfBusyAndUnreachable(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	node := f.Node(t, "n1")
	rt := f.Worker(t)
	for _, slug := range []string{"one", "two"} {
		f.Do(t, jobs.Provision{Slug: slug})
	}
	require.Equal(t, map[drift.State]int{drift.Clean: 2}, check(t, f, jobs.Check{}))
	rt.Stop()
	f.Extend(t, "r2", `CREATE TABLE more (id integer)`)
	migrating := f.Submit(t, jobs.Migrate{Tenant: "one", Release: "r2"})
	// Nobody serves the queue of migrations: the tenant's turn is taken, and stays so.
	rt = f.Worker(t, func(c *workers.Config) { c.Concurrency = map[string]int{jobs.QueueMigrate: 0} })
	require.Equal(t, map[drift.State]int{drift.Clean: 1, drift.Busy: 1}, check(t, f, jobs.Check{}))
	one := checkedAll(t, f)["one"]
	require.Contains(t, one.Detail, migrating)
	require.NotNil(t, one.CheckedAt, "what an earlier look has found stays")
	rt.Stop()
	f.Worker(t)
	f.Succeeds(t, migrating)
	require.Equal(t, map[drift.State]int{drift.Clean: 2}, check(t, f, jobs.Check{}))

	hole, _ := blackHole(t)
	setNodeURL(t, f, node, hole)
	require.Equal(t, map[drift.State]int{drift.Unreachable: 2}, check(t, f, jobs.Check{}))
	require.Contains(t, checkedAll(t, f)["two"].Detail, "node n1")
	setNodeURL(t, f, node, "")

	op := f.Ends(t, f.Submit(t, jobs.Check{Only: "nobody"}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message, "nobody")
	for _, share := range []string{"2", "x", "NaN"} {
		require.Equal(t, jobs.StateFailed, f.Ends(t, f.Submit(t, jobs.Check{Share: share})).State, share)
	}
}

// A migration that begins and ends while the database is read is no drift: the look is taken again.
func TestCheckBesideMigrations(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	const releases = 6
	for i := range releases {
		f.Extend(t, fmt.Sprintf("r%d", i), fmt.Sprintf(`CREATE TABLE more_%d (id integer PRIMARY KEY)`, i), `SELECT pg_sleep(0.2)`)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range releases {
			f.Do(t, jobs.Migrate{Tenant: "acme", Release: fmt.Sprintf("r%d", i)})
		}
	}()
	looks := map[drift.State]int{}
	for {
		for state, n := range check(t, f, jobs.Check{}) {
			looks[state] += n
		}
		select {
		case <-done:
			require.Zero(t, looks[drift.Drifted], "%v: %+v", looks, checkedAll(t, f)["acme"].Differences)
			require.Equal(t, map[drift.State]int{drift.Clean: 1}, check(t, f, jobs.Check{}))
			t.Logf("looks: %v", looks)
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A share of the fleet is those that were not looked at for longest, and an attempt that follows another goes on with the rest.
func TestPickOldestFirst(t *testing.T) {
	t.Parallel()
	f := rolloutFleet(t, 7)
	seen := map[string]bool{}
	for night := range 7 {
		require.Equal(t, map[drift.State]int{drift.Clean: 2}, check(t, f, jobs.Check{Share: "0.15"}), night) // 1.05 is rounded up
		for slug, c := range checkedAll(t, f) {
			seen[slug] = c.TriedAt != nil
		}
		if night == 3 {
			require.NotContains(t, seen, false)
			for _, ok := range seen {
				require.True(t, ok, "after four nights everybody was looked at")
			}
		}
	}
	began := time.Now()
	all, err := drift.Pick(t.Context(), f.Pool, drift.Scope{Share: 0.5, Since: began})
	require.NoError(t, err)
	require.Len(t, all, 4)
	first, err := f.Registry.DatabaseOf(t.Context(), all[0].TenantID)
	require.NoError(t, err)
	require.NoError(t, drift.Record(t.Context(), f.Pool, drift.Finding{DatabaseID: first.ID, State: drift.Unreachable}))
	rest, err := drift.Pick(t.Context(), f.Pool, drift.Scope{Share: 0.5, Since: began})
	require.NoError(t, err)
	require.Equal(t, all[1:], rest)
	none, err := drift.Pick(t.Context(), f.Pool, drift.Scope{})
	require.NoError(t, err)
	require.Empty(t, none)
}

// What a release makes is kept by the server's major version, and seen again where it is not known.
func TestExpectedSchemaIsSeenAgain(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	var major int
	var sum string
	read := func() {
		require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT server_major, fingerprint FROM tenantry.release_schemas`).Scan(&major, &sum))
	}
	read()
	was := sum
	var version int
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT current_setting('server_version_num')::integer / 10000`).Scan(&version))
	require.Equal(t, version, major)
	// As after an upgrade of the server: the template is there, and what it holds is known in another version's words.
	execControl(t, f, `UPDATE tenantry.release_schemas SET server_major = server_major - 1, fingerprint = 'x', objects = '[]'`)
	require.Equal(t, map[drift.State]int{drift.Clean: 1}, check(t, f, jobs.Check{}))
	execControl(t, f, `DELETE FROM tenantry.release_schemas WHERE fingerprint = 'x'`)
	read()
	require.Equal(t, was, sum)
	f.Do(t, jobs.Provision{Slug: "next"}) // of the template that was built again
	require.Equal(t, map[drift.State]int{drift.Clean: 2}, check(t, f, jobs.Check{}))
	conn := f.Connect(t, "next", tenants.RoleMigrator)
	var roles int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'tpl\_%'`).Scan(&roles))
	require.Zero(t, roles, "the roles that stood in for a tenant's are gone")
}
