package workers_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

func set(t *testing.T, f *fleettest.Fleet, key, value string) {
	t.Helper()
	require.Equal(t, 1, scan[int](t, f, `WITH u AS (UPDATE tenantry.settings SET value = $2::jsonb WHERE key = $1 RETURNING 1) SELECT count(*) FROM u`, key, value))
}

func purge(t *testing.T, f *fleettest.Fleet, slug string) (string, error) {
	t.Helper()
	return f.Jobs.Submit(t.Context(), jobs.Purge{Tenant: slug, Confirm: slug}, nil)
}

func TestPurgesPerHour(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	slugs := paperFleet(t, f, 12)
	set(t, f, "mass_delete_floor", "1000")
	set(t, f, "purges_per_hour", "2")
	first, err := purge(t, f, slugs[0])
	require.NoError(t, err)
	_, err = purge(t, f, slugs[1])
	require.NoError(t, err)
	_, err = purge(t, f, slugs[2])
	requireRefused(t, err, jobs.ErrRefused, "force")

	_, err = f.Jobs.Submit(ctx, jobs.Purge{Tenant: slugs[2], Confirm: slugs[2], Force: slugs[3]}, nil)
	requireRefused(t, err, jobs.ErrInvalid, "force")
	_, err = f.Jobs.Submit(ctx, jobs.Purge{Tenant: slugs[2], Confirm: slugs[2], Force: slugs[2]}, nil)
	require.NoError(t, err, "forced by name")

	_, err = purge(t, f, slugs[3])
	requireRefused(t, err, jobs.ErrRefused, "force")
	for range 2 { // three were asked for; two of them leave the hour, or are cancelled, before one is allowed again
		_, err = f.Jobs.Cancel(ctx, first)
		require.NoError(t, err)
		first = scan[string](t, f, `SELECT id FROM tenantry.operations WHERE kind = 'purge' AND finished_at IS NULL ORDER BY seq LIMIT 1`)
	}
	_, err = purge(t, f, slugs[3])
	require.NoError(t, err, "what was cancelled does not count")
	_, err = purge(t, f, slugs[4])
	require.ErrorIs(t, err, jobs.ErrRefused)
	execControl(t, f, `UPDATE tenantry.operations SET created_at = created_at - interval '61 minutes', updated_at = updated_at - interval '61 minutes'`)
	_, err = purge(t, f, slugs[4])
	require.NoError(t, err, "an hour later")
	set(t, f, "purges_per_hour", "0")
	_, err = purge(t, f, slugs[5])
	require.ErrorIs(t, err, jobs.ErrRefused, "purging can be turned off")
}

func TestPurgeIsConfirmed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	slugs := paperFleet(t, f, 2)
	id := f.Tenant(t, slugs[0]).ID
	for _, confirm := range []string{slugs[1], "yes"} {
		_, err := f.Jobs.Submit(ctx, jobs.Purge{Tenant: slugs[0], Confirm: confirm}, nil)
		requireRefused(t, err, jobs.ErrInvalid, "confirm")
		_, err = f.Jobs.Submit(ctx, jobs.Purge{Tenant: slugs[0], Confirm: confirm, Force: slugs[0]}, nil)
		requireRefused(t, err, jobs.ErrInvalid, "confirm")
	}
	_, err := f.Jobs.Submit(ctx, jobs.Purge{Tenant: id, Confirm: id}, nil)
	require.ErrorIs(t, err, jobs.ErrInvalid, "an id says nothing to the person who confirms")
	_, err = f.Jobs.Submit(ctx, jobs.Purge{Tenant: id, Confirm: slugs[0]}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, scan[int](t, f, `SELECT count(*) FROM tenantry.operations`))
}

