package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// The Go example of the documentation, run for real. It sets the environment, so it is not parallel.
func TestGoExample(t *testing.T) {
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	t.Setenv("TENANTRY_API_URL", fleettest.APIURL(t, f))
	Example()
	require.Equal(t, tenants.StateActive, f.Tenant(t, "acme").State)
}
