package ddl_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
)

// TestDue: what is purged by itself can be purged: a form waits for all that refers to it.
func TestDue(t *testing.T) {
	t.Parallel()
	registry := &ddl.Registry{}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	apply := func(at time.Time, operations string) {
		change, err := ddl.Decode([]byte(`{"operations": [` + operations + `]}`))
		require.NoError(t, err, operations)
		facts := factsOf(registry, 1000)
		facts.Now = at
		plan, err := ddl.Generate(change, registry, facts)
		require.NoError(t, err, operations)
		registry = evolve(registry, plan)
	}
	due := func(at time.Time) []string {
		change := registry.Due(at)
		if len(change.Operations) > 0 {
			facts := factsOf(registry, 1000)
			facts.Now = at
			_, err := ddl.Generate(change, registry, facts)
			require.NoError(t, err, "what is due can be purged")
		}
		var keys []string
		for _, op := range change.Operations {
			purge, is := op.(*ddl.Purge)
			require.True(t, is)
			keys = append(keys, purge.Form+"."+purge.Field)
		}
		return keys
	}
	apply(now, `{"op": "create_form", "form": "a"}, {"op": "create_form", "form": "b"}, {"op": "create_form", "form": "c"}, {"op": "create_form", "form": "z"},
		{"op": "add_reference", "form": "a", "field": "b", "references": "b"}, {"op": "add_reference", "form": "b", "field": "a", "references": "a", "many": true},
		{"op": "add_reference", "form": "z", "field": "c", "references": "c"}, {"op": "add_reference", "form": "c", "field": "c", "references": "c"}`)
	apply(now, `{"op": "drop_field", "form": "z", "field": "c"}`)
	day := 24 * time.Hour
	apply(now.Add(day), `{"op": "drop_form", "form": "a"}, {"op": "drop_form", "form": "b"}, {"op": "drop_form", "form": "c"}`)
	require.Empty(t, due(now.Add(ddl.Grace-time.Second)))
	require.Equal(t, []string{"z.c"}, due(now.Add(ddl.Grace)))
	require.Equal(t, []string{"z.c", "a.", "b.", "c."}, due(now.Add(day+ddl.Grace)))
	// b comes back together with a and goes later: a, to which it refers, waits.
	apply(now.Add(2*day), `{"op": "restore_form", "form": "b"}, {"op": "restore_form", "form": "a"}`)
	apply(now.Add(2*day), `{"op": "drop_form", "form": "b"}, {"op": "drop_form", "form": "a"}`)
	apply(now.Add(2*day), `{"op": "restore_form", "form": "c"}`)
	require.Equal(t, []string{"z.c"}, due(now.Add(day+ddl.Grace)))
	require.Equal(t, []string{"z.c", "a.", "b."}, due(now.Add(2*day+ddl.Grace)))
}
