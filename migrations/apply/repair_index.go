package apply

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// createIndexRepair finds the index by its name on its table. An index that is invalid is what an interrupted build
// leaves, unless another session is building it right now.
type createIndexRepair struct {
	s *session
	// table is quoted, index is not.
	table, index string
	resuming     bool
}

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

// index is what the catalog says of one.
type index struct {
	exists bool
	// name is qualified and quoted.
	name  string
	valid bool
	// builder is the process that builds it right now, 0 for none.
	builder int
}

func (r *createIndexRepair) find(ctx context.Context) (index, error) {
	replies, err := r.s.do(ctx, "look at index "+r.index, command{sql: indexSQL, args: []string{r.table, r.index}, keep: true})
	if err != nil || len(replies[0].rows) == 0 {
		return index{}, err
	}
	found := replies[0]
	builder, _ := strconv.Atoi(found.text(3))
	return index{
		exists:  true,
		name:    pgx.Identifier{found.text(0), found.text(1)}.Sanitize(),
		valid:   found.text(2) == "t",
		builder: builder,
	}, nil
}

func (r *createIndexRepair) look(ctx context.Context) (bool, error) {
	found, err := r.find(ctx)
	switch {
	case err != nil:
		return false, err
	case !found.exists:
		return false, nil
	case found.valid:
		// One that is there before the first try is somebody else's: the statement itself says whether that is right.
		return r.resuming, nil
	}
	if err := r.drop(ctx, found); err != nil {
		return false, err
	}
	r.s.opts.Crash(PointAloneCleared)
	return false, nil
}

// drop removes an invalid index that nobody is building.
func (r *createIndexRepair) drop(ctx context.Context, found index) error {
	if found.builder != 0 {
		return &BlockedError{
			Tries:    1,
			Sessions: []Session{{PID: found.builder, Holds: found.name}},
			Err:      fmt.Errorf("index %s is being built by another session", found.name),
		}
	}
	return r.s.dropIndex(ctx, found.name)
}

// dropIndex drops without blocking others, waiting for old transactions as long as it takes.
func (s *session) dropIndex(ctx context.Context, name string) error {
	_, err := s.do(ctx, "drop invalid index "+name,
		append(s.aloneTimeouts(0), command{sql: "DROP INDEX CONCURRENTLY IF EXISTS " + name})...)
	return err
}

func (r *createIndexRepair) verify(ctx context.Context) error {
	found, err := r.find(ctx)
	switch {
	case err != nil:
		return err
	case !found.exists:
		return fmt.Errorf("the statement succeeded, but there is no index %s on %s: another relation has its name", r.index, r.table)
	case !found.valid:
		return fmt.Errorf("the statement succeeded, but index %s is not valid", r.index)
	}
	return nil
}

func (r *createIndexRepair) clear(ctx context.Context) (bool, error) {
	found, err := r.find(ctx)
	if err != nil {
		return false, err
	}
	if found.exists && !found.valid {
		return true, r.drop(ctx, found)
	}
	return true, nil
}

// dropIndexRepair looks whether the index is gone.
type dropIndexRepair struct {
	s *session
	// index is quoted.
	index    string
	resuming bool
}

const indexStateSQL = `
SELECT coalesce((SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = c.oid), true)
FROM pg_class c
WHERE c.oid = to_regclass($1)`

// state reports whether the index exists, and whether it is whole.
func (r *dropIndexRepair) state(ctx context.Context) (exists, valid bool, err error) {
	replies, err := r.s.do(ctx, "look at index "+r.index, command{sql: indexStateSQL, args: []string{r.index}, keep: true})
	if err != nil || len(replies[0].rows) == 0 {
		return false, false, err
	}
	return true, replies[0].text(0) == "t", nil
}

func (r *dropIndexRepair) look(ctx context.Context) (bool, error) {
	if !r.resuming {
		return false, nil
	}
	exists, _, err := r.state(ctx)
	return !exists, err
}

func (r *dropIndexRepair) verify(context.Context) error { return nil }

// clear leaves the intent when the index was half dropped: only going on with it helps then.
func (r *dropIndexRepair) clear(ctx context.Context) (bool, error) {
	exists, valid, err := r.state(ctx)
	return !exists || valid, err
}

// reindexRepair drops the copies that an interrupted REINDEX CONCURRENTLY leaves: invalid, named after the index with
// _ccnew or _ccold. Those of TOAST tables stay: only a superuser can drop them.
type reindexRepair struct {
	s *session
	// relation is the quoted table or index, "" for a schema or the whole database.
	relation string
	resuming bool
}

const reindexRemainsSQL = `
WITH target AS (
  SELECT coalesce((SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = to_regclass(nullif($1, ''))),
                  to_regclass(nullif($1, ''))) AS oid
)
SELECT n.nspname, c.relname
FROM target
CROSS JOIN pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid
  AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND n.nspname <> 'pg_toast'
  AND (target.oid IS NULL OR i.indrelid = target.oid)
  AND NOT EXISTS (
    SELECT FROM pg_stat_progress_create_index p
    WHERE p.datname = current_database()
      AND p.pid <> pg_backend_pid()
      AND (p.relid = i.indrelid OR p.relid IS NULL)
  )`

func (r *reindexRepair) look(ctx context.Context) (bool, error) {
	if !r.resuming {
		return false, nil
	}
	_, err := r.clear(ctx)
	if err == nil {
		r.s.opts.Crash(PointAloneCleared)
	}
	return false, err
}

func (r *reindexRepair) verify(context.Context) error { return nil }

func (r *reindexRepair) clear(ctx context.Context) (bool, error) {
	replies, err := r.s.do(ctx, "look for remains of REINDEX", command{sql: reindexRemainsSQL, args: []string{r.relation}, keep: true})
	if err != nil {
		return false, err
	}
	for _, row := range replies[0].rows {
		if err := r.s.dropIndex(ctx, pgx.Identifier{string(row[0]), string(row[1])}.Sanitize()); err != nil {
			return false, err
		}
	}
	return true, nil
}
