package tenants_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// codeRefused is the one answer to a bad argument; anything else would be a hole or an accident.
const codeRefused = "TY001"

// The documented forms, said once more and independently.
var (
	slugForm   = regexp.MustCompile(`\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\z`)
	wordForm   = regexp.MustCompile(`\A[A-Za-z0-9]([A-Za-z0-9._+-]{0,126}[A-Za-z0-9])?\z`)
	tenantForm = regexp.MustCompile(`\A(tnt_[0-9a-f]{24}|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)\z`)
	keyForm    = regexp.MustCompile(`\A[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?\z`)
	controls   = regexp.MustCompile(`[\x00-\x1f\x7f]`)
)

// validates says what the documentation promises of an accepted value. Where exact, it is also all that is needed.
var validates = map[string]struct {
	form  func(s string) bool
	exact bool
}{
	"slug":   {slugForm.MatchString, true},
	"word":   {wordForm.MatchString, true},
	"tenant": {tenantForm.MatchString, true},
	"name": {func(s string) bool {
		n := utf8.RuneCountInString(s)
		return n >= 1 && n <= 200 && strings.Trim(s, " ") != "" && !controls.MatchString(s)
	}, false},
	"text":     {func(s string) bool { return utf8.RuneCountInString(s) <= 1000 && !controls.MatchString(s) }, false},
	"interval": {func(s string) bool { return len(s) > 0 && utf8.RuneCountInString(s) <= 60 }, false},
}

// check runs the control database's own check and gives the code of its refusal, "" for none.
func check(t *testing.T, conn *pgx.Conn, kind string, value []byte) string {
	t.Helper()
	_, err := conn.Exec(t.Context(), `SELECT tenantry.check_value('field', $1, $2::jsonb)`, kind, string(value))
	if err == nil {
		return ""
	}
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, "field", pg.ColumnName, pg.Message)
	require.NotEmpty(t, pg.Hint)
	return pg.Code
}

// storable says whether PostgreSQL's jsonb can hold it at all: a NUL cannot be, and the doors answer that themselves.
func storable(t *testing.T, conn *pgx.Conn, value []byte) bool {
	t.Helper()
	_, err := conn.Exec(t.Context(), `SELECT $1::jsonb`, string(value))
	var pg *pgconn.PgError
	require.False(t, err != nil && !errors.As(err, &pg), "%v", err)
	return err == nil
}

func checkString(t *testing.T, conn *pgx.Conn, kind, value string) (accepted bool) {
	t.Helper()
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	if !storable(t, conn, encoded) {
		require.Contains(t, value, "\x00")
		return false
	}
	code := check(t, conn, kind, encoded)
	require.Contains(t, []string{"", codeRefused}, code, "%s %q", kind, value)
	v := validates[kind]
	if code == "" || v.exact {
		require.Equal(t, code == "", v.form(value), "%s %q", kind, value)
	}
	return code == ""
}

func values() []string {
	list := append(hostile(), "acme", "a-b", "-a", "a-", "A", "a_b", "a.b", "n1", "a\n", "\na", "ａ", "tnt_0123456789abcdef01234567", "tnt_0", "v1.2+build", "7 days",
		"36 hours", "-1 day", "366 days", "367 days", "1e400 years", "infinity", "P1Y2M", "0", "1", "@ 1 day ago", "1 day -25 hours", "10000000 years", "epoch", "08:00", " ",
		"null", "\u0085", "\u00a0", strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("é", 200), strings.Repeat("é", 201), strings.Repeat("b", 1001))
	return list
}

func fuzzString(f *testing.F, kind string, also func(t *testing.T, conn *pgx.Conn, accepted string)) {
	f.Helper()
	for _, s := range values() {
		f.Add(s)
	}
	conn := controlSession(f)
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.ToValidUTF8(value, "\ufffd")
		if checkString(t, conn, kind, value) && also != nil {
			also(t, conn, value)
		}
	})
}

func FuzzSlug(f *testing.F) {
	fuzzString(f, "slug", func(t *testing.T, conn *pgx.Conn, slug string) {
		t.Helper()
		require.Equal(t, slug, stored(t, conn, slug, "A name", `{}`).slug)
	})
}

func FuzzName(f *testing.F) {
	fuzzString(f, "name", func(t *testing.T, conn *pgx.Conn, name string) {
		t.Helper()
		require.Equal(t, name, stored(t, conn, "acme", name, `{}`).name)
	})
}

func FuzzText(f *testing.F) { fuzzString(f, "text", nil) }

func FuzzWord(f *testing.F) { fuzzString(f, "word", nil) }

func FuzzTenant(f *testing.F) { fuzzString(f, "tenant", nil) }

