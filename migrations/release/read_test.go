package release_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

// folder makes a file system of name, content, name, content, …
func folder(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fsys
}

// read reads a folder that must be fine.
func read(t *testing.T, pairs ...string) *release.Release {
	t.Helper()
	rel, err := release.Read(folder(pairs...), release.Options{})
	require.NoError(t, err)
	return rel
}

// refusals reads a folder that must be refused and returns the problems' texts.
func refusals(t *testing.T, pairs ...string) []string {
	t.Helper()
	return refusalsAs(t, "", pairs...)
}

// refusalsAs does the same for a format that is asked for.
func refusalsAs(t *testing.T, format release.Format, pairs ...string) []string {
	t.Helper()
	_, err := release.Read(folder(pairs...), release.Options{Format: format})
	var all release.Errors
	require.ErrorAs(t, err, &all)
	var one *release.Error
	require.ErrorAs(t, err, &one)
	texts := make([]string, len(all))
	for i, problem := range all {
		require.NotEmpty(t, problem.File)
		require.NotEmpty(t, problem.Reason)
		require.NotEmpty(t, problem.Fix)
		texts[i] = problem.Error()
	}
	return texts
}

// readAs reads a folder that must be fine as a format.
func readAs(t *testing.T, format release.Format, pairs ...string) *release.Release {
	t.Helper()
	rel, err := release.Read(folder(pairs...), release.Options{Format: format})
	require.NoError(t, err)
	require.Equal(t, format, rel.Format)
	return rel
}

// versionsOf lists the versions of a release's files, in order.
func versionsOf(rel *release.Release) []string {
	var list []string
	for _, file := range rel.Files {
		list = append(list, file.Version)
	}
	return list
}

// sqlOf lists the statements of a file.
func sqlOf(file release.File) []string {
	var list []string
	for _, statement := range file.Statements {
		list = append(list, statement.SQL)
	}
	return list
}

func TestReadSampleProduct(t *testing.T) {
	t.Parallel()
	rel, err := release.Read(os.DirFS("../tenant"), release.Options{})
	require.NoError(t, err)
	require.Equal(t, release.Goose, rel.Format)
	require.Len(t, rel.Files, 4)
	require.Len(t, rel.Checksum, 64)

	forms := rel.Files[2]
	require.Equal(t, "3", forms.Version)
	require.Equal(t, "00003_forms.sql", forms.Name)
	require.True(t, forms.Transactional)
	require.Len(t, forms.Statements, 8)
	function := forms.Statements[3]
	require.Equal(t, "CreateFunctionStmt", function.Kind)
	require.Equal(t, 22, function.Line)
	require.True(t, strings.HasPrefix(function.SQL, "CREATE FUNCTION touch_updated_at()"))
	require.True(t, strings.HasSuffix(function.SQL, "$body$"))

	indexes := rel.Files[3]
	require.False(t, indexes.Transactional)
	require.Len(t, indexes.Statements, 3)
	require.Equal(t, "IndexStmt CONCURRENTLY", indexes.Statements[0].Kind)
	require.Equal(t, &release.Alone{
		Repair: release.RepairCreateIndex, Patient: true, Table: "invoices", Index: "invoices_issued",
	}, indexes.Statements[0].Alone)
}

func TestReadPlain(t *testing.T) {
	t.Parallel()
	rel := read(t,
		"10_third.sql", "SELECT 3",
		"2_second.sql", "CREATE INDEX CONCURRENTLY i ON t (a); DROP INDEX CONCURRENTLY s.j;",
		"0001_first.sql", "CREATE TABLE t (a int); DO $$ BEGIN NULL; END $$;",
		"20240101120000_fourth.sql", "-- nothing yet\n",
		"README.md", "not read", "sub/9_x.sql", "not read", "embed.go", "package x", "20_x_test.go", "package x",
	)
	require.Equal(t, release.Plain, rel.Format)
	var versions []string
	for _, file := range rel.Files {
		versions = append(versions, file.Version)
	}
	require.Equal(t, []string{"1", "2", "10", "20240101120000"}, versions)
	require.True(t, rel.Files[0].Transactional)
	require.Nil(t, rel.Files[0].Statements[1].Alone, "DO in a transaction is like any other statement")
	require.False(t, rel.Files[1].Transactional)
	require.Equal(t, &release.Alone{Repair: release.RepairDropIndex, Patient: true, Schema: "s", Index: "j"}, rel.Files[1].Statements[1].Alone)
	require.Empty(t, rel.Files[3].Statements)
	require.Equal(t, 5, rel.StatementCount())
}

