package tenants_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
)

// Whatever is not the same, or not known, is a change: only equal counters that are complete and of one server are none.
func TestCountersChanged(t *testing.T) {
	t.Parallel()
	was := tenants.Counters{Server: 150_018, Database: 5, Lineage: "monday", Reset: "tuesday", Inserted: 1, Updated: 2, Deleted: 3, Complete: true}
	require.Empty(t, was.Changed(was))
	newer := was
	newer.Server = 150_019
	require.Empty(t, was.Changed(newer), "a minor version counts on")

	for i := range reflect.TypeFor[tenants.Counters]().NumField() {
		now := was
		field := reflect.ValueOf(&now).Elem().Field(i)
		name := reflect.TypeFor[tenants.Counters]().Field(i).Name
		switch field.Kind() { //nolint:exhaustive // those that there are
		case reflect.Int, reflect.Int64:
			field.SetInt(field.Int() + 10_000)
		case reflect.String:
			field.SetString("another day")
		case reflect.Bool:
			field.SetBool(false)
		default:
			require.Fail(t, "a field of another kind", name)
		}
		require.NotEmpty(t, was.Changed(now), name)
		require.NotEmpty(t, now.Changed(was), name)
	}
	old := was
	old.Server = 140_011
	require.Contains(t, old.Changed(old), "before PostgreSQL 15")
	unknown := was
	unknown.Lineage = ""
	require.NotEmpty(t, unknown.Changed(unknown))
	incomplete := was
	incomplete.Complete = false
	require.Contains(t, incomplete.Changed(incomplete), "track_counts")
}
