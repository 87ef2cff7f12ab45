package workers_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/workers/fleettest"
)

// doorsSQL counts through how many doors the roles of a database get in, and copies of tenants' databases that lie beside. $1 is the database, $2 those that are no copies.
const doorsSQL = `
SELECT count(*) FILTER (WHERE d.datname = $1 OR EXISTS (
         SELECT FROM pg_roles r WHERE r.rolname ~ ('^' || $1 || '_') AND has_database_privilege(r.oid, d.oid, 'CONNECT'))),
       count(*) FILTER (WHERE d.datdba = (SELECT oid FROM pg_roles WHERE rolname = $1 || '_owner') AND d.datname <> $1)
FROM pg_database d
WHERE d.datallowconn AND d.datname ~ '^t_'`

// watchDoors looks all the time, until stop is called, which says how often a role of the database could get in anywhere, and whether a copy of it was there.
func watchDoors(t *testing.T, database string) (stop func() (open, copies int)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fleettest.ServerURL(t))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	type seen struct {
		open, copies int
		err          error
	}
	ended := make(chan seen, 1)
	go func() {
		var all seen
		for ctx.Err() == nil && all.err == nil {
			var open, copies int
			all.err = conn.QueryRow(context.WithoutCancel(ctx), doorsSQL, database).Scan(&open, &copies)
			all.open, all.copies = all.open+open, all.copies+copies
		}
		ended <- all
	}()
	return func() (open, copies int) {
		t.Helper()
		cancel()
		all := <-ended
		require.NoError(t, all.err)
		require.NoError(t, conn.Close(t.Context()))
		return all.open, all.copies
	}
}

// A suspended tenant is backed up, and stays closed while that is done. What is in the backup is what the tenant has.
func TestSuspendedTenantIsBackedUp(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	changeAndLeave(t, f, `
		SELECT lo_from_bytea(0, 'the owner''s');
		CREATE SEQUENCE numbers; SELECT setval('numbers', 41);
		REVOKE ALL ON SCHEMA public FROM PUBLIC;
		ALTER DATABASE `+f.Tenant(t, "acme").Database+` SET search_path = 'public'`)
	execIn(t, f.Connect(t, "acme", tenants.RoleApp), `SELECT lo_from_bytea(0, 'the application''s')`)
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	database := f.Tenant(t, "acme").Database
	// As after an upgrade of the server's libraries, when it is no template any more.
	execControl(t, f, `UPDATE pg_database SET datcollversion = 'an older one' WHERE datname = $1`, database)
	stop := watchDoors(t, database)
	f.Do(t, jobs.Backup{Tenant: "acme", Note: "nobody pays"})
	open, copies := stop()
	require.Zero(t, open, "no role of it gets in anywhere")
	require.NotZero(t, copies, "it was looked at while there was a copy")
	require.Equal(t, tenants.StateSuspended, f.Tenant(t, "acme").State)
	nothingAside(t, f, database)

	made := newestBackup(t, f)
	require.Equal(t, database, made.Manifest.Database)
	f.Do(t, jobs.VerifyBackup{Backup: made.ID})
	require.Equal(t, "verified", newestBackup(t, f).Outcome)
	status, err := backup.NewCatalog(f.Registry).Status(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, status, 1)
	require.NotNil(t, status[0].Verified)
	f.Do(t, jobs.Restore{Backup: made.ID, To: "acme-again"})
	again := f.Connect(t, "acme-again", tenants.RoleMigrator)
	var rows, last, objects int
	require.NoError(t, again.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM customers), (SELECT last_value FROM numbers), (SELECT count(*) FROM pg_largeobject_metadata)`).Scan(&rows, &last, &objects))
	require.Equal(t, []int{500, 41, 2}, []int{rows, last, objects})

	f.Do(t, jobs.Resume{Tenant: "acme"})
	require.Equal(t, dumpOf(t, f, "acme"), dumpOf(t, f, "acme-again"))
	execIn(t, f.Connect(t, "acme", tenants.RoleApp), `INSERT INTO customers (name, email) VALUES ('back', 'back@example.com')`)
}

// nothingAside looks that no copy of a database is left, and no role of one.
func nothingAside(t *testing.T, f *fleettest.Fleet, database string) {
	t.Helper()
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE state = 'scratch'`))
	require.Zero(t, scan[int](t, f, `
		SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
		WHERE m.roleid = (SELECT oid FROM pg_roles WHERE rolname = $1 || '_owner') AND r.rolname ~ '^t_' AND r.rolname !~ ('^' || $1)`, database))
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = $1 || '_owner'`, database))
}

// A backup that fails leaves no copy, and the tenant as closed as it was.
func TestSuspendedTenantsBackupFails(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	changeAndLeave(t, f, `CREATE TABLE hidden (a integer); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; ALTER TABLE hidden FORCE ROW LEVEL SECURITY; INSERT INTO hidden SELECT 1 WHERE false`)
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	op := f.Ends(t, f.Submit(t, jobs.Backup{Tenant: "acme"}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message, "hidden")
	database := f.Tenant(t, "acme").Database
	require.Eventually(t, func() bool {
		return scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE tenant_id IS NULL AND state <> 'dropped'`) == 0
	}, time.Minute, 50*time.Millisecond, "the refill drops the copy")
	nothingAside(t, f, database)
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_database WHERE datname = $1 AND datallowconn`, database))
}

// A suspended tenant does not change: the backup of it that was made since it is suspended stands for it. One of before that may not, for nobody can look where its
// sequences stand.
func TestSuspendedTenantsAreCovered(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	// What sessions have counted for themselves is added up when they end.
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	f.Do(t, jobs.Resume{Tenant: "acme"})
	settle(t, f)
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	require.Contains(t, cover(t, f), "before it was suspended")
	base := settle(t, f)
	require.Empty(t, cover(t, f))
	require.NotNil(t, scan[*time.Time](t, f, `SELECT unchanged_until FROM tenantry.backups WHERE id = $1`, base))

	f.Do(t, jobs.Resume{Tenant: "acme"})
	require.Empty(t, cover(t, f), "its sequences are looked at again")
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	require.Contains(t, cover(t, f), "before it was suspended", "it was open meanwhile")
	execControl(t, f, `UPDATE tenantry.backups SET evidence = jsonb_set(evidence, '{sequences}', '[]') WHERE id = $1`, base)
	require.Empty(t, cover(t, f), "without sequences all is counted")
}

// The night backs suspended tenants up, too.
func TestNightOfSuspendedTenants(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	execControl(t, f, `UPDATE tenantry.tenants SET activated_at = now() - interval '1 day'`)
	execControl(t, f, `UPDATE tenantry.settings SET value = '"0"' WHERE key = 'backup_spread'`)
	execControl(t, f, `UPDATE tenantry.schedules SET slot = now() - interval '1 hour' WHERE name = 'night'`)
	f.Succeeds(t, scan[string](t, f, `SELECT tenantry.ask_scheduled('night', $1, 'tenantry')`, time.Now().Add(-30*time.Minute)))
	require.Equal(t, 1, scan[int](t, f, `SELECT tenantry.backups_due()`))
	f.Succeeds(t, scan[string](t, f, `SELECT id FROM tenantry.operations WHERE kind = 'backup'`))
	require.Equal(t, tenants.StateSuspended, f.Tenant(t, "acme").State)
}
