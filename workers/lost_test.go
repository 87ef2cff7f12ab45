package workers_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/directory"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// losing is a fleet on two servers, of which the second is lost although it is there: what is on it can be looked at.
type losing struct {
	*fleettest.Fleet

	lost tenants.Node
}

// newLosing makes tenants on n2 with three rows each, and a backup of some, after which they get two rows more. Nothing is verified but what a test asks for, no
// release is applied, and one backup or restore is made at a time.
func newLosing(t *testing.T, url string, slugs []string, backedUp ...string) losing {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "n1")
	l := losing{Fleet: f, lost: f.NodeAt(t, url, "n2")}
	f.Worker(t, func(c *workers.Config) { c.Concurrency = map[string]int{jobs.QueueMigrate: 0, jobs.QueueBackup: 1} })
	l.exec(t, `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	for _, slug := range slugs {
		f.Do(t, jobs.Provision{Slug: slug, Node: "n2"})
		l.insert(t, slug, 3)
	}
	for _, slug := range backedUp {
		f.Do(t, jobs.Backup{Tenant: slug})
		l.insert(t, slug, 2)
	}
	return l
}

func (l losing) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := l.Pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (l losing) insert(t *testing.T, slug string, n int) {
	t.Helper()
	_, err := l.Connect(t, slug, tenants.RoleApp).Exec(t.Context(), `INSERT INTO customers (name, email) SELECT 'c', gen_random_uuid() || '@example.com' FROM generate_series(1, $1::integer)`, n)
	require.NoError(t, err)
}

func (l losing) count(t *testing.T, slug string) (n int) {
	t.Helper()
	require.NoError(t, l.Connect(t, slug, tenants.RoleApp).QueryRow(t.Context(), `SELECT count(*) FROM customers`).Scan(&n))
	return n
}

func (l losing) lose(t *testing.T) {
	t.Helper()
	_, err := l.Registry.LoseNode(t.Context(), l.lost.ID)
	require.NoError(t, err)
}

func (l losing) backupOf(t *testing.T, slug string) string {
	t.Helper()
	return scan[string](t, l.Fleet, `SELECT b.id FROM tenantry.backups b JOIN tenantry.tenants t ON t.id = b.tenant_id WHERE t.slug = $1`, slug)
}

// restores asks to restore a tenant from its only backup.
func (l losing) restores(t *testing.T, slug, node string) jobs.RestoreInPlace {
	t.Helper()
	return jobs.RestoreInPlace{Tenant: slug, Backup: l.backupOf(t, slug), Confirm: slug, Node: node}
}

// opens says whether a database of the lost node's server lets sessions in.
func (l losing) opens(t *testing.T, database string) (open bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fleettest.SecondServerURL(t))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT datallowconn FROM pg_database WHERE datname = $1`, database).Scan(&open))
	return open
}

// fails waits for an operation that must end because a node is lost.
func (l losing) fails(t *testing.T, id string) {
	t.Helper()
	op := l.Ends(t, id)
	require.Equal(t, jobs.StateFailed, op.State)
	require.Equal(t, "node_lost", op.Error.Code)
}

// hangs asks for an operation and waits until it has asked a server that is a black hole from then on.
func (l losing) hangs(t *testing.T, wire *crashtest.Wire, at string, ask jobs.Args) string {
	t.Helper()
	fell := wire.Arm(crashtest.Cut{How: crashtest.Swallow, At: at, Nth: 1})
	id := l.Submit(t, ask)
	select {
	case <-fell:
	case <-time.After(time.Minute):
		require.Fail(t, "it does not ask the server")
	}
	return id
}

// TestLossEndsWork: what is queued for a database on a node that is lost, and what waits behind that, fails at once; pools are thrown away.
func TestLossEndsWork(t *testing.T) {
	t.Parallel()
	l := newLosing(t, fleettest.SecondServerURL(t), []string{"acme"})
	before := l.Tenant(t, "acme")
	l.Extend(t, "next", "CREATE TABLE later (a integer)")
	queued := l.Submit(t, jobs.Migrate{Tenant: "acme"})
	waits := l.Submit(t, jobs.Rotate{Tenant: "acme"})
	l.lose(t)
	l.fails(t, queued)
	l.fails(t, waits)
	after := l.Tenant(t, "acme")
	require.Equal(t, tenants.StateActive, after.State)
	require.Nil(t, after.CurrentOperationID)
	require.Greater(t, after.Epoch, before.Epoch)
}

