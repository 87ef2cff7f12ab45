package poolcache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// planning is a connection for which pgx caches plans, or descriptions, and a table that others change.
type planning struct {
	*pgx.Conn

	columns int
}

func newPlanning(t *testing.T, mode pgx.QueryExecMode) *planning {
	t.Helper()
	b := newBundle(t, poolcache.Config{Configure: func(_ string, pc *pgxpool.Config) error {
		pc.ConnConfig.DefaultQueryExecMode = mode
		return nil
	}})
	lease := b.lease(t, databases(t, fleetSize)[0])
	t.Cleanup(lease.Release)
	conn, err := lease.Acquire(within(t))
	require.NoError(t, err)
	t.Cleanup(conn.Release)
	p := &planning{Conn: conn.Conn(), columns: 2}
	p.do(t, `CREATE TEMPORARY TABLE replanned AS SELECT g AS a1, g AS a2 FROM generate_series(1, 1000) g`)
	p.do(t, `CREATE TEMPORARY TABLE effects (a int)`)
	return p
}

func (p *planning) do(t *testing.T, sql string) {
	t.Helper()
	_, err := p.Exec(within(t), sql)
	require.NoError(t, err)
}

// change gives the table one more column.
func (p *planning) change(t *testing.T) {
	t.Helper()
	p.columns++
	p.do(t, fmt.Sprintf(`ALTER TABLE replanned ADD COLUMN a%d int DEFAULT 7`, p.columns))
}

const (
	everything = `SELECT * FROM replanned WHERE a1 > $1 ORDER BY a1`
	oneRow     = `SELECT * FROM replanned WHERE a1 = $1`
	anEffect   = `INSERT INTO effects VALUES ($1)`
)

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// ways are those in which programs run statements. Each says how many columns it was given.
var ways = map[string]func(ctx context.Context, q querier) (columns int, err error){
	"Query": func(ctx context.Context, q querier) (columns int, err error) {
		rows, err := q.Query(ctx, everything, 0)
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		n := 0
		for ; rows.Next(); n++ {
			values, err := rows.Values()
			if err != nil {
				return 0, err
			}
			columns = len(values)
		}
		if rows.Err() == nil && n != 1000 {
			return 0, fmt.Errorf("%d rows", n)
		}
		return columns, rows.Err()
	},
	"CollectRows": func(ctx context.Context, q querier) (int, error) {
		rows, _ := q.Query(ctx, everything, 0) // its error is the rows'
		list, err := pgx.CollectRows(rows, pgx.RowToMap)
		if err != nil {
			return 0, err
		}
		return len(list[0]), nil
	},
	"QueryRow, whose error is Scan's": func(ctx context.Context, q querier) (int, error) {
		var columns width
		err := q.QueryRow(ctx, oneRow, 1).Scan(&columns)
		return int(columns), err
	},
	"a batch": func(ctx context.Context, q querier) (columns int, err error) {
		batch := &pgx.Batch{}
		batch.Queue(anEffect, 1)
		batch.Queue(oneRow, 1).Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, pgx.RowToMap)
			if err == nil {
				columns = len(list[0])
			}
			return err
		})
		batch.Queue(anEffect, 2)
		return columns, q.SendBatch(ctx, batch).Close()
	},
	"a batch that is read by hand": func(ctx context.Context, q querier) (columns int, err error) {
		batch := &pgx.Batch{}
		batch.Queue(anEffect, 1)
		batch.Queue(everything, 990)
		results := q.SendBatch(ctx, batch)
		defer func() { err = errors.Join(err, results.Close()) }()
		if _, err := results.Exec(); err != nil {
			return 0, err
		}
		rows, err := results.Query()
		if err != nil {
			return 0, err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToMap)
		if err != nil {
			return 0, err
		}
		return len(list[0]), nil
	},
	"a statement with an effect": func(ctx context.Context, q querier) (int, error) {
		rows, _ := q.Query(ctx, `WITH e AS (INSERT INTO effects VALUES ($1)) SELECT * FROM replanned WHERE a1 = $1`, 1)
		row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToMap)
		return len(row), err
	},
}

// width is how many columns a row has.
type width int

// ScanRow counts.
func (w *width) ScanRow(rows pgx.Rows) error {
	*w = width(len(rows.RawValues()))
	return nil
}

// readOne has a statement cached.
func readOne(ctx context.Context, q querier) error {
	var columns width
	return q.QueryRow(ctx, oneRow, 1).Scan(&columns)
}

// effects gives how many rows anEffect has left since the last time.
func (p *planning) effects(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, p.QueryRow(within(t), `SELECT count(*) FROM effects`).Scan(&n))
	p.do(t, `TRUNCATE effects`)
	return n
}

var modes = map[string]pgx.QueryExecMode{
	"statements": pgx.QueryExecModeCacheStatement, "descriptions": pgx.QueryExecModeCacheDescribe,
	"nothing, described": pgx.QueryExecModeDescribeExec, "nothing": pgx.QueryExecModeExec, "nothing, simple": pgx.QueryExecModeSimpleProtocol,
}

// caches are those modes in which a connection remembers what a statement gives.
func caches(mode pgx.QueryExecMode) bool {
	return mode == pgx.QueryExecModeCacheStatement || mode == pgx.QueryExecModeCacheDescribe
}

