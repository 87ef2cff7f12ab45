//go:build !race

package s3_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/export"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestExportLinkImport: an export in S3 is fetched with a link by somebody who has nothing else, until its time is over or the export is deleted; what was fetched is uploaded,
// in parts, and imported as another tenant.
func TestExportLinkImport(t *testing.T) {
	t.Parallel()
	s := newScene(t, large)
	op := s.Do(t, jobs.Export{Tenant: large, Format: export.CSV})
	var made struct{ Export string }
	require.NoError(t, json.Unmarshal(op.Result, &made))
	row, err := export.Get(t.Context(), s.Pool, made.Export)
	require.NoError(t, err)
	store := openStore(t, s.server.Address, nil)

	link, err := store.Link(t.Context(), *row.Object, time.Minute)
	require.NoError(t, err)
	status, body := fetch(t, link)
	require.Equal(t, http.StatusOK, status)
	require.Len(t, body, int(*row.Bytes))
	m, err := export.Peek(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	require.NoError(t, m.Importable())
	require.Greater(t, len(body), 20<<20)

	// Nothing else is reached with it, and nothing without what it signs.
	status, _ = fetch(t, link[:len(link)-4]+"0000")
	require.Equal(t, http.StatusForbidden, status)
	short, err := store.Link(t.Context(), *row.Object, time.Second)
	require.NoError(t, err)
	<-time.After(2100 * time.Millisecond)
	status, _ = fetch(t, short)
	require.Equal(t, http.StatusForbidden, status, "its time is over")

	id, err := export.NewUpload(t.Context(), s.Pool)
	require.NoError(t, err)
	_, err = store.WriteLarge(t.Context(), export.UploadKey(id), int64(len(body)), func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
	require.NoError(t, err)
	s.Do(t, jobs.Import{File: id, Release: fleettest.Release, To: "again"})
	var customers, files int
	require.NoError(t, s.Connect(t, "again", tenants.RoleMigrator).QueryRow(t.Context(), `SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM files)`).Scan(&customers, &files))
	require.Equal(t, []int{500, 20 * 1024}, []int{customers, files})

	// Expiry deletes the export and what was uploaded; the link leads nowhere then.
	_, err = s.Pool.Exec(t.Context(), `UPDATE tenantry.exports SET expires_at = now()`)
	require.NoError(t, err)
	s.Do(t, jobs.ExpireBackups{})
	status, _ = fetch(t, link)
	require.Equal(t, http.StatusNotFound, status)
	for _, key := range s.objects(t) {
		require.NotContains(t, key, made.Export)
		require.NotContains(t, key, id)
	}
}

// fetch gets what a link leads to, with nothing but the link.
func fetch(t *testing.T, link string) (status int, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, body
}
