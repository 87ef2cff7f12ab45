package workers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/export"
	"github.com/avenit/tenantry/tenants/backup/looks"
	"github.com/avenit/tenantry/workers/fleettest"
)

// lookResult is a restore_tables' result.
type lookResult struct {
	Backup    string
	At        time.Time
	Schema    string
	KeptUntil time.Time `json:"kept_until"`
	Rows      int64
	Tables    []looks.Copied
}

// restoreTables restores tables of a tenant's newest backup.
func restoreTables(t *testing.T, f *fleettest.Fleet, slug string, tables ...string) lookResult {
	t.Helper()
	var result lookResult
	id := scan[string](t, f, `SELECT max(id) FROM tenantry.backups WHERE tenant_id = $1 AND state = 'complete'`, f.Tenant(t, slug).ID)
	require.NoError(t, json.Unmarshal(f.Do(t, jobs.RestoreTables{Tenant: slug, Backup: id, Tables: tables}).Result, &result))
	require.Equal(t, id, result.Backup)
	require.True(t, strings.HasPrefix(result.Schema, tenants.LookPrefix))
	nothingLeft(t, f)
	return result
}

// nothingLeft: what was restored beside is dropped, and so are its roles.
func nothingLeft(t *testing.T, f *fleettest.Fleet) {
	t.Helper()
	const scratch = `SELECT count(*) FROM tenantry.databases d JOIN tenantry.verifications v ON v.database_id = d.id JOIN tenantry.operations o ON o.id = v.operation_id WHERE o.finished_at IS NOT NULL`
	require.Zero(t, scan[int](t, f, scratch+` AND d.state <> 'dropped'`))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_database WHERE datname IN (SELECT d.name FROM tenantry.databases d WHERE d.state = 'dropped')`))
}

// in reads a value in a tenant's database under one of its roles.
func in[T any](t *testing.T, f *fleettest.Fleet, slug string, role tenants.Role, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, f.Connect(t, slug, role).QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// asOwner runs statements in the database of the tenant acme as its owner.
func asOwner(t *testing.T, f *fleettest.Fleet, sql string) {
	t.Helper()
	_, err := f.Connect(t, "acme", tenants.RoleMigrator).PgConn().Exec(t.Context(), "SET ROLE "+f.Tenant(t, "acme").Database+"_owner;"+sql).ReadAll()
	require.NoError(t, err, sql)
}

const schemasOfLooks = `SELECT coalesce(array_agg(nspname::text ORDER BY nspname), '{}') FROM pg_namespace WHERE nspname LIKE '\_tenantry\_restored\_%'`

// TestRestoreTables: tables of a backup stand beside what the tenant has, which is not touched; and go again.
func TestRestoreTables(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	asOwner(t, f, `
		CREATE TYPE mood AS ENUM ('sad', 'it''s ok'); CREATE DOMAIN positive AS numeric(9,2) CHECK (VALUE > 0);
		CREATE SCHEMA billing; CREATE TABLE billing.customers (id integer PRIMARY KEY, "No. of ""it""" integer NOT NULL DEFAULT 7); INSERT INTO billing.customers VALUES (1, 2);
		CREATE TABLE billing."Odd.Name" (m mood, ms mood[], p positive, t varchar(7), doubled numeric GENERATED ALWAYS AS (p * 2) STORED, k regclass, at timestamptz(3));
		INSERT INTO billing."Odd.Name" VALUES ('it''s ok', '{sad,"it''s ok"}', 1.50, E'a\tb', DEFAULT, 'customers', '2026-01-02 03:04:05.678+00'), (NULL, NULL, NULL, '\N', DEFAULT, NULL, 'infinity');
		CREATE TABLE events (id integer, at date) PARTITION BY RANGE (at); CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
		CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2026-01-01') TO (MAXVALUE); INSERT INTO events SELECT i, date '2025-12-01' + i FROM generate_series(1, 100) i;
		CREATE TABLE secrets (who text, what text); INSERT INTO secrets VALUES ('a', 'x'); ALTER TABLE secrets ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON secrets USING (false);
		CREATE TABLE wages (n integer); INSERT INTO wages VALUES (1);
		CREATE VIEW a_view AS SELECT * FROM customers;
		DO $$ BEGIN EXECUTE format('REVOKE ALL ON wages FROM %I', current_database() || '_app'); EXECUTE format('ALTER DATABASE %I SET search_path = billing, public', current_database()); END $$`)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	// What the tenant does meanwhile.
	asOwner(t, f, `
		DELETE FROM public.customers WHERE id > 10; DROP TABLE billing."Odd.Name"; DROP TYPE mood; DROP DOMAIN positive; DROP TABLE events;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC`)
	before := dumpOf(t, f, "acme")

	made := restoreTables(t, f, "acme", "customers", `billing."Odd.Name"`, "events", "billing.customers", "secrets", "wages", "public.customers")
	require.Equal(t, newestBackup(t, f).TakenAt.UTC(), made.At)
	require.WithinDuration(t, time.Now().Add(7*24*time.Hour), made.KeptUntil, time.Hour)
	require.Equal(t, int64(500+2+100+1+1+1), made.Rows)
	closed := map[string]string{}
	for i, c := range made.Tables {
		closed[c.As] = c.Closed
		made.Tables[i].Closed = ""
	}
	require.Equal(t, []looks.Copied{
		{Table: "public.customers", As: "public_customers", Rows: 500},
		{Table: `billing."Odd.Name"`, As: `"Odd.Name"`, Rows: 2, Changed: []string{
			"m: text instead of public.mood", "ms: text instead of public.mood[]", "p: numeric(9,2) instead of public.positive", "k: text instead of regclass",
		}},
		{Table: "public.events", As: "events", Rows: 100},
		{Table: "billing.customers", As: "billing_customers", Rows: 1},
		{Table: "public.secrets", As: "secrets", Rows: 1},
		{Table: "public.wages", As: "wages", Rows: 1},
	}, made.Tables)
	require.Contains(t, closed["secrets"], "row security")
	require.Contains(t, closed["wages"], "the application could not read")
	require.Empty(t, closed["events"])

	s := made.Schema + "."
	for _, role := range []tenants.Role{tenants.RoleApp, tenants.RoleReadOnly} {
		require.Equal(t, 500, in[int](t, f, "acme", role, `SELECT count(*) FROM `+s+`public_customers`))
		_, err := f.Connect(t, "acme", role).Exec(t.Context(), `DELETE FROM `+s+`public_customers`)
		require.ErrorContains(t, err, "permission denied", "it is for looking")
		_, err = f.Connect(t, "acme", role).Exec(t.Context(), `SELECT FROM `+s+`secrets`)
		require.ErrorContains(t, err, "permission denied", "a look opens nothing that was closed")
	}
	_, err := f.Connect(t, "acme", tenants.RoleApp).Exec(t.Context(), `SELECT FROM `+s+`wages`)
	require.ErrorContains(t, err, "permission denied")
	require.Equal(t, 1, in[int](t, f, "acme", tenants.RoleReadOnly, `SELECT n FROM `+s+`wages`))
	// Rows that were deleted can be fetched back.
	require.Equal(t, 490, in[int](t, f, "acme", tenants.RoleMigrator, `SELECT count(*) FROM `+s+`public_customers WHERE id NOT IN (SELECT id FROM public.customers)`))
	require.Equal(t, []string{
		`it's ok|{sad,"it's ok"}|1.50|a` + "\t" + `b|3.00|public.customers|2026-01-02 03:04:05.678+00`, `null|null|null|\N|null|null|infinity`,
	}, in[[]string](t, f, "acme", tenants.RoleApp, `SELECT array_agg(concat_ws('|', coalesce(m, 'null'), coalesce(ms, 'null'), coalesce(p::text, 'null'), coalesce(t, 'null'),
		coalesce(doubled::text, 'null'), coalesce(k, 'null'), at AT TIME ZONE 'UTC' || CASE WHEN at < 'infinity' THEN '+00' ELSE '' END) ORDER BY m) FROM `+s+`"Odd.Name"`))
	require.Equal(t, []string{"integer not null=false default=false", "integer not null=false default=false"}, in[[]string](t, f, "acme", tenants.RoleApp,
		`SELECT array_agg(format('%s not null=%s default=%s', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'true' ELSE 'false' END, CASE WHEN atthasdef THEN 'true' ELSE 'false' END) ORDER BY attnum)
		 FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0`, s+"billing_customers"))
	require.Zero(t, in[int](t, f, "acme", tenants.RoleApp, `SELECT count(*) FROM pg_constraint WHERE connamespace = $1::text::regnamespace`, made.Schema))
	require.Zero(t, in[int](t, f, "acme", tenants.RoleApp, `SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = $1::text::regnamespace`, made.Schema))

	// A second look stands beside the first.
	again := restoreTables(t, f, "acme", "wages")
	require.NotEqual(t, made.Schema, again.Schema)
	list, err := looks.List(t.Context(), f.Pool, f.Tenant(t, "acme").ID)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, again.Schema, list[0].Schema)
	require.Equal(t, "there", list[1].State)
	require.Equal(t, int64(605), *list[1].Rows)
	require.Equal(t, 6, *list[1].Tables)

	f.Do(t, jobs.DropRestoredTables{Tenant: "acme", Schema: again.Schema})
	require.Equal(t, []string{made.Schema}, in[[]string](t, f, "acme", tenants.RoleApp, schemasOfLooks))
	require.JSONEq(t, `{"schemas": ["`+made.Schema+`"]}`, string(f.Do(t, jobs.DropRestoredTables{Tenant: "acme"}).Result))
	require.Equal(t, before, dumpOf(t, f, "acme"), "the tenant has what it had")
	require.JSONEq(t, `{"schemas": []}`, string(f.Do(t, jobs.DropRestoredTables{Tenant: "acme"}).Result))
}

