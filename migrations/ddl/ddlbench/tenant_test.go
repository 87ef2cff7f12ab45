package ddlbench_test

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

// tenant is a database like a tenant's: owned by a role without login, changed by a member of it, used by an application.
type tenant struct {
	database, owner, migrator, app, readOnly, password string
	// admin is a superuser's connection to the database.
	admin *pgx.Conn
	ops   int
}

// newTenant makes a database and its roles, which go with the test.
func newTenant(t *testing.T) *tenant {
	t.Helper()
	name := "tenantry_test_" + strings.ToLower(rand.Text()[:16])
	tn := &tenant{database: name, owner: name + "_owner", migrator: name + "_m", app: name + "_app", readOnly: name + "_ro", password: rand.Text()}
	server := tn.dial(t, "", "")
	run(t, server, "CREATE ROLE "+tn.owner+" NOLOGIN")
	run(t, server, "CREATE ROLE "+tn.migrator+" LOGIN PASSWORD '"+tn.password+"' IN ROLE "+tn.owner)
	run(t, server, "CREATE ROLE "+tn.app+" LOGIN PASSWORD '"+tn.password+"'")
	run(t, server, "CREATE ROLE "+tn.readOnly+" LOGIN PASSWORD '"+tn.password+"'")
	run(t, server, "CREATE DATABASE "+name+" OWNER "+tn.owner+" STRATEGY file_copy")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		_, err := server.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
		_, err = server.Exec(ctx, fmt.Sprintf("DROP ROLE %s, %s, %s, %s", tn.migrator, tn.app, tn.readOnly, tn.owner))
		require.NoError(t, err)
	})
	tn.admin = tn.dial(t, name, "")
	for _, sql := range []string{
		"GRANT USAGE ON SCHEMAS TO " + tn.app + ", " + tn.readOnly,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO " + tn.app,
		"GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO " + tn.app,
		"GRANT SELECT ON TABLES TO " + tn.readOnly,
	} {
		run(t, tn.admin, "ALTER DEFAULT PRIVILEGES FOR ROLE "+tn.owner+" "+sql)
	}
	return tn
}

// config of a connection to a database, "" for the server's own, as one of the tenant's roles, "" for the superuser.
func (tn *tenant) config(t *testing.T, database, role string) *pgx.ConnConfig {
	t.Helper()
	url := os.Getenv("TEST_DATABASE_URL")
	require.NotEmpty(t, url, "TEST_DATABASE_URL: a PostgreSQL superuser's URL")
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	if database != "" {
		config.Database = database
	}
	if role != "" {
		config.User, config.Password = role, tn.password
	}
	return config
}

// dial connects for the length of the test.
func (tn *tenant) dial(t *testing.T, database, role string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), tn.config(t, database, role))
	require.NoError(t, err)
	t.Cleanup(func() { hangUp(t, conn) })
	return conn
}

func hangUp(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	_ = conn.Close(context.WithoutCancel(t.Context()))
	<-conn.PgConn().CleanupDone()
}

// options of the tenant's next operation.
func (tn *tenant) options() execute.Options {
	tn.ops++
	return execute.Options{
		OperationID: fmt.Sprintf("op_%d", tn.ops), RequestedBy: "test",
		OwnerRole: tn.owner, AppRole: tn.app, ReadOnlyRole: tn.readOnly, Dedicated: true,
	}
}

// apply makes a change over a connection of its own, as a worker does.
func (tn *tenant) apply(t *testing.T, operations string, opts execute.Options) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), tn.config(t, tn.database, tn.migrator))
	require.NoError(t, err)
	defer hangUp(t, conn)
	_, err = execute.Apply(t.Context(), conn, change(t, operations), opts)
	require.NoError(t, err, operations)
}

// change reads operations, without the brackets around them.
func change(t *testing.T, operations string) ddl.Change {
	t.Helper()
	c, err := ddl.Decode([]byte(`{"operations": [` + operations + `]}`))
	require.NoError(t, err, operations)
	return c
}

func run(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

// one reads one value.
func one[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var value T
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&value), sql)
	return value
}
