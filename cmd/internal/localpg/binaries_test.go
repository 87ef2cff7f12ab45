package localpg

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	t.Parallel()
	b, err := Find("")
	require.NoError(t, err)
	require.FileExists(t, b.Path("initdb"))
	require.GreaterOrEqual(t, b.Major, oldestMajor)

	same, err := Find(b.Dir)
	require.NoError(t, err)
	require.Equal(t, b, same)

	_, err = Find(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist, "a hint is final")
	require.ErrorContains(t, err, "initdb")
}

func TestFindRefusesOldServers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, program := range []string{"initdb", "postgres", "pg_ctl"} {
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755))
	}
	_, err := Find(dir)
	require.ErrorIs(t, err, errTooOld)
	require.ErrorContains(t, err, "9.6.24")
}

func TestNotInstalledSaysWhatToDo(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, notInstalled(nil), "make deps")
	require.ErrorContains(t, notInstalled(nil), "apt-get install postgresql")
}

func TestFindMajor(t *testing.T) {
	t.Parallel()
	found := []Binaries{{Version: "18.4", Major: 18}, {Version: "15.18", Major: 15}}
	for major, want := range map[int]string{0: "18.4", 15: "15.18", 18: "18.4"} {
		b, err := findMajor(found, major)
		require.NoError(t, err)
		require.Equal(t, want, b.Version)
	}
	_, err := findMajor(found, 16)
	require.ErrorContains(t, err, "postgresql-16")
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]string{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": "15.18",
		"postgres (PostgreSQL) 19beta1\n":                        "19beta1",
		"postgres (PostgreSQL) 9.6.24\n":                         "9.6.24",
	} {
		version, _, err := parseVersion(out)
		require.NoError(t, err)
		require.Equal(t, want, version)
	}
	_, _, err := parseVersion("command not found")
	require.Error(t, err)

	require.Negative(t, compareVersions("15.9", "15.18"))
	require.Negative(t, compareVersions("9.6.24", "15.0"))
	require.Zero(t, compareVersions("15.1", "15.1"))
}
