package crashtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// patience is how long a process is waited for: much longer than anything takes, for machines that are busy.
const patience = 90 * time.Second

// Worker is a worker process.
type Worker struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	hits chan string

	exited chan struct{}
	code   int // valid once exited is closed

	mu  sync.Mutex
	log bytes.Buffer
}

// Start starts a worker process of a fleet. It is killed after the test, and its log is shown if the test failed.
func (p Program) Start(t testing.TB, f *fleettest.Fleet, name string, args ...string) *Worker {
	t.Helper()
	w := &Worker{t: t, name: name, hits: make(chan string, 16), exited: make(chan struct{})}
	w.cmd = exec.Command(p.path, append([]string{"worker"}, args...)...) //nolint:noctx // it must outlive no context but the test, which kills it
	w.cmd.Env = Env(f)
	w.cmd.Stderr = w
	w.cmd.SysProcAttr = childAttributes()
	stdout, err := w.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, w.cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		w.read(stdout)
	}()
	go func() {
		<-read // Wait closes the pipe
		w.code = exitCode(w.cmd.Wait())
		close(w.exited)
	}()
	t.Cleanup(func() {
		w.signal(syscall.SIGKILL)
		<-w.exited
		if t.Failed() {
			t.Logf("worker %s (pid %d) %v\n%s", name, w.PID(), args, w.Log())
		}
	})
	return w
}

// Env is the environment of the program for a fleet.
func Env(f *fleettest.Fleet) []string {
	return []string{
		"TENANTRY_CONTROL_URL=" + f.URL, "TENANTRY_SECRET_KEY=" + f.Secret, "TENANTRY_LOG_LEVEL=info", "TENANTRY_BACKUP_URL=" + f.BackupURL,
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode() // -1 after a signal
	default:
		return -2
	}
}

func (w *Worker) read(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if point, ok := strings.CutPrefix(lines.Text(), "crashpoint "); ok {
			w.hits <- point
		}
	}
}

// Write takes the process's log.
func (w *Worker) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

// Log is what the process has logged.
func (w *Worker) Log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// PID is the process's id.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

var errEnded = errors.New("the worker ended")

// Await waits until the process stands at its crash point. over ends the waiting early: what it returns is the reason why the
// point will not be reached. It may be nil.
func (w *Worker) Await(over func() error) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-w.hits:
			return nil
		case <-w.exited:
			return fmt.Errorf("%w with code %d", errEnded, w.code)
		case <-deadline.C:
			return fmt.Errorf("worker %s did not come to its crash point within %s", w.name, patience)
		case <-look.C:
			if over == nil {
				continue
			}
			if err := over(); err != nil {
				// The line may be on its way.
				select {
				case <-w.hits:
					return nil
				case <-time.After(time.Second):
					return err
				}
			}
		}
	}
}

// Stands waits until the process stands at its crash point.
func (w *Worker) Stands(t testing.TB) {
	t.Helper()
	require.NoError(t, w.Await(nil))
}

// Ready waits until the process works.
func (w *Worker) Ready(t testing.TB) {
	t.Helper()
	w.Logs(t, `"message":"worker started"`)
}

// Logs waits until the process has logged something.
func (w *Worker) Logs(t testing.TB, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(w.Log(), text) }, patience, 20*time.Millisecond,
		"worker %s does not log %s", w.name, text)
}

// Kill is kill -9. It returns when the process is gone.
func (w *Worker) Kill() {
	w.signal(syscall.SIGKILL)
	<-w.exited
}

// Freeze stops the process where it is.
func (w *Worker) Freeze() { w.signal(syscall.SIGSTOP) }

// Continue lets a frozen process go on.
func (w *Worker) Continue() { w.signal(syscall.SIGCONT) }

// Terminate asks the process to end, as a service manager does.
func (w *Worker) Terminate() { w.signal(syscall.SIGTERM) }

// Exit waits until the process has ended and gives its exit code, -1 after a signal.
func (w *Worker) Exit(t testing.TB) int {
	t.Helper()
	select {
	case <-w.exited:
	case <-time.After(patience):
		require.Fail(t, "the worker does not end", w.name)
	}
	return w.code
}

// Stop ends the process in order.
func (w *Worker) Stop(t testing.TB) {
	t.Helper()
	w.Terminate()
	require.Zero(t, w.Exit(t), "exit code of worker %s", w.name)
}

func (w *Worker) signal(s syscall.Signal) {
	_ = w.cmd.Process.Signal(s) // it may have ended
}