// Outside of a transaction a refused plan is made anew, once, in whichever way the statement is run, and its effects are there once.
func TestReplan(t *testing.T) {
	t.Parallel()
	for cached, mode := range modes {
		t.Run("caching "+cached, func(t *testing.T) {
			t.Parallel()
			for name, way := range ways {
				p, ctx := newPlanning(t, mode), within(t)
				var columns int
				run := func() (err error) { columns, err = way(ctx, p); return err }
				require.NoError(t, run(), name)
				want := p.effects(t)
				p.change(t)
				err := run()
				require.Equal(t, caches(mode), err != nil, "%s, without help: %v", name, err)
				if err != nil {
					require.True(t, poolcache.IsStalePlan(err), "%s: %v", name, err)
					require.Zero(t, p.effects(t), name)
				} else {
					require.Equal(t, want, p.effects(t), name)
				}
				require.NoError(t, run(), name)
				require.Equal(t, want, p.effects(t), name)

				p.change(t)
				times := 0
				require.NoError(t, poolcache.Replan(p.Conn, func() error { times++; return run() }), name)
				require.Equal(t, p.columns, columns, name)
				require.Equal(t, want, p.effects(t), name)
				if caches(mode) {
					require.Equal(t, 2, times, name)
				} else {
					require.Equal(t, 1, times, name)
				}
			}
		})
	}
}

// In a transaction nothing is run again: whoever began it begins again.
func TestReplanInTransaction(t *testing.T) {
	t.Parallel()
	for cached, mode := range modes {
		if !caches(mode) {
			continue
		}
		t.Run("caching "+cached, func(t *testing.T) {
			t.Parallel()
			for name, way := range ways {
				p, ctx := newPlanning(t, mode), within(t)
				columns, err := way(ctx, p)
				require.NoError(t, err, name)
				want := p.effects(t)
				p.change(t)
				tx, err := p.Begin(ctx)
				require.NoError(t, err)
				times := 0
				err = poolcache.Replan(p.Conn, func() error {
					times++
					_, err := way(ctx, tx)
					return err
				})
				require.True(t, poolcache.IsStalePlan(err), "%s: %v", name, err)
				require.Equal(t, 1, times, name)
				require.NoError(t, tx.Rollback(ctx))

				// Neither is a statement run outside of it when what ran it has ended the transaction.
				_, err = way(ctx, p)
				require.NoError(t, err, "%s: the refused plan is not forgotten", name)
				p.effects(t)
				p.change(t)
				tx, err = p.Begin(ctx)
				require.NoError(t, err)
				times = 0
				err = poolcache.Replan(p.Conn, func() error {
					times++
					_, err := way(ctx, p) // the connection's statements are the transaction's
					return errors.Join(err, tx.Rollback(ctx))
				})
				require.True(t, poolcache.IsStalePlan(err), "%s: %v", name, err)
				require.Equal(t, 1, times, name)
				require.Zero(t, p.effects(t), name)

				// A transaction that begins and ends within is run again as a whole.
				_, err = way(ctx, p)
				require.NoError(t, err, name)
				p.effects(t)
				p.change(t)
				require.NoError(t, poolcache.Replan(p.Conn, func() error {
					return pgx.BeginFunc(ctx, p, func(tx pgx.Tx) error {
						if _, err := tx.Exec(ctx, anEffect, 3); err != nil {
							return err
						}
						columns, err = way(ctx, tx)
						return err
					})
				}), name)
				require.Equal(t, p.columns, columns, name)
				require.Equal(t, want+1, p.effects(t), name)
			}
		})
	}
}

// Other errors are not met by running something again, nor is a refusal that comes back, or one that came after rows.
func TestReplanDoesNotRepeat(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, pgx.QueryExecModeCacheStatement)
	ctx := within(t)
	count := func(run func() error) (times int, err error) {
		err = poolcache.Replan(p.Conn, func() error { times++; return run() })
		return times, err
	}
	times, err := count(func() error { _, err := p.Exec(ctx, `SELECT 1/$1::int`, 0); return err })
	require.ErrorContains(t, err, "22012")
	require.Equal(t, 1, times)
	times, err = count(func() error { return nil })
	require.NoError(t, err)
	require.Equal(t, 1, times)

	times, err = count(func() error {
		if err := readOne(ctx, p); err != nil {
			return err
		}
		p.change(t)
		return readOne(ctx, p)
	})
	require.True(t, poolcache.IsStalePlan(err), "%v", err)
	require.Equal(t, 2, times)

	// What is refused within a function is refused after rows, and no other try is any better: nobody forgets that plan.
	p.do(t, `
		CREATE FUNCTION pg_temp.some(n int) RETURNS int LANGUAGE plpgsql AS $$
		BEGIN
		  IF n > 500 THEN EXECUTE 'EXECUTE of_the_session'; END IF;
		  RETURN n;
		END $$;
		PREPARE of_the_session AS SELECT * FROM replanned;
		EXECUTE of_the_session`)
	p.change(t)
	read := 0
	times, err = count(func() error {
		rows, err := p.Query(ctx, `SELECT pg_temp.some(a1), repeat('x', 1000) FROM replanned WHERE a1 > $1`, 0)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			read++
		}
		return rows.Err()
	})
	require.ErrorContains(t, err, "cached plan must not change result type")
	require.False(t, poolcache.IsStalePlan(err))
	require.Equal(t, 1, times)
	require.Equal(t, 500, read, "rows were read twice")

	// Nor is anything run while results of what was run before have not been read to their end.
	require.NoError(t, readOne(ctx, p))
	p.change(t)
	var results pgx.BatchResults
	times, err = count(func() error {
		batch := &pgx.Batch{}
		batch.Queue(oneRow, 1)
		batch.Queue(anEffect, 1)
		results = p.SendBatch(ctx, batch)
		rows, err := results.Query()
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		return err
	})
	require.True(t, poolcache.IsStalePlan(err), "%v", err)
	require.Equal(t, 1, times)
	require.True(t, poolcache.IsStalePlan(results.Close()))
}
