package drift

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Scope says whom a check is about. The zero value is nobody: Share is 0.
type Scope struct {
	Only   string            // slug or id; "" is everybody
	Labels map[string]string // all of them
	Share  float64           // of those that are meant, from 0 to 1
	Since  time.Time         // who was looked at since then has been: the check goes on with the rest
}

// Picked is a tenant that a check is about.
type Picked struct {
	TenantID string `db:"tenant_id"`
	Slug     string `db:"slug"`
	State    string `db:"state"`
	NodeID   string `db:"node_id"`
}

// Pick chooses tenants that are active, those first that were not looked at for longest, and rounds the share up. One that is named is given
// whatever its state; a deleted one is not found.
func Pick(ctx context.Context, db DB, s Scope) ([]Picked, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	rows, err := db.Query(ctx, `
		WITH meant AS (
		  SELECT t.id AS tenant_id, t.slug, t.state, d.node_id, w.tried_at
		  FROM tenantry.tenants t
		  JOIN tenantry.databases d ON d.id = t.database_id
		  LEFT JOIN tenantry.drift w ON w.database_id = d.id
		  WHERE t.labels @> $2
		    AND CASE WHEN $1 = '' THEN t.state = 'active' ELSE $1 IN (t.slug, t.id) AND t.state <> 'deleted' END
		), rest AS (
		  SELECT greatest(0, ceil(count(*) * $3::float8) - count(*) FILTER (WHERE tried_at >= $4))::bigint AS n FROM meant
		)
		SELECT tenant_id, slug, state, node_id
		FROM meant
		WHERE tried_at IS NULL OR tried_at < $4
		ORDER BY tried_at NULLS FIRST, tenant_id
		LIMIT (SELECT n FROM rest)`, s.Only, s.Labels, s.Share, s.Since)
	if err != nil {
		return nil, fmt.Errorf("choose tenants: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Picked])
	if err != nil {
		return nil, fmt.Errorf("choose tenants: %w", err)
	}
	return list, nil
}

// Look is what the ledger says of a tenant at a moment. A reading between two looks that are equal, and of which none is busy, saw a database that
// nothing of ours was changing.
type Look struct {
	State     string `db:"state"`
	ReleaseID string `db:"release_id"`
	// Busy is the operation whose turn it is, such as "migrate op_… is running", "" without one.
	Busy string `db:"busy"`
	// Newest counts operations: one that began and ended between two looks shows.
	Newest int64 `db:"newest"`
}

// LookAt asks the ledger for a tenant.
func LookAt(ctx context.Context, db DB, tenantID string) (Look, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := db.Query(ctx, `
		SELECT t.state, d.release_id, coalesce(o.kind || ' ' || o.id || ' is ' || o.state, '') AS busy,
		       coalesce((SELECT max(n.seq) FROM tenantry.operations n WHERE n.tenant_id = t.id), 0) AS newest
		FROM tenantry.tenants t
		JOIN tenantry.databases d ON d.id = t.database_id
		LEFT JOIN tenantry.operations o ON o.id = t.current_operation_id
		WHERE t.id = $1`, tenantID)
	if err != nil {
		return Look{}, fmt.Errorf("look at tenant %s: %w", tenantID, err)
	}
	look, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Look])
	if err != nil {
		return look, fmt.Errorf("look at tenant %s: %w", tenantID, err)
	}
	return look, nil
}
