package crash_test

import (
	"testing"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// TestTemplateLost: somebody drops a node's template behind our back. The next tenant gets a new one, by itself.
func TestTemplateLost(t *testing.T) {
	t.Parallel()
	crashtest.From(t, crashtest.Short)
	s := newScene(t)
	execOn(t, onNode(t, s, ""), "DROP DATABASE %s", tenants.Ident(template(t, s)))
	withWorker(t, s, func() { createTenant(t, s, "next") })
	crashtest.Holds(t, s, crashtest.Expect{Failures: 1})
}
