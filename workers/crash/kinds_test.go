package crash_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// kind is one kind of operation in the matrix: the points it passes, in their order, and how it is brought about.
type kind struct {
	name string
	// points that the operation passes. "name#2" is the second time.
	points []string
	// need makes what the cells of these names work on, while a worker runs. It may be nil.
	need func(t *testing.T, s *crashtest.Scene, names []string)
	// before is called before each cell. It may be nil.
	before func(t *testing.T, s *crashtest.Scene, name, point string)
	// ask asks for the operation.
	ask func(t *testing.T, s *crashtest.Scene, name, point string) (operation string)
	// tenant and release are where the cell's tenant stands afterwards. "" for kinds without one.
	tenant tenants.State
	// database is the state of its database afterwards.
	database string
	release  string // defaults to the sample's
	// state is how the operation ends. Defaults to succeeded.
	state jobs.State
	// meanwhile looks at what holds while nobody goes on with it. It may be nil.
	meanwhile func(t *testing.T, s *crashtest.Scene, name string)
	// after looks at more of what the cell has worked on. It may be nil.
	after func(t *testing.T, s *crashtest.Scene, name string)
}

// Points by the part of the code that passes them.
var (
	pointsOfStart  = []string{"operation.start.before", "operation.start.after"}
	pointsOfChange = []string{"operation.change.within"}
	pointsOfEnd    = []string{"operation.settle.before", "operation.settle.after"}
	pointsOfRecord = []string{"operation.settle.before", "operation.settle.within", "operation.settle.after"}
	pointsOfBuild  = []string{
		"build.template.before", "build.roles.before", "build.roles.intent", "build.roles.after",
		"build.database.before", "build.database.created", "build.database.after", "build.contents.after", "build.connect.after",
	}
	pointsOfTemplate = []string{
		"template.database.created", "apply.locked", "apply.prepared", "apply.tx.before", "apply.tx.executed", "apply.tx.committed",
		"apply.tx.executed#3", "apply.tx.committed#3", "apply.alone.before", "apply.alone.intent", "apply.alone.effect", "apply.alone.recorded",
		"apply.alone.effect#3", "apply.alone.recorded#3", "apply.done", "template.schema.after", "template.seen.after", "template.close.after",
	}
	pointsOfMigrate = []string{
		"apply.locked", "apply.tx.before", "apply.tx.executed", "apply.tx.committed",
		"apply.alone.before", "apply.alone.intent", "apply.alone.cleared", "apply.alone.effect", "apply.alone.recorded",
		"apply.tx.executed#2", "apply.tx.committed#2", "apply.release", "apply.done",
	}
	pointsOfFence   = []string{"fence.before", "fence.closed", "fence.acked", "fence.after"}
	pointsOfUnfence = []string{"unfence.before", "unfence.after"}
	pointsOfDrop    = []string{"drop.database.before", "drop.database.after", "drop.roles.after", "drop.verified"}
	pointsOfRoles   = []string{"build.roles.before", "build.roles.intent", "build.roles.after"}
)

// passing is the points of a whole operation: its start, its work, its end.
func passing(work ...[]string) []string {
	return slices.Concat(append([][]string{pointsOfStart}, work...)...)
}