// TestRestoreTablesRoundTrip: of every table of every fixture the copy has the same rows, as text, in every column.
func TestRestoreTablesRoundTrip(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	require.NoError(t, err)
	for i, fix := range someFixtures(t) {
		t.Run(fix.name, func(t *testing.T) {
			t.Parallel()
			slug := fmt.Sprintf("fix-%d", i)
			makeFixture(t, f, slug, fix)
			// A schema may not be called like a look, and a table may have any name.
			tables := in[[]string](t, f, slug, tenants.RoleMigrator, `
				SELECT coalesce(array_agg(t), '{}')
				FROM (SELECT format('%I.%I', n.nspname, c.relname) AS t FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				      WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1 LIMIT 100) t`)
			before := dumpOf(t, f, slug)
			f.Do(t, jobs.Backup{Tenant: slug})
			made := restoreTables(t, f, slug, tables...)
			require.Len(t, made.Tables, len(tables))
			for i, c := range made.Tables {
				require.Equal(t, tables[i], c.Table)
				want := textOf(t, f, slug, tables[i])
				require.Equal(t, want, textOf(t, f, slug, made.Schema+"."+c.As), c.Table)
				require.Equal(t, c.Rows, int64(strings.Count(want, "\n")))
			}
			f.Do(t, jobs.DropRestoredTables{Tenant: slug})
			require.Equal(t, before, dumpOf(t, f, slug))
		})
	}
}

