package workers_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers/fleettest"
)

// cover asks of acme what the night asks first: "" is that it has not changed.
func cover(t *testing.T, f *fleettest.Fleet) (why string) {
	t.Helper()
	op := f.Do(t, jobs.CoverBackups{Only: "acme"})
	var got struct {
		Covered int
		Changed []struct{ Tenant, Why string }
	}
	require.NoError(t, json.Unmarshal(op.Result, &got))
	if got.Covered == 1 {
		require.Empty(t, got.Changed)
		return ""
	}
	require.Len(t, got.Changed, 1)
	require.Equal(t, "acme", got.Changed[0].Tenant)
	require.NotEmpty(t, got.Changed[0].Why)
	return got.Changed[0].Why
}

// settle makes a verified backup of acme, as if it were an hour old, that covers the tenant from now on: what was counted late has been counted by then.
func settle(t *testing.T, f *fleettest.Fleet) (base string) {
	t.Helper()
	require.Eventually(t, func() bool {
		f.Do(t, jobs.Backup{Tenant: "acme"})
		base = newestBackup(t, f).ID
		execControl(t, f, `UPDATE tenantry.backups SET outcome = 'verified', verified_at = now(), taken_at = CASE WHEN id = $1 THEN now() - interval '1 hour' ELSE taken_at - interval '1 day' END WHERE state = 'complete'`, base)
		return cover(t, f) == ""
	}, 2*time.Minute, time.Millisecond)
	return base
}

