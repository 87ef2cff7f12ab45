package execute_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

// recipes are changes of a large form, each with one that brings back what was before, so that it can be made again and again.
var recipes = []struct{ name, change, back string }{
	{"add_field", `{"op": "add_field", "form": "p", "field": "x%[1]d", "type": "short_text", "default": "new", "required": true, "index": true}`, `{"op": "drop_field", "form": "p", "field": "x%[1]d"}, {"op": "purge", "form": "p", "field": "x%[1]d", "early": true}`},
	{"add_reference", `{"op": "add_reference", "form": "p", "field": "r%[1]d", "references": "p"}`, `{"op": "drop_field", "form": "p", "field": "r%[1]d"}, {"op": "purge", "form": "p", "field": "r%[1]d", "early": true}`},
	{"many to many", `{"op": "add_reference", "form": "p", "field": "m%[1]d", "references": "p", "many": true}`, `{"op": "drop_field", "form": "p", "field": "m%[1]d"}, {"op": "purge", "form": "p", "field": "m%[1]d", "early": true}`},
	{"set_required", `{"op": "set_required", "form": "p", "field": "half", "value": "filled"}`, `{"op": "set_optional", "form": "p", "field": "half"}`},
	{"set_unique", `{"op": "set_unique", "form": "p", "fields": ["n"]}`, `{"op": "drop_unique", "form": "p", "fields": ["n"]}`},
	{"add_index", `{"op": "add_index", "form": "p", "fields": ["n", "state"]}`, `{"op": "drop_index", "form": "p", "fields": ["n", "state"]}`},
	{"drop_index", `{"op": "drop_index", "form": "p", "fields": ["state"]}`, `{"op": "add_index", "form": "p", "fields": ["state"]}`},
	{"set_options", `{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "a"}, {"key": "c"}]}`, `{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "a"}, {"key": "b"}]}`},
	{"change_type", `{"op": "change_type", "form": "p", "field": "due", "type": "date"}`, `{"op": "revert_type", "form": "p", "field": "due"}, {"op": "purge", "form": "p", "field": "due", "early": true}`},
	{"change_type of all that it can have", `{"op": "change_type", "form": "p", "field": "code", "type": "integer", "bits": 64}`, `{"op": "revert_type", "form": "p", "field": "code"}, {"op": "purge", "form": "p", "field": "code", "early": true}`},
	{"revert_type", `{"op": "revert_type", "form": "p", "field": "turned"}`, `{"op": "revert_type", "form": "p", "field": "turned"}`},
	{"purge", `{"op": "purge", "form": "p", "field": "gone", "early": true}`, `{"op": "add_field", "form": "p", "field": "gone", "type": "integer", "default": 1, "index": true}; {"op": "drop_field", "form": "p", "field": "gone"}`},
	{"drop_form", `{"op": "drop_form", "form": "p"}`, `{"op": "restore_form", "form": "p"}`},
	{"rebuild_form", `{"op": "rebuild_form", "form": "p"}`, ``}, // what is made anew can be made anew again
}

// errCrash stands for the death of the process.
var errCrash = errors.New("the process died here")

// dying makes options with which the process dies at the nth point that it passes: its socket closes, and nothing of it runs any more.
func dying(opts execute.Options, conn *pgx.Conn, n int) (execute.Options, *string) {
	passed, at := 0, ""
	opts.BatchTime = 20 * time.Millisecond
	opts.Crash = func(point string) {
		if passed++; passed == n {
			at = point
			_ = conn.PgConn().Conn().Close()
			panic(errCrash)
		}
	}
	return opts, &at
}

// crashing runs something that may die, and reports whether it did.
func crashing(t *testing.T, do func() error) (died bool, err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			require.Equal(t, errCrash, p)
			died = true
		}
	}()
	return false, do()
}

