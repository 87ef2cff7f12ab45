package lint_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/lint"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
)

// found lists a report's findings as "file:line rule", with "allowed" behind those that are.
func found(report *lint.Report) []string {
	var list []string
	for _, statement := range report.Statements {
		for _, finding := range statement.Findings {
			text := fmt.Sprintf("%s:%d %s", statement.File, statement.Line, finding.Rule)
			if finding.Allowed != "" {
				text += " allowed"
			}
			list = append(list, text)
		}
	}
	return list
}

// newOn lints files that come after one.
func newOn(t *testing.T, before string, files ...string) *lint.Report {
	t.Helper()
	report, err := lint.After(folder(t, append([]string{"1_before.sql", before}, files...)...), 1, nil)
	require.NoError(t, err)
	return report
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	const before = "CREATE TABLE a (id bigint PRIMARY KEY, x int, b_id bigint); CREATE TABLE b (id bigint PRIMARY KEY, y int); CREATE TYPE mood AS ENUM ('sad')"
	tests := []struct {
		name  string
		files []string
		want  []string
	}{
		{
			"a constraint is validated where it is added",
			[]string{"2_c.sql", "ALTER TABLE a ADD CONSTRAINT c CHECK (x > 0) NOT VALID;\nALTER TABLE a VALIDATE CONSTRAINT c;"},
			[]string{"2_c.sql:2 validate_in_transaction"},
		},
		{
			"in the same statement",
			[]string{"2_c.sql", "ALTER TABLE a ADD CONSTRAINT c CHECK (x > 0) NOT VALID, VALIDATE CONSTRAINT c;"},
			[]string{"2_c.sql:1 validate_in_transaction"},
		},
		{
			"a foreign key without a name",
			[]string{"2_c.sql", "ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b NOT VALID;\nALTER TABLE a VALIDATE CONSTRAINT a_b_id_fkey;"},
			[]string{"2_c.sql:2 validate_in_transaction"},
		},
		{
			"in a file of its own it is fine, and SET NOT NULL believes it",
			[]string{
				"2_c.sql", "ALTER TABLE a ADD CONSTRAINT c CHECK (x IS NOT NULL) NOT VALID;", "3_c.sql", "ALTER TABLE a VALIDATE CONSTRAINT c;",
				"4_c.sql", "ALTER TABLE a ALTER COLUMN x SET NOT NULL; ALTER TABLE a DROP CONSTRAINT c;",
			},
			nil,
		},
		{
			"rows are changed under a lock",
			[]string{"2_c.sql", "ALTER TABLE a ADD COLUMN z int;\nUPDATE a SET z = x WHERE x > 0;"},
			[]string{"2_c.sql:2 change_rows", "2_c.sql:2 change_rows_under_lock"},
		},
		{
			"all rows are changed under a lock",
			[]string{"2_c.sql", "ALTER TABLE a ADD COLUMN z int;\nUPDATE a SET z = x;"},
			[]string{"2_c.sql:2 change_all_rows", "2_c.sql:2 work_under_lock"},
		},
		{
			"a new table refers to one that is locked",
			[]string{"2_c.sql", "ALTER TABLE a ADD COLUMN z int; CREATE TABLE n (a_id bigint); ALTER TABLE n ADD FOREIGN KEY (a_id) REFERENCES a;"},
			nil,
		},
		{
			"another table is read under a lock",
			[]string{"2_c.sql", "ALTER TABLE a ADD COLUMN z int;\nCREATE INDEX i ON b (y);"},
			[]string{"2_c.sql:2 create_index", "2_c.sql:2 work_under_lock"},
		},
		{
			"two tables are locked",
			[]string{"2_c.sql", "ALTER TABLE a ADD COLUMN z int;\nALTER TABLE b ADD COLUMN z int;\nALTER TABLE a ADD COLUMN zz int;"},
			[]string{"2_c.sql:2 several_locks"},
		},
		{
			"two files, one table each",
			[]string{"2_c.sql", "ALTER TABLE a ADD COLUMN z int;", "3_c.sql", "ALTER TABLE b ADD COLUMN z int;"},
			nil,
		},
		{
			"an enum's value is used before it is committed",
			[]string{"2_c.sql", "ALTER TYPE mood ADD VALUE 'fine';\nALTER TABLE a ADD COLUMN m mood DEFAULT 'fine';"},
			[]string{"2_c.sql:1 enum_add_value", "2_c.sql:1 enum_value_in_transaction"},
		},
		{
			"a view is made again in the same transaction",
			[]string{"2_c.sql", "CREATE VIEW v AS SELECT * FROM a", "3_c.sql", "DROP VIEW v; CREATE VIEW v AS SELECT id FROM a"},
			nil,
		},
	}
	for _, test := range tests {
		require.Equal(t, test.want, found(newOn(t, before, test.files...)), test.name)
	}
}

