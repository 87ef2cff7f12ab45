package gentle_test

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
)

// testTimeout bounds what tests wait for.
const testTimeout = 60 * time.Second

// applicationName is what the connections of sessions call themselves.
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

// options act as the owner, with short waits.
func (tn *tenant) options() gentle.Options {
	return gentle.Options{
		OwnerRole: tn.owner,
		LockWait:  testTimeout,
		LockPolicy: gentle.LockPolicy{
			Timeouts: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond},
			Pause:    time.Millisecond,
			MaxPause: 10 * time.Millisecond,
			GiveWay:  30 * time.Millisecond,
			Budget:   testTimeout,
		},
	}
}

// open opens a session over a connection of its own, for the length of the test.
func (tn *tenant) open(t testing.TB, opts gentle.Options) *gentle.Session {
	t.Helper()
	s, _, err := gentle.Open(t.Context(), tn.connect(t), opts)
	require.NoError(t, err)
	return s
}

// change runs SQL in one transaction, again and again while locks are in the way. It returns the number of tries.
func change(ctx context.Context, s *gentle.Session, sql ...string) (tries int, err error) {
	err = s.Retry(ctx, gentle.Names(sql...), func(lockTimeout time.Duration) error {
		tries++
		commands := append(s.Renew(), gentle.Command{SQL: "BEGIN"})
		commands = append(commands, gentle.TransactionTimeouts(gentle.SharedTimeout(lockTimeout, len(sql)), testTimeout)...)
		for _, statement := range sql {
			commands = append(commands, gentle.Command{SQL: statement, Live: true})
		}
		commands = append(commands, gentle.Command{SQL: "COMMIT"})
		if _, err := s.Do(ctx, "change", commands...); err != nil {
			return s.Rollback(ctx, err)
		}
		return nil
	})
	return tries, err
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
