package crash_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// buildDir is where the program is built, once for all tests.
var buildDir string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	fleettest.AtOnce(4) // most of the time is spent waiting for leases to run out
	var err error
	if buildDir, err = os.MkdirTemp("", "tenantry-crash-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(buildDir) }()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

var built = sync.OnceValues(func() (crashtest.Program, error) {
	return crashtest.Build(context.Background(), buildDir)
})

// program is the built program.
func program(t testing.TB) crashtest.Program {
	t.Helper()
	p, err := built()
	require.NoError(t, err)
	return p
}