func TestReadGooseSections(t *testing.T) {
	t.Parallel()
	rel := read(t, "1_a.sql", `-- A comment before.
-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$
-- +goose StatementEnd
;
/* about /* nested; */ the; next */ -- and; more
SELECT 'ä;ö' ; SELECT 2 -- tail
-- +goose Down
DROP FUNCTION f();
`)
	file := rel.Files[0]
	require.Equal(t, []string{
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$",
		"SELECT 'ä;ö'",
		"SELECT 2 -- tail",
	}, sqlOf(file))
	require.Equal(t, []int{4, 8, 8}, []int{file.Statements[0].Line, file.Statements[1].Line, file.Statements[2].Line})
	for _, statement := range file.Statements {
		require.Equal(t, release.HashStatement(statement.SQL), statement.Hash)
	}
}

func TestReadGooseNoTransaction(t *testing.T) {
	t.Parallel()
	rel := read(t, "1_a.sql", `-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE t (a int);
VACUUM (FULL) t;
VACUUM t;
DO $$ BEGIN COMMIT; END $$;
CALL p();
REINDEX TABLE CONCURRENTLY t;
REINDEX SCHEMA public;
ALTER TABLE p DETACH PARTITION c CONCURRENTLY;
CLUSTER;
ANALYZE t;
`)
	var repairs []release.Repair
	for _, statement := range rel.Files[0].Statements {
		repair := release.Repair("")
		if statement.Alone != nil {
			repair = statement.Alone.Repair
		}
		repairs = append(repairs, repair)
	}
	require.Equal(t, []release.Repair{
		"", release.RepairRerun, release.RepairRerun, release.RepairAsk, release.RepairAsk, release.RepairReindex,
		release.RepairRerun, release.RepairAsk, release.RepairRerun, "",
	}, repairs)
	require.Equal(t, "VacuumStmt FULL", rel.Files[0].Statements[1].Kind)
	require.False(t, rel.Files[0].Statements[1].Alone.Patient)
	require.True(t, rel.Files[0].Statements[2].Alone.Patient)
}

func TestReadSameBytesFromEveryCheckout(t *testing.T) {
	t.Parallel()
	text := "-- +goose Up\nCREATE TABLE t (\n  a int\n);\nSELECT $$x\ny$$;\n-- +goose Down\nDROP TABLE t;\n"
	unix := read(t, "1_a.sql", text)
	windows := read(t, "1_a.sql", "\ufeff"+strings.ReplaceAll(text, "\n", "\r\n"))
	require.Equal(t, unix, windows)

	comment := read(t, "1_a.sql", strings.Replace(text, "DROP TABLE t", "-- changed\nDROP TABLE IF EXISTS t", 1))
	require.Equal(t, unix.Checksum, comment.Checksum, "the Down section is not part of a release")
	changed := read(t, "1_a.sql", strings.Replace(text, "a int", "a  int", 1))
	require.NotEqual(t, unix.Checksum, changed.Checksum)
}

