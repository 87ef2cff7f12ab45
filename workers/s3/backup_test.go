//go:build !race

package s3_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/s3/s3test"
)

// TestBackupVerifyRestore: without faults all of it works, with one request an object and with parts.
func TestBackupVerifyRestore(t *testing.T) {
	t.Parallel()
	s := newScene(t, small, large)
	for _, slug := range []string{small, large} {
		s.Do(t, jobs.Backup{Tenant: slug})
		made := s.newest(t)
		require.Equal(t, "s3://backups", made.Store, "without what may be a secret")
		s.Do(t, jobs.VerifyBackup{Backup: made.ID})
		require.Equal(t, "verified", s.newest(t).Outcome)
		s.Do(t, jobs.Restore{Backup: made.ID, To: slug + "-again"})
		var n int
		require.NoError(t, s.Connect(t, slug+"-again", tenants.RoleApp).QueryRow(t.Context(), `SELECT count(*) FROM customers`).Scan(&n))
		require.Equal(t, 500, n)
	}
	require.Len(t, s.objects(t), 2*4+2, "manifest, contents, data and key of each, the key that signs, and what tells whether the store refuses to replace")
	s.set(t, "backup_retention", `{"last": 1}`)
	s.Do(t, jobs.Backup{Tenant: small})
	s.Do(t, jobs.VerifyBackup{Backup: s.newest(t).ID})
	op := s.Do(t, jobs.ExpireBackups{})
	require.Contains(t, string(op.Result), `"expired": 1`)
	s.clean(t)
	require.Len(t, s.objects(t), 2*4+2, "the older ones are gone")
}

// TestSecrets: the store's parameters are in no error.
func TestSecrets(t *testing.T) {
	t.Parallel()
	s := newScene(t, small)
	_, err := s.Pool.Exec(t.Context(), `UPDATE tenantry.kinds SET max_attempts = 1 WHERE kind = 'backup'`)
	require.NoError(t, err)
	s.proxy.Set(s3test.Plan{Fault: s3test.Denied})
	op := s.Ends(t, s.Submit(t, jobs.Backup{Tenant: small}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message, "backup store: ")
	require.Contains(t, op.Error.Message, "403")
	require.NotContains(t, op.Error.Message, "tenantry-test")
	s.clean(t)
}