// kinds is the matrix: a line a kind.
func kinds() []kind {
	return append(backupKinds(), []kind{
		{
			name: "provision", points: passing(pointsOfChange, pointsOfBuild, pointsOfRecord), ask: askProvision,
			tenant: tenants.StateActive, database: "assigned",
		},
		{ // the first of a release on a node, which builds the template
			name: "first", points: pointsOfTemplate, before: loseTemplate, ask: askProvision,
			tenant: tenants.StateActive, database: "assigned",
		},
		{name: "warm", points: passing(pointsOfBuild, pointsOfRecord), need: noRefill, ask: askWarm, database: "warm"},
		{
			name: "migrate", points: passing(pointsOfMigrate, pointsOfEnd), need: needMigrate, before: beforeMigrate, ask: askMigrate,
			tenant: tenants.StateActive, database: "assigned", release: nextRelease,
		},
		{
			name: "suspend", points: passing(pointsOfChange, pointsOfFence, pointsOfEnd), need: needTenants, ask: asking(func(slug string) jobs.Args { return jobs.Suspend{Tenant: slug} }),
			tenant: tenants.StateSuspended, database: "assigned",
		},
		{
			name: "resume", points: passing(pointsOfChange, pointsOfUnfence, pointsOfRecord), ask: asking(func(slug string) jobs.Args { return jobs.Resume{Tenant: slug} }),
			need:   needing(func(slug string) jobs.Args { return jobs.Suspend{Tenant: slug} }),
			tenant: tenants.StateActive, database: "assigned",
		},
		{
			name: "delete", points: passing(pointsOfChange, pointsOfFence, pointsOfEnd), need: needTenants, ask: asking(func(slug string) jobs.Args { return jobs.Delete{Tenant: slug, Force: slug} }),
			tenant: tenants.StateDeleting, database: "assigned",
		},
		{
			name: "undelete", points: passing(pointsOfUnfence, pointsOfRecord), ask: asking(func(slug string) jobs.Args { return jobs.Undelete{Tenant: slug} }),
			need:   needing(func(slug string) jobs.Args { return jobs.Delete{Tenant: slug, Force: slug} }),
			tenant: tenants.StateActive, database: "assigned",
		},
		{
			name: "purge", points: passing(pointsOfChange, pointsOfFence, pointsOfDrop, pointsOfErase, pointsOfRecord), need: needBackups,
			ask:    asking(func(slug string) jobs.Args { return jobs.Purge{Tenant: slug, Confirm: slug, Force: slug} }),
			tenant: tenants.StateDeleted, database: "dropped", after: erased,
		},
		{
			name: "rotate", points: passing(pointsOfRoles, pointsOfRecord), need: needTenants, ask: asking(func(slug string) jobs.Args { return jobs.Rotate{Tenant: slug} }),
			tenant: tenants.StateActive, database: "assigned",
		},
		{
			name: "check", points: passing([]string{"check.read.after", "check.record.after"}, pointsOfEnd), need: needTenants,
			ask:      asking(func(slug string) jobs.Args { return jobs.Check{Only: slug} }),
			database: "assigned", // it takes no turn in the tenant's mailbox
		},
		{
			name: "form", points: passing(pointsOfFirstForm, pointsOfEnd), need: needForms(0, crashtest.MakeForm), ask: asking(func(slug string) jobs.Args { return crashtest.Changing(slug, crashtest.MakeForm) }),
			tenant: tenants.StateActive, database: "assigned", release: nextRelease,
		},
		{
			name: "change", points: passing(pointsOfForm, pointsOfChange, pointsOfEnd), need: needForms(crashtest.FormRows, crashtest.ChangeForm), before: beforeChange,
			ask:    asking(func(slug string) jobs.Args { return crashtest.Changing(slug, crashtest.ChangeForm) }),
			tenant: tenants.StateActive, database: "assigned", release: nextRelease, after: changed,
		},
		{
			name: "cancel", points: passing(pointsOfUndo, pointsOfEnd), need: needCancelled, before: beginFill, ask: cancelChange,
			tenant: tenants.StateActive, database: "assigned", release: nextRelease, state: jobs.StateCancelled, after: emptyAgain,
		},
		{name: "retire", points: passing(pointsOfFence, pointsOfDrop, pointsOfRecord), need: needWarm, ask: askRetire, database: "dropped"},
	}...)
}

func asking(args func(slug string) jobs.Args) func(*testing.T, *crashtest.Scene, string, string) string {
	return func(t *testing.T, s *crashtest.Scene, name, _ string) string {
		t.Helper()
		return s.Fleet.Submit(t, args(name))
	}
}

func needTenants(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	all(t, s, names, func(name string) string { return askTenant(t, s, name) })
}

// needing makes tenants that have been through an operation.
func needing(args func(slug string) jobs.Args) func(*testing.T, *crashtest.Scene, []string) {
	return func(t *testing.T, s *crashtest.Scene, names []string) {
		t.Helper()
		needTenants(t, s, names)
		all(t, s, names, func(name string) string { return s.Fleet.Submit(t, args(name)) })
	}
}

