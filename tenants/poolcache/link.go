package poolcache

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
)

// link is how connections of one configuration reach a node: through its gate and charged to its budget. It is the
// configuration's dialer, and as its tracer sees where each attempt to connect begins and ends.
type link struct {
	cache   *Cache
	node    *node
	entry   *entry // nil for connections outside of the cache
	timeout time.Duration
	dialer  pgconn.DialFunc
	lookup  pgconn.LookupFunc
}

// Charge makes the connections that are opened with cc count: they take tokens of node's budget, wait their turn among
// its dials, and heed and inform its breaker. It is for work that goes past the cache, such as a scan of all tenants.
// cc.ConnectTimeout, or else Config.ConnectTimeout, then bounds dialling and authenticating only; the wait for a token
// is bounded by the context given to pgx. The connections have no entry: nothing here closes them.
func (c *Cache) Charge(node string, cc *pgx.ConnConfig) {
	timeout := cc.ConnectTimeout
	if timeout <= 0 {
		timeout = c.cfg.ConnectTimeout
	}
	cc.ConnectTimeout = 0
	c.attach(c.node(node), nil, cc, timeout)
}

func (c *Cache) attach(n *node, e *entry, cc *pgx.ConnConfig, timeout time.Duration) {
	l := &link{cache: c, node: n, entry: e, timeout: timeout, dialer: cc.DialFunc, lookup: cc.LookupFunc}
	cc.DialFunc, cc.LookupFunc = l.dial, l.lookUp
	if cc.Tracer == nil {
		cc.Tracer = tracer{l}
	} else {
		cc.Tracer = multitracer.New(cc.Tracer, tracer{l})
	}
}

// attempt is one call of pgx.ConnectConfig. It dials once per address and TLS fallback, one after the other.
type attempt struct {
	token    *token
	pass     pass
	deadline time.Time // of dialling and authenticating; zero until the first dial
	refused  error     // it may not dial, whatever the address
	socket   *socket   // dialled last
}

// dial is the pgconn.DialFunc.
func (l *link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	a := attemptOf(ctx)
	if a == nil {
		// pgx dials to have a query cancelled, under a context of its own. The server serves that without a backend; a
		// token must not be taken for it, because the connection it is about holds one.
		return l.dialer(ctx, network, addr)
	}
	if a.deadline.IsZero() && a.refused == nil {
		a.refused = l.admit(ctx, a)
	}
	if a.refused != nil {
		return nil, a.refused
	}
	ctx, cancel := context.WithDeadline(ctx, a.deadline)
	defer cancel()
	conn, err := l.dialer(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("dial node %s: %w", l.node.name, err)
	}
	if err := conn.SetDeadline(a.deadline); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("set deadline of connection to node %s: %w", l.node.name, err)
	}
	a.socket = newSocket(conn, a.token)
	return a.socket, nil
}

// admit gets a what it needs to dial: a token, then a place among the dials in flight.
func (l *link) admit(ctx context.Context, a *attempt) error {
	if err := l.node.gate.check(); err != nil {
		return err
	}
	token, err := l.node.take(ctx, l.entry)
	if err != nil {
		return fmt.Errorf("wait for a connection to node %s: %w", l.node.name, err)
	}
	a.token = token
	if a.pass, err = l.node.gate.enter(ctx); err != nil {
		return err
	}
	a.deadline = time.Now().Add(l.timeout)
	return nil
}

// lookUp is the pgconn.LookupFunc.
func (l *link) lookUp(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	addrs, err := l.lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("look up host of node %s: %w", l.node.name, err)
	}
	return addrs, nil
}

// begin is called when pgx starts to connect.
func (l *link) begin(ctx context.Context) context.Context { return withAttempt(ctx, &attempt{}) }

// end is called when pgx has connected (err is nil) or has given up.
func (l *link) end(ctx context.Context, conn *pgx.Conn, err error) {
	a := attemptOf(ctx)
	if a == nil {
		return
	}
	if conn != nil && a.socket != nil {
		a.socket.established(conn.PgConn(), l.cache.now.Load())
	}
	l.node.gate.leave(a.pass, l.outcome(ctx, a, err), err)
	if a.token != nil {
		a.token.drop()
	}
	l.entry.connected(err)
}

// outcome says what the end of an attempt tells about the node.
func (l *link) outcome(ctx context.Context, a *attempt, err error) outcome {
	switch {
	case err == nil || !blamesNode(err):
		return outcomeAlive
	case a.refused != nil || ctx.Err() != nil: // it never came to dial, or was given up
		return outcomeUnknown
	default:
		return outcomeDown
	}
}
