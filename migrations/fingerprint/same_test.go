package fingerprint_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/fingerprint"
)

// What pg_dump does not write is no difference: how a database came to be, what is in it, and when things were made.
func TestSame(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	base := s.create(t, "template0", product...)
	want, wantDump := base.read(t), base.dump(t)
	for name, statements := range map[string][]string{
		"rows, statistics, places of sequences": {
			`INSERT INTO public.base VALUES (1, 'x')`,
			`SELECT nextval('public.numbers')`,
			`ANALYZE`,
			`REFRESH MATERIALIZED VIEW public.totals`,
		},
		"columns that came and went": {
			`ALTER TABLE public.customers ADD COLUMN gone text`,
			`ALTER TABLE public.customers DROP COLUMN gone`,
		},
		"things made again": {
			`DROP INDEX public.orders_customer`,
			`CREATE INDEX CONCURRENTLY orders_customer ON public.orders USING btree (customer_id) INCLUDE (total) WHERE (total > 0)`,
			`DROP TRIGGER touch ON public.customers`,
			`CREATE TRIGGER touch BEFORE UPDATE ON public.customers FOR EACH ROW WHEN (OLD.note IS DISTINCT FROM NEW.note) EXECUTE PROCEDURE public.touch()`,
			`REINDEX TABLE CONCURRENTLY public.orders`,
		},
		"a constraint that was validated later": {
			`ALTER TABLE public.orders DROP CONSTRAINT orders_total_check`,
			`ALTER TABLE public.orders ADD CHECK (total >= 0) NOT VALID`,
			`ALTER TABLE public.orders VALIDATE CONSTRAINT orders_total_check`,
		},
		"what was granted and taken back": {
			`GRANT UPDATE ON public.base TO {app}, {readonly}`,
			`REVOKE UPDATE ON public.base FROM {app}, {readonly}`,
			`GRANT DELETE ON public.base TO {owner}`,
		},
		"Tenantry's own schema": {
			`CREATE SCHEMA _tenantry`,
			`CREATE TABLE _tenantry.schema_history (a integer PRIMARY KEY)`,
			`CREATE FUNCTION _tenantry.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
			`CREATE TYPE _tenantry.t AS (a integer)`,
			`GRANT SELECT ON _tenantry.schema_history TO {app}`,
			`CREATE VIEW _tenantry.v AS SELECT 1 AS a`,
			`CREATE SEQUENCE _tenantry.s`,
			`CREATE TYPE _tenantry.e AS ENUM ('x')`,
		},
		"tables of a backup, for a look": {
			`CREATE SCHEMA _tenantry_restored_20261127t180000_90abcdef`,
			`COMMENT ON SCHEMA _tenantry_restored_20261127t180000_90abcdef IS '{}'`,
			`GRANT USAGE ON SCHEMA _tenantry_restored_20261127t180000_90abcdef TO {app}`,
			`CREATE TABLE _tenantry_restored_20261127t180000_90abcdef.customers (a integer, b text)`,
			`GRANT SELECT ON _tenantry_restored_20261127t180000_90abcdef.customers TO {app}`,
			`CREATE INDEX by_a ON _tenantry_restored_20261127t180000_90abcdef.customers (a)`,
		},
		"temporary tables": {
			`CREATE TEMPORARY TABLE scratch (a integer)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := s.create(t, base.name)
			db.run(t, statements...)
			got := db.read(t)
			require.Empty(t, fingerprint.Compare(want, got))
			require.Equal(t, want.Sum(), got.Sum())
			require.Equal(t, wantDump, db.dump(t))
		})
	}
}

