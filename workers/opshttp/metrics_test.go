package opshttp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers/fleettest"
	"github.com/avenit/tenantry/workers/opshttp"
)

// scrape reads /metrics: values by name with labels.
func (o *ops) scrape() map[string]float64 {
	o.t.Helper()
	res := o.get("/metrics")
	require.Equal(o.t, http.StatusOK, res.StatusCode, res.body)
	values := map[string]float64{}
	for line := range strings.Lines(res.body) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if value == "" {
			name, value, _ = strings.Cut(name, " ")
		} else {
			name += "}"
		}
		v, err := strconv.ParseFloat(value, 64)
		require.NoError(o.t, err, line)
		values[name] = v
	}
	return values
}

func TestMetricsOfAFleetAtWork(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1", func(s *provision.NodeSpec) { s.WarmTarget, s.MaxTenants, s.Region = new(1), new(5), new("eu") })
	rt := f.Worker(t)
	made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	f.Succeeds(t, made.OperationID)
	reg := prometheus.NewRegistry()
	o := serve(t, f, func(c *opshttp.Config) {
		c.Cache, c.WorkerID, c.Registerer, c.Gatherer = rt.Cache(), rt.WorkerID, reg, reg
	})
	lease, err := rt.Cache().Acquire(t.Context(), made.TenantID)
	require.NoError(t, err)
	defer lease.Release()
	require.Eventually(t, func() bool { return o.scrape()[`tenantry_warm_databases{node="n1"}`] == 1 }, time.Minute, 50*time.Millisecond)

	got := o.scrape()
	for name, want := range map[string]float64{
		`tenantry_control_up`:                                                    1,
		`tenantry_tenants{state="active"}`:                                       1,
		`tenantry_tenants{state="failed"}`:                                       0,
		`tenantry_operations{state="parked"}`:                                    0,
		`tenantry_rollouts{state="paused"}`:                                      0,
		`tenantry_tenants_quarantined`:                                           0,
		`tenantry_tenants_drifted`:                                               0,
		`tenantry_tenants_drift_unchecked`:                                       1,
		`tenantry_tenants_backup_late`:                                           0,
		`tenantry_tenants_backup_unproven`:                                       1,
		`tenantry_tenants_backup_failed`:                                         0,
		`tenantry_node_info{node="n1",region="eu",state="active"}`:               1,
		`tenantry_node_connections_budget{node="n1"}`:                            100,
		`tenantry_node_tenants_limit{node="n1"}`:                                 5,
		`tenantry_node_databases{node="n1",state="assigned"}`:                    1,
		`tenantry_node_databases{node="n1",state="warm"}`:                        1,
		`tenantry_warm_databases_target{node="n1"}`:                              1,
		`tenantry_workers_live`:                                                  1,
		`tenantry_queue_jobs_available{queue="backup"}`:                          0,
		`tenantry_queue_paused{queue="provision"}`:                               0,
		`tenantry_pool_entries`:                                                  1,
		`tenantry_pool_entries_leased`:                                           1,
		`tenantry_pool_misses_total`:                                             1,
		`tenantry_pool_opens_total`:                                              1,
		`tenantry_pool_evictions_total{reason="idle"}`:                           0,
		`tenantry_pool_node_connections_budget{node="n1"}`:                       100,
		`tenantry_pool_node_breaker{node="n1",state="closed"}`:                   1,
		`tenantry_pool_node_breaker{node="n1",state="slow_start"}`:               0,
		`tenantry_ops_logins_total{outcome="wrong"}`:                             0,
		`tenantry_process_info{version="v1.2.3",worker="` + rt.WorkerID() + `"}`: 1,
	} {
		require.Contains(t, got, name)
		require.InDelta(t, want, got[name], 0, name)
	}
	require.GreaterOrEqual(t, got[`tenantry_pool_node_connections{node="n1"}`], 1.0)
	require.Less(t, got[`tenantry_worker_heartbeat_age_seconds{worker="`+rt.WorkerID()+`"}`], 30.0)
	require.Positive(t, got[`tenantry_control_scrape_duration_seconds`])

	families, err := reg.Gather()
	require.NoError(t, err)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	for _, family := range families {
		require.Greater(t, len(strings.Fields(family.GetHelp())), 4, family.GetName())
	}
}

