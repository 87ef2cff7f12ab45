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

const tablesSQL = `
SELECT n.nspname::text, c.relname::text,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             ORDER BY a.attnum)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND` + ours + `
ORDER BY n.nspname, c.relname`

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
		err := row.Scan(&f.Schema, &f.Table, &f.Columns)
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