func askProvision(t *testing.T, s *crashtest.Scene, name, _ string) string {
	t.Helper()
	return askTenant(t, s, name)
}

// loseTemplate makes the next build begin with the template.
func loseTemplate(t *testing.T, s *crashtest.Scene, _, _ string) {
	t.Helper()
	control(t, s, `UPDATE tenantry.templates SET state = 'building'`)
}

// askWarm asks as the fleet itself does when a warm pool lacks a database. The cell's name becomes the key.
func askWarm(t *testing.T, s *crashtest.Scene, name, _ string) string {
	t.Helper()
	return value[string](t, s, `
		WITH d AS (
		  INSERT INTO tenantry.databases (node_id, release_id)
		  SELECT $2, id FROM tenantry.releases WHERE name = $3
		  RETURNING id
		)
		SELECT tenantry.submit_as('warm', jsonb_build_object('database', id), $1, false) FROM d`, name, s.Node.ID, fleettest.Release)
}

// noRefill keeps the fleet's own care for its warm pools away: it would clear away what the scene's node has no target for.
func noRefill(t *testing.T, s *crashtest.Scene, _ []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.Fleet.URL)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(hashtextextended('tenantry.refill_warm', 0))`)
	require.NoError(t, err)
}

func needWarm(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	noRefill(t, s, names)
	all(t, s, names, func(name string) string { return askWarm(t, s, name, "") })
}

// askRetire asks as the fleet itself does for a warm database of an old release.
func askRetire(t *testing.T, s *crashtest.Scene, name, _ string) string {
	t.Helper()
	id := value[string](t, s, `
		UPDATE tenantry.databases SET state = 'dropping'
		WHERE id = (SELECT database_id FROM tenantry.operations WHERE kind = 'warm' AND idempotency_key = $1)
		RETURNING id`, name)
	return value[string](t, s, `SELECT tenantry.submit_as('retire', jsonb_build_object('database', $1::text), $1, false)`, id)
}

// The point of an up-to-date database is passed on the way to a release that is another in name only.
const pointRelease = "apply.release"

func needMigrate(t *testing.T, s *crashtest.Scene, names []string) {
	t.Helper()
	needTenants(t, s, names)
	crashtest.PublishNext(t, s.Fleet)
	createTenant(t, s, "clean-next")
	s.Fleet.Do(t, jobs.Migrate{Tenant: "clean-next", Release: nextRelease})
	s.Remember(t, "clean-next")
	s.Clean[renamedRelease] = s.Clean[nextRelease]
	for _, name := range names {
		if name == cellName("migrate", pointRelease) {
			s.Fleet.Do(t, jobs.Migrate{Tenant: name, Release: nextRelease})
		}
	}
}

func beforeMigrate(t *testing.T, s *crashtest.Scene, name, point string) {
	t.Helper()
	if point == "apply.alone.cleared" {
		invalidIndex(t, s, name)
	}
}

func askMigrate(t *testing.T, s *crashtest.Scene, name, point string) string {
	t.Helper()
	to := nextRelease
	if point == pointRelease {
		to = renamedRelease
	}
	return s.Fleet.Submit(t, jobs.Migrate{Tenant: name, Release: to})
}

// databaseOfOperation gives the row that an operation works on. A check has none of its own: it names a tenant. A verification makes one; letting backups
// expire and measuring are about all.
func databaseOfOperation(t testing.TB, s *crashtest.Scene, id string) tenants.Database {
	t.Helper()
	db, err := s.Fleet.Registry.Database(t.Context(), value[string](t, s, `
		SELECT coalesce(o.database_id, (SELECT t.database_id FROM tenantry.tenants t WHERE t.slug = o.args ->> 'only'),
		         (SELECT v.database_id FROM tenantry.verifications v WHERE v.operation_id = o.id),
		         (SELECT t.database_id FROM tenantry.tenants t WHERE o.kind IN ('expire_backups', 'measure') ORDER BY t.id LIMIT 1))
		FROM tenantry.operations o
		WHERE o.id = $1`, id))
	require.NoError(t, err)
	return db
}
