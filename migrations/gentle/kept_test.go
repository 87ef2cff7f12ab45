package gentle_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
)

const plans = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'tenantry%'"

// A kept connection has its role, its settings and its plans still when its next session begins, and nobody's lock.
func TestKeptConnection(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	conn := tn.connect(t)
	opts := tn.options()
	opts.Kept, opts.Name, opts.IdleName = true, "busy", "idle"
	look := gentle.Command{SQL: "SELECT current_user, count(*) FROM pg_class WHERE relname = $1", Args: []string{"pg_class"}, Keep: true, Plan: true}
	var before []string
	for i := range 3 {
		s, replies, err := gentle.Open(t.Context(), conn, opts, gentle.Command{SQL: "SELECT FROM nowhere", Plan: true}, look, look)
		require.NoError(t, err)
		require.Equal(t, "42P01", gentle.SQLState(replies[0].Err), "what cannot be planned is refused, and not kept")
		require.Equal(t, []string{tn.owner, "1"}, []string{replies[1].Text(0), replies[1].Text(1)})
		require.Equal(t, replies[1].Rows, replies[2].Rows, "asked twice at once")
		require.Equal(t, 1, number(t, tn.admin, advisoryLocks))
		require.Equal(t, []string{"busy", tn.owner, "20ms", "30s", "10s", `"$user", public`}, sessionOf(t, conn))
		require.Empty(t, s.Renew())
		if i == 1 {
			_, err = s.Do(t.Context(), "as something that runs alone", s.AloneTimeouts(0)...)
			require.NoError(t, err)
			require.NotEmpty(t, s.Renew(), "the settings are others")
			require.Empty(t, s.Renew())
			_, err = s.Do(t.Context(), "again", s.AloneTimeouts(0)...)
			require.NoError(t, err)
		}
		s.Close(t.Context())
		require.Zero(t, number(t, tn.admin, advisoryLocks))
		require.Equal(t, "idle", sessionOf(t, conn)[0])
		if i == 0 {
			before = []string{"", ""}
			require.NoError(t, conn.QueryRow(t.Context(), plans).Scan(&before[0]))
		}
	}
	require.NoError(t, conn.QueryRow(t.Context(), plans).Scan(&before[1]))
	require.Equal(t, before[0], before[1], "each is planned once")
}

// A session that leaves where a condition holds, and only there.
func TestLeaving(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	conn := tn.connect(t)
	opts := tn.options()
	opts.Kept, opts.Name, opts.IdleName = true, "busy", "idle"
	s, _, err := gentle.Open(t.Context(), conn, opts)
	require.NoError(t, err)
	for _, left := range []bool{false, true} {
		replies, err := s.Do(t.Context(), "leave", s.Leaving("pg_namespace WHERE nspname = 'public' AND $1 = 'yes'", map[bool]string{true: "yes", false: "no"}[left]))
		require.NoError(t, err)
		s.Left(replies[0])
		require.Equal(t, map[bool]int{true: 0, false: 1}[left], number(t, tn.admin, advisoryLocks))
		require.Equal(t, map[bool]string{true: "idle", false: "busy"}[left], sessionOf(t, conn)[0])
	}
	s.Close(t.Context())
	require.Equal(t, "idle", sessionOf(t, conn)[0])

	_, _, err = gentle.Open(t.Context(), conn, gentle.Options{Kept: true, Dedicated: true})
	require.ErrorContains(t, err, "not both")
}
