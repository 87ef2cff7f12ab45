package preflight

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

func TestRewritten(t *testing.T) {
	t.Parallel()
	columns := map[string]column{
		"text": {Type: "text", Mod: -1}, "v30": {Type: "varchar", Mod: 34}, "v": {Type: "varchar", Mod: -1}, "int": {Type: "int4", Mod: -1},
		"n": {Type: "numeric", Mod: -1}, "n12.3": {Type: "numeric", Mod: 12<<16 | 3 + 4},
	}
	for _, z := range []struct {
		column, to string
		mods       []int
		using      bool
		rewritten  bool
	}{
		{"text", "varchar", nil, false, false},
		{"text", "varchar", []int{30}, false, true},
		{"text", "text", nil, true, true},
		{"text", "text", nil, false, false},
		{"v30", "text", nil, false, false},
		{"v30", "varchar", []int{30}, false, false},
		{"v30", "varchar", []int{31}, false, false},
		{"v30", "varchar", []int{29}, false, true},
		{"v", "varchar", []int{30}, false, true},
		{"int", "int8", nil, false, true},
		{"n", "numeric", []int{12, 3}, false, true},
		{"n12.3", "numeric", nil, false, false},
		{"n12.3", "numeric", []int{14, 3}, false, false},
		{"n12.3", "numeric", []int{14, 2}, false, true},
		{"n12.3", "numeric", []int{14}, false, true},
		{"n12.3", "numeric", []int{10, 3}, false, true},
		{"not there", "text", nil, false, true},
	} {
		require.Equal(t, z.rewritten, rewritten(release.Retype{Column: z.column, Type: z.to, Mods: z.mods, Using: z.using}, columns), "%+v", z)
	}
}

func TestHoldsAreToldApart(t *testing.T) {
	t.Parallel()
	l := &look{touched: []touched{{name: "public.a", family: []uint32{7, 8}}, {name: "public.b", family: []uint32{9}}}}
	f := hold{Kind: Prepared, Who: "transaction x", Seconds: 90, Relations: []uint32{8, 1}}.finding(l)
	require.Equal(t, Warning, f.Severity)
	require.Equal(t, "a prepared transaction is open, on tables that the release changes", f.What)
	require.Equal(t, "transaction x, open for 1m30s, holds public.a", f.Detail)
	require.Equal(t, "a prepared transaction is open", hold{Kind: Prepared}.finding(l).What)
	require.Equal(t, "an old transaction is open", hold{Kind: LongRunning}.finding(l).What)
}

func TestSummary(t *testing.T) {
	t.Parallel()
	bad := blocking(Rows, "not so", "3 rows", "mend")
	a, b, c := &look{statements: 2}, &look{statements: 1}, &look{}
	a.member.Slug, b.member.Slug, c.member.Slug = "a", "b", "c"
	a.add(warning(LongRunning, "old", "pid 1", ""), warning(LongRunning, "old", "pid 2", ""), bad)
	b.add(bad)
	b.touched = []touched{{name: "t", bytes: 100, rewriteBytes: 100}}
	c.touched = []touched{{name: "t", bytes: 50, rewriteBytes: 50}}
	n := &nodeLook{looks: []*look{a, b, c}, facts: NodeFacts{FreeConnections: 1}}
	r := summarize("r", n.looks, []*nodeLook{n}, 1)
	require.Equal(t, []BlockedTenant{{Tenant: "a", Why: "not so"}, {Tenant: "b", Why: "not so"}}, r.Blocked)
	require.Equal(t, Rows, r.Groups[0].Kind)
	require.Equal(t, 2, r.Groups[0].Tenants)
	require.Equal(t, []Example{{"a", "3 rows"}, {"b", "3 rows"}}, r.Groups[0].Examples)
	require.Equal(t, 1, r.Groups[1].Tenants, "two old transactions of one tenant")
	require.Equal(t, Headroom, r.Groups[2].Kind)
	require.Equal(t, Note, r.Groups[3].Severity, "100 bytes are little")
	require.Equal(t, int64(150), r.RewriteBytes)
	require.Equal(t, int64(100), r.Nodes[0].AtOnceBytes)
	require.Equal(t, []TableFacts{{Table: "t", Tenants: 2, Bytes: 150, LargestBytes: 100, LargestTenant: "b", RewriteBytes: 150}}, r.Tables)
	require.Equal(t, "3.0 GB", Bytes(3<<30))
}
