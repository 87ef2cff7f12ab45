package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/release"
)

// Errors of reading.
var (
	ErrNoRelease = errors.New("there is no such release: see tenantry release list")
	ErrWithdrawn = release.ErrWithdrawn
	ErrNoRollout = errors.New("there is no such rollout: see tenantry rollout history")
)

func noRows(err, instead error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return instead
	}
	return err
}

// Rollout is one, as it is shown.
type Rollout struct {
	ID          string     `db:"id"           json:"id"`
	Release     string     `db:"release"      json:"release"`
	OperationID string     `db:"operation_id" json:"operation_id"`
	State       State      `db:"state"        json:"state"`
	Reason      Reason     `db:"reason"       json:"reason"`
	Detail      string     `db:"detail"       json:"detail"`
	Selector    Selector   `db:"selector"     json:"selector"`
	Policy      Policy     `db:"policy"       json:"policy"`
	Wave        int        `db:"wave"         json:"wave"` // from 0
	Waves       int        `db:"waves"        json:"waves"`
	BakeUntil   *time.Time `db:"bake_until"   json:"bake_until"`
	StartedBy   string     `db:"started_by"   json:"started_by"`
	CreatedAt   time.Time  `db:"created_at"   json:"created_at"`
	FinishedAt  *time.Time `db:"finished_at"  json:"finished_at"`
	// Members counts tenants by wave and state.
	Members []Count `db:"-" json:"members"`
	// Failures counts tenants that failed by how, the most frequent first.
	Failures []Failure `db:"-" json:"failures"`
}

// Count is how many tenants of a wave have a state.
type Count struct {
	Wave    int         `db:"wave"    json:"wave"`
	State   MemberState `db:"state"   json:"state"`
	Tenants int         `db:"tenants" json:"tenants"`
}

// Of is how many tenants have a state, of one wave or, with -1, of all.
func (r Rollout) Of(wave int, states ...MemberState) int {
	n := 0
	for _, c := range r.Members {
		for _, s := range states {
			if c.State == s && (wave < 0 || c.Wave == wave) {
				n += c.Tenants
			}
		}
	}
	return n
}

const rolloutSQL = `
	SELECT r.id, rel.name AS release, r.operation_id, r.state, r.reason, r.detail, r.selector, r.policy, r.wave, r.waves, r.bake_until,
	       r.started_by, r.created_at, r.finished_at
	FROM tenantry.rollouts r
	JOIN tenantry.releases rel ON rel.id = r.release_id`

// Get reads a rollout by its id; "" is the newest one, of those that have not ended first.
func Get(ctx context.Context, db DB, id string) (Rollout, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := db.Query(ctx, rolloutSQL+`
		WHERE $1 = '' OR r.id = $1
		ORDER BY r.finished_at IS NULL DESC, r.seq DESC
		LIMIT 1`, id)
	if err != nil {
		return Rollout{}, fmt.Errorf("read rollout: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Rollout])
	if err != nil {
		return Rollout{}, fmt.Errorf("rollout %s: %w", id, noRows(err, ErrNoRollout))
	}
	rows, err = db.Query(ctx, `
		SELECT wave, state, count(*) AS tenants FROM tenantry.rollout_members WHERE rollout_id = $1 GROUP BY wave, state ORDER BY wave, state`, r.ID)
	if err != nil {
		return r, fmt.Errorf("count members: %w", err)
	}
	if r.Members, err = pgx.CollectRows(rows, pgx.RowToStructByName[Count]); err != nil {
		return r, fmt.Errorf("count members: %w", err)
	}
	rows, err = db.Query(ctx, failuresSQL+` GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`, r.ID)
	if err != nil {
		return r, fmt.Errorf("count failures: %w", err)
	}
	if r.Failures, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Failure]); err != nil {
		return r, fmt.Errorf("count failures: %w", err)
	}
	return r, nil
}

// List reads rollouts, the newest first, without their members' counts.
func List(ctx context.Context, db DB, limit int) ([]Rollout, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := db.Query(ctx, rolloutSQL+` ORDER BY r.seq DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("list rollouts: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Rollout])
	if err != nil {
		return nil, fmt.Errorf("list rollouts: %w", err)
	}
	return list, nil
}

// MemberStatus is a tenant of a rollout, as it is shown.
type MemberStatus struct {
	TenantID    string          `db:"tenant_id"    json:"tenant_id"`
	Slug        string          `db:"slug"         json:"tenant"`
	Node        string          `db:"node"         json:"node"`
	Wave        int             `db:"wave"         json:"wave"`
	State       MemberState     `db:"state"        json:"state"`
	FromRelease string          `db:"from_release" json:"from_release"`
	OperationID *string         `db:"operation_id" json:"operation_id"`
	Attempts    int             `db:"attempts"     json:"attempts"`
	Failure     json.RawMessage `db:"failure"      json:"failure"`
	EndedAt     *time.Time      `db:"ended_at"     json:"ended_at"`
}

// Members reads the tenants of a rollout in their order, of all states or of some.
func Members(ctx context.Context, db DB, id string, states ...MemberState) ([]MemberStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	wanted := make([]string, len(states))
	for i, s := range states {
		wanted[i] = string(s)
	}
	rows, err := db.Query(ctx, `
		SELECT m.tenant_id, t.slug, n.name AS node, m.wave, m.state, m.from_release, m.operation_id, m.attempts, m.failure, m.ended_at
		FROM tenantry.rollout_members m
		JOIN tenantry.tenants t ON t.id = m.tenant_id
		JOIN tenantry.nodes n ON n.id = m.node_id
		WHERE m.rollout_id = $1 AND (cardinality($2::text[]) = 0 OR m.state = ANY ($2))
		ORDER BY m.position`, id, wanted)
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[MemberStatus])
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	return list, nil
}

// Active lists the ids of rollouts that have not ended.
func Active(ctx context.Context, db DB) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := db.Query(ctx, `SELECT id FROM tenantry.rollouts WHERE finished_at IS NULL ORDER BY seq`)
	if err != nil {
		return nil, fmt.Errorf("read active rollouts: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read active rollouts: %w", err)
	}
	return ids, nil
}