func TestReadRefusesByStatement(t *testing.T) {
	t.Parallel()
	tests := []struct{ sql, reason string }{
		{"BEGIN", "transaction control"},
		{"COMMIT", "transaction control"},
		{"ROLLBACK", "transaction control"},
		{"SAVEPOINT a", "transaction control"},
		{"PREPARE TRANSACTION 'x'", "transaction control"},
		{"CREATE DATABASE x", "CREATE DATABASE"},
		{"DROP DATABASE x", "DROP DATABASE"},
		{"ALTER DATABASE x SET work_mem = '1MB'", "ALTER DATABASE"},
		{"CREATE ROLE x", "roles belong to the server"},
		{"ALTER ROLE x SET work_mem = '1MB'", "roles belong to the server"},
		{"DROP USER x", "roles belong to the server"},
		{"GRANT a TO b", "membership in roles"},
		{"CREATE TABLESPACE x LOCATION '/x'", "tablespaces"},
		{"DROP TABLESPACE x", "tablespaces"},
		{"ALTER SYSTEM SET work_mem = '1MB'", "ALTER SYSTEM"},
		{"SET ROLE x", "SET ROLE"},
		{"SET LOCAL ROLE x", "SET ROLE"},
		{"RESET ROLE", "SET ROLE"},
		{"SET SESSION AUTHORIZATION x", "SET SESSION AUTHORIZATION"},
		{"SELECT 1 WHERE pg_catalog.set_config('ROLE', 'x', true) = 'x'", "SET ROLE"},
		{"RESET ALL", "RESET ALL"},
		{"DISCARD ALL", "DISCARD"},
		{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "before the file's first statement"},
		{"SELECT pg_advisory_unlock_all()", "pg_advisory_unlock_all"},
		{"COPY a FROM PROGRAM 'x'", "runs a program"},
		{"COPY a FROM '/x'", "a file of the database's server"},
		{"COPY a TO STDOUT", "COPY needs data"},
		{"DROP OWNED BY x", "DROP OWNED"},
		{"REASSIGN OWNED BY x TO y", "REASSIGN OWNED"},
		{"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", "connection string"},
		{"DELETE FROM _tenantry.schema_history", "_tenantry"},
		{`DROP SCHEMA "_tenantry"`, "_tenantry"},
		{`SELECT U&"\005ftenantry".x FROM t`, "_tenantry"},
		{"DO $$ BEGIN DELETE FROM _tenantry.meta; END $$", "_tenantry"},
		{"SET search_path = _tenantry, public", "_tenantry"},
		{"CREATE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX CONCURRENTLY cannot run inside a transaction"},
		{"VACUUM t", "VACUUM cannot run inside a transaction"},
		{"REINDEX INDEX CONCURRENTLY i", "REINDEX INDEX CONCURRENTLY cannot run"},
		{"REINDEX (CONCURRENTLY 1) TABLE t", "REINDEX TABLE CONCURRENTLY cannot run"},
		{"SELECT 1\n\\gexec", `\gexec is a command of psql`},
		{"CREATE TABLE t (", "syntax error"},
		{"SELECT 'x", "unterminated"},
	}
	for _, test := range tests {
		t.Run(test.sql, func(t *testing.T) {
			t.Parallel()
			got := refusals(t, "0001_ok.sql", "-- +goose Up\nSELECT 1;", "0002_bad.sql", "-- +goose Up\nSELECT 1;\n\n"+test.sql+";")
			require.Len(t, got, 1)
			require.Regexp(t, `^0002_bad\.sql:[45]: `, got[0])
			require.Contains(t, got[0], test.reason)
		})
	}
}

func TestReadAllowsNeighbours(t *testing.T) {
	t.Parallel()
	read(t, "1_a.sql", `
CREATE TABLE my_tenantry (_tenantry_id int);
SET LOCAL search_path = public;
SELECT set_config('work_mem', '1MB', true);
ALTER TYPE mood ADD VALUE 'ok';
REINDEX (CONCURRENTLY false) TABLE t;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2));
CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;
-- _tenantry in a comment
`)
}

func TestReadRefusesWhatResumingForgets(t *testing.T) {
	t.Parallel()
	got := refusals(t, "1_a.sql", `-- +goose NO TRANSACTION
-- +goose Up
SET search_path = x;
SELECT set_config('work_mem', '1MB', false);
CREATE TEMP TABLE t (a int);
CREATE INDEX CONCURRENTLY ON t (a);
DROP INDEX CONCURRENTLY a, b;
REINDEX DATABASE x;
`)
	require.Len(t, got, 6)
	for i, word := range []string{"setting", "setting", "temporary", "needs a name", "one index at a time", "names a database"} {
		require.Contains(t, got[i], word)
	}
}

