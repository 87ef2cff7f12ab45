package opshttp

// surveySQL measures the fleet in one query: a column per field of survey. It reads what is unfinished or alive, through
// the indexes operations_unfinished, tenants_state, databases_node, databases_warm, workers_alive, rollouts_active, quarantines_open, drift_pkey, backups_tenant, aggregate_days_newest and River's for fetching; what
// has ended, and grows for ever, it does not touch. $1 is the states of tenants that are counted, $2 those of
// databases, $3 how many workers are told one by one.
const surveySQL = `
SELECT
  (SELECT coalesce(jsonb_object_agg(o.state, o.n), '{}')
   FROM (SELECT state, count(*) AS n
         FROM tenantry.operations
         WHERE finished_at IS NULL
         GROUP BY state) o) AS operations,

  (SELECT coalesce(jsonb_object_agg(o.kind, o.n), '{}')
   FROM (SELECT kind, count(*) AS n
         FROM tenantry.operations
         WHERE finished_at IS NULL AND state = 'parked'
         GROUP BY kind) o) AS parked,

  (SELECT coalesce(jsonb_object_agg(j.queue, jsonb_build_object('available', j.n, 'oldest', j.oldest)), '{}')
   FROM (SELECT queue, count(*) AS n, greatest(0, extract(epoch FROM now() - min(scheduled_at))) AS oldest
         FROM river.river_job
         WHERE state = 'available'
         GROUP BY queue) j) AS queues,

  (SELECT coalesce(jsonb_object_agg(q.name, q.paused_at IS NOT NULL), '{}')
   FROM river.river_queue q) AS paused,

  (SELECT coalesce(jsonb_object_agg(t.state, t.n), '{}')
   FROM (SELECT state, count(*) AS n
         FROM tenantry.tenants
         WHERE state = ANY ($1)
         GROUP BY state) t) AS tenants,

  (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'name', n.name, 'state', n.state, 'region', n.region, 'connections', n.max_connections,
            'max_tenants', n.max_tenants, 'warm_target', CASE n.state WHEN 'active' THEN n.warm_target ELSE 0 END, 'databases', d.by_state, 'warm', w.n)
          ORDER BY n.name), '[]')
   FROM tenantry.nodes n
   CROSS JOIN LATERAL (
     SELECT coalesce(jsonb_object_agg(s.state, s.n), '{}') AS by_state
     FROM (SELECT d.state, count(*) AS n
           FROM tenantry.databases d
           WHERE d.node_id = n.id AND d.state = ANY ($2)
           GROUP BY d.state) s) d
   CROSS JOIN LATERAL (
     SELECT count(*) AS n
     FROM tenantry.databases d
     WHERE d.node_id = n.id AND d.state = 'warm'
       AND d.release_id = (SELECT r.id FROM tenantry.releases r
                           WHERE r.name = (SELECT c.value #>> '{}' FROM tenantry.settings c WHERE c.key = 'current_release'))) w
  ) AS nodes,

  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'age', w.age, 'live', w.age < w.lease) ORDER BY w.age DESC), '[]')
   FROM (SELECT id, greatest(0, extract(epoch FROM clock_timestamp() - heartbeat_at)) AS age, extract(epoch FROM lease) AS lease
         FROM tenantry.workers
         WHERE state = 'alive'
         ORDER BY heartbeat_at
         LIMIT $3) w) AS workers,

  (SELECT count(*)
   FROM tenantry.workers
   WHERE state = 'alive' AND heartbeat_at > clock_timestamp() - lease) AS live,

  (SELECT coalesce(jsonb_object_agg(r.state, r.n), '{}')
   FROM (SELECT state, count(*) AS n
         FROM tenantry.rollouts
         WHERE finished_at IS NULL
         GROUP BY state) r) AS rollouts,

  (SELECT count(*)
   FROM tenantry.quarantines
   WHERE released_at IS NULL) AS quarantined,

  (SELECT jsonb_build_object(
            'drifted', count(*) FILTER (WHERE w.state = 'drifted'),
            'unchecked', count(*) FILTER (WHERE w.checked_at IS NULL),
            'oldest', coalesce(greatest(0, extract(epoch FROM now() - min(coalesce(w.checked_at, t.activated_at, t.created_at)))), 0))
   FROM tenantry.tenants t
   LEFT JOIN tenantry.drift w ON w.database_id = t.database_id
   WHERE t.state = 'active') AS drift,

  (SELECT jsonb_build_object(
            'late', count(*) FILTER (WHERE coalesce(b.verified, t.activated_at, t.created_at) < now() - tenantry.setting('backup_objective')::interval),
            'unproven', count(*) FILTER (WHERE b.verified IS NULL),
            'failed', count(*) FILTER (WHERE b.failed),
            'oldest', coalesce(greatest(0, extract(epoch FROM now() - min(coalesce(b.verified, t.activated_at, t.created_at)))), 0))
   FROM tenantry.tenants t
   LEFT JOIN LATERAL (
     SELECT max(greatest(taken_at, unchanged_until)) FILTER (WHERE outcome = 'verified') AS verified,
            max(taken_at) FILTER (WHERE outcome = 'failed') = max(taken_at) AS failed
     FROM tenantry.backups
     WHERE tenant_id = t.id AND state = 'complete'
   ) b ON true
   WHERE t.state IN ('active', 'suspended')) AS backups,

  (SELECT coalesce(jsonb_object_agg(a.name, jsonb_build_object('missing', n.missing, 'published', n.published)), '{}')
   FROM tenantry.aggregates a
   CROSS JOIN LATERAL (
     SELECT d.tenants - d.contributed AS missing, d.published_at IS NOT NULL AS published
     FROM tenantry.aggregate_days d
     WHERE d.aggregate = a.name AND NOT EXISTS (SELECT FROM tenantry.aggregate_runs r WHERE r.relation = d.relation AND r.day = d.day AND r.finished_at IS NULL)
     ORDER BY d.day DESC
     LIMIT 1
   ) n) AS aggregates`

// outcomesSQL is how the newest operations ended, those that have; $1 is how many are looked at.
const outcomesSQL = `
SELECT coalesce(jsonb_object_agg(o.state, o.n), '{}')
FROM (SELECT newest.state, count(*) AS n
      FROM (SELECT state, finished_at
            FROM tenantry.operations
            ORDER BY seq DESC
            LIMIT $1) newest
      WHERE newest.finished_at IS NOT NULL
      GROUP BY newest.state) o`
