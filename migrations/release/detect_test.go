package release_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

// folders are the least that each format is known by.
var folders = map[release.Format][]string{
	release.Goose:         {"00001_a.sql", "-- +goose Up\nSELECT 1;"},
	release.GolangMigrate: {"000001_a.up.sql", "SELECT 1;", "000001_a.down.sql", "nonsense", "README.md", ""},
	release.Prisma:        {"20240101120000_a/migration.sql", "SELECT 1;", "migration_lock.toml", "# x\nprovider = \"postgresql\"\n"},
	release.Drizzle: {
		"0000_a.sql", "SELECT 1;", "meta/0000_snapshot.json", "{}",
		"meta/_journal.json", `{"version":"7","dialect":"postgresql","entries":[{"idx":0,"tag":"0000_a","breakpoints":true}]}`,
	},
	release.Flyway: {"V1__a.sql", "SELECT 1;", "U1__a.sql", "nonsense"},
	release.Plain:  {"0001_a.sql", "SELECT 1;"},
}

func TestDetectEachFormat(t *testing.T) {
	t.Parallel()
	require.Len(t, release.Formats(), len(folders))
	for format, files := range folders {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			rel := read(t, files...)
			require.Equal(t, format, rel.Format)
			require.Equal(t, []string{"SELECT 1"}, sqlOf(rel.Files[0]))
			require.Equal(t, rel, readAs(t, format, files...))
		})
	}
}

func TestDetectRefusesTwoFormats(t *testing.T) {
	t.Parallel()
	formats := release.Formats()
	formats = formats[:len(formats)-1] // plain is what is left when nothing else is known
	for i, one := range formats {
		for _, other := range formats[i+1:] {
			t.Run(string(one+" "+other), func(t *testing.T) {
				t.Parallel()
				both := append(append([]string{}, folders[one]...), folders[other]...)
				if one == release.Prisma || other == release.Prisma {
					both = append(both, "README.md", "")
				}
				got := refusals(t, both...)
				require.Len(t, got, 2)
				for _, text := range got {
					require.Contains(t, text, "or say which to read: --format "+string(one)+" or --format "+string(other))
				}
				require.Equal(t, one, readAs(t, one, both...).Format)
			})
		}
	}
}

func TestDetectNamesStrayFiles(t *testing.T) {
	t.Parallel()
	patterns := map[release.Format]string{
		release.GolangMigrate: "0001_name.up.sql", release.Prisma: "20240101120000_name/migration.sql", release.Flyway: "V1__name.sql",
	}
	for format, pattern := range patterns {
		got := refusals(t, append([]string{"seed.sql", "SELECT 1"}, folders[format]...)...)
		require.Equal(t, []string{
			"seed.sql: is not named as " + string(format) + " names migrations, as other files here are; name it like " + pattern +
				", move it out of the folder, or choose the format with --format",
		}, got)
	}
	require.Contains(t, refusals(t, append([]string{"0002_b.sql", ""}, folders[release.GolangMigrate]...)...)[0], "0002_b.sql: is not named as")
	require.Contains(t, refusals(t, append([]string{"0001_b.sql", ""}, folders[release.Drizzle]...)...)[0],
		"0001_b.sql: is not listed in meta/_journal.json: Drizzle would not apply it")
	require.Contains(t, refusals(t, append([]string{"seed.sql", ""}, folders[release.Goose]...)...)[0],
		"seed.sql: the name does not begin with a number and an underscore")
}

func TestDetectFormatAskedFor(t *testing.T) {
	t.Parallel()
	rel := readAs(t, release.Plain, append([]string{"0002_b.sql", "SELECT 2"}, folders[release.GolangMigrate]...)...)
	require.Equal(t, []string{"2"}, versionsOf(rel), "the other tool's files are left out")
	require.Equal(t, []string{".: holds no migration of prisma; goose, golang-migrate, Prisma, Drizzle, Flyway and plain numbered SQL files " +
		"(0001_name.sql) are read"}, refusalsAs(t, release.Prisma, "README.md", ""))
}

func TestDetectForeignWordsInComments(t *testing.T) {
	t.Parallel()
	rel := read(t, "1_a.up.sql", "SELECT 1", "1_a.down.sql", "-- Down Migration\nSELECT 2")
	require.Equal(t, release.GolangMigrate, rel.Format)
}
