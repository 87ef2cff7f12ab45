package workers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// entry is all of a database's line in the catalog that a tenant's users could notice.
func (l *legacy) entry(t *testing.T, database string) string {
	t.Helper()
	var line string
	require.NoError(t, l.admin.QueryRow(t.Context(), `
		SELECT format('%s owner %s open %s limit %s: %s', d.oid, d.datdba::regrole, d.datallowconn, d.datconnlimit,
		  (SELECT string_agg(format('%s %s %s', a.grantee::regrole, a.privilege_type, a.is_grantable), ', ' ORDER BY a.grantee, a.privilege_type)
		   FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a))
		FROM pg_database d WHERE d.datname = $1`, database).Scan(&line))
	return line
}

// An adoption that fails in the middle, when the database is closed and has its new name, gives everything back: name, owner, rights and users. Purging
// its tenant drops our roles and rows and never the database; then it can be adopted by another.
func TestAdoptGivesBack(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	database := l.database(t, "acme", tool.applied(2)...)
	execIn(t, l.admin, fmt.Sprintf(`REVOKE ALL ON DATABASE %[1]s FROM PUBLIC; GRANT CONNECT ON DATABASE %[1]s TO pg_monitor WITH GRANT OPTION; ALTER DATABASE %[1]s CONNECTION LIMIT 50`, database))
	super := connectTo(t, fleettest.ServerURL(t), database, "", "")
	// Nobody but a superuser could take this away, and the change of owners runs into it.
	execIn(t, super, `CREATE FUNCTION public.stop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no changes here'; END $$;
		ALTER FUNCTION public.stop() OWNER TO `+l.role+`;
		CREATE EVENT TRIGGER stop ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION public.stop()`)
	require.NoError(t, super.Close(t.Context()))
	before := l.entry(t, database)

	l.refused(t, jobs.Adopt{Slug: "acme", Database: database, AcceptDrift: "the event trigger"}, "no changes here")
	require.Equal(t, before, l.entry(t, database))
	db, err := f.Registry.DatabaseOf(t.Context(), f.Tenant(t, "acme").ID)
	require.NoError(t, err)
	adoption, err := f.Registry.Adoption(t.Context(), db.ID)
	require.NoError(t, err)
	require.Equal(t, tenants.AdoptionOpen, adoption.State)
	conn := l.connect(t, database)
	execIn(t, conn, `INSERT INTO customers (name) VALUES ('Ada')`)

	// Deleting it with a grace closes nothing either.
	f.Do(t, jobs.Delete{Tenant: "acme"})
	require.NoError(t, conn.Ping(t.Context()))
	op := f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	require.Contains(t, string(op.Result), database)
	require.NoError(t, conn.Ping(t.Context()))
	require.Equal(t, before, l.entry(t, database))
	var left int
	require.NoError(t, l.admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_roles WHERE rolname = ANY ($1)`, db.Roles()).Scan(&left))
	require.Zero(t, left)
	require.NoError(t, conn.Close(t.Context()))

	super = connectTo(t, fleettest.ServerURL(t), database, "", "")
	execIn(t, super, `DROP EVENT TRIGGER stop; DROP FUNCTION public.stop()`)
	require.NoError(t, super.Close(t.Context()))
	f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "again", Database: database}).OperationID)
	execIn(t, f.Connect(t, "again", tenants.RoleApp), `DELETE FROM customers WHERE name = 'Ada'`)
}

// A database that is taken over, while the control database does not know it yet, is not dropped by a purge: it is refused until the adoption is finished.
// Afterwards it is dropped like any other.
func TestAdoptTakenAndNotRecorded(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	database := l.database(t, "acme", tool.applied(2)...)
	f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "acme", Database: database}).OperationID)
	tenant := f.Tenant(t, "acme")
	// As if its worker had died and somebody had cancelled the operation then.
	for _, sql := range []string{
		`UPDATE tenantry.adoptions SET state = 'closing'`, `UPDATE tenantry.databases SET state = 'failed' WHERE tenant_id IS NOT NULL`,
		`UPDATE tenantry.tenants SET state = 'failed'`,
	} {
		_, err := f.Pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	op := f.Ends(t, f.Submit(t, jobs.Purge{Tenant: "acme", Confirm: "acme"}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message, "its adoption is not finished")
	require.Equal(t, tenants.StateFailed, f.Tenant(t, "acme").State)
	require.NotEmpty(t, l.entry(t, tenant.Database))

	f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "acme", Database: database}).OperationID)
	execIn(t, f.Connect(t, "acme", tenants.RoleApp), `SELECT * FROM customers`)
	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	var there bool
	require.NoError(t, l.admin.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, tenant.Database).Scan(&there))
	require.False(t, there)
}

// An unfinished adoption whose tenant is deleted with a grace is purged when the grace is over, by nobody's hand: that never drops the database.
func TestAdoptPurgedWhenDue(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	database := l.database(t, "acme", append(tool.applied(2), `DROP VIEW totals`)...)
	l.refused(t, jobs.Adopt{Slug: "acme", Database: database}, "is not what its history says")
	id := f.Tenant(t, "acme").ID
	f.Do(t, jobs.Delete{Tenant: "acme"})
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.tenants SET delete_after = now()`)
	require.NoError(t, err)
	_, err = f.Pool.Exec(t.Context(), `SELECT tenantry.purge_due()`)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return f.Tenant(t, id).State == tenants.StateDeleted }, time.Minute, 20*time.Millisecond)
	require.True(t, l.letsIn(t, database))
}

// A scratch database that a dead worker has left is dropped by whoever looks next, also when the schema that it was made for is known already.
func TestAdoptSweepsScratches(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	database := l.database(t, "acme", tool.applied(2)...)
	require.Empty(t, l.look(t, jobs.AdoptCheck{Database: database}).Refused)
	var name string
	require.NoError(t, f.Pool.QueryRow(t.Context(), `INSERT INTO tenantry.scratches (node_id, created_at) VALUES ($1, now() - interval '1 hour') RETURNING name`, l.node.ID).Scan(&name))
	// Closed, as scratches are made: one open to PUBLIC would fail the isolation check of every tenant that is built on this server just then.
	execIn(t, l.admin, fmt.Sprintf("CREATE DATABASE %s OWNER %s ALLOW_CONNECTIONS false", name, tenants.Ident(l.node.Provisioner)))
	require.Empty(t, l.look(t, jobs.AdoptCheck{Database: database}).Refused)
	var left int
	require.NoError(t, l.admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_database WHERE datname = $1`, name).Scan(&left))
	require.Zero(t, left)
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT count(*) FROM tenantry.scratches`).Scan(&left))
	require.Zero(t, left)
}
