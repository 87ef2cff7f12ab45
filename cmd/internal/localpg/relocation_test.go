package localpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDirectoryClosedToTheServer covers a checkout below a home of mode 0700, started as root.
func TestDirectoryClosedToTheServer(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	home := t.TempDir()
	require.NoError(t, os.Chmod(home, 0o700))
	dir := filepath.Join(home, ".tenantry", "pg")

	s := start(t, dir)
	at, base := s.URL("postgres"), s.place.base
	require.True(t, strings.HasPrefix(base, relocationPrefix), base)
	require.Equal(t, base+"/data", query(t, at, "SHOW data_directory"))
	require.FileExists(t, filepath.Join(dir, "password"))
	query(t, at, "CREATE TABLE kept (n int)")
	require.ErrorIs(t, Remove(t.Context(), dir), ErrInUse)
	stop(t, s, Immediate)

	t.Run("is found again", func(t *testing.T) {
		again := start(t, dir)
		require.Equal(t, at, again.URL("postgres"))
		require.Equal(t, "0", query(t, at, "SELECT count(*) FROM kept"))
		stop(t, again, Immediate)
	})

	t.Run("goes along with a directory that moved", func(t *testing.T) {
		moved := filepath.Join(home, "moved")
		require.NoError(t, os.Rename(dir, moved))
		again := start(t, moved)
		require.Equal(t, "0", query(t, again.URL("postgres"), "SELECT count(*) FROM kept"))
		stop(t, again, Immediate)
		require.NoError(t, os.Rename(moved, dir))
	})

	t.Run("is not somebody else's", func(t *testing.T) {
		p := place{dir: dir}
		defer func() { require.NoError(t, os.WriteFile(p.locationFile(), []byte(base), 0o644)) }()
		for _, name := range []string{"/etc", relocationPrefix + "../../etc", "relative"} {
			require.NoError(t, os.WriteFile(p.locationFile(), []byte(name), 0o644))
			_, err := Start(t.Context(), Config{Dir: dir})
			require.ErrorContains(t, err, "not a place of ours")
			require.ErrorContains(t, Remove(t.Context(), dir), "not a place of ours")
		}
	})

	t.Run("begins anew when the directory was deleted", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(dir))
		fresh := start(t, dir)
		require.Equal(t, base, fresh.place.base)
		require.NotEqual(t, at, fresh.URL("postgres"))
		require.Empty(t, query(t, fresh.URL("postgres"), "SELECT to_regclass('kept')"))
		stop(t, fresh, Immediate)
	})

	require.NoError(t, Remove(t.Context(), dir))
	require.NoDirExists(t, dir)
	require.NoDirExists(t, base)
	require.NoError(t, Remove(t.Context(), dir), "twice")
}
