package export

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// ours leaves out what is the server's, of a session, or of an extension, which makes it anew; and tables of a backup that are there for a look.
const ours = `
  n.nspname !~ '^(pg_|information_schema$|_tenantry_restored_)' AND c.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')`

// tablesSQL lists tables with their columns but generated ones: what type is below any domains, and what an array's elements are. int2vector and arrays that
// are not written with commas count for no arrays. It costs the same for each table, however many there are.
const tablesSQL = `
WITH RECURSIVE base (type, base, mod) AS (
  SELECT t.oid, t.oid, -1 FROM pg_type t WHERE t.typtype <> 'd'
  UNION ALL
  SELECT t.oid, b.base, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.mod END
  FROM base b
  JOIN pg_type t ON t.typbasetype = b.type AND t.typtype = 'd'
)
SELECT n.nspname::text, c.relname::text,
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL),
       array_agg(b.base ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL),
       array_agg(CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE b.mod END ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL),
       array_agg(coalesce(eb.base, 0) ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (
  pg_attribute a
  JOIN base b ON b.type = a.atttypid
  LEFT JOIN pg_type e ON e.typarray = b.base AND e.typdelim = ','
  LEFT JOIN base eb ON eb.type = e.oid
) ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND` + ours + `
GROUP BY n.nspname, c.relname
ORDER BY n.nspname, c.relname`

// column is what a column holds.
type column struct {
	Type uint32 // the type's OID; a domain's is that of the type below it
	Mod  int32  // its modifier, as atttypmod, -1 where there is none
	Elem uint32 // the OID of an array's elements, 0 where it is none
}

const sequencesSQL = `
SELECT n.nspname::text AS schema, c.relname::text AS name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND` + ours + `
ORDER BY n.nspname, c.relname`

// ownSchema is the schema that Tenantry keeps its own things in.
const ownSchema = "_tenantry"

// Sequence is where a sequence stands.
type Sequence struct {
	Schema string `json:"schema" db:"schema"`
	Name   string `json:"name"   db:"name"`
	Last   int64  `json:"last_value" db:"-"`
	// Called says that Last is taken: the next value is the one after it.
	Called bool `json:"is_called" db:"-"`
}

func (s Sequence) name() string { return tenants.Ident(s.Schema) + "." + tenants.Ident(s.Name) }

// Object is a large object.
type Object struct {
	OID uint32 `json:"oid" db:"oid"`
	// Owner is the role that it belongs to, or what that stands for, such as {app}.
	Owner   string `json:"owner"             db:"owner"`
	Comment string `json:"comment,omitempty" db:"comment"`
	Bytes   int64  `json:"bytes"             db:"-"`
}

const objectsSQL = `
SELECT m.oid, pg_get_userbyid(m.lomowner)::text AS owner, coalesce(obj_description(m.oid, 'pg_largeobject'), '') AS comment
FROM pg_largeobject_metadata m
ORDER BY m.oid`

// publicSQL tells who has the schema public: ” the database's owner, as in a new database.
const publicSQL = `
SELECT coalesce((SELECT CASE WHEN nspowner = 'pg_database_owner'::regrole THEN '' ELSE 'own' END FROM pg_namespace WHERE nspname = 'public'), 'none')`

func listTables(ctx context.Context, conn *pgx.Conn) ([]File, error) {
	rows, err := conn.Query(ctx, tablesSQL)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (File, error) {
		f := File{Kind: Rows}
		var types, elems []uint32
		var mods []int32
		err := row.Scan(&f.Schema, &f.Table, &f.Columns, &types, &mods, &elems)
		for i := range types {
			f.holds = append(f.holds, column{types[i], mods[i], elems[i]})
		}
		return f, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return list, nil
}

// atOnce is how many things are asked for in one round trip.
const atOnce = 200

func listSequences(ctx context.Context, conn *pgx.Conn) ([]Sequence, error) {
	rows, err := conn.Query(ctx, sequencesSQL)
	if err != nil {
		return nil, fmt.Errorf("list sequences: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Sequence])
	if err != nil {
		return nil, fmt.Errorf("list sequences: %w", err)
	}
	for rest := list; len(rest) > 0; {
		now := rest[:min(atOnce, len(rest))]
		rest = rest[len(now):]
		batch := &pgx.Batch{}
		for i := range now {
			batch.Queue("SELECT last_value, is_called FROM " + now[i].name()).QueryRow(func(row pgx.Row) error {
				return row.Scan(&now[i].Last, &now[i].Called)
			})
		}
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			return nil, fmt.Errorf("read sequences: %w", err)
		}
	}
	return list, nil
}

func listObjects(ctx context.Context, conn *pgx.Conn) ([]Object, error) {
	rows, err := conn.Query(ctx, objectsSQL)
	if err != nil {
		return nil, fmt.Errorf("list large objects: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Object])
	if err != nil {
		return nil, fmt.Errorf("list large objects: %w", err)
	}
	return list, nil
}
