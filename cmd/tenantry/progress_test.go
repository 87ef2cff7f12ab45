package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestTimeoutTellsAll: who waits for several is told of each that has not ended, and a program gets all as they are.
func TestTimeoutTellsAll(t *testing.T) { //nolint:paralleltest // the environment is the process's
	f := fleettest.New(t)
	c := at(t, f)
	args := make([]jobs.Args, 8)
	for i := range args {
		args[i] = jobs.Noop{}
	}
	ids, err := f.Jobs.SubmitMany(t.Context(), args, nil)
	require.NoError(t, err)
	_, err = f.Jobs.Cancel(t.Context(), ids[0])
	require.NoError(t, err)
	last := func(said string) string {
		lines := strings.Split(strings.TrimSpace(said), "\n")
		return lines[len(lines)-1]
	}
	watch := func(more ...string) []string {
		return append(append([]string{"op", "watch", "--timeout", "300ms"}, more...), ids...)
	}
	stdout, said := c.run(exitTimeout, watch("-o", "json")...)
	require.Contains(t, last(said), "tenantry op watch "+strings.Join(ids[1:6], " ")+" (and 2 more)")
	ops := decode[[]map[string]any](t, stdout)
	require.Len(t, ops, len(ids))
	for i, op := range ops {
		require.Equal(t, ids[i], op["id"])
		require.Equal(t, map[bool]string{true: "cancelled", false: "queued"}[i == 0], op["state"])
	}
	stdout, said = c.run(exitTimeout, watch()...)
	require.Empty(t, stdout)
	require.NotContains(t, last(said), ids[0])

	// One is an object, as it is when it ends; of a new tenant it is the tenant.
	stdout, said = c.run(exitTimeout, "op", "watch", "--timeout", "100ms", "-o", "json", ids[7])
	require.Equal(t, "queued", decode[map[string]any](t, stdout)["state"])
	require.True(t, strings.HasSuffix(last(said), "tenantry op watch "+ids[7]), said)
	f.Node(t, "n1")
	stdout, _ = c.run(exitTimeout, "tenant", "create", "acme", "--wait", "--timeout", "100ms", "-o", "json")
	require.Equal(t, "requested", decode[map[string]any](t, stdout)["state"])
}

// TestWaitRidesOutARestart: the work goes on while the control database restarts, and so does the wait for it.
func TestWaitRidesOutARestart(t *testing.T) { //nolint:paralleltest // as above
	server := privateServer(t)
	f := fleettest.NewAt(t, server.URL("postgres"))
	at(t, f)
	id := f.Submit(t, jobs.Noop{})
	var out, said safeBuffer
	ended := make(chan int, 1)
	go func() { ended <- run([]string{"op", "watch", id, "--timeout", "1m", "-o", "json"}, &out, &said) }()
	says := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(said.String(), text) }, 30*time.Second, 10*time.Millisecond, "%s", said.String())
	}
	says("queued")
	require.NoError(t, server.Kill(t.Context()))
	says("does not answer")
	require.NoError(t, server.Restart(t.Context()))
	f.Pool.Reset()
	f.Worker(t)
	select {
	case code := <-ended:
		require.Equal(t, exitOK, code, said.String())
	case <-time.After(time.Minute):
		require.Fail(t, "it does not end", said.String())
	}
	require.Equal(t, "succeeded", decode[map[string]any](t, out.String())["state"])
	require.Equal(t, 1, strings.Count(said.String(), "does not answer"), said.String())
}

// safeBuffer can be read while a command writes.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestScore: how far several operations are, how fast, and how long the rest takes.
func TestScore(t *testing.T) {
	t.Parallel()
	cases := []struct {
		score score
		after time.Duration
		want  string
	}{
		{score{total: 50}, time.Second, "0 of 50"},
		{score{total: 50, ended: 10}, time.Minute, "10 of 50, 10.0 a minute, 4m0s left"},
		{score{total: 50, ended: 10, failed: 1}, 30 * time.Second, "10 of 50, 1 failed, 20.0 a minute, 2m0s left"},
		// Watched once more: those that had ended say nothing of the pace.
		{score{total: 50, ended: 30, already: 30}, time.Minute, "30 of 50"},
		{score{total: 50, ended: 40, already: 30}, time.Minute, "40 of 50, 10.0 a minute, 1m0s left"},
		{score{total: 50, ended: 50}, 5 * time.Minute, "50 of 50, 10.0 a minute"},
		{score{total: 50, ended: 50}, 20 * time.Second, "50 of 50, 2.5 a second"},
	}
	for _, c := range cases {
		require.Equal(t, c.want, c.score.line(c.after))
	}
}

// TestProgressCounts: beside a terminal the line of an operation that ends says how far all are.
func TestProgressCounts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out, 2)
	long := p.begun.Add(-time.Hour)
	for _, op := range []jobs.Operation{
		{ID: "op_1", Kind: "k", State: jobs.StateRunning},
		{ID: "op_1", Kind: "k", State: jobs.StateSucceeded, FinishedAt: &long},
		{ID: "op_2", Kind: "k", State: jobs.StateParked},
		{ID: "op_2", Kind: "k", State: jobs.StateParked},
	} {
		p.update(op)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	require.Equal(t, "op_1 k running", lines[0])
	require.Equal(t, "op_1 k succeeded (1 of 2)", lines[1])
	require.Contains(t, lines[2], "op_2 k parked (2 of 2, 1 failed, ")
}
