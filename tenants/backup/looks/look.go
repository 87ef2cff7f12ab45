package looks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Look is what a schema of restored tables is. Its comment says so, as JSON.
type Look struct {
	Operation string    `json:"operation"`
	Backup    string    `json:"backup"`
	At        time.Time `json:"at"` // as of when the rows are
	Tables    []Copied  `json:"tables"`
}

// Copied is a table that was copied.
type Copied struct {
	Table string `json:"table"` // in the backup, as SQL has it
	As    string `json:"as"`    // in the schema, as SQL has it
	Rows  int64  `json:"rows"`
	// Changed are the columns whose type is another one than in the backup, such as "mood: text instead of public.mood".
	Changed []string `json:"changed,omitempty"`
	// Closed says why the application's or the read-only role may not read it; "" where both may.
	Closed string `json:"closed,omitempty"`
}

// Rows are those of all tables.
func (l Look) Rows() int64 {
	var n int64
	for _, t := range l.Tables {
		n += t.Rows
	}
	return n
}

// ErrNotOurs says that a schema of that name is there which the operation has not made.
var ErrNotOurs = errors.New("a schema of that name is there, and its comment does not say that this operation has made it")

// Find looks in a live database whether an operation has made its schema: an attempt that died may have.
func Find(ctx context.Context, conn *pgx.Conn, schema, operation string) (l Look, there bool, err error) {
	var comment string
	err = conn.QueryRow(ctx, `SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = $1`, schema).Scan(&comment)
	if errors.Is(err, pgx.ErrNoRows) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("look for schema %s: %w", schema, err)
	}
	if err := json.Unmarshal([]byte(comment), &l); err != nil || l.Operation != operation {
		return l, false, fmt.Errorf("schema %s: %w", schema, ErrNotOurs)
	}
	return l, true, nil
}

// mark writes the schema's comment.
func mark(ctx context.Context, tx pgx.Tx, schema string, l Look) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode what was copied: %w", err)
	}
	if _, err := tx.Exec(ctx, "COMMENT ON SCHEMA "+tenants.Ident(schema)+" IS "+tenants.Literal(string(raw))); err != nil {
		return fmt.Errorf("say what was copied: %w", err)
	}
	return nil
}
