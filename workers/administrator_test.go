package workers_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// An administrator who looks into a tenant's database is not thrown out, which the provisioner could not do: suspending goes on beside
// him, purging waits for him without using up attempts, and says for whom it waits.
func TestAdministratorInTheDatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	config, err := pgx.ParseConfig(fleettest.ServerURL(t))
	require.NoError(t, err)
	config.Database = f.Tenant(t, "acme").Database
	admin, err := pgx.ConnectConfig(ctx, config)
	require.NoError(t, err)
	defer func() { _ = admin.Close(context.Background()) }()
	app := f.Connect(t, "acme", tenants.RoleApp)

	f.Do(t, jobs.Suspend{Tenant: "acme"})
	require.Error(t, app.Ping(ctx))
	require.NoError(t, admin.Ping(ctx))
	id := f.Submit(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	require.Eventually(t, func() bool {
		op := operation(t, f, id)
		require.NotEqual(t, jobs.StateParked, op.State, "%+v", op.Error)
		return op.State == jobs.StateRetrying && op.Attempt > 1
	}, 30*time.Second, 10*time.Millisecond)
	op := operation(t, f, id)
	require.Equal(t, "administrator", op.Error.Code)
	require.Contains(t, op.Error.Message, config.User)
	require.NotEmpty(t, op.Error.Hint)
	require.Zero(t, op.Failures)
	require.NoError(t, admin.Ping(ctx))
	require.NoError(t, admin.Close(ctx))
	f.Succeeds(t, id)
}
