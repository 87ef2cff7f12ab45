package execute_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
)

// testTimeout bounds what tests wait for.
const testTimeout = 60 * time.Second

// tenant is a database like a tenant's: owned by a role without login, changed by a member of it, used by an application.
type tenant struct {
	database, owner, migrator, app, readOnly, password string
	// admin is a superuser's connection to the database.
	admin *pgx.Conn
	ops   int
}

// newTenant makes a database and its roles. At the end of the test no session may be left in it.
func newTenant(t testing.TB) *tenant {
	t.Helper()
	name := "tenantry_test_" + strings.ToLower(rand.Text()[:16])
	tn := &tenant{database: name, owner: name + "_owner", migrator: name + "_m", app: name + "_app", readOnly: name + "_ro", password: rand.Text()}
	server := dial(t, serverConfig(t))
	run(t, server, "CREATE ROLE "+tn.owner+" NOLOGIN")
	run(t, server, "CREATE ROLE "+tn.migrator+" LOGIN PASSWORD '"+tn.password+"' IN ROLE "+tn.owner)
	run(t, server, "CREATE ROLE "+tn.app+" LOGIN PASSWORD '"+tn.password+"'")
	run(t, server, "CREATE ROLE "+tn.readOnly+" LOGIN PASSWORD '"+tn.password+"'")
	run(t, server, "CREATE DATABASE "+name+" OWNER "+tn.owner+" STRATEGY file_copy")
	run(t, server, "REVOKE ALL ON DATABASE "+name+" FROM PUBLIC")
	run(t, server, fmt.Sprintf("GRANT CONNECT, TEMPORARY ON DATABASE %s TO %s, %s, %s", name, tn.migrator, tn.app, tn.readOnly))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
		defer cancel()
		require.NoError(t, tn.admin.Close(ctx))
		require.Eventually(t, func() bool {
			var sessions int
			err := server.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name).Scan(&sessions)
			return err == nil && sessions == 0
		}, testTimeout, 10*time.Millisecond, "sessions are left in the database")
		for _, sql := range []string{"DROP DATABASE " + name, "DROP ROLE " + tn.migrator, "DROP ROLE " + tn.app, "DROP ROLE " + tn.readOnly, "DROP ROLE " + tn.owner} {
			_, err := server.Exec(ctx, sql)
			require.NoError(t, err)
		}
	})
	config := serverConfig(t)
	config.Database = name
	admin, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	tn.admin = admin
	for _, sql := range []string{
		"GRANT USAGE ON SCHEMAS TO " + tn.app + ", " + tn.readOnly,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO " + tn.app,
		"GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO " + tn.app,
		"GRANT SELECT ON TABLES TO " + tn.readOnly,
	} {
		run(t, admin, "ALTER DEFAULT PRIVILEGES FOR ROLE "+tn.owner+" "+sql)
	}
	return tn
}

func serverConfig(t testing.TB) *pgx.ConnConfig {
	t.Helper()
	url := os.Getenv("TEST_DATABASE_URL")
	require.NotEmpty(t, url, "TEST_DATABASE_URL: a PostgreSQL superuser's URL")
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	return config
}

// dial connects for the length of the test.
func dial(t testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { hangUp(t, conn) })
	return conn
}

// hangUp closes a connection, also a broken one, and waits until nothing of it is left.
func hangUp(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
	defer cancel()
	_ = conn.Close(ctx)
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
		require.Fail(t, "the connection is not cleaned up")
	}
}

// config of a connection as one of the tenant's roles.
func (tn *tenant) config(t testing.TB, role string) *pgx.ConnConfig {
	t.Helper()
	config := serverConfig(t)
	config.Database, config.User, config.Password = tn.database, role, tn.password
	return config
}

// connect connects as a role for the length of the test.
func (tn *tenant) connect(t testing.TB, role string) *pgx.Conn {
	t.Helper()
	return dial(t, tn.config(t, role))
}

// options of the tenant's next operation.
func (tn *tenant) options() execute.Options {
	tn.ops++
	return execute.Options{
		OperationID: fmt.Sprintf("op_%d", tn.ops), RequestedBy: "test", OwnerRole: tn.owner, AppRole: tn.app, ReadOnlyRole: tn.readOnly,
	}
}

// apply makes a change that must succeed.
func (tn *tenant) apply(t testing.TB, operations string) execute.Result {
	t.Helper()
	result, err := tn.try(t, operations, tn.options())
	require.NoError(t, err)
	return result
}

// try makes a change.
func (tn *tenant) try(t testing.TB, operations string, opts execute.Options) (execute.Result, error) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), tn.config(t, tn.migrator))
	require.NoError(t, err)
	defer hangUp(t, conn)
	return execute.Apply(t.Context(), conn, change(t, operations), opts)
}

// undo takes a change back that is not at its end.
func (tn *tenant) undo(t testing.TB, opts execute.Options) error {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), tn.config(t, tn.migrator))
	require.NoError(t, err)
	defer hangUp(t, conn)
	return execute.Undo(t.Context(), conn, opts)
}

// change reads operations, without the brackets around them.
func change(t testing.TB, operations string) ddl.Change {
	t.Helper()
	c, err := ddl.Decode([]byte(`{"operations": [` + operations + `]}`))
	require.NoError(t, err, operations)
	return c
}

// registry reads the tenant's.
func (tn *tenant) registry(t testing.TB) *ddl.Registry {
	t.Helper()
	registry, err := execute.Read(t.Context(), tn.admin)
	require.NoError(t, err)
	return registry
}

// column is the physical name of a field.
func (tn *tenant) column(t testing.TB, form, field string) string {
	t.Helper()
	f := tn.registry(t).Form(form)
	require.NotNil(t, f, form)
	require.NotNil(t, f.Field(field), field)
	return f.Field(field).Column
}

// table is the qualified name of a form's table.
func (tn *tenant) table(t testing.TB, form string) string {
	t.Helper()
	f := tn.registry(t).Form(form)
	require.NotNil(t, f, form)
	if f.Dropped != nil {
		return ddl.TrashSchema + "." + f.Table
	}
	return ddl.DataSchema + "." + f.Table
}

func run(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

// byHand runs a statement of somebody who works on the view of form P: {v} is that, {app} and {ro} are the tenant's roles.
func (tn *tenant) byHand(t testing.TB, sql string) {
	t.Helper()
	run(t, tn.admin, strings.NewReplacer("{v}", `form_views."P"`, "{app}", tn.app, "{ro}", tn.readOnly).Replace(sql))
}

// one reads one value.
func one[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var value T
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&value), sql)
	return value
}