// What looks like a mistake with many tenants is refused: a share of the fleet, but never fewer than the floor.
func TestMassDeletes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	slugs := paperFleet(t, f, 40)
	set(t, f, "mass_delete_floor", "3")
	set(t, f, "mass_delete_share", "0.125") // 5 of 40
	errs := make([]error, 20)
	var crew sync.WaitGroup
	for i := range errs {
		crew.Go(func() { _, errs[i] = f.Jobs.Submit(ctx, jobs.Delete{Tenant: slugs[i]}, nil) })
	}
	crew.Wait()
	var allowed, refused []string
	for i, err := range errs {
		if err == nil {
			allowed = append(allowed, slugs[i])
			continue
		}
		requireRefused(t, err, jobs.ErrRefused, "force")
		refused = append(refused, slugs[i])
	}
	require.Len(t, allowed, 5, "twenty at once")

	_, err := f.Jobs.Submit(ctx, jobs.Delete{Tenant: refused[0], Force: refused[1]}, nil)
	requireRefused(t, err, jobs.ErrInvalid, "force")
	_, err = f.Jobs.Submit(ctx, jobs.Delete{Tenant: refused[0], Force: refused[0]}, nil)
	require.NoError(t, err, "forced by name")
	_, err = purge(t, f, refused[1])
	requireRefused(t, err, jobs.ErrRefused, "force")

	// Those that are in their grace count, and whoever is among them is not counted against himself.
	execControl(t, f, `UPDATE tenantry.operations SET state = 'succeeded', finished_at = now()`)
	execControl(t, f, `UPDATE tenantry.tenants SET state = 'deleting', delete_after = now() + interval '1 day', current_operation_id = NULL WHERE current_operation_id IS NOT NULL`)
	_, err = f.Jobs.Submit(ctx, jobs.Delete{Tenant: refused[1]}, nil)
	requireRefused(t, err, jobs.ErrRefused, "force")
	execControl(t, f, `UPDATE tenantry.tenants SET state = 'active', delete_after = NULL WHERE slug = $1`, refused[0])
	_, err = f.Jobs.Submit(ctx, jobs.Delete{Tenant: allowed[0], Grace: "1 day"}, nil)
	require.NoError(t, err)
	_, err = f.Jobs.Submit(ctx, jobs.Delete{Tenant: refused[1]}, nil)
	require.ErrorIs(t, err, jobs.ErrRefused)

	// In a small fleet the share is less than one; the floor lets people work.
	execControl(t, f, `UPDATE tenantry.operations SET state = 'succeeded', finished_at = coalesce(finished_at, now())`)
	execControl(t, f, `UPDATE tenantry.tenants SET state = 'deleted', current_operation_id = NULL WHERE slug <> ALL ($1)`, refused[:9])
	for i, slug := range refused[:4] {
		_, err = f.Jobs.Submit(ctx, jobs.Delete{Tenant: slug}, nil)
		require.Equal(t, i < 3, err == nil, "delete %d of 9 tenants: %v", i+1, err)
	}
}

// Many callers delete the same tenants in different orders. They may be refused, but never end in each other's arms.
func TestManyDeletesAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	slugs := paperFleet(t, f, 20)
	set(t, f, "mass_delete_floor", "1000")
	set(t, f, "purges_per_hour", "1000")
	var crew sync.WaitGroup
	errs := &errorLog{}
	random := seeded(t)
	for i := range 12 {
		order := random.Perm(len(slugs))
		crew.Go(func() {
			var list []jobs.Args
			for _, n := range order {
				switch i % 3 {
				case 0:
					list = append(list, jobs.Delete{Tenant: slugs[n]})
				case 1:
					list = append(list, jobs.Purge{Tenant: slugs[n], Confirm: slugs[n]})
				default:
					list = append(list, jobs.Suspend{Tenant: slugs[n]})
				}
			}
			_, err := f.Jobs.SubmitMany(ctx, list, nil)
			errs.add("submit many", err)
			for _, n := range order[:5] {
				_, err := f.Jobs.Submit(ctx, jobs.Delete{Tenant: slugs[n]}, nil)
				errs.add("submit one", err)
			}
		})
		crew.Go(func() {
			_, err := count(ctx, f, `SELECT tenantry.purge_due()`)
			errs.add("purge due", err)
		})
	}
	crew.Wait()
	require.Empty(t, errs.all())
	require.Equal(t, 12*(20+5), scan[int](t, f, `SELECT count(*) FROM tenantry.operations`))
}

