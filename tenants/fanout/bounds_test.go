package fanout_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/tenants/poolcache"
)

// Parameters are each tenant's own, and the same through open pools, where what is prepared stays as the values change.
func TestParameters(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee")
	cache := newCache(t, f, tenants.RoleReadOnly, poolcache.Config{})
	warmUp(t, f, cache, "ant")
	const sql = `SELECT :tenant || ' ' || count(*) || ' ' || :day FROM customers WHERE name <= :last AND :tenant_id LIKE 'tnt_%'`
	for _, day := range []string{"2026-11-27", "2026-11-28", "2026-11-29"} {
		a := ask(t, f, fanout.Request{SQL: sql, Cache: cache, Params: map[string]fanout.Param{"day": {Value: day, Type: "date"}, "last": {Value: "c2"}, "unused": {Value: "x"}}})
		require.Equal(t, map[string][]string{"ant": {"ant 1 " + day}, "bee": {"bee 2 " + day}}, a.rows)
		require.True(t, a.outcome(t, "ant").Warm)
	}
	// A value never becomes part of the text, and one that is no date is that tenant's trouble.
	a := ask(t, f, fanout.Request{SQL: `SELECT :what`, Params: map[string]fanout.Param{"what": {Value: `'; DROP TABLE customers; --`, Type: "text"}}})
	require.Equal(t, []string{`'; DROP TABLE customers; --`}, a.rows["ant"])
	a = ask(t, f, fanout.Request{SQL: `SELECT :day`, Params: map[string]fanout.Param{"day": {Value: "tomorrow week", Type: "date"}}})
	require.Contains(t, a.Coverage(), "0 of 2 tenants; 2 failed")
}

// A tenant that gives more than it may has failed, others have not; whoever's turn comes when there is no time any more is not asked.
func TestBounds(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "ant", "bee", "cat")
	a := ask(t, f, fanout.Request{SQL: `SELECT name FROM customers`, MostRows: 2})
	require.Equal(t, "2 of 3 tenants; 1 failed: cat (returns more than 2 rows)", a.Coverage())
	a = ask(t, f, fanout.Request{SQL: `SELECT repeat(name, 100) FROM customers`, MostBytes: 400})
	require.Equal(t, "2 of 3 tenants; 1 failed: cat (returns more than 400 bytes)", a.Coverage())
	id := f.Tenant(t, "bee").ID
	a = ask(t, f, fanout.Request{SQL: `SELECT count(*) FROM customers`, IDs: []string{id, "tnt_000000000000000000000000"}})
	require.Equal(t, map[string][]string{"bee": {"2"}}, a.rows)
	a = ask(t, f, fanout.Request{SQL: `SELECT 1 AS one`, Columns: []fanout.Column{{Name: "two", OID: 23}}})
	require.Contains(t, a.Coverage(), "0 of 3 tenants; 3 failed: ant, bee, cat (returns other columns: one int4, where what is asked for has two int4)")

	asked := 0
	a = ask(t, f, fanout.Request{SQL: `SELECT 1`, Slugs: []string{"ant", "cat"}, Parallel: 1, More: func() bool { asked++; return asked == 1 }})
	require.Equal(t, "1 of 2 tenants; 1 unasked: cat (there was no time for it)", a.Coverage())
}
