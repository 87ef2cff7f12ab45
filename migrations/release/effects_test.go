package release_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

type tables = []release.TableEffects

func named(schema, name string) release.Name { return release.Name{Schema: schema, Name: name} }

func TestEffectsOnTables(t *testing.T) {
	t.Parallel()
	need := func(n ...release.Need) []release.Need { return n }
	for sql, want := range map[string]tables{
		"ALTER TABLE ONLY s.t ADD a int, ADD COLUMN IF NOT EXISTS b text DEFAULT now()": {
			{Name: named("s", "t"), Owned: true, Adds: []release.AddedColumn{{Name: "a"}, {Name: "b", Optional: true}}},
		},
		"ALTER TABLE IF EXISTS t ADD a uuid DEFAULT gen_random_uuid()": {
			{Name: named("", "t"), Owned: true, Optional: true, Rewrites: true, Adds: []release.AddedColumn{{Name: "a"}}},
		},
		"ALTER TABLE t ADD a bigserial":                                {{Name: named("", "t"), Owned: true, Rewrites: true, Adds: []release.AddedColumn{{Name: "a"}}}},
		"ALTER TABLE t ADD a int GENERATED ALWAYS AS (b + 1) STORED":   {{Name: named("", "t"), Owned: true, Rewrites: true, Adds: []release.AddedColumn{{Name: "a"}}}},
		"ALTER TABLE t ADD a int NOT NULL":                             {{Name: named("", "t"), Owned: true, Adds: []release.AddedColumn{{Name: "a"}}, Needs: need(release.Need{Kind: release.NeedNoRows, Columns: []string{"a"}})}},
		"ALTER TABLE t ADD a int NOT NULL DEFAULT 1":                   {{Name: named("", "t"), Owned: true, Adds: []release.AddedColumn{{Name: "a"}}}},
		"ALTER TABLE t DROP a, ALTER b TYPE varchar(30) USING b::text": {{Name: named("", "t"), Owned: true, Unknown: []string{"a", "b"}, Retypes: []release.Retype{{Column: "b", Type: "varchar", Mods: []int{30}, Using: true}}}},
		"ALTER TABLE t ALTER a SET NOT NULL, ALTER b SET DEFAULT 1":    {{Name: named("", "t"), Owned: true, Needs: need(release.Need{Kind: release.NeedNotNull, Columns: []string{"a"}})}},
		"ALTER TABLE t VALIDATE CONSTRAINT c":                          {{Name: named("", "t"), Owned: true, Needs: need(release.Need{Kind: release.NeedValid, Constraint: "c"})}},
		"ALTER TABLE t SET UNLOGGED":                                   {{Name: named("", "t"), Owned: true, Rewrites: true, Unknown: []string{""}}},
		"ALTER TABLE t RENAME a TO b":                                  {{Name: named("", "t"), Owned: true, Unknown: []string{"a", "b"}}},
		"ALTER TABLE t RENAME TO u":                                    {{Name: named("", "t"), Owned: true, Gone: true}, {Name: named("", "u"), Makes: true, Optional: true}},
		"ALTER TABLE t SET SCHEMA u":                                   {{Name: named("", "t"), Owned: true, Gone: true}, {Name: named("u", "t"), Makes: true, Optional: true}},
		"DROP TABLE IF EXISTS a, s.b":                                  {{Name: named("", "a"), Owned: true, Gone: true, Optional: true}, {Name: named("s", "b"), Owned: true, Gone: true, Optional: true}},
		"DROP TRIGGER x ON s.t":                                        {{Name: named("s", "t"), Owned: true}},
		"UPDATE t SET a = lower(b)":                                    {{Name: named("", "t"), Rows: true}},
		"WITH x AS (DELETE FROM u RETURNING 1) INSERT INTO t SELECT 1": {{Name: named("", "t"), Rows: true}, {Name: named("", "u"), Rows: true}},
		"CREATE TABLE t (a int REFERENCES s.o ON DELETE CASCADE)":      {{Name: named("", "t"), Makes: true}, {Name: named("s", "o"), Cascades: true}},
		"CREATE TEMP TABLE t (a int)":                                  {{Name: named("", "t"), Makes: true, Temporary: true}},
		"CREATE OR REPLACE VIEW v AS SELECT 1":                         {{Name: named("", "v"), Makes: true, Optional: true}},
		"CREATE TABLE p PARTITION OF t DEFAULT":                        {{Name: named("", "p"), Makes: true}, {Name: named("", "t"), Owned: true}},
		"CREATE TRIGGER x BEFORE UPDATE ON t EXECUTE FUNCTION f()":     {{Name: named("", "t"), Cascades: true}},
		"VACUUM FULL t":                       {{Name: named("", "t"), Rewrites: true, Owned: true}},
		"VACUUM t":                            {{Name: named("", "t"), Owned: true}},
		"CREATE INDEX i ON t (a)":             {{Name: named("", "t"), Owned: true}},
		"ALTER INDEX i RENAME TO j":           nil,
		"ALTER VIEW v SET (security_barrier)": nil,
		"ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY USING INDEX i":       {{Name: named("", "t"), Owned: true, Needs: need(release.Need{Kind: release.NeedOther, Constraint: "k"})}},
		"ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i":            {{Name: named("", "t"), Owned: true}},
		"ALTER TABLE t ADD EXCLUDE USING gist (a WITH =)":                {{Name: named("", "t"), Owned: true, Needs: need(release.Need{Kind: release.NeedOther})}},
		"ALTER TABLE t ADD CONSTRAINT \"c(\" CHECK (a LIKE 'é)%' /*)*/)": {{Name: named("", "t"), Owned: true, Needs: need(release.Need{Kind: release.NeedCheck, Constraint: "c(", Columns: []string{"a"}, Expressions: []string{"a LIKE 'é)%' /*)*/"}})}},
		"ALTER TABLE t ADD CHECK (f(t.b) > $$)$$) NOT VALID":             {{Name: named("", "t"), Owned: true, Needs: need(release.Need{Kind: release.NeedCheck, Columns: []string{"b"}, Functions: []string{"f"}, Expressions: []string{"f(t.b) > $$)$$"}, NotValidated: true})}},
		"ALTER TABLE t ADD PRIMARY KEY (a, \"B\")": {{Name: named("", "t"), Owned: true, Needs: need(
			release.Need{Kind: release.NeedNotNull, Columns: []string{"a"}}, release.Need{Kind: release.NeedNotNull, Columns: []string{"B"}},
			release.Need{Kind: release.NeedUnique, Columns: []string{"a", "B"}, Expressions: []string{`"a"`, `"B"`}})}},
		"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES s.o (x) MATCH FULL": {
			{Name: named("", "t"), Owned: true, Needs: need(release.Need{Kind: release.NeedReference, Columns: []string{"a"}, References: named("s", "o"), ReferenceTo: []string{"x"}, MatchFull: true})},
			{Name: named("s", "o")},
		},
		"CREATE UNIQUE INDEX CONCURRENTLY i ON s.t USING btree (b DESC, lower(concat(a, ',')), (ARRAY[a, c])) INCLUDE (d) NULLS NOT DISTINCT WHERE x IS NULL": {
			{Name: named("s", "t"), Owned: true, Needs: need(release.Need{
				Kind: release.NeedUnique, Columns: []string{"b", "a", "c", "x"}, Functions: []string{"concat", "lower"},
				Expressions: []string{`"b"`, "lower(concat(a, ','))", "(ARRAY[a, c])"}, Where: "x IS NULL", NullsEqual: true,
			})},
		},
		"CREATE UNIQUE INDEX ON t (a COLLATE \"C\")": {{Name: named("", "t"), Owned: true, Needs: need(release.Need{Kind: release.NeedOther})}},
	} {
		e, err := release.EffectsOf(sql)
		require.NoError(t, err, sql)
		require.Equal(t, want, e.Tables, sql)
		require.False(t, e.Opaque, sql)
		require.False(t, e.SearchPath, sql)
	}
}

