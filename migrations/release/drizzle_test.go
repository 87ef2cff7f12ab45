package release_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

// drizzle makes a folder with a journal of these tags, and further files.
func drizzle(tags string, pairs ...string) []string {
	var entries []string
	for tag := range strings.FieldsSeq(tags) {
		entries = append(entries, `{"idx": 0, "tag": "`+tag+`"}`)
	}
	return append(pairs, "meta/_journal.json", "{\"dialect\": \"postgresql\", \"entries\": [\n"+strings.Join(entries, ",\n")+"\n]}")
}

func TestDrizzle(t *testing.T) {
	t.Parallel()
	rel := readAs(t, release.Drizzle, drizzle("0001_b 0000_a 0002_c",
		"0000_a.sql", "CREATE TABLE t (a int)\n--> statement-breakpoint\nSELECT 1;--> statement-breakpoint\nSELECT ';--';\n",
		"0001_b.sql", "BEGIN;--> statement-breakpoint\nSELECT 2;--> statement-breakpoint\nCOMMIT;",
		"0002_c.sql", "SELECT 3;--> statement-breakpoint\nCOMMIT;--> statement-breakpoint\nCREATE INDEX CONCURRENTLY i ON t (a);",
	)...)
	require.Equal(t, []string{"0001_b", "0000_a", "0002_c"}, versionsOf(rel), "the journal gives the order")
	require.Equal(t, []string{"CREATE TABLE t (a int)", "SELECT 1", "SELECT ';--'"}, sqlOf(rel.Files[1]))
	require.Equal(t, 4, rel.Files[1].Statements[2].Line)
	require.Equal(t, []string{"SELECT 2"}, sqlOf(rel.Files[0]))
	require.True(t, rel.Files[0].Transactional)
	require.Equal(t, []string{"SELECT 3", "CREATE INDEX CONCURRENTLY i ON t (a)"}, sqlOf(rel.Files[2]))
	require.False(t, rel.Files[2].Transactional, "COMMIT leaves Drizzle's transaction")
}

func TestDrizzleSubfolders(t *testing.T) {
	t.Parallel()
	files := []string{
		"20240201000000_b/migration.sql", "SELECT 2", "20240201000000_b/snapshot.json", "{}",
		"20240101000000_a/migration.sql", "SELECT 1\n--> statement-breakpoint\nSELECT 1", "20240101000000_a/snapshot.json", "{}", "notes/x.txt", "",
	}
	rel := readAs(t, release.Drizzle, files...)
	require.Equal(t, []string{"20240101000000_a", "20240201000000_b"}, versionsOf(rel))
	require.Len(t, rel.Files[0].Statements, 2)
	require.Contains(t, refusals(t, drizzle("0000_a", append(files, "0000_a.sql", "")...)...)[0], "20240101000000_a/migration.sql: is Drizzle's newer layout")
	require.Contains(t, refusals(t, append(files, "seed.sql", "")...)[0], "seed.sql: is not named as drizzle names migrations")
}

func TestDrizzleRefuses(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"0001_b.sql: is not listed in meta/_journal.json: Drizzle would not apply it; make it with drizzle-kit generate, which lists it, or move it out of the folder",
		`meta/_journal.json:2: lists "0000_a" twice; delete one of the entries`,
		`meta/_journal.json:4: lists "0002_c", and there is no 0002_c.sql; restore the file; if it was never applied anywhere, drizzle-kit drop removes the entry`,
	}, refusals(t, drizzle("0000_a 0000_a 0002_c", "0000_a.sql", "SELECT 1", "0001_b.sql", "SELECT 1")...))
	require.Contains(t, refusals(t, "0000_a.sql", "", "meta/_journal.json", `{"dialect":"mysql","entries":[{"tag":"0000_a"}]}`)[0],
		`meta/_journal.json:1: says that the migrations are written for "mysql"`)
	require.Contains(t, refusals(t, "0000_a.sql", "", "meta/_journal.json", "<<<<<<< HEAD")[0], "meta/_journal.json: is no journal of drizzle-kit")
	require.Contains(t, refusals(t, "0000_a.sql", "SELECT 1;--> statement-breakpoint\nSELECT 2;")[0], "meta/_journal.json: is missing")
	bodies := map[string]string{
		"SELECT 1;\nCOMMIT;\nSELECT 2;\nCOMMIT;":                              "0000_a.sql:4: COMMIT without a BEGIN",
		"SELECT 1;\nCOMMIT;\nBEGIN;\nSELECT 2;\nCOMMIT;":                      "0000_a.sql:3: BEGIN … COMMIT in a file that runs statement by statement",
		"BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;":                               "0000_a.sql:1: BEGIN … COMMIT around a part of the file",
		"COMMIT;\nSET search_path = x;\nCREATE INDEX CONCURRENTLY i ON t (a)": "0000_a.sql:2: a setting is lost",
	}
	for body, want := range bodies {
		require.Contains(t, refusals(t, drizzle("0000_a", "0000_a.sql", body)...)[0], want)
	}
}
