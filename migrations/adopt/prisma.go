package adopt

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// readPrisma reads Prisma's table (prisma/prisma-engines, schema-engine/connectors/schema-connector/src/migration_persistence.rs): a migration is
// applied when it has an end and was not rolled back; one without either failed, and Prisma refuses to go on. The checksums are of whole files,
// comments included, which a release does not keep.
func readPrisma(ctx context.Context, q Querier, table string) (History, error) {
	var h History
	rows, err := q.Query(ctx, `
		SELECT migration_name, finished_at IS NOT NULL, rolled_back_at IS NOT NULL
		FROM `+table+`
		ORDER BY started_at, migration_name`)
	if err != nil {
		return h, fmt.Errorf("query: %w", err)
	}
	var name, failed string
	var finished, rolledBack bool
	seen := map[string]bool{}
	_, err = pgx.ForEachRow(rows, []any{&name, &finished, &rolledBack}, func() error {
		switch {
		case rolledBack:
		case !finished:
			failed = name
		case !seen[name]:
			seen[name] = true
			h.Applied = append(h.Applied, name)
		}
		return nil
	})
	if err != nil {
		return h, fmt.Errorf("query: %w", err)
	}
	if failed != "" {
		return h, refuse("mend the schema by hand, then: prisma migrate resolve --applied "+failed+" (or --rolled-back)",
			"migration %s failed: Prisma began it and it has no end", failed)
	}
	h.Notes = []string{"Prisma's checksums are of whole files and are not compared"}
	return h, nil
}
