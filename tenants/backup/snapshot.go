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

	id       string
	at       time.Time
	lsn      string
	server   int
	size     int64
	locale   tenants.Locale
	settings []string
	schema   []Thing
}

const beginSnapshotSQL = `
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL row_security = off;
SET LOCAL search_path = pg_catalog;
SET LOCAL ROLE `

const factsSQL = `
SELECT pg_export_snapshot(), clock_timestamp(), pg_current_wal_lsn()::text, current_setting('server_version_num')::integer, pg_database_size(current_database()),
       ARRAY(SELECT unnest(s.setconfig) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0)
FROM pg_database d
WHERE d.datname = current_database()`

const localeSQL = `
SELECT pg_encoding_to_char(encoding) AS encoding, datlocprovider::text AS provider, datcollate AS collate, datctype AS ctype,
       coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale', '') AS iculocale
FROM pg_database d
WHERE datname = current_database()`

// takeSnapshot begins a transaction as the owner and reads what there is besides rows.
func takeSnapshot(ctx context.Context, conn *pgx.Conn, owner string, read SchemaReader) (*snapshot, error) {
	s := &snapshot{conn: conn}
	if _, err := conn.PgConn().Exec(ctx, beginSnapshotSQL+tenants.Ident(owner)).ReadAll(); err != nil {
		return nil, fmt.Errorf("begin snapshot: %w", err)
	}
	err := conn.QueryRow(ctx, factsSQL).Scan(&s.id, &s.at, &s.lsn, &s.server, &s.size, &s.settings)
	if err != nil {
		return nil, fmt.Errorf("export snapshot: %w", err)
	}
	if s.locale, err = localeOf(ctx, conn); err != nil {
		return nil, err
	}
	if s.schema, err = read(ctx, conn); err != nil {
		return nil, err
	}
	return s, nil
}

func localeOf(ctx context.Context, conn *pgx.Conn) (tenants.Locale, error) {
	rows, err := conn.Query(ctx, localeSQL)
	if err != nil {
		return tenants.Locale{}, fmt.Errorf("read locale: %w", err)
	}
	l, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[tenants.Locale])
	if err != nil {
		return l, fmt.Errorf("read locale: %w", err)
	}
	return l, nil
}

// tablesSQL lists the tables whose rows a dump must have: all but those that came with an extension, which decides itself.
const tablesSQL = `
SELECT n.nspname, c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
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
