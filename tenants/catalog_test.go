package tenants_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A role's rights are taken away while a database of which it has some is dropped by somebody else: PostgreSQL finds the right and then not
// the database. Trying again is all that there is to do.
func TestRetryCatalog(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(ctx, fleettest.ServerURL(t))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	name := "test_catalog_" + strings.ToLower(rand.Text()[:12])
	admin, other, dropping := connect(), connect(), connect()
	run := func(conn *pgx.Conn, statements ...string) {
		for _, sql := range statements {
			_, err := conn.Exec(ctx, strings.ReplaceAll(sql, "{}", name))
			require.NoError(t, err, sql)
		}
	}
	run(admin, "CREATE ROLE {}")
	for _, database := range []string{"{}_1", "{}_2"} {
		run(admin, "CREATE DATABASE "+database+" STRATEGY file_copy", "GRANT CONNECT ON DATABASE "+database+" TO {}")
	}
	run(other, "BEGIN", "ALTER DATABASE {}_1 CONNECTION LIMIT 7") // DROP OWNED waits for its end
	met := make(chan error, 2)
	go func() {
		met <- tenants.RetryCatalog(ctx, func() error {
			_, err := dropping.Exec(ctx, "DROP OWNED BY "+name)
			if err != nil {
				met <- err
			}
			return err
		})
	}()
	require.Eventually(t, func() bool {
		var waits bool
		require.NoError(t, admin.QueryRow(ctx, `SELECT coalesce(wait_event_type = 'Lock', false) FROM pg_stat_activity WHERE pid = $1`, dropping.PgConn().PID()).Scan(&waits))
		return waits
	}, 20*time.Second, 5*time.Millisecond)
	run(admin, "DROP DATABASE {}_2")
	run(other, "ROLLBACK")
	require.ErrorContains(t, <-met, "cache lookup failed for database")
	require.NoError(t, <-met)
	run(admin, "DROP DATABASE {}_1", "DROP ROLE {}")
}
