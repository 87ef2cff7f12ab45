package poolcache_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// planning is a connection with a table of its own, for which it caches plans.
func planning(t *testing.T) *pgx.Conn {
	t.Helper()
	b := newBundle(t, poolcache.Config{})
	lease := b.lease(t, databases(t, fleetSize)[0])
	t.Cleanup(lease.Release)
	conn, err := lease.Acquire(within(t))
	require.NoError(t, err)
	t.Cleanup(conn.Release)
	_, err = conn.Exec(within(t), `CREATE TEMPORARY TABLE replanned AS SELECT 1 AS a`)
	require.NoError(t, err)
	return conn.Conn()
}

func readAll(ctx context.Context, conn interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, times *int,
) ([]map[string]any, error) {
	*times++
	rows, err := conn.Query(ctx, `SELECT * FROM replanned`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToMap)
}

func TestReplan(t *testing.T) {
	t.Parallel()
	reader := planning(t)
	ctx := within(t)
	times := 0
	_, err := readAll(ctx, reader, &times)
	require.NoError(t, err)
	_, err = reader.Exec(ctx, `ALTER TABLE replanned ADD COLUMN b text DEFAULT 'x'`)
	require.NoError(t, err)

	// Without help it fails, once.
	_, err = readAll(ctx, reader, &times)
	require.True(t, poolcache.IsStalePlan(err), "%v", err)
	list, err := readAll(ctx, reader, &times)
	require.NoError(t, err)
	require.Equal(t, "x", list[0]["b"])

	// With it nobody notices.
	_, err = reader.Exec(ctx, `ALTER TABLE replanned ALTER COLUMN a TYPE bigint`)
	require.NoError(t, err)
	times = 0
	require.NoError(t, poolcache.Replan(reader, func() error {
		list, err = readAll(ctx, reader, &times)
		return err
	}))
	require.Equal(t, 2, times)
	require.Equal(t, int64(1), list[0]["a"])

	// In a transaction it is the caller's to begin again.
	_, err = reader.Exec(ctx, `ALTER TABLE replanned DROP COLUMN b`)
	require.NoError(t, err)
	tx, err := reader.Begin(ctx)
	require.NoError(t, err)
	times = 0
	err = poolcache.Replan(reader, func() error {
		_, err := readAll(ctx, tx, &times)
		return err
	})
	require.True(t, poolcache.IsStalePlan(err), "%v", err)
	require.Equal(t, 1, times)
	require.NoError(t, tx.Rollback(ctx))

	// Another error is not run again, and a refusal that comes back is not run a third time.
	times = 0
	require.Error(t, poolcache.Replan(reader, func() error {
		times++
		_, err := reader.Exec(ctx, `SELECT 1/0`)
		return err
	}))
	require.Equal(t, 1, times)
	times = 0
	stale := func() error {
		if _, err := readAll(ctx, reader, new(int)); err != nil {
			return err
		}
		if _, err := reader.Exec(ctx, `ALTER TABLE replanned ADD COLUMN c`+string(rune('0'+times))+` int`); err != nil {
			return err
		}
		_, err := readAll(ctx, reader, &times)
		return err
	}
	require.True(t, poolcache.IsStalePlan(poolcache.Replan(reader, stale)))
	require.Equal(t, 2, times)
}
