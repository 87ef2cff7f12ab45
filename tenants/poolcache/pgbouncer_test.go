package poolcache_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/tenants/poolcache/poolbench"
)

func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	addr := startPgBouncer(t, b.user)
	tenants := databases(t, 4)
	through := func(mode pgx.QueryExecMode) {
		for _, tenant := range tenants {
			u, err := url.Parse(b.user.ConnStringWithPassword(tenant))
			require.NoError(t, err)
			u.Host = addr
			b.resolver.set(tenant, poolcache.Target{Node: "bouncer", ConnString: u.String(), QueryExecMode: mode})
		}
		require.NoError(t, b.EvictAll().Wait(within(t)))
	}
	hammer := func() error {
		var group errgroup.Group
		for i := range 100 {
			group.Go(func() error { return b.use(within(t), tenants[i%len(tenants)]) })
		}
		return group.Wait()
	}

	through(pgx.QueryExecModeExec)
	b.SetBudget("bouncer", 6)
	require.NoError(t, hammer())
	require.LessOrEqual(t, b.node("bouncer").Open, 6)
	lease := b.lease(t, tenants[0])
	ctx, cancel := context.WithTimeout(within(t), 100*time.Millisecond)
	defer cancel()
	_, err := lease.Pool().Exec(ctx, "SELECT pg_sleep(60)")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	eventually(t, "the query is cancelled on the server", func() bool { return active(t, b) == 0 })
	lease.Release()

	// What the mode is for: two clients share a server connection, on which one's prepared statement is the other's.
	through(0)
	one, two := b.lease(t, tenants[0]), b.lease(t, tenants[0])
	first, err := one.Acquire(within(t))
	require.NoError(t, err)
	second, err := two.Acquire(within(t))
	require.NoError(t, err)
	var n int
	require.NoError(t, first.QueryRow(within(t), "SELECT $1::int", 1).Scan(&n))
	require.Error(t, second.QueryRow(within(t), "SELECT $1::int", 1).Scan(&n))
	first.Release()
	second.Release()
	one.Release()
	two.Release()
}

// startPgBouncer runs a PgBouncer in transaction mode, with one server connection per database, before the test server.
// It knows one user.
func startPgBouncer(tb testing.TB, u *poolbench.Fleet) (addr string) {
	tb.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // not in everybody's path
	}
	server, err := url.Parse(mustURL(tb))
	require.NoError(tb, err)
	addr = closedPort(tb)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(tb, err)
	dir := tb.TempDir()
	require.NoError(tb, os.Chmod(filepath.Dir(dir), 0o755)) // for another user to read
	users := filepath.Join(dir, "users.txt")
	require.NoError(tb, os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", u.Role, u.Password()), 0o644))
	ini := filepath.Join(dir, "pgbouncer.ini")
	require.NoError(tb, os.WriteFile(ini, fmt.Appendf(nil, `
[databases]
* = host=%s port=%s

[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 1
max_client_conn = 100
`, server.Hostname(), server.Port(), host, port, users), 0o644))

	cmd := exec.CommandContext(context.Background(), program, ini)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &output, &output, dir
	cmd.SysProcAttr = notRoot(tb)
	require.NoError(tb, cmd.Start(), "PgBouncer must be installed for this test")
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Log(output.String())
		}
	})
	eventually(tb, "PgBouncer listens", func() bool {
		conn, err := new(net.Dialer).DialContext(within(tb), "tcp", addr)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return addr
}

// notRoot has a program that refuses to run as root run as the user postgres.
func notRoot(tb testing.TB) *syscall.SysProcAttr {
	tb.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	require.NoError(tb, err, "as root, PgBouncer is run as the user postgres")
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	require.NoError(tb, err)
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	require.NoError(tb, err)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}
