package export_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/backup/export"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	statements := []string{
		`SET a = 1`,
		`SELECT 'it''s; fine', "a;""b", E'\';', $$;$$, $x$ ; $$ ; $x$, 'a\', $1, a$b$c`,
		`CREATE FUNCTION f() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 ELSE 2 END; SELECT 2; END`,
		`CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC SELECT 1; END`,
		`CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)`,
		`CREATE TABLE "begin" (a text DEFAULT 'END')`,
		`CREATE TABLE begin_ (a integer) /* ; /* ; */ ; */`,
		`SELECT 1 -- ; a comment`,
		`COMMENT ON TABLE t IS 'with a
break; and $$'`,
	}
	got, err := export.Split("-- a file;\n\n" + strings.Join(statements, "\n;\n") + ";\n;;  -- the end;\n")
	require.NoError(t, err)
	require.Len(t, got, len(statements))
	for i, s := range statements {
		require.Contains(t, got[i], s)
	}
	for _, broken := range []string{"SELECT 1", "SELECT 'a;", "SELECT $x$ ;", `SELECT "a;`, "/* a", "SELECT (1;", "SELECT $x$ $y$;"} {
		_, err := export.Split(broken)
		require.Error(t, err, broken)
	}
	got, err = export.Split("SELECT 1 AS $;\n")
	require.NoError(t, err)
	require.Len(t, got, 1)
}

func FuzzSplit(f *testing.F) {
	f.Add("CREATE FUNCTION f() BEGIN ATOMIC; END; SELECT $a$;$a$, E'\\';'; /* */ --")
	f.Fuzz(func(t *testing.T, script string) {
		list, err := export.Split(script)
		if err != nil {
			return
		}
		for _, s := range list {
			require.NotEmpty(t, s)
			require.Contains(t, script, s)
		}
	})
}

func TestUnrestricted(t *testing.T) {
	t.Parallel()
	const body = "SELECT '\n\\restrict x\n\\unrestrict x\n';\n"
	require.Equal(t, "--\n-- dump\n--\n\n\n"+body+"--\n\n", export.Unrestricted("--\n-- dump\n--\n\n\\restrict abc\n\n"+body+"--\n\n\\unrestrict abc\n"))
	require.Equal(t, "-- dump\n"+body, export.Unrestricted("-- dump\n"+body))
	require.Equal(t, "\\restrict abc\n"+body, export.Unrestricted("\\restrict abc\n"+body), "half of it is the server's to refuse")
}

// TestFileNames: a name of a file is safe on any file system, and no two are the same.
func TestFileNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 31)
	tables := [][2]string{
		{"public", "customers"},
		{"public", "Customers"},
		{"public", "CUSTOMERS"},
		{"a.b", "c"},
		{"a", "b.c"},
		{"public", "../../x"},
		{"public", "a\nb"},
		{"public", `"; DROP`},
		{"public", "%41"},
		{"public", "A"},
		{long, long},
		{long, long[:60] + "a"},
		{"public", ""},
	}
	list := export.FileNames(tables...)
	require.Equal(t, []string{"public.customers", "public.Customers~2", "public.CUSTOMERS~3", "a%2Eb.c", "a.b%2Ec", "public.%2E%2E%2F%2E%2E%2Fx", "public.a%0Ab"}, list[:7])
	seen := map[string]bool{}
	for _, name := range list {
		require.Regexp(t, `^[A-Za-z0-9_.~%-]{1,220}$`, name)
		require.False(t, seen[strings.ToLower(name)], name)
		seen[strings.ToLower(name)] = true
	}
}
