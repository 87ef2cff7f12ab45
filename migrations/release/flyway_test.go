package release_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

func TestFlyway(t *testing.T) {
	t.Parallel()
	rel := readAs(t, release.Flyway,
		"V1__a.sql", "SELECT 1", "V1_2__x.sql", "BEGIN; SELECT 12; COMMIT;", "V1.2.3__y.sql", "SELECT 123", "V1.10__z.sql", "SELECT 110",
		"V0002.0__b.sql", "SELECT 2", "V20240101120000__c.sql", "SELECT 3", "V99999999999999999999__d.sql", "SELECT 4",
		"2025/V3__in_folder.sql", "CREATE INDEX CONCURRENTLY i ON t (a)", "U1__a.sql", "ROLLBACK", "README.md", "",
	)
	require.Equal(t, []string{"1", "1.2", "1.2.3", "1.10", "2", "3", "20240101120000", "99999999999999999999"}, versionsOf(rel))
	require.Equal(t, "2025/V3__in_folder.sql", rel.Files[5].Name)
	require.False(t, rel.Files[5].Transactional)
	require.Equal(t, []string{"SELECT 12"}, sqlOf(rel.Files[1]))
	require.Equal(t, release.Flyway, read(t, "common/V1__a.sql", "SELECT 1").Format, "all in sub-folders")
}

func TestFlywayScriptSettings(t *testing.T) {
	t.Parallel()
	rel := readAs(t, release.Flyway,
		"V1__a.sql", "SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a);",
		"V1__a.sql.conf", "# alone\n\nexecuteInTransaction = false\nencoding=UTF-8\n",
		"V2__b.sql", "SELECT '${x}'", "V2__b.sql.conf", "placeholderReplacement=false",
		"V3__c.sql", "SELECT 1 -- a\n; -- ${not} in a statement", "V3__c.sql.conf", "executeInTransaction=true",
	)
	require.False(t, rel.Files[0].Transactional)
	require.True(t, rel.Files[2].Transactional)
}

func TestFlywayRefuses(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"B5__base.sql: is a baseline migration: new databases would begin with it and old ones not; move it out where the V files before it are still there, else name it V…__name.sql",
		"R__views.sql: is a repeatable migration, which Flyway runs again whenever it changes: a release's files run once and never change; " +
			"name its content V…__name.sql, and write every change as a new V file (CREATE OR REPLACE …)",
		"V1.0__a.sql: has the same version as V01__b.sql; give one of them the next free version; where sub-folders are for different servers, publish PostgreSQL's alone",
		"V2_c.sql: is not named as flyway names migrations, as other files here are; name it like V1__name.sql, move it out of the folder, or choose the format with --format",
		`V3__d.sql:3: the placeholder ${schema} stands for a value that Flyway is told: the same release would differ from run to run; ` +
			`write the value; where Flyway does not replace it, say placeholderReplacement=false in V3__d.sql.conf`,
		"V4__e.java: is a migration that is a program, which a release cannot hold; write it as SQL under the same version",
		"V5__f.sql.conf:2: the setting shouldExecute=${x}==a is not known here; executeInTransaction and placeholderReplacement are read; write into the script what the setting does",
		"V6__g.sql:1: transaction control: files are committed together with the record that they were applied; delete it; statements that must commit apart go into separate files",
		"V6__g.sql:3: transaction control: files are committed together with the record that they were applied; delete it; statements that must commit apart go into separate files",
		"V7__h.sql:2: CREATE INDEX CONCURRENTLY cannot run inside a transaction, and this file runs in one; " +
			"move it to a file of its own, or write executeInTransaction=false into V7__h.sql.conf",
		"V9__j.sql:1: mentions flyway_schema_history, the history that the tool keeps: a tenant's database has another one; delete the statement",
		"afterMigrate__grants.sql: is a callback, which Flyway runs at every run; move it out; what must happen once goes into a V file",
		"sub/V8__i.kt: is a migration that is a program, which a release cannot hold; write it as SQL under the same version",
	}, refusals(t,
		"V1.0__a.sql", "", "V01__b.sql", "", "R__views.sql", "", "B5__base.sql", "", "V2_c.sql", "", "afterMigrate__grants.sql", "",
		"V3__d.sql", "-- ${comment}\nSELECT 1,\n  '${schema}'", "V4__e.java", "", "V5__f.sql", "", "V5__f.sql.conf", "#\nshouldExecute=${x}==a",
		"V6__g.sql", "BEGIN;\nSELECT 1;\nCOMMIT;", "V6__g.sql.conf", "executeInTransaction=false",
		"V7__h.sql", "SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a);", "sub/V8__i.kt", "",
		"V9__j.sql", "DELETE FROM flyway_schema_history WHERE version IS NULL",
	))
}