// TestHangingSwap: a swap that is just closing a tenant on a server that has become a black hole goes on once that is lost.
func TestHangingSwap(t *testing.T) {
	t.Parallel()
	wire := crashtest.NewWire(t, fleettest.SecondServerURL(t))
	l := newLosing(t, wire.URL(t, fleettest.SecondServerURL(t)), []string{"acme"}, "acme")
	database := l.Tenant(t, "acme").Database
	id := l.hangs(t, wire, "ALTER DATABASE "+tenants.Ident(database)+" ALLOW_CONNECTIONS false", l.restores(t, "acme", "n1"))
	l.lose(t)
	l.Succeeds(t, id)
	require.Equal(t, 3, l.count(t, "acme"))
	wire.Heal()
	l.Do(t, jobs.ReturnNode{Node: "n2"})
	require.False(t, l.opens(t, database))
}

// TestHangingBackup: a dump of a server that has become a black hole holds up neither its tenant nor the worker, which makes one backup or restore at a time here.
func TestHangingBackup(t *testing.T) {
	t.Parallel()
	wire := crashtest.NewWire(t, fleettest.SecondServerURL(t))
	l := newLosing(t, wire.URL(t, fleettest.SecondServerURL(t)), []string{"acme"}, "acme")
	restore := l.restores(t, "acme", "")
	id := l.hangs(t, wire, "REPEATABLE READ, READ ONLY", jobs.Backup{Tenant: "acme"})
	l.lose(t)
	l.fails(t, id)
	l.Do(t, restore)
	require.Equal(t, 3, l.count(t, "acme"))
}

// TestHangingVerification: a backup that is just being verified on a server that is lost is verified on another one.
func TestHangingVerification(t *testing.T) {
	t.Parallel()
	wire := crashtest.NewWire(t, fleettest.SecondServerURL(t))
	l := newLosing(t, wire.URL(t, fleettest.SecondServerURL(t)), []string{"acme"}, "acme")
	made := l.backupOf(t, "acme")
	id := l.hangs(t, wire, "TEMPLATE template0 ALLOW_CONNECTIONS false ENCODING", jobs.VerifyBackup{Backup: made})
	l.lose(t)
	l.Succeeds(t, id)
	wire.Heal() // what is there is dropped after the test
	require.Equal(t, "verified", scan[string](t, l.Fleet, `SELECT outcome FROM tenantry.backups WHERE id = $1`, made))
	require.Equal(t, "n1", scan[string](t, l.Fleet, `
		SELECT n.name FROM tenantry.verifications v JOIN tenantry.databases d ON d.id = v.database_id JOIN tenantry.nodes n ON n.id = d.node_id`))
}

// TestTargetIsLost: when the node is lost onto which a tenant is being restored, just when the tenant is closed on its own, it lives on where it lived.
func TestTargetIsLost(t *testing.T) {
	t.Parallel()
	l := newLosing(t, fleettest.SecondServerURL(t), nil)
	l.Do(t, jobs.Provision{Slug: "acme", Node: "n1"})
	l.insert(t, "acme", 3)
	l.Do(t, jobs.Backup{Tenant: "acme"})
	l.insert(t, "acme", 2)
	before := l.Tenant(t, "acme")
	// The swap waits some seconds for a process that does not answer.
	l.exec(t, `INSERT INTO tenantry.workers (id, host, pid, version, lease) VALUES ('deaf', 'h', 1, 'v', '1 hour')`)
	id := l.Submit(t, l.restores(t, "acme", "n2"))
	require.Eventually(t, func() bool {
		return scan[bool](t, l.Fleet, `SELECT NOT datallowconn FROM pg_database WHERE datname = $1`, before.Database)
	}, time.Minute, 5*time.Millisecond)
	l.lose(t)
	l.fails(t, id)
	require.Equal(t, before.Database, l.Tenant(t, "acme").Database)
	require.Equal(t, 5, l.count(t, "acme"))
	require.Equal(t, "failed", scan[string](t, l.Fleet, `SELECT state FROM tenantry.databases WHERE node_id = $1`, l.lost.ID), "dropped when the node is back")
}