func TestNewTablesAreHarmless(t *testing.T) {
	t.Parallel()
	const file = `
CREATE TABLE n (id bigint, a_id bigint, c text);
INSERT INTO n SELECT i, i, 'x' FROM generate_series(1, 10) i;
CREATE INDEX n_c ON n (c);
ALTER TABLE n ALTER COLUMN c SET NOT NULL, ADD PRIMARY KEY (id), ALTER COLUMN id TYPE int;
ALTER TABLE n ADD FOREIGN KEY (a_id) REFERENCES a;
UPDATE n SET c = 'y';
ALTER TABLE n RENAME COLUMN c TO d;
ALTER TABLE n DROP COLUMN d;
DROP TABLE n;`
	report := newOn(t, "CREATE TABLE a (id bigint PRIMARY KEY)", "2_c.sql", file)
	require.Empty(t, found(report))

	statements := strings.SplitAfterN(file, ";", 2)
	report = newOn(t, "CREATE TABLE a (id bigint PRIMARY KEY)", "2_c.sql", statements[0], "3_c.sql", statements[1])
	require.Empty(t, found(report), "a table of the file before is as new: it comes with the same release")
	for _, lock := range report.Statements[3].Locks {
		require.True(t, lock.New, lock.Relation)
	}

	every, err := lint.Every(folder(t, "1_c.sql", "CREATE TABLE a (id bigint PRIMARY KEY)"+";"+statements[0], "3_c.sql", statements[1]), nil)
	require.NoError(t, err)
	require.Contains(t, found(every), "3_c.sql:3 create_index", "where every file is linted for itself, it is not")
}

func TestFirstRelease(t *testing.T) {
	t.Parallel()
	rel := folder(t, "1_a.sql", "CREATE TABLE a (id bigint PRIMARY KEY, x int)", "2_b.sql", `
UPDATE a SET x = 1; CREATE INDEX i ON a (x); ALTER TABLE a ALTER COLUMN x TYPE bigint; DROP TABLE a; UPDATE never_seen SET x = 1;
DO $$ BEGIN EXECUTE 'SELECT 1'; END $$; DROP FUNCTION f(); DROP INDEX never_made; TRUNCATE a; REINDEX INDEX never_made`)
	report, err := lint.Release(nil, rel, nil)
	require.NoError(t, err)
	require.True(t, report.First)
	require.Empty(t, found(report))
	require.Len(t, report.Statements, rel.StatementCount())
}

func TestReleaseLintsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	old := folder(t, "1_a.sql", "CREATE TABLE a (id bigint PRIMARY KEY, x int)", "2_b.sql", "CREATE INDEX i ON a (x)")
	next := folder(t, "1_a.sql", "CREATE TABLE a (id bigint PRIMARY KEY, x int)", "2_b.sql", "CREATE INDEX i ON a (x)", "3_c.sql", "DROP INDEX i")
	report, err := lint.Release(old, next, nil)
	require.NoError(t, err)
	require.False(t, report.First)
	require.Equal(t, []string{"3_c.sql:1 drop_index"}, found(report))
	require.Contains(t, report.Statements[0].Findings[0].Problem, "ACCESS EXCLUSIVE on a for a moment", "the index's table is known from the history")

	same, err := lint.Release(next, next, nil)
	require.NoError(t, err)
	require.Empty(t, same.Statements)
}

func TestAllow(t *testing.T) {
	t.Parallel()
	report := newOn(t, "CREATE TABLE a (id bigint PRIMARY KEY, x int, y int)", "2_c.sql", `-- tenantry:allow drop_column: no code reads it since 2026.10
ALTER TABLE a DROP COLUMN x;
-- tenantry:allow drop_column, drop_cascade: a reason: with a colon
ALTER TABLE a DROP COLUMN y CASCADE;
-- tenantry:allow drop_table
DROP TABLE a;
-- tenantry:allow drop_tabel: typed wrong
-- tenantry:allow allow_unused: cannot be
-- tenantry:allow rename: it is no rename
-- tenantry:check SELECT true
CREATE TABLE b ();`)
	require.Equal(t, []string{
		"2_c.sql:2 drop_column allowed",
		"2_c.sql:4 drop_column allowed",
		"2_c.sql:4 drop_cascade allowed",
		"2_c.sql:6 drop_table",
		"2_c.sql:6 allow_without_reason",
		"2_c.sql:11 allow_unknown_rule",
		"2_c.sql:11 allow_unknown_rule",
		"2_c.sql:11 allow_unused",
	}, found(report))
	require.Equal(t, "a reason: with a colon", report.Statements[1].Findings[0].Allowed)
	require.Equal(t, 4, report.Count(lint.Error))
	require.Equal(t, 1, report.Count(lint.Notice))
	require.Equal(t, 3, report.Allowed())
	require.Len(t, report.Only(lint.Error).Statements, 2)
}

