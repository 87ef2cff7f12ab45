package execute_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl/execute"
)

// TestLabelsOnPostgreSQL: whatever people call their forms and fields, and whatever text is a default, comes back as it was given, from the
// registry, from the view and from a row. DDL_FUZZ=full is 5,000 rounds.
func TestLabelsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	rounds := 150
	if os.Getenv("DDL_FUZZ") == "full" {
		rounds = 5000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	tn := newTenant(t)
	conn := tn.connect(t, tn.migrator)
	reader := tn.connect(t, tn.readOnly)
	app := tn.connect(t, tn.app)
	for round := range rounds {
		text := make([]string, 3)
		for i := range text {
			text[i] = randomText(r)
		}
		key := fmt.Sprintf("form%d", round)
		operations := fmt.Sprintf(`{"op": "create_form", "form": %q, "label": %s}, {"op": "add_field", "form": %q, "field": "a", "label": %s, "type": "long_text", "default": %s}`,
			key, encoded(t, text[0]), key, encoded(t, text[1]), encoded(t, text[2]))
		_, err := execute.Apply(t.Context(), conn, change(t, operations), tn.options())
		require.NoError(t, err, operations)
		registry, err := execute.Read(t.Context(), reader)
		require.NoError(t, err)
		form := registry.Form(key)
		if text[0] != "" {
			require.Equal(t, text[0], form.Label)
		}
		if text[1] != "" {
			require.Equal(t, text[1], form.Field("a").Label)
		}
		run(t, app, "INSERT INTO form_data."+form.Table+" DEFAULT VALUES")
		rows, err := reader.Query(t.Context(), "SELECT * FROM form_views."+pgx.Identifier{form.View}.Sanitize(), pgx.QueryExecModeExec)
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, pgx.RowToMap)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, text[2], list[0][form.ViewColumns()[3]], "the default, read by the column's name")
		if round%2 == 0 { // a name that goes is free for the next one
			_, err = execute.Apply(t.Context(), conn, change(t, fmt.Sprintf(`{"op": "rename_form", "form": %q, "label": %s}, {"op": "rename_field", "form": %q, "field": "a", "label": %s}`,
				key, encoded(t, randomText(r)), key, encoded(t, randomText(r)))), tn.options())
			require.NoError(t, err)
		} else {
			_, err = execute.Apply(t.Context(), conn, change(t, fmt.Sprintf(`{"op": "drop_form", "form": %q}, {"op": "purge", "form": %q, "early": true}`, key, key)), tn.options())
			require.NoError(t, err)
		}
	}
}

func encoded(t *testing.T, text string) string {
	t.Helper()
	body, err := json.Marshal(text)
	require.NoError(t, err)
	return string(body)
}

// randomText has no NUL and is UTF-8: anything else is refused before, which migrations/ddl tests.
func randomText(r *rand.Rand) string {
	pieces := []string{`"`, `'`, `\`, "$$", "$sync$", ";", "--", "/*", "\n", "\x01", "é", "e\u0301", "\u202e", "漢", "👩‍👩‍👧", "%s", "select", "Table", " ", "a", "U&\"", "E'", "\U0010fffd"}
	var text strings.Builder
	for n := r.IntN(10); n > 0; n-- {
		text.WriteString(strings.Repeat(pieces[r.IntN(len(pieces))], 1+r.IntN(1+r.IntN(30))))
	}
	return text.String()
}
