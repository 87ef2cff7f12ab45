-- Aggregates: questions that are asked of every tenant for each day, and whose answers lie in tables of their own here. What to do next is decided in Go
-- (tenants/aggregate, a pure function). Locks are taken in the order run, slices, day; operations of batches before either.

-- What other programs read, and nothing else. Its tables are made by tenantry aggregate define.
CREATE SCHEMA aggregates;

-- The role that reads there: no login, for logins to be members of. It sees published days only.
DO $$
BEGIN
  CREATE ROLE tenantry_bi NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- made by another installation on this server, or by one that starts beside us
END
$$;

CREATE TABLE tenantry.aggregates (
  name       text PRIMARY KEY CHECK (name ~ '^[a-z]([a-z0-9_]{0,38}[a-z0-9])?$'),
  definition integer NOT NULL,                            -- the newest
  labels     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),  -- of the tenants that are asked
  zone       text NOT NULL DEFAULT 'UTC',                 -- whose days are meant
  -- The share of the tenants from which on a day is published: 0 is at once, 1 is all of them.
  publish_at numeric NOT NULL DEFAULT 0 CHECK (publish_at BETWEEN 0 AND 1),
  -- How long after a run has begun tenants that have not answered are asked again.
  retry_for  interval NOT NULL DEFAULT '6 hours' CHECK (retry_for BETWEEN interval '0' AND interval '30 days'),
  timeout    interval NOT NULL DEFAULT '30 seconds' CHECK (timeout BETWEEN interval '10 milliseconds' AND interval '10 minutes'),
  most_rows  integer NOT NULL DEFAULT 10000 CHECK (most_rows BETWEEN 1 AND 100000),  -- of one tenant and day
  -- Whether purging a tenant deletes what it has answered. Otherwise that stays, under an id that says nothing any more.
  forget     boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Each text that an aggregate has had. A table is that of all definitions that it has room for: one with more columns extends it, any other begins a new one.
CREATE TABLE tenantry.aggregate_definitions (
  aggregate  text NOT NULL REFERENCES tenantry.aggregates ON DELETE CASCADE,
  number     integer NOT NULL CHECK (number > 0),
  sql        text NOT NULL,
  columns    jsonb NOT NULL CHECK (jsonb_typeof(columns) = 'array'),  -- [{"name", "oid"}], as tenants answer
  relation   text NOT NULL,                                           -- the table in the schema aggregates
  defined_by text NOT NULL CHECK (length(defined_by) <= 200),
  defined_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (aggregate, number)
);

-- How complete a day of a table is.
CREATE TABLE tenantry.aggregate_days (
  relation     text NOT NULL,
  day          date NOT NULL,
  aggregate    text NOT NULL REFERENCES tenantry.aggregates ON DELETE CASCADE,
  operation_id text NOT NULL,                -- the newest run
  tenants      integer NOT NULL DEFAULT 0,   -- whose answers belong to it
  contributed  integer NOT NULL DEFAULT 0,   -- of those, who has answered: whose rows are in the table
  published_at timestamptz,
  changed_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (relation, day)
);
CREATE INDEX aggregate_days_newest ON tenantry.aggregate_days (aggregate, day DESC);

