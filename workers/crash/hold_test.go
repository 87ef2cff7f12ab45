package crash_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// hold makes CREATE DATABASE from a database, and DROP DATABASE of it, wait inside the server until it is let go: both want
// a lock on the database that conflicts with that of an open transaction's COMMENT.
func hold(t testing.TB, s *crashtest.Scene, database string) (letGo func()) {
	t.Helper()
	conn := onNode(t, s, "")
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "COMMENT ON DATABASE "+tenants.Ident(database)+" IS NULL")
	require.NoError(t, err)
	return func() {
		t.Helper()
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

// template gives the name of the only template of a scene's node.
func template(t testing.TB, s *crashtest.Scene) string {
	t.Helper()
	return value[string](t, s, `SELECT name FROM tenantry.templates WHERE node_id = $1`, s.Node.ID)
}

// busy gives the processes of the node that run a statement for an operation just now. The statement is matched with LIKE.
func busy(t testing.TB, node *pgx.Conn, operation, statement string) []int {
	t.Helper()
	rows, err := node.Query(t.Context(), `
		SELECT pid FROM pg_stat_activity
		WHERE application_name LIKE 'tenantry/' || $1 || '/%' AND state = 'active' AND query LIKE $2`, operation, statement)
	require.NoError(t, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(t, err)
	return pids
}

// untilBusy waits until the node runs a statement for an operation.
func untilBusy(t testing.TB, node *pgx.Conn, operation, statement string) {
	t.Helper()
	eventually(t, "the server does not run "+statement, func() bool { return len(busy(t, node, operation, statement)) > 0 })
}
