package execute_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/gentle"
)

// What is measured is a commit that waits until its WAL is on the disk, in a database that prefers sessions to read only, too.
func TestSmallCommitIsFlushed(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"", "SET default_transaction_read_only = on", "SET default_transaction_isolation = serializable"} {
		conn, err := pgx.ConnectConfig(t.Context(), serverConfig(t))
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), setting)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "SET ROLE pg_read_all_settings") // somebody with no rights of note
		require.NoError(t, err)
		for range 20 {
			replies, err := gentle.Exchange(t.Context(), conn, []gentle.Command{
				{SQL: execute.FlushSQL, Keep: true, Cut: true}, {SQL: "SELECT pg_current_wal_flush_lsn()", Keep: true},
			})
			require.NoError(t, err)
			require.NoError(t, replies[0].Err)
			var flushed bool
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT $1::text::pg_lsn > $2::text::pg_lsn", replies[1].Text(0), replies[0].Text(0)).Scan(&flushed))
			require.True(t, flushed)
		}
		require.NoError(t, conn.Close(t.Context()))
	}
}
