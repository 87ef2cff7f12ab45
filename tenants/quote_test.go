package tenants_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// What PostgreSQL answers to text that it cannot hold.
const (
	codeNotUTF8   = "22021"
	codeEmptyName = "42601"
)

// maxIdent is NAMEDATALEN - 1: longer names are cut, with a NOTICE only.
const maxIdent = 63

// session is a connection to the test server for as long as the test runs.
func session(tb testing.TB) *pgx.Conn {
	tb.Helper()
	return connect(tb, fleettest.ServerURL(tb))
}

func connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

// hostile are texts that quoting gets wrong first.
func hostile() []string {
	return []string{
		"", "a", `"`, `""`, `a"b`, `'`, `''`, `a'b`, `\`, `\\`, `\'`, `\\'`, `'\`, `a\`, `\"`, "a\x00b", "\x00", "\x00\x00'", `'; SELECT 2; --`,
		`"; SELECT 2; --`, `\'; SELECT 2; --`, "$$", "$tag$", "E'x'", `U&"\0041"`, "--", "/*", "*/", "\n", "\r\n", "\t", " ", "%s%d", "é", "e\u0301", "日本語",
		"🦄", "\xff", "a\xc3", "\xc0\xa7", "\xed\xa0\x80", "\xbf'", "\xbf\\'", "\u2028", "\ufeff", "\uffff",
		strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("x", 62) + "é", strings.Repeat("日", 22), strings.Repeat(`"`, 100),
		strings.Repeat("x", 10_000), strings.Repeat(`'`, 10_000), strings.Repeat(`\`, 9_999), strings.Repeat("🦄", 2_500),
	}
}

func FuzzIdent(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	conn := session(f)
	f.Fuzz(func(t *testing.T, name string) {
		// The second statement shows that the identifier ends where it should.
		results, err := conn.PgConn().Exec(t.Context(), "SELECT 1 AS "+tenants.Ident(name)+"; SELECT 2").ReadAll()
		kept := strings.ReplaceAll(name, "\x00", "")
		switch {
		case !utf8.ValidString(kept):
			requireCode(t, codeNotUTF8, err)
		case kept == "":
			requireCode(t, codeEmptyName, err)
		default:
			require.NoError(t, err)
			require.Len(t, results, 2)
			require.Equal(t, cut(kept), results[0].FieldDescriptions[0].Name)
			require.Equal(t, "1", string(results[0].Rows[0][0]))
		}
	})
}

func FuzzLiteral(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	conn := session(f)
	f.Fuzz(func(t *testing.T, value string) {
		for _, conforming := range []string{"on", "off"} {
			sql := "SET standard_conforming_strings = " + conforming + "; SELECT " + tenants.Literal(value) + ", 1; SELECT 2"
			results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
			kept := strings.ReplaceAll(value, "\x00", "")
			if !utf8.ValidString(kept) {
				requireCode(t, codeNotUTF8, err)
				continue
			}
			require.NoError(t, err)
			require.Len(t, results, 3)
			require.Equal(t, kept, string(results[1].Rows[0][0]), "standard_conforming_strings = %s", conforming)
		}
	})
}

// The same for thousands of random texts, many in a statement, because a neighbour is what bad quoting runs into.
func TestQuotesHoldAmongOthers(t *testing.T) {
	t.Parallel()
	conn := session(t)
	random := seeded(t)
	for range 10 {
		texts := make([]string, 200)
		for i := range texts {
			texts[i] = randomText(random)
		}
		idents := make([]string, len(texts))
		for i, s := range texts {
			idents[i] = fmt.Sprintf("%d AS %s", i, tenants.Ident(s))
		}
		results, err := conn.PgConn().Exec(t.Context(), "SELECT "+strings.Join(idents, ", ")).ReadAll()
		require.NoError(t, err)
		require.Len(t, results[0].FieldDescriptions, len(texts))
		for i, s := range texts {
			require.Equal(t, cut(strings.ReplaceAll(s, "\x00", "")), results[0].FieldDescriptions[i].Name)
			require.Equal(t, fmt.Sprint(i), string(results[0].Rows[0][i]))
		}
		for _, conforming := range []string{"on", "off"} {
			literals := make([]string, len(texts))
			for i, s := range texts {
				literals[i] = tenants.Literal(s)
			}
			_, err := conn.Exec(t.Context(), "SET standard_conforming_strings = "+conforming)
			require.NoError(t, err)
			results, err := conn.PgConn().Exec(t.Context(), "SELECT "+strings.Join(literals, ",")).ReadAll()
			require.NoError(t, err)
			require.Len(t, results[0].Rows[0], len(texts))
			for i, s := range texts {
				require.Equal(t, strings.ReplaceAll(s, "\x00", ""), string(results[0].Rows[0][i]), "standard_conforming_strings = %s", conforming)
			}
		}
	}
}

// Where no parameter is possible: a name and a constant in utility statements.
func TestQuotesInUtilityStatements(t *testing.T) {
	t.Parallel()
	conn := session(t)
	for _, s := range hostile() {
		if !utf8.ValidString(s) || len(strings.ReplaceAll(s, "\x00", "")) == 0 {
			continue
		}
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "CREATE TABLE pg_temp."+tenants.Ident(s)+" (id integer); COMMENT ON TABLE pg_temp."+tenants.Ident(s)+" IS "+tenants.Literal(s))
		require.NoError(t, err, "%.80q", s)
		var name, comment string
		require.NoError(t, tx.QueryRow(t.Context(), `SELECT relname, obj_description(oid, 'pg_class') FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'`).
			Scan(&name, &comment))
		kept := strings.ReplaceAll(s, "\x00", "")
		require.Equal(t, cut(kept), name)
		require.Equal(t, kept, comment)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

// cut is what the server makes of a name that is too long: no character is halved.
func cut(name string) string {
	if len(name) <= maxIdent {
		return name
	}
	end := maxIdent
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, code, pg.Code, pg.Message)
}

// seeded gives random numbers whose seed a failure prints.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// randomText is never empty once its NULs are dropped, and always UTF-8.
func randomText(random *rand.Rand) string {
	pieces := []string{"'", "''", `"`, `""`, `\`, `\\`, "\x00", "$$", "$a$", "--", "/*", "*/", ";", "\n", "\r", "\t", " ", "E'", `U&"`, "é", "日", "🦄", "e\u0301", "%", "a", "Z", "0", "_"}
	var text strings.Builder
	for range 1 + random.IntN(40) {
		text.WriteString(pieces[random.IntN(len(pieces))])
	}
	return text.String() + "x"
}
