package crash_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/export"
	"github.com/avenit/tenantry/tenants/backup/looks"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// Points of backups.
var (
	pointsOfBackup = []string{
		"backup.key.after", "backup.row.after", "backup.snapshot.after", "backup.data.within", "backup.data.after", "backup.contents.after", "backup.manifest.after",
	}
	pointsOfCopy    = []string{"copy.cleared", "copy.created", "copy.open", "backup.copy.gone"}
	pointsOfEmpty   = []string{"empty.cleared", "empty.created", "empty.open"}
	pointsOfData    = []string{"restore.data.before", "restore.data.after", "restore.rights.after"}
	pointsOfVerify  = []string{"verify.row.after", "verify.compared", "verify.dropped"}
	pointsOfRestore = []string{"restore.compared", "restore.analyzed", "restore.open"}
	pointsOfLook    = []string{"look.row.after", "look.schema.within", "look.rows.within", "look.committed", "look.scratch.dropped"}
	pointsOfExpire  = []string{"expire.row.after", "expire.manifest.after", "expire.objects.after", "expire.export.row.after", "expire.export.after"}
	pointsOfExport  = []string{"export.row.after", "export.snapshot.after", "export.rows.within", "export.written.after"}
	pointsOfImport  = []string{
		"import.schema.after", "import.rows.after", "import.post.after", "import.rights.after", "import.counted", "import.analyzed", "import.open",
	}
)

var pointsOfErase = []string{"purge.keys.after", "purge.objects.after"}