func TestMetricsOfDrift(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	for _, slug := range []string{"clean", "bad", "away", "resting"} {
		f.Do(t, jobs.Provision{Slug: slug})
	}
	f.Do(t, jobs.Suspend{Tenant: "resting"})
	f.Do(t, jobs.Check{})
	exec := func(sql string, args ...any) {
		_, err := f.Pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	for slug, change := range map[string]string{
		"bad":  `UPDATE tenantry.drift SET state = 'drifted' WHERE database_id = $1`,
		"away": `UPDATE tenantry.drift SET state = 'unreachable', checked_at = now() - interval '9 days' WHERE database_id = $1`,
	} {
		db, err := f.Registry.DatabaseOf(t.Context(), f.Tenant(t, slug).ID)
		require.NoError(t, err)
		exec(change, db.ID)
	}
	o := serve(t, f)
	got := o.scrape()
	require.InDelta(t, 1, got[`tenantry_tenants_drifted`], 0)
	require.InDelta(t, 0, got[`tenantry_tenants_drift_unchecked`], 0)
	require.InDelta(t, 9*24*3600, got[`tenantry_drift_oldest_check_age_seconds`], 600)
}

func TestMetricsOfBackups(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	exec := func(sql string, args ...any) {
		_, err := f.Pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	exec(`UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	for _, slug := range []string{"proven", "old", "bad", "never"} {
		f.Do(t, jobs.Provision{Slug: slug})
	}
	for slug, change := range map[string]string{
		"proven": `outcome = 'verified'`, "old": `outcome = 'verified', taken_at = now() - interval '9 days'`, "bad": `outcome = 'failed'`,
	} {
		f.Do(t, jobs.Backup{Tenant: slug})
		exec(`UPDATE tenantry.backups SET `+change+` WHERE tenant_id = $1`, f.Tenant(t, slug).ID)
	}
	got := serve(t, f).scrape()
	require.InDelta(t, 1, got[`tenantry_tenants_backup_late`], 0)
	require.InDelta(t, 2, got[`tenantry_tenants_backup_unproven`], 0)
	require.InDelta(t, 1, got[`tenantry_tenants_backup_failed`], 0)
	require.InDelta(t, 9*24*3600, got[`tenantry_backup_oldest_verified_age_seconds`], 600)
}

func TestMetricsOfAggregates(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	_, err := f.Pool.Exec(t.Context(), `
		INSERT INTO tenantry.aggregates (name, definition) VALUES ('sales', 1), ('fresh', 1);
		INSERT INTO tenantry.aggregate_days (relation, day, aggregate, operation_id, tenants, contributed, published_at) VALUES
		  ('sales', '2026-11-25', 'sales', 'op_1', 10, 10, now()), ('sales', '2026-11-26', 'sales', 'op_2', 10, 7, NULL), ('sales', '2026-11-27', 'sales', 'op_3', 10, 0, NULL);
		INSERT INTO tenantry.aggregate_runs (operation_id, aggregate, definition, relation, day, timeout, most_rows, until) VALUES ('op_3', 'sales', 1, 'sales', '2026-11-27', '30s', 100, now())`, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	got := serve(t, f).scrape()
	require.InDelta(t, 3, got[`tenantry_aggregate_tenants_missing{aggregate="sales"}`], 0)
	require.InDelta(t, 0, got[`tenantry_aggregate_published{aggregate="sales"}`], 0)
	require.NotContains(t, got, `tenantry_aggregate_published{aggregate="fresh"}`)
}

func TestMetricsOfAFleetThatStandsStill(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	for range 3 {
		f.Submit(t, jobs.Noop{})
	}
	parked := f.Submit(t, jobs.Noop{})
	exec := func(sql string, args ...any) {
		_, err := f.Pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	exec(`SELECT tenantry.settle(jsonb_build_array(jsonb_build_object('id', $1::text, 'outcome', 'parked')))`, parked)
	exec(`UPDATE river.river_job SET scheduled_at = now() - interval '90 seconds' WHERE id = (SELECT min(id) FROM river.river_job)`)
	exec(`UPDATE river.river_job SET scheduled_at = now() + interval '3 seconds' WHERE id = (SELECT min(id) + 1 FROM river.river_job)`)
	exec(`INSERT INTO river.river_queue (name, created_at, updated_at, paused_at) VALUES ('default', now(), now(), now())`)
	exec(`INSERT INTO tenantry.workers (id, host, pid, version, lease, heartbeat_at) VALUES
		('silent', 'h', 1, '', interval '10 seconds', now() - interval '100 seconds'),
		('beating', 'h', 2, '', interval '10 seconds', now())`)
	exec(`INSERT INTO tenantry.workers (id, host, pid, version, lease, state) VALUES ('ended', 'h', 3, '', interval '10 seconds', 'stopped')`)
	o := serve(t, f)
	got := o.scrape()
	for name, want := range map[string]float64{
		`tenantry_operations{state="queued"}`:               3,
		`tenantry_operations{state="parked"}`:               1,
		`tenantry_operations_parked{kind="noop"}`:           1,
		`tenantry_queue_jobs_available{queue="default"}`:    3,
		`tenantry_queue_jobs_available{queue="provision"}`:  0,
		`tenantry_queue_paused{queue="default"}`:            1,
		`tenantry_workers_live`:                             1,
		`tenantry_process_info{version="v1.2.3",worker=""}`: 1,
	} {
		require.Contains(t, got, name)
		require.InDelta(t, want, got[name], 0, name)
	}
	require.InDelta(t, 90, got[`tenantry_queue_oldest_job_age_seconds{queue="default"}`], 30)
	require.InDelta(t, 100, got[`tenantry_worker_heartbeat_age_seconds{worker="silent"}`], 30)
	require.Contains(t, got, `tenantry_worker_heartbeat_age_seconds{worker="beating"}`)
	require.NotContains(t, got, `tenantry_worker_heartbeat_age_seconds{worker="ended"}`)
	require.NotContains(t, got, `tenantry_pool_entries`, "this process has no pools")
}

func TestMetricsWithoutControlDatabase(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	rt := f.Worker(t)
	pool, err := pgxpool.New(t.Context(), f.URL)
	require.NoError(t, err)
	o := serve(t, f, on(pool), func(c *opshttp.Config) { c.Cache = rt.Cache() })
	require.InDelta(t, 1, o.scrape()[`tenantry_control_up`], 0)
	pool.Close()
	_ = o.scrape()
	got := o.scrape()
	require.InDelta(t, 0, got[`tenantry_control_up`], 0)
	require.Contains(t, got, `tenantry_pool_entries`)
	require.Contains(t, got, `tenantry_ops_logins_total{outcome="ok"}`)
	require.NotContains(t, got, `tenantry_workers_live`)
	require.NotContains(t, got, `tenantry_tenants{state="active"}`)
	require.Len(t, o.log.with(t, "fleet cannot be measured"), 1, "said once")
}

// TestSurveyDoesNotReadHistory counts the rows that a scrape touches beside 100,000 operations that have ended, and tenants
// and databases that are gone.
func TestSurveyDoesNotReadHistory(t *testing.T) {
	t.Parallel()
	const history, alive = 100_000, 40
	f := fleettest.New(t)
	conn, err := pgx.Connect(t.Context(), f.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.PgConn().Exec(t.Context(), fmt.Sprintf(`
		SET session_replication_role = replica; -- no trigger tells of each row
		INSERT INTO tenantry.operations (kind, args, idempotency_key, state, finished_at)
		SELECT 'noop', '{}', 'old-' || i, (ARRAY['succeeded', 'failed', 'cancelled'])[1 + i %% 3], now() FROM generate_series(1, %[1]d) i;
		INSERT INTO tenantry.operations (kind, args, idempotency_key, state)
		SELECT 'noop', '{}', 'new-' || i, CASE WHEN i %% 10 = 0 THEN 'parked' ELSE 'queued' END FROM generate_series(1, %[2]d) i;
		INSERT INTO river.river_job (kind, args, queue, max_attempts, state, finalized_at)
		SELECT 'noop', '{}', 'default', 5, 'completed', now() FROM generate_series(1, %[1]d / 5) i;
		INSERT INTO river.river_job (kind, args, queue, max_attempts, state)
		SELECT 'noop', '{}', 'default', 5, 'available' FROM generate_series(1, %[2]d) i;
		INSERT INTO tenantry.workers (id, host, pid, version, lease, state)
		SELECT 'w' || i, 'h', i, '', interval '10 s', CASE WHEN i <= 3 THEN 'alive' ELSE 'stopped' END FROM generate_series(1, 5000) i;
		INSERT INTO tenantry.nodes (id, name, state, url, provisioner, max_connections)
		VALUES ('nod_1', 'n1', 'active', '', '', 10), ('nod_2', 'n2', 'active', '', '', 10);
		INSERT INTO tenantry.databases (id, node_id, release_id, state)
		SELECT 'db_' || i, 'nod_' || 1 + i %% 2, 'rel', CASE WHEN i <= %[2]d THEN 'assigned' ELSE 'dropped' END FROM generate_series(1, %[1]d / 5) i;
		INSERT INTO tenantry.tenants (slug, name, database_id, state)
		SELECT 't-' || i, 'x', 'db_' || i, CASE WHEN i <= %[2]d THEN 'active' ELSE 'deleted' END FROM generate_series(1, %[1]d / 5) i;
		ANALYZE tenantry.operations, river.river_job, tenantry.workers, tenantry.databases, tenantry.tenants`, history, alive)).ReadAll()
	require.NoError(t, err)
	most := func(sql string, args ...any) (rows float64) {
		var encoded []byte
		require.NoError(t, conn.QueryRow(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON) `+sql, args...).Scan(&encoded))
		var plans []struct{ Plan planNode }
		require.NoError(t, json.Unmarshal(encoded, &plans))
		rows = plans[0].Plan.most()
		require.LessOrEqual(t, rows, 1000.0, string(encoded))
		return rows
	}
	require.LessOrEqual(t, most(opshttp.SurveySQL, opshttp.SurveyArgs()...), 2.0*alive)
	most(opshttp.OutcomesSQL, 1000)
}

// planNode is a part of EXPLAIN's answer.
type planNode struct {
	Type    string     `json:"Node Type"`
	Rows    float64    `json:"Actual Rows"`
	Removed float64    `json:"Rows Removed by Filter"`
	Loops   float64    `json:"Actual Loops"`
	Plans   []planNode `json:"Plans"`
}

// most is the largest number of rows that a node has read.
func (n planNode) most() float64 {
	rows := (n.Rows + n.Removed) * n.Loops
	for _, child := range n.Plans {
		rows = max(rows, child.most())
	}
	return rows
}