-- What each tenant has contributed to a day. The key is why nobody does twice.
CREATE TABLE tenantry.aggregate_slices (
  relation       text NOT NULL,
  day            date NOT NULL,
  tenant_id      text NOT NULL,
  run            text NOT NULL,             -- the newest run that asks it
  -- due: it is to be asked at next_at; asked: a batch is about to; contributed; left: it was suspended or deleted before it had answered, or is not meant any more.
  state          text NOT NULL CHECK (state IN ('due', 'asked', 'contributed', 'left')),
  batch_id       text,                      -- the operation that asks
  tries          integer NOT NULL DEFAULT 0,
  next_at        timestamptz NOT NULL DEFAULT now(),
  reason         text NOT NULL DEFAULT '',  -- why it has not answered
  rows           bigint NOT NULL DEFAULT 0,
  definition     integer,                   -- which its rows are of
  contributed_at timestamptz,               -- its rows are in the table since; NULL: it has none
  PRIMARY KEY (relation, day, tenant_id),
  CHECK ((state = 'asked') = (batch_id IS NOT NULL)),
  CHECK (state <> 'contributed' OR contributed_at IS NOT NULL)
);
CREATE INDEX aggregate_slices_open ON tenantry.aggregate_slices (run, state) WHERE state IN ('due', 'asked');
CREATE INDEX aggregate_slices_tenant ON tenantry.aggregate_slices (tenant_id);
CREATE INDEX aggregate_slices_batch ON tenantry.aggregate_slices (batch_id) WHERE batch_id IS NOT NULL;

-- Runs, by their operation, which has no job: workers move it on.
CREATE TABLE tenantry.aggregate_runs (
  operation_id  text PRIMARY KEY,
  aggregate     text NOT NULL REFERENCES tenantry.aggregates ON DELETE CASCADE,
  definition    integer NOT NULL,
  relation      text NOT NULL,
  day           date NOT NULL,
  zone          text NOT NULL DEFAULT 'UTC',  -- by whose clock the day is meant, for all tenants the same
  timeout       interval NOT NULL,        -- as the aggregate had them when the run began
  most_rows     integer NOT NULL,
  until         timestamptz NOT NULL,     -- nobody is asked again after it
  dispatched_at timestamptz,              -- a batch, the last time
  created_at    timestamptz NOT NULL DEFAULT now(),
  finished_at   timestamptz
);
CREATE UNIQUE INDEX aggregate_runs_active ON tenantry.aggregate_runs (relation, day) WHERE finished_at IS NULL;

-- The one batch of a node that is under way: whatever runs, a node has one at a time, which asks as many of its tenants at once as its share of connections allows.
CREATE TABLE tenantry.aggregate_batches (
  node_id      text PRIMARY KEY REFERENCES tenantry.nodes,
  operation_id text NOT NULL UNIQUE,
  run          text NOT NULL
);

-- What other programs may read of it. Of a deleted tenant that is its id, which says nothing any more.
CREATE VIEW aggregates.coverage AS
SELECT d.aggregate, d.relation AS "table", d.day, d.tenants, d.contributed, d.tenants - d.contributed AS missing, d.published_at, d.changed_at
FROM tenantry.aggregate_days d;

CREATE VIEW aggregates.tenants AS
SELECT t.id AS tenant_id, CASE WHEN t.state <> 'deleted' THEN t.slug END AS slug, CASE WHEN t.state <> 'deleted' THEN t.name END AS name, t.state,
       CASE WHEN t.state <> 'deleted' THEN t.labels ELSE '{}' END AS labels, t.created_at, t.deleted_at
FROM tenantry.tenants t;

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields) VALUES
  -- No worker gets it: it is the parent of its batches.
  ('aggregate', 'fanout', 'none', true, 1, true, '{}',
   '{"aggregate": {"type": "word", "required": true}, "day": {"type": "word"}, "only": {"type": "word"}}'),
  ('aggregate_batch', 'fanout', 'none', false, 5, true, '{}',
   '{"run": {"type": "word", "required": true}, "node": {"type": "word", "required": true}}');

-- find_aggregate finds one by its name and keeps it from being changed or dropped until the transaction has ended.
CREATE FUNCTION tenantry.find_aggregate(p_name text) RETURNS tenantry.aggregates
LANGUAGE plpgsql
AS $$
DECLARE
  v tenantry.aggregates;
BEGIN
  SELECT a.* INTO v FROM tenantry.aggregates a WHERE a.name = p_name FOR SHARE;
  IF v.name IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'aggregate', format('aggregate: there is no %s', tenantry.shown(to_jsonb(p_name))), 'see tenantry aggregate list');
  END IF;
  RETURN v;