func TestReadPlainMixture(t *testing.T) {
	t.Parallel()
	got := refusals(t, "1_a.sql", "CREATE TABLE t (a int);\nCREATE INDEX CONCURRENTLY i ON t (a);\n")
	require.Equal(t, []string{
		"1_a.sql:2: CREATE INDEX CONCURRENTLY cannot run inside a transaction, and this file runs in one; " +
			"move it to a file of its own that holds only such statements",
	}, got)
}

func TestReadCollectsEverything(t *testing.T) {
	t.Parallel()
	got := refusals(t,
		"1_a.sql", "\\connect x\nSELECT 1;\n\\d\nBEGIN;\n",
		"2_b.sql", "COPY t (a) FROM stdin;\n1\tx\n\\.\n",
		"3_c.sql", "SELECT 'é';\nSELECT fro m x;",
		"03_c.sql", "SELECT 1",
		"0_zero.sql", "SELECT 1",
		"99999999999999999999_x.sql", "SELECT 1",
		"seed.sql", "SELECT 1",
		"7_code.go", "package x",
		"8_latin1.sql", "SELECT 1;\n-- \xe9\n",
		"9_utf16.sql", "\xff\xfeS\x00",
		"10_nul.sql", "\x00",
	)
	text := strings.Join(got, "\n")
	require.Equal(t, strings.TrimSpace(`
0_zero.sql: the number 0 is not between 1 and 9223372036854775807; number from 1, or by date and time
10_nul.sql:1: holds a NUL byte; a migration is text: remove it
1_a.sql:1: \connect is a command of psql, not SQL: the server does not know it; write what it does as SQL, or delete it
1_a.sql:3: \d is a command of psql, not SQL: the server does not know it; write what it does as SQL, or delete it
1_a.sql:4: transaction control: files are committed together with the record that they were applied; delete it; statements that must commit apart go into separate files
2_b.sql:2: syntax error at or near "1"; COPY … FROM STDIN with its data is not read: write INSERT
3_c.sql: has the same number as 03_c.sql; give one of them the next free number
3_c.sql:2: syntax error at or near "x"; correct the statement; the grammar is PostgreSQL 17's
7_code.go: is a migration written in Go, which a release cannot hold; write it as SQL under the same number
8_latin1.sql:2: holds bytes that are not UTF-8; save the file as UTF-8
99999999999999999999_x.sql: the number 99999999999999999999 is not between 1 and 9223372036854775807; number from 1, or by date and time
9_utf16.sql: is written in UTF-16; save it as UTF-8
seed.sql: the name does not begin with a number and an underscore; name it like 0001_name.sql or 20240101120000_name.sql, or move it out of the folder
`), text)
}

func TestReadGooseMistakes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"no up":           {"SELECT 1;", `1_a.sql: has no "-- +goose Up"`},
		"only down":       {"-- +goose Down\nSELECT 1;", `1_a.sql:1: "-- +goose Down" without`},
		"two ups":         {"-- +goose Up\n-- +goose Up\n", "1_a.sql:2: a second"},
		"two downs":       {"-- +goose Up\n-- +goose Down\n-- +goose Down\n", "1_a.sql:3: a second"},
		"up after down":   {"-- +goose Up\n-- +goose Down\n-- +goose Up\n", "1_a.sql:3: a second"},
		"open begin":      {"-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n", `1_a.sql:2: "StatementBegin" without`},
		"begin in begin":  {"-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementBegin\n-- +goose StatementEnd\n", `1_a.sql:2: "StatementBegin" without`},
		"end only":        {"-- +goose Up\n-- +goose StatementEnd\n", `1_a.sql:2: "StatementEnd" without`},
		"begin before up": {"-- +goose StatementBegin\n-- +goose StatementEnd\n-- +goose Up\n", `1_a.sql:1: "StatementBegin" before`},
		"sql before up":   {"SELECT 1;\n-- +goose Up\n", "1_a.sql:1: a statement stands before"},
		"envsub":          {"-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;\n-- +goose ENVSUB OFF", "1_a.sql:2: ENVSUB"},
		"indented":        {" -- +goose Up\n", "1_a.sql:1: the goose annotation is indented"},
		"unknown":         {"-- +goose Up\n-- +goose Sideways\n", "1_a.sql:2: goose knows no such"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := refusals(t, "1_a.sql", test.text, "2_b.sql", "-- +goose Up\n")
			require.Len(t, got, 1)
			require.True(t, strings.HasPrefix(got[0], test.want), got[0])
		})
	}
}

