// Package fleettest is the bundle that tests stand on: a control database of their own with the sample product's release
// published, nodes on real servers, workers. Control databases are copied from a template that is made once per server
// and version of the migrations.
//
// TEST_DATABASE_URL is a superuser's URL of the first server, TEST_NODE2_URL of a second one (go run ./cmd/testpg).
package fleettest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers"
)

// Release is the name under which the sample product is published.
const Release = "sample-1"

// Fleet is a control database with a client and a registry on it.
type Fleet struct {
	URL      string // of the control database, as its owner
	Database string
	Pool     *pgxpool.Pool
	Jobs     *jobs.Client
	Registry *tenants.Registry
	Keys     *tenants.Keyring
	Secret   string // what Keys was parsed from, for child processes
	// BackupURL is where its workers keep backups: a folder that is gone after the test.
	BackupURL string
}

// ServerURL is the superuser's URL of the first test server.
func ServerURL(t testing.TB) string { return serverURL(t, "TEST_DATABASE_URL") }

// SecondServerURL is the superuser's URL of the second test server.
func SecondServerURL(t testing.TB) string { return serverURL(t, "TEST_NODE2_URL") }

func serverURL(t testing.TB, name string) string {
	t.Helper()
	u := os.Getenv(name)
	require.NotEmpty(t, u, "%s is not set: run the tests through make test, or go run ./cmd/testpg -- go test ./...", name)
	return u
}

// New makes a fleet. Everything it makes is gone after the test.
func New(t testing.TB) *Fleet {
	t.Helper()
	return NewAt(t, ServerURL(t))
}

// NewAt makes a fleet whose control database is on the server of this superuser's URL.
func NewAt(t testing.TB, server string) *Fleet {
	t.Helper()
	ctx := t.Context()
	template := controlTemplate(t, server)
	name := "test_ctl_" + random()
	admin := connect(t, server)
	exec(t, admin, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", name, template))
	// A database's own rights are not copied with it.
	exec(t, admin, fmt.Sprintf("REVOKE ALL ON DATABASE %[1]s FROM PUBLIC; GRANT CONNECT ON DATABASE %[1]s TO tenantry_api", name))
	t.Cleanup(func() { drop(t, server, name) })

	f := &Fleet{URL: withDatabase(t, server, name), Database: name, Secret: tenants.NewKey(), BackupURL: "file://" + t.TempDir()}
	keys, err := tenants.ParseKeys(f.Secret)
	require.NoError(t, err)
	f.Keys = keys
	f.Pool, err = workers.OpenControl(ctx, f.URL, "tenantry/test")
	require.NoError(t, err)
	t.Cleanup(f.Pool.Close)
	// Its clock begins now, and not when the template was made: else the night's backups are made up for when that was before, and this is after 01:00.
	_, err = f.Pool.Exec(ctx, `UPDATE tenantry.schedules SET slot = now()`)
	require.NoError(t, err)
	f.Jobs = jobs.New(f.Pool)
	f.Registry = tenants.NewRegistry(f.Pool, f.Keys)
	return f
}

// Node bootstraps the first test server as a node. All that is on it of this fleet is dropped after the test.
func (f *Fleet) Node(t testing.TB, name string, spec ...func(*provision.NodeSpec)) tenants.Node {
	t.Helper()
	return f.NodeAt(t, ServerURL(t), name, spec...)
}

// NodeAt bootstraps a server as a node.
func (f *Fleet) NodeAt(t testing.TB, server, name string, spec ...func(*provision.NodeSpec)) tenants.Node {
	t.Helper()
	s := provision.NodeSpec{Name: name, AdminURL: server, NodeChange: tenants.NodeChange{MaxConnections: new(100)}}
	for _, change := range spec {
		change(&s)
	}
	node, _, err := provision.Bootstrap(t.Context(), f.Registry, s)
	require.NoError(t, err)
	t.Cleanup(func() { f.clean(t, server, node) })
	return node
}

// Worker starts a worker in this process.
func (f *Fleet) Worker(t testing.TB, change ...func(*workers.Config)) *workers.Runtime {
	t.Helper()
	cfg := workers.Config{
		ControlURL: f.URL, Keys: f.Keys, Log: Log(t), Lease: 3 * time.Second, Grace: 5 * time.Second, Version: "test", BackupURL: f.BackupURL,
	}
	for _, c := range change {
		c(&cfg)
	}
	rt, err := workers.New(cfg)
	require.NoError(t, err)
	require.NoError(t, rt.Start(t.Context()))
	t.Cleanup(rt.Stop)
	return rt
}

// Spread makes two nodes, n1 and n2, of the two test servers, a worker, and tenants on them in turns.
func Spread(t testing.TB, slugs ...string) *Fleet {
	t.Helper()
	f := New(t)
	f.Node(t, "n1")
	f.NodeAt(t, SecondServerURL(t), "n2")
	f.Worker(t)
	ids := make([]string, len(slugs))
	for i, slug := range slugs {
		ids[i] = f.Submit(t, jobs.Provision{Slug: slug, Node: fmt.Sprintf("n%d", i%2+1)})
	}
	for _, id := range ids {
		f.Succeeds(t, id)
	}
	return f
}

// Change runs SQL in a tenant's database, as its migrator.
func (f *Fleet) Change(t testing.TB, slug, sql string) {
	t.Helper()
	conn := f.Connect(t, slug, tenants.RoleMigrator)
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // it has done its work
	_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err)
}

