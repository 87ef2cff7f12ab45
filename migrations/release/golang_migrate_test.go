package release_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

func TestGolangMigrate(t *testing.T) {
	t.Parallel()
	rel := read(t,
		"10_c.up.sql", "SELECT 3", "9_b.up.sql", "SELECT 2; SELECT 2", "000001_a.b.up.sql", "SELECT 1", "0_zero.up.sql", "SELECT 0",
		"20240101120000_d.up.sql", "CREATE INDEX CONCURRENTLY i ON t (a);", "10_c.down.sql", "ROLLBACK", "11_only.down.sql", "",
	)
	require.Equal(t, []string{"0", "1", "9", "10", "20240101120000"}, versionsOf(rel))
	require.Equal(t, "000001_a.b.up.sql", rel.Files[1].Name)
	require.True(t, rel.Files[2].Transactional)
	require.False(t, rel.Files[4].Transactional)
	require.Equal(t, release.RepairCreateIndex, rel.Files[4].Statements[0].Alone.Repair)
}

func TestGolangMigrateTransactions(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"whole":      "-- a\nBEGIN;\nSELECT 1;\nSELECT 2;\nCOMMIT;\n-- b\n",
		"words":      "begin transaction; SELECT 1; SELECT 2; end;",
		"start":      "START TRANSACTION;\nSELECT 1;\nSELECT 2;\nCOMMIT WORK",
		"at the end": "SELECT 1; BEGIN; SELECT 2; COMMIT;",
		"two":        "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;",
		"morph":      "SELECT 1; SELECT 2;",
	}
	for name, body := range bodies {
		rel := read(t, "1_a.up.sql", body)
		require.Equal(t, []string{"SELECT 1", "SELECT 2"}, sqlOf(rel.Files[0]), name)
		require.True(t, rel.Files[0].Transactional, name)
		require.Equal(t, 2, rel.Files[0].Statements[1].No, name)
	}
	whole := read(t, "1_a.up.sql", bodies["whole"])
	require.Equal(t, []int{3, 4}, []int{whole.Files[0].Statements[0].Line, whole.Files[0].Statements[1].Line})

	rel := read(t, "1_a.up.sql", "-- morph:nontransactional\nSELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a);")
	require.False(t, rel.Files[0].Transactional)
}

func TestGolangMigrateRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, want string }{
		"open":           {"BEGIN;\nSELECT 1;", "1_a.up.sql:1: BEGIN without a COMMIT; end the file with COMMIT"},
		"commit":         {"SELECT 1;\nCOMMIT;", "1_a.up.sql:2: COMMIT without a BEGIN; delete it"},
		"nested":         {"BEGIN;\nSELECT 1;\nBEGIN;\nCOMMIT;", "1_a.up.sql:3: BEGIN inside of a transaction"},
		"rollback":       {"BEGIN;\nSELECT 1;\nROLLBACK;\nCOMMIT;", "1_a.up.sql:3: transaction control"},
		"savepoint":      {"BEGIN;\nSAVEPOINT a;\nCOMMIT;", "1_a.up.sql:2: transaction control"},
		"isolation":      {"BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;", "1_a.up.sql:1: transaction control"},
		"chain":          {"BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;", "1_a.up.sql:1: BEGIN without a COMMIT"},
		"concurrently":   {"BEGIN;\nCREATE INDEX CONCURRENTLY i ON t (a);\nCOMMIT;", "1_a.up.sql:2: CREATE INDEX CONCURRENTLY cannot run inside"},
		"mixture":        {"SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a);", "1_a.up.sql:2: CREATE INDEX CONCURRENTLY cannot run inside"},
		"morph":          {"-- morph:nontransactional\nBEGIN;\nSELECT 1;", "1_a.up.sql:2: transaction control"},
		"set local":      {"BEGIN;\nSET LOCAL search_path = a;\nCOMMIT;\nSELECT 1;", "1_a.up.sql:2: is in force until the COMMIT"},
		"set_config":     {"BEGIN;\nSELECT set_config('a.b', 'c', true);\nCOMMIT;\nSELECT 1;", "1_a.up.sql:2: is in force until the COMMIT"},
		"temporary":      {"BEGIN;\nCREATE TEMP TABLE x ON COMMIT DROP AS SELECT 1;\nCOMMIT;\nSELECT 1;", "1_a.up.sql:2: is in force until the COMMIT"},
		"temporary too":  {"BEGIN;\nCREATE TEMP TABLE x (a int) ON COMMIT DELETE ROWS;\nCOMMIT;\nSELECT 1;", "1_a.up.sql:2: is in force until the COMMIT"},
		"enum used":      {"BEGIN;\nALTER TYPE m ADD VALUE 'new';\nCOMMIT;\nUPDATE t SET m = 'new';", "1_a.up.sql:2: a value is added to an enum, committed"},
		"psql":           {"\\connect x\nSELECT 1;", `1_a.up.sql:1: \connect is a command of psql`},
		"copy":           {"COPY t (a) FROM stdin;\n1\n\\.\n", "1_a.up.sql:2: syntax error at or near \"1\"; COPY … FROM STDIN with its data is not read"},
		"template":       {"SELECT 1;\nCREATE TABLE {{.prefix}}a (b int);", `1_a.up.sql:2: syntax error at or near "{"; {{ … }} belongs to a template`},
		"isolation late": {"BEGIN;\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCOMMIT;", "1_a.up.sql:2: the transaction is begun before"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, refusals(t, "1_a.up.sql", test.body)[0], test.want)
		})
	}
	read(t, "1_a.up.sql", "BEGIN; ALTER TYPE m ADD VALUE 'new'; SELECT set_config('a.b', 'c', false); COMMIT; SELECT 1;")
	read(t, "1_a.up.sql", "BEGIN; SET LOCAL search_path = a; CREATE TEMP TABLE x (a int) ON COMMIT DROP; COMMIT;")

	require.Equal(t, []string{
		"1_x.up.sql: has the same number as 01_a.up.sql; give one of them the next free number",
		"99999999999999999999_a.up.sql: the number 99999999999999999999 is greater than 9223372036854775807; number by date and time at most",
		"a.up.sql: is not named as golang-migrate names migrations, as other files here are; name it like 0001_name.up.sql, " +
			"move it out of the folder, or choose the format with --format",
	}, refusals(t, "1_x.up.sql", "", "01_a.up.sql", "", "99999999999999999999_a.up.sql", "", "a.up.sql", ""))
}
