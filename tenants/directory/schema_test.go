package directory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A change of a tenant's tables reaches every process with a pool of it: by notification, and by the poll where that is lost.
func TestSchemaChangeReachesEveryProcess(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "one")
	f.Worker(t)
	made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	f.Succeeds(t, made.OperationID)

	for _, way := range []struct { // in this order: the second takes away what the first needs
		name string
		poll time.Duration
	}{{"by notification", -1}, {"by the poll", 50 * time.Millisecond}} {
		name, poll := way.name, way.poll
		s := newService(t, f, poolcache.Config{EpochPoll: poll})
		require.NoError(t, use(t.Context(), s.Cache, made.TenantID))
		lease, ok := s.Peek(made.TenantID)
		require.True(t, ok)
		before := lease.SchemaEpoch()
		if poll > 0 { // nobody hears of it
			_, err := f.Pool.Exec(t.Context(), `ALTER TABLE tenantry.tenants DISABLE TRIGGER announce_epoch`)
			require.NoError(t, err)
		} else { // by then the service listens
			require.Eventually(t, func() bool {
				_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.tenants SET schema_epoch = schema_epoch + 1 WHERE id = $1`, made.TenantID)
				return err == nil && lease.SchemaEpoch() > before
			}, 20*time.Second, 20*time.Millisecond)
			before = lease.SchemaEpoch()
		}
		_, err := f.Pool.Exec(t.Context(), `UPDATE tenantry.tenants SET schema_epoch = schema_epoch + 1 WHERE id = $1`, made.TenantID)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return lease.SchemaEpoch() > before }, 20*time.Second, 10*time.Millisecond, name)
		require.NoError(t, use(t.Context(), s.Cache, made.TenantID))
		again, ok := s.Peek(made.TenantID)
		require.True(t, ok)
		require.Equal(t, lease.Epoch(), again.Epoch(), "%s: the pool is the same", name)
		again.Release()
		lease.Release()
	}
}