func TestPurgeDue(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	slugs := paperFleet(t, f, 10)
	set(t, f, "purges_per_hour", "2")
	due := func() int { return scan[int](t, f, `SELECT tenantry.purge_due()`) }
	asked := func() int { return scan[int](t, f, `SELECT count(*) FROM tenantry.operations WHERE kind = 'purge'`) }
	require.Zero(t, due())
	for i, slug := range slugs {
		state, after := "deleting", fmt.Sprintf("%d minutes", i-8) // the last two are not due yet
		if i == 0 {
			state = "active" // undeleted; that its date is left is not enough
		}
		execControl(t, f, `UPDATE tenantry.tenants SET state = $2, delete_after = now() + $3::text::interval + interval '30 seconds' WHERE slug = $1`, slug, state, after)
	}
	// One of them is being undeleted right now.
	undelete := f.Submit(t, jobs.Undelete{Tenant: slugs[1]})
	require.Equal(t, 2, due())
	require.Zero(t, due(), "the hour's are used up")
	require.Equal(t, 2, asked())
	require.Equal(t, 2, scan[int](t, f, `SELECT count(*) FROM tenantry.operations o JOIN tenantry.tenants t ON t.id = o.tenant_id WHERE o.kind = 'purge' AND t.slug = ANY ($1)`, slugs[2:4]), "the oldest first")

	// What a person has cancelled is not asked for again, and does not stand in the way of the others.
	cancelled := scan[string](t, f, `SELECT id FROM tenantry.operations WHERE kind = 'purge' ORDER BY seq LIMIT 1`)
	_, err := f.Jobs.Cancel(ctx, cancelled)
	require.NoError(t, err)
	require.Equal(t, 1, due())
	require.Zero(t, due())
	require.Equal(t, jobs.StateCancelled, operation(t, f, cancelled).State)
	for range 3 {
		execControl(t, f, `UPDATE tenantry.operations SET created_at = created_at - interval '61 minutes', updated_at = updated_at - interval '61 minutes' WHERE kind = 'purge'`)
		due()
	}
	require.Equal(t, 6, asked(), "everything that is due, the cancelled one included")
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.operations o JOIN tenantry.tenants t ON t.id = o.tenant_id WHERE o.kind = 'purge' AND t.slug = ANY ($1)`,
		[]string{slugs[0], slugs[1], slugs[8], slugs[9]}), "not undeleted, not yet due")

	// Undeleted and deleted again is another grace and another purge.
	_, err = f.Jobs.Cancel(ctx, undelete)
	require.NoError(t, err)
	execControl(t, f, `UPDATE tenantry.operations SET created_at = created_at - interval '61 minutes', updated_at = updated_at - interval '61 minutes' WHERE kind = 'purge'`)
	execControl(t, f, `UPDATE tenantry.tenants SET delete_after = now() - interval '1 second' WHERE id = (SELECT tenant_id FROM tenantry.operations WHERE id = $1)`, cancelled)
	require.Equal(t, 2, due(), "the one whose undelete was cancelled, and the one with the new grace")
}

// From delete through its grace and back, and then to the end.
func TestGraceThenPurge(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	node := f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	conn := f.Connect(t, "acme", tenants.RoleApp)
	_, err := conn.Exec(ctx, `INSERT INTO customers (name) VALUES ('Ada')`)
	require.NoError(t, err)
	tenant := f.Tenant(t, "acme")
	db, err := f.Registry.DatabaseOf(ctx, tenant.ID)
	require.NoError(t, err)

	f.Do(t, jobs.Delete{Tenant: "acme", Grace: "36 hours"})
	tenant = f.Tenant(t, "acme")
	require.Equal(t, tenants.StateDeleting, tenant.State)
	require.WithinDuration(t, time.Now().Add(36*time.Hour), *tenant.DeleteAfter, time.Minute)
	require.Error(t, conn.Ping(ctx), "sessions are ended")
	_, err = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "acme"}, nil)
	require.ErrorIs(t, err, jobs.ErrConflict, "the slug is not free before the purge")
	require.Zero(t, scan[int](t, f, `SELECT tenantry.purge_due()`))
	f.Do(t, jobs.Delete{Tenant: "acme", Grace: "2 hours"})
	require.WithinDuration(t, time.Now().Add(2*time.Hour), *f.Tenant(t, "acme").DeleteAfter, time.Minute, "deleting again says anew how long")

	f.Do(t, jobs.Undelete{Tenant: "acme"})
	require.Equal(t, tenants.StateActive, f.Tenant(t, "acme").State)
	require.Nil(t, f.Tenant(t, "acme").DeleteAfter)
	var customers int
	require.NoError(t, f.Connect(t, "acme", tenants.RoleApp).QueryRow(ctx, `SELECT count(*) FROM customers`).Scan(&customers))
	require.Equal(t, 1, customers)
	require.Zero(t, scan[int](t, f, `SELECT tenantry.purge_due()`))

	// Suspended before, suspended after.
	f.Do(t, jobs.Suspend{Tenant: "acme"})
	f.Do(t, jobs.Delete{Tenant: "acme"})
	f.Do(t, jobs.Undelete{Tenant: "acme"})
	require.Equal(t, tenants.StateSuspended, f.Tenant(t, "acme").State)
	u, err := f.Registry.TenantURL(ctx, tenant.ID, tenants.RoleApp, true)
	require.NoError(t, err)
	requireClosed(t, u)

	f.Do(t, jobs.Delete{Tenant: "acme"})
	execControl(t, f, `UPDATE tenantry.tenants SET delete_after = now() - interval '1 second' WHERE id = $1`, tenant.ID)
	require.Equal(t, 1, scan[int](t, f, `SELECT tenantry.purge_due()`))
	f.Succeeds(t, scan[string](t, f, `SELECT id FROM tenantry.operations WHERE kind = 'purge'`))
	require.Equal(t, tenants.StateDeleted, f.Tenant(t, tenant.ID).State)
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_database WHERE datname = $1`, db.Name))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM pg_roles WHERE rolname = ANY ($1)`, db.Roles()))
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM tenantry.credentials WHERE database_id = $1`, db.ID))
	_, err = f.Jobs.Submit(ctx, jobs.Undelete{Tenant: tenant.ID}, nil)
	require.ErrorIs(t, err, jobs.ErrConflict, "there is no way back any more")
	again, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "acme", Node: node.Name}, nil)
	require.NoError(t, err, "the slug is free again")
	require.NotEqual(t, tenant.ID, again.TenantID)
	f.Succeeds(t, again.OperationID)
}

