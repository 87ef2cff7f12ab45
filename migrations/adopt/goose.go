package adopt

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// readGoose reads goose's table as its provider does (pressly/goose, internal/dialects/postgres.go, provider_run.go): the newest row of a version
// counts, one with is_applied false is a migration that was taken back, version 0 is the table's own beginning.
func readGoose(ctx context.Context, q Querier, table string) (History, error) {
	var h History
	rows, err := q.Query(ctx, `
		SELECT version_id
		FROM (SELECT DISTINCT ON (version_id) version_id, is_applied, id FROM `+table+` ORDER BY version_id, id DESC) newest
		WHERE is_applied AND version_id > 0
		ORDER BY version_id`)
	if err != nil {
		return h, fmt.Errorf("query: %w", err)
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return h, fmt.Errorf("query: %w", err)
	}
	for _, v := range versions {
		h.Applied = append(h.Applied, strconv.FormatInt(v, 10))
	}
	return h, nil
}
