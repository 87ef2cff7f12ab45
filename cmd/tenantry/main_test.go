package main

import (
	"os"
	"testing"

	"github.com/avenit/tenantry/workers/fleettest"
)

func TestMain(m *testing.M) {
	fleettest.AtOnce(2)
	os.Exit(m.Run())
}
