package tenants

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Sizes is how large a tenant's database was when somebody looked.
type Sizes struct {
	Bytes int64 `json:"bytes"` // of the whole database
	// Tables are the largest, the largest first, at most [MostTables].
	Tables []TableSize `json:"tables"`
}

// TableSize is how large a table is.
type TableSize struct {
	Schema string `db:"schema" json:"schema"`
	Table  string `db:"table"  json:"table"`
	Rows   int64  `db:"rows"   json:"rows"`  // as the planner estimates them; 0 for a table that was never analyzed
	Bytes  int64  `db:"bytes"  json:"bytes"` // with its indexes and what is stored out of line
}

// MostTables is how many tables of a database are kept.
const MostTables = 100

// ReadSizes looks at the database of a connection. It takes no lock on any table: sizes come from the catalog's page counts, as of the last
// VACUUM or ANALYZE, and from the database's files.
func ReadSizes(ctx context.Context, q Querier) (Sizes, error) {
	var s Sizes
	if err := q.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&s.Bytes); err != nil {
		return s, wrapf(err, "read the database's size")
	}
	rows, err := q.Query(ctx, `
		SELECT n.nspname AS schema, c.relname AS table, greatest(c.reltuples, 0)::bigint AS rows,
		       (c.relpages + coalesce(t.relpages, 0) + coalesce(sum(i.relpages), 0))::bigint * current_setting('block_size')::bigint AS bytes
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
		LEFT JOIN pg_index x ON x.indrelid = c.oid
		LEFT JOIN pg_class i ON i.oid = x.indexrelid
		WHERE c.relkind IN ('r', 'm') AND n.nspname <> ALL ('{pg_catalog,information_schema,pg_toast,_tenantry}') AND n.nspname !~ '^(pg_temp|_tenantry_restored_)'
		GROUP BY n.nspname, c.relname, c.reltuples, c.relpages, t.relpages
		ORDER BY bytes DESC, schema, "table"
		LIMIT $1`, MostTables)
	if err != nil {
		return s, wrapf(err, "read tables' sizes")
	}
	s.Tables, err = pgx.CollectRows(rows, pgx.RowToStructByName[TableSize])
	return s, wrapf(err, "read tables' sizes")
}

// RecordSizes keeps what was seen of a database.
func (r *Registry) RecordSizes(ctx context.Context, databaseID string, s Sizes) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if s.Tables == nil {
		s.Tables = []TableSize{}
	}
	_, err := r.pool.Exec(ctx, `
		INSERT INTO tenantry.sizes (database_id, bytes, tables) VALUES ($1, $2, $3)
		ON CONFLICT (database_id) DO UPDATE SET bytes = excluded.bytes, tables = excluded.tables, seen_at = now()`, databaseID, s.Bytes, s.Tables)
	return wrapf(err, "record sizes of database %s", databaseID)
}

// LargestTable is the largest table of a name that any tenant has, with the tenant's slug.
type LargestTable struct {
	TableSize

	Tenant string `db:"tenant" json:"tenant"`
}

// LargestTables gives for every table's name the largest one in the fleet, of the databases that were looked at. Tenants that are deleted do
// not count.
func (r *Registry) LargestTables(ctx context.Context) ([]LargestTable, error) {
	list, err := all[LargestTable](ctx, r.pool, `
		SELECT DISTINCT ON (x.schema, x.table) x.schema, x.table, x.rows, x.bytes, t.slug AS tenant
		FROM tenantry.sizes s
		JOIN tenantry.tenants t ON t.database_id = s.database_id AND t.state <> 'deleted'
		CROSS JOIN LATERAL jsonb_to_recordset(s.tables) AS x (schema text, "table" text, rows bigint, bytes bigint)
		ORDER BY x.schema, x.table, x.bytes DESC, t.slug`)
	return list, wrapf(err, "read the fleet's largest tables")
}
