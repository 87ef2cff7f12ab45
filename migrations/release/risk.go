package release

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Risk is that a release was published although the linter found errors in it.
type Risk struct {
	ReleaseID string `json:"-"`
	// Reason is why, AcceptedBy who.
	Reason     string    `json:"reason"`
	AcceptedBy string    `json:"accepted_by"`
	AcceptedAt time.Time `json:"accepted_at"` // in UTC, by the database's clock
	// Errors is how many there were; Findings are the statements that they are in, in the linter's words.
	Errors   int             `json:"errors"`
	Findings json.RawMessage `json:"findings"`
}

// maxRiskReason is how many characters a reason may have.
const maxRiskReason = 2000

// RecordRisk keeps a risk, in the transaction that publishes its release.
func RecordRisk(ctx context.Context, tx pgx.Tx, risk Risk) error {
	if n := len([]rune(risk.Reason)); n == 0 || n > maxRiskReason {
		return fmt.Errorf("accept risk: the reason has %d characters, 1 to %d are allowed", n, maxRiskReason)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO tenantry.release_risks (release_id, reason, accepted_by, errors, findings) VALUES ($1, $2, $3, $4, $5)`,
		risk.ReleaseID, risk.Reason, risk.AcceptedBy, risk.Errors, risk.Findings)
	if err != nil {
		return fmt.Errorf("accept risk: %w", err)
	}
	return nil
}

// Risks returns the accepted risks by the releases' IDs.
func Risks(ctx context.Context, q Querier) (map[string]Risk, error) {
	rows, err := q.Query(ctx, `SELECT release_id, reason, accepted_by, accepted_at, errors, findings FROM tenantry.release_risks`)
	if err != nil {
		return nil, fmt.Errorf("read accepted risks: %w", err)
	}
	risks := map[string]Risk{}
	var risk Risk
	_, err = pgx.ForEachRow(rows, []any{&risk.ReleaseID, &risk.Reason, &risk.AcceptedBy, &risk.AcceptedAt, &risk.Errors, &risk.Findings}, func() error {
		one := risk
		one.AcceptedAt = one.AcceptedAt.UTC()
		one.Findings = append(json.RawMessage(nil), risk.Findings...)
		risks[one.ReleaseID] = one
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read accepted risks: %w", err)
	}
	return risks, nil
}