// crashForm makes a form for all recipes.
func crashForm(t *testing.T) *tenant {
	t.Helper()
	tn := large(t)
	tn.apply(t, `{"op": "add_field", "form": "p", "field": "half", "type": "short_text"}, {"op": "add_index", "form": "p", "fields": ["state"]},
		{"op": "add_field", "form": "p", "field": "code", "type": "integer", "bits": 32}, {"op": "add_field", "form": "p", "field": "turned", "type": "integer", "bits": 32},
		{"op": "add_field", "form": "p", "field": "gone", "type": "integer", "default": 1, "index": true}`)
	run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = id, %s = CASE WHEN id %% 2 = 0 THEN 'own' END", tn.table(t, "p"), tn.column(t, "p", "code"), tn.column(t, "p", "half")))
	tn.apply(t, `{"op": "set_required", "form": "p", "field": "code"}, {"op": "set_unique", "form": "p", "fields": ["code"]}, {"op": "set_default", "form": "p", "field": "code", "default": 7}`)
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "turned", "type": "long_text"}, {"op": "drop_field", "form": "p", "field": "gone"}`)
	run(t, tn.admin, "ANALYZE "+tn.table(t, "p"))
	return tn
}

// each applies changes that are separated by semicolons.
func (tn *tenant) each(t *testing.T, changes string) {
	t.Helper()
	for _, c := range splitChanges(changes) {
		tn.apply(t, c)
	}
}

func splitChanges(changes string) []string {
	var list []string
	for from, i := 0, 0; i <= len(changes) && changes != ""; i++ {
		if i == len(changes) || changes[i] == ';' {
			list = append(list, changes[from:i])
			from = i + 1
		}
	}
	return list
}

// positions are the points at which a recipe's process dies: all of them, or some by lot.
func positions(r *rand.Rand, points int) []int {
	if os.Getenv("DDL_CRASH") == "full" {
		all := make([]int, points)
		for i := range all {
			all[i] = i + 1
		}
		return all
	}
	return []int{1 + r.IntN(points), 1 + r.IntN(points)}
}

// TestCrash: a process that dies anywhere in a change costs nothing. Another goes on, and what is there then is what the registry's script
// makes. DDL_CRASH=full is every point of every recipe.
func TestCrash(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	tn, other := crashForm(t), newTwin(t)
	passed, deaths := map[string]int{}, 0
	for _, recipe := range recipes {
		round := 0
		text := func(format string) string {
			if !containsVerb(format) {
				return format
			}
			return fmt.Sprintf(format, round)
		}
		for _, n := range positions(r, tn.points(t, text(recipe.change), text(recipe.back))) {
			round++
			id := tn.options()
			conn := dial(t, tn.config(t, tn.migrator))
			opts, at := dying(id, conn, n)
			died, err := crashing(t, func() error {
				_, err := execute.Apply(t.Context(), conn, change(t, text(recipe.change)), opts)
				return err
			})
			if !died {
				require.NoError(t, err, recipe.name)
			} else {
				deaths++
				passed[*at]++
				_, err = tn.try(t, text(recipe.change), id)
				require.NoError(t, err, "%s, died at %s (%d)", recipe.name, *at, n)
			}
			require.Empty(t, fingerprint.Compare(other.script(t, tn.registry(t)), tn.forms(t, tn.admin)), "%s, died at %s (%d)", recipe.name, *at, n)
			tidy(t, tn)
			tn.each(t, text(recipe.back))
			if recipe.name == "set_required" { // half of the rows are filled the next time, too
				run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = NULL WHERE id %% 2 = 1", tn.table(t, "p"), tn.column(t, "p", "half")))
			}
		}
	}
	t.Logf("died %d times: %v", deaths, passed)
	require.Positive(t, deaths)
}

func containsVerb(format string) bool {
	for i := range len(format) - 1 {
		if format[i] == '%' && format[i+1] == '[' {
			return true
		}
	}
	return false
}

// points counts how many points a change passes.
func (tn *tenant) points(t *testing.T, operations, back string) int {
	t.Helper()
	opts := tn.options()
	n := 0
	opts.BatchTime = 20 * time.Millisecond
	opts.Crash = func(string) { n++ }
	_, err := tn.try(t, operations, opts)
	require.NoError(t, err)
	tn.each(t, back)
	return n
}

// TestCrashUndo: a change that was cancelled anywhere, by a process that dies anywhere in the undoing, leaves the form and its rows as they
// were.
func TestCrashUndo(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	tn := crashForm(t)
	rows := func(t *testing.T) string {
		t.Helper()
		return one[string](t, tn.admin, fmt.Sprintf("SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM (SELECT id, %s, %s, %s, %s FROM %s) t",
			tn.column(t, "p", "half"), tn.column(t, "p", "due"), tn.column(t, "p", "code"), tn.column(t, "p", "state"), tn.table(t, "p")))
	}
	undone, late := 0, 0
	for _, recipe := range recipes {
		if recipe.name == "purge" || containsVerb(recipe.change) {
			continue // nothing of them is prepared that could be lost, or the name is used up
		}
		points := tn.points(t, recipe.change, recipe.back)
		if recipe.name == "set_required" {
			run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = NULL WHERE id %% 2 = 1", tn.table(t, "p"), tn.column(t, "p", "half")))
		}
		for _, n := range positions(r, points) {
			before, catalog, values := tn.registry(t), tn.forms(t, tn.admin), rows(t)
			id := tn.options()
			conn := dial(t, tn.config(t, tn.migrator))
			opts, at := dying(id, conn, n)
			died, err := crashing(t, func() error {
				_, err := execute.Apply(t.Context(), conn, change(t, recipe.change), opts)
				return err
			})
			require.True(t, died || err == nil, "%v", err)
			// The first undoing dies, too, somewhere.
			conn = dial(t, tn.config(t, tn.migrator))
			opts, _ = dying(id, conn, 1+r.IntN(6))
			_, _ = crashing(t, func() error { return execute.Undo(t.Context(), conn, opts) })
			conn = dial(t, tn.config(t, tn.migrator))
			err = execute.Undo(t.Context(), conn, id)
			if errors.Is(err, execute.ErrCommitted) {
				late++
				_, err = tn.try(t, recipe.change, id)
				require.NoError(t, err)
				tn.each(t, recipe.back)
				if recipe.name == "set_required" {
					run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = NULL WHERE id %% 2 = 1", tn.table(t, "p"), tn.column(t, "p", "half")))
				}
				continue
			}
			require.NoError(t, err, "%s, died at %s (%d)", recipe.name, *at, n)
			undone++
			require.Equal(t, before, tn.registry(t), "%s, died at %s (%d)", recipe.name, *at, n)
			require.Equal(t, catalog, tn.forms(t, tn.admin), "%s, died at %s (%d)", recipe.name, *at, n)
			require.Equal(t, values, rows(t), "%s, died at %s (%d)", recipe.name, *at, n)
			tidy(t, tn)
		}
	}
	t.Logf("%d undone, %d were visible already", undone, late)
	require.Positive(t, undone)
}
