package opshttp_test

import (
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
	"github.com/avenit/tenantry/workers/opshttp"
)

// nowhere is a pool on a control database that is not there. Its password is a canary.
func nowhere(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), "postgres://ops:canary-database@127.0.0.1:1/control")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestRefusesToListen(t *testing.T) {
	t.Parallel()
	pool := nowhere(t)
	for name, tc := range map[string]struct {
		change func(*opshttp.Config)
		want   []string
	}{
		"every address":      {func(c *opshttp.Config) { c.Addr = ":0" }, []string{"TENANTRY_OPS_USER", "TENANTRY_OPS_PASSWORD", ":0"}},
		"every IPv4 address": {func(c *opshttp.Config) { c.Addr = "0.0.0.0:0" }, []string{"TENANTRY_OPS_USER", "TENANTRY_OPS_PASSWORD"}},
		"every IPv6 address": {func(c *opshttp.Config) { c.Addr = "[::]:0" }, []string{"TENANTRY_OPS_USER", "TENANTRY_OPS_PASSWORD"}},
		"another address":    {func(c *opshttp.Config) { c.Addr = "192.0.2.1:8484" }, []string{"TENANTRY_OPS_USER", "127.0.0.1"}},
		"no port":            {func(c *opshttp.Config) { c.Addr = "127.0.0.1" }, []string{"listen address"}},
		"no user":            {func(c *opshttp.Config) { c.Password = password }, []string{"TENANTRY_OPS_USER"}},
		"no password":        {func(c *opshttp.Config) { c.User = user }, []string{"TENANTRY_OPS_PASSWORD"}},
		"a short password":   {func(c *opshttp.Config) { c.User, c.Password = user, "canary7" }, []string{"TENANTRY_OPS_PASSWORD", "8"}},
		"a user with colon":  {func(c *opshttp.Config) { c.User, c.Password = "a:b", password }, []string{"TENANTRY_OPS_USER", "colon"}},
		"no pool":            {func(c *opshttp.Config) { c.ControlPool = nil }, []string{"control pool"}},
		"half a registry":    {func(c *opshttp.Config) { c.Registerer = prometheus.NewRegistry() }, []string{"gatherer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := opshttp.Config{Addr: "127.0.0.1:0", ControlPool: pool}
			tc.change(&cfg)
			_, err := opshttp.New(cfg)
			for _, word := range tc.want {
				require.ErrorContains(t, err, word)
			}
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestLifeOfAServer(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	reg := prometheus.NewRegistry()
	cfg := opshttp.Config{Addr: "localhost:0", ControlPool: f.Pool, Registerer: reg, Gatherer: reg}
	never, err := opshttp.New(cfg)
	require.NoError(t, err)
	never.Stop(t.Context())
	require.Error(t, never.Start(t.Context()), "it was stopped")

	first, err := opshttp.New(cfg)
	require.NoError(t, err)
	require.NoError(t, first.Start(t.Context()))
	require.Error(t, first.Start(t.Context()), "it was started")

	cfg.Registerer, cfg.Gatherer = prometheus.NewRegistry(), reg
	cfg.Addr = first.Addr()
	second, err := opshttp.New(cfg)
	require.NoError(t, err)
	require.ErrorContains(t, second.Start(t.Context()), "listen for operators")
	first.Stop(t.Context())
	first.Stop(t.Context())
	require.NoError(t, second.Start(t.Context()), "the address is free again")
	second.Stop(t.Context())
	families, err := reg.Gather()
	require.NoError(t, err)
	require.Empty(t, families, "a stopped server measures nothing")
}

func TestWithoutLogin(t *testing.T) {
	t.Parallel()
	o := serve(t, fleettest.New(t), noLogin)
	require.Contains(t, o.log.String(), "TENANTRY_OPS_PASSWORD", "it says that there is no login")
	for _, path := range []string{"/", "/riverui/", "/riverui/api/jobs", "/metrics"} {
		require.Equal(t, http.StatusOK, o.get(path).StatusCode, path)
		require.Equal(t, http.StatusOK, o.get(path, host("localhost:8484")).StatusCode, path)
		require.Equal(t, http.StatusMisdirectedRequest, o.get(path, host("rebound.example")).StatusCode, "a name that points here: %s", path)
		require.Equal(t, http.StatusMisdirectedRequest, o.get(path, header("X-Forwarded-For", "192.0.2.7")).StatusCode, "behind a proxy: %s", path)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		require.Equal(t, http.StatusOK, o.get(path, host("rebound.example")).StatusCode, path)
	}
	require.Equal(t, "/", o.get("/login").Header.Get("Location"))
	require.Equal(t, "/", o.post("/login", nil).Header.Get("Location"))
	require.Equal(t, "/", o.post("/logout", nil).Header.Get("Location"))
}
