package adopt

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// readDrizzle reads Drizzle's table (drizzle-team/drizzle-orm, drizzle-orm/src/pg-core/dialect.ts, migrate): a row for each migration with the hash
// of its file and the journal's time. Releases keep neither, so rows are counted, in the order of their times, which is the journal's. The
// table of version 1 has names.
func readDrizzle(ctx context.Context, q Querier, table string) (History, error) {
	var h History
	rows, err := q.Query(ctx, `
		SELECT coalesce(to_jsonb(m) ->> 'name', '')
		FROM `+table+` m
		ORDER BY m.created_at, m.hash`)
	if err != nil {
		return h, fmt.Errorf("query: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return h, fmt.Errorf("query: %w", err)
	}
	named := 0
	for _, name := range names {
		if name != "" {
			named++
		}
	}
	if named == len(names) {
		h.Applied = names
		return h, nil
	}
	h.Count = len(names)
	h.Notes = []string{fmt.Sprintf("Drizzle's history names no files: its %d rows are taken for the first %d files; the comparison of schemas is what proves it", h.Count, h.Count)}
	return h, nil
}
