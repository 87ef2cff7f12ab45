package ddlbench_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl/execute"
)

// TestAddField adds one field after the other on a connection that is open, and measures each round trip; beside it the bare ALTER TABLE in a
// transaction with one row of a history. What the ledger and the queue add to it is another benchmark, of workers/bench.
func TestAddField(t *testing.T) {
	atOnce(t)
	n := 10
	if full() {
		n = 100
	}
	tn := newTenant(t)
	tn.apply(t, forms, tn.options())
	run(t, tn.admin, "SET ROLE "+tn.owner)
	run(t, tn.admin, "CREATE SCHEMA plain")
	run(t, tn.admin, "CREATE TABLE plain.entries (id bigint PRIMARY KEY)")
	run(t, tn.admin, "CREATE TABLE plain.history (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, change jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now())")
	run(t, tn.admin, "RESET ROLE")

	trips := &tripCounter{}
	conn := trips.dial(t, tn)
	bareTrips := &tripCounter{}
	bare := bareTrips.dial(t, tn)
	run(t, bare, "SET ROLE "+tn.owner)

	var ours, theirs []time.Duration
	var each [][]time.Duration
	for i := range n + 1 {
		operation := fmt.Sprintf(`{"op": "add_field", "form": "entries", "field": "f%d", "type": "integer"}`, i)
		opts := tn.options()
		opts.Dedicated, opts.Kept = false, true // the connection serves the next change too
		c := change(t, operation)
		trips.begin()
		begun := time.Now()
		_, err := execute.Apply(t.Context(), conn, c, opts)
		took := time.Since(begun)
		require.NoError(t, err)

		bareTrips.begin()
		begun = time.Now()
		err = pgx.BeginFunc(t.Context(), bare, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), fmt.Sprintf("ALTER TABLE plain.entries ADD COLUMN f%d bigint", i)); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), "INSERT INTO plain.history (change) VALUES ($1)", operation)
			return err
		})
		bareTook := time.Since(begun)
		require.NoError(t, err)
		if i > 0 { // what a session pays for the first time is not it
			ours, theirs, each = append(ours, took), append(theirs, bareTook), append(each, trips.took())
		}
	}
	p50 := func(list []time.Duration) time.Duration { return slices.Sorted(slices.Values(list))[len(list)/2] }
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%d times\tP50\n", n)
	_, _ = fmt.Fprintf(w, "execute.Apply\t%s\n", ms(p50(ours)))
	inTrips := time.Duration(0)
	for k := range each[0] {
		var list []time.Duration
		for _, took := range each {
			require.Len(t, took, len(each[0]), "round trips")
			list = append(list, took[k])
		}
		inTrips += p50(list)
		_, _ = fmt.Fprintf(w, "  round trip %d: %s\t%s\n", k+1, trips.about(k), ms(p50(list)))
	}
	_, _ = fmt.Fprintf(w, "  between them, planning\t%s\n", ms(p50(ours)-inTrips))
	_, _ = fmt.Fprintf(w, "ALTER TABLE and an INSERT, %d round trips\t%s\n", len(bareTrips.took()), ms(p50(theirs)))
	_ = w.Flush()
	t.Logf("a field is added to a form on an open connection: %.1f times the bare statements\n%s", float64(p50(ours))/float64(p50(theirs)), out.String())
	tn.explain(t)
}

// explain tells what the server needs for what a change looks at first, on a warm session.
func (tn *tenant) explain(t *testing.T) {
	t.Helper()
	conn := tn.dial(t, tn.database, tn.migrator)
	run(t, conn, "SET ROLE "+tn.owner)
	var took []time.Duration
	for range 20 {
		begun := time.Now()
		_, err := execute.Read(t.Context(), conn)
		require.NoError(t, err)
		took = append(took, time.Since(begun))
	}
	t.Logf("of that, registry and catalog are read in %s by themselves", ms(slices.Sorted(slices.Values(took))[len(took)/2]))
}

// tripCounter times the round trips of a connection: from the first byte that is sent to the last that comes back before more is sent.
type tripCounter struct {
	mu    sync.Mutex
	trips []trip
}

type trip struct {
	sent, answered time.Time
	text           string
}

func (c *tripCounter) dial(t *testing.T, tn *tenant) *pgx.Conn {
	t.Helper()
	config := tn.config(t, tn.database, tn.migrator)
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn, counter: c}, nil
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { hangUp(t, conn) })
	return conn
}

func (c *tripCounter) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips = nil
}

func (c *tripCounter) took() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]time.Duration, len(c.trips))
	for i, t := range c.trips {
		list[i] = t.answered.Sub(t.sent)
	}
	return list
}

// about says what a round trip was for, by what it sent.
func (c *tripCounter) about(i int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := c.trips[i].text
	switch {
	case strings.Contains(text, "SET application_name"):
		return "name, lock; registry and catalog"
	case strings.Contains(text, "ALTER TABLE"):
		return "the transaction, with registry and history; lock given back"
	default:
		return "other"
	}
}

type countedConn struct {
	net.Conn

	counter *tripCounter
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.counter.mu.Lock()
	last := len(c.counter.trips) - 1
	if last < 0 || !c.counter.trips[last].answered.IsZero() {
		c.counter.trips = append(c.counter.trips, trip{sent: time.Now()})
		last++
	}
	c.counter.trips[last].text += string(b)
	c.counter.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.counter.mu.Lock()
	if last := len(c.counter.trips) - 1; last >= 0 && n > 0 {
		c.counter.trips[last].answered = time.Now()
	}
	c.counter.mu.Unlock()
	return n, err
}
