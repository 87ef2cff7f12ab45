package preflight

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/release"
)

// facts is what the catalogs of a tenant's database say.
type facts struct {
	// schema is where a table without a schema is made, "" when the search path leads nowhere.
	schema string
	// tables by the names that the release uses; a name that means nothing has none.
	tables      map[release.Name]*table
	invalid     []invalidIndex
	unvalidated []constraint
	extensions  map[string]extension
}

// table is one that is there.
type table struct {
	oid uint32
	// name is schema.name, quoted for SQL; said is the same for people.
	name, said string
	// owned: the tenant's owner role may change it.
	owned bool
	// attributes are the column numbers used up, by dropped columns too; of the table and its descendants the most.
	attributes int
	// rows as the planner estimates them, -1 when it was never analyzed; bytes with indexes, as of the last VACUUM. Descendants count.
	rows, bytes int64
	// cascades: changing its rows may change other tables'.
	cascades bool
	columns  map[string]column
	key      []string // of the primary key
	// family are the oids of it and its descendants.
	family []uint32
}

type column struct {
	Type string `json:"type"` // as in pg_type
	Mod  int    `json:"mod"`  // atttypmod
}

type invalidIndex struct {
	Schema string `db:"schema"`
	Index  string `db:"index"`
	Table  string `db:"table"`
}

// constraint is one that is NOT VALID.
type constraint struct {
	OID         uint32   `db:"oid"` // of its table
	Table       string   `db:"table"`
	Name        string   `db:"name"`
	Type        string   `db:"type"`
	Expression  *string  `db:"expression"` // of a check, only where the release validates it
	Columns     []string `db:"columns"`
	References  string   `db:"references"` // quoted, "" for none
	ReferenceTo []string `db:"reference_to"`
	MatchFull   bool     `db:"match_full"`
}

type extension struct {
	installed string // its version, "" when it is not
	standard  string // the version that CREATE EXTENSION takes, "" when the server has none
	versions  []string
	trusted   []string // versions that an owner may create
}

// readFacts reads the facts that the steps need, in one round trip. It locks nothing but catalogs.
func readFacts(ctx context.Context, conn *pgx.Conn, steps []step, beforeEnd func(context.Context, *pgx.Conn)) (facts, error) {
	f := facts{tables: map[release.Name]*table{}, extensions: map[string]extension{}}
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	wanted, validates, wantedExtensions := names(steps), []string{}, extensions(steps)
	for _, s := range steps {
		for _, t := range s.effects.Tables {
			for _, need := range t.Needs {
				if need.Kind == release.NeedValid {
					validates = append(validates, need.Constraint)
				}
			}
		}
	}
	quoted := make([]string, len(wanted))
	for i, n := range wanted {
		quoted[i] = sqlName(n)
	}
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(`SELECT coalesce(current_schema(), '')`)
		batch.Queue(tablesSQL, quoted)
		batch.Queue(invalidSQL)
		batch.Queue(unvalidatedSQL, validates)
		if len(wantedExtensions) > 0 {
			batch.Queue(extensionsSQL, wantedExtensions)
		}
		results := tx.SendBatch(ctx, batch)
		err := f.read(results, wanted, len(wantedExtensions) > 0)
		if closing := results.Close(); err == nil {
			err = closing
		}
		if err == nil {
			beforeEnd(ctx, conn)
		}
		return err
	})
	if err != nil {
		return f, fmt.Errorf("read catalogs: %w", err)
	}
	return f, nil
}

func (f *facts) read(results pgx.BatchResults, wanted []release.Name, extensions bool) error {
	if err := results.QueryRow().Scan(&f.schema); err != nil {
		return fmt.Errorf("search path: %w", err)
	}
	rows, err := results.Query()
	if err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	var n int
	var t table
	_, err = pgx.ForEachRow(rows, []any{&n, &t.oid, &t.name, &t.said, &t.owned, &t.attributes, &t.rows, &t.bytes, &t.cascades, &t.columns, &t.key, &t.family}, func() error {
		f.tables[wanted[n-1]] = new(t)
		t.columns = nil // scanned into again
		return nil
	})
	if err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	if rows, err = results.Query(); err != nil {
		return fmt.Errorf("indexes: %w", err)
	}
	if f.invalid, err = pgx.CollectRows(rows, pgx.RowToStructByName[invalidIndex]); err != nil {
		return fmt.Errorf("indexes: %w", err)
	}
	if rows, err = results.Query(); err != nil {
		return fmt.Errorf("constraints: %w", err)
	}
	if f.unvalidated, err = pgx.CollectRows(rows, pgx.RowToStructByName[constraint]); err != nil {
		return fmt.Errorf("constraints: %w", err)
	}
	if !extensions {
		return nil
	}
	if rows, err = results.Query(); err != nil {
		return fmt.Errorf("extensions: %w", err)
	}
	var name string
	var e extension
	_, err = pgx.ForEachRow(rows, []any{&name, &e.installed, &e.standard, &e.versions, &e.trusted}, func() error {
		f.extensions[name] = e
		return nil
	})
	if err != nil {
		return fmt.Errorf("extensions: %w", err)
	}
	return nil
}

// sqlName quotes a table's name.
func sqlName(n release.Name) string {
	if n.Schema == "" {
		return pgx.Identifier{n.Name}.Sanitize()
	}
	return pgx.Identifier{n.Schema, n.Name}.Sanitize()
}