// TestNobodyIsSentThere: who asks where a tenant lives whose node is lost is told so at once, what needs its database is refused, and the fleet leaves the node alone.
func TestNobodyIsSentThere(t *testing.T) {
	t.Parallel()
	l := newLosing(t, fleettest.SecondServerURL(t), []string{"acme"})
	ctx := t.Context()
	_, err := l.Registry.ChangeNode(ctx, l.lost.ID, tenants.NodeChange{WarmTarget: new(1)})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return scan[int](t, l.Fleet, `SELECT count(*) FROM tenantry.databases WHERE state = 'warm'`) == 1
	}, time.Minute, 50*time.Millisecond)
	l.lose(t)
	l.Extend(t, "next", "CREATE TABLE later (a integer)") // the warm one is of an old release now
	_, err = directory.New(l.Registry, tenants.RoleApp).Resolve(ctx, l.Tenant(t, "acme").ID)
	require.ErrorIs(t, err, tenants.ErrNodeLost)
	_, err = l.Registry.TenantURL(ctx, l.Tenant(t, "acme").ID, tenants.RoleApp, false)
	require.ErrorIs(t, err, tenants.ErrNodeLost)
	for _, args := range []jobs.Args{jobs.Backup{Tenant: "acme"}, jobs.Suspend{Tenant: "acme"}, jobs.Migrate{Tenant: "acme"}, jobs.Provision{Slug: "new", Node: "n2"}} {
		_, err := l.Jobs.Submit(ctx, args, nil)
		require.ErrorIs(t, err, jobs.ErrRefused, "%T", args)
	}
	// What was asked for a moment before is refused by the worker.
	tx, err := l.Pool.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `UPDATE tenantry.nodes SET state = 'active' WHERE id = $1`, l.lost.ID)
	require.NoError(t, err)
	late, err := l.Jobs.SubmitTx(ctx, tx, jobs.Rotate{Tenant: "acme"}, nil)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `UPDATE tenantry.nodes SET state = 'lost' WHERE id = $1`, l.lost.ID)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(ctx))
	l.fails(t, late)
	require.Contains(t, string(l.Do(t, jobs.Check{Only: "acme"}).Result), "unreachable")
	l.Do(t, jobs.Provision{Slug: "elsewhere"})
	require.Zero(t, scan[int](t, l.Fleet, `SELECT tenantry.refill_warm()`))
	require.Zero(t, scan[int](t, l.Fleet, `SELECT count(*) FROM tenantry.operations o JOIN tenantry.databases d ON d.id = o.database_id WHERE d.node_id = $1 AND o.finished_at IS NULL`, l.lost.ID))
}

// TestRolloutPassesLostNodes: tenants whose node is lost are skipped like those that are not active, not put into quarantine, and come along once they live elsewhere.
func TestRolloutPassesLostNodes(t *testing.T) {
	t.Parallel()
	l := newLosing(t, fleettest.SecondServerURL(t), []string{"acme", "beta"}, "acme")
	ctx := t.Context()
	l.Do(t, jobs.Provision{Slug: "gamma", Node: "n1"})
	l.Extend(t, "next", "CREATE TABLE later (a integer)")
	id, _, err := rollout.Start(ctx, l.Pool, "next", rollout.Selector{}, rollout.Policy{Waves: []float64{100}, Bake: -1, Parallel: 1}, "test")
	require.NoError(t, err)
	states := func() map[string]string {
		t.Helper()
		members, err := rollout.Members(ctx, l.Pool, id)
		require.NoError(t, err)
		of := map[string]string{}
		for _, m := range members {
			of[m.Slug] = m.Node + " " + string(m.State)
		}
		return of
	}
	becomes := func(want map[string]string) {
		t.Helper()
		require.Eventually(t, func() bool { return maps.Equal(want, states()) }, time.Minute, 50*time.Millisecond, "%v", want)
	}
	becomes(map[string]string{"acme": "n2 applying", "beta": "n2 pending", "gamma": "n1 applying"})
	l.lose(t)
	becomes(map[string]string{"acme": "n2 skipped_inactive", "beta": "n2 skipped_inactive", "gamma": "n1 applying"})
	require.Zero(t, scan[int](t, l.Fleet, `SELECT count(*) FROM tenantry.quarantines`))
	l.Do(t, l.restores(t, "acme", "n1"))
	l.Worker(t) // which applies releases
	becomes(map[string]string{"acme": "n1 done", "beta": "n2 skipped_inactive", "gamma": "n1 done"})
}

