package rollout

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Channels that tenants follow, by their label "channel"; without one they follow stable.
const (
	ChannelStable = "stable"
	ChannelBeta   = "beta"
)

// Selector says which tenants a rollout is about. The zero value is all that are not deleted.
type Selector struct {
	Labels  map[string]string `json:"labels,omitempty"`
	Channel string            `json:"channel,omitempty"` // "" is every channel
}

// Plan is what a rollout would do.
type Plan struct {
	Release  string   `json:"release"`
	Policy   Policy   `json:"policy"`
	Selector Selector `json:"selector"`
	Waves    int      `json:"waves"`
	Members  []Member `json:"members"`
}

// Count is how many members have a state, of one wave or, with -1, of all.
func (p Plan) Count(state MemberState, wave int) int {
	n := 0
	for _, m := range p.Members {
		if m.State == state && (wave < 0 || m.Wave == wave) {
			n++
		}
	}
	return n
}

// Make plans a rollout and changes nothing. The release is a name.
func Make(ctx context.Context, db DB, release string, s Selector, p Policy) (Plan, error) {
	return MakeWithout(ctx, db, release, s, p, nil)
}

// MakeWithout is Make that leaves tenants out: their ids, and for each why.
func MakeWithout(ctx context.Context, db DB, release string, s Selector, p Policy, leftOut map[string]string) (Plan, error) {
	p = p.WithDefaults()
	if err := p.Validate(); err != nil {
		return Plan{}, err
	}
	var target int64
	var name string
	var withdrawn *string
	err := db.QueryRow(ctx, `
		SELECT r.seq, r.name, r.withdrawn_for FROM tenantry.releases r
		WHERE r.name = $1 OR ($1 = '' AND r.seq = (SELECT max(seq) FROM tenantry.releases WHERE withdrawn_at IS NULL))`, release).Scan(&target, &name, &withdrawn)
	if err != nil {
		return Plan{}, fmt.Errorf("release %q: %w", release, noRows(err, ErrNoRelease))
	}
	if withdrawn != nil {
		return Plan{}, fmt.Errorf("release %q: %w: %s", release, ErrWithdrawn, *withdrawn)
	}
	candidates, err := candidates(ctx, db, s)
	if err != nil {
		return Plan{}, err
	}
	for i, c := range candidates {
		candidates[i].LeftOut = leftOut[c.TenantID]
	}
	plan := Plan{Release: name, Policy: p, Selector: s}
	plan.Members, plan.Waves, err = Assign(candidates, target, p)
	return plan, err
}

func candidates(ctx context.Context, db DB, s Selector) ([]Candidate, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	selector, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode selector: %w", err)
	}
	rows, err := db.Query(ctx, `
		SELECT tenant_id, slug, node, release, release_seq, active, pinned_seq, pin_reason, quarantined, bytes
		FROM tenantry.rollout_candidates
		WHERE tenantry.selected($1, labels)
		ORDER BY tenant_id`, string(selector))
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Candidate])
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	return list, nil
}

// Start begins with what is planned now, and returns the rollout's id. The plan is made anew: the fleet may have changed since it
// was shown. Refusals are errors of the control database with codes TY002 and TY003.
func Start(ctx context.Context, db DB, release string, s Selector, p Policy, by string) (string, Plan, error) {
	plan, err := Make(ctx, db, release, s, p)
	if err != nil {
		return "", plan, err
	}
	id, err := Begin(ctx, db, plan, by, nil)
	return id, plan, err
}

// Begin begins with a plan. also, where it is not nil, writes more about the rollout in the same transaction. Who became unfit since the plan
// was made is skipped when its turn comes.
func Begin(ctx context.Context, db DB, plan Plan, by string, also func(ctx context.Context, tx pgx.Tx, id string) error) (string, error) {
	ids, waves, states := make([]string, len(plan.Members)), make([]int32, len(plan.Members)), make([]string, len(plan.Members))
	var leftOut, whys []string
	for i, m := range plan.Members {
		ids[i], waves[i], states[i] = m.TenantID, int32(m.Wave), string(m.State) //nolint:gosec // there are few waves
		if m.State == SkippedPreflight {
			leftOut, whys = append(leftOut, m.TenantID), append(whys, m.LeftOut)
		}
	}
	selector, err := json.Marshal(plan.Selector)
	if err != nil {
		return "", fmt.Errorf("encode selector: %w", err)
	}
	policy, err := json.Marshal(plan.Policy)
	if err != nil {
		return "", fmt.Errorf("encode policy: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var id string
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT tenantry.start_rollout($1, $2, $3, $4, $5, $6, $7, $8)`,
			plan.Release, string(selector), string(policy), plan.Waves, ids, waves, states, by).Scan(&id)
		if err != nil || (len(leftOut) == 0 && also == nil) {
			return err //nolint:wrapcheck // wrapped below
		}
		_, err = tx.Exec(ctx, `
			UPDATE tenantry.rollout_members m
			SET failure = jsonb_build_object('code', 'preflight', 'message', l.why)
			FROM unnest($2::text[], $3::text[]) AS l (tenant_id, why)
			WHERE m.rollout_id = $1 AND m.tenant_id = l.tenant_id`, id, leftOut, whys)
		if err != nil || also == nil {
			return err //nolint:wrapcheck // wrapped below
		}
		return also(ctx, tx, id)
	})
	if err != nil {
		return "", fmt.Errorf("start rollout: %w", err)
	}
	return id, nil
}
