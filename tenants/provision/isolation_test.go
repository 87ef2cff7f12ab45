package provision_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// How PostgreSQL says no.
const (
	codeDenied        = "42501"
	codeNoConnections = "55000" // the database lets nobody in
)

// neighbours are two tenants on one node, a warm database and the node's template: everything that must be kept apart.
type neighbours struct {
	*fleettest.Fleet
	worker       *workers.Runtime
	node         tenants.Node
	mine, theirs tenants.Tenant
	secrets      []string // what nobody but the operators may read: names, slugs and ids of tenants

	mineAt, theirsAt tenants.Database
	warm, template   string // databases

	theirSession         *pgx.Conn
	theirPID, workersPID int // sessions of theirs
}

func twoTenants(t *testing.T) *neighbours {
	t.Helper()
	ctx := t.Context()
	n := &neighbours{Fleet: fleettest.New(t)}
	n.node = n.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget = new(1) })
	n.worker = n.Worker(t)
	for _, slug := range []string{"canary-mine", "canary-theirs"} {
		made, err := n.Jobs.CreateTenant(ctx, jobs.Provision{Slug: slug, Name: "Name of " + slug, Node: "n1", Labels: map[string]string{"plan": "plan-of-" + slug}}, nil)
		require.NoError(t, err)
		n.Succeeds(t, made.OperationID)
		n.secrets = append(n.secrets, slug, made.TenantID, "plan-of-")
	}
	n.secrets = append(n.secrets, "Name of canary")
	n.mine, n.theirs = n.Tenant(t, "canary-mine"), n.Tenant(t, "canary-theirs")
	var err error
	n.mineAt, err = n.Registry.DatabaseOf(ctx, n.mine.ID)
	require.NoError(t, err)
	n.theirsAt, err = n.Registry.DatabaseOf(ctx, n.theirs.ID)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return n.Pool.QueryRow(ctx, `SELECT name FROM tenantry.databases WHERE state = 'warm' LIMIT 1`).Scan(&n.warm) == nil
	}, time.Minute, 20*time.Millisecond, "there is no warm database")
	require.NoError(t, n.Pool.QueryRow(ctx, `SELECT name FROM tenantry.templates WHERE state = 'ready'`).Scan(&n.template))

	n.theirSession = n.Connect(t, n.theirs.ID, tenants.RoleApp)
	require.NoError(t, n.theirSession.QueryRow(ctx, `SELECT pg_backend_pid() /* `+n.theirs.Slug+` */`, pgx.QueryExecModeSimpleProtocol).Scan(&n.theirPID))
	lease, err := n.worker.Cache().Acquire(ctx, n.theirs.ID) // a pool of theirs in a worker is visible too
	require.NoError(t, err)
	require.NoError(t, lease.Pool().QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&n.workersPID))
	lease.Release()
	return n
}

// as logs in with a role of a tenant's database to some database of the node.
func (n *neighbours) as(t *testing.T, home tenants.Database, role tenants.Role, database string) (*pgx.Conn, error) {
	t.Helper()
	c, err := n.Registry.Credential(t.Context(), home.ID, role)
	require.NoError(t, err)
	config, err := n.node.Direct(database, c.Username, c.Password)
	require.NoError(t, err)
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err == nil {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = conn.Close(ctx)
		})
	}
	return conn, err
}

func requireCode(t *testing.T, err error, codes []string, what string) {
	t.Helper()
	require.Error(t, err, "%s was possible", what)
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg, what)
	require.Contains(t, codes, pg.Code, "%s: %s", what, pg.Message)
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	n := twoTenants(t)
	t.Run("no way into another database", n.noWayIn)
	t.Run("a build notices an open database", n.buildNotices)
	t.Run("nothing of the server", n.nothingOfTheServer)
	t.Run("the application's rights", n.applicationsRights)
	t.Run("the reader's rights", n.readersRights)
	t.Run("the migrator's rights", n.migratorsRights)
	t.Run("catalogs tell nothing", n.catalogsTellNothing)
	t.Run("rights on what comes later", n.rightsOnWhatComesLater)
}

