package adopt

import (
	"context"

	"github.com/avenit/tenantry/migrations/release"
)

// Tool is a migration tool whose history can be read.
type Tool string

// The tools.
const (
	Goose         Tool = "goose"
	GolangMigrate Tool = "golang-migrate"
	Prisma        Tool = "prisma"
	Drizzle       Tool = "drizzle"
	Flyway        Tool = "flyway"
)

// format is what is known of a tool.
type format struct {
	tool Tool
	// table is the name that the tool gives its history table by default.
	table string
	// columns are those that no other tool's table has together: they tell the tool of a table under another name.
	columns []string
	// releases are the formats of the folders that the tool can have applied.
	releases []release.Format
	read     func(ctx context.Context, q Querier, table string) (History, error)
}

// formats lists the tools.
func formats() []format {
	return []format{
		{Goose, "goose_db_version", []string{"version_id", "is_applied"}, []release.Format{release.Goose, release.Plain}, readGoose},
		{GolangMigrate, "schema_migrations", []string{"version", "dirty"}, []release.Format{release.GolangMigrate, release.Plain}, readGolangMigrate},
		{Prisma, "_prisma_migrations", []string{"migration_name", "finished_at", "rolled_back_at"}, []release.Format{release.Prisma}, readPrisma},
		{Drizzle, "__drizzle_migrations", []string{"hash", "created_at"}, []release.Format{release.Drizzle}, readDrizzle},
		{Flyway, "flyway_schema_history", []string{"installed_rank", "version", "script", "success"}, []release.Format{release.Flyway}, readFlyway},
	}
}

func formatOf(tool Tool) format {
	for _, f := range formats() {
		if f.tool == tool {
			return f
		}
	}
	panic("adopt: no tool " + string(tool))
}
