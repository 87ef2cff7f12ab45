package poolcache_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// vault caches a password until it is told that it is refused.
type vault struct {
	mu     sync.Mutex
	cached string
	stored string
	reads  int
}

func (v *vault) password(_ context.Context, refused string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reads++
	if v.cached == refused {
		v.cached = v.stored
	}
	return v.cached, nil
}

func (v *vault) store(password string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stored = password
}

func TestRefusedPasswordIsReadAgainOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	v := &vault{cached: "outdated", stored: b.user.Password()}
	b.resolver.change(tenant, func(target *poolcache.Target) { target.Password = v.password })
	lease := b.lease(t, tenant) // when opening
	defer lease.Release()
	require.Equal(t, 2, v.reads)
	require.Equal(t, 1, b.resolver.called())

	require.NoError(t, b.user.SetPassword(within(t), "rotated"))
	v.store("rotated")
	require.NoError(t, ask(within(t), lease.Pool()), "open connections are not affected")
	b.Reset(tenant)
	eventually(t, "they are closed", func() bool { return b.node("live").Open == 0 })
	conn, err := lease.Acquire(within(t)) // and in an open pool
	require.NoError(t, err)
	conn.Release()
	require.Equal(t, 1, b.resolver.called(), "no new pool was needed")

	v.store("wrong")
	require.NoError(t, b.user.SetPassword(within(t), "rotated again"))
	b.Reset(tenant)
	eventually(t, "they are closed", func() bool { return b.node("live").Open == 0 })
	_, err = lease.Acquire(within(t))
	require.ErrorContains(t, err, "28P01")
	require.Equal(t, poolcache.BreakerClosed, b.node("live").Breaker)
}

func TestUnchangedPasswordIsNotPresentedTwice(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	server := newFakeServer(t, "28P01", "auth_failed")
	target := server.target("node")
	v := &vault{cached: "wrong", stored: "wrong"}
	target.Password = v.password
	b.resolver.set("t", target)
	_, err := b.Acquire(within(t), "t")
	require.ErrorContains(t, err, "28P01")
	require.Equal(t, 2, v.reads)
	require.Equal(t, 1, server.dials())
}

func TestRefusedConnStringIsResolvedAgainOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{})
	tenant := databases(t, 1)[0]
	right := b.user.ConnStringWithPassword(tenant)
	wrong := strings.Replace(right, b.user.Password(), "wrong", 1)
	b.resolver.set(tenant, poolcache.Target{Node: "live", ConnString: wrong})
	_, err := b.Acquire(within(t), tenant)
	require.ErrorContains(t, err, "28P01")
	require.Equal(t, 2, b.resolver.called())
	require.EqualValues(t, 0, b.node("live").Connects)

	b.clock.advance(time.Second)
	b.resolver.set(tenant, poolcache.Target{Node: "live", ConnString: right})
	lease := b.lease(t, tenant)
	require.NoError(t, b.user.SetPassword(within(t), "rotated"))
	b.Reset(tenant)
	eventually(t, "the connection is closed", func() bool { return b.node("live").Open == 0 })
	require.ErrorContains(t, ask(within(t), lease.Pool()), "28P01")
	lease.Release()
	require.Equal(t, map[poolcache.Reason]int64{poolcache.ReasonCredentials: 1}, b.Stat().Evictions)
	b.resolver.set(tenant, poolcache.Target{
		Node: "live", ConnString: strings.Replace(right, b.user.Password(), "rotated", 1),
	})
	require.NoError(t, b.use(within(t), tenant))
}

func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	const canary = "hunter2"
	var mu sync.Mutex
	var logged bytes.Buffer
	log := zerolog.New(zerolog.SyncWriter(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return logged.Write(p)
	})))
	server := newFakeServer(t, "57P03", "")
	targets := map[string]poolcache.Target{
		"refused":   server.target("node"),
		"malformed": {Node: "node", ConnString: "postgres://user:" + canary + "@host:port with space/db"},
		"keyword":   {Node: "node", ConnString: "host=h password='" + canary + " sslmode=x"},
	}
	cache, err := poolcache.New(poolcache.Config{BreakerFailures: 1}, poolcache.ResolverFunc(
		func(_ context.Context, tenant string) (poolcache.Target, error) { return targets[tenant], nil }))
	require.NoError(t, err)
	require.NoError(t, cache.Start(log.WithContext(context.Background())))
	defer cache.Stop()
	for tenant := range targets {
		_, err := cache.Acquire(within(t), tenant)
		require.Error(t, err)
		require.NotContains(t, err.Error(), canary)
	}
	cache.Stop()
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, logged.String(), `"to":"open"`)
	require.NotContains(t, logged.String(), canary)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
