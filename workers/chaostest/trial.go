package chaostest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/crash/crashtest"
	"github.com/avenit/tenantry/workers/fleettest"
)

// Server is the server of the node that goes away.
type Server interface {
	URL(database string) string
	Kill(ctx context.Context) error
	Restart(ctx context.Context) error
}

// form is how large a trial is.
type form struct {
	tenants int
	// away is how long the second node is down, held how long a tenant's table is held.
	away, held time.Duration
	// kill is the longest time between two kills of a worker.
	kill time.Duration
	// calm is the deadline of the quiet phase.
	calm time.Duration
	// asked is how many operations the client asks for.
	asked int
	// builders is how many tenants have forms, changes how often those of each are changed.
	builders, changes int
}

var forms = map[string]form{
	"full":  {tenants: 300, away: 20 * time.Second, held: 30 * time.Second, kill: 6 * time.Second, calm: 4 * time.Minute, asked: 24, builders: 12, changes: 6},
	"short": {tenants: 30, away: 5 * time.Second, held: 8 * time.Second, kill: 4 * time.Second, calm: 2 * time.Minute, asked: 8, builders: 4, changes: 4},
}

// trial is one run.
type trial struct {
	form

	t       testing.TB
	lot     *rand.Rand
	fleet   *fleettest.Fleet
	program crashtest.Program
	server  Server
	scenes  []*crashtest.Scene // one for each node
	cast    cast
	numbers numbers
	// cancelled are the changes of forms that a person has asked to cancel; those that were visible by then have succeeded all the same.
	cancelled []string
	// missed were suspended when the chaotic rollout came to them.
	missed []string

	mu      sync.Mutex
	workers []*crashtest.Worker
	started int
}

// Asked skips the test unless CHAOS says how large a trial is to be.
func Asked(t testing.TB) {
	t.Helper()
	switch size := os.Getenv("CHAOS"); {
	case size == "":
		t.Skip("runs with CHAOS=short or CHAOS=full")
	case forms[size] == form{}:
		require.Fail(t, "CHAOS is wrong", "%q is not short or full", size)
	}
}

// Run runs a trial of the size that CHAOS says. The server is that of the second node.
func Run(t testing.TB, program crashtest.Program, server Server) {
	t.Helper()
	c := &trial{form: forms[os.Getenv("CHAOS")], t: t, lot: lotOf(t), program: program, server: server}
	begun := time.Now()
	c.setUp()
	c.numbers.add("setup", time.Since(begun).Round(time.Second))
	defer func() { t.Logf("\n%s", c.numbers.text()) }()
	c.goodRelease()
	c.theRest()
	c.badRelease()
	c.lookAtForms()
	c.stopWorkers()
	c.look()
	c.numbers.add("all", time.Since(begun).Round(time.Second))
}

func lotOf(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("CHAOS_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err, "CHAOS_SEED")
	}
	t.Logf("choices by lot can be repeated with CHAOS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// numbers are what a trial tells at its end.
type numbers struct {
	mu    sync.Mutex
	lines []string
}

func (n *numbers) add(what string, value any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf("%-64s %v", what, value))
}

func (n *numbers) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

// value reads one value of the control database.
func value[T any](c *trial, sql string, args ...any) T {
	c.t.Helper()
	var v T
	require.NoError(c.t, c.fleet.Pool.QueryRow(c.t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// until waits for a condition.
func (c *trial) until(what string, within time.Duration, condition func() bool) {
	c.t.Helper()
	require.Eventually(c.t, condition, within, 50*time.Millisecond, what)
}
