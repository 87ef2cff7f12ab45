package workers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/adopt"
	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// legacy is a server's role that owns databases which another tool migrates, as an application does that connects as the owner.
type legacy struct {
	f     *fleettest.Fleet
	node  tenants.Node
	admin *pgx.Conn // a superuser
	role  string
}

const legacyPassword = "legacy-of-the-tests"

// newLegacy makes the role. The provisioner is a member of it unless a test says otherwise.
func newLegacy(t *testing.T, f *fleettest.Fleet, node tenants.Node) *legacy {
	t.Helper()
	l := &legacy{f: f, node: node, role: "test_legacy_" + strings.ToLower(tenants.NewPassword())[:8]}
	l.role = strings.NewReplacer("-", "x", "_", "y").Replace(l.role)
	l.admin = connectTo(t, fleettest.ServerURL(t), "", "", "")
	execIn(t, l.admin, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", l.role, legacyPassword))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		admin, err := pgx.Connect(ctx, fleettest.ServerURL(t))
		require.NoError(t, err)
		defer func() { _ = admin.Close(ctx) }()
		rows, err := admin.Query(ctx, `SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = $1`, l.role)
		require.NoError(t, err)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, name := range names {
			_, err = admin.Exec(ctx, "DROP DATABASE "+tenants.Ident(name)+" WITH (FORCE)")
			require.NoError(t, err)
		}
		_, err = admin.Exec(ctx, "DROP ROLE "+l.role)
		require.NoError(t, err)
	})
	l.grant(t)
	return l
}

func (l *legacy) grant(t *testing.T) {
	t.Helper()
	execIn(t, l.admin, fmt.Sprintf("GRANT %s TO %s", l.role, tenants.Ident(l.node.Provisioner)))
}

// database makes one and runs SQL in it as its owner. It gives the database's name.
func (l *legacy) database(t *testing.T, name string, sql ...string) string {
	t.Helper()
	name = l.role + "_" + name
	execIn(t, l.admin, fmt.Sprintf("CREATE DATABASE %s OWNER %s", name, l.role))
	conn := l.connect(t, name)
	for _, s := range sql {
		execIn(t, conn, s)
	}
	require.NoError(t, conn.Close(t.Context()))
	return name
}

// connect opens a session as the application that used the database before.
func (l *legacy) connect(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	return connectTo(t, fleettest.ServerURL(t), database, l.role, legacyPassword)
}

// letsIn says whether the old application gets into a database.
func (l *legacy) letsIn(t *testing.T, database string) bool {
	t.Helper()
	config, err := pgx.ParseConfig(fleettest.ServerURL(t))
	require.NoError(t, err)
	config.Database, config.User, config.Password = database, l.role, legacyPassword
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		return false
	}
	require.NoError(t, conn.Close(t.Context()))
	return true
}

func connectTo(t *testing.T, url, database, user, password string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	if database != "" {
		config.Database = database
	}
	if user != "" {
		config.User, config.Password = user, password
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

func execIn(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err, sql)
}

// publish makes the product's folder of n files a release. The first one replaces the sample product's.
func (l *legacy) publish(t *testing.T, name string, tool migrationTool, n int) {
	t.Helper()
	_, err := l.f.Pool.Exec(t.Context(), `
		SET LOCAL session_replication_role = replica;
		DELETE FROM tenantry.release_statements WHERE release_id IN (SELECT id FROM tenantry.releases WHERE name = 'sample-1');
		DELETE FROM tenantry.release_files WHERE release_id IN (SELECT id FROM tenantry.releases WHERE name = 'sample-1');
		DELETE FROM tenantry.releases WHERE name = 'sample-1'`)
	require.NoError(t, err)
	_, err = workers.PublishRelease(t.Context(), l.f.Pool, tool.folder(n), name, "test", workers.MakeCurrent)
	require.NoError(t, err)
}

func (l *legacy) ask(t *testing.T, args jobs.Adopt) jobs.Adopted {
	t.Helper()
	args.Node = l.node.Name
	made, err := l.f.Jobs.Adopt(t.Context(), args, nil)
	require.NoError(t, err)
	return made
}

// refused adopts, and wants it to be refused and the database to be what it was.
func (l *legacy) refused(t *testing.T, args jobs.Adopt, why string) {
	t.Helper()
	op := l.f.Ends(t, l.ask(t, args).OperationID)
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message+"\n"+op.Error.Hint, why)
	require.Equal(t, tenants.StateFailed, l.f.Tenant(t, args.Slug).State)
	require.True(t, l.letsIn(t, args.Database), "who used the database before cannot any more")
}

// look is a dry run.
func (l *legacy) look(t *testing.T, check jobs.AdoptCheck) workers.AdoptionReport {
	t.Helper()
	check.Node = l.node.Name
	id, err := l.f.Jobs.CheckAdoption(t.Context(), check, nil)
	require.NoError(t, err)
	var report workers.AdoptionReport
	require.NoError(t, json.Unmarshal(l.f.Succeeds(t, id).Result, &report))
	return report
}

