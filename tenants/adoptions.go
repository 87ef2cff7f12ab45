package tenants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The states of an adoption.
const (
	AdoptionOpen    = "open"    // nothing of the database is changed
	AdoptionClosing = "closing" // it may be closed, or have its new name
	AdoptionTaken   = "taken"   // it is a tenant's like any other
	AdoptionUndone  = "undone"  // its tenant was purged before that; the database is what it was
)

// Adoption is the row of a database that was not made here. Until it is taken nothing may drop it.
type Adoption struct {
	DatabaseID   string          `db:"database_id"   json:"database_id"`
	NodeID       string          `db:"node_id"       json:"node_id"`
	Source       string          `db:"source"        json:"source"` // the database's own name
	State        string          `db:"state"         json:"state"`
	OperationID  string          `db:"operation_id"  json:"operation_id"`
	HistoryTable string          `db:"history_table" json:"history_table"` // "" until it was read
	Before       json.RawMessage `db:"before"        json:"before"`        // what giving up needs to know; nil until something is about to change
	Report       json.RawMessage `db:"report"        json:"report"`        // what was found; nil until somebody has looked
}

// Unfinished says whether the database is still somebody else's.
func (a Adoption) Unfinished() bool { return a.State == AdoptionOpen || a.State == AdoptionClosing }

// ErrNoAdoption says that a database was made here.
var ErrNoAdoption = errors.New("the database was not adopted")

// Adoption reads the row of a database that was adopted, or is to be. ErrNoAdoption: it was made here.
func (r *Registry) Adoption(ctx context.Context, databaseID string) (Adoption, error) {
	a, err := one[Adoption](ctx, r.pool, `
		SELECT database_id, node_id, source, state, operation_id, history_table, before, report
		FROM tenantry.adoptions WHERE database_id = $1`, databaseID)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, fmt.Errorf("database %s: %w", databaseID, ErrNoAdoption)
	}
	return a, wrapf(err, "read adoption of database %s", databaseID)
}

// SetAdoption moves an adoption to a state on behalf of an attempt, with what giving up needs to know where that is not nil. ErrNotCurrent: a
// newer attempt has begun; nothing was written.
func (r *Registry) SetAdoption(ctx context.Context, databaseID, state string, before any, by Attempt) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var known *string
	if before != nil {
		encoded, err := json.Marshal(before)
		if err != nil {
			return fmt.Errorf("encode what was before: %w", err)
		}
		known = new(string(encoded))
	}
	tag, err := r.pool.Exec(ctx, `
		WITH current AS MATERIALIZED (`+holdAttemptSQL+`)
		UPDATE tenantry.adoptions
		SET state = $4, before = coalesce($5::jsonb, before)
		FROM current
		WHERE database_id = $3`, by.OperationID, by.Number, databaseID, state, known)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNotCurrent
	}
	return wrapf(err, "record adoption")
}

// NewScratch makes the row of a scratch database on a node, before the database is made, and gives its name.
func (r *Registry) NewScratch(ctx context.Context, nodeID string, by Attempt) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var name string
	err := r.pool.QueryRow(ctx, `
		WITH current AS MATERIALIZED (`+holdAttemptSQL+`)
		INSERT INTO tenantry.scratches (node_id)
		SELECT $3 FROM current
		RETURNING name`, by.OperationID, by.Number, nodeID).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrNotCurrent
	}
	return name, wrapf(err, "record scratch database")
}

// Scratches lists the scratch databases that a node may have whose rows are at least this old; 0 is all.
func (r *Registry) Scratches(ctx context.Context, nodeID string, age time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := r.pool.Query(ctx, `SELECT name FROM tenantry.scratches WHERE node_id = $1 AND created_at <= clock_timestamp() - $2::interval`, nodeID, age)
	if err != nil {
		return nil, fmt.Errorf("list scratch databases: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return list, wrapf(err, "list scratch databases")
}

// ForgetScratch removes the row of a scratch database that is gone.
func (r *Registry) ForgetScratch(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := r.pool.Exec(ctx, `DELETE FROM tenantry.scratches WHERE name = $1`, name)
	return wrapf(err, "forget scratch database")
}
