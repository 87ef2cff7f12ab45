-- Rollouts: a release is brought to many tenants in waves. What to do next is decided in Go (migrations/rollout, a pure function); these
-- functions carry it out. Nothing here has a foreign key to operations, which are never deleted: each would be asked at every one of their
-- updates. Locks are taken in the order rollout, tenants by id, operations by id.

-- Tenants that stay behind on purpose.
CREATE TABLE tenantry.pins (
  tenant_id  text PRIMARY KEY REFERENCES tenantry.tenants,
  release_id text NOT NULL REFERENCES tenantry.releases,  -- the newest it may get
  reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  pinned_by  text NOT NULL CHECK (length(pinned_by) <= 200),
  pinned_at  timestamptz NOT NULL DEFAULT now(),
  until      timestamptz NOT NULL
);

CREATE TABLE tenantry.rollouts (
  id           text PRIMARY KEY DEFAULT tenantry.new_id('rol'),
  seq          bigint GENERATED ALWAYS AS IDENTITY,
  release_id   text NOT NULL REFERENCES tenantry.releases,
  -- The parent of the tenants' operations; it shows the rollout's progress to whoever watches operations.
  operation_id text NOT NULL UNIQUE,
  state        text NOT NULL DEFAULT 'running'
               CHECK (state IN ('running', 'baking', 'paused', 'aborting', 'completed', 'completed_with_exceptions', 'aborted')),
  -- Why it is paused: manual, budget, systemic, gate; '' otherwise. detail says it to a person.
  reason       text NOT NULL DEFAULT '' CHECK (reason IN ('', 'manual', 'budget', 'systemic', 'gate')),
  detail       text NOT NULL DEFAULT '',
  selector     jsonb NOT NULL CHECK (jsonb_typeof(selector) = 'object'),
  policy       jsonb NOT NULL CHECK (jsonb_typeof(policy) = 'object'),
  wave         integer NOT NULL DEFAULT 0 CHECK (wave >= 0),
  waves        integer NOT NULL CHECK (waves > 0),
  -- While baking: when the next wave may begin. What is left of it when a pause comes in between is kept in bake_left.
  bake_until   timestamptz,
  bake_left    interval,
  -- Whether the current wave's gate has let it through.
  gated        boolean NOT NULL DEFAULT false,
  -- The release of new tenants before this one gave them its own: they get it again if this one is aborted.
  replaced     text,
  started_by   text NOT NULL CHECK (length(started_by) <= 200),
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,
  CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'completed_with_exceptions', 'aborted'))),
  CHECK ((bake_until IS NOT NULL) = (state = 'baking'))
);
CREATE INDEX rollouts_active ON tenantry.rollouts (seq) WHERE finished_at IS NULL;

CREATE TABLE tenantry.rollout_members (
  rollout_id   text NOT NULL REFERENCES tenantry.rollouts,
  tenant_id    text NOT NULL REFERENCES tenantry.tenants,
  node_id      text NOT NULL REFERENCES tenantry.nodes,
  wave         integer NOT NULL CHECK (wave >= 0),
  position     integer NOT NULL,  -- within the rollout: earlier waves first
  -- pending: not begun; applying: its operation is under way; failed: quarantined; waived: a person said to leave it; skipped_preflight: the
  -- preflight found it blocked and a person left it out, failure says why.
  state        text NOT NULL
               CHECK (state IN ('pending', 'applying', 'done', 'failed', 'waived',
                                'skipped_uptodate', 'skipped_pinned', 'skipped_inactive', 'skipped_quarantined', 'skipped_preflight')),
  from_release text NOT NULL,
  operation_id text,
  attempts     integer NOT NULL DEFAULT 0,  -- operations that were begun for it
  failure      jsonb,                       -- as operations.error
  -- Whether its failure counts against the budget; what a person has seen and resumed does not any more.
  counted      boolean NOT NULL DEFAULT false,
  ended_at     timestamptz,
  PRIMARY KEY (rollout_id, tenant_id)
);
CREATE INDEX rollout_members_pending ON tenantry.rollout_members (rollout_id, wave, node_id, position) WHERE state = 'pending';
CREATE INDEX rollout_members_applying ON tenantry.rollout_members (rollout_id) WHERE state = 'applying';
CREATE INDEX rollout_members_active ON tenantry.rollout_members (tenant_id) WHERE state IN ('pending', 'applying');
CREATE INDEX rollout_members_operation ON tenantry.rollout_members (operation_id) WHERE operation_id IS NOT NULL;

