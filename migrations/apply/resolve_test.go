package apply_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

func askRelease(t *testing.T) *release.Release {
	t.Helper()
	return releaseOf(t, "1",
		"1_a.sql", "-- +goose Up\nCREATE TABLE a (x int);",
		"2_b.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nDO $$ BEGIN INSERT INTO a VALUES (1); COMMIT; INSERT INTO a VALUES (2); END $$;\nINSERT INTO a VALUES (3);",
	)
}

func TestApplyAsksWhatLookingCannotTell(t *testing.T) {
	t.Parallel()
	for outcome, dieAt := range map[apply.Outcome]string{
		apply.TookEffect:  apply.PointAloneEffect,
		apply.HadNoEffect: apply.PointAloneIntent,
	} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			rel := askRelease(t)
			require.Equal(t, dieAt, tn.dies(t, rel, at(dieAt)))
			for range 2 {
				_, err := tn.apply(t, rel, tn.options())
				var unresolved *apply.UnresolvedError
				require.ErrorAs(t, err, &unresolved)
				require.Equal(t, apply.UnresolvedError{Version: "2", File: "2_b.sql", Line: 3, StatementNo: 1, Kind: "DoStmt"}, *unresolved)
				require.ErrorContains(t, err, "UPDATE _tenantry.schema_history SET status = 'done' WHERE version = '2' AND statement_no = 1")
				require.Equal(t, gentle.Permanent, gentle.Classify(err))
			}
			conn := tn.connect(t)
			require.ErrorIs(t, apply.Resolve(t.Context(), conn, "1", 1, outcome, tn.options()), apply.ErrNothingToResolve)
			require.ErrorContains(t, apply.Resolve(t.Context(), conn, "2", 1, "perhaps", tn.options()), "no such outcome")
			require.NoError(t, apply.Resolve(t.Context(), conn, "2", 1, outcome, tn.options()))
			tn.mustApply(t, rel)
			require.Equal(t, 3, number(t, tn.admin, "SELECT count(*) FROM a"))
		})
	}
}

func TestApplyKeepsTheIntentOfAPartialFailure(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1",
		"1_a.sql", "-- +goose Up\nCREATE TABLE a (x int);",
		"2_b.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nDO $$ BEGIN INSERT INTO a VALUES (1); COMMIT; RAISE EXCEPTION 'half way'; END $$;",
	)
	_, err := tn.apply(t, rel, tn.options())
	require.ErrorContains(t, err, "half way")
	_, err = tn.apply(t, rel, tn.options())
	var unresolved *apply.UnresolvedError
	require.ErrorAs(t, err, &unresolved)
	require.Equal(t, 1, number(t, tn.admin, "SELECT count(*) FROM a"))
}
