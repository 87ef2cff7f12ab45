package opshttp_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
	"github.com/avenit/tenantry/workers/opshttp"
)

func on(pool *pgxpool.Pool) func(*opshttp.Config) {
	return func(c *opshttp.Config) { c.ControlPool = pool }
}

func (o *ops) reason() string {
	o.t.Helper()
	res := o.get("/readyz")
	require.Equal(o.t, http.StatusServiceUnavailable, res.StatusCode, res.body)
	var body struct{ Status, Reason string }
	require.NoError(o.t, json.Unmarshal([]byte(res.body), &body))
	require.Equal(o.t, "unready", body.Status)
	return body.Reason
}

func TestHealth(t *testing.T) {
	t.Parallel()
	o := serve(t, fleettest.New(t))
	res := o.get("/healthz")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.JSONEq(t, `{"status":"ok","version":"v1.2.3"}`, res.body)
	require.Equal(t, http.StatusOK, o.get("/readyz").StatusCode)
	require.JSONEq(t, `{"status":"ready"}`, o.get("/readyz").body)
}

func TestNotReadyWithoutControlDatabase(t *testing.T) {
	t.Parallel()
	o := serve(t, &fleettest.Fleet{Pool: nowhere(t)})
	require.Equal(t, "control database: cannot be reached", o.reason())
	require.Equal(t, "control database: cannot be reached", o.reason())
	require.Equal(t, http.StatusOK, o.get("/healthz").StatusCode)
	require.Len(t, o.log.with(t, "not ready"), 1, "said once")
	res := o.get("/", basic(password))
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Contains(t, res.body, "does not answer")
	require.NotContains(t, o.log.String(), "canary")
}

func TestNotReadyWhenControlDatabaseHangs(t *testing.T) {
	t.Parallel()
	hole, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // takes connections and says nothing
	require.NoError(t, err)
	defer hole.Close()
	pool, err := pgxpool.New(t.Context(), "postgres://ops:canary-database@"+hole.Addr().String()+"/control?sslmode=disable")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	o := serve(t, &fleettest.Fleet{Pool: pool})
	begun := time.Now()
	var probes sync.WaitGroup
	for range 5 {
		probes.Go(func() {
			res := o.get("/readyz")
			if res.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
	require.Equal(t, "control database: no answer within 2s", o.reason())
	probes.Wait()
	require.Less(t, time.Since(begun), 6*time.Second)
}

func TestNotReadyWithoutSchemas(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	o := serve(t, f)
	exec := func(sql string) {
		_, err := f.Pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.Equal(t, http.StatusOK, o.get("/readyz").StatusCode)
	exec(`INSERT INTO tenantry.control_migrations (name, checksum) VALUES ('9999_newer.sql', '')`)
	require.Equal(t, http.StatusOK, o.get("/readyz").StatusCode, "a newer version was here: fine during an upgrade")

	exec(`DELETE FROM tenantry.control_migrations WHERE name = '0003_operations.sql'`)
	require.Equal(t, "schema tenantry lacks 0003_operations.sql; run: tenantry control migrate", o.reason())
	exec(`INSERT INTO tenantry.control_migrations (name, checksum) VALUES ('0003_operations.sql', '')`)
	require.Equal(t, http.StatusOK, o.get("/readyz").StatusCode)
	require.Len(t, o.log.with(t, "ready"), 1, "it says when it turned good")

	exec(`DELETE FROM river.river_migration WHERE version = (SELECT max(version) FROM river.river_migration)`)
	require.Contains(t, o.reason(), "schema river")
	exec(`DROP SCHEMA river CASCADE`)
	require.Contains(t, o.reason(), "schema river")
	exec(`DROP SCHEMA tenantry CASCADE`)
	require.Equal(t, "schema tenantry is missing; run: tenantry control migrate", o.reason())
}

func TestNotReadyAfterItsPoolIsClosed(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	pool, err := pgxpool.New(context.WithoutCancel(t.Context()), f.URL)
	require.NoError(t, err)
	o := serve(t, f, on(pool))
	require.Equal(t, http.StatusOK, o.get("/readyz").StatusCode)
	pool.Close()
	require.Equal(t, "control database: cannot be reached", o.reason())
}