func TestReadNamesForeignTools(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"dbmate":          {"1_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;"},
		"sql-migrate":     {"1_a.sql", "-- +migrate Up\nSELECT 1;"},
		"tern":            {"1_a.sql", "SELECT 1;\n---- create above / drop below ----\nSELECT 2;"},
		"node-pg-migrate": {"1_a.sql", "-- Up Migration\nSELECT 1;"},
		"Liquibase":       {"1_a.sql", "--liquibase formatted sql\nSELECT 1;"},
		"rambler":         {"1_a.sql", "-- rambler up\nSELECT 1;"},
	}
	for tool, files := range tests {
		for _, format := range []release.Format{"", release.Plain} {
			t.Run(tool+" "+string(format), func(t *testing.T) {
				t.Parallel()
				got := refusalsAs(t, format, files...)
				require.Len(t, got, 1)
				require.Contains(t, got[0], "was written for "+tool+", which is not read yet; goose, golang-migrate, Prisma, Drizzle, Flyway and plain")
			})
		}
	}
}

func TestReadFolders(t *testing.T) {
	t.Parallel()
	_, err := release.Read(folder("1_a.sql", "SELECT 1"), release.Options{Dir: "none"})
	require.ErrorContains(t, err, "read folder of migrations")
	_, err = release.Read(folder("1_a.sql", "SELECT 1"), release.Options{Format: "xml"})
	require.ErrorContains(t, err, "no format; there are goose, golang-migrate, prisma, drizzle, flyway, plain")
	require.Contains(t, refusals(t, "README.md", "")[0], "holds no SQL file")

	rel, err := release.Read(folder("db/1_a.sql", "SELECT 1"), release.Options{Dir: "db", Format: release.Plain})
	require.NoError(t, err)
	require.Equal(t, "1_a.sql", rel.Files[0].Name)
}

func TestReadLimits(t *testing.T) {
	t.Parallel()
	text := "SELECT 1;\nSELECT '" + strings.Repeat("x", release.MaxStatementBytes) + "';"
	require.Regexp(t, `^1_a\.sql:2: the statement is \d+ bytes long, 1048576 are allowed`, refusals(t, "1_a.sql", text)[0])
	require.Regexp(t, `^1_a\.sql: is \d+ bytes long, 4194304 are allowed`,
		refusals(t, "1_a.sql", strings.Repeat("x", release.MaxFileBytes+1))[0])
	require.Contains(t, refusals(t, "1_a.sql", strings.Repeat("SELECT 1;", release.MaxStatements+1))[0],
		"holds 5001 statements, 5000 are allowed in a file")
	require.Contains(t, refusals(t, "1_a.sql", "SELECT "+strings.Repeat("(", 30000))[0], "memory exhausted")
	require.Contains(t, refusals(t, "1_a.sql", "SELECT "+strings.Repeat("abs(", 200)+"1"+strings.Repeat(")", 200))[0], "nested too deeply")
}

func TestErrorsTextIsBounded(t *testing.T) {
	t.Parallel()
	var all release.Errors
	for range 60 {
		all = append(all, &release.Error{File: "1_a.sql", Reason: "no"})
	}
	require.True(t, strings.HasSuffix(all.Error(), "\nand 10 more"))
}
