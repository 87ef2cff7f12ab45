package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// mainVariable turns this test binary into testpg.
const mainVariable = "TESTPG_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		os.Exit(run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// process is a testpg in a process of its own, without the variables of the testpg that may run this test.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *bufio.Reader
}

func startProcess(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = os.Environ()
	for _, name := range []string{variableURL, variableNode2, variableBinDir} {
		cmd.Env = with(cmd.Env, name, "")
	}
	cmd.Env = append(append(cmd.Env, mainVariable+"=1"), environ...)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return &process{cmd: cmd, stdout: bufio.NewReader(stdout), stderr: bufio.NewReader(stderr)}
}

// line reads one line of a stream.
func line(t *testing.T, from *bufio.Reader) string {
	t.Helper()
	text, err := from.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(text)
}

// wait returns the exit code and what is left of stderr.
func (p *process) wait(t *testing.T) (code int, stderr string) {
	t.Helper()
	rest, err := io.ReadAll(p.stderr)
	require.NoError(t, err)
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode(), string(rest)
}

var announcement = regexp.MustCompile(`^testpg: PostgreSQL [0-9.]+, (\w+), port [0-9]+( and [0-9]+)?, in (\S+), ready after`)

// announced reads the line about the clusters and returns their kind and directory.
func (p *process) announced(t *testing.T) (kind, dir string) {
	t.Helper()
	text := line(t, p.stderr)
	m := announcement.FindStringSubmatch(text)
	require.NotNil(t, m, text)
	return m[1], m[3]
}

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func TestRunsACommandWithTwoClusters(t *testing.T) {
	t.Parallel()
	p := startProcess(t, nil, "--", "sh", "-c",
		`echo "$TEST_DATABASE_URL"; echo "$TEST_NODE2_URL"; "$TEST_PG_BINDIR"/pg_dump --version; sleep 300 & exit 7`)
	kind, dir := p.announced(t)
	require.Equal(t, "throwaway", kind)
	first, second := line(t, p.stdout), line(t, p.stdout)
	require.NotEqual(t, first, second)
	require.Contains(t, line(t, p.stdout), "pg_dump (PostgreSQL)")

	code, rest := p.wait(t) // the sleep holds stderr, so this also shows that it ended
	require.Equal(t, 7, code, "the command's exit code")
	require.Empty(t, rest)
	require.NoDirExists(t, dir)
	require.Error(t, ping(t.Context(), first))
	require.Error(t, ping(t.Context(), second))
}

func TestPassesSignalsOn(t *testing.T) {
	t.Parallel()
	p := startProcess(t, nil, "-clusters=1", "--", "sh", "-c",
		`trap 'exit 42' TERM; echo "${TEST_NODE2_URL:-none}"; while :; do sleep 0.05; done`)
	_, dir := p.announced(t)
	require.Equal(t, "none", line(t, p.stdout))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	code, _ := p.wait(t)
	require.Equal(t, 42, code)
	require.NoDirExists(t, dir)
}

func TestASignalEndsTheStart(t *testing.T) {
	t.Parallel()
	parent, err := os.MkdirTemp("/var/tmp", "testpg-test-") //nolint:usetesting // a disk, and open to the server's user
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(parent)) })
	require.NoError(t, os.Chmod(parent, 0o755))
	p := startProcess(t, []string{"TMPDIR=" + parent}, "-durable", "--", "true")
	require.Eventually(t, func() bool { // until initdb writes
		dirs, _ := filepath.Glob(filepath.Join(parent, scratchPrefix+"*", "node1", "data.new-*", "base"))
		return len(dirs) > 0
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	code, rest := p.wait(t)
	require.Equal(t, exitSignal+int(syscall.SIGINT), code)
	require.Equal(t, "testpg: interrupted: interrupt\n", rest)
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestKilledLeavesNoProcess(t *testing.T) {
	t.Parallel()
	p := startProcess(t, nil, "-clusters=1", "--", "sh", "-c", `echo "$$ $TEST_DATABASE_URL"; exec sleep 300`)
	_, dir := p.announced(t)
	pid, url, _ := strings.Cut(line(t, p.stdout), " ")
	require.NoError(t, ping(t.Context(), url))
	require.NoError(t, p.cmd.Process.Kill())
	p.wait(t)

	require.Eventually(t, func() bool { return ping(t.Context(), url) != nil }, 10*time.Second, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	}, 10*time.Second, 20*time.Millisecond)

	sweep(t.Context(), filepath.Dir(dir))
	require.NoDirExists(t, dir, "the next run cleans up")
}

func TestUsesTheServerThatIsGiven(t *testing.T) {
	t.Parallel()
	outer := startProcess(t, nil, "-clusters=1", "-durable", "--", "sh", "-c", `echo "$TEST_DATABASE_URL"; sleep 300`)
	kind, dir := outer.announced(t)
	require.Equal(t, "durable", kind)
	url := line(t, outer.stdout)

	inner := startProcess(t, []string{variableURL + "=" + url}, "--", "sh", "-c", `echo "$TEST_DATABASE_URL"`)
	require.Contains(t, line(t, inner.stderr), "nothing started")
	require.Equal(t, url, line(t, inner.stdout))
	code, rest := inner.wait(t)
	require.Zero(t, code)
	require.Empty(t, rest)
	require.NoError(t, ping(t.Context(), url), "it is not ours to stop")

	require.NoError(t, outer.cmd.Process.Signal(syscall.SIGTERM))
	code, _ = outer.wait(t)
	require.Equal(t, exitSignal+int(syscall.SIGTERM), code)
	require.NoDirExists(t, dir)

	late := startProcess(t, []string{variableURL + "=" + url}, "--", "true")
	code, rest = late.wait(t)
	require.Equal(t, exitFailure, code)
	require.Contains(t, rest, "use the server in TEST_DATABASE_URL")
	require.NotContains(t, rest, strings.Split(strings.SplitN(url, ":", 3)[2], "@")[0], "no password")
}

func TestCommandNotFound(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	code, err := child{command: []string{"no-such-command"}, stdin: null, stdout: null, stderr: null}.run(nil)
	require.ErrorContains(t, err, "find command")
	require.Equal(t, exitNotFound, code)
}

func TestParse(t *testing.T) {
	t.Parallel()
	opts, err := parse([]string{"-durable", "-clusters", "1", "-set", "shared_buffers=4GB", "-set", "a=b=c", "--", "go", "test", "-race"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, options{
		clusters: 1, durable: true, command: []string{"go", "test", "-race"},
		settings: map[string]string{"max_connections": "500", "shared_buffers": "4GB", "a": "b=c"},
	}, opts)

	var help strings.Builder
	_, err = parse([]string{"--help"}, &help)
	require.Error(t, err)
	require.Contains(t, help.String(), "TEST_NODE2_URL")

	for _, args := range [][]string{{}, {"-clusters", "3", "--", "true"}, {"-no-such-flag"}, {"-set", "shared_buffers", "--", "true"}} {
		_, err := parse(args, io.Discard)
		require.Error(t, err)
	}
}
