package crashtest

import (
	"bytes"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// How is how a connection is cut.
type How string

// The cuts.
const (
	LoseRequest How = "request lost"   // the server never gets it
	LoseAnswer  How = "answer lost"    // the server has done it, and nobody is told
	Reset       How = "reset at once"  // the server gets it, and finds the client gone
	Swallow     How = "both swallowed" // nothing comes through any more, and nobody is told: a black hole
)

// Cut is one cut of one connection.
type Cut struct {
	How How
	// Saw is what the connection must have asked before, "" for anything.
	Saw string
	// At is in the request that is hit, the Nth of the connections that qualify, from 1.
	At  string
	Nth int
}

// Wire is a TCP proxy on loopback before a PostgreSQL server. It passes everything on until it is armed, and cuts one connection
// then.
type Wire struct {
	server   string
	listener net.Listener

	mu    sync.Mutex
	open  map[net.Conn]bool
	holes []*pair // that were swallowed
	armed *Cut
	left  int
	fell  chan struct{}
	tasks sync.WaitGroup
}

// NewWire starts a proxy before the server of a URL; it ends with the test.
func NewWire(t testing.TB, server string) *Wire {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it listens at once
	require.NoError(t, err)
	w := &Wire{server: u.Host, listener: listener, open: map[net.Conn]bool{}}
	w.tasks.Go(w.accept)
	t.Cleanup(w.close)
	return w
}

// URL is that of the server, through the proxy.
func (w *Wire) URL(t testing.TB, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Host = w.listener.Addr().String()
	return u.String()
}

// Arm makes the next request that matches the last of its connection. What it returns is closed when that has happened.
func (w *Wire) Arm(c Cut) (fell <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.left, w.fell = &c, c.Nth, make(chan struct{})
	return w.fell
}

// Heal ends the connections that were swallowed: both sides hear of it, as when a network is there again. Otherwise a client holds them for as long as it may wait for an answer,
// and the server what they have locked.
func (w *Wire) Heal() {
	w.mu.Lock()
	holes := w.holes
	w.holes = nil
	w.mu.Unlock()
	for _, p := range holes {
		p.end()
	}
}

// cut returns the armed cut if the request is the one. It is armed for once.
func (w *Wire) cut(past, request []byte) *Cut {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.armed
	if c == nil || !bytes.Contains(request, []byte(c.At)) || !bytes.Contains(past, []byte(c.Saw)) {
		return nil
	}
	if w.left--; w.left > 0 {
		return nil
	}
	w.armed = nil
	close(w.fell)
	return c
}

func (w *Wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.server) //nolint:noctx // loopback
		if err != nil {
			_ = client.Close()
			continue
		}
		p := &pair{wire: w, client: client, server: server}
		if !w.keep(client, server) {
			return
		}
		w.tasks.Go(p.requests)
		w.tasks.Go(p.answers)
	}
}

// keep remembers connections for close. It is false when the proxy has ended.
func (w *Wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		if w.open == nil {
			_ = c.Close()
		} else {
			w.open[c] = true
		}
	}
	return w.open != nil
}

func (w *Wire) close() {
	_ = w.listener.Close()
	w.mu.Lock()
	for c := range w.open {
		_ = c.Close()
	}
	w.open = nil
	w.mu.Unlock()
	w.tasks.Wait()
}

// pair is one connection through the proxy.
type pair struct {
	wire           *Wire
	client, server net.Conn

	mu  sync.Mutex
	how How // "" until it is cut
}

// requests passes on what the client asks.
func (p *pair) requests() {
	defer p.end()
	var past []byte
	buffer := make([]byte, 64<<10)
	for {
		n, err := p.client.Read(buffer)
		if err != nil {
			return
		}
		if p.state() == Swallow {
			continue
		}
		request := buffer[:n]
		past = append(past, request...)
		// A request may come in two pieces, so the end of the piece before is looked at again.
		c := p.wire.cut(past, past[max(0, len(past)-n-64):])
		if c == nil {
			if _, err := p.server.Write(request); err != nil {
				return
			}
			continue
		}
		p.mu.Lock()
		p.how = c.How
		p.mu.Unlock()
		switch c.How {
		case LoseRequest:
			return
		case Reset:
			_, _ = p.server.Write(request)
			_ = p.client.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // it was accepted on TCP
			return
		case LoseAnswer:
			_, _ = p.server.Write(request)
		case Swallow:
			p.wire.mu.Lock()
			p.wire.holes = append(p.wire.holes, p)
			p.wire.mu.Unlock()
		}
	}
}

// answers passes on what the server says.
func (p *pair) answers() {
	defer p.end()
	buffer := make([]byte, 64<<10)
	for {
		n, err := p.server.Read(buffer)
		if err != nil {
			return
		}
		switch p.state() {
		case LoseAnswer:
			return
		case Swallow:
			continue
		case LoseRequest, Reset:
		}
		if _, err := p.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *pair) state() How {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.how
}

// end closes both sides: each of the two directions ends the other.
func (p *pair) end() {
	err := errors.Join(p.client.Close(), p.server.Close())
	_ = err // one of them was closed by the other direction
	p.wire.mu.Lock()
	delete(p.wire.open, p.client)
	delete(p.wire.open, p.server)
	p.wire.mu.Unlock()
}
