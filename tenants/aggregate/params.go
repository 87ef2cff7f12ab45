package aggregate

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants/fanout"
)

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Params are what an aggregate's text may name beside the tenant (:tenant_id, :tenant): :day, a date, and :day_start and :day_end, where that day begins and the next one does
// by the clock of a zone. The control database knows the zones.
func Params(ctx context.Context, control querier, day time.Time, zone string) (map[string]fanout.Param, error) {
	var start, end time.Time
	err := control.QueryRow(ctx, `SELECT $1::date::timestamp AT TIME ZONE $2, ($1::date + 1)::timestamp AT TIME ZONE $2`, day, zone).Scan(&start, &end)
	if err != nil {
		return nil, fmt.Errorf("find where %s begins and ends in %s: %w", day.Format(time.DateOnly), zone, err)
	}
	return map[string]fanout.Param{
		"day":       {Value: day.Format(time.DateOnly), Type: "date"},
		"day_start": {Value: start.UTC().Format(time.RFC3339), Type: "timestamptz"},
		"day_end":   {Value: end.UTC().Format(time.RFC3339), Type: "timestamptz"},
	}, nil
}