func FuzzInterval(f *testing.F) {
	fuzzString(f, "interval", func(t *testing.T, conn *pgx.Conn, value string) {
		t.Helper()
		var sane bool
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT now() + $1::text::interval BETWEEN now() AND now() + interval '370 days'`, value).Scan(&sane))
		require.True(t, sane, "grace %q", value)
	})
}

func FuzzLabels(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"plan": "pro"}`, `{"A": "x"}`, `{"a": 1}`, `{"a": null}`, `{"a": {"b": "c"}}`, `[]`, `"x"`, `null`, `1e400`, `{"": ""}`, `{"a/b.c_d-e": ""}`,
		`{"a": "\u0000"}`, `{"a": "\u0007"}`, `{"a": "'; DROP TABLE tenantry.tenants; --"}`, `{"a": "x", "a": "y"}`, `{"\ud83e\udd84": "x"}`, `{"a": "` + strings.Repeat("é", 201) + `"}`,
	} {
		f.Add([]byte(s))
	}
	conn := controlSession(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		if !utf8.Valid(value) || strings.Contains(string(value), "\x00") || !storable(t, conn, value) {
			return // never gets as far as the check
		}
		code := check(t, conn, "labels", value)
		require.Contains(t, []string{"", codeRefused}, code, "%q", value)
		if code != "" {
			return
		}
		labels := map[string]string{}
		require.NoError(t, json.Unmarshal(value, &labels))
		require.LessOrEqual(t, len(labels), 64)
		for k, v := range labels {
			require.True(t, keyForm.MatchString(k), "%q", k)
			require.LessOrEqual(t, utf8.RuneCountInString(v), 200)
			require.False(t, controls.MatchString(v), "%q", v)
		}
		require.Equal(t, labels, stored(t, conn, "acme", "A name", string(value)).labels)
	})
}

// Thousands of values in one statement: near misses of every type.
func TestChecksOnlyRefuse(t *testing.T) {
	t.Parallel()
	conn := controlSession(t)
	_, err := conn.Exec(t.Context(), `
		CREATE FUNCTION pg_temp.try(type text, value text) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
		  PERFORM tenantry.check_value('field', type, to_jsonb(value));
		  RETURN '';
		EXCEPTION WHEN OTHERS THEN
		  RETURN SQLSTATE;
		END $$`)
	require.NoError(t, err)
	random := seeded(t)
	alphabet := []string{"a", "b", "z", "0", "9", "-", "-", ".", "_", "+", "/", "A", " ", "\n", "é", "'", "tnt_", "days", "1", "day", ":", "🦄", "\u0085"}
	for kind, v := range validates {
		list := make([]string, 0, 1500)
		for range cap(list) {
			var s strings.Builder
			for range random.IntN(70) {
				s.WriteString(alphabet[random.IntN(len(alphabet))])
			}
			list = append(list, s.String()[:cutRunes(s.String(), random.IntN(140))])
		}
		list = append(list, values()...)
		for i, s := range list {
			list[i] = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\ufffd")
		}
		rows, err := conn.Query(t.Context(), `SELECT pg_temp.try($1, s) FROM unnest($2::text[]) WITH ORDINALITY AS u (s, i) ORDER BY i`, kind, list)
		require.NoError(t, err)
		codes, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		accepted := 0
		for i, code := range codes {
			require.Contains(t, []string{"", codeRefused}, code, "%s %q", kind, list[i])
			if code == "" || v.exact {
				require.Equal(t, code == "", v.form(list[i]), "%s %q", kind, list[i])
			}
			if code == "" {
				accepted++
			}
		}
		require.NotZero(t, accepted, "a check of %s that accepts nothing shows nothing", kind)
		require.NotEqual(t, len(list), accepted, "a check of %s that refuses nothing shows nothing", kind)
	}
}

// cutRunes is an index of s at which no character is halved.
func cutRunes(s string, most int) int {
	if len(s) <= most {
		return len(s)
	}
	for !utf8.RuneStart(s[most]) {
		most--
	}
	return most
}

type tenantRow struct {
	slug, name string
	labels     map[string]string
}

// stored makes a tenant through the door, reads its row and rolls back.
func stored(t *testing.T, conn *pgx.Conn, slug, name, labels string) tenantRow {
	t.Helper()
	ctx := t.Context()
	tx, err := conn.Begin(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(ctx)) }()
	var row tenantRow
	encoded, err := json.Marshal(name)
	require.NoError(t, err)
	var id string
	require.NoError(t, tx.QueryRow(ctx, `SELECT tenant_id FROM tenantry.create_tenant($1, $2::jsonb #>> '{}', p_labels => $3)`, slug, string(encoded), labels).Scan(&id))
	require.NoError(t, tx.QueryRow(ctx, `SELECT slug, name, labels FROM tenantry.tenants WHERE id = $1`, id).Scan(&row.slug, &row.name, &row.labels))
	return row
}

// controlSession is a connection to a control database of its own, with a node on paper.
func controlSession(tb testing.TB) *pgx.Conn {
	tb.Helper()
	f := fleettest.New(tb)
	conn := connect(tb, f.URL)
	_, err := conn.Exec(tb.Context(), `INSERT INTO tenantry.nodes (name, state, url, provisioner, max_connections) VALUES ('n1', 'active', 'postgres://nowhere', 'nobody', 10)`)
	require.NoError(tb, err)
	return conn
}