// buildNotices opens their database in a transaction that is never committed, and asks in it what a build asks.
func (n *neighbours) buildNotices(t *testing.T) {
	ctx := t.Context()
	for whom, open := range map[string]bool{"PUBLIC": true, n.mineAt.Role(tenants.RoleApp): true, n.mineAt.Role(tenants.RoleReadOnly): false} {
		conn, err := pgx.Connect(ctx, fleettest.ServerURL(t))
		require.NoError(t, err)
		_, err = conn.Exec(ctx, "BEGIN; GRANT CONNECT ON DATABASE "+n.theirsAt.Name+" TO "+whom+"; SET LOCAL ROLE "+n.mineAt.Role(tenants.RoleApp), pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
		var powerful, public bool
		var others string
		require.NoError(t, conn.QueryRow(ctx, provision.IsolationSQL).Scan(&powerful, &public, &others))
		require.False(t, powerful)
		require.Equal(t, open, strings.Contains(others, n.theirsAt.Name), "open to %s: %q", whom, others)
		require.NoError(t, conn.Close(ctx))
	}
}

func (n *neighbours) noWayIn(t *testing.T) {
	u, err := url.Parse(n.node.URL)
	require.NoError(t, err)
	for _, role := range tenants.LoginRoles() {
		_, err := n.as(t, n.mineAt, role, n.mineAt.Name)
		require.NoError(t, err, "%s cannot log in at home: the rest shows nothing", role)
		for what, database := range map[string]string{
			"another tenant's database": n.theirsAt.Name, "the control database": n.Database, "a warm database": n.warm, "the template": n.template,
			"postgres": "postgres", "template1": "template1", "template0": "template0", "the node's maintenance database": strings.TrimPrefix(u.Path, "/"),
		} {
			_, err := n.as(t, n.mineAt, role, database)
			requireCode(t, err, []string{codeDenied, codeNoConnections}, fmt.Sprintf("connecting as %s to %s", role, what))
		}
	}
	for _, mode := range []string{"database", "true"} { // a walsender reads every database's WAL
		c, err := n.Registry.Credential(t.Context(), n.mineAt.ID, tenants.RoleMigrator)
		require.NoError(t, err)
		config, err := n.node.Direct(n.mineAt.Name, c.Username, c.Password)
		require.NoError(t, err)
		config.RuntimeParams["replication"] = mode
		_, err = pgx.ConnectConfig(t.Context(), config)
		requireCode(t, err, []string{codeDenied, "28000"}, "connecting for replication")
	}
	owner := n.mineAt.Owner()
	config, err := n.node.Direct(n.mineAt.Name, owner, "")
	require.NoError(t, err)
	_, err = pgx.ConnectConfig(t.Context(), config)
	requireCode(t, err, []string{"28P01", "28000"}, "logging in as the owner")
}

// refusals runs statements that must all be refused, and says what each would have been good for.
func refusals(t *testing.T, conn *pgx.Conn, who string, statements []string, codes ...string) {
	t.Helper()
	if len(codes) == 0 {
		codes = []string{codeDenied}
	}
	for _, sql := range statements {
		if alone.MatchString(sql) {
			_, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
			requireCode(t, err, codes, who+": "+sql)
			continue
		}
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		requireCode(t, err, codes, who+": "+sql)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

// alone are statements that a transaction block would refuse before anybody asks for rights.
var alone = regexp.MustCompile(`^(CREATE|DROP) (DATABASE|TABLESPACE|SUBSCRIPTION)|^ALTER SYSTEM`)

// What no login role of a tenant may do.
func (n *neighbours) nothingOfTheServer(t *testing.T) {
	mine, theirs := n.mineAt, n.theirsAt
	for _, role := range tenants.LoginRoles() {
		conn, err := n.as(t, mine, role, mine.Name)
		require.NoError(t, err)
		who := string(role)
		others := []string{
			theirs.Owner(), theirs.Role(tenants.RoleApp), theirs.Role(tenants.RoleMigrator), n.node.Provisioner, n.node.TemplateRole(), "postgres",
			"pg_read_all_data", "pg_write_all_data", "pg_read_server_files", "pg_execute_server_program", "pg_signal_backend", "pg_read_all_stats", "pg_monitor",
		}
		for _, other := range others {
			refusals(t, conn, who, []string{
				"SET ROLE " + other, "SET SESSION AUTHORIZATION " + other,
				"ALTER ROLE " + other + " SET work_mem = '1GB'", "GRANT " + other + " TO CURRENT_USER",
			}, codeDenied, "42939") // 42939: the name of a predefined role is reserved
		}
		refusals(t, conn, who, []string{
			"ALTER ROLE " + theirs.Role(tenants.RoleApp) + " PASSWORD 'x'", "DROP ROLE " + theirs.Role(tenants.RoleApp), "REASSIGN OWNED BY " + theirs.Owner() + " TO CURRENT_USER",
			"DROP OWNED BY " + theirs.Owner(), "COMMENT ON ROLE " + theirs.Owner() + " IS 'x'", "COMMENT ON DATABASE " + theirs.Name + " IS 'x'",
			"ALTER DATABASE " + theirs.Name + " SET work_mem = '1GB'", "ALTER DATABASE " + theirs.Name + " ALLOW_CONNECTIONS true", "DROP DATABASE " + theirs.Name,
			"ALTER DATABASE " + theirs.Name + " OWNER TO CURRENT_USER", "ALTER DATABASE " + mine.Name + " OWNER TO " + theirs.Owner(), "ALTER DATABASE " + n.template + " IS_TEMPLATE true",
			"ALTER ROLE CURRENT_USER CREATEDB", "ALTER ROLE CURRENT_USER CREATEROLE", "ALTER ROLE CURRENT_USER SUPERUSER", "ALTER ROLE CURRENT_USER REPLICATION", "ALTER ROLE CURRENT_USER BYPASSRLS",
			"ALTER ROLE CURRENT_USER CONNECTION LIMIT 1000", "ALTER ROLE ALL SET work_mem = '1GB'", "CREATE ROLE x", "CREATE ROLE x SUPERUSER", "CREATE DATABASE x", "CREATE DATABASE x TEMPLATE " + theirs.Name,
			"CREATE TABLESPACE x LOCATION '/tmp'", "ALTER SYSTEM SET work_mem = '1GB'", "CHECKPOINT", "LOAD '/tmp/x.so'",
			"SELECT * FROM pg_authid", "SELECT * FROM pg_shadow", "SELECT * FROM pg_hba_file_rules", "SELECT * FROM pg_file_settings", "SELECT subconninfo FROM pg_subscription",
			"SELECT * FROM pg_largeobject",
			"SELECT pg_read_file('PG_VERSION')", "SELECT pg_read_binary_file('PG_VERSION')", "SELECT pg_ls_dir('.')", "SELECT pg_stat_file('PG_VERSION')", "SELECT pg_ls_logdir()", "SELECT pg_ls_waldir()",
			"SELECT pg_ls_tmpdir()", "COPY (SELECT 1) TO PROGRAM 'cat'", "COPY pg_temp.x FROM PROGRAM 'id'", "COPY (SELECT 1) TO '/tmp/x'", "SELECT lo_import('/etc/passwd')", "SELECT lo_export(1, '/tmp/x')",
			"SELECT pg_database_size('" + theirs.Name + "')", "SELECT pg_reload_conf()", "SELECT pg_rotate_logfile()", "SELECT pg_switch_wal()", "SELECT pg_promote()",
			"SELECT pg_create_physical_replication_slot('x')", "SELECT pg_create_logical_replication_slot('x', 'test_decoding')", "SELECT pg_replication_origin_create('x')",
			fmt.Sprintf("SELECT pg_terminate_backend(%d)", n.theirPID), fmt.Sprintf("SELECT pg_cancel_backend(%d)", n.theirPID), fmt.Sprintf("SELECT pg_terminate_backend(%d)", n.workersPID),
			fmt.Sprintf("SELECT pg_log_backend_memory_contexts(%d)", n.theirPID), "SELECT pg_stat_reset()", "SELECT pg_stat_reset_shared('bgwriter')",
			"CREATE EXTENSION file_fdw", "CREATE FOREIGN DATA WRAPPER x",
			"CREATE FUNCTION pg_temp.x() RETURNS int LANGUAGE c AS '/tmp/x.so'", "CREATE FUNCTION pg_temp.x() RETURNS int LANGUAGE internal AS 'pg_backend_pid'",
			"CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION x()", "CREATE SUBSCRIPTION x CONNECTION 'host=127.0.0.1' PUBLICATION x",
			"ALTER TABLE pg_class ADD COLUMN x int", "UPDATE pg_database SET datallowconn = true", "DELETE FROM pg_authid", "SHOW data_directory", "SET session_replication_role = replica", "SET log_statement = 'none'",
		})
		// What is not there cannot be misused either.
		for _, extension := range []string{"dblink", "postgres_fdw", "adminpack", "file_fdw", "pageinspect", "pg_stat_statements"} {
			refusals(t, conn, who, []string{"CREATE EXTENSION " + extension}, codeDenied, "0A000", "58P01")
		}
		refusals(t, conn, who, []string{"SELECT dblink_connect('dbname=" + theirs.Name + "')", "CREATE LANGUAGE plpython3u", "CREATE SERVER x FOREIGN DATA WRAPPER postgres_fdw"},
			codeDenied, "42883", "0A000", "58P01", "42704")
	}
	var alive bool
	require.NoError(t, n.theirSession.QueryRow(t.Context(), `SELECT true`).Scan(&alive), "the neighbour's session was ended")
}

func (n *neighbours) applicationsRights(t *testing.T) {
	conn, err := n.as(t, n.mineAt, tenants.RoleApp, n.mineAt.Name)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = conn.Exec(ctx, `INSERT INTO customers (name) VALUES ('Ada'); UPDATE customers SET name = 'Ada L.'; DELETE FROM customers; CREATE TEMP TABLE scratch (id int); DROP TABLE scratch`,
		pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err, "the application cannot do its work")
	refusals(t, conn, "app", append(ddl, "TRUNCATE customers",
		"SET ROLE "+n.mineAt.Owner(), "SET ROLE "+n.mineAt.Role(tenants.RoleMigrator), "SET ROLE "+n.mineAt.Role(tenants.RoleReadOnly),
		"ALTER DATABASE "+n.mineAt.Name+" SET work_mem = '1GB'", "ALTER DATABASE "+n.mineAt.Name+" CONNECTION LIMIT 0", "ALTER ROLE "+n.mineAt.Role(tenants.RoleMigrator)+" PASSWORD 'x'",
		"GRANT CONNECT ON DATABASE "+n.theirsAt.Name+" TO CURRENT_USER", "COMMENT ON DATABASE "+n.mineAt.Name+" IS 'x'"))
	// GRANT by somebody who may not only warns: look at what it did.
	_, err = conn.Exec(ctx, "GRANT CONNECT ON DATABASE "+n.mineAt.Name+" TO PUBLIC; GRANT SELECT ON customers TO PUBLIC", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	var open bool
	require.NoError(t, conn.QueryRow(ctx, `SELECT has_database_privilege('public', current_database(), 'CONNECT') OR has_table_privilege('public', 'customers', 'SELECT')`).Scan(&open))
	require.False(t, open, "the application has opened its database to PUBLIC")
}

// ddl is what only the owner may do, through the migrator.
var ddl = []string{
	"CREATE TABLE x (id int)", "CREATE TABLE public.x (id int)", "CREATE TABLE _tenantry.x (id int)", "CREATE SCHEMA x", "CREATE VIEW public.x AS SELECT 1",
	"CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE TYPE public.x AS ENUM ('a')", "CREATE SEQUENCE public.x",
	"ALTER TABLE customers ADD COLUMN x int", "DROP TABLE invoice_lines", "CREATE INDEX x ON customers (name)", "ALTER TABLE customers DISABLE TRIGGER ALL", "COMMENT ON TABLE customers IS 'x'",
	"CREATE TRIGGER x BEFORE UPDATE ON forms FOR EACH ROW EXECUTE FUNCTION touch_updated_at()", "ALTER TABLE customers ENABLE ROW LEVEL SECURITY",
	"CREATE EXTENSION pgcrypto", "CREATE PUBLICATION x",
	"SELECT * FROM _tenantry.schema_history", "DELETE FROM _tenantry.schema_history", "DROP SCHEMA _tenantry CASCADE", "GRANT USAGE ON SCHEMA _tenantry TO CURRENT_USER",
}

func (n *neighbours) readersRights(t *testing.T) {
	conn, err := n.as(t, n.mineAt, tenants.RoleReadOnly, n.mineAt.Name)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = conn.Exec(ctx, `SELECT * FROM customers; SELECT * FROM monthly_revenue; SELECT last_value FROM customers_id_seq`, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err, "the reader cannot read")
	refusals(t, conn, "readonly", append(ddl, "CREATE TEMP TABLE x (id int)", "CREATE TEMP VIEW x AS SELECT 1", "SELECT 1 AS a INTO TEMP x", "INSERT INTO customers (name) VALUES ('x')",
		"UPDATE customers SET name = 'x'", "DELETE FROM customers", "TRUNCATE customers", "COPY customers (name) FROM STDIN", "SELECT nextval('customers_id_seq')", "SELECT setval('customers_id_seq', 1)",
		"SELECT * FROM customers FOR UPDATE", "LOCK TABLE customers IN ROW EXCLUSIVE MODE", "SET ROLE "+n.mineAt.Role(tenants.RoleApp), "SET ROLE "+n.mineAt.Owner()), codeDenied, "3F000")
}

func (n *neighbours) migratorsRights(t *testing.T) {
	conn, err := n.as(t, n.mineAt, tenants.RoleMigrator, n.mineAt.Name)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `BEGIN; SET LOCAL ROLE `+n.mineAt.Owner()+`; CREATE TABLE later (id int); ALTER TABLE customers ADD COLUMN later int; CREATE SCHEMA later; ROLLBACK`, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err, "the migrator cannot do its work")
	refusals(t, conn, "migrator", []string{
		"GRANT " + n.mineAt.Owner() + " TO " + n.theirsAt.Role(tenants.RoleApp), "ALTER DATABASE " + n.mineAt.Name + " RENAME TO x", "ALTER ROLE " + n.mineAt.Role(tenants.RoleApp) + " PASSWORD 'x'",
		"ALTER ROLE " + n.mineAt.Owner() + " LOGIN", "DROP ROLE " + n.mineAt.Role(tenants.RoleApp), "SET ROLE " + n.mineAt.Role(tenants.RoleApp),
	})
	refusals(t, conn, "migrator", []string{"DROP DATABASE " + n.mineAt.Name}, "55006", "25001")
}
