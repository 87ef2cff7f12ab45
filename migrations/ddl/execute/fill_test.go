package execute_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBatchesAreNotCompiled: where a plan looks expensive, as that of every batch does on a table of tens of millions of rows, PostgreSQL would compile it,
// each time anew. And whatever the session prefers, each batch sees what was committed before it.
func TestBatchesAreNotCompiled(t *testing.T) {
	t.Parallel()
	tn := large(t)
	table := tn.table(t, "p")
	run(t, tn.admin, fmt.Sprintf("ALTER ROLE %s SET jit = on; ALTER ROLE %[1]s SET jit_above_cost = 0; ALTER ROLE %[1]s SET default_transaction_isolation = serializable", tn.migrator))
	// Asked of the session that changes rows.
	run(t, tn.admin, fmt.Sprintf(`
		CREATE TABLE public.seen (jit text, level text);
		GRANT INSERT ON public.seen TO PUBLIC;
		CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_setting('jit'), current_setting('transaction_isolation')); RETURN NULL; END $$;
		CREATE TRIGGER see AFTER UPDATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION public.see()`, table))
	run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = NULL; TRUNCATE public.seen", table, tn.column(t, "p", "due")))
	tn.apply(t, `{"op": "set_required", "form": "p", "field": "due", "value": "none"}`)
	var batches int
	var compiled bool
	require.NoError(t, tn.admin.QueryRow(t.Context(), `SELECT count(*), bool_or(jit = 'on') FROM public.seen`).Scan(&batches, &compiled))
	require.Positive(t, batches)
	require.False(t, compiled, "a batch was compiled")
	require.Equal(t, []string{"read committed"}, one[[]string](t, tn.admin, `SELECT array_agg(DISTINCT level) FROM public.seen`))
	run(t, tn.admin, "DROP TRIGGER see ON "+table)
	tn.apply(t, rebuildP)
}
