package release

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checkSplit holds for every text that the grammar takes: statements and gaps are the text, a gap holds no statement,
// and a statement is exactly one.
func checkSplit(t *testing.T, text string) {
	t.Helper()
	pieces, err := split(text)
	if err != nil {
		require.LessOrEqual(t, err.offset, len(text))
		return
	}
	joined, last := "", 0
	for _, p := range pieces {
		require.LessOrEqual(t, last, p.start)
		require.Less(t, p.start, p.end)
		checkGap(t, text[last:p.start])
		joined += text[last:p.start] + text[p.start:p.end]
		last = p.end

		again, err := split(text[p.start:p.end])
		require.Nil(t, err, "%q of %q", text[p.start:p.end], text)
		require.Equal(t, []piece{{start: 0, end: p.end - p.start, depth: p.depth}}, again, "one statement that begins with its first token")
		if p.depth <= maxDepth {
			_, _, refused := inspect(text[p.start:p.end])
			require.Nil(t, refused)
		}
	}
	checkGap(t, text[last:])
	require.Equal(t, text, joined+text[last:])
}

func checkGap(t *testing.T, gap string) {
	t.Helper()
	none, err := split(gap)
	require.Nil(t, err, "gap %q", gap)
	require.Empty(t, none)
}

func TestSplit(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"":                     nil,
		" -- only a comment":   nil,
		";;;":                  nil,
		"SELECT 1":             {"SELECT 1"},
		";SELECT 1;;SELECT 2;": {"SELECT 1", "SELECT 2"},
		"-- ü;\n/* ö; /* ; */ */SELECT ';ä', $q$;$$;$q$, E'\\';' ; \t\n": {"SELECT ';ä', $q$;$$;$q$, E'\\';'"},
		"SELECT 1 -- a\n; -- b\n":                   {"SELECT 1 -- a"},
		"SELECT 1 /* a */\f;\vSELECT\r2":            {"SELECT 1 /* a */", "SELECT\r2"},
		"--x\rSELECT 1":                             {"SELECT 1"},
		`SELECT "a;b" FROM "c--d"; SELECT 'it''s;'`: {`SELECT "a;b" FROM "c--d"`, "SELECT 'it''s;'"},
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3": {
			"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 3",
		},
	}
	for text, want := range tests {
		pieces, err := split(text)
		require.Nil(t, err, text)
		var got []string
		for _, p := range pieces {
			got = append(got, text[p.start:p.end])
		}
		require.Equal(t, want, got, text)
		checkSplit(t, text)
	}
}

func TestParseErrorPointsAtTheToken(t *testing.T) {
	t.Parallel()
	text := "SELECT 'äöü';\nSELEC 1"
	_, err := locate(text)
	require.NotNil(t, err)
	require.Equal(t, "SELEC 1", text[err.offset:])
}

// Everything up to the limit must leave the embedded grammar sound, or it would misread the statements that follow.
func TestSplitAtTheDepthLimit(t *testing.T) {
	t.Parallel()
	shapes := map[string]func(n int) string{
		"calls":      func(n int) string { return "SELECT " + nested("abs(", "1", ")", n) },
		"sub-select": func(n int) string { return "SELECT " + nested("(SELECT ", "1", ")", n) },
		"from":       func(n int) string { return "SELECT * FROM " + nested("(SELECT * FROM ", "t", ") x", n) },
		"lateral":    func(n int) string { return "SELECT * FROM " + nested("LATERAL (SELECT * FROM t, ", "t", ") x", n) },
		"exists":     func(n int) string { return "SELECT " + nested("EXISTS (SELECT FROM t WHERE ", "true", ")", n) },
		"with":       func(n int) string { return nested("WITH t AS (", "SELECT 1", ") SELECT * FROM t", n) },
		"case":       func(n int) string { return "SELECT " + nested("CASE WHEN ", "a", " THEN 1 END", n) },
		"plus":       func(n int) string { return "SELECT 1" + strings.Repeat(" + 1", n) },
		"cast":       func(n int) string { return "SELECT a" + strings.Repeat("::numeric(1, 2)", n) },
		"not":        func(n int) string { return "SELECT " + strings.Repeat("NOT ", n) + "a" },
		"join":       func(n int) string { return "SELECT FROM t" + strings.Repeat(" JOIN t USING (a)", n) },
		"union":      func(n int) string { return "SELECT 1" + strings.Repeat(" UNION SELECT 1", n) },
		"array":      func(n int) string { return "SELECT " + nested("ARRAY[", "1", "]", n) },
		"row":        func(n int) string { return "SELECT " + nested("ROW(1, ", "1", ")", n) },
		"subscript":  func(n int) string { return "SELECT " + nested("a[", "1", "]", n) },
		"in":         func(n int) string { return "SELECT " + nested("1 IN (", "1", ")", n) },
		"between":    func(n int) string { return "SELECT " + nested("(a BETWEEN ", "1", " AND 2)", n) },
		"coalesce":   func(n int) string { return "SELECT " + nested("coalesce(", "1", ", 2)", n) },
		"filter": func(n int) string {
			return "SELECT " + nested("sum(", "1", ") FILTER (WHERE a) OVER (PARTITION BY b ORDER BY c)", n)
		},
		"collate": func(n int) string { return "SELECT " + nested("(", "a", ` COLLATE "C")`, n) },
		"is null": func(n int) string { return "SELECT " + nested("(", "a", " IS NULL)", n) },
		"xml":     func(n int) string { return "SELECT " + nested("xmlelement(name x, ", "'a'", ")", n) },
		"json":    func(n int) string { return "SELECT " + nested("json_object('a': ", "1", ")", n) },
	}
	for name, shape := range shapes {
		n := sort.Search(maxDepth, func(n int) bool { return depthOf(t, shape(n+1)) > maxDepth })
		_, _, err := inspect(shape(n))
		require.Nil(t, err, name)
		checkSplit(t, shape(n))
		_, faults := splitAll("SELECT 1;\n" + shape(n+1))
		require.Len(t, faults, 1, name)
		require.Equal(t, "the statement is nested too deeply", faults[0].reason)
	}
}

func nested(before, middle, after string, n int) string {
	return strings.Repeat(before, n) + middle + strings.Repeat(after, n)
}

func depthOf(t *testing.T, sql string) int {
	t.Helper()
	pieces, err := split(sql)
	require.Nil(t, err)
	require.Len(t, pieces, 1)
	return pieces[0].depth
}

func FuzzSplit(f *testing.F) {
	seeds, err := filepath.Glob("../*/*.sql")
	require.NoError(f, err)
	require.NotEmpty(f, seeds)
	for _, name := range seeds {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Add("DO $a$ BEGIN; END $a$ ; /* /* ; */ */ SELECT U&'\\00e4;' -- ;\n;\\x")
	f.Add("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT B'1', X'f', N'x', $1 ;;")
	// The first parse compiles the grammar: not on the clock of the first input.
	_, refused := split("SELECT 1")
	require.Nil(f, refused)
	f.Fuzz(func(t *testing.T, text string) {
		var found problems
		checkSplit(t, decode("1_a.sql", []byte(text), &found))
	})
}
