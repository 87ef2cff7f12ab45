package workers_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
)

// TestDamagedBackup: whatever is damaged, verifying says so, and restoring refuses.
func TestDamagedBackup(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	for _, part := range []string{".data", ".contents", "manifest.json"} {
		f.Do(t, jobs.Backup{Tenant: "acme"})
		made := newestBackup(t, f)
		files, err := filepath.Glob(filepath.Join(strings.TrimPrefix(f.BackupURL, "file://"), "tenants", "*", made.ID, "*"+part))
		require.NoError(t, err)
		require.Len(t, files, 1)
		body, err := os.ReadFile(files[0])
		require.NoError(t, err)
		body[len(body)/2] ^= 1
		require.NoError(t, os.WriteFile(files[0], body, 0o600))

		op := f.Ends(t, f.Submit(t, jobs.VerifyBackup{Backup: made.ID}))
		require.Equal(t, jobs.StateFailed, op.State)
		require.Equal(t, "backup_failed", op.Error.Code)
		require.Contains(t, op.Error.Message, part)
		require.Equal(t, "failed", newestBackup(t, f).Outcome)
		op = f.Ends(t, f.Submit(t, jobs.Restore{Backup: made.ID, To: "again" + strings.Trim(part, ".json")}))
		require.Equal(t, jobs.StateFailed, op.State)
		require.Contains(t, op.Error.Message, part)
	}
}

// TestThousandFlips: a thousand times one bit of one object of a backup is another one, or an object is cut off, and each time it is found, by name.
func TestThousandFlips(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	made := newestBackup(t, f)
	ctx := t.Context()
	catalog := backup.NewCatalog(f.Registry)
	trusted, err := catalog.Trusted(ctx)
	require.NoError(t, err)
	key, err := catalog.Key(ctx, made.Manifest.Key)
	require.NoError(t, err)
	store, err := backup.OpenStore(ctx, f.BackupURL)
	require.NoError(t, err)
	defer func() { _ = store.Close() }()
	manifest := backup.ManifestKey(made.TenantID, made.ID)
	look := func() error {
		raw, err := store.ReadSmall(ctx, manifest)
		if err != nil {
			return err
		}
		m, err := trusted.OpenManifest(manifest, raw)
		if err != nil {
			return err
		}
		return m.Scrub(ctx, store, key)
	}
	require.NoError(t, look(), "as it is")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	lot := rand.New(rand.NewPCG(seed, 0))
	objects := []string{manifest, made.Manifest.Data.Key, made.Manifest.Contents.Key}
	for i := range 1000 {
		object := objects[lot.IntN(len(objects))]
		path := filepath.Join(strings.TrimPrefix(f.BackupURL, "file://"), object)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		damaged := append([]byte(nil), whole...)
		at := lot.IntN(len(whole))
		if i%10 == 0 {
			damaged = damaged[:at]
		} else {
			damaged[at] ^= 1 << lot.IntN(8)
		}
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		err = look()
		require.Error(t, err, "byte %d of %s", at, object)
		require.Contains(t, err.Error(), object, "byte %d", at)
		require.NoError(t, os.WriteFile(path, whole, 0o600))
	}
	require.NoError(t, look(), "as it was")

	// Of the manifest every bit.
	raw, err := store.ReadSmall(ctx, manifest)
	require.NoError(t, err)
	for at := range raw {
		for bit := range 8 {
			damaged := bytes.Clone(raw)
			damaged[at] ^= 1 << bit
			_, err := trusted.OpenManifest(manifest, damaged)
			require.ErrorContains(t, err, manifest, "bit %d of byte %d", bit, at)
		}
	}
}

// TestHostileDump: a tenant's owner puts into its database what runs when that is restored, and names that a careless tool would run. Nothing of it gets out.
func TestHostileDump(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	canary := filepath.Join(t.TempDir(), "canary")
	conn := f.Connect(t, "acme", tenants.RoleMigrator)
	_, err := conn.PgConn().Exec(t.Context(), strings.NewReplacer("{canary}", canary, "{database}", f.Tenant(t, "acme").Database).Replace(`
		SET ROLE {database}_owner;
		CREATE FUNCTION evil(x integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $f$
		DECLARE s text;
		BEGIN
		  FOREACH s IN ARRAY ARRAY['COPY (SELECT 1) TO PROGRAM ''touch {canary}''', 'CREATE ROLE evil_canary SUPERUSER', 'ALTER ROLE CURRENT_USER SUPERUSER',
		      'COPY (SELECT 1) TO ''{canary}''', 'CREATE DATABASE evil_canary', 'CREATE EXTENSION dblink', 'SET ROLE postgres', 'SET SESSION AUTHORIZATION postgres',
		      'SELECT pg_read_file(''/etc/passwd'')', 'SELECT lo_export(0, ''{canary}'')', 'ALTER SYSTEM SET shared_preload_libraries = ''evil_canary''',
		      'GRANT pg_execute_server_program TO CURRENT_USER', 'DO LANGUAGE plpython3u ''open("{canary}", "w")'''] LOOP
		    BEGIN
		      EXECUTE s;
		    EXCEPTION WHEN OTHERS THEN NULL;
		    END;
		  END LOOP;
		  RETURN x;
		END $f$;
		CREATE TABLE trap (a integer CHECK (evil(a) = a), b integer GENERATED ALWAYS AS (evil(a)) STORED);
		INSERT INTO trap VALUES (1);
		CREATE INDEX ON trap (evil(a));
		CREATE MATERIALIZED VIEW trapped AS SELECT evil(1);
		CREATE TABLE "x
\! touch {canary}
" (a integer);
		CREATE TABLE "y;
\copy (SELECT 1) TO PROGRAM 'touch {canary}'" (a text);
		COMMENT ON TABLE trap IS E'c\n\\! touch {canary}\n';
		INSERT INTO "y;
\copy (SELECT 1) TO PROGRAM 'touch {canary}'" VALUES (E'\\.\n\\! touch {canary}\n');`)).ReadAll()
	require.NoError(t, err)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	made := newestBackup(t, f)
	f.Do(t, jobs.VerifyBackup{Backup: made.ID})
	f.Do(t, jobs.Restore{Backup: made.ID, To: "again"})
	require.NoFileExists(t, canary)
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_roles WHERE rolname = 'evil_canary'`))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_database WHERE datname = 'evil_canary'`))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_roles WHERE rolname LIKE 't\_%' AND rolsuper`))
}