// textOf is a table's rows in PostgreSQL's words, in the order of those.
func textOf(t *testing.T, f *fleettest.Fleet, slug, table string) string {
	t.Helper()
	var text string
	superuser(t, f, slug, func(conn *pgx.Conn) {
		var out bytes.Buffer
		_, err := conn.PgConn().Exec(t.Context(), "SET search_path = pg_catalog; SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET lc_monetary = 'C'; SET extra_float_digits = 3").ReadAll()
		require.NoError(t, err)
		_, err = conn.PgConn().CopyTo(t.Context(), &out, "COPY (SELECT * FROM "+table+") TO STDOUT")
		require.NoError(t, err)
		text = strings.Join(slices.Sorted(strings.Lines(out.String())), "")
	})
	return text
}

// superuser gives a superuser's session in a tenant's database.
func superuser(t *testing.T, f *fleettest.Fleet, slug string, use func(conn *pgx.Conn)) {
	t.Helper()
	config, err := pgx.ParseConfig(fleettest.ServerURL(t))
	require.NoError(t, err)
	config.Database = f.Tenant(t, slug).Database
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	use(conn)
}

// TestRestoredTablesAreNotTheTenants: nothing that looks at what a tenant has sees them, and nothing of the tenant depends on them.
func TestRestoredTablesAreNotTheTenants(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	require.NoError(t, err)
	f.Extend(t, "moods", `CREATE TYPE mood AS ENUM ('sad')`, `CREATE TABLE moods (id integer PRIMARY KEY, m mood)`)
	f.Do(t, jobs.Provision{Slug: "acme"})
	_, err = f.Connect(t, "acme", tenants.RoleApp).Exec(t.Context(), `INSERT INTO moods VALUES (1, 'sad')`)
	require.NoError(t, err)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	first := newestBackup(t, f)
	made := restoreTables(t, f, "acme", "moods", "customers")

	// Drift.
	require.Equal(t, map[drift.State]int{drift.Clean: 1}, check(t, f, jobs.Check{Only: "acme"}))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.sizes s, jsonb_array_elements(s.tables) x WHERE x ->> 'schema' LIKE '\_tenantry\_restored%'`))
	// Releases: the type that a copied column was of goes, and so does the table.
	f.Extend(t, "happy", `DROP TABLE moods`, `DROP TYPE mood`)
	f.Do(t, jobs.Migrate{Tenant: "acme", Release: "happy"})
	require.Equal(t, map[drift.State]int{drift.Clean: 1}, check(t, f, jobs.Check{Only: "acme"}))
	require.Equal(t, "sad", in[string](t, f, "acme", tenants.RoleApp, `SELECT m FROM `+made.Schema+`.moods`))

	// Backups. So much that the rows are counted beside the dump as well.
	superuser(t, f, "acme", func(conn *pgx.Conn) {
		_, err := conn.Exec(t.Context(), `SET ROLE `+f.Tenant(t, "acme").Database+`_owner`)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), `CREATE TABLE `+made.Schema+`.filler AS SELECT repeat('x', 1900) AS x FROM generate_series(1, 40000)`)
		require.NoError(t, err)
	})
	require.Greater(t, in[int64](t, f, "acme", tenants.RoleApp, `SELECT pg_database_size(current_database())`), int64(64<<20))
	f.Do(t, jobs.Backup{Tenant: "acme"})
	second := newestBackup(t, f)
	require.Equal(t, *first.Tables-1, *second.Tables, "the table that the release has dropped")
	require.Less(t, second.Manifest.Dumped, int64(10<<20))
	f.Do(t, jobs.VerifyBackup{Backup: second.ID})
	require.Equal(t, "verified", newestBackup(t, f).Outcome)
	f.Do(t, jobs.Restore{Backup: second.ID, To: "acme-2"})
	require.Empty(t, in[[]string](t, f, "acme-2", tenants.RoleApp, schemasOfLooks))

	// Exports.
	row, body := exportOf(t, f, "acme", export.CSV)
	for name, text := range filesOf(t, body) {
		require.NotContains(t, name, "restored")
		require.NotContains(t, text, tenants.LookPrefix, name)
	}
	require.Less(t, *row.Bytes, int64(1<<20))
	f.Do(t, jobs.Import{File: upload(t, f, body), Release: "happy", To: "acme-3"})
	require.Empty(t, in[[]string](t, f, "acme-3", tenants.RoleApp, schemasOfLooks))

	// A restore in place leaves them behind with what it has replaced; they are back when that is.
	f.Do(t, jobs.RestoreInPlace{Tenant: "acme", Backup: second.ID, Confirm: "acme"})
	list, err := looks.List(t.Context(), f.Pool, "")
	require.NoError(t, err)
	require.Empty(t, list)
	require.JSONEq(t, `{"schemas": []}`, string(f.Do(t, jobs.DropRestoredTables{Tenant: "acme"}).Result))
	f.Do(t, jobs.UndoRestore{Tenant: "acme", Confirm: "acme"})
	require.JSONEq(t, `{"schemas": ["`+made.Schema+`"]}`, string(f.Do(t, jobs.DropRestoredTables{Tenant: "acme"}).Result))

	// What goes with its database is gone.
	made = restoreTables(t, f, "acme", "customers")
	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	require.Zero(t, scan[int](t, f, `SELECT tenantry.looks_due()`))
	require.Equal(t, "gone", scan[string](t, f, `SELECT state FROM tenantry.looks WHERE schema_name = $1`, made.Schema))
}

// TestRestoredTablesExpire: they go when their time is over, what a restore that was given up may have left as well, and nothing else does.
func TestRestoredTablesExpire(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	kept, over := restoreTables(t, f, "acme", "customers"), restoreTables(t, f, "acme", "customers")
	require.Zero(t, scan[int](t, f, `SELECT tenantry.looks_due()`))
	_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.looks SET expires_at = now() WHERE schema_name = $1`, over.Schema)
	require.NoError(t, err)

	// A view that somebody has made over it is not dropped along.
	asOwner(t, f, `CREATE VIEW mine AS SELECT count(*) AS n FROM `+over.Schema+`.customers; CREATE VIEW `+over.Schema+`.theirs AS SELECT 1 FROM `+over.Schema+`.customers`)
	require.Equal(t, 1, scan[int](t, f, `SELECT tenantry.looks_due()`))
	require.Zero(t, scan[int](t, f, `SELECT tenantry.looks_due()`), "it is asked for once")
	op := f.Ends(t, scan[string](t, f, `SELECT max(id) FROM tenantry.operations WHERE kind = 'drop_restored_tables'`))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Contains(t, op.Error.Message, "public.mine")
	require.NotContains(t, op.Error.Message, "theirs")
	require.Equal(t, 500, in[int](t, f, "acme", tenants.RoleReadOnly, `SELECT n FROM mine`))
	require.Zero(t, scan[int](t, f, `SELECT tenantry.looks_due()`), "not before an hour is over")
	asOwner(t, f, `DROP VIEW mine`)
	_, err = f.Pool.Exec(t.Context(), `UPDATE tenantry.operations SET finished_at = now() - interval '2 hours' WHERE id = $1`, op.ID)
	require.NoError(t, err)
	require.Equal(t, 1, scan[int](t, f, `SELECT tenantry.looks_due()`))
	f.Succeeds(t, scan[string](t, f, `SELECT max(id) FROM tenantry.operations WHERE kind = 'drop_restored_tables'`))
	require.Equal(t, []string{kept.Schema}, in[[]string](t, f, "acme", tenants.RoleApp, schemasOfLooks))

	// A restore that was cancelled: whatever it has left is dropped.
	id := scan[string](t, f, `
		WITH op AS (
		  INSERT INTO tenantry.operations (kind, tenant_id, args, state) SELECT 'restore_tables', id, '{}', 'parked' FROM tenantry.tenants WHERE slug = 'acme' RETURNING id, tenant_id
		)
		INSERT INTO tenantry.looks (operation_id, tenant_id, backup_id, database_id, schema_name)
		SELECT op.id, op.tenant_id, (SELECT max(b.id) FROM tenantry.backups b), t.database_id, '_tenantry_restored_left' FROM op JOIN tenantry.tenants t ON t.id = op.tenant_id
		RETURNING operation_id`)
	asOwner(t, f, `CREATE SCHEMA _tenantry_restored_left; CREATE TABLE _tenantry_restored_left.half (); CREATE SCHEMA _tenantry_restored_by_somebody`)
	_, err = f.Jobs.Cancel(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 1, scan[int](t, f, `SELECT tenantry.looks_due()`))
	f.Succeeds(t, scan[string](t, f, `SELECT max(id) FROM tenantry.operations WHERE kind = 'drop_restored_tables'`))
	require.Equal(t, []string{kept.Schema, "_tenantry_restored_by_somebody"}, in[[]string](t, f, "acme", tenants.RoleApp, schemasOfLooks))
}

