package workers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

func toolNamed(t *testing.T, name string) migrationTool {
	t.Helper()
	for _, tool := range migrationTools() {
		if tool.name == name {
			return tool
		}
	}
	require.Fail(t, "no tool "+name)
	return migrationTool{}
}

// What each tool would not go on from, or what the releases do not hold, is refused with the reason, and nothing is changed.
func TestAdoptRefusesHistories(t *testing.T) {
	t.Parallel()
	histories := map[string]map[string]struct{ sql, why string }{
		"goose": {
			"ahead":   {`INSERT INTO goose_db_version (version_id, is_applied) VALUES (4, true), (5, true)`, "goes beyond release v1: it has 5"},
			"missing": {`DELETE FROM goose_db_version WHERE version_id = 2`, "00003_step.sql is applied, but 00002_step.sql"},
			"down":    {`INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, false)`, "00002_step.sql"},
			"behind":  {`DELETE FROM goose_db_version WHERE version_id > 1`, "fewer than the 3 of the oldest release, v1"},
			"empty":   {`DELETE FROM goose_db_version`, "is empty"},
			"none":    {`DROP TABLE goose_db_version`, "there is no history table"},
			"several": {`CREATE SCHEMA old; CREATE TABLE old.goose_db_version (LIKE goose_db_version)`, "several history tables: old.goose_db_version (goose), public.goose_db_version (goose)"},
		},
		"golang-migrate": {
			"dirty":   {`UPDATE schema_migrations SET dirty = true`, "version 3 is dirty"},
			"ahead":   {`UPDATE schema_migrations SET version = 9`, "at version 9, which the release does not have"},
			"another": {`DROP TABLE schema_migrations; CREATE TABLE schema_migrations (version text PRIMARY KEY)`, "not the history of a known tool"},
		},
		"prisma": {
			"failed":     {`UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '20240103%'`, "migration 20240103120000_step failed"},
			"rolledback": {`UPDATE _prisma_migrations SET finished_at = NULL, rolled_back_at = now() WHERE migration_name LIKE '20240102%'`, "20240102120000_step/migration.sql, which comes before it"},
			"ahead":      {`UPDATE _prisma_migrations SET migration_name = '20250101000000_new' WHERE migration_name LIKE '20240103%'`, "it has 20250101000000_new"},
		},
		"drizzle": {
			"ahead": {`INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('x', 1800000000000), ('y', 1800000000001)`, "has 5 migrations, the release 4"},
		},
		"flyway": {
			"failed": {`UPDATE flyway_schema_history SET success = false WHERE installed_rank = 3`, "V1_3__step.sql failed"},
			"undone": {`INSERT INTO flyway_schema_history VALUES (4, '1.02.0', 'step', 'UNDO_SQL', 'U1_2__step.sql', 1, 'x', now(), 1, true)`, "V1_2__step.sql, which comes before it"},
			"ahead":  {`INSERT INTO flyway_schema_history VALUES (4, '1.10', 'step', 'SQL', 'V1_10__step.sql', 1, 'x', now(), 1, true)`, "it has 1.10"},
		},
	}
	for name, cases := range histories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := toolNamed(t, name)
			f := fleettest.New(t)
			l := newLegacy(t, f, f.Node(t, "n1"))
			l.publish(t, "v1", tool, 3)
			l.publish(t, "v2", tool, 4)
			f.Worker(t)
			for slug, c := range cases {
				database := l.database(t, slug, append(tool.applied(3), c.sql)...)
				why := strings.ReplaceAll(c.why, "beyond release v1", "beyond release v2")
				l.refused(t, jobs.Adopt{Slug: slug, Database: database}, why)
				report := l.look(t, jobs.AdoptCheck{Database: database})
				require.Contains(t, report.Refused+report.Fix, why, slug)
				f.Do(t, jobs.Purge{Tenant: slug, Confirm: slug, Force: slug})
				require.True(t, l.letsIn(t, database), "purging a refused adoption has touched the database")
			}
		})
	}
}

