//go:build !race

package s3_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/s3/s3test"
)

// TestNoConditionalWrites: a store where a late attempt could replace a manifest is refused, before anything is dumped.
func TestNoConditionalWrites(t *testing.T) {
	t.Parallel()
	s := newScene(t, small)
	for _, fault := range []s3test.Fault{s3test.Replaces, s3test.NotSupports} {
		s.proxy.Set(s3test.Plan{Fault: fault, Match: func(r *http.Request) bool { return r.Header.Get("If-None-Match") != "" }})
		op := s.Ends(t, s.Submit(t, jobs.Backup{Tenant: small}))
		require.Equal(t, jobs.StateFailed, op.State)
		require.Contains(t, op.Error.Message, "If-None-Match", fault)
		require.Equal(t, 1, op.Attempt, "it will be the same another time")
		s.clean(t)
	}
	s.Do(t, jobs.Backup{Tenant: small})
	s.clean(t)
}

// TestDamagedInStore: what has changed in the store is found, whatever the store's own checksums say.
func TestDamagedInStore(t *testing.T) {
	t.Parallel()
	s := newScene(t, small, large)
	for _, slug := range []string{small, large} {
		for name, damage := range map[string]func(body []byte) []byte{
			"flipped":   func(body []byte) []byte { body[len(body)/2] ^= 1; return body },
			"cut short": func(body []byte) []byte { return body[:len(body)-7] },
			"longer":    func(body []byte) []byte { return append(body, 0) },
		} {
			s.Do(t, jobs.Backup{Tenant: slug})
			made := s.newest(t)
			path := filepath.Join(s.server.Dir, made.Manifest.Data.Key)
			body, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, damage(body), 0o600))
			op := s.Ends(t, s.Submit(t, jobs.VerifyBackup{Backup: made.ID}))
			require.Equal(t, jobs.StateFailed, op.State, name)
			require.Equal(t, "backup_failed", op.Error.Code, "%s: %s", name, op.Error.Message)
			require.Equal(t, "failed", s.newest(t).Outcome, name)
		}
	}
}

// TestNoBucket: a bucket that is not there says nothing of backups.
func TestNoBucket(t *testing.T) {
	t.Parallel()
	s := newScene(t, small)
	s.Do(t, jobs.Backup{Tenant: small})
	made := s.newest(t)
	_, err := s.Pool.Exec(t.Context(), `UPDATE tenantry.kinds SET max_attempts = 1`)
	require.NoError(t, err)
	require.NoError(t, os.Rename(s.server.Dir, s.server.Dir+"-away"))
	op := s.Ends(t, s.Submit(t, jobs.VerifyBackup{Backup: made.ID}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message, "NoSuchBucket")
	require.Equal(t, "unverified", s.newest(t).Outcome)
	require.Equal(t, jobs.StateFailed, s.Ends(t, s.Submit(t, jobs.ExpireBackups{})).State)
	require.NoError(t, os.Rename(s.server.Dir+"-away", s.server.Dir))
	s.Do(t, jobs.VerifyBackup{Backup: made.ID})
	s.clean(t)
}
