package apply_test

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/gentle"
)

// countingConn counts round trips: reads that follow a write.
type countingConn struct {
	net.Conn
	wrote atomic.Bool
	trips *atomic.Int64
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.wrote.Store(true)
	return c.Conn.Write(b)
}

func (c *countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.wrote.Swap(false) {
		c.trips.Add(1)
	}
	return n, err
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	var trips atomic.Int64
	conn := tn.connectThrough(t, func(conn net.Conn) net.Conn { return &countingConn{Conn: conn, trips: &trips} })
	count := func(pairs ...string) int {
		rel := releaseOf(t, "1", pairs...)
		before := trips.Load()
		_, err := apply.Apply(t.Context(), conn, rel, tn.options())
		require.NoError(t, err)
		return int(trips.Load() - before)
	}
	files := []string{"1_a.sql", "CREATE TABLE a (x int)"}
	require.Equal(t, 5, count(files...), "the first release of a database")
	require.Equal(t, 3, count(files...), "up to date")
	files = append(files, "2_b.sql", "CREATE TABLE b (x int); CREATE TABLE c (x int); CREATE TABLE d (x int)")
	require.Equal(t, 4, count(files...), "three statements in a transaction")
	files = append(files, "3_c.sql", "CREATE INDEX CONCURRENTLY a_x ON a (x)")
	require.Equal(t, 7, count(files...), "an index")

	before := trips.Load()
	_, err := apply.State(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, int64(1), trips.Load()-before)
}

// cuttingConn loses the connection after a COMMIT was sent and before the answer is read.
type cuttingConn struct {
	net.Conn
	armed, cut *atomic.Bool
}

func (c *cuttingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.armed.Load() && bytes.Contains(b, []byte("COMMIT\x00")) {
		c.cut.Store(true)
	}
	return n, err
}

func (c *cuttingConn) Read(b []byte) (int, error) {
	if !c.cut.Load() {
		return c.Conn.Read(b)
	}
	// The server has answered once there is something to read; the answer is thrown away.
	if _, err := c.Conn.Read(b); err != nil {
		return 0, err
	}
	_ = c.Close()
	return 0, io.ErrUnexpectedEOF
}

func TestLostAnswerToCommitIsNotGuessed(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1", "1_a.sql", "CREATE TABLE a (x int); INSERT INTO a VALUES (1)", "2_b.sql", "INSERT INTO a VALUES (2)")
	var armed, cut atomic.Bool
	conn := tn.connectThrough(t, func(conn net.Conn) net.Conn { return &cuttingConn{Conn: conn, armed: &armed, cut: &cut} })
	opts := tn.options()
	opts.Crash = func(point string) { armed.Store(point == apply.PointTxExecuted) }
	result, err := apply.Apply(t.Context(), conn, rel, opts)
	require.ErrorIs(t, err, gentle.ErrOutcomeUnknown)
	require.Equal(t, gentle.Transient, gentle.Classify(err))
	require.Zero(t, result.Applied, "what is not known is not claimed")
	hangUp(t, conn)
	require.Equal(t, 2, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history"), "it was committed")

	require.Equal(t, 1, tn.mustApply(t, rel).Applied)
	require.Equal(t, 2, number(t, tn.admin, "SELECT count(*) FROM a"))
}

func TestKilledBackendIsTransient(t *testing.T) {
	t.Parallel()
	for _, at := range []string{apply.PointTxBefore, apply.PointTxExecuted, apply.PointTxCommitted, apply.PointAloneIntent, apply.PointAloneEffect} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			rel := releaseOf(t, "1", "1_a.sql", "CREATE TABLE a (x int)", "2_b.sql", "CREATE INDEX CONCURRENTLY a_x ON a (x)")
			conn := tn.connect(t)
			opts := tn.options()
			opts.Crash = func(point string) {
				if point == at {
					run(t, tn.admin, "SELECT pg_terminate_backend($1, 10000)", conn.PgConn().PID())
				}
			}
			_, err := apply.Apply(t.Context(), conn, rel, opts)
			require.Error(t, err)
			require.Equal(t, gentle.Transient, gentle.Classify(err), err.Error())
			tn.mustApply(t, rel)
			require.Equal(t, 2, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history WHERE status = 'done'"))
		})
	}
}
