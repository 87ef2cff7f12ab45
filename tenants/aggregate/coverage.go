package aggregate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants/fanout"
)

// mostNamed is how many missing tenants a coverage names.
const mostNamed = 10

// Coverage says in a line who is in the day and who is not: "998 of 1,000 tenants; 2 missing: …".
func (r Result) Coverage() string { return coverage(r.Contributed, r.Tenants, r.Missing) }

func coverage(contributed, tenants int, list []Missing) string {
	var gone, stale []Missing
	for _, m := range list {
		if m.Stale {
			stale = append(stale, m)
		} else {
			gone = append(gone, m)
		}
	}
	text := fmt.Sprintf("%s of %s tenants", fanout.Grouped(contributed), fanout.Grouped(tenants))
	if n := tenants - contributed; n > 0 {
		text += fmt.Sprintf("; %s missing: %s", fanout.Grouped(n), named(gone, n))
	}
	if len(stale) > 0 {
		text += fmt.Sprintf("; %s with an earlier answer: %s", fanout.Grouped(len(stale)), named(stale, len(stale)))
	}
	return text
}

func named(list []Missing, all int) string {
	var parts []string
	for _, m := range list[:min(len(list), mostNamed)] {
		why := m.Reason
		if why == "" {
			why = "not asked yet"
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", m.Tenant, why))
	}
	if all > len(parts) {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

// missing lists who belongs to a day and has not answered when it was asked last, those first that never have.
func missing(ctx context.Context, tx interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, relation string, day time.Time, most int,
) ([]Missing, error) {
	rows, err := tx.Query(ctx, `
		SELECT coalesce(t.slug, s.tenant_id), s.reason, s.tries, s.contributed_at IS NOT NULL
		FROM tenantry.aggregate_slices s
		LEFT JOIN tenantry.tenants t ON t.id = s.tenant_id
		WHERE s.relation = $1 AND s.day = $2 AND s.state IN ('due', 'asked')
		ORDER BY s.contributed_at IS NOT NULL, s.tries DESC, 1
		LIMIT $3`, relation, day, most)
	if err != nil {
		return nil, fmt.Errorf("list who is missing: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Missing])
	if err != nil {
		return nil, fmt.Errorf("list who is missing: %w", err)
	}
	return list, nil
}
