package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// output collects what a process writes while it is read.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// devProcess is a `tenantry dev` of its own.
type devProcess struct {
	*exec.Cmd

	out *output
}

func startDev(t *testing.T, program, dir string) devProcess {
	t.Helper()
	d := devProcess{exec.Command(program, "dev", "--dir", filepath.Join(dir, ".tenantry"), "--http", "127.0.0.1:0", "--tenants", "2", "--warm", "1"), &output{}} //nolint:noctx // it is ended by signals, that is the test
	d.Dir, d.Stdout, d.Stderr = dir, d.out, d.out
	d.Env = withoutTenantry(os.Environ())
	require.NoError(t, d.Start())
	t.Cleanup(func() {
		_ = d.Process.Signal(os.Interrupt)
		_ = d.Wait()
	})
	require.Eventually(t, func() bool { return strings.Contains(d.out.String(), "The fleet is up.") }, 90*time.Second, 50*time.Millisecond, "%s", d.out)
	return d
}

func withoutTenantry(environment []string) []string {
	var rest []string
	for _, entry := range environment {
		if !strings.HasPrefix(entry, "TENANTRY_") {
			rest = append(rest, entry)
		}
	}
	return rest
}

// TestDevKeepsItsData: what `tenantry dev` made is there after Ctrl-C and after kill -9, and other commands find it through dev.env.
func TestDevKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // PostgreSQL's own user must get through
	program := filepath.Join(dir, "tenantry")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", built)
	tenantry := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir, cmd.Env = dir, withoutTenantry(os.Environ())
		out, err := cmd.Output()
		require.NoError(t, err, "tenantry %v", args)
		return string(out)
	}
	sales := func() (n int) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), strings.TrimSpace(tenantry("tenant", "url", "acme")))
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM invoices WHERE issued_at IS NOT NULL AND total > 0`).Scan(&n))
		require.NoError(t, conn.Close(t.Context()))
		return n
	}

	d := startDev(t, program, dir)
	values, err := readDevEnv(filepath.Join(dir, ".tenantry", "dev.env"))
	require.NoError(t, err)
	for _, secret := range []string{"TENANTRY_SECRET_KEY", "TENANTRY_OPS_PASSWORD"} {
		require.NotEmpty(t, values[secret])
		require.NotContains(t, d.out.String(), values[secret])
	}
	info, err := os.Stat(filepath.Join(dir, ".tenantry", "dev.env"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, values["TENANTRY_OPS_URL"]+"/readyz", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Len(t, decode[[]any](t, tenantry("tenant", "list", "-o", "json")), 2)
	before := sales()
	require.Positive(t, before)
	tenantry("tenant", "create", "mine", "--wait")

	require.NoError(t, d.Process.Signal(syscall.SIGKILL))
	_ = d.Wait()
	d = startDev(t, program, dir)
	require.Len(t, decode[[]any](t, tenantry("tenant", "list", "-o", "json")), 3)
	require.Equal(t, before, sales())
	require.Contains(t, tenantry("doctor"), "node local")

	require.NoError(t, d.Process.Signal(os.Interrupt))
	require.NoError(t, d.Wait(), "%s", d.out)
	require.Contains(t, d.out.String(), "stopped")
	_, err = pgx.Connect(t.Context(), values["TENANTRY_CONTROL_URL"])
	require.Error(t, err, "the server is stopped, too")

	d = startDev(t, program, dir)
	require.Equal(t, before, sales())
	require.NoError(t, d.Process.Signal(syscall.SIGTERM))
	require.NoError(t, d.Wait(), "%s", d.out)
}
