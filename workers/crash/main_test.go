package crash_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// buildDir is where the program is built, once for all tests.
var buildDir string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	// Most of the time is spent waiting for leases to run out: more at once than there are processors.
	if f := flag.Lookup("test.parallel"); f.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set(fmt.Sprint(4 * runtime.GOMAXPROCS(0)))
	}
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
