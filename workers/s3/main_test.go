//go:build !race

package s3_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	_ "github.com/avenit/tenantry/tenants/backup/s3store" // opens the store
	"github.com/avenit/tenantry/workers/fleettest"
	"github.com/avenit/tenantry/workers/s3/s3test"
)

func TestMain(m *testing.M) {
	for name, value := range s3test.Environment() {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	// The client of S3 keeps connections for another minute and a half.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// scene is a fleet whose backups are in S3 behind a proxy.
type scene struct {
	*fleettest.Fleet

	server *s3test.Server
	proxy  *s3test.Proxy
}

// Tenants of a scene. The dump of the large one is sent in parts.
const (
	small = "small"
	large = "large"
)

// newScene makes a scene whose worker loses patience soon and whose sweep removes what is of this moment.
func newScene(t *testing.T, slugs ...string) *scene {
	t.Helper()
	s := idleScene(t)
	s.Worker(t)
	s.provision(t, slugs...)
	return s
}

// idleScene is a scene without a worker.
func idleScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{Fleet: fleettest.New(t), server: s3test.Start(t)}
	s.proxy = s3test.Before(t, s.server)
	s.Node(t, "n1")
	s.set(t, "verify_at_once", "0")
	s.BackupURL = s3test.URL(s.proxy.Address, url.Values{"patience": {"3s"}, "sweep_after": {"0s"}})
	return s
}

func (s *scene) provision(t *testing.T, slugs ...string) {
	t.Helper()
	for _, slug := range slugs {
		s.Do(t, jobs.Provision{Slug: slug})
		app := s.Connect(t, slug, tenants.RoleApp)
		_, err := app.Exec(t.Context(), `INSERT INTO customers (name, email) SELECT 'Customer ' || i, 'c' || i || '@example.com' FROM generate_series(1, 500) i`)
		require.NoError(t, err)
		if slug == large {
			s.fill(t, slug, 20)
		}
	}
}

// fill gives a tenant megabytes that nothing makes smaller.
func (s *scene) fill(t *testing.T, slug string, megabytes int) {
	t.Helper()
	conn := s.Connect(t, slug, tenants.RoleMigrator)
	_, err := conn.PgConn().Exec(t.Context(), fmt.Sprintf(`
		SET ROLE %s_owner;
		CREATE EXTENSION IF NOT EXISTS pgcrypto;
		CREATE TABLE files (id bigint GENERATED ALWAYS AS IDENTITY, body bytea);
		ALTER TABLE files ALTER body SET STORAGE external;
		INSERT INTO files (body) SELECT gen_random_bytes(1024) FROM generate_series(1, %d * 1024);`, s.Tenant(t, slug).Database, megabytes)).ReadAll()
	require.NoError(t, err)
}

func (s *scene) set(t *testing.T, key, value string) {
	t.Helper()
	_, err := s.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = $2::text::jsonb WHERE key = $1`, key, value)
	require.NoError(t, err)
}

// newest is the newest backup that is complete.
func (s *scene) newest(t *testing.T) backup.Row {
	t.Helper()
	list, err := backup.NewCatalog(s.Registry).List(t.Context(), backup.Filter{Limit: 1})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	row, err := backup.NewCatalog(s.Registry).Get(t.Context(), list[0].ID)
	require.NoError(t, err)
	return row
}

// clean looks, without faults, that what is complete is a backup, and that after a sweep nothing else is there.
func (s *scene) clean(t *testing.T) {
	t.Helper()
	s.proxy.Clear()
	s.Do(t, jobs.ExpireBackups{})
	alive := map[string]bool{}
	rows, err := backup.NewCatalog(s.Registry).List(t.Context(), backup.Filter{All: true})
	require.NoError(t, err)
	for _, b := range rows {
		require.Contains(t, []string{"complete", "failed", "gone"}, b.State)
		if b.State == "complete" {
			alive[b.ID] = true
			b, err := backup.NewCatalog(s.Registry).Get(t.Context(), b.ID)
			require.NoError(t, err)
			for _, o := range []string{b.Manifest.Data.Key, b.Manifest.Contents.Key, backup.ManifestKey(b.TenantID, b.ID)} {
				require.FileExists(t, filepath.Join(s.server.Dir, o))
			}
			s.Do(t, jobs.VerifyBackup{Backup: b.ID})
		}
	}
	for _, key := range s.objects(t) {
		parts := strings.Split(key, "/")
		if parts[0] == "tenants" && parts[2] != "keys" {
			require.True(t, alive[parts[2]], "%s is left, of a backup that is none", key)
		}
	}
	require.Empty(t, s.uploads(t))
}

// objects are the keys in the bucket, as the server's folder has them.
func (s *scene) objects(t *testing.T) []string {
	t.Helper()
	var list []string
	require.NoError(t, filepath.WalkDir(s.server.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		key, err := filepath.Rel(s.server.Dir, path)
		switch {
		case err == nil && d.IsDir() && key == serversOwn:
			return fs.SkipDir
		case err == nil && !d.IsDir():
			list = append(list, key)
		}
		return err
	}))
	return list
}

// serversOwn is where the server keeps what is no object.
const serversOwn = ".sgwtmp"

// uploads are those that have begun and have not ended, as the server's folder has them.
func (s *scene) uploads(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(s.server.Dir, serversOwn, "multipart", "*", "*"))
	require.NoError(t, err)
	return list
}

// openStore opens the store as another process would.
func openStore(t *testing.T, address string, parameters url.Values) *backup.Store {
	t.Helper()
	store, err := backup.OpenStore(t.Context(), s3test.URL(address, parameters))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}
