package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/avenit/tenantry/cmd/internal/localpg"
	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// smallDisk mounts a file system of a size, such as 16m, at a folder. It needs a root that may mount: without it there is nothing to test.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=777,size="+size); err != nil {
		t.Skipf("a full disk needs the right to mount one: %s", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
}

// fill writes a file that leaves so many bytes of a small disk.
func fill(t *testing.T, dir string, leave uint64) (file string) {
	t.Helper()
	var disk unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &disk))
	file = filepath.Join(dir, "filler")
	free := disk.Bavail * uint64(disk.Bsize)
	require.Greater(t, free, leave)
	require.NoError(t, os.WriteFile(file, make([]byte, free-leave), 0o600))
	return file
}

// grow gives a tenant so many megabytes that do not compress.
func grow(t *testing.T, f *fleettest.Fleet, slug string, megabytes int) {
	t.Helper()
	_, err := f.Connect(t, slug, tenants.RoleApp).Exec(t.Context(), `
		INSERT INTO customers (name, email)
		SELECT (SELECT string_agg(md5(i::text || j::text), '') FROM generate_series(1, 6) j), i || '@example.com' FROM generate_series(1, $1 * 5000) i`, megabytes)
	require.NoError(t, err)
}

// saysFull waits until an operation tells that a disk is full. It is tried again some times, and fails then.
func saysFull(t *testing.T, f *fleettest.Fleet, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		op, err := f.Jobs.Get(t.Context(), id)
		require.NoError(t, err)
		require.Contains(t, []jobs.State{jobs.StateQueued, jobs.StateRunning, jobs.StateRetrying, jobs.StateFailed}, op.State)
		return op.Error != nil && strings.Contains(strings.ToLower(op.Error.Message), "no space left on device")
	}, time.Minute, 20*time.Millisecond)
}

// succeedsNow waits until an operation has ended well. One that fails, because it began when the disk was full, is tried again by a person.
func succeedsNow(t *testing.T, f *fleettest.Fleet, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		op, err := f.Jobs.Get(t.Context(), id)
		require.NoError(t, err)
		if op.State == jobs.StateFailed {
			_, err := f.Jobs.Retry(t.Context(), id)
			require.NoError(t, err)
		}
		return op.State == jobs.StateSucceeded
	}, 4*time.Minute, 50*time.Millisecond)
}

// The disk of the backups is full: the operation says so, there is nothing that looks like a backup, others go on, and when there is room it is made.
func TestBackupDiskIsFull(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	smallDisk(t, store, "24m")
	f := fleettest.New(t)
	f.BackupURL = "file://" + store
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "large"})
	f.Do(t, jobs.Provision{Slug: "small"})
	grow(t, f, "large", 30)
	filler := fill(t, store, 6<<20)
	id := f.Submit(t, jobs.Backup{Tenant: "large"})
	saysFull(t, f, id)
	f.Do(t, jobs.Backup{Tenant: "small"})
	manifests, err := filepath.Glob(filepath.Join(store, "tenants", f.Tenant(t, "large").ID, "*", "manifest.json"))
	require.NoError(t, err)
	require.Empty(t, manifests)
	require.NoError(t, os.Remove(filler))
	succeedsNow(t, f, id)
	var backup string
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT id FROM tenantry.backups WHERE operation_id = $1 AND state = 'complete'`, id).Scan(&backup))
	f.Do(t, jobs.VerifyBackup{Backup: backup})
	files, err := filepath.Glob(filepath.Join(store, "tenants", f.Tenant(t, "large").ID, backup, "*"))
	require.NoError(t, err)
	require.Len(t, files, 3, "what the attempts before have left is swept: %v", files)
}

// The disk of a node is full while a backup is restored there: nothing is said of the backup, its tenants go on, and when there is room it is verified.
func TestNodeDiskIsFull(t *testing.T) {
	t.Parallel()
	server := privateServer(t)
	disk := moveDatabases(t, server)
	f := fleettest.New(t)
	f.NodeAt(t, server.URL("postgres"), "n1")
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	require.NoError(t, err)
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	f.Do(t, jobs.Provision{Slug: "other"})
	grow(t, f, "acme", 30)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	var backup string
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT max(id) FROM tenantry.backups`).Scan(&backup))
	databases := func() (n int) {
		t.Helper()
		require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT count(*) FROM tenantry.databases WHERE state NOT IN ('dropped', 'assigned')`).Scan(&n))
		return n
	}
	before := databases()

	filler := fill(t, disk, 25<<20)
	verify, restore := f.Submit(t, jobs.VerifyBackup{Backup: backup}), f.Submit(t, jobs.Restore{Backup: backup, To: "acme-2"})
	saysFull(t, f, verify)
	saysFull(t, f, restore)
	for slug, rows := range map[string]int{"acme": 150_000, "other": 0} {
		var n int
		require.NoError(t, f.Connect(t, slug, tenants.RoleApp).QueryRow(t.Context(), `SELECT count(*) FROM customers`).Scan(&n))
		require.Equal(t, rows, n)
	}
	var outcome string
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT outcome FROM tenantry.backups WHERE id = $1`, backup).Scan(&outcome))
	require.Equal(t, "unverified", outcome)

	require.NoError(t, os.Remove(filler))
	succeedsNow(t, f, verify)
	succeedsNow(t, f, restore)
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT outcome FROM tenantry.backups WHERE id = $1`, backup).Scan(&outcome))
	require.Equal(t, "verified", outcome)
	require.Equal(t, before, databases(), "nothing is left of the attempts")
}

// moveDatabases puts a server's databases on a small disk. Its log stays where it is: without room for that it would stop.
func moveDatabases(t *testing.T, server *localpg.Server) (base string) {
	t.Helper()
	require.NoError(t, server.Stop(t.Context(), localpg.Fast))
	base = filepath.Join(server.DataDir(), "base")
	info, err := os.Stat(base)
	require.NoError(t, err)
	require.NoError(t, os.Rename(base, base+".before"))
	require.NoError(t, os.Mkdir(base, 0o700))
	smallDisk(t, base, "500m")                                                                     // for what two restores at once take, and what failed ones have left for a while
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background(), localpg.Immediate)) }) // before its disk goes
	require.NoError(t, os.CopyFS(base, os.DirFS(base+".before")))
	of := info.Sys().(*syscall.Stat_t)
	require.NoError(t, filepath.WalkDir(base, func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, 0o700))
		return os.Chown(path, int(of.Uid), int(of.Gid))
	}))
	require.NoError(t, server.Restart(t.Context()))
	return base
}
