package directory_test

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
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/directory"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers/fleettest"
)

// bouncer is a PgBouncer in transaction mode before the first test server. It asks the server for every user's verifier, as one has it in
// production: nothing of it is told when a tenant is made, rotated or purged.
type bouncer struct {
	url  string // without user
	log  *safeBuffer
	root *url.URL // its console, as the server's superuser
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func startBouncer(t *testing.T) *bouncer {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // not in everybody's path
	}
	server, err := url.Parse(fleettest.ServerURL(t))
	require.NoError(t, err)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	addr := l.Addr().String()
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)

	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // for another user to read
	password, _ := server.User.Password()
	users, ini := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", server.User.Username(), password), 0o644))
	require.NoError(t, os.WriteFile(ini, fmt.Appendf(nil, `
[databases]
* = host=%s port=%s

[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
auth_user = %s
auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1
admin_users = %s
pool_mode = transaction
default_pool_size = 3
server_idle_timeout = 5
server_login_retry = 0.1
query_wait_timeout = 3
max_client_conn = 200
log_connections = 1
`, server.Hostname(), server.Port(), host, port, users, server.User.Username(), server.User.Username()), 0o644))

	b := &bouncer{url: "postgres://" + addr + "/?sslmode=disable", log: &safeBuffer{}}
	b.root = &url.URL{Scheme: "postgres", User: server.User, Host: addr, Path: "/pgbouncer", RawQuery: "sslmode=disable"}
	cmd := exec.CommandContext(context.Background(), program, ini)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.SysProcAttr = b.log, b.log, dir, notRoot(t)
	require.NoError(t, cmd.Start(), "PgBouncer must be installed for this test")
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(b.log.String())
		}
	})
	require.Eventually(t, func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		return err == nil && conn.Close() == nil
	}, 10*time.Second, 10*time.Millisecond, "PgBouncer does not listen")
	return b
}

// notRoot has a program that refuses to run as root run as the user postgres.
func notRoot(t *testing.T) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	require.NoError(t, err, "as root, PgBouncer is run as the user postgres")
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// servers counts the connections that PgBouncer holds to a database.
func (b *bouncer) servers(t *testing.T, database string) int {
	t.Helper()
	config, err := pgx.ParseConfig(b.root.String())
	require.NoError(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	results, err := conn.PgConn().Exec(t.Context(), "SHOW SERVERS").ReadAll()
	require.NoError(t, err)
	if len(results[0].Rows) == 0 {
		return 0
	}
	column := -1
	for i, field := range results[0].FieldDescriptions {
		if field.Name == "database" {
			column = i
		}
	}
	require.GreaterOrEqual(t, column, 0)
	n := 0
	for _, row := range results[0].Rows {
		if string(row[column]) == database {
			n++
		}
	}
	return n
}

// loggedIn lists who has logged in through PgBouncer.
func (b *bouncer) loggedIn() []string {
	var users []string
	for _, match := range regexp.MustCompile(`login attempt: db=\S+ user=(\S+)`).FindAllStringSubmatch(b.log.String(), -1) {
		users = append(users, match[1])
	}
	return users
}

func hammer(t *testing.T, c *poolcache.Cache, tenantID string) {
	t.Helper()
	var crew sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		crew.Go(func() {
			for range 25 {
				if errs[i] = use(t.Context(), c, tenantID); errs[i] != nil {
					return
				}
			}
		})
	}
	crew.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// A node with a PgBouncer before it: the application goes through it, Tenantry's own work goes past it, and the connections that it
// keeps to a database are in nobody's way.
func TestNodeBehindPgBouncer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := startBouncer(t)
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.PoolerURL = &b.url })
	worker := f.Worker(t)
	api := newService(t, f, poolcache.Config{MaxConns: 4}).Cache
	f.Do(t, jobs.Provision{Slug: "acme"})
	tenant := f.Tenant(t, "acme")
	db, err := f.Registry.DatabaseOf(ctx, tenant.ID)
	require.NoError(t, err)
	require.Zero(t, b.servers(t, db.Name), "provisioning went through the pooler")

	hammer(t, api, tenant.ID)
	hammer(t, worker.Cache(), tenant.ID)
	require.Equal(t, "n1/pooler", api.Entries()[0].Node, "the pooler's connections have a budget of their own")
	require.NotZero(t, b.servers(t, db.Name), "the application went past the pooler")
	appSessions := func() (n int) {
		require.NoError(t, f.Pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = $2`, db.Name, db.Role(tenants.RoleApp)).Scan(&n))
		return n
	}
	require.LessOrEqual(t, appSessions(), 3, "more than the pooler's pool")

	// What an application in any language gets is the pooler's address.
	pooled, err := f.Registry.TenantURL(ctx, tenant.ID, tenants.RoleApp, false)
	require.NoError(t, err)
	require.Contains(t, pooled, b.root.Host)
	direct, err := f.Registry.TenantURL(ctx, tenant.ID, tenants.RoleApp, true)
	require.NoError(t, err)
	require.NotContains(t, direct, b.root.Host)
	write(t, pooled)

	// Suspend, while PgBouncer keeps idle connections.
	require.NotZero(t, b.servers(t, db.Name))
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	require.ErrorIs(t, use(ctx, api, tenant.ID), directory.ErrNotActive)
	require.Zero(t, appSessions())
	err = through(ctx, pooled)
	require.Error(t, err, "a suspended tenant gets in through the pooler")
	f.Do(t, jobs.Resume{Tenant: "acme"})
	settled(t, api, tenant.ID)
	hammer(t, api, tenant.ID)

	// A new password: PgBouncer learns of it from the server.
	f.Do(t, jobs.Rotate{Tenant: "acme"})
	settled(t, api, tenant.ID)
	hammer(t, api, tenant.ID)
	err = through(ctx, pooled)
	require.Error(t, err, "the old password still works at the pooler")
	pooled, err = f.Registry.TenantURL(ctx, tenant.ID, tenants.RoleApp, false)
	require.NoError(t, err)
	write(t, pooled)

	// Purge, while it keeps idle connections of the application, and perhaps one of its own: a superuser's, which nobody but itself ends.
	hammer(t, api, tenant.ID)
	require.NotZero(t, b.servers(t, db.Name), "the test's premise")
	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	var there bool
	require.NoError(t, f.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, db.Name).Scan(&there))
	require.False(t, there)
	err = through(ctx, pooled)
	require.Error(t, err)

	users := b.loggedIn()
	require.NotEmpty(t, users)
	for _, role := range users {
		require.True(t, role == db.Role(tenants.RoleApp) || role == b.root.User.Username(), "%s went through the pooler: admin work needs a session", role)
	}
	require.NotContains(t, strings.Join(users, " "), "tenantry_")
}

// through connects with what works through any transaction-mode pooler.
func through(ctx context.Context, u string) error {
	config, err := pgx.ParseConfig(u)
	if err != nil {
		return err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnectTimeout = 5 * time.Second
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	// PgBouncer may let a client in before it has asked the server.
	if err := conn.Ping(ctx); err != nil {
		_ = conn.Close(ctx)
		return err
	}
	return conn.Close(ctx)
}

func write(t *testing.T, u string) {
	t.Helper()
	ctx := t.Context()
	config, err := pgx.ParseConfig(u)
	require.NoError(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for i := range 20 {
		require.NoError(t, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO customers (name) VALUES ($1)`, fmt.Sprintf("Ada %d", i))
			return err
		}))
	}
}
