package fanout

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
)

func TestBind(t *testing.T) {
	t.Parallel()
	params := map[string]Param{"day": {"2026-11-27", "date"}, "plan": {"pro", ""}}
	for sql, want := range map[string]string{
		"SELECT 1": "SELECT 1",
		"SELECT count(*) FROM t WHERE at = :day AND p = :plan": "SELECT count(*) FROM t WHERE at = ($1::pg_catalog.\"date\") AND p = $2",
		"SELECT :day, :plan, :day":                             "SELECT ($1::pg_catalog.\"date\"), $2, ($1::pg_catalog.\"date\")",
		"SELECT :day::text":                                    "SELECT ($1::pg_catalog.\"date\")::text",
		"SELECT ':day', \":day\", '''':day":                    "SELECT ':day', \":day\", ''''($1::pg_catalog.\"date\")",
		"SELECT E'\\':day', e'\\\\':day":                       "SELECT E'\\':day', e'\\\\'($1::pg_catalog.\"date\")",
		"SELECT $$:day$$, $a$ $$ :day $a$, :day":               "SELECT $$:day$$, $a$ $$ :day $a$, ($1::pg_catalog.\"date\")",
		"SELECT 1 -- :day\n, :day":                             "SELECT 1 -- :day\n, ($1::pg_catalog.\"date\")",
		"SELECT 1 /* :day /* */ :day */, :day":                 "SELECT 1 /* :day /* */ :day */, ($1::pg_catalog.\"date\")",
		"SELECT list[1:n], list[:n], list[1:2] FROM t":         "SELECT list[1:n], list[:n], list[1:2] FROM t",
		"SELECT list[1:day]":                                   "SELECT list[1($1::pg_catalog.\"date\")]",
		"SELECT f(a := 1), '1'::date, cost$1 FROM t":           "SELECT f(a := 1), '1'::date, cost$1 FROM t",
		"SELECT :tenant_id, :tenant":                           "SELECT ($1::pg_catalog.\"text\"), ($2::pg_catalog.\"text\")",
		"SELECT 'open :day":                                    "SELECT 'open :day",
		"SELECT /* open :day":                                  "SELECT /* open :day",
		"SELECT $x$ open :day":                                 "SELECT $x$ open :day",
		"SELECT 1:":                                            "SELECT 1:",
	} {
		b, err := bind(sql, params)
		require.NoError(t, err, sql)
		require.Equal(t, want, b.sql)
	}
	for sql, message := range map[string]string{
		"SELECT :month":   "there is no parameter :month: there are :day, :plan, :tenant, :tenant_id",
		"SELECT a $1":     "it has a parameter with a number: give it a name, as in :day",
		"SELECT :day, $2": "it has a parameter with a number: give it a name, as in :day",
	} {
		_, err := bind(sql, params)
		var refused *StatementError
		require.ErrorAs(t, err, &refused, sql)
		require.Equal(t, message, refused.Message)
	}
	b, err := bind("SELECT :plan, :tenant, :day, :tenant_id", params)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("pro"), []byte("acme"), []byte("2026-11-27"), []byte("tnt_1")}, b.values(params, tenants.Home{TenantID: "tnt_1", Slug: "acme"}))
}
