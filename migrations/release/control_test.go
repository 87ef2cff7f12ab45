package release_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// testTimeout bounds every statement that tests send.
const testTimeout = 30 * time.Second

// connect opens a connection for the length of the test; database "" is the server's own.
func connect(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	url := os.Getenv("TEST_DATABASE_URL")
	require.NotEmpty(t, url, "TEST_DATABASE_URL: a PostgreSQL superuser's URL")
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	if database != "" {
		config.Database = database
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
		defer cancel()
		require.NoError(t, conn.Close(ctx))
	})
	return conn
}

// controlDatabase makes a control database that knows releases, dropped at the end.
func controlDatabase(t *testing.T) string {
	t.Helper()
	name := "tenantry_test_" + strings.ToLower(rand.Text()[:16])
	server := connect(t, "")
	exec(t, server, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
		defer cancel()
		_, err := server.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
		require.NoError(t, err)
	})
	schema, err := os.ReadFile("../control/0001_releases.sql")
	require.NoError(t, err)
	exec(t, connect(t, name), "CREATE SCHEMA tenantry;"+string(schema))
	return name
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}
