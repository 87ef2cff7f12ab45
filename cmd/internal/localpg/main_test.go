package localpg

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	"go.uber.org/goleak"
)

// holdVariable turns this test binary into the owner of a cluster: it starts the one in the named directory, says so, and
// waits to be killed.
const holdVariable = "LOCALPG_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		if err := hold(dir, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func hold(dir string, in io.Reader, out io.Writer) error {
	s, err := Start(context.Background(), Config{Dir: dir, Durability: Throwaway})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, s.URL("postgres"))
	_, err = in.Read(make([]byte, 1)) // the test never writes
	return errors.Join(err, s.Stop(context.Background(), Fast))
}

// owner is a child process that holds a cluster.
type owner struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
}

func startOwner(t *testing.T, dir string) *owner {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), holdVariable+"="+dir)
	cmd.Stderr = &logWriter{t: t}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = stdin.Close() })
	return &owner{cmd: cmd, stdout: bufio.NewReader(stdout)}
}

// ready waits for the owner's server and returns its URL.
func (o *owner) ready(t *testing.T) string {
	t.Helper()
	line, err := o.stdout.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

// kill is kill -9.
func (o *owner) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, o.cmd.Process.Kill())
	var ended *exec.ExitError
	require.ErrorAs(t, o.cmd.Wait(), &ended)
	require.Equal(t, syscall.SIGKILL, ended.Sys().(syscall.WaitStatus).Signal())
}

// logWriter shows a child's complaints in the test's log.
type logWriter struct {
	t  *testing.T
	mu sync.Mutex
}

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// clusterDir is a directory for a cluster that the server's user can enter, unlike t.TempDir when started as root. At the end
// of the test no process of the cluster may be left.
func clusterDir(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "localpg-test-") //nolint:usetesting // see above
	require.NoError(t, err)
	require.NoError(t, os.Chmod(parent, 0o755))
	dir := filepath.Join(parent, "cluster")
	t.Cleanup(func() {
		left, err := processesOf(filepath.Join(dir, "data"))
		require.NoError(t, err)
		require.Empty(t, left)
		require.NoError(t, Remove(context.Background(), dir))
		require.NoError(t, os.RemoveAll(parent))
	})
	return dir
}

// start starts a throwaway cluster that is stopped at the end of the test.
func start(t *testing.T, dir string, change ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{Dir: dir, Durability: Throwaway}
	for _, f := range change {
		f(&cfg)
	}
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, s, Immediate) })
	return s
}

func stop(t *testing.T, s *Server, mode StopMode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.Stop(ctx, mode))
}

// query runs statements on a connection of its own and returns the last one's first value.
func query(t *testing.T, url string, statements ...string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, sql := range statements {
		results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
		require.NoError(t, err)
		if last := results[len(results)-1]; len(last.Rows) > 0 {
			value = string(last.Rows[0][0])
		}
	}
	return value
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as another user")
	}
}