// The order in which things are made does not matter, but for columns.
func TestOrderOfCreation(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	begin := []string{`GRANT CREATE ON SCHEMA public TO {owner}`, `CREATE SCHEMA more AUTHORIZATION {owner}`, `SET ROLE {owner}`, `CREATE TABLE public.a (id integer, note text)`, `CREATE TABLE public.b (id integer)`}
	parts := []string{
		`ALTER TABLE public.a ADD CONSTRAINT a_pkey PRIMARY KEY (id)`,
		`CREATE INDEX a_note ON public.a (note)`,
		`CREATE UNIQUE INDEX a_both ON public.a (note, id)`,
		`ALTER TABLE public.b ADD CHECK (id > 0)`,
		`CREATE VIEW public.v AS SELECT id FROM public.a`,
		`CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
		`CREATE FUNCTION public.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
		`CREATE TYPE public.e AS ENUM ('a', 'b')`,
		`CREATE SEQUENCE more.s`,
		`ALTER TABLE public.a SET (fillfactor = 50)`,
		`ALTER TABLE public.a SET (autovacuum_enabled = off)`,
		`GRANT SELECT ON public.a TO {app}`,
		`GRANT SELECT ON public.a TO {readonly}`,
		`GRANT INSERT ON public.a TO {app}`,
		`COMMENT ON TABLE public.b IS 'b'`,
		`ALTER TABLE public.b ENABLE ROW LEVEL SECURITY`,
		`CREATE POLICY p ON public.b TO {app}, {readonly} USING (true)`,
	}
	first := s.create(t, "template0", slices.Concat(begin, parts)...)
	slices.Reverse(parts)
	second := s.create(t, "template0", slices.Concat(begin, parts)...)
	require.Equal(t, first.read(t), second.read(t))
	require.Equal(t, sorted(first.dump(t)), sorted(second.dump(t)), "the same lines; options and grants may come in another order")

	third := s.create(t, first.name)
	third.run(t, `ALTER TABLE public.a ADD COLUMN x integer, ADD COLUMN y integer`)
	fourth := s.create(t, first.name)
	fourth.run(t, `ALTER TABLE public.a ADD COLUMN y integer, ADD COLUMN x integer`)
	differences := fingerprint.Compare(third.read(t), fourth.read(t))
	require.Len(t, differences, 1)
	require.Equal(t, fingerprint.Difference{Class: fingerprint.Changed, Kind: "column order", Name: "public.a", Want: "id\nnote\nx\ny", Got: "id\nnote\ny\nx"}, differences[0])
}