-- How many tenants of a node are under way at a time, where the policy leaves it to the node: see rollout.Pace.
CREATE TABLE tenantry.rollout_paces (
  rollout_id text NOT NULL REFERENCES tenantry.rollouts,
  node_id    text NOT NULL REFERENCES tenantry.nodes,
  parallel   integer NOT NULL CHECK (parallel > 0),
  best_ms    double precision NOT NULL CHECK (best_ms >= 0),
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (rollout_id, node_id)
);

-- Tenants whose migration failed for good, with what is known of it. They get no release until a person lets them.
CREATE TABLE tenantry.quarantines (
  id           text PRIMARY KEY DEFAULT tenantry.new_id('qua'),
  tenant_id    text NOT NULL REFERENCES tenantry.tenants,
  release_id   text NOT NULL REFERENCES tenantry.releases,
  rollout_id   text REFERENCES tenantry.rollouts,
  operation_id text,
  evidence     jsonb NOT NULL,
  at           timestamptz NOT NULL DEFAULT now(),
  released_at  timestamptz,
  released_by  text
);
CREATE UNIQUE INDEX quarantines_open ON tenantry.quarantines (tenant_id) WHERE released_at IS NULL;

-- What decides whether a tenant can be brought to a release, in one place.
CREATE VIEW tenantry.rollout_candidates AS
SELECT t.id AS tenant_id, t.slug, t.labels, t.database_id, d.node_id, n.name AS node, r.name AS release, r.seq AS release_seq, t.state = 'active' AND n.state <> 'lost' AS active,
       coalesce(pr.seq, 9223372036854775807) AS pinned_seq, coalesce(p.reason, '') AS pin_reason,
       EXISTS (SELECT FROM tenantry.quarantines q WHERE q.tenant_id = t.id AND q.released_at IS NULL) AS quarantined,
       coalesce(s.bytes, 0) AS bytes -- 0 where nobody has looked
FROM tenantry.tenants t
JOIN tenantry.databases d ON d.id = t.database_id
JOIN tenantry.nodes n ON n.id = d.node_id
JOIN tenantry.releases r ON r.id = d.release_id
LEFT JOIN tenantry.pins p ON p.tenant_id = t.id AND p.until > now()
LEFT JOIN tenantry.releases pr ON pr.id = p.release_id
LEFT JOIN tenantry.sizes s ON s.database_id = t.database_id
WHERE t.state <> 'deleted';

-- skipped says why a tenant is left alone, or pending. rollout.Assign says the same of a plan.
CREATE FUNCTION tenantry.skipped(c tenantry.rollout_candidates, p_target bigint) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN c.release_seq >= p_target THEN 'skipped_uptodate'
              WHEN NOT c.active THEN 'skipped_inactive'
              WHEN c.quarantined THEN 'skipped_quarantined'
              WHEN c.pinned_seq < p_target THEN 'skipped_pinned'
              ELSE 'pending' END
$$;

-- selected says whether a rollout's selector, as rollout.Selector, matches.
CREATE FUNCTION tenantry.selected(p_selector jsonb, p_labels jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
  SELECT p_labels @> coalesce(p_selector -> 'labels', '{}')
     AND coalesce(p_selector ->> 'channel', '') IN ('', coalesce(p_labels ->> 'channel', 'stable'))
$$;

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields) VALUES
  ('rollout', 'migrate', 'none', false, 1, true, '{}',
   '{"release": {"type": "word", "required": true}}');