// TestReturn: what is left of a lost node's work is put right when it comes back. Who was suspended while that was half done is closed; who was restored elsewhere is closed
// and kept, a suspended one too; and what purged tenants had is dropped, whether they lived there or elsewhere by then, as their certificates have said.
func TestReturn(t *testing.T) {
	t.Parallel()
	slugs := []string{"stays", "half", "asleep", "gone-here", "gone-elsewhere"}
	l := newLosing(t, fleettest.SecondServerURL(t), slugs, "asleep", "gone-elsewhere")
	before := map[string]tenants.Tenant{}
	for _, slug := range slugs {
		before[slug] = l.Tenant(t, slug)
	}
	l.Do(t, jobs.Suspend{Tenant: "asleep"})
	l.lose(t)
	// As a suspension and a resumption leave them that got no further.
	l.exec(t, `UPDATE tenantry.tenants SET state = 'suspended', suspended_at = now() WHERE slug = 'half'`)
	closed := func(slug string) bool { return !l.opens(t, before[slug].Database) }
	admin, err := pgx.Connect(t.Context(), fleettest.SecondServerURL(t))
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), "ALTER DATABASE "+tenants.Ident(before["stays"].Database)+" ALLOW_CONNECTIONS false")
	require.NoError(t, err)
	require.NoError(t, admin.Close(t.Context()))

	l.Do(t, l.restores(t, "asleep", "n1"))
	asleep := l.Tenant(t, "asleep")
	require.Equal(t, tenants.StateSuspended, asleep.State)
	require.Equal(t, "n1", asleep.Node)
	require.False(t, scan[bool](t, l.Fleet, `SELECT datallowconn FROM pg_database WHERE datname = $1`, asleep.Database))
	l.Do(t, l.restores(t, "gone-elsewhere", "n1"))
	for slug, dropped := range map[string]int{"gone-elsewhere": 1, "gone-here": 0} {
		l.Do(t, jobs.Purge{Tenant: slug, Confirm: slug})
		trusted, err := backup.NewCatalog(l.Registry).Trusted(t.Context())
		require.NoError(t, err)
		certificate, err := trusted.OpenCertificate("it", []byte(scan[string](t, l.Fleet, `SELECT document FROM tenantry.certificates WHERE tenant_id = $1`, before[slug].ID)))
		require.NoError(t, err)
		require.Len(t, certificate.Databases, dropped, slug)
		require.Contains(t, certificate.Checks, backup.Check{
			Looked: "database " + before[slug].Database + " of node n2", Found: "not looked at: the node is lost; when it comes back the database is closed, and dropped later",
		})
		require.Equal(t, "lost", scan[string](t, l.Fleet, `SELECT state FROM tenantry.databases WHERE name = $1`, before[slug].Database))
	}

	l.Do(t, jobs.ReturnNode{Node: "n2"})
	require.True(t, closed("half"))
	require.True(t, closed("asleep"))
	require.Equal(t, 3, l.count(t, "stays"))
	require.Equal(t, 1, scan[int](t, l.Fleet, `SELECT count(*) FROM tenantry.databases d JOIN tenantry.swaps s ON s.old_database_id = d.id WHERE d.state = 'retained' AND s.keep_until > now()`))
	for _, slug := range []string{"gone-here", "gone-elsewhere"} {
		require.Eventually(t, func() bool {
			return scan[string](t, l.Fleet, `SELECT state FROM tenantry.databases WHERE name = $1`, before[slug].Database) == "dropped"
		}, time.Minute, 100*time.Millisecond, slug)
	}
	l.Do(t, jobs.Resume{Tenant: "asleep"})
	require.Equal(t, 3, l.count(t, "asleep"))
	l.Do(t, jobs.Resume{Tenant: "half"})
	require.Equal(t, 3, l.count(t, "half"))
}