// TestRestoreTablesRefuses: what makes no sense is refused by name, before anything is restored.
func TestRestoreTablesRefuses(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Provision{Slug: "other"})
	f.Do(t, jobs.Backup{Tenant: "acme"})
	made := newestBackup(t, f).ID
	hundredOne := make([]string, 101)
	for i := range hundredOne {
		hundredOne[i] = "customers"
	}
	for name, c := range map[string]struct {
		args  jobs.Args
		field string
		says  string
	}{
		"another tenant's": {jobs.RestoreTables{Tenant: "other", Backup: made, Tables: []string{"customers"}}, "backup", "one of another tenant"},
		"no backup":        {jobs.RestoreTables{Tenant: "acme", Backup: "bak_0", Tables: []string{"customers"}}, "backup", "there is no backup"},
		"no tables":        {jobs.RestoreTables{Tenant: "acme", Backup: made, Tables: []string{}}, "tables", "not a list of 1 to 100 names"},
		"null":             {jobs.RestoreTables{Tenant: "acme", Backup: made}, "tables", "not a list of 1 to 100 names"},
		"too many":         {jobs.RestoreTables{Tenant: "acme", Backup: made, Tables: hundredOne}, "tables", "not a list of 1 to 100 names"},
		"a blank":          {jobs.RestoreTables{Tenant: "acme", Backup: made, Tables: []string{"customers", " "}}, "tables", `" " is not the name of a table`},
		"a long one":       {jobs.RestoreTables{Tenant: "acme", Backup: made, Tables: []string{strings.Repeat("x", 301)}}, "tables", "is not the name of a table"},
		"keep":             {jobs.RestoreTables{Tenant: "acme", Backup: made, Tables: []string{"customers"}, Keep: "1 second"}, "keep", "nobody would look"},
		"keep what":        {jobs.RestoreTables{Tenant: "acme", Backup: made, Tables: []string{"customers"}, Keep: "soon"}, "keep", "not a duration"},
		"drop what":        {jobs.DropRestoredTables{Tenant: "acme", Schema: "public"}, "schema", "acme has no restored tables"},
	} {
		_, err := f.Jobs.Submit(t.Context(), c.args, nil)
		var refused *jobs.Error
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, c.field, refused.Field, name)
		require.ErrorContains(t, err, c.says, name)
		require.NotEmpty(t, refused.Fix, name)
	}
	for table, says := range map[string]string{
		"custmers": "the backup has no table custmers", "customers_id_seq": "is a sequence, and only tables are restored", "a.b.c": "is not the name of a table",
	} {
		op := f.Ends(t, f.Submit(t, jobs.RestoreTables{Tenant: "acme", Backup: made, Tables: []string{"customers", table}}))
		require.Equal(t, jobs.StateFailed, op.State, table)
		require.Contains(t, op.Error.Message, says)
		require.NotEmpty(t, op.Error.Hint)
	}
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.verifications`), "nothing was restored")
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.looks`))
	require.Empty(t, in[[]string](t, f, "acme", tenants.RoleApp, schemasOfLooks))
}

// TestRestoreTablesFromDamage: a backup that is damaged gives nothing, and what was restored of it is cleared away.
func TestRestoreTablesFromDamage(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	made := newestBackup(t, f)
	for _, key := range []string{made.Manifest.Data.Key, made.Manifest.Contents.Key} {
		body, err := os.ReadFile(stored(f, key))
		require.NoError(t, err)
		body[len(body)/2] ^= 1
		require.NoError(t, os.WriteFile(stored(f, key), body, 0o600))
		op := f.Ends(t, f.Submit(t, jobs.RestoreTables{Tenant: "acme", Backup: made.ID, Tables: []string{"customers"}}))
		require.Equal(t, jobs.StateFailed, op.State)
		require.Equal(t, "backup_failed", op.Error.Code)
		require.Contains(t, op.Error.Message, key)
	}
	require.Empty(t, in[[]string](t, f, "acme", tenants.RoleApp, schemasOfLooks))
	require.Eventually(t, func() bool {
		return scan[int](t, f, `SELECT count(*) FROM tenantry.databases WHERE tenant_id IS NULL AND state <> 'dropped'`) == 0
	}, time.Minute, 100*time.Millisecond)
	nothingLeft(t, f)
}
