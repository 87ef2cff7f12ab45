package apply

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/gentle"
)

// createIndexRepair finds the index by its name on its table. An index that is invalid is what an interrupted build
// leaves, unless another session is building it right now.
type createIndexRepair struct {
	s *session
	// table is quoted, index is not.
	table, index string
	resuming     bool
}

func (r *createIndexRepair) find(ctx context.Context) (gentle.Index, error) {
	return r.s.Index(ctx, r.table, r.index)
}

func (r *createIndexRepair) look(ctx context.Context) (bool, error) {
	found, err := r.find(ctx)
	switch {
	case err != nil:
		return false, err
	case !found.Exists:
		return false, nil
	case found.Valid:
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
func (r *createIndexRepair) drop(ctx context.Context, found gentle.Index) error {
	if found.Builder != 0 {
		return &gentle.BlockedError{
			Tries:    1,
			Sessions: []gentle.Holder{{PID: found.Builder, Holds: found.Name}},
			Err:      fmt.Errorf("index %s is being built by another session", found.Name),
		}
	}
	return r.s.DropIndex(ctx, found.Name)
}

func (r *createIndexRepair) verify(ctx context.Context) error {
	found, err := r.find(ctx)
	switch {
	case err != nil:
		return err
	case !found.Exists:
		return fmt.Errorf("the statement succeeded, but there is no index %s on %s: another relation has its name", r.index, r.table)
	case !found.Valid:
		return fmt.Errorf("the statement succeeded, but index %s is not valid", r.index)
	}
	return nil
}

func (r *createIndexRepair) clear(ctx context.Context) (bool, error) {
	found, err := r.find(ctx)
	if err != nil {
		return false, err
	}
	if found.Exists && !found.Valid {
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
	replies, err := r.s.Do(ctx, "look at index "+r.index, gentle.Command{SQL: indexStateSQL, Args: []string{r.index}, Keep: true})
	if err != nil || len(replies[0].Rows) == 0 {
		return false, false, err
	}
	return true, replies[0].Text(0) == "t", nil
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
	replies, err := r.s.Do(ctx, "look for remains of REINDEX", gentle.Command{SQL: reindexRemainsSQL, Args: []string{r.relation}, Keep: true})
	if err != nil {
		return false, err
	}
	for _, row := range replies[0].Rows {
		if err := r.s.DropIndex(ctx, pgx.Identifier{string(row[0]), string(row[1])}.Sanitize()); err != nil {
			return false, err
		}
	}
	return true, nil
}
