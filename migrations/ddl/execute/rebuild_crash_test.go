package execute_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

// TestRebuildCrash: a process that dies anywhere, while a large form is made anew, or a small one to which a large one refers, costs nothing: another goes
// on, or takes it back, and all rows are what they were. DDL_CRASH=full is every point.
func TestRebuildCrash(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	tn, other := rebuilt(t, 8000), newTwin(t)
	was := tn.contents(t)
	passed, ended := map[string]int{}, map[string]int{}
	for _, form := range []string{"p", "q"} {
		operation := fmt.Sprintf(`{"op": "rebuild_form", "form": %q}`, form)
		for i, n := range positions(r, tn.points(t, operation, "")) {
			id := tn.options()
			conn := dial(t, tn.config(t, tn.migrator))
			opts, at := dying(id, conn, n)
			died, err := crashing(t, func() error {
				_, err := execute.Apply(t.Context(), conn, change(t, operation), opts)
				return err
			})
			require.True(t, died || err == nil, "%v", err)
			passed[*at]++
			end := "gone on"
			if i%2 == 0 { // it is cancelled, and that dies, too
				conn := dial(t, tn.config(t, tn.migrator))
				opts, _ := dying(id, conn, 1+r.IntN(6))
				_, _ = crashing(t, func() error { return execute.Undo(t.Context(), conn, opts) })
				err := execute.Undo(t.Context(), dial(t, tn.config(t, tn.migrator)), id)
				if end = "taken back"; errors.Is(err, execute.ErrCommitted) {
					end = "gone on"
				} else {
					require.NoError(t, err, "form %s, died at %s (%d)", form, *at, n)
				}
			}
			if end == "gone on" {
				_, err := tn.try(t, operation, id)
				require.NoError(t, err, "form %s, died at %s (%d)", form, *at, n)
			}
			ended[end]++
			require.Equal(t, was, tn.contents(t), "form %s, died at %s (%d), %s", form, *at, n, end)
			require.Empty(t, fingerprint.Compare(other.script(t, tn.registry(t)), tn.forms(t, tn.admin)), "form %s, died at %s (%d), %s", form, *at, n, end)
			tidy(t, tn)
		}
	}
	t.Logf("died at %v, %v", passed, ended)
}
