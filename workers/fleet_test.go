package workers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

func TestProvisionToPurge(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)

	made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "acme", Name: "Acme", Labels: map[string]string{"plan": "pro"}}, nil)
	require.NoError(t, err)
	require.Equal(t, "requested", made.State)
	f.Succeeds(t, made.OperationID)
	require.Equal(t, tenants.StateActive, f.Tenant(t, "acme").State)

	conn := f.Connect(t, "acme", tenants.RoleApp)
	_, err = conn.Exec(t.Context(), `INSERT INTO customers (name, email) VALUES ('Ada', 'ada@example.com')`)
	require.NoError(t, err)

	f.Do(t, jobs.Suspend{Tenant: "acme"})
	require.Error(t, conn.Ping(t.Context()), "suspending ends sessions")
	f.Do(t, jobs.Resume{Tenant: "acme"})
	f.Connect(t, "acme", tenants.RoleApp)
	f.Do(t, jobs.Rotate{Tenant: "acme"})
	f.Connect(t, "acme", tenants.RoleMigrator)
	f.Do(t, jobs.Delete{Tenant: "acme"})
	f.Do(t, jobs.Undelete{Tenant: "acme"})
	f.Connect(t, "acme", tenants.RoleReadOnly)
	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	require.Equal(t, tenants.StateDeleted, f.Tenant(t, made.TenantID).State)
}
