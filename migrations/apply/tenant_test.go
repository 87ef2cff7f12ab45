package apply_test

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// testTimeout bounds what tests wait for.
const testTimeout = 60 * time.Second

// testTick is how often a condition is looked at.
const testTick = 10 * time.Millisecond

// applicationName is what the connections that apply call themselves.
const applicationName = "tenantry op_test attempt 1"

// tenant is a database like a tenant's: owned by a role without login, migrated by a member of it.
type tenant struct {
	database, owner, migrator, password string
	// admin is a superuser's connection to the database.
	admin *pgx.Conn
}

// newTenant makes a database and its roles. At the end of the test no session and no lock may be left in it.
func newTenant(t testing.TB) *tenant {
	t.Helper()
	name := "tenantry_test_" + strings.ToLower(rand.Text()[:16])
	tn := &tenant{database: name, owner: name + "_owner", migrator: name + "_migrator", password: rand.Text()}
	server := dial(t, serverConfig(t))
	run(t, server, "CREATE ROLE "+tn.owner+" NOLOGIN")
	run(t, server, "CREATE ROLE "+tn.migrator+" LOGIN PASSWORD '"+tn.password+"' IN ROLE "+tn.owner)
	run(t, server, "CREATE DATABASE "+name+" OWNER "+tn.owner+" STRATEGY file_copy")
	run(t, server, "REVOKE ALL ON DATABASE "+name+" FROM PUBLIC")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
		defer cancel()
		require.NoError(t, tn.admin.Close(ctx))
		require.Eventually(t, func() bool {
			var sessions int
			err := server.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name).Scan(&sessions)
			return err == nil && sessions == 0
		}, testTimeout, 10*time.Millisecond, "sessions are left in the database")
		for _, sql := range []string{"DROP DATABASE " + name, "DROP ROLE " + tn.migrator, "DROP ROLE " + tn.owner} {
			_, err := server.Exec(ctx, sql)
			require.NoError(t, err)
		}
	})
	config := serverConfig(t)
	config.Database = name
	admin, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	tn.admin = admin
	return tn
}

func serverConfig(t testing.TB) *pgx.ConnConfig {
	t.Helper()
	url := os.Getenv("TEST_DATABASE_URL")
	require.NotEmpty(t, url, "TEST_DATABASE_URL: a PostgreSQL superuser's URL")
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	return config
}

// dial connects for the length of the test.
func dial(t testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { hangUp(t, conn) })
	return conn
}

// hangUp closes a connection, also a broken one, and waits until nothing of it is left.
func hangUp(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
	defer cancel()
	_ = conn.Close(ctx)
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
		require.Fail(t, "the connection is not cleaned up")
	}
}

// config of a connection as the migrator.
func (tn *tenant) config(t testing.TB) *pgx.ConnConfig {
	t.Helper()
	config := serverConfig(t)
	config.Database, config.User, config.Password = tn.database, tn.migrator, tn.password
	config.RuntimeParams["application_name"] = applicationName
	return config
}

// connect connects as the migrator.
func (tn *tenant) connect(t testing.TB) *pgx.Conn {
	t.Helper()
	return dial(t, tn.config(t))
}

// connectThrough connects as the migrator with a connection of the test's making.
func (tn *tenant) connectThrough(t testing.TB, wrap func(net.Conn) net.Conn) *pgx.Conn {
	t.Helper()
	config := tn.config(t)
	dialer := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	}
	return dial(t, config)
}

// options apply as the owner, with short waits.
func (tn *tenant) options() apply.Options {
	return apply.Options{
		OwnerRole:   tn.owner,
		OperationID: "op_test",
		LockWait:    testTimeout,
		LockPolicy: gentle.LockPolicy{
			Timeouts: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond},
			Pause:    time.Millisecond,
			MaxPause: 10 * time.Millisecond,
			GiveWay:  30 * time.Millisecond,
			Budget:   testTimeout,
		},
	}
}

// apply brings the database to the release over a connection of its own.
func (tn *tenant) apply(t testing.TB, rel *release.Release, opts apply.Options) (apply.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	conn := tn.connect(t)
	defer hangUp(t, conn)
	return apply.Apply(ctx, conn, rel, opts)
}

// mustApply applies what must succeed.
func (tn *tenant) mustApply(t testing.TB, rel *release.Release) apply.Result {
	t.Helper()
	result, err := tn.apply(t, rel, tn.options())
	require.NoError(t, err)
	return result
}

// reset empties the database.
func (tn *tenant) reset(t testing.TB) {
	t.Helper()
	run(t, tn.admin, "DROP SCHEMA IF EXISTS _tenantry CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner")
}

func run(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func number(t testing.TB, conn *pgx.Conn, sql string) int {
	t.Helper()
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&n), sql)
	return n
}

// releaseOf reads files, given as name, content, …, and names the release.
func releaseOf(t testing.TB, name string, pairs ...string) *release.Release {
	t.Helper()
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	rel, err := release.Read(fsys, release.Options{})
	require.NoError(t, err)
	rel.Name, rel.ID = name, "rel_"+name
	return rel
}

// snapshot tells everything about the tenant's own schema, and which statements its history has.
func (tn *tenant) snapshot(t testing.TB) []string {
	t.Helper()
	rows, err := tn.admin.Query(t.Context(), `
		SELECT format('column %s.%s %s %s %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
		              pg_get_expr(d.adbin, d.adrelid))
		FROM pg_attribute a
		JOIN pg_class c ON c.oid = a.attrelid AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT format('index %s valid %s ready %s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready)
		FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid AND c.relnamespace = 'public'::regnamespace
		UNION ALL
		SELECT format('constraint %s on %s %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
		FROM pg_constraint
		WHERE connamespace = 'public'::regnamespace
		UNION ALL
		SELECT format('function %s %s', oid::regprocedure, prosrc)
		FROM pg_proc
		WHERE pronamespace = 'public'::regnamespace
		UNION ALL
		SELECT format('owner of %s is %s', oid::regclass, relowner = (SELECT datdba FROM pg_database WHERE datname = current_database()))
		FROM pg_class
		WHERE relnamespace IN ('public'::regnamespace, '_tenantry'::regnamespace)
		UNION ALL
		SELECT format('applied %s %s %s %s %s', version, file_name, statement_no, statement_hash, status)
		FROM _tenantry.schema_history
		UNION ALL
		SELECT format('meta %s %s', key, value)
		FROM _tenantry.meta
		ORDER BY 1`)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}
