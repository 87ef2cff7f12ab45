package backup

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// snapshot is one instant of a database, held open while it is dumped.
type snapshot struct {
	conn *pgx.Conn
	id   string
}

const beginSnapshotSQL = `
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL row_security = off;
SET LOCAL search_path = pg_catalog;
SET LOCAL ROLE `

// takeSnapshot begins a transaction as the owner.
func takeSnapshot(ctx context.Context, conn *pgx.Conn, owner string) (*snapshot, error) {
	if _, err := conn.PgConn().Exec(ctx, beginSnapshotSQL+tenants.Ident(owner)).ReadAll(); err != nil {
		return nil, fmt.Errorf("begin snapshot: %w", err)
	}
	s := &snapshot{conn: conn}
	if err := conn.QueryRow(ctx, `SELECT pg_export_snapshot()`).Scan(&s.id); err != nil {
		return nil, fmt.Errorf("export snapshot: %w", err)
	}
	return s, nil
}

// tablesSQL lists the tables whose rows a dump must have: all but those that came with an extension, which decides itself, and what leftOutSchemas leaves out.
const tablesSQL = `
SELECT n.nspname, c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|information_schema$|_tenantry_restored_)'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')`

// counted is how many tables are counted in one round trip.
const counted = 200

// count counts the rows of every table in the snapshot. The dump's own count must be the same: pg_dump is not asked whether pg_dump was right.
func (s *snapshot) count(ctx context.Context) (map[tableName]int64, error) {
	rows, err := s.conn.Query(ctx, tablesSQL)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n tableName, err error) {
		err = row.Scan(&n.schema, &n.table)
		return n, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	counts := make(map[tableName]int64, len(names))
	for len(names) > 0 {
		now := names[:min(counted, len(names))]
		names = names[len(now):]
		batch := &pgx.Batch{}
		for _, name := range now {
			batch.Queue("SELECT count(*) FROM ONLY " + name.String()).QueryRow(func(row pgx.Row) error {
				var n int64
				err := row.Scan(&n)
				counts[name] = n
				return err //nolint:wrapcheck // wrapped below
			})
		}
		if err := s.conn.SendBatch(ctx, batch).Close(); err != nil {
			return nil, fmt.Errorf("count rows: %w", err)
		}
	}
	return counts, nil
}

func (s *snapshot) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_, _ = s.conn.Exec(ctx, "ROLLBACK") // closing the connection does the same
}
