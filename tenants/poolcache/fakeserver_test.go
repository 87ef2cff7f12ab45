package poolcache_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// fakeServer answers every attempt to connect with an error, or not at all.
type fakeServer struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex
	refusal  pgproto3.ErrorResponse
	accepted int
	open     map[net.Conn]struct{}
}

// newFakeServer starts a server that refuses everybody with code, or says nothing when code is "".
func newFakeServer(tb testing.TB, code, routine string) *fakeServer {
	tb.Helper()
	listener := listen(tb)
	s := &fakeServer{listener: listener, open: map[net.Conn]struct{}{}}
	s.refuse(code, routine)
	s.wg.Go(s.serve)
	tb.Cleanup(func() {
		_ = listener.Close()
		s.mu.Lock()
		for conn := range s.open {
			_ = conn.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *fakeServer) refuse(code, routine string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "no", Routine: routine}
}

func (s *fakeServer) dials() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

func (s *fakeServer) target(node string) poolcache.Target {
	return poolcache.Target{
		Node:       node,
		Epoch:      1,
		ConnString: fmt.Sprintf("postgres://user:hunter2@%s/db?sslmode=disable", s.listener.Addr()),
	}
}

func (s *fakeServer) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.accepted++
		s.open[conn] = struct{}{}
		refusal := s.refusal
		s.mu.Unlock()
		s.wg.Go(func() { s.answer(conn, refusal) })
	}
}

func (s *fakeServer) answer(conn net.Conn, refusal pgproto3.ErrorResponse) {
	backend := pgproto3.NewBackend(conn, conn)
	_, _ = backend.ReceiveStartupMessage()
	if refusal.Code != "" {
		backend.Send(&refusal)
		_ = backend.Flush()
		_ = conn.Close()
	}
}

// closedPort returns the address of a port on which nobody listens.
func closedPort(tb testing.TB) string {
	tb.Helper()
	listener := listen(tb)
	defer listener.Close()
	return listener.Addr().String()
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	return listener
}
