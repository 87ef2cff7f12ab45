package aggregate

import (
	"context"
	"fmt"
	"strings"

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

const missingSQL = `
SELECT m.day::text, m.tenant, m.reason, m.tries, m.stale
FROM (
  SELECT s.day, coalesce(t.slug, s.tenant_id) AS tenant, s.reason, s.tries, s.contributed_at IS NOT NULL AS stale,
         row_number() OVER (PARTITION BY s.day ORDER BY s.contributed_at IS NOT NULL, s.tries DESC, coalesce(t.slug, s.tenant_id)) AS place
  FROM tenantry.aggregate_slices s
  LEFT JOIN tenantry.tenants t ON t.id = s.tenant_id
  WHERE s.relation = $1 AND s.day = ANY ($2::date[]) AND s.state IN ('due', 'asked')
) m
WHERE m.place <= $3
ORDER BY m.day, m.place`

// MissingOf lists by day who belongs to some days of a table and has not answered when it was asked last, those first that never have; of each day so many at most.
func MissingOf(ctx context.Context, control querier, table string, most int, days ...string) (map[string][]Missing, error) {
	rows, err := control.Query(ctx, missingSQL, table, days, most)
	if err != nil {
		return nil, fmt.Errorf("list who is missing: %w", err)
	}
	list := make(map[string][]Missing, len(days))
	for _, day := range days {
		list[day] = []Missing{}
	}
	var day string
	var m Missing
	_, err = pgx.ForEachRow(rows, []any{&day, &m.Tenant, &m.Reason, &m.Tries, &m.Stale}, func() error {
		list[day] = append(list[day], m)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list who is missing: %w", err)
	}
	return list, nil
}
