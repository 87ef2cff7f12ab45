package drift

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/fingerprint"
)

// State is what a look at a tenant's database has come to.
type State string

// The states.
const (
	Clean       State = "clean"
	Drifted     State = "drifted"
	Busy        State = "busy"        // something changed the tenant just then
	Unreachable State = "unreachable" // its node did not answer
	Failed      State = "failed"      // it could not be read for another reason
	Skipped     State = "skipped"     // it is not active, so that nobody may connect to it; never kept
)

// States lists the states.
func States() []State { return []State{Clean, Drifted, Busy, Unreachable, Failed, Skipped} }

// Finding is what a look at a database has found.
type Finding struct {
	DatabaseID string
	State      State
	Detail     string // why it did not come through, or ""
	// Where it did:
	ReleaseID   string
	Fingerprint string
	Differences []fingerprint.Difference
}

// Most is how many differences are kept of a database, and mostText how many bytes of a definition.
const (
	Most     = 500
	mostText = 8000
)

// Record keeps a finding. What did not come through leaves what an earlier look has found.
func Record(ctx context.Context, db DB, f Finding) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var err error
	if f.State != Clean && f.State != Drifted {
		_, err = db.Exec(ctx, `
			INSERT INTO tenantry.drift (database_id, state, detail) VALUES ($1, $2, $3)
			ON CONFLICT (database_id) DO UPDATE SET state = excluded.state, detail = excluded.detail, tried_at = now()`, f.DatabaseID, f.State, f.Detail)
	} else {
		var differences []byte
		if differences, err = json.Marshal(shortened(f.Differences)); err != nil {
			return fmt.Errorf("encode differences: %w", err)
		}
		_, err = db.Exec(ctx, `
			INSERT INTO tenantry.drift (database_id, state, checked_at, release_id, fingerprint, found, differences) VALUES ($1, $2, now(), $3, $4, $5, $6)
			ON CONFLICT (database_id) DO UPDATE
			SET state = excluded.state, detail = '', tried_at = now(), checked_at = now(), release_id = excluded.release_id,
			    fingerprint = excluded.fingerprint, found = excluded.found, differences = excluded.differences`,
			f.DatabaseID, f.State, f.ReleaseID, f.Fingerprint, len(f.Differences), differences)
	}
	if err != nil {
		return fmt.Errorf("record what was found in database %s: %w", f.DatabaseID, err)
	}
	return nil
}

// shortened is what is kept: a schema that is altogether another one must not fill the control database.
func shortened(list []fingerprint.Difference) []fingerprint.Difference {
	kept := make([]fingerprint.Difference, min(len(list), Most))
	for i := range kept {
		kept[i] = list[i]
		kept[i].Want, kept[i].Got = short(list[i].Want), short(list[i].Got)
	}
	return kept
}

func short(text string) string {
	if len(text) <= mostText {
		return text
	}
	return strings.ToValidUTF8(text[:mostText], "") + "…"
}

// Checked is a tenant and what the last looks at its database have found.
type Checked struct {
	TenantID string `db:"tenant_id" json:"tenant_id"`
	Tenant   string `db:"tenant"    json:"tenant"` // its slug
	// State is of the last look, "" when there was none; of a tenant that is not active it is skipped.
	State   State      `db:"state"    json:"state"`
	Detail  string     `db:"detail"   json:"detail"`
	TriedAt *time.Time `db:"tried_at" json:"tried_at"`
	// What the last look that came through has found, and at which release.
	CheckedAt   *time.Time               `db:"checked_at"  json:"checked_at"`
	Release     string                   `db:"release"     json:"release"`
	Found       int                      `db:"found"       json:"found"`       // differences
	Differences []fingerprint.Difference `db:"differences" json:"differences"` // the first of them, at most Most
}

// Filter selects tenants for [List]. The zero value is all that are not deleted.
type Filter struct {
	Only   []string // slugs or ids
	Labels map[string]string
	States []State
}

// List gives tenants by slug, with what was found.
func List(ctx context.Context, db DB, f Filter) ([]Checked, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if f.Labels == nil {
		f.Labels = map[string]string{}
	}
	rows, err := db.Query(ctx, `
		SELECT * FROM (
		  SELECT t.id AS tenant_id, t.slug AS tenant, CASE WHEN t.state = 'active' THEN coalesce(w.state, '') ELSE 'skipped' END AS state,
		         CASE WHEN t.state = 'active' THEN coalesce(w.detail, '') ELSE 'is ' || t.state END AS detail,
		         w.tried_at, w.checked_at, coalesce(r.name, '') AS release, coalesce(w.found, 0) AS found, coalesce(w.differences, '[]') AS differences
		  FROM tenantry.tenants t
		  LEFT JOIN tenantry.drift w ON w.database_id = t.database_id
		  LEFT JOIN tenantry.releases r ON r.id = w.release_id
		  WHERE t.state <> 'deleted' AND t.labels @> $2 AND (cardinality($1::text[]) = 0 OR t.slug = ANY ($1) OR t.id = ANY ($1))
		) c
		WHERE cardinality($3::text[]) = 0 OR c.state = ANY ($3)
		ORDER BY tenant`, append([]string{}, f.Only...), f.Labels, append([]State{}, f.States...))
	if err != nil {
		return nil, fmt.Errorf("list findings: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Checked])
	if err != nil {
		return nil, fmt.Errorf("list findings: %w", err)
	}
	return list, nil
}
