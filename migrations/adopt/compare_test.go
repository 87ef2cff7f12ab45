package adopt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/fingerprint"
)

// What is the tool's own schema is no difference; one that holds more, or that is another one's, is.
func TestCompareBesideAHistoryTable(t *testing.T) {
	t.Parallel()
	schema := func(name string) fingerprint.Object { return fingerprint.Object{Kind: "schema", Name: name} }
	table := func(name string) fingerprint.Object { return fingerprint.Object{Kind: "table", Name: name} }
	grant := func(name string) fingerprint.Object { return fingerprint.Object{Kind: "grant", Name: name} }
	want := fingerprint.Schema{Objects: []fingerprint.Object{schema("public")}}
	for name, z := range map[string]struct {
		table       string
		more        []fingerprint.Object
		differences int
	}{
		"its own schema":            {"drizzle.__drizzle_migrations", []fingerprint.Object{schema("drizzle"), grant("schema drizzle to {app}")}, 0},
		"its own, quoted":           {`"The ""one"". of ours"."log"`, []fingerprint.Object{schema(`"The ""one"". of ours"`)}, 0},
		"others' things beside it":  {"drizzle.__drizzle_migrations", []fingerprint.Object{schema("drizzle"), table("drizzle.by_hand")}, 2},
		"a grant on another one":    {"drizzle.__drizzle_migrations", []fingerprint.Object{schema("drizzle"), grant("schema public to somebody")}, 1},
		"another schema":            {"drizzle.__drizzle_migrations", []fingerprint.Object{schema("drizzle2")}, 1},
		"a schema that is expected": {"public.goose_db_version", nil, 0},
		"made here":                 {"", []fingerprint.Object{schema("x")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := fingerprint.Schema{Objects: append([]fingerprint.Object{schema("public")}, z.more...)}
			require.Len(t, Compare(want, got, z.table), z.differences)
		})
	}
}
