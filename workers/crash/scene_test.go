package crash_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// The releases after the sample's.
const (
	nextRelease    = crashtest.NextRelease
	renamedRelease = crashtest.RenamedRelease
)

// Leases of worker processes: the one that dies should be missed soon, the one that takes over should not lose its
// lease on a busy machine.
const (
	shortLease = "--lease=2s"
	longLease  = "--lease=6s"
)

// newScene makes a fleet with one node on the test server, and remembers what a clean database looks like.
func newScene(t testing.TB) *crashtest.Scene {
	t.Helper()
	f := fleettest.New(t)
	return sceneOf(t, f, f.Node(t, "n1"))
}

// sceneOf is newScene for a node on the test server that is reached in another way.
func sceneOf(t testing.TB, f *fleettest.Fleet, node tenants.Node) *crashtest.Scene {
	t.Helper()
	s := crashtest.NewScene(f, node, fleettest.ServerURL(t))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("unfinished:\n" + strings.Join(s.Unfinished(context.WithoutCancel(t.Context())), "\n"))
		}
	})
	t.Cleanup(func() { atRest(t, s) })
	withWorker(t, s, func() {
		createTenant(t, s, "clean")
	})
	s.Remember(t, "clean")
	return s
}

// atRest waits until the server has noticed that the killed workers are gone: what it still does for them would be in the way
// of the cleaning up.
func atRest(t testing.TB, s *crashtest.Scene) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.Server)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for busy := true; busy; <-look.C {
		err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename IN ($1, $2))`, s.Node.Provisioner, s.Node.TemplateRole()).Scan(&busy)
		require.NoError(t, err)
	}
}

// withWorker runs f while a worker of this process works: for what a test needs before it begins.
func withWorker(t testing.TB, s *crashtest.Scene, f func()) {
	t.Helper()
	rt, err := workers.New(workers.Config{ControlURL: s.Fleet.URL, Keys: s.Fleet.Keys, Log: fleettest.Log(t), Grace: 5 * time.Second, BackupURL: s.Fleet.BackupURL})
	require.NoError(t, err)
	require.NoError(t, rt.Start(t.Context()))
	defer rt.Stop()
	f()
}

func createTenant(t testing.TB, s *crashtest.Scene, slug string) {
	t.Helper()
	s.Fleet.Succeeds(t, askTenant(t, s, slug))
}

func askTenant(t testing.TB, s *crashtest.Scene, slug string) (operation string) {
	t.Helper()
	made, err := s.Fleet.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: slug}, nil)
	require.NoError(t, err)
	return made.OperationID
}

// all asks for many operations and waits until all have succeeded.
func all(t testing.TB, s *crashtest.Scene, names []string, ask func(name string) (operation string)) {
	t.Helper()
	ids := make([]string, len(names))
	for i, name := range names {
		ids[i] = ask(name)
	}
	for _, id := range ids {
		s.Fleet.Succeeds(t, id)
	}
}

// control runs SQL in the control database, as its owner.
func control(t testing.TB, s *crashtest.Scene, sql string, args ...any) {
	t.Helper()
	_, err := s.Fleet.Pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func value[T any](t testing.TB, s *crashtest.Scene, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, s.Fleet.Pool.QueryRow(t.Context(), sql, args...).Scan(&v))
	return v
}

// onNode opens a superuser's session in a database of the node, "" for the maintenance database.
func onNode(t testing.TB, s *crashtest.Scene, database string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(s.Server)
	require.NoError(t, err)
	if database != "" {
		config.Database = database
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

func execOn(t testing.TB, conn *pgx.Conn, format string, args ...any) {
	t.Helper()
	_, err := conn.PgConn().Exec(t.Context(), fmt.Sprintf(format, args...)).ReadAll()
	require.NoError(t, err)
}

// operation reads one row of the ledger.
func operation(t testing.TB, s *crashtest.Scene, id string) jobs.Operation {
	t.Helper()
	op, err := s.Fleet.Jobs.Get(t.Context(), id)
	require.NoError(t, err)
	return op
}

// eventually waits until a condition holds, for as long as anything may take on a busy machine.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 25*time.Millisecond, what)
}

// invalidIndex makes what an interrupted CREATE INDEX CONCURRENTLY of the next release leaves behind.
func invalidIndex(t testing.TB, s *crashtest.Scene, slug string) {
	t.Helper()
	name := s.Fleet.Tenant(t, slug).Database
	conn := onNode(t, s, name)
	execOn(t, conn, `SET ROLE %s; CREATE INDEX customers_country ON customers (name); RESET ROLE;
		UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'customers_country'::regclass`, tenants.Ident(name+"_owner"))
}

// tenantry runs a command of the program on a scene.
func tenantry(t testing.TB, s *crashtest.Scene, args ...string) {
	t.Helper()
	_, err := program(t).Run(t.Context(), crashtest.Env(s.Fleet), args...)
	require.NoError(t, err)
}
