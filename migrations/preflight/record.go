package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/release"
)

// Recorded is a report that is kept with a rollout.
type Recorded struct {
	Report Report `json:"report"`
	// Accepted is why a person began although tenants are blocked, "" when there was nothing to accept.
	Accepted string    `json:"accepted"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

// Record keeps a report with its rollout, in the transaction that begins it.
func Record(ctx context.Context, tx pgx.Tx, rolloutID string, r Report, accepted, by string) error {
	encoded, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode preflight: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO tenantry.rollout_preflights (rollout_id, report, accepted, by) VALUES ($1, $2, $3, $4)`,
		rolloutID, string(encoded), accepted, by)
	if err != nil {
		return fmt.Errorf("record preflight: %w", err)
	}
	return nil
}

// Of reads the report that is kept with a rollout, nil when it was begun without one.
func Of(ctx context.Context, q release.Querier, rolloutID string) (*Recorded, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	rows, err := q.Query(ctx, `SELECT report, accepted, by, at FROM tenantry.rollout_preflights WHERE rollout_id = $1`, rolloutID)
	if err != nil {
		return nil, fmt.Errorf("read preflight: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByPos[Recorded])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("read preflight: %w", err)
	}
	return r, nil
}
