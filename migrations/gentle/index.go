package gentle

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// indexSQL also tells which other session is building the index. A role that may not see what another's session builds
// sees an empty relid: then any such session counts.
const indexSQL = `
SELECT n.nspname, c.relname, i.indisvalid AND i.indisready,
       coalesce((
         SELECT p.pid
         FROM pg_stat_progress_create_index p
         WHERE p.datname = current_database()
           AND p.pid <> pg_backend_pid()
           AND (p.index_relid = i.indexrelid OR p.relid IS NULL)
         LIMIT 1
       ), 0)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass($1)
  AND c.relname = $2`

// Index is what the catalog says of one.
type Index struct {
	Exists bool
	// Name is qualified and quoted.
	Name string
	// Valid and ready. One that is not is what an interrupted build leaves, unless there is a builder.
	Valid bool
	// Builder is the process of another session that builds it right now, 0 for none.
	Builder int
}

// Index looks for an index by its name on its table; the zero Index when there is none. table is quoted, index is not.
func (s *Session) Index(ctx context.Context, table, index string) (Index, error) {
	replies, err := s.Do(ctx, "look at index "+index, Command{SQL: indexSQL, Args: []string{table, index}, Keep: true})
	if err != nil || len(replies[0].Rows) == 0 {
		return Index{}, err
	}
	found := replies[0]
	builder, _ := strconv.Atoi(found.Text(3))
	return Index{
		Exists:  true,
		Name:    pgx.Identifier{found.Text(0), found.Text(1)}.Sanitize(),
		Valid:   found.Text(2) == "t",
		Builder: builder,
	}, nil
}

// DropIndex drops an invalid index without blocking others, waiting for old transactions as long as it takes. name is
// qualified and quoted. One that is gone already is no error.
func (s *Session) DropIndex(ctx context.Context, name string) error {
	_, err := s.Do(ctx, "drop invalid index "+name,
		append(s.AloneTimeouts(0), Command{SQL: "DROP INDEX CONCURRENTLY IF EXISTS " + name})...)
	return err
}
