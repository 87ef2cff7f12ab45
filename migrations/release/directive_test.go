package release_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

func TestReadDirectives(t *testing.T) {
	t.Parallel()
	rel := read(t, "1_a.sql", `-- tenantry:allow drop_table: nobody reads it
--tenantry:check   SELECT 1; 
-- tenantry is not meant here
/* -- tenantry:allow commented: out */
DROP TABLE a; /* between */ ;
  -- tenantry:allow drop_column: gone since 2026.10
ALTER TABLE b DROP COLUMN c;
SELECT '-- tenantry:allow in: a string';
`)
	statements := rel.Files[0].Statements
	require.Equal(t, []release.Directive{
		{Name: "allow", Argument: "drop_table: nobody reads it", Line: 1},
		{Name: "check", Argument: "SELECT 1;", Line: 2},
	}, statements[0].Directives)
	require.Equal(t, "DROP TABLE a", statements[0].SQL)
	require.Equal(t, []release.Directive{{Name: "allow", Argument: "drop_column: gone since 2026.10", Line: 6}}, statements[1].Directives)
	require.Nil(t, statements[2].Directives)

	bare := read(t, "1_a.sql", "DROP TABLE a; ALTER TABLE b DROP COLUMN c; SELECT '-- tenantry:allow in: a string'")
	require.Equal(t, bare.Checksum, rel.Checksum, "directives are comments: they change no checksum")
}

func TestReadDirectivesOfFormats(t *testing.T) {
	t.Parallel()
	goose := read(t, "1_a.sql", "-- +goose Up\n-- tenantry:allow a: b\nSELECT 1;\n-- +goose Down\n-- tenantry:allow c: d\nSELECT 2;\n")
	require.Equal(t, []release.Directive{{Name: "allow", Argument: "a: b", Line: 2}}, goose.Files[0].Statements[0].Directives)

	merged := read(t, "1_a.up.sql", "-- tenantry:allow a: b\nBEGIN;\n-- tenantry:allow c: d\nSELECT 1;\n-- tenantry:allow e: f\nCOMMIT;\nSELECT 2;")
	require.Equal(t, []release.Directive{{Name: "allow", Argument: "a: b", Line: 1}, {Name: "allow", Argument: "c: d", Line: 3}},
		merged.Files[0].Statements[0].Directives)
	require.Equal(t, []release.Directive{{Name: "allow", Argument: "e: f", Line: 5}}, merged.Files[0].Statements[1].Directives)
}

func TestReadRefusesLostDirectives(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"1_a.sql:1: there is no directive tenantry:alow; use one of allow, check",
		"1_a.sql:2: the directive tenantry:allow stands behind something else; put it on a line of its own, before the statement that it is about",
		"1_a.sql:4: a directive stands inside of a statement; put it before the statement that it is about",
		"1_a.sql:6: no statement follows the directive tenantry:allow; put it before the statement that it is about",
	}, refusals(t, "1_a.sql", "-- tenantry:alow a: b\nSELECT 1; -- tenantry:allow a: b\nSELECT\n-- tenantry:allow a: b\n2;\n-- tenantry:allow a: b\n"))
	require.Equal(t, []string{`1_a.sql:1: a directive stands before "-- +goose Up"; put it before the statement that it is about`},
		refusals(t, "1_a.sql", "-- tenantry:allow a: b\n-- +goose Up\nSELECT 1;"))
	require.Equal(t, []string{"1_a.up.sql:3: no statement follows the directive tenantry:allow; put it before the statement that it is about"},
		refusals(t, "1_a.up.sql", "BEGIN; SELECT 1;\n\n-- tenantry:allow e: f\nCOMMIT;"))
}

func TestDirectivesArePublished(t *testing.T) {
	t.Parallel()
	conn := connect(t, controlDatabase(t))
	rel := read(t, "1_a.sql", "-- tenantry:allow a: b\nSELECT 1; SELECT 2")
	_, err := publish(t, conn, rel, "1.0")
	require.NoError(t, err)
	loaded, err := release.Load(t.Context(), conn, "1.0")
	require.NoError(t, err)
	require.Equal(t, rel.Files, loaded.Files)
}