-- open_rollout locks a rollout for a person's decision, or refuses.
CREATE FUNCTION tenantry.open_rollout(p_id text) RETURNS tenantry.rollouts
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.rollouts;
BEGIN
  SELECT r.* INTO v FROM tenantry.rollouts r WHERE r.id = p_id FOR NO KEY UPDATE;
  IF v.id IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'rollout', format('rollout: there is no rollout %s', tenantry.shown(to_jsonb(p_id))), 'see tenantry rollout history');
  END IF;
  IF v.finished_at IS NOT NULL THEN
    PERFORM tenantry.refuse('TY003', 'rollout', format('rollout: %s has ended: %s', v.id, v.state), 'start a new one: tenantry rollout start');
  END IF;
  RETURN v;
END
$$;

-- start_rollout makes a rollout of members that were planned: tenant ids in their order, the wave of each, and its state, pending or skipped.
-- It refuses when one of them still waits for its turn in another rollout.
CREATE FUNCTION tenantry.start_rollout(p_release text, p_selector jsonb, p_policy jsonb, p_waves integer,
  p_tenants text[], p_wave integer[], p_states text[], p_by text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_release tenantry.releases;
  v_rollout text := tenantry.new_id('rol');
  v_operation text := tenantry.new_id('op');
  v_other record;
BEGIN
  -- One start at a time: two could take the same tenants.
  PERFORM pg_advisory_xact_lock(hashtextextended('tenantry.start_rollout', 0));
  v_release := tenantry.usable_release(p_release);
  SELECT m.rollout_id, t.slug INTO v_other
  FROM tenantry.rollout_members m
  JOIN tenantry.rollouts r ON r.id = m.rollout_id AND r.finished_at IS NULL
  JOIN tenantry.tenants t ON t.id = m.tenant_id
  WHERE m.state IN ('pending', 'applying') AND m.tenant_id = ANY (p_tenants)
  LIMIT 1;
  IF v_other.rollout_id IS NOT NULL THEN
    PERFORM tenantry.refuse('TY003', 'rollout', format('rollout: tenant %s waits for its turn in rollout %s', v_other.slug, v_other.rollout_id),
      'wait for that rollout, abort it, or select other tenants');
  END IF;
  INSERT INTO tenantry.operations (id, kind, args, state, step, progress_total, requested_by, started_at)
  VALUES (v_operation, 'rollout', jsonb_build_object('release', p_release), 'running', 'wave 1 of ' || p_waves,
          (SELECT count(*) FROM unnest(p_states) s WHERE s = 'pending'), p_by, now());
  INSERT INTO tenantry.rollouts (id, release_id, operation_id, selector, policy, waves, started_by)
  VALUES (v_rollout, v_release.id, v_operation, p_selector, p_policy, p_waves, p_by);
  INSERT INTO tenantry.rollout_members (rollout_id, tenant_id, node_id, wave, position, state, from_release, ended_at)
  SELECT v_rollout, m.tenant_id, c.node_id, m.wave, m.n, m.state, c.release, CASE WHEN m.state <> 'pending' THEN now() END
  FROM unnest(p_tenants, p_wave, p_states) WITH ORDINALITY AS m (tenant_id, wave, state, n)
  JOIN tenantry.rollout_candidates c ON c.tenant_id = m.tenant_id;
  PERFORM tenantry.give_to_new(r) FROM tenantry.rollouts r WHERE r.id = v_rollout;
  PERFORM pg_notify('tenantry_parents', v_operation);
  RETURN v_rollout;
END
$$;

-- observe_rollout takes over what has become of the tenants under way. The caller holds the rollout.
CREATE FUNCTION tenantry.observe_rollout(p_id text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v record;
  v_ended bigint;
BEGIN
  -- Retries are used up, or its workers died: the tenant must not wait for a person as well.
  FOR v IN
    SELECT o.id, o.error
    FROM tenantry.rollout_members m
    JOIN tenantry.operations o ON o.id = m.operation_id
    WHERE m.rollout_id = p_id AND m.state = 'applying' AND o.state = 'parked'
    ORDER BY o.tenant_id
  LOOP
    UPDATE tenantry.rollout_members SET failure = v.error WHERE rollout_id = p_id AND operation_id = v.id;
    PERFORM tenantry.cancel(v.id);
  END LOOP;
  WITH ended AS (
    UPDATE tenantry.rollout_members m
    SET state = CASE WHEN o.state = 'succeeded' THEN 'done'
                     WHEN o.state = 'cancelled' AND m.failure IS NULL THEN 'waived'
                     WHEN o.error ->> 'code' IN ('tenant_state', 'node_lost') THEN 'skipped_inactive' -- suspended before its turn came, or without a server
                     ELSE 'failed' END,
        failure = CASE WHEN o.state <> 'succeeded' THEN coalesce(m.failure, o.error) END,
        counted = (o.state = 'failed' AND coalesce(o.error ->> 'code', '') NOT IN ('tenant_state', 'node_lost')) OR m.failure IS NOT NULL,
        ended_at = o.finished_at
    FROM tenantry.operations o
    WHERE m.rollout_id = p_id AND m.state = 'applying' AND o.id = m.operation_id AND o.finished_at IS NOT NULL
    RETURNING m.*
  ), quarantined AS (
    INSERT INTO tenantry.quarantines (tenant_id, release_id, rollout_id, operation_id, evidence)
    SELECT e.tenant_id, r.release_id, p_id, e.operation_id, e.failure
    FROM ended e
    JOIN tenantry.rollouts r ON r.id = p_id
    WHERE e.state = 'failed'
    ON CONFLICT DO NOTHING
  )
  SELECT count(*) INTO v_ended FROM ended;
  IF v_ended > 0 THEN -- told once a second; what comes after the last one is told by the move that follows it
    PERFORM tenantry.show_rollout(r)
    FROM tenantry.rollouts r
    JOIN tenantry.operations o ON o.id = r.operation_id
    WHERE r.id = p_id AND o.updated_at < now() - interval '1 second';
  END IF;
END
$$;

-- dispatch_rollout begins with so many tenants of the present wave on each of some nodes and returns how many it has begun. What has changed
-- since the plan is skipped now. A tenant whose row somebody holds comes next time. The caller holds the rollout.
CREATE FUNCTION tenantry.dispatch_rollout(p_id text, p_nodes text[], p_most integer[]) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_rollout tenantry.rollouts;
  v_release tenantry.releases;
  v_kind tenantry.kinds;
  v_held text[];
  v_begun text[];
BEGIN
  SELECT r.* INTO STRICT v_rollout FROM tenantry.rollouts r WHERE r.id = p_id;
  SELECT r.* INTO STRICT v_release FROM tenantry.releases r WHERE r.id = v_rollout.release_id;
  SELECT k.* INTO STRICT v_kind FROM tenantry.kinds k WHERE k.kind = 'migrate';
  v_held := ARRAY(
    SELECT t.id
    FROM tenantry.tenants t
    WHERE t.id = ANY (ARRAY(
      SELECT next.tenant_id
      FROM unnest(p_nodes, p_most) AS n (node, most)
      CROSS JOIN LATERAL (
        SELECT m.tenant_id FROM tenantry.rollout_members m
        WHERE m.rollout_id = p_id AND m.state = 'pending' AND m.wave = v_rollout.wave AND m.node_id = n.node
        ORDER BY m.position
        LIMIT n.most
      ) next))
    ORDER BY t.id
    FOR NO KEY UPDATE OF t SKIP LOCKED);
  -- Looked at again under the lock. One that is no candidate at all any more is deleted.
  WITH now AS MATERIALIZED (
    SELECT c.tenant_id, c.database_id, tenantry.skipped(c, v_release.seq) AS state FROM tenantry.rollout_candidates c WHERE c.tenant_id = ANY (v_held)
  ), skipped AS (
    UPDATE tenantry.rollout_members m
    SET state = coalesce(now.state, 'skipped_inactive'), ended_at = pg_catalog.now()
    FROM unnest(v_held) AS held (tenant_id)
    LEFT JOIN now USING (tenant_id)
    WHERE m.rollout_id = p_id AND m.tenant_id = held.tenant_id AND now.state IS DISTINCT FROM 'pending'
  )
  SELECT coalesce(array_agg(now.tenant_id), '{}') INTO v_begun FROM now WHERE now.state = 'pending';
  IF v_begun <> '{}' THEN
    UPDATE tenantry.rollout_members m
    SET state = 'applying', attempts = attempts + 1, failure = NULL, counted = false, ended_at = NULL, operation_id = o.operation_id
    FROM tenantry.append_each(v_kind, v_begun, jsonb_build_object('release', v_release.name), v_rollout.started_by, v_rollout.operation_id) o
    WHERE m.rollout_id = p_id AND m.tenant_id = o.tenant_id;
  END IF;
  RETURN cardinality(v_begun);
END
$$;

-- latecomers takes into the last wave who was not there for the plan: made since then, resumed, or given the label. It returns how many. The
-- caller holds the rollout.
CREATE FUNCTION tenantry.latecomers(p_id text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_taken integer;
BEGIN
  WITH late AS (
    SELECT c.tenant_id, c.node_id, c.release AS from_release, ro.wave
    FROM tenantry.rollouts ro
    JOIN tenantry.releases target ON target.id = ro.release_id
    JOIN tenantry.rollout_candidates c ON tenantry.selected(ro.selector, c.labels) AND tenantry.skipped(c, target.seq) = 'pending'
    LEFT JOIN tenantry.rollout_members m ON m.rollout_id = ro.id AND m.tenant_id = c.tenant_id
    WHERE ro.id = p_id
      AND (m.tenant_id IS NULL OR m.state = 'skipped_inactive')
      AND NOT EXISTS (SELECT FROM tenantry.rollout_members o WHERE o.tenant_id = c.tenant_id AND o.state IN ('pending', 'applying'))
  )
  INSERT INTO tenantry.rollout_members (rollout_id, tenant_id, node_id, wave, position, state, from_release)
  SELECT p_id, late.tenant_id, late.node_id, late.wave, 1000000, 'pending', late.from_release FROM late
  ON CONFLICT (rollout_id, tenant_id) DO UPDATE SET state = 'pending', wave = excluded.wave, node_id = excluded.node_id, ended_at = NULL;
  GET DIAGNOSTICS v_taken = ROW_COUNT;
  RETURN v_taken;
END
$$;

-- recall_rollout takes back what has been asked for and does not run: those tenants are pending again. What runs ends by itself.
CREATE FUNCTION tenantry.recall_rollout(p_id text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_free text[];
  v_members text[];
  v_operations text[];
BEGIN
  v_free := ARRAY(
    SELECT t.id FROM tenantry.tenants t
    WHERE t.id IN (SELECT m.tenant_id FROM tenantry.rollout_members m WHERE m.rollout_id = p_id AND m.state = 'applying')
    ORDER BY t.id
    FOR NO KEY UPDATE SKIP LOCKED);
  SELECT coalesce(array_agg(o.tenant_id), '{}'), coalesce(array_agg(o.id), '{}') INTO v_members, v_operations
  FROM (
    SELECT o.id, o.tenant_id
    FROM tenantry.rollout_members m
    JOIN tenantry.operations o ON o.id = m.operation_id
    WHERE m.rollout_id = p_id AND m.state = 'applying' AND m.tenant_id = ANY (v_free) AND o.state IN ('waiting', 'queued', 'retrying')
    ORDER BY o.id
    FOR NO KEY UPDATE OF o
  ) o;
  IF v_members = '{}' THEN
    RETURN 0;
  END IF;
  UPDATE tenantry.rollout_members SET state = 'pending', operation_id = NULL
  WHERE rollout_id = p_id AND tenant_id = ANY (v_members);
  PERFORM tenantry.settle((
    SELECT jsonb_agg(jsonb_build_object('id', id, 'outcome', 'cancelled', 'error', jsonb_build_object('code', 'recalled', 'message', 'its rollout does not go on now')))
    FROM unnest(v_operations) id));
  RETURN cardinality(v_members);
END
$$;

-- show_rollout writes how far a rollout is into its operation, for whoever watches operations.
CREATE FUNCTION tenantry.show_rollout(v tenantry.rollouts) RETURNS void
LANGUAGE sql
AS $$
  UPDATE tenantry.operations o
  SET step = CASE WHEN v.finished_at IS NOT NULL THEN v.state
                  ELSE v.state || CASE WHEN v.reason <> '' THEN ' (' || v.reason || ')' ELSE '' END || ', wave ' || v.wave + 1 || ' of ' || v.waves END,
      progress_done = coalesce(m.done, 0), progress_total = coalesce(m.total, 0),
      state = CASE v.state WHEN 'aborted' THEN 'cancelled' WHEN 'completed' THEN 'succeeded' WHEN 'completed_with_exceptions' THEN 'succeeded' ELSE 'running' END,
      result = CASE WHEN v.finished_at IS NOT NULL THEN jsonb_build_object('rollout', v.id, 'state', v.state, 'members', coalesce(m.members, '{}')) END,
      finished_at = v.finished_at, updated_at = now()
  FROM (
    SELECT sum(n) FILTER (WHERE s.state IN ('done', 'failed', 'waived')) AS done,
           sum(n) FILTER (WHERE s.state NOT LIKE 'skipped%') AS total,
           jsonb_object_agg(s.state, s.n) AS members
    FROM (SELECT state, count(*) AS n FROM tenantry.rollout_members WHERE rollout_id = v.id GROUP BY state) s
  ) m
  WHERE o.id = v.operation_id
$$;

-- move_rollout writes what was decided. The caller holds the rollout.
CREATE FUNCTION tenantry.move_rollout(p_id text, p_state text, p_reason text, p_detail text, p_wave integer, p_bake interval, p_gated boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.rollouts;
BEGIN
  UPDATE tenantry.rollouts r
  SET state = p_state, reason = p_reason, detail = p_detail, wave = p_wave, gated = p_gated,
      bake_until = CASE WHEN p_state = 'baking' THEN coalesce(CASE WHEN r.state = 'baking' THEN r.bake_until END, clock_timestamp() + p_bake) END,
      bake_left = CASE WHEN p_state = 'paused' AND r.state = 'baking' THEN greatest(r.bake_until - clock_timestamp(), interval '0')
                       WHEN p_state = 'paused' THEN r.bake_left END,
      updated_at = now(),
      finished_at = CASE WHEN p_state IN ('completed', 'completed_with_exceptions', 'aborted') THEN now() END
  WHERE r.id = p_id
  RETURNING r.* INTO v;
  PERFORM tenantry.show_rollout(v);
  IF v.state IN ('running', 'completed', 'completed_with_exceptions') THEN
    PERFORM tenantry.give_to_new(v);
  ELSIF v.state IN ('aborting', 'aborted') THEN
    PERFORM tenantry.take_from_new(v);
  END IF;
  PERFORM pg_notify('tenantry_parents', v.operation_id);
END
$$;

-- give_to_new makes a rollout's release that of new tenants once its first wave is over, or at once when there is only one. A rollout to a part of
-- the fleet changes nothing for new tenants.
CREATE FUNCTION tenantry.give_to_new(p_rollout tenantry.rollouts) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_target tenantry.releases;
  v_before text;
BEGIN
  IF p_rollout.selector <> '{}' OR (p_rollout.wave = 0 AND p_rollout.waves > 1) THEN
    RETURN;
  END IF;
  SELECT r.* INTO STRICT v_target FROM tenantry.releases r WHERE r.id = p_rollout.release_id;
  SELECT s.value #>> '{}' INTO v_before FROM tenantry.settings s WHERE s.key = 'current_release' FOR UPDATE;
  IF v_target.seq > coalesce((SELECT r.seq FROM tenantry.releases r WHERE r.name = v_before), 0) THEN
    UPDATE tenantry.settings SET value = to_jsonb(v_target.name), updated_at = now() WHERE key = 'current_release';
    UPDATE tenantry.rollouts SET replaced = v_before WHERE id = p_rollout.id;
    PERFORM pg_notify('tenantry_warm', '');
  END IF;
END
$$;

-- take_from_new gives new tenants the release again that they got before an aborted rollout, unless somebody has chosen another since.
CREATE FUNCTION tenantry.take_from_new(p_rollout tenantry.rollouts) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE tenantry.settings s
  SET value = to_jsonb(p_rollout.replaced), updated_at = now()
  FROM tenantry.releases target
  WHERE p_rollout.replaced IS NOT NULL AND s.key = 'current_release' AND target.id = p_rollout.release_id AND s.value = to_jsonb(target.name);
  IF FOUND THEN
    PERFORM pg_notify('tenantry_warm', '');
  END IF;
END
$$;

-- pause_rollout lets no further tenant begin, from its commit on.
CREATE FUNCTION tenantry.pause_rollout(p_id text, p_by text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.rollouts := tenantry.open_rollout(p_id);
BEGIN
  IF v.state NOT IN ('running', 'baking') THEN
    PERFORM tenantry.refuse('TY003', 'rollout', format('rollout: %s is %s', v.id, v.state), 'only one that runs or bakes can be paused');
  END IF;
  PERFORM tenantry.recall_rollout(p_id);
  PERFORM tenantry.move_rollout(p_id, 'paused', 'manual', 'paused by ' || p_by, v.wave, NULL, v.gated);
END
$$;

-- resume_rollout goes on. Failures that were seen do not count against the budget any more. p_past_gate: a person overrules the gate.
CREATE FUNCTION tenantry.resume_rollout(p_id text, p_past_gate boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.rollouts := tenantry.open_rollout(p_id);
BEGIN
  IF v.state <> 'paused' THEN
    PERFORM tenantry.refuse('TY003', 'rollout', format('rollout: %s is %s', v.id, v.state), 'only a paused one can be resumed');
  END IF;
  PERFORM tenantry.observe_rollout(p_id);
  UPDATE tenantry.rollout_members SET counted = false WHERE rollout_id = p_id AND counted;
  PERFORM tenantry.move_rollout(p_id, CASE WHEN v.bake_left IS NOT NULL THEN 'baking' ELSE 'running' END, '', '', v.wave, v.bake_left, v.gated OR p_past_gate);
END
$$;

-- abort_rollout begins with nobody any more; what runs ends. Tenants that have the release keep it.
CREATE FUNCTION tenantry.abort_rollout(p_id text, p_by text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.rollouts := tenantry.open_rollout(p_id);
BEGIN
  IF v.state = 'aborting' THEN
    RETURN;
  END IF;
  PERFORM tenantry.recall_rollout(p_id);
  PERFORM tenantry.move_rollout(p_id, 'aborting', '', 'aborted by ' || p_by, v.wave, NULL, v.gated);
END
$$;

-- retry_rollout takes failed and waived tenants up again, one or all, out of quarantine, and returns how many. They come with the
-- present wave.
CREATE FUNCTION tenantry.retry_rollout(p_id text, p_tenant text, p_by text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.rollouts := tenantry.open_rollout(p_id);
  v_tenants text[];
BEGIN
  PERFORM tenantry.observe_rollout(p_id);
  WITH again AS (
    UPDATE tenantry.rollout_members m
    SET state = 'pending', wave = v.wave, operation_id = NULL, counted = false, ended_at = NULL
    WHERE m.rollout_id = p_id
      AND m.state IN ('failed', 'waived', 'skipped_quarantined', 'skipped_inactive', 'skipped_pinned', 'skipped_preflight')
      AND (CASE WHEN p_tenant IS NULL THEN m.state = 'failed' ELSE m.tenant_id = p_tenant END)
    RETURNING m.tenant_id
  )
  SELECT coalesce(array_agg(tenant_id), '{}') INTO v_tenants FROM again;
  UPDATE tenantry.quarantines q SET released_at = now(), released_by = p_by
  WHERE q.tenant_id = ANY (v_tenants) AND q.released_at IS NULL;
  IF v.state = 'baking' AND v_tenants <> '{}' THEN
    PERFORM tenantry.move_rollout(p_id, 'running', '', '', v.wave, NULL, false);
  END IF;
  PERFORM pg_notify('tenantry_parents', v.operation_id);
  RETURN cardinality(v_tenants);
END
$$;

-- release_attempts counts what has been tried to bring tenants to a release, and who they are. Whoever asked for what new tenants get may have got it.
CREATE FUNCTION tenantry.release_attempts(p_release text, OUT attempts bigint, OUT tenants text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog
AS $$
  SELECT coalesce(sum(o.attempt), 0), coalesce(array_agg(DISTINCT o.tenant_id ORDER BY o.tenant_id), '{}')
  FROM tenantry.releases r
  JOIN tenantry.operations o ON o.kind = 'migrate' AND o.attempt > 0 AND o.created_at >= r.published_at AND coalesce(o.args ->> 'release', r.name) = r.name
  JOIN tenantry.tenants t ON t.id = o.tenant_id AND t.state <> 'deleted'
  WHERE r.name = p_release
$$;

-- withdrawable refuses to take a release back at which somebody stands, or may come to stand.
CREATE FUNCTION tenantry.withdrawable(p_release text) RETURNS tenantry.releases
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.releases;
  v_found text;
  v_n bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tenantry.start_rollout', 0));
  PERFORM tenantry.usable_release(p_release);
  SELECT r.* INTO v FROM tenantry.releases r WHERE r.name = p_release FOR UPDATE; -- from here on nobody is sent to it
  SELECT r.name INTO v_found FROM tenantry.releases r WHERE r.seq > v.seq AND r.withdrawn_at IS NULL ORDER BY r.seq DESC LIMIT 1;
  IF v_found IS NOT NULL THEN
    PERFORM tenantry.refuse('TY003', 'release', format('release: %s is not the newest, %s holds its files', v.name, v_found), 'withdraw the newer ones first');
  END IF;
  SELECT r.id INTO v_found FROM tenantry.rollouts r WHERE r.release_id = v.id AND r.finished_at IS NULL LIMIT 1;
  IF v_found IS NOT NULL THEN
    PERFORM tenantry.refuse('TY003', 'release', format('release: rollout %s to %s has not ended', v_found, v.name), 'tenantry rollout abort ' || v_found);
  END IF;
  IF tenantry.setting('current_release') = v.name THEN
    PERFORM tenantry.refuse('TY003', 'release', format('release: new tenants get %s', v.name), 'give them another one first: tenantry release current NAME');
  END IF;
  -- A warm database of it is nobody's and stays so, for new tenants get another release; refill_warm gives it up.
  SELECT count(*), min(t.slug) INTO v_n, v_found
  FROM tenantry.databases d
  JOIN tenantry.tenants t ON t.id = d.tenant_id
  WHERE d.release_id = v.id AND d.state NOT IN ('dropping', 'dropped');
  IF v_n > 0 THEN
    PERFORM tenantry.refuse('TY003', 'release', format('release: tenants that stand at %s: %s, such as %s', v.name, v_n, v_found),
      'releases only go forward: publish one that undoes what you do not want');
  END IF;
  SELECT o.id INTO v_found FROM tenantry.operations o
  WHERE o.kind = 'migrate' AND o.finished_at IS NULL AND o.state NOT IN ('succeeded', 'failed', 'cancelled') AND coalesce(o.args ->> 'release', v.name) = v.name
  LIMIT 1;
  IF v_found IS NOT NULL THEN
    PERFORM tenantry.refuse('TY003', 'release', format('release: operation %s brings a tenant to %s', v_found, v.name), 'wait for it, or cancel it: tenantry op cancel ' || v_found);
  END IF;
  RETURN v;
END
$$;

-- withdraw_release takes the newest release back. p_kept: of how many of its files, from the first, tenants have a part, as whoever asks has seen
-- when release_attempts were p_attempts.
CREATE FUNCTION tenantry.withdraw_release(p_release text, p_by text, p_reason text, p_kept integer, p_attempts bigint) RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.releases := tenantry.withdrawable(p_release);
BEGIN
  IF (SELECT a.attempts FROM tenantry.release_attempts(v.name) a) <> p_attempts THEN
    PERFORM tenantry.refuse('TY003', 'release', format('release: somebody was brought towards %s meanwhile', v.name), 'try again');
  END IF;
  UPDATE tenantry.releases SET withdrawn_at = now(), withdrawn_by = p_by, withdrawn_for = p_reason, kept_files = p_kept WHERE id = v.id;
  UPDATE tenantry.quarantines SET released_at = now(), released_by = p_by WHERE release_id = v.id AND released_at IS NULL; -- it was not their fault
  RETURN now();
END
$$;
