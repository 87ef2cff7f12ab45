package workers_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// A setting of the wrong kind would stop the reaper, the doors or the refill on every worker: nobody can store one.
func TestSettingsOfTheWrongKindAreRefused(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	const change = `UPDATE tenantry.settings SET value = $2::jsonb WHERE key = $1`
	for key, wrong := range map[string][]string{
		"max_reaps":         {`2.5`, `2.0`, `0`, `-1`, `"3"`, `null`, `9999999999`, `[3]`},
		"warm_failures":     {`1.5`, `3.0`, `0`, `true`},
		"purges_per_hour":   {`1.5`, `-1`, `{}`, `"20"`},
		"mass_delete_floor": {`1.5`, `1e10`, `null`},
		"mass_delete_share": {`1.01`, `-0.1`, `"0.1"`, `null`},
		"drift_sample":      {`1.01`, `-0.1`, `"0.1"`, `null`},
		"delete_grace":      {`"soon"`, `"-1 day"`, `"400 days"`, `7`, `null`},
		"current_release":   {`"no-such"`, `1`},
	} {
		for _, value := range wrong {
			_, err := f.Pool.Exec(t.Context(), change, key, value)
			refusal, ok := errors.AsType[*pgconn.PgError](err)
			require.True(t, ok, "%s = %s: %v", key, value, err)
			require.Contains(t, []string{"TY001", "TY002"}, refusal.Code, "%s = %s: %s", key, value, refusal.Message)
			require.Equal(t, key, refusal.ColumnName)
			require.Contains(t, refusal.Message, key)
			require.NotEmpty(t, refusal.Hint)
		}
	}
	for key, right := range map[string][]string{
		"max_reaps": {`1`, `1e2`, `3`}, "warm_failures": {`1`}, "purges_per_hour": {`0`, `50`}, "mass_delete_floor": {`0`},
		"mass_delete_share": {`0`, `1`, `0.125`}, "delete_grace": {`"30 days"`, `"168:00:00"`, `"0"`},
		"current_release": {`null`, `"` + fleettest.Release + `"`},
	} {
		for _, value := range right {
			set(t, f, key, value)
		}
	}
	_, err := f.Pool.Exec(t.Context(), `INSERT INTO tenantry.settings (key, value, description) VALUES ('no_such', '1', '')`)
	require.ErrorContains(t, err, "no_such")
	execControl(t, f, `SELECT * FROM tenantry.reap()`)
	execControl(t, f, `SELECT tenantry.purge_due()`)
	execControl(t, f, `SELECT tenantry.refill_warm()`)
}