// erased looks that nothing of a purged tenant is left in the store, that its keys are destroyed, and that there is one certificate of it.
func erased(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	tenant := value[string](t, s, `SELECT id FROM tenantry.tenants WHERE slug = $1`, name)
	left, err := filepath.Glob(filepath.Join(strings.TrimPrefix(s.Fleet.BackupURL, "file://"), "tenants", tenant, "*", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	require.Zero(t, value[int](t, s, `SELECT count(*) FROM tenantry.backup_keys WHERE tenant_id = $1 AND sealed IS NOT NULL`, tenant))
	require.Equal(t, 1, value[int](t, s, `SELECT count(*) FROM tenantry.backups WHERE tenant_id = $1 AND deleted_at IS NOT NULL`, tenant))
	document := value[string](t, s, `SELECT document FROM tenantry.certificates WHERE tenant_id = $1`, tenant)
	trusted, err := backup.NewCatalog(s.Fleet.Registry).Trusted(t.Context())
	require.NoError(t, err)
	certificate, err := trusted.OpenCertificate("certificate", []byte(document))
	require.NoError(t, err)
	require.Len(t, certificate.Backups, 1)
	require.Len(t, certificate.Keys, 1)
	require.Len(t, certificate.Checks, 3)
}

// backupKinds is the matrix of backups.
func backupKinds() []kind {
	return []kind{
		{
			name: "backup", points: passing(pointsOfChange, pointsOfBackup, pointsOfRecord), need: needTenants,
			ask:    asking(func(slug string) jobs.Args { return jobs.Backup{Tenant: slug} }),
			tenant: tenants.StateActive, database: "assigned", after: backedUp,
		},
		{ // of a suspended tenant: of a copy, for nobody gets into its database
			name: "aside", points: passing(pointsOfChange, pointsOfBackup, pointsOfRoles, pointsOfCopy, pointsOfFence, pointsOfDrop, pointsOfRecord), need: needSuspended,
			ask:    asking(func(slug string) jobs.Args { return jobs.Backup{Tenant: slug} }),
			tenant: tenants.StateSuspended, database: "assigned", meanwhile: staysClosed, after: backedUpAside,
		},
		{
			name: "verify", points: passing(pointsOfRoles, pointsOfEmpty, pointsOfData, pointsOfVerify, pointsOfFence, pointsOfDrop, pointsOfRecord), need: needBackups,
			ask: func(t *testing.T, s *crashtest.Scene, name, _ string) string {
				t.Helper()
				return s.Fleet.Submit(t, jobs.VerifyBackup{Backup: backupOf(t, s, name)})
			},
			database: "dropped", after: isVerified,
		},
		{
			name: "restore", points: passing(pointsOfChange, pointsOfRoles, pointsOfEmpty, pointsOfData, pointsOfRestore, pointsOfRecord), need: needBackups,
			ask: func(t *testing.T, s *crashtest.Scene, name, _ string) string {
				t.Helper()
				return s.Fleet.Submit(t, jobs.Restore{Backup: backupOf(t, s, name), To: name + "-2"})
			},
			tenant: tenants.StateActive, database: "assigned",
		},
		{
			name: "in-place", points: passing(pointsOfChange, pointsOfRoles, pointsOfEmpty, pointsOfData, []string{"swap.row.after", "swap.updated", "swap.ready"}, pointsOfFence,
				[]string{"swap.closed"}, pointsOfUnfence, []string{"swap.open", "swap.swapped"}, pointsOfEnd), need: needBackups,
			ask: func(t *testing.T, s *crashtest.Scene, name, _ string) string {
				t.Helper()
				return s.Fleet.Submit(t, jobs.RestoreInPlace{Tenant: name, Backup: backupOf(t, s, name), Confirm: name})
			},
			tenant: tenants.StateActive, database: "assigned", after: replaced,
		},
		{ // in place, of a tenant whose node is lost
			name: "rescue", points: passing(pointsOfChange, pointsOfRoles, pointsOfEmpty, pointsOfData, []string{"swap.row.after", "swap.updated", "swap.ready", "swap.closed"},
				pointsOfUnfence, []string{"swap.open", "swap.swapped"}, pointsOfEnd), need: needLost,
			ask: func(t *testing.T, s *crashtest.Scene, name, _ string) string {
				t.Helper()
				return s.Fleet.Submit(t, jobs.RestoreInPlace{Tenant: name, Backup: backupOf(t, s, name), Confirm: name})
			},
			tenant: tenants.StateActive, database: "assigned", after: rescued,
		},
		{
			name: "undo", points: passing(pointsOfChange, []string{"swap.row.after", "swap.ready"}, pointsOfFence, []string{"swap.closed"}, pointsOfUnfence,
				[]string{"swap.open", "swap.swapped"}, pointsOfEnd), need: needReplaced,
			ask:    asking(func(slug string) jobs.Args { return jobs.UndoRestore{Tenant: slug, Confirm: slug} }),
			tenant: tenants.StateActive, database: "assigned", after: replaced,
		},
		{
			name: "look", points: passing(pointsOfChange, pointsOfRoles, pointsOfEmpty, pointsOfData, pointsOfLook, pointsOfFence, pointsOfDrop, pointsOfRecord), need: needRows,
			ask: func(t *testing.T, s *crashtest.Scene, name, _ string) string {
				t.Helper()
				return s.Fleet.Submit(t, jobs.RestoreTables{Tenant: name, Backup: backupOf(t, s, name), Tables: []string{"customers", "invoices"}})
			},
			tenant: tenants.StateActive, database: "assigned", after: looked,
		},
		{
			name: "drop-look", points: passing([]string{"look.gone"}, pointsOfChange, pointsOfEnd), need: needLooks,
			ask:    asking(func(slug string) jobs.Args { return jobs.DropRestoredTables{Tenant: slug} }),
			tenant: tenants.StateActive, database: "assigned", after: notLooked,
		},
		{
			name: "export", points: passing(pointsOfChange, pointsOfExport, pointsOfRecord), need: needTenants,
			ask:    asking(func(slug string) jobs.Args { return jobs.Export{Tenant: slug} }),
			tenant: tenants.StateActive, database: "assigned", after: isExported,
		},
		{
			name: "import", points: passing(pointsOfChange, []string{"import.checked"}, pointsOfRoles, pointsOfEmpty, pointsOfImport, pointsOfRecord), need: needExports,
			ask: func(t *testing.T, s *crashtest.Scene, name, _ string) string {
				t.Helper()
				return s.Fleet.Submit(t, jobs.Import{File: uploadExport(t, s, name), Release: fleettest.Release, To: name + "-2"})
			},
			tenant: tenants.StateActive, database: "assigned",
		},
		{
			name: "cover", points: passing(pointsOfChange, []string{"cover.recorded"}, pointsOfEnd), need: needUnchanged,
			ask:      asking(func(slug string) jobs.Args { return jobs.CoverBackups{Only: slug} }),
			database: "assigned", after: isCovered,
		},
		{
			name: "measure", points: passing(pointsOfChange, []string{"measure.recorded", "measure.forgotten"}, pointsOfEnd), need: needMeasured,
			ask: func(t *testing.T, s *crashtest.Scene, _, _ string) string {
				t.Helper()
				return s.Fleet.Submit(t, jobs.Measure{})
			},
			before: somethingDone, after: isMeasured, database: "assigned",
		},
		{
			name: "expire", points: passing(pointsOfExpire, pointsOfEnd), need: needExpiring,
			ask: func(t *testing.T, s *crashtest.Scene, _, _ string) string {
				t.Helper()
				return s.Fleet.Submit(t, jobs.ExpireBackups{})
			},
			before: twoBackups, after: oneExpired, database: "assigned",
		},
	}
}

// rowsOfLook is how many rows a backup of needRows has in its table.
const rowsOfLook = 50

// needRows makes tenants with rows, and a backup of each.
func needRows(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	noVerifying(t, s)
	needTenants(t, s, names)
	for _, name := range names {
		_, err := s.Fleet.Connect(t, name, tenants.RoleApp).Exec(t.Context(), `
			INSERT INTO customers (name, email) SELECT 'c', i || '@example.com' FROM generate_series(1, $1::integer) i`, rowsOfLook)
		require.NoError(t, err)
	}
	all(t, s, names, func(name string) string { return s.Fleet.Submit(t, jobs.Backup{Tenant: name}) })
}

// needLooks makes tenants of which tables of a backup are restored for a look, twice.
func needLooks(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	needRows(t, s, names)
	for range 2 {
		all(t, s, names, func(name string) string {
			return s.Fleet.Submit(t, jobs.RestoreTables{Tenant: name, Backup: backupOf(t, s, name), Tables: []string{"customers"}})
		})
	}
}

// looked looks that there is one schema of restored tables, with all rows, and that the control database knows it.
func looked(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	require.Len(t, schemasOfLooks(t, s, name), 1)
	list, err := looks.List(t.Context(), s.Fleet.Pool, s.Fleet.Tenant(t, name).ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "there", list[0].State)
	require.Equal(t, int64(rowsOfLook), *list[0].Rows)
	require.Equal(t, 2, *list[0].Tables)
	var rows int
	require.NoError(t, s.Fleet.Connect(t, name, tenants.RoleReadOnly).QueryRow(t.Context(), `SELECT count(DISTINCT id) FROM `+list[0].Schema+`.customers`).Scan(&rows))
	require.Equal(t, rowsOfLook, rows)
}

func notLooked(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	require.Empty(t, schemasOfLooks(t, s, name))
	require.Equal(t, 2, value[int](t, s, `SELECT count(*) FROM tenantry.looks WHERE tenant_id = $1 AND state = 'gone'`, s.Fleet.Tenant(t, name).ID))
}

func schemasOfLooks(t *testing.T, s *crashtest.Scene, name string) (schemas []string) {
	t.Helper()
	require.NoError(t, s.Fleet.Connect(t, name, tenants.RoleReadOnly).QueryRow(t.Context(), `
		SELECT coalesce(array_agg(nspname::text), '{}') FROM pg_namespace WHERE starts_with(nspname, $1)`, tenants.LookPrefix).Scan(&schemas))
	return schemas
}

// needReplaced makes tenants that a backup was restored into.
func needReplaced(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	needBackups(t, s, names)
	all(t, s, names, func(name string) string {
		return s.Fleet.Submit(t, jobs.RestoreInPlace{Tenant: name, Backup: backupOf(t, s, name), Confirm: name})
	})
}

// needLost makes tenants with a backup each, on a node that is lost then.
func needLost(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	noVerifying(t, s)
	lost := s.Fleet.NodeAt(t, fleettest.SecondServerURL(t), "lost")
	all(t, s, names, func(name string) string { return s.Fleet.Submit(t, jobs.Provision{Slug: name, Node: lost.Name}) })
	all(t, s, names, func(name string) string { return s.Fleet.Submit(t, jobs.Backup{Tenant: name}) })
	_, err := s.Fleet.Registry.LoseNode(t.Context(), lost.ID)
	require.NoError(t, err)
}

// rescued looks that the tenant lives on the scene's node, which lets it in, and that nobody believes to know what it had.
func rescued(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	require.Equal(t, s.Node.Name, s.Fleet.Tenant(t, name).Node)
	_, err := s.Fleet.Connect(t, name, tenants.RoleApp).Exec(t.Context(), `INSERT INTO customers (name, email) VALUES ('x', 'x@example.com')`)
	require.NoError(t, err)
	require.Equal(t, 1, value[int](t, s, `
		SELECT count(*) FROM tenantry.swaps w JOIN tenantry.databases d ON d.id = w.old_database_id JOIN tenantry.tenants t ON t.id = w.tenant_id
		WHERE t.slug = $1 AND d.state = 'lost' AND w.keep_until IS NULL`, name))
	require.Equal(t, 1, value[int](t, s, `SELECT count(*) FROM tenantry.databases d JOIN tenantry.tenants t ON t.id = d.tenant_id WHERE t.slug = $1 AND d.state <> 'lost'`, name))
}

// replaced looks that the tenant lives in another database than the operation was asked about, which lets it in, and that the old one is closed.
func replaced(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	_, err := s.Fleet.Connect(t, name, tenants.RoleApp).Exec(t.Context(), `INSERT INTO customers (name, email) VALUES ('x', 'x@example.com')`)
	require.NoError(t, err)
	require.Equal(t, 1, value[int](t, s, `
		SELECT count(*) FROM tenantry.databases d JOIN tenantry.tenants t ON t.id = d.tenant_id
		WHERE t.slug = $1 AND d.state = 'retained' AND NOT (SELECT p.datallowconn FROM pg_database p WHERE p.datname = d.name)`, name))
	require.Equal(t, 1, value[int](t, s, `SELECT count(*) FROM tenantry.databases d JOIN tenantry.tenants t ON t.id = d.tenant_id WHERE t.slug = $1 AND d.state <> 'retained'`, name))
}

// needBackups makes tenants with a backup each. Nothing is verified but what a cell asks for.
func needBackups(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	noVerifying(t, s)
	needTenants(t, s, names)
	all(t, s, names, func(name string) string { return s.Fleet.Submit(t, jobs.Backup{Tenant: name}) })
}

// needUnchanged makes tenants that have not changed since their backup, as if that were an hour old and verified.
func needUnchanged(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	noVerifying(t, s)
	needTenants(t, s, names)
	<-time.After(2 * time.Second) // what provisioning has changed is counted by then
	all(t, s, names, func(name string) string { return s.Fleet.Submit(t, jobs.Backup{Tenant: name}) })
	control(t, s, `UPDATE tenantry.backups SET outcome = 'verified', verified_at = now(), taken_at = taken_at - interval '1 hour'`)
}

func isCovered(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	if !value[bool](t, s, `SELECT coalesce(unchanged_until > taken_at, false) FROM tenantry.backups WHERE id = $1`, backupOf(t, s, name)) {
		// Autovacuum has written statistics meanwhile, which are rows as well.
		require.Contains(t, value[string](t, s, `SELECT result::text FROM tenantry.operations WHERE kind = 'cover_backups' AND args ->> 'only' = $1 AND state = 'succeeded'`, name), "rows were inserted")
	}
}

// needMeasured makes tenants that were measured once.
func needMeasured(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	needTenants(t, s, names)
	s.Fleet.Do(t, jobs.Measure{})
	control(t, s, `CREATE TABLE first_look AS SELECT tenant_id, counters FROM tenantry.measured`)
}

// somethingDone writes rows, and makes statistics that have been kept for long enough.
func somethingDone(t *testing.T, s *crashtest.Scene, name, _ string) {
	t.Helper()
	conn := s.Fleet.Connect(t, name, tenants.RoleApp)
	_, err := conn.Exec(t.Context(), `INSERT INTO customers (name, email) SELECT 'c', i || '@example.com' FROM generate_series(1, 100) i`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	control(t, s, `INSERT INTO tenantry.tenant_days (tenant_id, day, bytes, whole, measured_at) VALUES ($1, '2020-01-01', 1, true, now())`, s.Fleet.Tenant(t, name).ID)
}

// isMeasured looks that all that was done since the first look is counted once.
func isMeasured(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	id := s.Fleet.Tenant(t, name).ID
	require.Zero(t, value[int](t, s, `SELECT count(*) FROM tenantry.tenant_days WHERE day = '2020-01-01'`))
	require.Equal(t,
		value[int64](t, s, `SELECT (m.counters ->> 'rows_written')::bigint - (f.counters ->> 'rows_written')::bigint FROM tenantry.measured m JOIN first_look f USING (tenant_id) WHERE tenant_id = $1`, id),
		value[int64](t, s, `SELECT sum(rows_written)::bigint FROM tenantry.tenant_days WHERE tenant_id = $1`, id))
}

func noVerifying(t *testing.T, s *crashtest.Scene) {
	t.Helper()
	control(t, s, `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
}

func backupOf(t *testing.T, s *crashtest.Scene, tenant string) string {
	t.Helper()
	return value[string](t, s, `
		SELECT max(b.id) FROM tenantry.backups b JOIN tenantry.tenants t ON t.id = b.tenant_id WHERE t.slug = $1 AND b.state = 'complete'`, tenant)
}

// backedUp looks that there is one backup, that nothing else is in the store, and that it restores.
func backedUp(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	noVerifying(t, s)
	id := backupOf(t, s, name)
	require.Equal(t, 1, value[int](t, s, `SELECT count(*) FROM tenantry.backups WHERE tenant_id = (SELECT tenant_id FROM tenantry.backups WHERE id = $1)`, id))
	require.Len(t, objectsOf(t, s, id), 3, "data, contents, manifest")
	s.Fleet.Do(t, jobs.VerifyBackup{Backup: id})
}

// needSuspended makes tenants that are suspended.
func needSuspended(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	needing(func(slug string) jobs.Args { return jobs.Suspend{Tenant: slug} })(t, s, names)
}

// staysClosed looks that no role of a suspended tenant gets in anywhere, neither into its database nor into a copy of that.
func staysClosed(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	database := s.Fleet.Tenant(t, name).Database
	require.Zero(t, value[int](t, s, `
		SELECT count(*)
		FROM pg_database d
		CROSS JOIN pg_roles r
		WHERE d.datallowconn AND d.datname ~ '^t_' AND r.rolname ~ ('^' || $1 || '_') AND (d.datname = $1 OR has_database_privilege(r.oid, d.oid, 'CONNECT'))`, database))
}

func backedUpAside(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	staysClosed(t, s, name)
	backedUp(t, s, name)
	require.Zero(t, value[int](t, s, `SELECT count(*) FROM tenantry.databases WHERE state = 'scratch'`))
}

func objectsOf(t *testing.T, s *crashtest.Scene, id string) []string {
	t.Helper()
	objects, err := filepath.Glob(filepath.Join(strings.TrimPrefix(s.Fleet.BackupURL, "file://"), "tenants", "*", id, "*"))
	require.NoError(t, err)
	return objects
}

func isVerified(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	require.Equal(t, "verified", value[string](t, s, `SELECT outcome FROM tenantry.backups WHERE id = $1`, backupOf(t, s, name)))
}

// needExpiring makes a tenant, of which one backup is kept.
func needExpiring(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	noVerifying(t, s)
	control(t, s, `UPDATE tenantry.settings SET value = '{"last": 1}' WHERE key = 'backup_retention'`)
	needTenants(t, s, names)
}

// twoBackups makes two, of which the newer is verified, an export whose time is over, and something that a backup that failed has left.
func twoBackups(t *testing.T, s *crashtest.Scene, name, _ string) {
	t.Helper()
	withWorker(t, s, func() {
		s.Fleet.Do(t, jobs.Backup{Tenant: name})
		s.Fleet.Do(t, jobs.Backup{Tenant: name})
		s.Fleet.Do(t, jobs.VerifyBackup{Backup: backupOf(t, s, name)})
		s.Fleet.Do(t, jobs.Export{Tenant: name})
	})
	control(t, s, `UPDATE tenantry.exports SET expires_at = now() WHERE tenant_id = $1`, s.Fleet.Tenant(t, name).ID)
	dead := value[string](t, s, `
		INSERT INTO tenantry.backups (tenant_id, state, store, key_id)
		SELECT tenant_id, 'failed', store, key_id FROM tenantry.backups WHERE id = $1
		RETURNING id`, backupOf(t, s, name))
	folder := filepath.Join(filepath.Dir(filepath.Dir(objectsOf(t, s, backupOf(t, s, name))[0])), dead)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "1.data"), []byte("half a dump"), 0o600))
}

func oneExpired(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	for state, want := range map[string]int{"complete": 3, "gone": 0, "failed": 0} {
		ids := value[[]string](t, s, `
			SELECT coalesce(array_agg(b.id), '{}') FROM tenantry.backups b JOIN tenantry.tenants t ON t.id = b.tenant_id WHERE t.slug = $1 AND b.state = $2`, name, state)
		require.Len(t, ids, 1, state)
		require.Len(t, objectsOf(t, s, ids[0]), want, state)
	}
	require.Equal(t, "gone", exportOf(t, s, name).State)
	require.Empty(t, exportObjects(t, s, name))
}

// needExports makes tenants with an export each.
func needExports(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	needTenants(t, s, names)
	all(t, s, names, func(name string) string { return s.Fleet.Submit(t, jobs.Export{Tenant: name}) })
}

// exportOf reads a tenant's one export.
func exportOf(t *testing.T, s *crashtest.Scene, name string) export.Row {
	t.Helper()
	list, err := export.List(t.Context(), s.Fleet.Pool, export.Filter{Tenant: s.Fleet.Tenant(t, name).ID, All: true})
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
}

func exportObjects(t *testing.T, s *crashtest.Scene, name string) []string {
	t.Helper()
	objects, err := filepath.Glob(filepath.Join(strings.TrimPrefix(s.Fleet.BackupURL, "file://"), "tenants", s.Fleet.Tenant(t, name).ID, "exports", "*"))
	require.NoError(t, err)
	return objects
}

// uploadExport uploads a tenant's export for an import.
func uploadExport(t *testing.T, s *crashtest.Scene, name string) (id string) {
	t.Helper()
	objects := exportObjects(t, s, name)
	require.Len(t, objects, 1)
	body, err := os.ReadFile(objects[0])
	require.NoError(t, err)
	id, err = export.NewUpload(t.Context(), s.Fleet.Pool)
	require.NoError(t, err)
	path := filepath.Join(strings.TrimPrefix(s.Fleet.BackupURL, "file://"), filepath.FromSlash(export.UploadKey(id)))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, body, 0o600))
	return id
}

// isExported looks that there is one export, that nothing else is in the store, that it is what its row says, and that it can be imported.
func isExported(t *testing.T, s *crashtest.Scene, name string) {
	t.Helper()
	e := exportOf(t, s, name)
	require.Equal(t, "complete", e.State)
	objects := exportObjects(t, s, name)
	require.Len(t, objects, 1)
	require.True(t, strings.HasSuffix(objects[0], filepath.FromSlash(*e.Object)), "%s, %s", objects[0], *e.Object)
	body, err := os.ReadFile(objects[0])
	require.NoError(t, err)
	sum := sha256.Sum256(body)
	require.Equal(t, *e.SHA256, hex.EncodeToString(sum[:]))
	s.Fleet.Do(t, jobs.Import{File: uploadExport(t, s, name), Release: fleettest.Release, To: name + "-in"})
}