// Retrying is asking again: what is limited when it is asked for is limited then, too.
func TestRetryIsLimitedToo(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	slugs := paperFleet(t, f, 12)
	set(t, f, "mass_delete_floor", "1000")
	set(t, f, "purges_per_hour", "1")
	first, err := purge(t, f, slugs[0])
	require.NoError(t, err)
	_, err = f.Jobs.Cancel(ctx, first)
	require.NoError(t, err)
	_, err = purge(t, f, slugs[1])
	require.NoError(t, err)
	_, err = f.Jobs.Retry(ctx, first)
	requireRefused(t, err, jobs.ErrRefused, "force")
	execControl(t, f, `UPDATE tenantry.operations SET created_at = created_at - interval '61 minutes', updated_at = updated_at - interval '61 minutes'`)
	_, err = f.Jobs.Retry(ctx, first)
	require.NoError(t, err, "an hour later")
	_, err = purge(t, f, slugs[2])
	require.ErrorIs(t, err, jobs.ErrRefused, "what was retried counts")
}

// A grace that nobody could use is none: it must be confirmed as a purge is.
func TestShortGraceIsConfirmed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	slug := paperFleet(t, f, 12)[0]
	_, err := f.Jobs.Submit(ctx, jobs.Delete{Tenant: slug, Grace: "59 minutes"}, nil)
	requireRefused(t, err, jobs.ErrInvalid, "grace")
	_, err = f.Jobs.Submit(ctx, jobs.Delete{Tenant: slug, Grace: "0", Confirm: "another"}, nil)
	requireRefused(t, err, jobs.ErrInvalid, "grace")
	_, err = f.Jobs.Submit(ctx, jobs.Delete{Tenant: slug, Grace: "0", Confirm: slug}, nil)
	require.NoError(t, err)
}

// A purge that a person has stopped does not come back by itself before another grace is over.
func TestStoppedPurgeStaysStopped(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	slug := paperFleet(t, f, 12)[0]
	id, err := purge(t, f, slug)
	require.NoError(t, err)
	execControl(t, f, `UPDATE tenantry.tenants SET state = 'deleting', delete_after = now() WHERE slug = $1`, slug)
	execControl(t, f, `UPDATE tenantry.operations SET state = 'parked', attempt = 1 WHERE id = $1`, id)
	_, err = f.Jobs.Cancel(ctx, id)
	require.NoError(t, err)
	require.Zero(t, scan[int](t, f, `SELECT tenantry.purge_due()`))
	require.True(t, scan[bool](t, f, `SELECT delete_after > now() + interval '6 days' FROM tenantry.tenants WHERE slug = $1`, slug))
}
