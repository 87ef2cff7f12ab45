package bench_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/pgtools"
	"github.com/avenit/tenantry/workers/fleettest"
)

// rowsOfTenant makes rows of about 200 bytes as a CRM has them, with two indexes.
const rowsOfTenant = `
CREATE TABLE contacts (id bigint PRIMARY KEY, name text NOT NULL, email text NOT NULL, city text, balance numeric(12,2), made timestamptz, note text, active boolean);
INSERT INTO contacts
SELECT i, 'Contact ' || md5(i::text), md5((i * 7)::text) || '@example.com', (ARRAY['Berlin','Paris','Rome','Madrid','Oslo'])[1 + i %% 5], (i * 37 %% 1000000) / 100.0,
       timestamptz '2026-01-01' + i * interval '1 second', 'called, will call back; ' || md5((i * 13)::text) || ' ' || repeat('x', i %% 40), i %% 3 = 0
FROM generate_series(1, %d) i;
CREATE INDEX ON contacts (email); CREATE INDEX ON contacts (city, made);
ANALYZE`

// backupBench is a fleet with one large tenant.
type backupBench struct {
	fleet *fleettest.Fleet
	tools pgtools.Tools
	mb    int
}

func newBackupBench(t *testing.T) backupBench {
	t.Helper()
	b := backupBench{fleet: fleettest.New(t), mb: size(1000, 10)}
	b.fleet.Node(t, "n1")
	_, err := b.fleet.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	require.NoError(t, err)
	b.fleet.Worker(t)
	b.fleet.Do(t, jobs.Provision{Slug: "large"})
	conn := b.fleet.Connect(t, "large", tenants.RoleMigrator)
	const bytesOfRow = 340 // of the database, with indexes
	_, err = conn.PgConn().Exec(t.Context(), "SET ROLE "+b.fleet.Tenant(t, "large").Database+"_owner;"+fmt.Sprintf(rowsOfTenant, b.mb<<20/bytesOfRow)).ReadAll()
	require.NoError(t, err)
	installed, err := pgtools.Find(t.Context(), "")
	require.NoError(t, err)
	b.tools, err = installed.ForServer(15, 0)
	require.NoError(t, err)
	return b
}

func (b backupBench) url(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(fleettest.ServerURL(t))
	require.NoError(t, err)
	u.Path = "/" + database
	return u.String()
}

func shell(t *testing.T, script string) time.Duration {
	t.Helper()
	begun := time.Now()
	out, err := exec.CommandContext(t.Context(), "bash", "-c", "set -o pipefail; "+script).CombinedOutput()
	require.NoError(t, err, string(out))
	return time.Since(begun)
}

// A tenant of 1 GB into the store, encrypted and added up, against pg_dump and zstd into a file; and back, against pg_restore with two jobs.
func TestBenchBackup(t *testing.T) {
	b := newBackupBench(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "bare.zst")
	database := b.fleet.Tenant(t, "large").Database
	dump := fmt.Sprintf("%s -Fc -Z0 '%s' | zstd -q -f -o %s", b.tools.Dump(), b.url(t, database), file)
	shell(t, dump) // both sides find the table in memory
	var ours, theirs []time.Duration
	rounds := size(3, 1)
	if rounds > 10 {
		rounds = 3
	}
	for range rounds {
		begun := time.Now()
		b.fleet.Do(t, jobs.Backup{Tenant: "large"})
		ours = append(ours, time.Since(begun))
		theirs = append(theirs, shell(t, dump))
	}
	var bytes int64
	require.NoError(t, b.fleet.Pool.QueryRow(t.Context(), `SELECT max(bytes) FROM tenantry.backups`).Scan(&bytes))
	info, err := os.Stat(file)
	require.NoError(t, err)
	ratio := float64(quantile(theirs, .5)) / float64(quantile(ours, .5))
	report(t, row{
		fmt.Sprintf("backup of a tenant of %d MB, encrypted, with checksums, p50 (%d MB stored)", b.mb, bytes>>20), seconds(quantile(ours, .5)),
		fmt.Sprintf("pg_dump -Fc -Z0 | zstd, %s (%d MB)", seconds(quantile(theirs, .5)), info.Size()>>20), fmt.Sprintf("%.2f", ratio), "≥ 0.85", ratio >= .85,
	})
	b.restore(t, dir, rounds)
}

func (b backupBench) restore(t *testing.T, dir string, rounds int) {
	t.Helper()
	custom := filepath.Join(dir, "bare.dump")
	shell(t, fmt.Sprintf("%s -Fc -Z0 '%s' > %s", b.tools.Dump(), b.url(t, b.fleet.Tenant(t, "large").Database), custom))
	var id string
	require.NoError(t, b.fleet.Pool.QueryRow(t.Context(), `SELECT max(id) FROM tenantry.backups`).Scan(&id))
	var ours, theirs []time.Duration
	for i := range rounds {
		begun := time.Now()
		b.fleet.Do(t, jobs.VerifyBackup{Backup: id})
		var restored float64
		require.NoError(t, b.fleet.Pool.QueryRow(t.Context(), `SELECT restore_seconds FROM tenantry.backups WHERE id = $1`, id).Scan(&restored))
		ours = append(ours, time.Duration(restored*float64(time.Second)))
		t.Logf("verified in %s", seconds(time.Since(begun)))
		name := fmt.Sprintf("bare_restore_%d", i)
		psql := strings.Replace(b.tools.Dump(), "pg_dump", "psql", 1)
		shell(t, fmt.Sprintf("%s -q '%s' -c 'CREATE DATABASE %s TEMPLATE template0'", psql, fleettest.ServerURL(t), name))
		theirs = append(theirs, shell(t, fmt.Sprintf("%s -j2 --no-owner --no-acl -d '%s' %s", b.tools.Restore(), b.url(t, name), custom)))
		shell(t, fmt.Sprintf("%s -q '%s' -c 'DROP DATABASE %s'", psql, fleettest.ServerURL(t), name))
	}
	ratio := float64(quantile(theirs, .5)) / float64(quantile(ours, .5))
	report(t, row{
		fmt.Sprintf("restore of a tenant of %d MB, p50", b.mb), seconds(quantile(ours, .5)), "pg_restore -j2 of a file, " + seconds(quantile(theirs, .5)),
		fmt.Sprintf("%.2f", ratio), "≥ 0.85", ratio >= .85,
	})
}

