package localpg

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOwnerKilled(t *testing.T) {
	t.Parallel()
	dir := clusterDir(t)
	killInInitdb(t, dir)

	first := startOwner(t, dir)
	at := first.ready(t)
	halfMade, err := filepath.Glob(dir + "/" + newDataPrefix + "*")
	require.NoError(t, err)
	require.Empty(t, halfMade, "what was begun is thrown away")
	query(t, at, "CREATE TABLE kept (n int)")
	first.kill(t)

	t.Run("the server goes with it", func(t *testing.T) {
		gone, err := waitGone(t.Context(), filepath.Join(dir, "data"), 10*time.Second)
		require.NoError(t, err)
		require.True(t, gone, "the death signal is set after the change of user, and the thread that set it lives")
	})

	t.Run("the next start keeps the data", func(t *testing.T) {
		s := start(t, dir)
		require.Equal(t, at, s.URL("postgres"))
		require.Equal(t, "0", query(t, at, "SELECT count(*) FROM kept"))
		stop(t, s, Immediate)
	})

	t.Run("the next start need not wait", func(t *testing.T) {
		second := startOwner(t, dir)
		second.ready(t)
		second.kill(t)
		s := start(t, dir)
		require.Equal(t, "0", query(t, at, "SELECT count(*) FROM kept"))
		stop(t, s, Immediate)
	})

	t.Run("a server that survived is stopped", func(t *testing.T) {
		s := start(t, dir)
		stop(t, s, Immediate)
		survivor := survive(t, s)
		again := start(t, dir)
		require.Equal(t, "0", query(t, at, "SELECT count(*) FROM kept"))
		requireClosed(t, survivor.exited)
		require.Equal(t, "exit status 0", survivor.ending(), "politely")
		stop(t, again, Immediate)
	})

	t.Run("so are processes without a postmaster", func(t *testing.T) {
		s := start(t, dir)
		stop(t, s, Immediate)
		survivor := survive(t, s)
		left, err := processesOf(s.DataDir())
		require.NoError(t, err)
		require.NotEmpty(t, left.backends)
		// A stopped process does not notice that its postmaster died.
		require.NoError(t, syscall.Kill(left.backends[0], syscall.SIGSTOP))
		require.NoError(t, syscall.Kill(survivor.pid, syscall.SIGKILL))
		requireClosed(t, survivor.exited)
		again := start(t, dir)
		require.Equal(t, "0", query(t, at, "SELECT count(*) FROM kept"))
		stop(t, again, Immediate)
	})
}

// killInInitdb leaves a half-made cluster behind.
func killInInitdb(t *testing.T, dir string) {
	t.Helper()
	o := startOwner(t, dir)
	require.Eventually(t, func() bool {
		begun, _ := filepath.Glob(dir + "/" + newDataPrefix + "*/PG_VERSION")
		return len(begun) > 0
	}, 30*time.Second, 2*time.Millisecond)
	o.kill(t)
	require.NoDirExists(t, filepath.Join(dir, "data"))
}

// survive runs a server of a stopped cluster that nothing ties to this process.
func survive(t *testing.T, s *Server) *run {
	t.Helper()
	cmd := s.place.account.command(context.WithoutCancel(t.Context()), 0, s.place.base, s.bin.Path("postgres"), s.arguments()...)
	r, err := launch(cmd, func(*run) {})
	require.NoError(t, err)
	require.NoError(t, s.awaitReady(t.Context(), r))
	return r
}
