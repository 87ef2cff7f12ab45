package workers_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/retention"
	"github.com/avenit/tenantry/workers/fleettest"
)

// backupFleet is a fleet with a tenant that has rows, and a worker. Nothing is verified but what a test asks for.
func backupFleet(t *testing.T) *fleettest.Fleet {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	require.NoError(t, err)
	f.Do(t, jobs.Provision{Slug: "acme"})
	app := f.Connect(t, "acme", tenants.RoleApp)
	_, err = app.Exec(t.Context(), `
		INSERT INTO customers (name, email) SELECT 'Customer ' || i, 'c' || i || '@example.com' FROM generate_series(1, 500) i`)
	require.NoError(t, err)
	return f
}

func newestBackup(t *testing.T, f *fleettest.Fleet) backup.Row {
	t.Helper()
	list, err := backup.NewCatalog(f.Registry).List(t.Context(), backup.Filter{Limit: 1})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	row, err := backup.NewCatalog(f.Registry).Get(t.Context(), list[0].ID)
	require.NoError(t, err)
	return row
}

func TestBackupVerifyRestore(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	op := f.Do(t, jobs.Backup{Tenant: "acme"})
	made := newestBackup(t, f)
	require.Contains(t, string(op.Result), made.ID)
	require.Equal(t, "unverified", made.Outcome)

	f.Do(t, jobs.VerifyBackup{Backup: made.ID})
	made = newestBackup(t, f)
	require.Equal(t, "verified", made.Outcome, made.VerifyDetail)
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE state = 'scratch'`))

	app := f.Connect(t, "acme", tenants.RoleApp)
	_, err := app.Exec(t.Context(), `DELETE FROM customers WHERE id > 100`)
	require.NoError(t, err)
	f.Do(t, jobs.Restore{Backup: made.ID, To: "acme-again"})
	again := f.Connect(t, "acme-again", tenants.RoleApp)
	var n int
	require.NoError(t, again.QueryRow(t.Context(), `SELECT count(*) FROM customers`).Scan(&n))
	require.Equal(t, 500, n)
	_, err = again.Exec(t.Context(), `INSERT INTO customers (name, email) VALUES ('one more', 'm@example.com')`)
	require.NoError(t, err, "the application writes to what was restored")
	require.NoError(t, app.QueryRow(t.Context(), `SELECT count(*) FROM customers`).Scan(&n))
	require.Equal(t, 100, n, "the tenant that the backup is of is not touched")
}

// TestBackupShowsNothing: nobody reads anything of a tenant in the store.
func TestBackupShowsNothing(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	objects := 0
	require.NoError(t, filepath.Walk(strings.TrimPrefix(f.BackupURL, "file://"), func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		objects++
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, word := range []string{"customers", "Customer", "example.com", "AGE-SECRET-KEY"} {
			require.NotContains(t, string(body), word, path)
		}
		return nil
	}))
	require.Equal(t, 5, objects, "manifest, contents, data, the tenant's key, the key that signs")
}

// A database that changes while it is dumped: the backup is one instant of it. Money goes from one table to another, and there is always the same of it.
func TestBackupWhileItChanges(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	owner := f.Connect(t, "acme", tenants.RoleMigrator)
	execIn(t, owner, "SET ROLE "+f.Tenant(t, "acme").Database+`_owner;
		CREATE TABLE a_first (id integer PRIMARY KEY, money bigint NOT NULL);
		CREATE TABLE b_between AS SELECT i AS id, repeat('x', 200) AS filler FROM generate_series(1, 100000) i;
		CREATE TABLE c_last (id integer PRIMARY KEY, money bigint NOT NULL);
		INSERT INTO a_first SELECT i, 1000 FROM generate_series(1, 50) i;
		INSERT INTO c_last SELECT i, 1000 FROM generate_series(1, 50) i`)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	var moved atomic.Int64
	for range 2 {
		conn := f.Connect(t, "acme", tenants.RoleApp)
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				from, to := "a_first", "c_last"
				if i%3 == 0 {
					from, to = to, from
				}
				_, err := conn.Exec(context.WithoutCancel(ctx), fmt.Sprintf(`
					WITH taken AS (UPDATE %s SET money = money - 1 WHERE id = $1)
					UPDATE %s SET money = money + 1 WHERE id = $1`, from, to), 1+i%50)
				if err == nil {
					moved.Add(1)
				}
			}
		})
	}
	require.Eventually(t, func() bool { return moved.Load() > 10 }, 10*time.Second, time.Millisecond)
	before := moved.Load()
	f.Do(t, jobs.Backup{Tenant: "acme"})
	during := moved.Load() - before
	stop()
	writers.Wait()
	require.Greater(t, during, int64(10), "it changed meanwhile")
	made := newestBackup(t, f)
	f.Do(t, jobs.VerifyBackup{Backup: made.ID})
	f.Do(t, jobs.Restore{Backup: made.ID, To: "acme-2"})
	var sum int
	require.NoError(t, f.Connect(t, "acme-2", tenants.RoleApp).QueryRow(t.Context(), `
		SELECT (SELECT sum(money) FROM a_first) + (SELECT sum(money) FROM c_last)`).Scan(&sum))
	require.Equal(t, 100*1000, sum)
}

// TestExpire: what retention does not keep is gone from the store, and what failed backups have left.
func TestExpire(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '{"last": 2}' WHERE key = 'backup_retention'`)
	require.NoError(t, err)
	for range 4 {
		f.Do(t, jobs.Backup{Tenant: "acme"})
	}
	f.Do(t, jobs.ExpireBackups{})
	require.Equal(t, 4, scan[int](t, f, `SELECT count(*) FROM tenantry.backups WHERE state = 'complete'`), "none is verified yet: none goes")
	newest := newestBackup(t, f)
	f.Do(t, jobs.VerifyBackup{Backup: newest.ID})
	held := scan[string](t, f, `UPDATE tenantry.backups SET held_by = 'a lawyer', held_at = now() WHERE id = (SELECT min(id) FROM tenantry.backups) RETURNING id`)
	f.Do(t, jobs.ExpireBackups{})
	require.Equal(t, 3, scan[int](t, f, `SELECT count(*) FROM tenantry.backups WHERE state = 'complete'`), "the last two, and the one that is held")
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM tenantry.backups WHERE id = $1 AND state = 'complete'`, held))
	gone := scan[string](t, f, `SELECT id FROM tenantry.backups WHERE state = 'gone'`)
	left, err := filepath.Glob(filepath.Join(strings.TrimPrefix(f.BackupURL, "file://"), "tenants", "*", gone, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// A tenant's own policy counts alone; of those for its labels the one that keeps more; the setting is for the others.
func TestExpireByPolicies(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	execControl(t, f, `UPDATE tenantry.settings SET value = '{"last": 1}' WHERE key = 'backup_retention'`)
	f.Do(t, jobs.Provision{Slug: "large", Labels: map[string]string{"plan": "enterprise", "region": "eu"}})
	f.Do(t, jobs.Provision{Slug: "own", Labels: map[string]string{"plan": "enterprise"}})
	slugs := []string{"acme", "large", "own"}
	for _, slug := range slugs {
		for range 4 {
			f.Do(t, jobs.Backup{Tenant: slug})
		}
	}
	execControl(t, f, `UPDATE tenantry.backups SET outcome = 'verified'`)
	catalog := backup.NewCatalog(f.Registry)
	for _, r := range []retention.Rule{
		{Labels: map[string]string{"plan": "enterprise"}, Policy: retention.Policy{Last: 1}},
		{Labels: map[string]string{"plan": "enterprise"}, Policy: retention.Policy{Last: 2}}, // instead of that
		{Labels: map[string]string{"region": "eu"}, Policy: retention.Policy{Last: 3}},
		{Tenant: f.Tenant(t, "own").ID, Policy: retention.Policy{Last: 4}},
	} {
		require.NoError(t, catalog.SetRule(t.Context(), r))
	}
	kept := func() (n []int) {
		t.Helper()
		f.Do(t, jobs.ExpireBackups{})
		for _, slug := range slugs {
			n = append(n, scan[int](t, f, `SELECT count(*) FROM tenantry.backups WHERE tenant_id = $1 AND state = 'complete'`, f.Tenant(t, slug).ID))
		}
		return n
	}
	require.Equal(t, []int{1, 3, 4}, kept())
	require.NoError(t, catalog.UnsetRule(t.Context(), retention.Rule{Tenant: f.Tenant(t, "own").ID}))
	require.NoError(t, catalog.UnsetRule(t.Context(), retention.Rule{Labels: map[string]string{"region": "eu"}}))
	require.Equal(t, []int{1, 2, 2}, kept())
	require.ErrorIs(t, catalog.UnsetRule(t.Context(), retention.Rule{Labels: map[string]string{"region": "eu"}}), backup.ErrNoRule)
	require.Error(t, catalog.SetRule(t.Context(), retention.Rule{Tenant: f.Tenant(t, "own").ID, Policy: retention.Policy{Last: -1}}))
	_, err := f.Pool.Exec(t.Context(), `INSERT INTO tenantry.retention (labels, policy) VALUES ('{"a": "b"}', '{"lats": 3}')`)
	require.ErrorContains(t, err, "lats")
}

// TestPurgeErases: of a purged tenant nothing is left in the store, nobody can read a kept copy, and a certificate says so, every byte of it signed.
func TestPurgeErases(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	made := newestBackup(t, f)
	catalog := backup.NewCatalog(f.Registry)
	require.NoError(t, catalog.Hold(t.Context(), made.ID, "a lawyer", "case 4711"))
	_, err := f.Jobs.Submit(t.Context(), jobs.Purge{Tenant: "acme", Confirm: "acme"}, nil)
	require.ErrorIs(t, err, jobs.ErrConflict)
	require.ErrorContains(t, err, "case 4711")
	require.NoError(t, catalog.Release(t.Context(), made.ID))
	// Held when the purge had been asked for already.
	tx, err := f.Pool.Begin(t.Context())
	require.NoError(t, err)
	purge, err := f.Jobs.SubmitTx(t.Context(), tx, jobs.Purge{Tenant: "acme", Confirm: "acme"}, nil)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `UPDATE tenantry.backups SET held_by = 'a lawyer' WHERE id = $1`, made.ID)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	refused := f.Ends(t, purge)
	require.Equal(t, jobs.StateFailed, refused.State)
	require.Contains(t, refused.Error.Message, "is held by a lawyer")
	require.Equal(t, tenants.StateActive, f.Tenant(t, "acme").State)
	require.NoError(t, catalog.Release(t.Context(), made.ID))

	root := strings.TrimPrefix(f.BackupURL, "file://")
	kept := t.TempDir() // somebody keeps a copy
	require.NoError(t, os.CopyFS(kept, os.DirFS(root)))
	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	left, err := filepath.Glob(filepath.Join(root, "tenants", made.TenantID, "*", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = catalog.Key(t.Context(), made.Manifest.Key)
	require.ErrorIs(t, err, backup.ErrKeyDestroyed)

	document := []byte(scan[string](t, f, `SELECT document FROM tenantry.certificates WHERE tenant_id = $1`, made.TenantID))
	trusted, err := catalog.Trusted(t.Context())
	require.NoError(t, err)
	certificate, err := trusted.OpenCertificate("it", document)
	require.NoError(t, err)
	require.Equal(t, "acme", certificate.Slug)
	require.Equal(t, made.ID, certificate.Backups[0].ID)
	for i := range document {
		document[i] ^= 1
		_, err := trusted.OpenCertificate("it", document)
		require.Error(t, err, "byte %d", i)
		document[i] ^= 1
	}
}

// TestRebuild: another control database, with the same secret key and the store, restores what the lost one had backed up, and believes nobody else.
func TestRebuild(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	f.Do(t, jobs.Backup{Tenant: "acme"})
	f.Do(t, jobs.Provision{Slug: "purged"})
	f.Do(t, jobs.Backup{Tenant: "purged"})
	f.Do(t, jobs.Purge{Tenant: "purged", Confirm: "purged"})
	made := newestBackup(t, f)

	other := fleettest.New(t)
	other.Keys, other.Secret, other.BackupURL = f.Keys, f.Secret, f.BackupURL
	other.Registry = tenants.NewRegistry(other.Pool, other.Keys)
	other.Node(t, "n2")
	other.Worker(t)
	store, err := backup.OpenStore(t.Context(), f.BackupURL)
	require.NoError(t, err)
	defer func() { _ = store.Close() }()
	// Somebody who can write to the store puts a manifest of his own there.
	require.NoError(t, store.WriteSmall(t.Context(), backup.ManifestKey(made.TenantID, "bak_000000000000000000000000"), false, []byte(`{"body": {}, "key": "x", "signature": ""}`)))
	catalog := backup.NewCatalog(other.Registry)
	rebuilt, err := catalog.Rebuild(t.Context(), store, nil)
	require.NoError(t, err)
	require.Equal(t, 2, rebuilt.Added)
	require.Equal(t, []string{"acme"}, rebuilt.Returned)
	require.Len(t, rebuilt.Refused, 1)
	again, err := catalog.Rebuild(t.Context(), store, nil)
	require.NoError(t, err)
	require.Zero(t, again.Added, "a second time changes nothing")

	other.Do(t, jobs.VerifyBackup{Backup: made.ID})
	other.Do(t, jobs.Restore{Backup: made.ID, To: "acme"})
	var n int
	require.NoError(t, other.Connect(t, "acme", tenants.RoleApp).QueryRow(t.Context(), `SELECT count(*) FROM customers`).Scan(&n))
	require.Equal(t, 500, n)
}

// TestRestoreInPlace: the tenant is what the backup holds, at the release that it had, for pools that were open as well; what waits for its turn is about the new database;
// it can be undone, and that as well; and purging takes what was kept along.
func TestRestoreInPlace(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	rt := f.Worker(t)
	ctx := t.Context()
	_, err := f.Pool.Exec(ctx, `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	require.NoError(t, err)
	f.Do(t, jobs.Provision{Slug: "acme"})
	id := f.Tenant(t, "acme").ID
	count := func() (n int) {
		t.Helper()
		require.Eventually(t, func() bool { // a lease that was fenced is renewed
			lease, err := rt.Cache().Acquire(ctx, id)
			if err != nil {
				return false
			}
			defer lease.Release()
			return lease.Pool().QueryRow(ctx, `SELECT count(*) FROM customers`).Scan(&n) == nil
		}, 20*time.Second, 20*time.Millisecond)
		return n
	}
	insert := func(n int) {
		t.Helper()
		_, err := f.Connect(t, "acme", tenants.RoleApp).Exec(ctx, `INSERT INTO customers (name, email) SELECT 'c', gen_random_uuid() || '@example.com' FROM generate_series(1, $1::integer)`, n)
		require.NoError(t, err)
	}
	insert(10)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	made := newestBackup(t, f)
	insert(5)
	require.Equal(t, 15, count())
	f.Extend(t, "next", "CREATE TABLE later (a integer)")
	f.Do(t, jobs.Migrate{Tenant: "acme", Release: "next"})
	before := f.Tenant(t, "acme")

	_, err = f.Jobs.Submit(ctx, jobs.RestoreInPlace{Tenant: "acme", Backup: made.ID, Confirm: "other"}, nil)
	require.ErrorIs(t, err, jobs.ErrInvalid)
	restore := f.Submit(t, jobs.RestoreInPlace{Tenant: "acme", Backup: made.ID, Confirm: "acme"})
	waits := f.Submit(t, jobs.Rotate{Tenant: "acme"}) // asked for while the tenant lives in the old one
	f.Succeeds(t, restore)
	f.Succeeds(t, waits)
	after := f.Tenant(t, "acme")
	require.NotEqual(t, before.Database, after.Database)
	require.Equal(t, "next", after.Release)
	require.Equal(t, 10, count())
	_, err = f.Connect(t, "acme", tenants.RoleApp).Exec(ctx, `INSERT INTO later VALUES (1)`)
	require.NoError(t, err, "it was brought to the tenant's release")

	f.Do(t, jobs.UndoRestore{Tenant: "acme", Confirm: "acme"})
	require.Equal(t, before.Database, f.Tenant(t, "acme").Database)
	require.Equal(t, 15, count())
	f.Do(t, jobs.UndoRestore{Tenant: "acme", Confirm: "acme"})
	require.Equal(t, after.Database, f.Tenant(t, "acme").Database)
	require.Equal(t, 10, count())
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE state = 'retained' AND name = $1`, before.Database))

	// When its time is over what was replaced is dropped.
	f.Do(t, jobs.RestoreInPlace{Tenant: "acme", Backup: made.ID, Confirm: "acme"})
	require.Equal(t, 2, scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE state = 'retained'`))
	_, err = f.Pool.Exec(ctx, `UPDATE tenantry.swaps SET keep_until = now() - interval '1 second' WHERE old_database_id = (SELECT id FROM tenantry.databases WHERE name = $1)`, before.Database)
	require.NoError(t, err)
	require.Equal(t, 1, scan[int](t, f, `SELECT tenantry.let_go_replaced()`))
	require.Eventually(t, func() bool {
		return scan[string](t, f, `SELECT state FROM tenantry.databases WHERE name = $1`, before.Database) == "dropped"
	}, time.Minute, 100*time.Millisecond)

	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE tenant_id = $1 AND state <> 'dropped'`, id))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_database WHERE datname IN (SELECT name FROM tenantry.databases WHERE tenant_id = $1)`, id))
}