END
$$;

-- aggregate_day reads which day of an aggregate is meant: a date, today, or yesterday, which is so when nothing is said.
CREATE FUNCTION tenantry.aggregate_day(p_aggregate tenantry.aggregates, p_day text, p_at timestamptz) RETURNS date
LANGUAGE plpgsql
AS $$
DECLARE
  v_today date := (p_at AT TIME ZONE p_aggregate.zone)::date;
  v_day date;
BEGIN
  IF coalesce(p_day, 'yesterday') = 'yesterday' THEN
    RETURN v_today - 1;
  ELSIF p_day = 'today' THEN
    RETURN v_today;
  END IF;
  BEGIN
    v_day := CASE WHEN p_day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN p_day::date END;
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
  IF v_day IS NULL THEN
    PERFORM tenantry.refuse('TY001', 'day', format('day: %s is no day', tenantry.shown(to_jsonb(p_day))), 'give one such as 2026-11-27, or today, or yesterday');
  END IF;
  IF v_day > v_today THEN
    PERFORM tenantry.refuse('TY001', 'day', format('day: %s has not begun in %s', p_day, p_aggregate.zone), 'give today or an earlier day');
  END IF;
  RETURN v_day;
END
$$;

-- running_aggregate is the operation of the run that is under way for a day of an aggregate's newest table, NULL where there is none.
CREATE FUNCTION tenantry.running_aggregate(p_name text, p_day date) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT r.operation_id
  FROM tenantry.aggregates a
  JOIN tenantry.aggregate_definitions d ON d.aggregate = a.name AND d.number = a.definition
  JOIN tenantry.aggregate_runs r ON r.relation = d.relation AND r.day = p_day AND r.finished_at IS NULL
  WHERE a.name = p_name
$$;

