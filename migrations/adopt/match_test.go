package adopt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
)

// releaseOf has files of these versions.
func releaseOf(format release.Format, versions ...string) *release.Release {
	rel := &release.Release{Name: "v9", Format: format}
	for _, v := range versions {
		rel.Files = append(rel.Files, release.File{Version: v, Name: v + ".sql"})
	}
	return rel
}

func TestMatch(t *testing.T) {
	t.Parallel()
	numbers := releaseOf(release.Goose, "1", "2", "3", "20260101000000")
	steps := releaseOf(release.GolangMigrate, "1", "2", "3")
	points := releaseOf(release.Flyway, "1", "1.2", "1.10", "2")
	for name, c := range map[string]struct {
		tool Tool
		h    History
		rel  *release.Release
		n    int
		why  string
	}{
		"all":             {Goose, History{Applied: []string{"1", "2", "3", "20260101000000"}}, numbers, 4, ""},
		"first":           {Goose, History{Applied: []string{"1"}}, numbers, 1, ""},
		"applied late":    {Goose, History{Applied: []string{"3", "1", "2"}}, numbers, 3, ""},
		"gap":             {Goose, History{Applied: []string{"1", "3"}}, numbers, 0, "3.sql is applied, but 2.sql"},
		"unknown":         {Goose, History{Applied: []string{"1", "7", "8"}}, numbers, 0, "it has 7, 8, which"},
		"up to":           {GolangMigrate, History{UpTo: "2"}, steps, 2, ""},
		"up to unknown":   {GolangMigrate, History{UpTo: "4"}, steps, 0, "at version 4"},
		"plain":           {GolangMigrate, History{UpTo: "2"}, releaseOf(release.Plain, "1", "2"), 2, ""},
		"other tool":      {Prisma, History{Applied: []string{"1"}}, numbers, 0, "is prisma's, release v9 was read from a folder of goose"},
		"count":           {Drizzle, History{Count: 2}, releaseOf(release.Drizzle, "a", "b", "c"), 2, ""},
		"count too many":  {Drizzle, History{Count: 4}, releaseOf(release.Drizzle, "a", "b", "c"), 0, "has 4 migrations, the release 3"},
		"drizzle names":   {Drizzle, History{Applied: []string{"a", "b"}}, releaseOf(release.Drizzle, "a", "b", "c"), 2, ""},
		"baseline":        {Flyway, History{UpTo: "1.2", Applied: []string{"1.10"}}, points, 3, ""},
		"baseline within": {Flyway, History{UpTo: "1.9"}, points, 2, ""},
		"baseline before": {Flyway, History{UpTo: "0", Applied: []string{"1"}}, points, 0, "at version 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.h.Table = Table{Tool: c.tool, Schema: "public", Name: "history"}
			n, err := Match(c.h, c.rel)
			if c.why == "" {
				require.NoError(t, err)
				require.Equal(t, c.n, n)
				return
			}
			require.ErrorContains(t, err, c.why)
			var refused *tenants.RefusedError
			require.ErrorAs(t, err, &refused)
			require.NotEmpty(t, refused.Fix)
		})
	}
}

func TestStand(t *testing.T) {
	t.Parallel()
	releases := []release.Published{{Name: "v3", FileCount: 7}, {Name: "v2", FileCount: 5}, {Name: "v1", FileCount: 5}, {Name: "v0", FileCount: 2}}
	for files, want := range map[int]string{7: "v3", 6: "v2", 5: "v2", 4: "v0", 2: "v0"} {
		s, err := Stand(releases, files, Table{Tool: Goose})
		require.NoError(t, err)
		require.Equal(t, want, s.Release.Name)
		require.Equal(t, files, s.Files)
	}
	_, err := Stand(releases, 1, Table{Tool: Goose})
	require.ErrorContains(t, err, "1 files are applied, fewer than the 2 of the oldest release, v0")
}

func TestFlywayHistory(t *testing.T) {
	t.Parallel()
	h, err := flywayHistory([]flywayRow{
		{"", "SCHEMA", `"app"`, true},
		{"1.0", "BASELINE", "<< Flyway Baseline >>", true},
		{"1.02.0", "SQL", "V1_02_0__b.sql", true},
		{"", "SQL", "R__views.sql", true},
		{"1.3", "SQL", "V1.3__c.sql", true},
		{"1.3", "UNDO_SQL", "U1.3__c.sql", true},
		{"1.4", "JDBC", "db.V1_4", true},
		{"1.2", "SQL", "V1_2__b.sql", true},
		{"1.5", "SQL", "V1.5__d.sql", true},
		{"1.5", "DELETE", "V1.5__d.sql", true},
	})
	require.NoError(t, err)
	require.Equal(t, "1", h.UpTo)
	require.Equal(t, []string{"1.2", "1.4"}, h.Applied)
	require.Len(t, h.Notes, 2)
	_, err = flywayHistory([]flywayRow{{"1", "SQL", "V1__a.sql", false}})
	require.ErrorContains(t, err, "V1__a.sql failed")
}

func TestToolByColumns(t *testing.T) {
	t.Parallel()
	require.Equal(t, Goose, toolOf([]string{"id", "version_id", "is_applied", "tstamp"}))
	require.Equal(t, Tool(""), toolOf([]string{"version"}), "Rails and dbmate use the same name as golang-migrate")
	require.Equal(t, Drizzle, toolOf([]string{"id", "hash", "created_at", "name", "applied_at"}))
}