// A schema that is not what the history says is refused with the difference, in every class, unless a person says why it is taken all the same.
func TestAdoptRefusesDrift(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	database := l.database(t, "acme", append(tool.applied(2), `
		ALTER TABLE customers ADD COLUMN note text;
		ALTER TABLE billing.invoices ALTER COLUMN amount SET DEFAULT 7;
		DROP INDEX billing.invoices_customer;
		CREATE INDEX customers_name ON customers (name)`)...)
	super := connectTo(t, fleettest.ServerURL(t), database, "", "")
	execIn(t, super, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'customers_name'::regclass`)
	require.NoError(t, super.Close(t.Context()))

	l.refused(t, jobs.Adopt{Slug: "acme", Database: database}, "is not what its history says: 4 differences")
	report := l.look(t, jobs.AdoptCheck{Database: database})
	require.Equal(t, 4, report.Differing)
	var told []string
	for _, d := range report.Differences {
		told = append(told, fmt.Sprintf("%s %s %s", d.Class, d.Kind, d.Name))
	}
	require.ElementsMatch(t, []string{
		string(fingerprint.Extra) + " column public.customers.note", string(fingerprint.Changed) + " column billing.invoices.amount",
		string(fingerprint.Missing) + " index billing.invoices_customer", string(fingerprint.Invalid) + " index public.customers_name",
	}, told)

	f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "acme", Database: database, AcceptDrift: "mended next week"}).OperationID)
	db, err := f.Registry.DatabaseOf(t.Context(), f.Tenant(t, "acme").ID)
	require.NoError(t, err)
	adoption, err := f.Registry.Adoption(t.Context(), db.ID)
	require.NoError(t, err)
	require.Contains(t, string(adoption.Report), "mended next week")
	require.Contains(t, string(adoption.Report), "customers_name")
}

// A history that ends between two releases is taken over at the older one, and the next release brings the rest.
func TestAdoptBetweenReleases(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"goose", "golang-migrate", "drizzle"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := toolNamed(t, name)
			f := fleettest.New(t)
			l := newLegacy(t, f, f.Node(t, "n1"))
			l.publish(t, "v1", tool, 2)
			l.publish(t, "v2", tool, 4)
			f.Worker(t)
			database := l.database(t, "acme", tool.applied(3)...)
			report := l.look(t, jobs.AdoptCheck{Database: database})
			require.Equal(t, []any{"", 3, "v1", 1}, []any{report.Refused, report.Files, report.Release, report.Beyond})
			f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "acme", Database: database}).OperationID)
			require.Equal(t, "v1", f.Tenant(t, "acme").Release)
			f.Do(t, jobs.Migrate{Tenant: "acme", Release: "v2"})
			execIn(t, f.Connect(t, "acme", tenants.RoleApp), `SELECT country FROM customers; SELECT paid FROM billing.invoices`)

			// One that is told to be at an older release at most is refused when it goes beyond that.
			ahead := l.database(t, "ahead", tool.applied(3)...)
			l.refused(t, jobs.Adopt{Slug: "ahead", Database: ahead, Release: "v1"}, "goes beyond release v1")
		})
	}
}

// What must not become a tenant is refused before anything is changed.
func TestAdoptRefusesDatabases(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "made"})

	for database, why := range map[string]string{
		"no_such_database": "there is no database",
		"postgres":         "the server's own",
		"template1":        "the server's own",
		f.Database:         "", // a control database: no right to look, or known by its schema
	} {
		report := l.look(t, jobs.AdoptCheck{Database: database})
		require.NotEmpty(t, report.Refused, database)
		require.Contains(t, report.Refused, why)
	}
	execIn(t, l.admin, fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s", f.Database, tenants.Ident(l.node.Provisioner)))
	require.Contains(t, l.look(t, jobs.AdoptCheck{Database: f.Database}).Refused, "is a control database")
	_, err := f.Jobs.Adopt(t.Context(), jobs.Adopt{Slug: "x", Database: f.Tenant(t, "made").Database, Node: "n1"}, nil)
	require.ErrorIs(t, err, jobs.ErrInvalid)
	_, err = f.Jobs.Adopt(t.Context(), jobs.Adopt{Slug: "made", Database: "other", Node: "n1"}, nil)
	require.ErrorIs(t, err, jobs.ErrConflict)
	_, err = f.Jobs.Submit(t.Context(), jobs.Adopt{Slug: "x", Database: "other", Node: "n1"}, nil)
	require.ErrorIs(t, err, jobs.ErrInvalid, "the API may not adopt")

	prepared := l.database(t, "tpl", tool.applied(2)...)
	execIn(t, l.admin, "ALTER DATABASE "+prepared+" IS_TEMPLATE true")
	require.Contains(t, l.look(t, jobs.AdoptCheck{Database: prepared}).Refused, "the server's own")
	execIn(t, l.admin, "ALTER DATABASE "+prepared+" IS_TEMPLATE false ALLOW_CONNECTIONS false")
	require.Contains(t, l.look(t, jobs.AdoptCheck{Database: prepared}).Refused, "lets nobody in")

	// Nobody adopts a database twice.
	one := l.database(t, "one", append(tool.applied(2), `DROP VIEW totals`)...)
	l.refused(t, jobs.Adopt{Slug: "one", Database: one}, "is not what its history says")
	_, err = f.Jobs.Adopt(t.Context(), jobs.Adopt{Slug: "two", Database: one, Node: "n1"}, nil)
	require.ErrorIs(t, err, jobs.ErrConflict)
	require.ErrorContains(t, err, "is being adopted as tenant one")
	// A copy of a tenant's is somebody else's.
	copied := l.database(t, "copy", append(tool.applied(2), `CREATE SCHEMA _tenantry`)...)
	l.refused(t, jobs.Adopt{Slug: "copy", Database: copied}, "has a schema _tenantry")
}

// Without the right to hand things over the adoption is refused, with the statements that a superuser must run; when they have run, it succeeds.
func TestAdoptTellsMissingRights(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	execIn(t, l.admin, fmt.Sprintf("REVOKE %s FROM %s", l.role, tenants.Ident(l.node.Provisioner)))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	run := func(database string, sql []string) {
		super := connectTo(t, fleettest.ServerURL(t), database, "", "")
		for _, statement := range sql {
			execIn(t, super, statement)
		}
		require.NoError(t, super.Close(t.Context()))
	}

	plain := l.database(t, "plain", tool.applied(2)...)
	l.refused(t, jobs.Adopt{Slug: "plain", Database: plain}, "may not hand over what belongs to "+l.role)
	report := l.look(t, jobs.AdoptCheck{Database: plain})
	require.Equal(t, []string{fmt.Sprintf(`GRANT "%s" TO "%s"`, l.role, l.node.Provisioner)}, report.SQL)
	run(plain, report.SQL)
	f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "plain", Database: plain}).OperationID)

	// Much of it, and the database itself, is a superuser's: the provisioner must not become one.
	super := l.database(t, "super", tool.applied(2)...)
	run(super, []string{"ALTER DATABASE " + super + " OWNER TO postgres; ALTER TABLE customers OWNER TO postgres; ALTER SCHEMA public OWNER TO postgres; ALTER FUNCTION twice(integer) OWNER TO postgres; GRANT ALL ON SCHEMA public TO PUBLIC"})
	report = l.look(t, jobs.AdoptCheck{Database: super})
	require.Contains(t, report.Refused, "a superuser (the database: true, 3 objects)")
	for _, sql := range report.SQL {
		require.NotContains(t, sql, "GRANT postgres")
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		admin, err := pgx.Connect(ctx, fleettest.ServerURL(t))
		require.NoError(t, err)
		_, err = admin.Exec(ctx, "DROP ROLE IF EXISTS tenantry_handover")
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	run(super, report.SQL)
	f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "super", Database: super}).OperationID)
	require.Empty(t, fingerprint.Compare(l.schema(t, "plain", tool.relation), l.schema(t, "super", tool.relation)))
}

// A superuser's session cannot be ended, so nothing is closed while there is one: the adoption waits and the application works on.
func TestAdoptWaitsForAdministrators(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	database := l.database(t, "acme", tool.applied(2)...)
	app := l.connect(t, database)
	super := connectTo(t, fleettest.ServerURL(t), database, "", "")
	id := l.ask(t, jobs.Adopt{Slug: "acme", Database: database}).OperationID
	require.Eventually(t, func() bool {
		op := operation(t, f, id)
		return op.State == jobs.StateRetrying && op.Attempt > 1
	}, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, "administrator", operation(t, f, id).Error.Code)
	require.NoError(t, app.Ping(t.Context()))
	require.NoError(t, super.Close(t.Context()))
	f.Succeeds(t, id)
}
