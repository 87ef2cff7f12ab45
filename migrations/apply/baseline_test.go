package apply_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/release"
)

// baseline records files as applied, as the migrator.
func (tn *tenant) baseline(t *testing.T, rel *release.Release, files []release.File) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), tn.connect(t), func(tx pgx.Tx) error {
		if err := apply.Baseline(t.Context(), tx, rel, files, tn.options()); err != nil {
			return err
		}
		var role string
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT current_user").Scan(&role))
		require.Equal(t, tn.migrator, role, "the role is reset")
		return nil
	})
}

// What a baseline records is what applying would have recorded, and applying goes on from it, also from between two releases.
func TestBaseline(t *testing.T) {
	t.Parallel()
	one := releaseOf(t, "one", "0001_a.sql", "CREATE TABLE a (id integer); CREATE TABLE b (id integer);")
	files := []string{"0001_a.sql", "CREATE TABLE a (id integer); CREATE TABLE b (id integer);", "0002_c.sql", "CREATE TABLE c (id integer);", "0003_i.sql", "CREATE INDEX CONCURRENTLY i ON a (id);"}
	two := releaseOf(t, "two", files...)

	applied := newTenant(t)
	applied.mustApply(t, one)
	want := applied.snapshot(t)

	tn := newTenant(t)
	run(t, tn.admin, "SET ROLE "+tn.owner+"; CREATE TABLE a (id integer); CREATE TABLE b (id integer); RESET ROLE")
	require.NoError(t, tn.baseline(t, one, one.Files))
	require.Equal(t, want, tn.snapshot(t))
	require.Zero(t, tn.mustApply(t, one).Applied)
	require.NoError(t, tn.baseline(t, one, one.Files), "the same again changes nothing")
	require.Equal(t, want, tn.snapshot(t))
	require.ErrorIs(t, tn.baseline(t, one, two.Files[:2]), apply.ErrDiverged, "a history that says something else")
	require.Equal(t, 2, tn.mustApply(t, two).Applied)

	between := newTenant(t)
	run(t, between.admin, "SET ROLE "+between.owner+"; CREATE TABLE a (id integer); CREATE TABLE b (id integer); CREATE TABLE c (id integer); RESET ROLE")
	require.NoError(t, between.baseline(t, one, two.Files[:2]))
	standing, err := apply.State(t.Context(), between.admin)
	require.NoError(t, err)
	require.Equal(t, []any{"one", 3}, []any{standing.Release, standing.Applied()})
	require.Equal(t, 1, between.mustApply(t, two).Applied)
	require.Equal(t, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history"), number(t, between.admin, "SELECT count(*) FROM _tenantry.schema_history"))

	require.Error(t, between.baseline(t, two, two.Files[:1]), "files that are fewer than the release's")
	require.Error(t, newTenant(t).baseline(t, releaseOf(t, "other", "0001_a.sql", "SELECT 1;"), two.Files))
}
