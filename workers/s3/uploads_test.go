//go:build !race

package s3_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/workers/s3/s3test"
)

// leave begins an upload and never ends it, as a worker does that is killed.
func leave(t *testing.T, server *s3test.Server, parameters url.Values, key string) {
	t.Helper()
	proxy := s3test.Before(t, server) // its faults are this upload's alone
	proxy.Set(s3test.Plan{Fault: s3test.Denied, Match: asks("DELETE", "uploadId")})
	store := openStore(t, proxy.Address, parameters)
	_, err := store.Write(t.Context(), key, false, func(w io.Writer) error {
		if _, err := io.CopyN(w, rand.Reader, 40<<20); err != nil {
			return err
		}
		return errors.New("killed")
	})
	require.EqualError(t, err, "killed")
}

// TestSweepAbortsUploads: what is old, and of this store.
func TestSweepAbortsUploads(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	ours, others := url.Values{"prefix": {"fleet/"}}, url.Values{"prefix": {"another/"}}
	leave(t, server, ours, "tenants/tnt_1/bak_1/1.data")
	leave(t, server, others, "tenants/tnt_1/bak_1/1.data")
	s := &scene{server: server}
	require.Len(t, s.uploads(t), 2)

	known := func(context.Context, string) (map[string]backup.Known, error) { return nil, nil }
	swept, err := openStore(t, server.Address, ours).Sweep(t.Context(), known)
	require.NoError(t, err)
	require.Zero(t, swept.UploadsAborted, "it may be under way")
	require.Len(t, s.uploads(t), 2)

	ours.Set("sweep_after", "0s")
	swept, err = openStore(t, server.Address, ours).Sweep(t.Context(), known)
	require.NoError(t, err)
	require.Equal(t, 1, swept.UploadsAborted)
	require.Len(t, s.uploads(t), 1, "another installation's")

	others.Set("sweep_after", "0s")
	swept, err = openStore(t, server.Address, others).Sweep(t.Context(), known)
	require.NoError(t, err)
	require.Equal(t, 1, swept.UploadsAborted)
	require.Empty(t, s.uploads(t))
}

// TestExpireAbortsUploads: the nightly operation does it, and says so.
func TestExpireAbortsUploads(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	leave(t, s.server, nil, "tenants/tnt_1/bak_1/1.data")
	op := s.Do(t, jobs.ExpireBackups{})
	require.Contains(t, string(op.Result), `"uploads_aborted": 1`)
	s.clean(t)
}

// TestFailedWriteLeavesNoUpload: the client of S3 leaves it when the context has ended.
func TestFailedWriteLeavesNoUpload(t *testing.T) {
	t.Parallel()
	s := &scene{server: s3test.Start(t)}
	store := openStore(t, s.server.Address, nil)
	for name, end := range map[string]error{"the dump failed": errors.New("pg_dump died"), "the worker stops": context.Canceled} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := store.Write(ctx, "tenants/tnt_1/bak_1/1.data", false, func(w io.Writer) error {
			if _, err := io.CopyN(w, rand.Reader, 40<<20); err != nil {
				return err
			}
			if errors.Is(end, context.Canceled) {
				cancel()
			}
			return end
		})
		require.ErrorIs(t, err, end, name)
		require.Empty(t, s.uploads(t), name)
		require.Empty(t, s.objects(t), name)
	}
}

// TestSilentStore: an answer that never comes is given up, in both directions.
func TestSilentStore(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	proxy := s3test.Before(t, server)
	store := openStore(t, proxy.Address, url.Values{"patience": {"500ms"}})
	require.NoError(t, store.WriteSmall(t.Context(), "a", false, []byte("a")))
	proxy.Set(s3test.Plan{Fault: s3test.Silence})
	silent := func(err error) {
		t.Helper()
		require.ErrorIs(t, err, backup.ErrSilent)
		var e *backup.StoreError
		require.ErrorAs(t, err, &e)
		require.True(t, e.Transient())
	}
	begun := time.Now()
	_, err := store.ReadSmall(t.Context(), "a")
	silent(err)
	silent(store.WriteSmall(t.Context(), "b", false, []byte("b")))
	_, err = store.Size(t.Context(), "a")
	silent(err)
	silent(store.Delete(t.Context(), "a"))
	_, err = store.Sweep(t.Context(), nil)
	silent(err)
	_, err = store.Write(t.Context(), "c", false, func(w io.Writer) error {
		_, err := io.CopyN(w, rand.Reader, 100<<20)
		return err
	})
	silent(err)
	require.Less(t, time.Since(begun), 10*time.Second)
}