// Submit asks for an operation.
func (f *Fleet) Submit(t testing.TB, args jobs.Args) string {
	t.Helper()
	id, err := f.Jobs.Submit(t.Context(), args, nil)
	require.NoError(t, err)
	return id
}

// Do asks for an operation and waits until it has succeeded.
func (f *Fleet) Do(t testing.TB, args jobs.Args) jobs.Operation {
	t.Helper()
	return f.Succeeds(t, f.Submit(t, args))
}

// Succeeds waits until an operation has succeeded.
func (f *Fleet) Succeeds(t testing.TB, id string) jobs.Operation {
	t.Helper()
	op := f.Ends(t, id)
	require.Equal(t, jobs.StateSucceeded, op.State, "operation %s (%s) at step %q: %+v", id, op.Kind, op.Step, op.Error)
	return op
}

// Ends waits until an operation has ended or is parked.
func (f *Fleet) Ends(t testing.TB, id string) jobs.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	op, err := f.Jobs.Wait(ctx, id)
	require.NoError(t, err)
	return op
}

// Tenant reads a tenant.
func (f *Fleet) Tenant(t testing.TB, slugOrID string) tenants.Tenant {
	t.Helper()
	tenant, err := f.Registry.Tenant(t.Context(), slugOrID)
	require.NoError(t, err)
	return tenant
}

// Connect opens a session in a tenant's database under one of its roles.
func (f *Fleet) Connect(t testing.TB, slugOrID string, role tenants.Role) *pgx.Conn {
	t.Helper()
	u, err := f.Registry.TenantURL(t.Context(), f.Tenant(t, slugOrID).ID, role, false)
	require.NoError(t, err)
	return connect(t, u)
}

// Log writes a test's log lines to TENANTRY_TEST_LOG's file, or nowhere.
func Log(t testing.TB) zerolog.Logger {
	t.Helper()
	out := io.Discard
	if os.Getenv("TENANTRY_TEST_LOG") != "" {
		out = zerolog.NewTestWriter(t)
	}
	return zerolog.New(out).With().Timestamp().Logger()
}