// schema reads all of a tenant's schema, with placeholders for its roles.
func (l *legacy) schema(t *testing.T, slug string, ignore ...string) fingerprint.Schema {
	t.Helper()
	db, err := l.f.Registry.DatabaseOf(t.Context(), l.f.Tenant(t, slug).ID)
	require.NoError(t, err)
	conn := connectTo(t, fleettest.ServerURL(t), db.Name, "", "")
	roles := map[string]string{db.Owner(): "{owner}"}
	for _, r := range tenants.LoginRoles() {
		roles[db.Role(r)] = "{" + string(r) + "}"
	}
	schema, err := fingerprint.Read(t.Context(), conn, fingerprint.Options{Roles: roles, Ignore: ignore})
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context())) // a purge would wait for a superuser's session
	return schema
}

// A database that each tool has migrated becomes a tenant's like any other: the same schema, owners and rights as one that was made here, the next
// release is applied to it, and nobody else gets in.
func TestAdopt(t *testing.T) {
	t.Parallel()
	for _, tool := range migrationTools() {
		t.Run(tool.name, func(t *testing.T) {
			t.Parallel()
			f := fleettest.New(t)
			l := newLegacy(t, f, f.Node(t, "n1"))
			l.publish(t, "v1", tool, 2)
			f.Worker(t)
			f.Do(t, jobs.Provision{Slug: "fresh"})
			name := l.database(t, "acme", tool.applied(2)...)
			app := l.connect(t, name)
			execIn(t, app, `INSERT INTO customers (name) VALUES ('Ada'); GRANT SELECT ON customers TO pg_monitor; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor`)

			report := l.look(t, jobs.AdoptCheck{Database: name})
			require.Empty(t, report.Refused, report.Differences)
			require.Equal(t, []any{tool.name, tool.relation, 2, "v1", 0}, []any{report.Tool, report.HistoryTable, report.Files, report.Release, report.Beyond})
			require.NoError(t, app.Ping(t.Context()), "a dry run changes nothing")

			made := l.ask(t, jobs.Adopt{Slug: "acme", Database: name, Labels: map[string]string{"plan": "pro"}})
			require.True(t, made.New)
			op := f.Succeeds(t, made.OperationID)
			tenant := f.Tenant(t, "acme")
			require.Equal(t, []any{tenants.StateActive, "v1", map[string]string{"plan": "pro"}}, []any{tenant.State, tenant.Release, tenant.Labels})
			require.Error(t, app.Ping(t.Context()), "sessions of the old application are ended")
			require.False(t, l.letsIn(t, name))
			require.False(t, l.letsIn(t, tenant.Database))
			var result struct {
				ClosedMS int64 `json:"closed_ms"`
			}
			require.NoError(t, json.Unmarshal(op.Result, &result))
			t.Logf("closed for %d ms", result.ClosedMS)

			conn := f.Connect(t, "acme", tenants.RoleApp)
			execIn(t, conn, `INSERT INTO customers (name) VALUES ('Grace'); INSERT INTO billing.invoices (customer_id, amount) SELECT id, 3 FROM customers; SELECT * FROM totals; SELECT twice(2)`)
			_, err := conn.Exec(t.Context(), "DELETE FROM "+tool.relation)
			require.ErrorContains(t, err, "permission denied", "the tool's history is a memory")
			_, err = conn.Exec(t.Context(), "SELECT * FROM "+tool.relation)
			require.NoError(t, err)

			again := l.ask(t, jobs.Adopt{Slug: "acme", Database: name})
			require.Equal(t, jobs.Adopted{TenantID: made.TenantID, OperationID: made.OperationID, State: "active"}, again)
			_, err = f.Jobs.Adopt(t.Context(), jobs.Adopt{Slug: "acme", Database: "other", Node: "n1"}, nil)
			require.ErrorIs(t, err, jobs.ErrConflict)

			l.publish(t, "v2", tool, 3)
			f.Do(t, jobs.Migrate{Tenant: "acme"})
			f.Do(t, jobs.Migrate{Tenant: "fresh"})
			execIn(t, f.Connect(t, "acme", tenants.RoleApp), "UPDATE billing.invoices SET paid = true")
			require.Empty(t, adopt.Compare(l.schema(t, "fresh"), l.schema(t, "acme", tool.relation), tool.relation), "an adopted database differs from one that was made here")
			require.Equal(t, map[drift.State]int{drift.Clean: 2}, check(t, f, jobs.Check{}), checkedAll(t, f))
			inDatabase(t, f, "acme", "CREATE TABLE "+strings.Split(tool.relation, ".")[0]+".by_hand (a int)")
			require.Equal(t, map[drift.State]int{drift.Clean: 1, drift.Drifted: 1}, check(t, f, jobs.Check{}), "what somebody made beside the tool's table")
			f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
		})
	}
}