// Small tenants, as many at a time as is best for the other side, which logs in as we do: as a role that may do nothing else. A superuser's dumps of them
// cost the server less, for nothing is asked of him.
func TestBenchSmallBackups(t *testing.T) {
	n := size(200, 8)
	f := fleettest.New(t)
	f.Node(t, "n1")
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	require.NoError(t, err)
	f.Worker(t)
	ids := make([]string, n)
	var same, superuser strings.Builder
	for i := range ids {
		made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: fmt.Sprintf("small-%d", i)}, nil)
		require.NoError(t, err)
		f.Succeeds(t, made.OperationID)
		ids[i] = made.TenantID
		migrator, err := f.Registry.TenantURL(t.Context(), made.TenantID, tenants.RoleMigrator, true)
		require.NoError(t, err)
		_, _ = fmt.Fprintf(&same, "%s %s --role=%[1]s_owner\n", made.Database, migrator)
		_, _ = fmt.Fprintf(&superuser, "%s %s --no-password\n", made.Database, backupBench{fleet: f}.url(t, made.Database))
	}
	theirs, bare := dumpAll(t, same.String()), dumpAll(t, superuser.String())
	begun := time.Now()
	args := make([]jobs.Args, n)
	for i, id := range ids {
		args[i] = jobs.Backup{Tenant: id}
	}
	ops, err := f.Jobs.SubmitMany(t.Context(), args, nil)
	require.NoError(t, err)
	for _, id := range ops {
		f.Succeeds(t, id)
	}
	ours := time.Since(begun)
	ratio := theirs.Seconds() / ours.Seconds()
	report(t, row{
		fmt.Sprintf("backup of %d small tenants", n), seconds(ours), "xargs with pg_dump | zstd, the best of 1 to 4 at a time, " + seconds(theirs),
		fmt.Sprintf("%.2f", ratio), "≥ 0.85", ratio >= .85,
	})
	report(t, row{"the same", seconds(ours), "the same as a superuser, " + seconds(bare), fmt.Sprintf("%.2f", bare.Seconds()/ours.Seconds()), "–", true})
}

// A night in which nine of ten tenants have not changed, against one in which each is dumped.
func TestBenchNight(t *testing.T) {
	n := size(200, 10)
	f := fleettest.New(t)
	f.Node(t, "n1")
	control := func(sql string) {
		_, err := f.Pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	control(`UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	f.Worker(t)
	ids := make([]string, n)
	for i := range ids {
		made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: fmt.Sprintf("night-%d", i)}, nil)
		require.NoError(t, err)
		f.Succeeds(t, made.OperationID)
		ids[i] = made.TenantID
	}
	back := func(which []string) {
		t.Helper()
		args := make([]jobs.Args, len(which))
		for i, id := range which {
			args[i] = jobs.Backup{Tenant: id}
		}
		ops, err := f.Jobs.SubmitMany(t.Context(), args, nil)
		require.NoError(t, err)
		for _, id := range ops {
			f.Succeeds(t, id)
		}
	}
	<-time.After(2 * time.Second) // all that provisioning did is counted
	begun := time.Now()
	back(ids)
	all := time.Since(begun)
	control(`UPDATE tenantry.backups SET outcome = 'verified', verified_at = now(), taken_at = taken_at - interval '1 hour'`)
	for i := range n / 10 {
		conn := f.Connect(t, fmt.Sprintf("night-%d", i), tenants.RoleApp)
		_, err := conn.Exec(t.Context(), `INSERT INTO customers (name, email) VALUES ('new', 'new@example.com')`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
	<-time.After(time.Second)
	begun = time.Now()
	f.Do(t, jobs.CoverBackups{})
	rows, err := f.Pool.Query(t.Context(), `SELECT tenant_id FROM tenantry.backups WHERE unchanged_until IS NULL`)
	require.NoError(t, err)
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(left), n/10)
	require.Less(t, len(left), n/2, "autovacuum may have written statistics in some of the others")
	back(left)
	some := time.Since(begun)
	ratio := all.Seconds() / some.Seconds()
	report(t, row{
		fmt.Sprintf("a night in which %d of %d tenants have changed", len(left), n), seconds(some), "dumping all, " + seconds(all), fmt.Sprintf("%.1f", ratio), "≥ 5", ratio >= 5,
	})
}

// dumpAll dumps databases under xargs: a line each of its name, its URL, and one more argument.
func dumpAll(t *testing.T, list string) time.Duration {
	t.Helper()
	installed, err := pgtools.Find(t.Context(), "")
	require.NoError(t, err)
	tools, err := installed.ForServer(15, 0)
	require.NoError(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "list")
	require.NoError(t, os.WriteFile(file, []byte(list), 0o600))
	var best time.Duration
	for p := range 4 {
		took := shell(t, fmt.Sprintf(`xargs -P%d -L1 bash -c 'set -o pipefail; %s -Fc -Z0 "$2" "$1" | zstd -q -f -o %s/$0.zst' < %s`, p+1, tools.Dump(), dir, file))
		if best == 0 || took < best {
			best = took
		}
	}
	return best
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
