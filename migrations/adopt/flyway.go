package adopt

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/release"
)

// flywayRow is one row of Flyway's table.
type flywayRow struct {
	Version string // "" for a repeatable migration
	Type    string
	Script  string
	Success bool
}

// readFlyway reads Flyway's table (flyway/flyway, flyway-core, MigrationInfoServiceImpl and CoreMigrationType): in the order in which the rows
// were installed, the newest row of a version counts.
func readFlyway(ctx context.Context, q Querier, table string) (History, error) {
	rows, err := q.Query(ctx, `
		SELECT coalesce(version, ''), type, script, success
		FROM `+table+`
		ORDER BY installed_rank`)
	if err != nil {
		return History{}, fmt.Errorf("query: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[flywayRow])
	if err != nil {
		return History{}, fmt.Errorf("query: %w", err)
	}
	return flywayHistory(list)
}

// flywayHistory is pure. A baseline says that everything up to its version was there before Flyway.
func flywayHistory(rows []flywayRow) (History, error) {
	var h History
	for _, row := range rows {
		if !row.Success {
			return h, refuse("mend the schema by hand, then: flyway repair", "%s failed: its row says so", row.Script)
		}
		version := release.FlywayVersion(row.Version)
		switch {
		case row.Type == "SCHEMA": // a schema that Flyway made itself
		case row.Version == "":
			h.Notes = append(h.Notes, row.Script+" is a repeatable migration, which a release cannot hold: what it made must come from the release's own files")
		case row.Type == "BASELINE" || row.Type == "SQL_BASELINE":
			h.UpTo = version
			h.Notes = append(h.Notes, "everything up to version "+version+" is taken for applied: the history has a baseline there")
		case row.Type == "DELETE" || strings.HasPrefix(row.Type, "UNDO"):
			h.Applied = slices.DeleteFunc(h.Applied, func(v string) bool { return v == version })
		case !slices.Contains(h.Applied, version):
			h.Applied = append(h.Applied, version)
		}
	}
	return h, nil
}
