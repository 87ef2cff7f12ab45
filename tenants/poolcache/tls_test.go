package poolcache_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache"
)

func TestThroughTLS(t *testing.T) {
	t.Parallel()
	addr := startTLSProxy(t) // outlives the cache
	b := newBundle(t, poolcache.Config{})
	tenants := databases(t, 3)
	for _, tenant := range tenants {
		u, err := url.Parse(b.user.ConnStringWithPassword(tenant))
		require.NoError(t, err)
		u.Host, u.RawQuery = addr, "sslmode=require"
		b.resolver.set(tenant, poolcache.Target{Node: "tls", Epoch: 1, ConnString: u.String()})
	}
	b.SetBudget("tls", 2)
	lease := b.lease(t, tenants[0])
	defer lease.Release()
	require.NoError(t, b.use(within(t), tenants[1]))
	require.NoError(t, b.use(within(t), tenants[2]), "an encrypted connection can be reclaimed")
	require.EqualValues(t, 1, b.node("tls").Reclaims)
	require.Equal(t, 2, b.node("tls").Open)

	ctx, cancel := context.WithCancel(within(t))
	failed := make(chan error, 1)
	go func() {
		_, err := lease.Pool().Exec(ctx, "SELECT pg_sleep(60)")
		failed <- err
	}()
	eventually(t, "the query runs", func() bool { return active(t, b) == 1 })
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	eventually(t, "it is cancelled on the server", func() bool { return active(t, b) == 0 })
	require.NoError(t, ask(within(t), lease.Pool()))
	require.NoError(t, b.Evict(tenants[1], 2).Wait(within(t)))
	require.NoError(t, b.Evict(tenants[2], 2).Wait(within(t)))
	require.Equal(t, 1, b.node("tls").Open)
}

func TestFallbackFromTLSNeedsOneToken(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	u, err := url.Parse(b.user.ConnStringWithPassword(tenant))
	require.NoError(t, err)
	u.RawQuery = "sslmode=prefer" // the server refuses TLS, and pgx dials again without
	b.resolver.set(tenant, poolcache.Target{Node: "live", ConnString: u.String()})
	b.SetBudget("live", 1)
	require.NoError(t, b.use(within(t), tenant))
	require.Equal(t, 1, b.node("live").Open)
}

// startTLSProxy speaks TLS to clients, and passes on what they say to the test server.
func startTLSProxy(tb testing.TB) (addr string) {
	tb.Helper()
	server, err := url.Parse(mustURL(tb))
	require.NoError(tb, err)
	listener := listen(tb)
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(tb)}, MinVersion: tls.VersionTLS13}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { proxyTLS(conn, server.Host, config) })
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	return listener.Addr().String()
}

func proxyTLS(conn net.Conn, server string, config *tls.Config) {
	defer conn.Close()
	request := make([]byte, 8) // SSLRequest
	if _, err := io.ReadFull(conn, request); err != nil {
		return
	}
	if _, err := conn.Write([]byte{'S'}); err != nil {
		return
	}
	upstream, err := new(net.Dialer).DialContext(context.Background(), "tcp", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	client := tls.Server(conn, config)
	defer client.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(upstream, client)
		_ = upstream.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, upstream)
	_ = conn.Close()
	<-done
}

func selfSigned(tb testing.TB) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(tb, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