func TestEffectsBesideTables(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"DO $$ BEGIN END $$", "CALL p()", "SELECT create_hypertable('t', 'at')", "UPDATE t SET a = my_function(a)", "DROP TYPE x CASCADE",
		"TRUNCATE t CASCADE", "CREATE SCHEMA x CREATE TABLE y (a int)", "ALTER SCHEMA a RENAME TO b",
	} {
		e, err := release.EffectsOf(sql)
		require.NoError(t, err, sql)
		require.True(t, e.Opaque, sql)
	}
	for _, sql := range []string{"SET search_path = a", "SELECT set_config('search_path', 'a', false)", "RESET search_path"} {
		e, err := release.EffectsOf(sql)
		require.NoError(t, err, sql)
		require.True(t, e.SearchPath, sql)
	}
	e, err := release.EffectsOf("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA s VERSION '1.6'")
	require.NoError(t, err)
	require.Equal(t, &release.Extension{Name: "pg_trgm", Version: "1.6", IfNotExists: true}, e.Extension)
	e, err = release.EffectsOf("CREATE OR REPLACE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
	require.NoError(t, err)
	require.Equal(t, []string{"f"}, e.Functions)
	_, err = release.EffectsOf("SELEC 1")
	require.ErrorContains(t, err, "syntax error")
}
