package poolcache

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What an established connection of a pool is doing.
const (
	connFresh     int32 = iota // made, and about to be used for the first time
	connIdle                   // in its pool
	connBusy                   // acquired from its pool
	connReclaimed              // closed to make room; its pool will find out
)

// freshFor is for how long a new connection is left alone even though it idles: whoever made it is about to use it. It
// matters when dials wait, for they would otherwise close each other's connections before the first query.
const freshFor = time.Second

// socketKey is where a pgconn.PgConn's custom data has its socket.
const socketKey = "github.com/avenit/tenantry/tenants/poolcache.socket"

// terminate is PostgreSQL's Terminate message.
var terminate = []byte{'X', 0, 0, 0, 4}

// socket is a connection that holds a token until the server has closed its end: a backend that is still exiting counts
// on the server, and so must count here. Closing it twice gives the token back once.
type socket struct {
	net.Conn

	token *token
	gone  atomic.Bool // closed by us

	state     atomic.Int32
	keep      atomic.Bool   // stay fresh after the next release
	freshAt   atomic.Int64  // coarse time at which it became fresh
	idleOrder atomic.Uint64 // grows with each release in the cache

	// Set by established, before anybody else sees the socket.
	pg    *pgconn.PgConn
	outer net.Conn // what pgx writes to: the socket, or TLS around it
}

func newSocket(conn net.Conn, t *token) *socket {
	t.hold()
	return &socket{Conn: conn, token: t}
}

// established is called when the server has accepted the connection.
func (s *socket) established(pg *pgconn.PgConn, now int64) {
	s.pg, s.outer = pg, pg.Conn()
	s.freshAt.Store(now)
	_ = s.Conn.SetDeadline(time.Time{}) // the attempt's; the connection is known to work
	pg.CustomData()[socketKey] = s
	s.token.node.established(s)
}

// socketOf returns conn's socket, or nil when it has none.
func socketOf(conn *pgx.Conn) *socket {
	s, _ := conn.PgConn().CustomData()[socketKey].(*socket)
	return s
}

// claim is called when the pool is about to hand the connection out. It reports whether it is still usable.
func (s *socket) claim() bool {
	return s.state.CompareAndSwap(connIdle, connBusy) || s.state.CompareAndSwap(connFresh, connBusy)
}

// release is called when the connection is about to be put back into its pool. It reports whether it must be closed
// instead, because somebody else waits for its token.
func (s *socket) release(c *Cache) bool {
	if s.state.Load() != connBusy {
		return false // it was acquired to purge its pool
	}
	if s.keep.Swap(false) {
		s.freshAt.Store(c.now.Load())
		s.state.Store(connFresh)
		return false
	}
	s.idleOrder.Store(c.idleOrder.Add(1))
	if s.token.node.wanted(s) {
		return true
	}
	s.state.Store(connIdle)
	s.token.node.relieve() // a dial may have begun to wait meanwhile
	return false
}

// idle reports whether the connection can be reclaimed.
func (s *socket) idle(now int64) bool {
	switch s.state.Load() {
	case connIdle:
		return true
	case connFresh:
		return now-s.freshAt.Load() > int64(freshFor)
	default:
		return false
	}
}

// reclaim makes the connection unusable for its pool and reports whether it did: somebody may just have claimed it.
func (s *socket) reclaim() bool {
	return s.state.CompareAndSwap(connIdle, connReclaimed) || s.state.CompareAndSwap(connFresh, connReclaimed)
}

// older returns which of two connections has been idle for longer. a may be nil.
func older(a, b *socket) *socket {
	if a == nil || b.idleOrder.Load() < a.idleOrder.Load() {
		return b
	}
	return a
}

// terminate closes a connection that its pool still believes to be idle. It must not touch s.pg, which belongs to
// whoever has the connection; a net.Conn may be used concurrently.
func (s *socket) terminate() {
	_ = s.outer.SetWriteDeadline(time.Now().Add(s.linger()))
	_, _ = s.outer.Write(terminate)
	_ = s.outer.Close()
}

// kill has what the connection runs cancelled, and closes it under whoever uses it.
func (s *socket) kill() {
	_ = s.Conn.SetDeadline(time.Now()) // wakes up its user
	ctx, cancel := context.WithTimeout(context.Background(), s.linger())
	defer cancel()
	_ = s.pg.CancelRequest(ctx)
	_ = s.Close()
}

// Close has the server close the connection. The token is given back when it has, or has not for Config.Linger.
func (s *socket) Close() error {
	if s.gone.Swap(true) {
		return nil
	}
	s.token.node.cache.crew.run(func() {
		defer s.token.node.closed(s)
		defer s.Conn.Close() //nolint:errcheck // nothing depends on it any more
		if s.Conn.SetDeadline(time.Now().Add(s.linger())) != nil {
			return
		}
		if half, ok := s.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, s.Conn)
		}
	})
	return nil
}

func (s *socket) linger() time.Duration { return s.token.node.cache.cfg.Linger }

// Read is net.Conn's. After Close the rest of the input is Close's.
func (s *socket) Read(b []byte) (int, error) {
	if s.gone.Load() {
		return 0, net.ErrClosed
	}
	return s.Conn.Read(b) //nolint:wrapcheck // readers compare with io.EOF
}

// Write is net.Conn's.
func (s *socket) Write(b []byte) (int, error) {
	if s.gone.Load() {
		return 0, net.ErrClosed
	}
	return s.Conn.Write(b) //nolint:wrapcheck // it is net.Conn's
}

// SetDeadline is net.Conn's. After Close the deadline is Close's.
func (s *socket) SetDeadline(t time.Time) error {
	if s.gone.Load() {
		return net.ErrClosed
	}
	return s.Conn.SetDeadline(t) //nolint:wrapcheck // it is net.Conn's
}

// SetReadDeadline is net.Conn's.
func (s *socket) SetReadDeadline(t time.Time) error {
	if s.gone.Load() {
		return net.ErrClosed
	}
	return s.Conn.SetReadDeadline(t) //nolint:wrapcheck // it is net.Conn's
}

// SetWriteDeadline is net.Conn's.
func (s *socket) SetWriteDeadline(t time.Time) error {
	if s.gone.Load() {
		return net.ErrClosed
	}
	return s.Conn.SetWriteDeadline(t) //nolint:wrapcheck // it is net.Conn's
}
