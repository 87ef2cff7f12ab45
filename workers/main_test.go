package workers_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/avenit/tenantry/workers/fleettest"
)

func TestMain(m *testing.M) {
	fleettest.AtOnce(2)
	goleak.VerifyTestMain(m)
}