-- start_aggregate asks for a day of an aggregate and returns the run's operation. Every tenant that is active now belongs to it; only = missing leaves out who has
-- contributed when it was asked last. What a tenant had contributed stays until it contributes anew.
CREATE FUNCTION tenantry.start_aggregate(p_args jsonb, p_key text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  v_op tenantry.operations := tenantry.asked_before('aggregate', p_key, p_args);
  v_id text := tenantry.new_id('op');
  v tenantry.aggregates;
  v_relation text;
  v_day date;
  v_asked integer;
BEGIN
  IF v_op.id IS NOT NULL THEN
    RETURN v_op.id;
  END IF;
  IF coalesce(p_args ->> 'only', 'missing') <> 'missing' THEN
    PERFORM tenantry.refuse('TY001', 'only', format('only: %s is not known', tenantry.shown(p_args -> 'only')), 'give missing, or leave it out');
  END IF;
  v := tenantry.find_aggregate(p_args ->> 'aggregate');
  v_day := tenantry.aggregate_day(v, p_args ->> 'day', now());
  SELECT d.relation INTO STRICT v_relation FROM tenantry.aggregate_definitions d WHERE d.aggregate = v.name AND d.number = v.definition;
  INSERT INTO tenantry.aggregate_runs (operation_id, aggregate, definition, relation, day, zone, timeout, most_rows, until)
  VALUES (v_id, v.name, v.definition, v_relation, v_day, v.zone, v.timeout, v.most_rows, now() + v.retry_for)
  ON CONFLICT (relation, day) WHERE finished_at IS NULL DO NOTHING;
  IF NOT FOUND THEN
    PERFORM tenantry.refuse('TY003', 'day', format('day: %s of %s is under way%s', v_day, v.name, ': ' || r.id), 'wait for it' || coalesce(', or tenantry op cancel ' || r.id, ''))
    FROM tenantry.running_aggregate(v.name, v_day) AS r (id);  -- none: it has just ended
  END IF;
  INSERT INTO tenantry.aggregate_slices AS s (relation, day, tenant_id, run, state)
  SELECT v_relation, v_day, t.id, v_id, 'due'
  FROM tenantry.tenants t
  WHERE t.state = 'active' AND t.labels @> v.labels
    AND NOT (p_args ? 'only' AND EXISTS (
      SELECT FROM tenantry.aggregate_slices o WHERE o.relation = v_relation AND o.day = v_day AND o.tenant_id = t.id AND o.state = 'contributed'))
  ON CONFLICT (relation, day, tenant_id) DO UPDATE SET run = v_id, state = 'due', batch_id = NULL, tries = 0, next_at = now(), reason = '';
  GET DIAGNOSTICS v_asked = ROW_COUNT;
  -- Whom an earlier run has not reached, and this one does not ask, does not belong to the day any more.
  UPDATE tenantry.aggregate_slices s
  SET state = CASE WHEN s.contributed_at IS NULL THEN 'left' ELSE 'contributed' END
  WHERE s.relation = v_relation AND s.day = v_day AND s.state = 'due' AND s.run <> v_id;
  INSERT INTO tenantry.aggregate_days AS d (relation, day, aggregate, operation_id) VALUES (v_relation, v_day, v.name, v_id)
  ON CONFLICT (relation, day) DO UPDATE SET operation_id = v_id;
  PERFORM tenantry.count_aggregate(v_relation, v_day);
  INSERT INTO tenantry.operations (id, kind, args, idempotency_key, state, step, progress_total, requested_by, started_at)
  VALUES (v_id, 'aggregate', p_args, p_key, 'running', format('%s of %s', v.name, v_day), v_asked, tenantry.asker(), now());
  PERFORM pg_notify('tenantry_parents', v_id);
  RETURN v_id;
END
$$;

-- count_aggregate counts how complete a day is and publishes it when it is complete enough. A day that is published stays so.
CREATE FUNCTION tenantry.count_aggregate(p_relation text, p_day date) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  -- First the row, then a new look: who else counts waits here, and sees what was committed meanwhile.
  PERFORM FROM tenantry.aggregate_days d WHERE d.relation = p_relation AND d.day = p_day FOR NO KEY UPDATE;
  UPDATE tenantry.aggregate_days d
  SET tenants = s.tenants, contributed = s.contributed, changed_at = now(),
      published_at = coalesce(d.published_at, CASE WHEN s.contributed >= a.publish_at * s.tenants THEN now() END)
  FROM (
    SELECT count(*) FILTER (WHERE s.state <> 'left') AS tenants, count(*) FILTER (WHERE s.contributed_at IS NOT NULL) AS contributed
    FROM tenantry.aggregate_slices s
    WHERE s.relation = p_relation AND s.day = p_day
  ) s, tenantry.aggregates a
  WHERE d.relation = p_relation AND d.day = p_day AND a.name = d.aggregate;
END
$$;

-- aggregate_pause is how long a tenant is left alone that has not answered so many times: from a few seconds, twice as long each time, to a quarter of an hour.
CREATE FUNCTION tenantry.aggregate_pause(p_tries integer) RETURNS interval
LANGUAGE sql IMMUTABLE
AS $$
  SELECT least(interval '5 seconds' * 2 ^ (least(p_tries, 12) - 1), interval '15 minutes')
$$;

-- observe_aggregate takes back from batches that have ended what they have not asked: it is due again. The caller holds the run.
CREATE FUNCTION tenantry.observe_aggregate(p_run text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  -- One look for both: a batch that ends in between would be forgotten, and its tenants with it.
  v_ended text[] := ARRAY(
    SELECT b.operation_id FROM tenantry.aggregate_batches b JOIN tenantry.operations o ON o.id = b.operation_id
    WHERE b.run = p_run AND o.finished_at IS NOT NULL);
BEGIN
  IF v_ended = '{}' THEN
    RETURN;
  END IF;
  UPDATE tenantry.aggregate_slices s
  SET state = 'due', batch_id = NULL, tries = s.tries + 1, next_at = now() + tenantry.aggregate_pause(s.tries + 1),
      reason = 'its batch ended: ' || coalesce(o.error ->> 'message', o.state)
  FROM tenantry.operations o
  WHERE s.run = p_run AND s.state = 'asked' AND s.batch_id = ANY (v_ended) AND o.id = s.batch_id;
  DELETE FROM tenantry.aggregate_batches b WHERE b.operation_id = ANY (v_ended);
END
$$;

-- observe_aggregates does so for all runs of which a batch has ended, but for those that somebody else has.
CREATE FUNCTION tenantry.observe_aggregates() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_run text;
BEGIN
  FOR v_run IN
    SELECT r.operation_id
    FROM tenantry.aggregate_runs r
    WHERE r.finished_at IS NULL
      AND EXISTS (SELECT FROM tenantry.aggregate_batches b JOIN tenantry.operations o ON o.id = b.operation_id WHERE b.run = r.operation_id AND o.finished_at IS NOT NULL)
    ORDER BY r.operation_id
    FOR NO KEY UPDATE OF r SKIP LOCKED
  LOOP
    PERFORM tenantry.observe_aggregate(v_run);
  END LOOP;
END
$$;

-- dispatch_aggregate asks for a batch on each node that has tenants due and none under way, and returns how many. A node on which tenants are being made is
-- left alone, for five minutes at most since the run has asked for batches last. The caller holds the run.
CREATE FUNCTION tenantry.dispatch_aggregate(p_run text, p_most integer) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
  v_kind tenantry.kinds;
  v_by text;
  v_node record;
  v_batch text;
  v_asked integer := 0;
BEGIN
  -- One at a time, so that a node gets one batch.
  IF NOT pg_try_advisory_xact_lock(hashtextextended('tenantry.dispatch_aggregate', 0)) THEN
    RETURN 0; -- a moment later, then
  END IF;
  SELECT k.* INTO STRICT v_kind FROM tenantry.kinds k WHERE k.kind = 'aggregate_batch';
  SELECT o.requested_by INTO STRICT v_by FROM tenantry.operations o WHERE o.id = p_run;
  FOR v_node IN
    SELECT d.node_id, greatest(min(s.next_at), min(r.dispatched_at)) AS since
    FROM tenantry.aggregate_slices s
    JOIN tenantry.aggregate_runs r ON r.operation_id = s.run
    JOIN tenantry.tenants t ON t.id = s.tenant_id
    JOIN tenantry.databases d ON d.id = t.database_id
    WHERE s.run = p_run AND s.state = 'due' AND s.next_at <= now()
      AND NOT EXISTS (SELECT FROM tenantry.aggregate_batches b WHERE b.node_id = d.node_id)
    GROUP BY d.node_id
    ORDER BY d.node_id
  LOOP
    CONTINUE WHEN v_node.since > now() - interval '5 minutes' AND EXISTS (
      SELECT FROM tenantry.operations o JOIN tenantry.databases d ON d.id = o.database_id
      WHERE o.finished_at IS NULL AND o.kind IN ('provision', 'restore', 'restore_in_place', 'import') AND o.state IN ('queued', 'running') AND d.node_id = v_node.node_id);
    v_batch := tenantry.append(v_kind, jsonb_build_object('run', p_run, 'node', v_node.node_id), NULL, v_by, p_parent => p_run);
    INSERT INTO tenantry.aggregate_batches (node_id, operation_id, run) VALUES (v_node.node_id, v_batch, p_run);
    UPDATE tenantry.aggregate_slices s
    SET state = 'asked', batch_id = v_batch
    FROM (
      SELECT s.relation, s.day, s.tenant_id
      FROM tenantry.aggregate_slices s
      JOIN tenantry.tenants t ON t.id = s.tenant_id
      JOIN tenantry.databases d ON d.id = t.database_id
      WHERE s.run = p_run AND s.state = 'due' AND s.next_at <= now() AND d.node_id = v_node.node_id
      ORDER BY s.tries, s.tenant_id
      LIMIT p_most
    ) due
    WHERE s.relation = due.relation AND s.day = due.day AND s.tenant_id = due.tenant_id;
    v_asked := v_asked + 1;
  END LOOP;
  IF v_asked > 0 THEN
    UPDATE tenantry.aggregate_runs r SET dispatched_at = clock_timestamp() WHERE r.operation_id = p_run;
  END IF;
  RETURN v_asked;
END
$$;

-- forget_aggregates deletes what a purged tenant has answered, of the aggregates that are to forget it.
CREATE FUNCTION tenantry.forget_aggregates(p_tenant text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_relation text;
BEGIN
  FOR v_relation IN
    SELECT DISTINCT s.relation
    FROM tenantry.aggregate_slices s
    JOIN tenantry.aggregate_definitions d ON d.relation = s.relation
    JOIN tenantry.aggregates a ON a.name = d.aggregate AND a.forget
    WHERE s.tenant_id = p_tenant
    ORDER BY 1
  LOOP
    -- The slices first: whoever is writing the tenant's rows has them, and has written them then. The days are not counted anew, for there may be years of them: each has
    -- one tenant less. Whoever counts one meanwhile holds it, or waits for it and then does not see the slice.
    WITH gone AS (
      DELETE FROM tenantry.aggregate_slices s WHERE s.relation = v_relation AND s.tenant_id = p_tenant
      RETURNING s.day, (s.state <> 'left')::integer AS belonged, (s.contributed_at IS NOT NULL)::integer AS contributed
    ), held AS MATERIALIZED (
      SELECT d.day FROM tenantry.aggregate_days d WHERE d.relation = v_relation AND d.day IN (SELECT day FROM gone) ORDER BY d.day FOR NO KEY UPDATE
    )
    UPDATE tenantry.aggregate_days d
    SET tenants = d.tenants - gone.belonged, contributed = d.contributed - gone.contributed, changed_at = now(),
        published_at = coalesce(d.published_at, CASE WHEN d.contributed - gone.contributed >= a.publish_at * (d.tenants - gone.belonged) THEN now() END)
    FROM gone, held, tenantry.aggregates a
    WHERE d.relation = v_relation AND d.day = gone.day AND held.day = gone.day AND a.name = d.aggregate;
    EXECUTE format('DELETE FROM aggregates.%I WHERE tenant_id = $1', v_relation) USING p_tenant;
  END LOOP;
END
$$;

-- aggregates_keeping names the tables that keep what a tenant has answered when it is purged.
CREATE FUNCTION tenantry.aggregates_keeping(p_tenant text) RETURNS text[]
LANGUAGE sql
SET search_path = pg_catalog
AS $$
  SELECT coalesce(array_agg(DISTINCT 'aggregates.' || s.relation ORDER BY 'aggregates.' || s.relation), '{}')
  FROM tenantry.aggregate_slices s
  JOIN tenantry.aggregate_definitions d ON d.relation = s.relation
  JOIN tenantry.aggregates a ON a.name = d.aggregate AND NOT a.forget
  WHERE s.tenant_id = p_tenant AND s.rows > 0
$$;

-- publish_aggregate publishes a day although it is not complete enough, by a person's decision.
CREATE FUNCTION tenantry.publish_aggregate(p_name text, p_day text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.aggregates := tenantry.find_aggregate(p_name);
BEGIN
  UPDATE tenantry.aggregate_days d SET published_at = coalesce(d.published_at, now()), changed_at = now()
  FROM tenantry.aggregate_definitions f
  WHERE f.aggregate = v.name AND f.number = v.definition AND d.relation = f.relation AND d.day = tenantry.aggregate_day(v, p_day, now());
  IF NOT FOUND THEN
    PERFORM tenantry.refuse('TY002', 'day', format('day: nobody has asked for %s of %s', p_day, v.name), format('tenantry aggregate run %s --day %s', v.name, p_day));
  END IF;
END
$$;