// sorted are a dump's lines, without the options of storage, whose order within a line differs.
func sorted(dump string) string {
	lines := strings.Split(strings.NewReplacer("fillfactor='50', autovacuum_enabled=off", "", "autovacuum_enabled=off, fillfactor='50'", "").Replace(dump), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// An index that is not valid is not in what pg_dump writes. It is a class of its own, and so is one too many that a broken build has left.
func TestInvalidIndex(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	base := s.create(t, "template0", product...)
	want := base.read(t)
	db := s.create(t, base.name, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.orders_lower'::regclass`)
	require.Equal(t, []string{"invalid index public.orders_lower"}, named(fingerprint.Compare(want, db.read(t))))
	require.NotContains(t, db.dump(t), "orders_lower")
	db = s.create(t, base.name, `INSERT INTO public.base VALUES (1, 'x'), (1, 'y')`)
	conn := s.connect(t, db.name)
	_, err := conn.Exec(t.Context(), `CREATE UNIQUE INDEX CONCURRENTLY base_a ON public.base (a)`)
	require.Error(t, err)
	require.Equal(t, []string{"invalid index public.base_a"}, named(fingerprint.Compare(want, db.read(t))))
}

// A constraint that is not validated on purpose is as it should be.
func TestNotValidOnPurpose(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	base := s.create(t, "template0", `CREATE TABLE public.a (id integer)`, `ALTER TABLE public.a ADD CONSTRAINT positive CHECK (id > 0) NOT VALID`)
	db := s.create(t, base.name)
	want := base.read(t)
	require.Empty(t, fingerprint.Compare(want, db.read(t)))
	db.run(t, `ALTER TABLE public.a VALIDATE CONSTRAINT positive`)
	require.Equal(t, []string{"changed constraint positive on public.a"}, named(fingerprint.Compare(want, db.read(t))))
}

func named(differences []fingerprint.Difference) []string {
	list := make([]string, 0, len(differences))
	for _, d := range differences {
		list = append(list, string(d.Class)+" "+d.Kind+" "+d.Name)
	}
	return list
}

// Relations to leave out go with all that belongs to them; roles' names need not be plain.
func TestOptions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	strange := s.prefix + ` "Ö=/,`
	quoted := `"` + strings.ReplaceAll(strange, `"`, `""`) + `"`
	run(t, s.admin, "CREATE ROLE "+quoted)
	t.Cleanup(func() {
		_, err := s.admin.Exec(context.WithoutCancel(t.Context()), "DROP ROLE "+quoted)
		require.NoError(t, err)
	})
	base := s.create(t, "template0", `CREATE TABLE public.a (id integer)`)
	db := s.create(t, base.name,
		`CREATE TABLE public."Log" (id serial PRIMARY KEY, "a.b""c" text CHECK ("a.b""c" <> ''))`, `CREATE INDEX ON public."Log" ("a.b""c")`, `COMMENT ON COLUMN public."Log".id IS 'x'`,
		`GRANT SELECT ON public."Log" TO {app}`, `CREATE TABLE public.goose_db_version (id bigint GENERATED ALWAYS AS IDENTITY)`, `CREATE STATISTICS public.st ON id, "a.b""c" FROM public."Log"`)
	conn := s.connect(t, db.name)
	whole := db.read(t)
	require.Contains(t, whole.Objects, fingerprint.Object{Kind: "column order", Name: `public."Log"`, Definition: "id\n\"a.b\"\"c\""})
	options := db.options()
	options.Ignore = []string{`public."Log"`, "public.goose_db_version", "public.nothing"}
	got, err := fingerprint.Read(t.Context(), conn, options)
	require.NoError(t, err)
	require.Empty(t, fingerprint.Compare(base.read(t), got))

	run(t, conn, `GRANT SELECT ON public.a TO `+quoted+` WITH GRANT OPTION`)
	got, err = fingerprint.Read(t.Context(), conn, options)
	require.NoError(t, err)
	require.Equal(t, []string{"extra grant table public.a to " + quoted}, named(fingerprint.Compare(base.read(t), got)))
	options.Roles[strange] = "{strange}"
	got, err = fingerprint.Read(t.Context(), conn, options)
	require.NoError(t, err)
	require.Equal(t, []fingerprint.Difference{{Class: fingerprint.Extra, Kind: "grant", Name: "table public.a to {strange}", Got: "SELECT WITH GRANT OPTION"}}, fingerprint.Compare(base.read(t), got))
	run(t, conn, `REVOKE ALL ON public.a FROM `+quoted)
}

// A session's settings are its own, and one whose reading failed is left usable. In a transaction its own changes are seen.
func TestSession(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	db := s.create(t, "template0", `CREATE TABLE public.a (id integer)`, `CREATE VIEW public.v AS SELECT id FROM public.a`)
	conn := s.connect(t, db.name)
	run(t, conn, `SET TimeZone = 'Asia/Tokyo'; SET search_path = public; SET DateStyle = 'German'`)
	first, err := fingerprint.Read(t.Context(), conn, db.options())
	require.NoError(t, err)
	require.Equal(t, db.read(t), first)
	var zone, path string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT current_setting('TimeZone'), current_setting('search_path')`).Scan(&zone, &path))
	require.Equal(t, []string{"Asia/Tokyo", "public"}, []string{zone, path}, "the session's settings are its own")

	run(t, conn, `BEGIN; CREATE TABLE public.b (id integer)`)
	within, err := fingerprint.Read(t.Context(), conn, db.options())
	require.NoError(t, err)
	require.Contains(t, named(fingerprint.Compare(first, within)), "extra table public.b")
	run(t, conn, `ROLLBACK`)

	other := s.connect(t, db.name)
	run(t, other, `BEGIN; LOCK TABLE public.v IN ACCESS EXCLUSIVE MODE`)
	_, err = fingerprint.Read(t.Context(), conn, db.options())
	require.ErrorContains(t, err, "55P03", "a table that is being changed is waited for shortly")
	run(t, other, `ROLLBACK`)
	again, err := fingerprint.Read(t.Context(), conn, db.options())
	require.NoError(t, err)
	require.Equal(t, first, again)
}
