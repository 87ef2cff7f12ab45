package gentle_test

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
)

// countingConn counts round trips: reads that follow a write.
type countingConn struct {
	net.Conn
	wrote atomic.Bool
	trips *atomic.Int64
	// seen is told the count once a round trip is over; nil for nobody.
	seen func(trips int64)
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.wrote.Store(true)
	return c.Conn.Write(b)
}

func (c *countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.wrote.Swap(false) {
		if trips := c.trips.Add(1); c.seen != nil {
			c.seen(trips)
		}
	}
	return n, err
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	var trips atomic.Int64
	conn := tn.connectThrough(t, func(conn net.Conn) net.Conn { return &countingConn{Conn: conn, trips: &trips} })
	before := trips.Load()
	count := func() int64 {
		n := trips.Load() - before
		before += n
		return n
	}
	s, _, err := gentle.Open(t.Context(), conn, tn.options(), gentle.Command{SQL: "SELECT 1", Keep: true})
	require.NoError(t, err)
	require.Equal(t, int64(1), count(), "open, and look")
	_, err = change(t.Context(), s, "CREATE TABLE a (x int)", "CREATE TABLE b (x int)")
	require.NoError(t, err)
	require.Equal(t, int64(1), count(), "a transaction")
	s.Close(t.Context())
	require.Equal(t, int64(1), count(), "close")
}

// A refusal skips what shares its fate, and nothing else.
func TestExchange(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	replies, err := gentle.Exchange(t.Context(), tn.admin, []gentle.Command{
		{SQL: "CREATE TABLE a (x int PRIMARY KEY)"},
		{SQL: "CREATE TABLE b (x int REFERENCES a DEFERRABLE INITIALLY DEFERRED)", Cut: true},
		{SQL: "CREATE TABLE c (x int)"},
		{SQL: "SELECT FROM nowhere"},
		{SQL: "SELECT 1", Cut: true},
		{SQL: "INSERT INTO b VALUES (1)", Cut: true},
		{SQL: "SELECT $1::text, NULL, count(*) FROM pg_class WHERE relname IN ('a', 'b', 'c')", Args: []string{"given"}, Keep: true},
	})
	require.NoError(t, err)
	require.NoError(t, replies[1].Err)
	require.NoError(t, replies[2].Err, "it was not refused, and is undone")
	require.True(t, gentle.IsRefusal(replies[3].Err))
	require.ErrorContains(t, replies[4].Err, "skipped")
	require.False(t, gentle.IsRefusal(replies[4].Err))
	require.Equal(t, "23503", gentle.SQLState(replies[5].Err), "a refusal that comes at the end of a part")
	last := replies[6]
	require.NoError(t, last.Err)
	require.Equal(t, []string{"given", "", "2"}, []string{last.Text(0), last.Text(1), last.Text(2)})
	require.Equal(t, int64(1), last.Tag.RowsAffected())
	require.False(t, last.At.Before(replies[0].At))
	require.Empty(t, gentle.Reply{}.Text(0))
}

func TestExchangeSeen(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	s := tn.open(t, tn.options())
	var seen []int
	replies, err := s.ExchangeSeen(t.Context(), []gentle.Command{{SQL: "SELECT 1", Live: true}, {SQL: "SELECT 1/0"}, {SQL: "SELECT 3"}}, func(i int, r gentle.Reply) {
		seen = append(seen, i)
		require.Equal(t, i == 1, gentle.IsRefusal(r.Err))
	})
	require.NoError(t, err)
	require.Len(t, replies, 3)
	require.Equal(t, []int{0, 1}, seen)
}

// The loss of the connection is an error of the exchange and no refusal.
func TestExchangeLosesTheConnection(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	conn := tn.connect(t)
	s, _, err := gentle.Open(t.Context(), conn, tn.options())
	require.NoError(t, err)
	run(t, tn.admin, "SELECT pg_terminate_backend($1, 10000)", conn.PgConn().PID())
	_, err = s.Exchange(t.Context(), []gentle.Command{{SQL: "SELECT 1"}})
	require.ErrorContains(t, err, "connection lost: ")
	require.False(t, gentle.IsRefusal(err))
	require.Equal(t, gentle.Transient, gentle.Classify(err))
	s.Close(t.Context())
}