// controlTemplate gives the name of the template, and makes it if this server has none for these migrations.
func controlTemplate(t testing.TB, server string) string {
	t.Helper()
	ctx := t.Context()
	name := "test_ctl_template_" + fingerprint(t)
	admin := connect(t, server)
	// Packages' tests are processes of their own: one makes the template, the others wait for it.
	for {
		var locked bool
		require.NoError(t, admin.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, name).Scan(&locked))
		if locked {
			break
		}
		select {
		case <-ctx.Done():
			require.NoError(t, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	defer exec(t, admin, "SELECT pg_advisory_unlock_all()")
	var there bool
	require.NoError(t, admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND NOT datallowconn)`, name).Scan(&there))
	if there {
		return name
	}
	exec(t, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	exec(t, admin, "CREATE DATABASE "+name)
	u := withDatabase(t, server, name)
	_, err := workers.MigrateControl(ctx, u)
	require.NoError(t, err)
	pool, err := workers.OpenControl(ctx, u, "tenantry/test")
	require.NoError(t, err)
	sample, err := fs.Sub(migrations.Sample, "tenant")
	require.NoError(t, err)
	_, err = workers.PublishRelease(ctx, pool, sample, Release, "test", workers.MakeCurrent)
	pool.Close()
	require.NoError(t, err)
	exec(t, admin, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
	return name
}

func fingerprint(t testing.TB) string {
	t.Helper()
	files, err := migrations.ControlFiles()
	require.NoError(t, err)
	h := sha256.New()
	for _, f := range files {
		_, _ = fmt.Fprintln(h, f.Name, f.Checksum)
	}
	require.NoError(t, fs.WalkDir(migrations.Sample, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := migrations.Sample.ReadFile(path)
		_, _ = fmt.Fprintln(h, path, string(body))
		return err
	}))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// clean drops what a fleet has made on a node, whether a test knew of it or not.
func (f *Fleet) clean(t testing.TB, server string, node tenants.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	names := func(sql string, args ...any) []string {
		rows, err := conn.Query(ctx, sql, args...)
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return list
	}
	rows, err := f.Pool.Query(ctx, `SELECT name FROM tenantry.databases WHERE node_id = $1 UNION SELECT name FROM tenantry.templates WHERE node_id = $1`, node.ID)
	require.NoError(t, err)
	databases, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	do := func(sql string) {
		require.NoError(t, tenants.RetryCatalog(ctx, func() error {
			_, err := conn.Exec(ctx, sql)
			return err
		}))
	}
	for _, name := range databases {
		do("DROP DATABASE IF EXISTS " + tenants.Ident(name) + " WITH (FORCE)")
		for _, role := range names(`SELECT rolname FROM pg_roles WHERE rolname LIKE $1 || '\_%'`, name) {
			do("DROP ROLE IF EXISTS " + tenants.Ident(role))
		}
	}
	for _, role := range []string{node.TemplateRole(), node.Provisioner} {
		var there bool
		require.NoError(t, conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, role).Scan(&there))
		if there {
			do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = " + tenants.Literal(role))
			do("DROP OWNED BY " + tenants.Ident(role) + "; DROP ROLE " + tenants.Ident(role))
		}
	}
}

func connect(t testing.TB, u string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), u)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err, sql)
}

func drop(t testing.TB, server, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	require.NoError(t, tenants.RetryCatalog(ctx, func() error {
		_, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		return err
	}))
}

func withDatabase(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func random() string {
	raw := make([]byte, 8)
	_, _ = rand.Read(raw) // never fails
	return strings.ToLower(hex.EncodeToString(raw))
}

// APIURL gives the URL of tenantry_api on a fleet. The role is shared by every fleet of a server, so all tests use one password.
func APIURL(t testing.TB, f *Fleet) string {
	t.Helper()
	const password = "tenantry-api-of-the-tests"
	verifier, err := tenants.Verifier(password)
	require.NoError(t, err)
	err = tenants.RetryCatalog(t.Context(), func() error {
		_, err := f.Pool.Exec(t.Context(), "ALTER ROLE tenantry_api PASSWORD "+tenants.Literal(verifier))
		return err
	})
	require.NoError(t, err)
	u, err := tenants.JoinURL(f.URL, f.Database, "tenantry_api", password)
	require.NoError(t, err)
	return u
}
