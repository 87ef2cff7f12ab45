package tenants_test

import (
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

func TestNewPasswords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		p := tenants.NewPassword()
		require.Regexp(t, `\A[A-Za-z0-9_-]{32}\z`, p)
		require.Equal(t, p, url.QueryEscape(p), "needs quoting in a URL")
		require.False(t, seen[p])
		seen[p] = true
	}
}

// A real server takes the verifier for the password: this one logs in, others do not, and the password was in no statement.
func TestVerifierLogsIn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	admin := session(t)
	for _, password := range []string{tenants.NewPassword(), `pass'word\"$x$ ;--`} {
		raw := make([]byte, 6)
		_, _ = rand.Read(raw)
		role := "test_login_" + hex.EncodeToString(raw)
		verifier, err := tenants.Verifier(password)
		require.NoError(t, err)
		require.NotContains(t, verifier, password)
		_, err = admin.Exec(ctx, "CREATE ROLE "+tenants.Ident(role)+" LOGIN PASSWORD "+tenants.Literal(verifier))
		require.NoError(t, err)
		shared := func(sql string) {
			require.NoError(t, tenants.RetryCatalog(ctx, func() error {
				_, err := admin.Exec(ctx, sql)
				return err
			}))
		}
		shared("GRANT CONNECT ON DATABASE postgres TO " + tenants.Ident(role))

		var stored string
		require.NoError(t, admin.QueryRow(ctx, `SELECT rolpassword FROM pg_authid WHERE rolname = $1`, role).Scan(&stored))
		require.Equal(t, verifier, stored, "the server took it for a password and hashed it")
		login := func(password string) error {
			u, err := tenants.JoinURL(fleettest.ServerURL(t), "postgres", role, password)
			require.NoError(t, err)
			conn, err := pgx.Connect(ctx, u)
			if err == nil {
				_ = conn.Close(ctx)
			}
			return err
		}
		require.NoError(t, login(password))
		requireCode(t, "28P01", login(password+"x"))
		requireCode(t, "28P01", login(verifier))
		another, err := tenants.Verifier(password)
		require.NoError(t, err)
		require.NotEqual(t, verifier, another, "the salt is not random")
		shared("DROP OWNED BY " + tenants.Ident(role) + "; DROP ROLE " + tenants.Ident(role))
	}
}
