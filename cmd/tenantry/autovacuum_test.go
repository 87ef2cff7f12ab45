package main

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/cmd/internal/localpg"
	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/release"
)

// TestApplyEndsAnAutovacuum: an autovacuum of a large table takes long, and PostgreSQL ends it only for who waits for its lock for a second, which
// a change never does. It is here because autovacuum's settings are a server's.
func TestApplyEndsAnAutovacuum(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, err := localpg.Start(t.Context(), localpg.Config{
		Dir: dir, Durability: localpg.Throwaway,
		// It begins at once and takes minutes.
		Settings: map[string]string{"autovacuum_naptime": "1s", "autovacuum_vacuum_cost_delay": "100ms", "autovacuum_vacuum_cost_limit": "1"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { stopServer(t, server, dir) })
	rel, err := release.Read(fstest.MapFS{"1_a.sql": {Data: []byte("ALTER TABLE busy ADD COLUMN y int")}}, release.Options{Format: release.Plain})
	require.NoError(t, err)
	rel.Name = "1"
	dial := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		return conn
	}
	admin, conn := dial(), dial()
	exec := func(sql string) {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	exec(`CREATE ROLE product; GRANT CREATE ON DATABASE postgres TO product; GRANT CREATE ON SCHEMA public TO product; SET ROLE product`)
	exec(`CREATE TABLE busy (x int, filler text) WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0)`)
	exec(`INSERT INTO busy SELECT n, repeat('x', 500) FROM generate_series(1, 50000) n`)
	exec(`DELETE FROM busy WHERE x % 2 = 0`)
	exec(`RESET ROLE`)
	vacuums := func() (n int) {
		require.NoError(t, admin.QueryRow(t.Context(), `
			SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE a.backend_type = 'autovacuum worker' AND l.relation = 'busy'::regclass AND l.mode = 'ShareUpdateExclusiveLock'`).Scan(&n))
		return n
	}
	require.Eventually(t, func() bool { return vacuums() > 0 }, time.Minute, 20*time.Millisecond, "no autovacuum begins")

	result, err := apply.Apply(t.Context(), conn, rel, apply.Options{OwnerRole: "product"})
	require.NoError(t, err)
	require.Positive(t, result.Retries, "it met no autovacuum")
	require.Less(t, result.Duration, 10*time.Second, "it waited for GiveWay to be over")
	t.Logf("%d retries in %s", result.Retries, result.Duration.Round(time.Millisecond))
}
