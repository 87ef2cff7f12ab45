package gentle_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
)

const advisoryLocks = `
	SELECT count(*)
	FROM pg_locks
	WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// sessionOf tells what a session has of settings, and as whom it acts.
func sessionOf(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	values := make([]string, 6)
	require.NoError(t, conn.QueryRow(t.Context(), `
		SELECT current_setting('application_name'), current_user, current_setting('lock_timeout'), current_setting('statement_timeout'),
		       current_setting('idle_in_transaction_session_timeout'), current_setting('search_path')`).
		Scan(&values[0], &values[1], &values[2], &values[3], &values[4], &values[5]))
	return values
}

// Whatever a change sets is over with the change, and the session is afterwards as it was.
func TestSessionIsLeftAsItWas(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	conn := tn.connect(t)
	run(t, conn, "SET application_name = 'renamed'")
	before := sessionOf(t, conn)
	s, looked, err := gentle.Open(t.Context(), conn, tn.options(), gentle.Command{SQL: "SELECT FROM nowhere"}, gentle.Command{SQL: "SELECT current_user", Keep: true})
	require.NoError(t, err)
	require.Equal(t, "42P01", gentle.SQLState(looked[0].Err), "a look may be refused")
	require.Equal(t, tn.owner, looked[1].Text(0), "and the next is a part of its own")
	require.Equal(t, 1, number(t, tn.admin, advisoryLocks))
	require.Equal(t, []string{"renamed", tn.owner, "20ms", "30s", "10s", `"$user", public`}, sessionOf(t, conn))

	_, err = change(t.Context(), s, "SET search_path = other", "SET statement_timeout = '1h'", "SET application_name = 'changed'")
	require.NoError(t, err)
	_, err = s.Do(t.Context(), "renew", s.Renew()...)
	require.NoError(t, err)
	require.Equal(t, []string{"renamed", tn.owner, "20ms", "30s", "10s", `"$user", public`}, sessionOf(t, conn))

	_, err = s.Do(t.Context(), "leave a transaction open", gentle.Command{SQL: "BEGIN"}, gentle.Command{SQL: "SET search_path = other"})
	require.NoError(t, err)
	require.True(t, s.InTransaction())
	s.Close(t.Context())
	require.Equal(t, before, sessionOf(t, conn))
	require.Zero(t, number(t, tn.admin, advisoryLocks))
}

// What only a dedicated connection may keep, it keeps.
func TestDedicatedSessionRenewsOnlyWhatItHasChanged(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	opts := tn.options()
	opts.Dedicated = true
	s := tn.open(t, opts)
	require.Empty(t, s.Renew(), "it was opened for this")
	require.NotEmpty(t, s.Renew())
	s.Close(t.Context())
	require.Equal(t, 1, number(t, tn.admin, advisoryLocks), "its owner's end of the connection releases it")
}

func TestSessionNeedsTheOwnersRole(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	opts := tn.options()
	opts.OwnerRole = `no "such" role`
	_, _, err := gentle.Open(t.Context(), tn.connect(t), opts)
	require.ErrorContains(t, err, `open session: ERROR: role "no "such" role" does not exist`)
	require.Equal(t, gentle.Permanent, gentle.Classify(err))
	require.Zero(t, number(t, tn.admin, advisoryLocks))
}

func TestIndexIsFoundAndDropped(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	s := tn.open(t, tn.options())
	_, err := change(t.Context(), s, "CREATE SCHEMA s", `CREATE TABLE s."A" (x int)`, `CREATE TABLE b (x int)`, `CREATE INDEX "the Index" ON s."A" (x)`)
	require.NoError(t, err)
	for table, index := range map[string]string{"nowhere": "the Index", "b": "the Index", `s."A"`: "the_index"} {
		found, err := s.Index(t.Context(), table, index)
		require.NoError(t, err)
		require.Equal(t, gentle.Index{}, found, "%s on %s", index, table)
	}
	found, err := s.Index(t.Context(), `s."A"`, "the Index")
	require.NoError(t, err)
	require.Equal(t, gentle.Index{Exists: true, Name: `"s"."the Index"`, Valid: true}, found)

	run(t, tn.admin, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 's."the Index"'::regclass`)
	found, err = s.Index(t.Context(), `s."A"`, "the Index")
	require.NoError(t, err)
	require.Equal(t, gentle.Index{Exists: true, Name: `"s"."the Index"`}, found)
	for range 2 {
		require.NoError(t, s.DropIndex(t.Context(), found.Name))
	}
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM pg_class WHERE relname = 'the Index'"))
}