// changeAndLeave runs SQL as acme's owner, in a session that has ended for the server when it returns.
func changeAndLeave(t *testing.T, f *fleettest.Fleet, sql string) {
	t.Helper()
	conn := f.Connect(t, "acme", tenants.RoleMigrator)
	execIn(t, conn, "SET ROLE "+f.Tenant(t, "acme").Database+"_owner")
	execIn(t, conn, sql)
	pid := conn.PgConn().PID()
	require.NoError(t, conn.Close(t.Context()))
	watch, err := pgx.Connect(t.Context(), fleettest.ServerURL(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, watch.Close(t.Context())) }()
	require.Eventually(t, func() bool {
		var there bool
		err := watch.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)`, pid).Scan(&there)
		return err == nil && !there
	}, 10*time.Second, 5*time.Millisecond)
}

// Whatever of a tenant is in a backup: when it changes, its backup does not stand for it any more. When nothing changes it does, and it is said up to when.
func TestUnchangedTenantsAreCovered(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	changeAndLeave(t, f, `CREATE SEQUENCE numbers; CREATE SEQUENCE set_later; CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM customers`)
	require.Contains(t, cover(t, f), "not verified")
	base := settle(t, f)
	f.Connect(t, "acme", tenants.RoleApp) // a session that rests
	begun := time.Now()
	require.Empty(t, cover(t, f))
	until := scan[time.Time](t, f, `SELECT unchanged_until FROM tenantry.backups WHERE id = $1`, base)
	require.Less(t, until, begun.Add(-time.Minute), "what was committed within the last minute may not be counted yet")
	require.Greater(t, until, begun.Add(-2*time.Minute))
	status, err := backup.NewCatalog(f.Registry).Status(t.Context(), f.Tenant(t, "acme").ID)
	require.NoError(t, err)
	require.WithinDuration(t, until, *status[0].Verified, time.Millisecond, "it is what the tenant has")

	for _, change := range []string{
		`INSERT INTO customers (name, email) VALUES ('one', 'one@example.com')`,
		`UPDATE customers SET name = 'two' WHERE name = 'one'`,
		`DELETE FROM customers WHERE name = 'two'`,
		`TRUNCATE customers CASCADE`,
		`SELECT nextval('numbers')`,
		`SELECT setval('set_later', 5, false)`,
		`COMMENT ON TABLE customers IS 'those who pay'`,
		`GRANT SELECT (name) ON customers TO PUBLIC`,
		`ALTER TABLE customers ADD COLUMN grade integer DEFAULT 3`,
		`REFRESH MATERIALIZED VIEW totals`,
		`SELECT lo_from_bytea(0, 'large')`,
		`ALTER DATABASE ` + f.Tenant(t, "acme").Database + ` SET search_path = 'public'`,
	} {
		changeAndLeave(t, f, change)
		require.NotEmpty(t, cover(t, f), change)
		base = settle(t, f)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimPrefix(f.BackupURL, "file://"), "tenants", "*", base, "*.data"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, os.Rename(files[0], files[0]+".away"))
	require.Contains(t, cover(t, f), "is not in the store")
	require.NoError(t, os.Rename(files[0]+".away", files[0]))
	require.Empty(t, cover(t, f))
	execControl(t, f, `UPDATE tenantry.settings SET value = '"0"' WHERE key = 'backup_unchanged'`)
	require.NotEmpty(t, cover(t, f), "switched off")
	op := f.Ends(t, f.Submit(t, jobs.CoverBackups{Only: "nobody"}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message, "nobody")
}

// A procedure that has committed and goes on has not counted that yet: nothing is claimed of the time since it began.
func TestUnchangedWhileASessionIsBusy(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	changeAndLeave(t, f, `CREATE PROCEDURE slowly(seconds float) LANGUAGE plpgsql AS
		'BEGIN UPDATE customers SET name = ''late'' WHERE id = 1; COMMIT; PERFORM pg_sleep(seconds); END'`)
	base := settle(t, f)
	conn := f.Connect(t, "acme", tenants.RoleMigrator)
	execIn(t, conn, "SET ROLE "+f.Tenant(t, "acme").Database+"_owner; SET statement_timeout = 0")
	var began time.Time
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&began))
	ended := make(chan error, 1)
	go func() {
		_, err := conn.PgConn().Exec(t.Context(), `CALL slowly(5)`).ReadAll()
		ended <- err
	}()
	app := f.Connect(t, "acme", tenants.RoleApp)
	require.Eventually(t, func() bool {
		var n int
		err := app.QueryRow(t.Context(), `SELECT count(*) FROM customers WHERE name = 'late'`).Scan(&n)
		return err == nil && n == 1
	}, 10*time.Second, 5*time.Millisecond, "it has committed")
	require.Empty(t, cover(t, f), "it is not counted yet")
	require.Less(t, scan[time.Time](t, f, `SELECT unchanged_until FROM tenantry.backups WHERE id = $1`, base), began.Add(-time.Minute))
	require.NoError(t, <-ended)
	require.Eventually(t, func() bool { return cover(t, f) != "" }, 20*time.Second, 100*time.Millisecond, "it is counted by now")
}

// The night: first it is looked who has not changed, then the others are backed up, each once.
func TestNight(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Provision{Slug: "busy"})
	base := settle(t, f)
	execControl(t, f, `UPDATE tenantry.tenants SET activated_at = now() - interval '1 day'`)
	execControl(t, f, `UPDATE tenantry.settings SET value = '"0"' WHERE key = 'backup_spread'`)
	asked := func() int { t.Helper(); return scan[int](t, f, `SELECT tenantry.backups_due()`) }
	// The night began half an hour ago.
	execControl(t, f, `UPDATE tenantry.schedules SET slot = now() - interval '1 hour' WHERE name = 'night'`)
	slot := time.Now().Add(-30 * time.Minute)
	require.Zero(t, asked(), "it has not begun")
	cover := scan[string](t, f, `SELECT tenantry.ask_scheduled('night', $1, 'tenantry')`, slot)
	f.Succeeds(t, cover)
	require.Equal(t, 1, asked())
	require.Zero(t, asked(), "once")
	night := scan[string](t, f, `SELECT o.id FROM tenantry.operations o JOIN tenantry.tenants t ON t.id = o.tenant_id WHERE t.slug = 'busy' AND o.kind = 'backup'`)
	f.Succeeds(t, night)
	require.Equal(t, base, scan[string](t, f, `
		SELECT b.id FROM tenantry.backups b JOIN tenantry.tenants t ON t.id = b.tenant_id WHERE t.slug = 'acme' ORDER BY b.created_at DESC LIMIT 1`))

	execControl(t, f, `UPDATE tenantry.settings SET value = '"0"' WHERE key = 'backup_unchanged'`)
	execControl(t, f, `UPDATE tenantry.backups SET unchanged_until = NULL`)
	f.Succeeds(t, scan[string](t, f, `SELECT tenantry.ask_scheduled('night', $1, 'tenantry')`, slot.Add(time.Minute)))
	require.Equal(t, 1, asked(), "switched off: nobody is covered; who was backed up after the slot is not again")
}

// What is known of the time up to which everything is counted.
func TestCounted(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	acme := f.Tenant(t, "acme")
	admin := provision.NewAdmin(f.Registry, 2)
	t.Cleanup(admin.Close)
	prov := provision.New(f.Registry, admin, nil)
	node, err := f.Registry.Nodes(t.Context())
	require.NoError(t, err)
	counted := func() provision.Counted {
		t.Helper()
		list, err := prov.Counted(t.Context(), node[0], []string{acme.Database, "there_is_none"})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.NotNil(t, list[0].Until)
		return list[0]
	}
	require.True(t, counted().Counters.Complete)

	busy := f.Connect(t, "acme", tenants.RoleApp)
	var began time.Time
	execIn(t, busy, "BEGIN")
	require.NoError(t, busy.QueryRow(t.Context(), `SELECT now()`).Scan(&began))
	<-time.After(1500 * time.Millisecond)
	got := counted()
	require.LessOrEqual(t, *got.Until, began.Add(-time.Minute))
	require.Greater(t, got.At.Sub(*got.Until), 62*time.Second, "a transaction is open since then")
	execIn(t, busy, "COMMIT")
}