func TestSearchPath(t *testing.T) {
	t.Parallel()
	report := newOn(t, "CREATE SCHEMA s; SET search_path TO s; CREATE TABLE a (id int)",
		"2_c.sql", "SET search_path TO s, public; ALTER TABLE a ADD COLUMN x int; SET search_path TO DEFAULT; ALTER TABLE a ADD COLUMN x int;",
		"3_c.sql", `ALTER TABLE "Order"."Line items" ADD COLUMN x int;`)
	var locked []string
	for _, statement := range report.Statements {
		for _, lock := range statement.Locks {
			locked = append(locked, lock.Relation)
		}
	}
	require.Equal(t, []string{"s.a", "a", `"Order"."Line items"`}, locked)
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	rel := folder(t, "1_a.sql", "CREATE TABLE a (id bigint, x int); CREATE TABLE s.a (id int); CREATE TABLE tiny (x int)",
		"2_b.sql", "ALTER TABLE a ALTER COLUMN x TYPE bigint; CREATE INDEX i ON a (x); CREATE INDEX j ON tiny (x); CREATE INDEX k ON s.a (id)")
	report, err := lint.After(rel, 1, []tenants.LargestTable{
		{TableSize: tenants.TableSize{Schema: "public", Table: "a", Rows: 50e6, Bytes: 10e9}, Tenant: "acme"},
		{TableSize: tenants.TableSize{Schema: "public", Table: "tiny", Rows: 0, Bytes: 8192}, Tenant: "small"},
	})
	require.NoError(t, err)
	rewrite, build, tiny := report.Statements[0].Effects[0].Estimate, report.Statements[1].Effects[0].Estimate, report.Statements[2].Effects[0].Estimate
	require.Equal(t, "acme", rewrite.Tenant)
	require.Greater(t, rewrite.Seconds, 60.0)
	require.Less(t, build.Seconds, rewrite.Seconds)
	require.Greater(t, build.Seconds, 1.0)
	require.Less(t, tiny.Seconds, 0.01)
	require.Equal(t, lint.Error, report.Statements[2].Findings[0].Severity, "the next tenant may be large")
	require.Nil(t, report.Statements[3].Effects[0].Estimate)
}

func TestRules(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../docs/linting.md")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, rule := range lint.Rules() {
		require.Regexp(t, `^[a-z_]+$`, rule.ID)
		require.False(t, seen[rule.ID], rule.ID)
		seen[rule.ID] = true
		require.NotEmpty(t, rule.About)
		require.Contains(t, string(docs), "| `"+rule.ID+"` | "+string(rule.Severity)+" |", "docs/linting.md")
	}
}

func TestUnparsable(t *testing.T) {
	t.Parallel()
	rel := &release.Release{Files: []release.File{{Name: "1_a.sql", Statements: []release.Statement{{No: 1, Line: 3, SQL: "SELEKT 1"}}}}}
	_, err := lint.Release(nil, rel, nil)
	require.ErrorContains(t, err, `lint 1_a.sql:3: parse statement: syntax error at or near "SELEKT"`)
}

func TestCircles(t *testing.T) {
	t.Parallel()
	report := newOn(t, "CREATE TABLE a (id int); CREATE TABLE b (id int) INHERITS (a)",
		"2_c.sql", `ALTER TABLE a INHERIT b; ALTER TABLE a INHERIT a; ALTER TABLE a ADD COLUMN x int; CREATE VIEW v AS SELECT 1;
CREATE OR REPLACE VIEW v AS SELECT * FROM v; CREATE MATERIALIZED VIEW m AS SELECT * FROM v; REFRESH MATERIALIZED VIEW m; DROP TABLE a;`)
	require.Len(t, report.Statements, 8, "PostgreSQL refuses some of them, the linter goes on")
}
