-- The ledger: what was asked, whose turn it is, how far it is, how it ended. River delivers; these tables decide.

-- What can be asked. fields is the contract of args: name -> {type, required}; see tenantry.check_args.
CREATE TABLE tenantry.kinds (
  kind         text PRIMARY KEY,
  queue        text NOT NULL,
  -- tenant: args.tenant names one and the operation takes its turn in that tenant's mailbox.
  scope        text NOT NULL CHECK (scope IN ('tenant', 'none')),
  -- May the API's role ask for it, or is it the fleet's own business?
  door         boolean NOT NULL,
  -- Attempts that may end in an error before the operation is parked. Lost workers and shutdowns do not count.
  max_attempts smallint NOT NULL CHECK (max_attempts > 0),
  -- May it be cancelled while it runs? What would leave a tenant between two states runs to its end.
  cancellable  boolean NOT NULL,
  -- Tenant states in which it may begin.
  from_states  text[] NOT NULL DEFAULT '{}',
  fields       jsonb NOT NULL,
  -- Is one that has begun taken back by a worker when it is cancelled? Such a one can be paused, too.
  undoes       boolean NOT NULL DEFAULT false
);

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields) VALUES
  ('provision', 'provision', 'tenant', true, 8, true, '{requested,provisioning,failed}',
   '{"slug": {"type": "slug", "required": true}, "name": {"type": "name"}, "region": {"type": "word"},
     "node": {"type": "slug"}, "node_labels": {"type": "labels"}, "labels": {"type": "labels"}}'),
  ('migrate',   'migrate',   'tenant', true, 8, true, '{active}',
   '{"tenant": {"type": "tenant", "required": true}, "release": {"type": "word"}}'),
  ('suspend',   'provision', 'tenant', true, 12, false, '{active,suspended}',
   '{"tenant": {"type": "tenant", "required": true}, "reason": {"type": "text"}}'),
  ('resume',    'provision', 'tenant', true, 12, false, '{suspended,active}',
   '{"tenant": {"type": "tenant", "required": true}}'),
  ('delete',    'provision', 'tenant', true, 12, false, '{active,suspended,failed,deleting}',
   '{"tenant": {"type": "tenant", "required": true}, "grace": {"type": "interval"}, "confirm": {"type": "slug"}, "force": {"type": "slug"}}'),
  ('undelete',  'provision', 'tenant', true, 12, false, '{deleting,active,suspended,failed}',
   '{"tenant": {"type": "tenant", "required": true}}'),
  ('purge',     'provision', 'tenant', true, 12, false, '{active,suspended,failed,deleting,deleted}',
   '{"tenant": {"type": "tenant", "required": true}, "confirm": {"type": "slug", "required": true}, "force": {"type": "slug"}}'),
  ('rotate',    'provision', 'tenant', true, 12, false, '{active,suspended}',
   '{"tenant": {"type": "tenant", "required": true}}'),
  ('warm',      'provision', 'none', false, 5, true, '{}', '{"database": {"type": "word", "required": true}}'),
  ('retire',    'provision', 'none', false, 12, false, '{}', '{"database": {"type": "word", "required": true}}'),
  ('noop',      'default',   'none', true, 3, true, '{}',
   '{"tenant": {"type": "tenant"}, "note": {"type": "text"}}');

CREATE TABLE tenantry.operations (
  id              text PRIMARY KEY DEFAULT tenantry.new_id('op'),
  seq             bigint GENERATED ALWAYS AS IDENTITY,
  -- One of tenantry.kinds. No foreign key: each insert would lock that one row, in every transaction of the fleet at once.
  kind            text NOT NULL,
  tenant_id       text REFERENCES tenantry.tenants,
  database_id     text REFERENCES tenantry.databases,
  args            jsonb NOT NULL CHECK (jsonb_typeof(args) = 'object'),
  idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 200),
  -- waiting: another operation of the tenant goes first; parked: a person must decide, the tenant is held.
  state           text NOT NULL CHECK (state IN ('waiting', 'queued', 'running', 'retrying', 'parked',
                                                 'succeeded', 'failed', 'cancelled')),
  step            text NOT NULL DEFAULT '',
  progress_done   bigint NOT NULL DEFAULT 0,
  progress_total  bigint NOT NULL DEFAULT 0,
  -- The fencing token: grows with every start. A write by an older attempt is refused.
  attempt         integer NOT NULL DEFAULT 0,
  failures        integer NOT NULL DEFAULT 0,
  reaps           integer NOT NULL DEFAULT 0,
  cancel_asked    boolean NOT NULL DEFAULT false,
  pause_asked     boolean NOT NULL DEFAULT false,
  worker_id       text,
  river_job_id    bigint,
  parent_id       text REFERENCES tenantry.operations,
  requested_by    text NOT NULL DEFAULT '',
  result          jsonb,
  error           jsonb,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  started_at      timestamptz,
  finished_at     timestamptz,
  CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled')))
) WITH (fillfactor = 80);
-- No index names the state, so that an operation moves through its states and steps without touching one (HOT updates); only its
-- end does. Unfinished operations are few, and their states are looked at one by one.
CREATE UNIQUE INDEX operations_asked ON tenantry.operations (kind, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX operations_mailbox ON tenantry.operations (tenant_id, seq) WHERE finished_at IS NULL AND tenant_id IS NOT NULL;
CREATE INDEX operations_unfinished ON tenantry.operations (seq) WHERE finished_at IS NULL;
CREATE INDEX operations_tenant ON tenantry.operations (tenant_id, seq DESC) WHERE tenant_id IS NOT NULL;
CREATE INDEX operations_recent ON tenantry.operations (seq DESC);
CREATE INDEX operations_parent ON tenantry.operations (parent_id) WHERE parent_id IS NOT NULL;
-- What limits count: purges of the last hour, failed warm builds of the last minutes.
CREATE INDEX operations_counted ON tenantry.operations (kind, created_at) WHERE kind IN ('purge', 'warm');

-- Announcements are made by statement, not by row: a batch of a hundred ends costs one call. The functions around may have switched
-- the hash join off, see tenantry.start.
CREATE FUNCTION tenantry.announce_asked() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
  PERFORM pg_notify('tenantry_operations', json_build_object('id', n.id, 'kind', n.kind, 'tenant', n.tenant_id, 'state', n.state)::text)
  FROM new_rows n
  ORDER BY n.seq;
  RETURN NULL;
END
$$;
CREATE FUNCTION tenantry.announce_moved() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
SET enable_hashjoin = on
SET enable_nestloop = off -- a plan from when one row moved would compare all with all when a hundred do
AS $$
BEGIN
  PERFORM pg_notify('tenantry_operations', json_build_object('id', n.id, 'kind', n.kind, 'tenant', n.tenant_id, 'state', n.state)::text),
          -- Whoever waits for the children of an operation.
          CASE WHEN n.parent_id IS NOT NULL AND n.state NOT IN ('queued', 'running', 'retrying') THEN pg_notify('tenantry_parents', n.parent_id) END
  FROM new_rows n
  JOIN old_rows o ON o.id = n.id
  WHERE n.state <> o.state
  ORDER BY n.seq;
  RETURN NULL;
END
$$;
CREATE TRIGGER announce_asked AFTER INSERT ON tenantry.operations
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry.announce_asked();
CREATE TRIGGER announce_moved AFTER UPDATE ON tenantry.operations
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry.announce_moved();

-- One row per start of a worker process. Only the database's clock is ever compared.
CREATE TABLE tenantry.workers (
  id           text PRIMARY KEY,
  host         text NOT NULL,
  pid          integer NOT NULL,
  version      text NOT NULL,
  lease        interval NOT NULL,
  state        text NOT NULL DEFAULT 'alive' CHECK (state IN ('alive', 'stopped', 'dead')),
  started_at   timestamptz NOT NULL DEFAULT now(),
  heartbeat_at timestamptz NOT NULL DEFAULT now(),
  -- The newest row of tenantry.fences whose pools this process has thrown away.
  fenced_seq   bigint NOT NULL DEFAULT 0
);
CREATE INDEX workers_alive ON tenantry.workers (heartbeat_at) WHERE state = 'alive';

-- refuse raises the one form of error that callers of the doors see: a message for people, the field in COLUMN,
-- the way out in HINT. TY001 bad argument, TY002 not found, TY003 conflict, TY004 refused by a limit.
CREATE FUNCTION tenantry.refuse(p_code text, p_field text, p_message text, p_hint text DEFAULT '') RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = p_code, COLUMN = p_field, MESSAGE = p_message, HINT = p_hint;
END
$$;

-- shown shortens a caller's value for an error message.
CREATE FUNCTION tenantry.shown(p_value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN length(p_value::text) > 80 THEN left(p_value::text, 77) || '…' ELSE p_value::text END
$$;

-- usable_release finds a release that tenants can be brought to, and keeps it from being withdrawn until the transaction has ended.
CREATE FUNCTION tenantry.usable_release(p_name text) RETURNS tenantry.releases
LANGUAGE plpgsql
AS $$
DECLARE
  v tenantry.releases;
BEGIN
  SELECT r.* INTO v FROM tenantry.releases r WHERE r.name = p_name FOR SHARE;
  IF v.id IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'release', format('release: there is no release %s', tenantry.shown(to_jsonb(p_name))), 'see tenantry release list');
  END IF;
  IF v.withdrawn_at IS NOT NULL THEN
    PERFORM tenantry.refuse('TY003', 'release', format('release: %s is withdrawn: %s', v.name, v.withdrawn_for), 'see tenantry release list');
  END IF;
  RETURN v;
END
$$;

-- check_value refuses a value that is not of the type; every type of tenantry.kinds.fields is told here.
CREATE FUNCTION tenantry.check_value(p_field text, p_type text, p_value jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_text text := p_value #>> '{}';
  v_label record;
  v_interval interval;
  v_name jsonb;
BEGIN
  IF p_type = 'change' THEN
    -- What the operations say is checked by the worker, which knows them all: a refusal has changed nothing.
    IF jsonb_typeof(p_value) <> 'object' OR jsonb_typeof(p_value -> 'operations') IS DISTINCT FROM 'array' THEN
      PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not a change set', p_field, tenantry.shown(p_value)),
        'give {"operations": [{"op": "add_field", …}]}; tenantry ddl schema prints the JSON Schema');
    END IF;
    IF jsonb_array_length(p_value -> 'operations') NOT BETWEEN 1 AND 200 OR octet_length(p_value::text) > 4194304 THEN
      PERFORM tenantry.refuse('TY001', p_field, format('%s: %s operations in %s bytes', p_field, jsonb_array_length(p_value -> 'operations'),
        octet_length(p_value::text)), 'give 1 to 200 operations in at most 4 MiB');
    END IF;
    RETURN;
  END IF;
  IF p_type = 'labels' THEN
    IF jsonb_typeof(p_value) <> 'object' THEN
      PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not an object of labels', p_field, tenantry.shown(p_value)),
        'give an object such as {"plan": "pro"}');
    END IF;
    IF (SELECT count(*) FROM jsonb_object_keys(p_value)) > 64 THEN
      PERFORM tenantry.refuse('TY001', p_field, format('%s: more than 64 labels', p_field), 'keep what you select by, at most 64');
    END IF;
    FOR v_label IN SELECT key, value FROM jsonb_each(p_value) LOOP
      IF v_label.key !~ '^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: key %s is not a label key', p_field, tenantry.shown(to_jsonb(v_label.key))),
          'a key has 1 to 63 of a-z 0-9 . _ / - and begins and ends with a letter or digit');
      END IF;
      IF jsonb_typeof(v_label.value) <> 'string' OR length(v_label.value #>> '{}') > 200
         OR (v_label.value #>> '{}') ~ '[[:cntrl:]]' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: value of %s is not a label value', p_field, v_label.key),
          'a value is a string of at most 200 characters without control characters');
      END IF;
    END LOOP;
    RETURN;
  END IF;
  IF p_type = 'tables' THEN
    -- What the names mean is said by the worker, which has the tables before it: a refusal has changed nothing.
    IF jsonb_typeof(p_value) <> 'array' OR jsonb_array_length(p_value) NOT BETWEEN 1 AND 100 THEN
      PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not a list of 1 to 100 names', p_field, tenantry.shown(p_value)),
        'give names of tables such as ["customers", "billing.invoices"]');
    END IF;
    FOR v_name IN SELECT value FROM jsonb_array_elements(p_value) LOOP
      IF jsonb_typeof(v_name) <> 'string' OR length(v_name #>> '{}') > 300 OR btrim(v_name #>> '{}') = '' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not the name of a table', p_field, tenantry.shown(v_name)),
          'give TABLE or SCHEMA.TABLE, quoted as in SQL, with at most 300 characters');
      END IF;
    END LOOP;
    RETURN;
  END IF;

  IF jsonb_typeof(p_value) <> 'string' THEN
    PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not a string', p_field, tenantry.shown(p_value)), 'give a JSON string');
  END IF;
  CASE p_type
    WHEN 'slug' THEN
      IF v_text !~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not a slug', p_field, tenantry.shown(p_value)),
          'a slug has 1 to 63 of a-z 0-9 - and begins and ends with a letter or digit');
      END IF;
    WHEN 'name' THEN
      IF length(v_text) NOT BETWEEN 1 AND 200 OR v_text ~ '[[:cntrl:]]' OR btrim(v_text) = '' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not a name', p_field, tenantry.shown(p_value)),
          'a name has 1 to 200 characters, not all blank, none a control character');
      END IF;
    WHEN 'text' THEN
      IF length(v_text) > 1000 OR v_text ~ '[[:cntrl:]]' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is too long or has control characters', p_field, tenantry.shown(p_value)),
          'give at most 1000 characters without control characters');
      END IF;
    WHEN 'word' THEN
      IF v_text !~ '^[A-Za-z0-9]([A-Za-z0-9._+-]{0,126}[A-Za-z0-9])?$' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not a word', p_field, tenantry.shown(p_value)),
          'use 1 to 128 of A-Z a-z 0-9 . _ + - and begin and end with a letter or digit');
      END IF;
    WHEN 'tenant' THEN
      IF v_text !~ '^(tnt_[0-9a-f]{24}|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is neither a slug nor a tenant id', p_field, tenantry.shown(p_value)),
          'give the tenant''s slug such as acme or its id such as tnt_…');
      END IF;
    WHEN 'interval' THEN
      BEGIN
        v_interval := v_text::interval;
      EXCEPTION WHEN OTHERS THEN
        v_interval := NULL;
      END;
      IF length(v_text) > 60 OR v_interval IS NULL OR v_interval < interval '0' OR v_interval > interval '366 days' THEN
        PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not a duration from 0 to 366 days', p_field, tenantry.shown(p_value)),
          'give an interval such as 7 days or 36 hours');
      END IF;
  END CASE;
END
$$;

-- check_args refuses what the kind does not take, by field, with the fix.
CREATE FUNCTION tenantry.check_args(p_kind tenantry.kinds, p_args jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_field text;
  v_spec jsonb;
  v_value jsonb;
BEGIN
  IF p_args IS NULL OR jsonb_typeof(p_args) <> 'object' THEN
    PERFORM tenantry.refuse('TY001', 'args', format('args: %s is not a JSON object', coalesce(tenantry.shown(p_args), 'NULL')),
      format('%s takes %s', p_kind.kind, (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(p_kind.fields) k)));
  END IF;
  FOR v_field, v_value IN SELECT key, value FROM jsonb_each(p_args) LOOP
    v_spec := p_kind.fields -> v_field;
    IF v_spec IS NULL THEN
      PERFORM tenantry.refuse('TY001', left(v_field, 60), format('%s: %s takes no such field', tenantry.shown(to_jsonb(v_field)), p_kind.kind),
        format('%s takes %s', p_kind.kind, (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(p_kind.fields) k)));
    END IF;
    PERFORM tenantry.check_value(v_field, v_spec ->> 'type', v_value);
  END LOOP;
  FOR v_field IN SELECT key FROM jsonb_each(p_kind.fields) WHERE (value ->> 'required')::boolean LOOP
    IF NOT p_args ? v_field THEN
      PERFORM tenantry.refuse('TY001', v_field, format('%s: missing', v_field), format('%s needs %s', p_kind.kind, v_field));
    END IF;
  END LOOP;
END
$$;

-- wake tells idle workers of a queue to fetch now. River's own insert sends the same notification.
CREATE FUNCTION tenantry.wake(p_queue text) RETURNS void
LANGUAGE sql
AS $$
  SELECT pg_notify('river.river_insert', json_build_object('queue', p_queue)::text)
$$;

-- append writes an operation and its River job. The caller holds the tenant's row when the operation has a tenant:
-- a free tenant's job is available at once, else it waits as pending, which River never touches by itself.
CREATE FUNCTION tenantry.append(
  p_kind tenantry.kinds, p_args jsonb, p_key text, p_by text,
  p_tenant text DEFAULT NULL, p_database text DEFAULT NULL, p_parent text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  v_id text := tenantry.new_id('op');
  v_free boolean := true;
BEGIN
  IF p_tenant IS NOT NULL THEN
    UPDATE tenantry.tenants
    SET current_operation_id = v_id
    WHERE id = p_tenant AND current_operation_id IS NULL;
    v_free := FOUND;
  END IF;
  WITH job AS (
    INSERT INTO river.river_job (kind, args, queue, max_attempts, state)
    VALUES (p_kind.kind,
            jsonb_strip_nulls(jsonb_build_object('operation_id', v_id, 'tenant_id', p_tenant)),
            p_kind.queue, 1000,
            CASE WHEN v_free THEN 'available' ELSE 'pending' END::river.river_job_state)
    RETURNING id
  )
  INSERT INTO tenantry.operations (id, kind, tenant_id, database_id, args, idempotency_key, state, river_job_id, parent_id, requested_by)
  SELECT v_id, p_kind.kind, p_tenant, p_database, p_args, p_key,
         CASE WHEN v_free THEN 'queued' ELSE 'waiting' END, job.id, p_parent, p_by
  FROM job;
  IF v_free THEN
    PERFORM tenantry.wake(p_kind.queue);
  END IF;
  RETURN v_id;
END
$$;

-- append_each writes an operation of one kind for each of some tenants, all at once: as append does, with the tenant added to p_args. The caller
-- holds the tenants' rows.
CREATE FUNCTION tenantry.append_each(p_kind tenantry.kinds, p_tenants text[], p_args jsonb, p_by text, p_parent text)
RETURNS TABLE (tenant_id text, operation_id text)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
  PERFORM tenantry.wake(p_kind.queue);
  RETURN QUERY
    WITH asked AS MATERIALIZED (
      SELECT tenantry.new_id('op') AS id, t.id AS tenant_id, t.database_id, t.current_operation_id IS NULL AS free
      FROM tenantry.tenants t
      WHERE t.id = ANY (p_tenants)
    ), turn AS (
      UPDATE tenantry.tenants t
      SET current_operation_id = asked.id
      FROM asked
      WHERE t.id = asked.tenant_id AND asked.free
    ), job AS (
      INSERT INTO river.river_job (kind, args, queue, max_attempts, state)
      SELECT p_kind.kind, jsonb_build_object('operation_id', asked.id, 'tenant_id', asked.tenant_id), p_kind.queue, 1000,
             CASE WHEN asked.free THEN 'available' ELSE 'pending' END::river.river_job_state
      FROM asked
      ORDER BY asked.id
      RETURNING id, args ->> 'operation_id' AS operation_id
    )
    INSERT INTO tenantry.operations (id, kind, tenant_id, database_id, args, state, river_job_id, parent_id, requested_by)
    SELECT asked.id, p_kind.kind, asked.tenant_id, asked.database_id, p_args || jsonb_build_object('tenant', asked.tenant_id),
           CASE WHEN asked.free THEN 'queued' ELSE 'waiting' END, job.id, p_parent, p_by
    FROM asked
    JOIN job ON job.operation_id = asked.id
    ORDER BY asked.id
    RETURNING tenant_id, id;
END
$$;

-- append_many writes operations that have no tenant, all at once, and returns their ids in the order of p_args.
CREATE FUNCTION tenantry.append_many(p_kind tenantry.kinds, p_args jsonb[], p_by text) RETURNS SETOF text
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM tenantry.wake(p_kind.queue);
  RETURN QUERY
    WITH asked AS MATERIALIZED (
      SELECT tenantry.new_id('op') AS id, a.args, a.n FROM unnest(p_args) WITH ORDINALITY AS a (args, n)
    ), job AS (
      INSERT INTO river.river_job (kind, args, queue, max_attempts)
      SELECT p_kind.kind, jsonb_build_object('operation_id', asked.id), p_kind.queue, 1000 FROM asked ORDER BY asked.n
      RETURNING id, args ->> 'operation_id' AS operation_id
    ), op AS (
      INSERT INTO tenantry.operations (id, kind, args, state, river_job_id, requested_by)
      SELECT asked.id, p_kind.kind, asked.args, 'queued', job.id, p_by
      FROM asked
      JOIN job ON job.operation_id = asked.id
      ORDER BY asked.n
    )
    SELECT asked.id FROM asked ORDER BY asked.n;
END
$$;

-- advance gives free tenants to the oldest waiting operation of each. The caller holds the tenants' rows.
CREATE FUNCTION tenantry.advance(p_tenants text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_queue text;
BEGIN
  FOR v_queue IN
    WITH next AS (
      SELECT DISTINCT ON (o.tenant_id) o.id, o.tenant_id, o.kind, o.river_job_id
      FROM tenantry.operations o
      JOIN tenantry.tenants t ON t.id = o.tenant_id
      WHERE o.tenant_id = ANY (p_tenants)
        AND o.finished_at IS NULL
        AND o.state = 'waiting'
        AND t.current_operation_id IS NULL
      ORDER BY o.tenant_id, o.seq
    ), turn AS (
      UPDATE tenantry.tenants t
      SET current_operation_id = next.id
      FROM next
      WHERE t.id = next.tenant_id
    ), queued AS (
      UPDATE tenantry.operations o
      SET state = 'queued', updated_at = now()
      FROM next
      WHERE o.id = next.id
    ), job AS (
      UPDATE river.river_job j
      SET state = 'available', scheduled_at = now()
      FROM next
      WHERE j.id = next.river_job_id AND j.state = 'pending'
    )
    SELECT DISTINCT k.queue FROM next JOIN tenantry.kinds k USING (kind)
  LOOP
    PERFORM tenantry.wake(v_queue);
  END LOOP;
END
$$;

-- start claims operations for a worker process. The returned attempt is the fencing token of this run.
-- verdict: run; final (ended already); waiting (not its turn, the job is put back to pending); fenced (this worker
-- was declared dead); held (somebody else has its row just now, for longer than a batch may wait: again in a second); unknown.
CREATE FUNCTION tenantry.start(p_worker text, p_ids text[])
RETURNS TABLE (id text, verdict text, kind text, tenant_id text, database_id text, args jsonb, attempt integer,
               failures integer, max_attempts integer, requested_by text)
LANGUAGE plpgsql
SET search_path = pg_catalog
-- A handful of rows by their keys, always: a plan that was cached while the tables were small must not scan them once they are large.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
  v_free text[];
  v_run integer;
BEGIN
  IF NOT EXISTS (SELECT FROM tenantry.workers w WHERE w.id = p_worker AND w.state = 'alive') THEN
    RETURN QUERY SELECT i, 'fenced', '', NULL::text, NULL::text, NULL::jsonb, 0, 0, 0, '' FROM unnest(p_ids) i;
    RETURN;
  END IF;
  v_free := ARRAY(SELECT o.id FROM tenantry.operations o WHERE o.id = ANY (p_ids) ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED);
  RETURN QUERY
    WITH claimed AS (
      UPDATE tenantry.operations o
      SET state = 'running', attempt = o.attempt + 1, worker_id = p_worker, updated_at = now(),
          started_at = coalesce(o.started_at, now())
      WHERE o.id = ANY (v_free) AND o.state IN ('queued', 'retrying', 'running', 'parked')
      RETURNING o.*
    )
    SELECT c.id, 'run', c.kind, c.tenant_id, c.database_id, c.args, c.attempt, c.failures, k.max_attempts::integer, c.requested_by
    FROM claimed c
    JOIN tenantry.kinds k ON k.kind = c.kind;
  GET DIAGNOSTICS v_run = ROW_COUNT;
  IF v_run = cardinality(p_ids) THEN
    RETURN; -- nearly always
  END IF;

  UPDATE river.river_job j
  SET state = 'pending', attempt = greatest(j.attempt - 1, 0)
  FROM tenantry.operations o
  -- The cast keeps the planner from joining by River's index on the state.
  WHERE o.id = ANY (v_free) AND o.state = 'waiting' AND j.id = o.river_job_id AND j.state::text = 'running';
  RETURN QUERY
    SELECT i, CASE WHEN o.id IS NULL THEN 'unknown' WHEN i <> ALL (v_free) THEN 'held' WHEN o.state = 'waiting' THEN 'waiting' ELSE 'final' END,
           coalesce(o.kind, ''), o.tenant_id, o.database_id, o.args, coalesce(o.attempt, 0), coalesce(o.failures, 0), 0, coalesce(o.requested_by, '')
    FROM unnest(p_ids) i
    LEFT JOIN tenantry.operations o ON o.id = i
    WHERE o.id IS NULL OR i <> ALL (v_free) OR o.state IN ('waiting', 'succeeded', 'failed', 'cancelled');
END
$$;

-- step records how far a run is and answers what the run must do: go, stop (a newer attempt has taken the operation over),
-- cancel or pause (a person asked).
CREATE FUNCTION tenantry.step(p_id text, p_attempt integer, p_step text, p_done bigint, p_total bigint) RETURNS text
LANGUAGE sql
AS $$
  WITH u AS (
    UPDATE tenantry.operations
    SET step = p_step, progress_done = p_done, progress_total = p_total, updated_at = now()
    WHERE id = p_id AND attempt = p_attempt AND state = 'running'
    RETURNING cancel_asked, pause_asked
  )
  SELECT coalesce((SELECT CASE WHEN cancel_asked THEN 'cancel' WHEN pause_asked THEN 'pause' ELSE 'go' END FROM u), 'stop')
$$;

-- settle ends runs: the operation, its River job, the tenant's state and the tenant's mailbox in one transaction. Only the job of an
-- operation that has succeeded is left to River's client, which completes many at once, as it does without us; should the worker
-- die before that, the next start of the job has nothing to do, and tenantry.reap completes it.
-- Each element of p_ends: id, attempt (or null: by whoever, from outside a run), outcome, result, error, delay (seconds), release (what the
-- operation's database stands at now, if it has succeeded), schema (whether it may have changed the tenant's tables, however it has ended; with a
-- release it has). What comes again by itself tells of that then, and what is parked at once: that may be for days.
--   succeeded | failed | cancelled   ends the operation and frees the tenant
--   retry       comes back after delay, the tenant stays held; counts a failure
--   wait        the same, but nothing is counted: not its fault (its node is away)
--   parked      stays until a person retries or cancels it; the tenant stays held
--   handover    goes back to the queue at once, nothing is counted (shutdown)
-- Returns the ids that were settled; a superseded attempt's is not among them.
CREATE FUNCTION tenantry.settle(p_ends jsonb) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog
SET enable_seqscan = off -- as in start
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  v_ids text[] := ARRAY(SELECT e ->> 'id' FROM jsonb_array_elements(p_ends) e);
  v_tenants text[];
BEGIN
  -- One order of locks everywhere: tenants by id, then operations by id.
  v_tenants := ARRAY(SELECT DISTINCT o.tenant_id FROM tenantry.operations o WHERE o.id = ANY (v_ids) AND o.tenant_id IS NOT NULL);
  PERFORM FROM tenantry.tenants t WHERE t.id = ANY (v_tenants) ORDER BY t.id FOR NO KEY UPDATE;
  PERFORM FROM tenantry.operations o WHERE o.id = ANY (v_ids) ORDER BY o.id FOR NO KEY UPDATE;
  RETURN QUERY SELECT unnest(tenantry.settle_locked(p_ends, v_tenants));
END
$$;

-- settle_locked is what settle and settle_free do when they have the rows. p_tenants are the operations' tenants.
CREATE FUNCTION tenantry.settle_locked(p_ends jsonb, p_tenants text[]) RETURNS text[]
LANGUAGE plpgsql
AS $$
DECLARE
  v_settled text[];
  v_queue text;
BEGIN
  WITH ends AS (
    SELECT e.id, e.attempt, e.outcome, e.result, e.error, coalesce(e.delay, 0) AS delay, e.release,
           coalesce(e.schema, false) AND e.outcome IN ('succeeded', 'failed', 'cancelled', 'parked')
             OR e.release IS NOT NULL AND e.outcome = 'succeeded' AS schema
    FROM jsonb_to_recordset(p_ends) AS e (id text, attempt integer, outcome text, result jsonb, error jsonb, delay float8, release text, schema boolean)
  ), ended AS (
    UPDATE tenantry.operations o
    SET state = CASE e.outcome WHEN 'retry' THEN 'retrying' WHEN 'wait' THEN 'retrying' WHEN 'handover' THEN 'queued' ELSE e.outcome END,
        result = coalesce(e.result, o.result),
        error = CASE WHEN e.outcome = 'succeeded' THEN NULL ELSE coalesce(e.error, o.error) END,
        -- One that stands still because somebody asked has not failed.
        failures = o.failures + (e.outcome IN ('retry', 'parked') AND coalesce(e.error ->> 'code', '') <> 'paused')::integer,
        progress_done = CASE WHEN e.outcome = 'succeeded' THEN o.progress_total ELSE o.progress_done END,
        finished_at = CASE WHEN e.outcome IN ('succeeded', 'failed', 'cancelled') THEN now() END,
        updated_at = now()
    FROM ends e
    WHERE o.id = e.id
      -- Said by the state: finished_at IS NULL would invite the planner to read every unfinished operation.
      AND o.state NOT IN ('succeeded', 'failed', 'cancelled')
      AND (e.attempt IS NULL OR (o.attempt = e.attempt AND o.state = 'running'))
    RETURNING o.id, o.tenant_id, o.database_id, o.river_job_id, o.kind, o.finished_at, e.outcome, e.error, e.result, e.delay, e.release, e.schema
  ), migrated AS (
    UPDATE tenantry.databases d
    SET release_id = ended.release
    FROM ended
    WHERE d.id = ended.database_id AND ended.outcome = 'succeeded' AND ended.release IS NOT NULL
  ), freed AS (
    UPDATE tenantry.tenants t
    SET current_operation_id = CASE WHEN ended.finished_at IS NULL THEN t.current_operation_id END,
        schema_epoch = t.schema_epoch + ended.schema::integer
    FROM ended
    WHERE t.id = ended.tenant_id AND t.current_operation_id = ended.id AND (ended.finished_at IS NOT NULL OR ended.schema)
  ), jobs AS (
    UPDATE river.river_job j
    SET state = CASE ended.outcome
                  WHEN 'cancelled' THEN 'cancelled'
                  WHEN 'handover' THEN 'available'
                  -- River's scheduler wakes retryable jobs every 5 s; what is due sooner is available with a time.
                  WHEN 'failed' THEN 'discarded'
                  WHEN 'parked' THEN 'discarded'
                  ELSE CASE WHEN ended.delay <= 5 THEN 'available' ELSE 'retryable' END
                END::river.river_job_state,
        finalized_at = CASE WHEN ended.outcome NOT IN ('handover', 'retry', 'wait') THEN now() END,
        scheduled_at = CASE WHEN ended.outcome IN ('handover', 'retry', 'wait') THEN now() + make_interval(secs => ended.delay) ELSE j.scheduled_at END,
        attempt = CASE WHEN ended.outcome IN ('handover', 'wait') THEN greatest(j.attempt - 1, 0) ELSE j.attempt END,
        errors = CASE WHEN ended.error IS NULL OR ended.outcome = 'handover' THEN j.errors
                      -- The newest twenty: a node may be away for days.
                      ELSE array_append(j.errors[greatest(cardinality(j.errors) - 18, 1):], jsonb_build_object('at', now(), 'attempt', j.attempt,
                             'trace', '', 'error', coalesce(ended.error ->> 'message', ended.outcome))) END,
        metadata = CASE WHEN ended.result IS NULL THEN j.metadata
                        ELSE j.metadata || jsonb_build_object('output', ended.result) END
    FROM ended
    WHERE j.id = ended.river_job_id AND ended.outcome <> 'succeeded'
  )
  SELECT coalesce(array_agg(ended.id), '{}') INTO v_settled FROM ended;

  IF p_ends @> '[{"outcome": "handover"}]' THEN
    FOR v_queue IN
      SELECT DISTINCT k.queue
      FROM jsonb_to_recordset(p_ends) AS e (id text, outcome text)
      JOIN tenantry.operations o ON o.id = e.id
      JOIN tenantry.kinds k ON k.kind = o.kind
      WHERE e.outcome = 'handover' AND e.id = ANY (v_settled)
    LOOP
      PERFORM tenantry.wake(v_queue);
    END LOOP;
  END IF;
  IF p_tenants <> '{}' THEN
    PERFORM tenantry.advance(p_tenants);
  END IF;
  RETURN v_settled;
END
$$;

-- settle_free settles what can be settled at once and names the rest: an API that has asked for something in a transaction that is still
-- open holds that tenant's row, and must not hold up everybody else's ends.
CREATE FUNCTION tenantry.settle_free(p_ends jsonb, OUT settled text[], OUT held text[])
LANGUAGE plpgsql
SET search_path = pg_catalog
SET enable_seqscan = off -- as in start
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  v_ids text[] := ARRAY(SELECT e ->> 'id' FROM jsonb_array_elements(p_ends) e);
  v_tenants text[];
  v_free text[];
BEGIN
  v_tenants := ARRAY(SELECT DISTINCT o.tenant_id FROM tenantry.operations o WHERE o.id = ANY (v_ids) AND o.tenant_id IS NOT NULL);
  IF v_tenants <> '{}' THEN
    v_tenants := ARRAY(SELECT t.id FROM tenantry.tenants t WHERE t.id = ANY (v_tenants) ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED);
  END IF;
  v_free := ARRAY(
    SELECT o.id FROM tenantry.operations o
    WHERE o.id = ANY (v_ids) AND (o.tenant_id IS NULL OR o.tenant_id = ANY (v_tenants))
    ORDER BY o.id
    FOR NO KEY UPDATE SKIP LOCKED);
  held := '{}';
  IF cardinality(v_free) < cardinality(v_ids) THEN
    held := ARRAY(SELECT i FROM unnest(v_ids) i WHERE i <> ALL (v_free));
    p_ends := coalesce((SELECT jsonb_agg(e) FROM jsonb_array_elements(p_ends) e WHERE e ->> 'id' = ANY (v_free)), '[]');
  END IF;
  settled := tenantry.settle_locked(p_ends, v_tenants);
END
$$;

-- requeue makes an operation's River job available now, inserting a new one when River has deleted the old.
-- The caller holds the operation's row.
CREATE FUNCTION tenantry.requeue(p_id text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_op tenantry.operations;
  v_queue text;
  v_job bigint;
BEGIN
  SELECT o.* INTO STRICT v_op FROM tenantry.operations o WHERE o.id = p_id;
  SELECT k.queue INTO STRICT v_queue FROM tenantry.kinds k WHERE k.kind = v_op.kind;
  UPDATE river.river_job
  SET state = 'available', scheduled_at = now(), finalized_at = NULL, attempt = greatest(attempt - 1, 0),
      metadata = metadata - 'cancel_attempted_at'
  WHERE id = v_op.river_job_id;
  IF NOT FOUND THEN
    INSERT INTO river.river_job (kind, args, queue, max_attempts)
    VALUES (v_op.kind, jsonb_strip_nulls(jsonb_build_object('operation_id', v_op.id, 'tenant_id', v_op.tenant_id)), v_queue, 1000)
    RETURNING id INTO v_job;
  END IF;
  UPDATE tenantry.operations
  SET state = 'queued', updated_at = now(), river_job_id = coalesce(v_job, river_job_id)
  WHERE id = p_id;
  PERFORM tenantry.wake(v_queue);
END
$$;

-- beat renews a worker's lease. It returns whether the worker still counts as alive (a dead one must stop what it
-- does and start anew under a new id) and how many workers share the nodes' connection budgets.
CREATE FUNCTION tenantry.beat(p_worker text, p_fenced_seq bigint) RETURNS TABLE (alive boolean, workers integer, fence_seq bigint)
LANGUAGE sql
SET search_path = pg_catalog
AS $$
  WITH u AS (
    UPDATE tenantry.workers
    SET heartbeat_at = clock_timestamp(), fenced_seq = greatest(fenced_seq, p_fenced_seq)
    WHERE id = p_worker AND state = 'alive'
    RETURNING 1
  )
  SELECT EXISTS (SELECT FROM u),
         (SELECT count(*)::integer FROM tenantry.workers w WHERE w.state = 'alive' AND w.heartbeat_at > clock_timestamp() - w.lease),
         (SELECT coalesce(max(f.seq), 0) FROM tenantry.fences f)
$$;

-- reap declares workers dead whose lease ran out and gives their operations back. It goes by the ledger and not by
-- River's state, so an operation comes back even where a dying worker still touched its job. An operation that lost
-- max_reaps workers may be what kills them: it is parked for a person.
CREATE FUNCTION tenantry.reap() RETURNS TABLE (operation_id text, worker_id text, parked boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
  v_max integer := (SELECT (value #>> '{}')::integer FROM tenantry.settings WHERE key = 'max_reaps');
  v_op record;
BEGIN
  UPDATE tenantry.workers w
  SET state = 'dead'
  FROM (
    SELECT id FROM tenantry.workers
    WHERE state = 'alive' AND heartbeat_at < clock_timestamp() - lease
    ORDER BY id
    FOR UPDATE SKIP LOCKED
  ) late
  WHERE w.id = late.id;

  -- The tenant's row first, as everywhere, and never waiting: what another reaper holds is its business.
  FOR v_op IN
    SELECT o.id, o.worker_id, o.reaps + 1 AS reaps, o.kind
    FROM tenantry.operations o
    JOIN tenantry.workers w ON w.id = o.worker_id AND w.state <> 'alive'
    WHERE o.state = 'running' AND o.finished_at IS NULL
    ORDER BY o.id
    FOR NO KEY UPDATE OF o SKIP LOCKED
  LOOP
    operation_id := v_op.id;
    worker_id := v_op.worker_id;
    parked := v_op.reaps >= v_max;
    UPDATE tenantry.operations SET reaps = v_op.reaps WHERE id = v_op.id;
    IF parked THEN
      UPDATE tenantry.operations
      SET state = 'parked', updated_at = now(),
          error = jsonb_build_object('code', 'lost_workers',
            'message', format('%s worker processes died while they ran this operation, the last was %s', v_op.reaps, v_op.worker_id),
            'hint', 'read the workers'' last log lines, then tenantry op retry or tenantry op cancel')
      WHERE id = v_op.id;
      UPDATE river.river_job j
      SET state = 'discarded', finalized_at = now()
      FROM tenantry.operations o
      WHERE o.id = v_op.id AND j.id = o.river_job_id;
    ELSE
      UPDATE river.river_job j
      SET errors = array_append(j.errors, jsonb_build_object('at', now(), 'attempt', j.attempt, 'trace', '',
            'error', format('worker %s is gone, the operation goes to another', v_op.worker_id)))
      FROM tenantry.operations o
      WHERE o.id = v_op.id AND j.id = o.river_job_id;
      PERFORM tenantry.requeue(v_op.id);
    END IF;
    RETURN NEXT;
  END LOOP;

  -- Jobs that a dead worker had fetched but not begun. Each is looked up by its key: running jobs are few, operations are many.
  WITH lost AS MATERIALIZED (
    SELECT j.id, j.args ->> 'operation_id' AS operation_id
    FROM river.river_job j
    WHERE j.state = 'running'
      AND j.attempted_by[array_upper(j.attempted_by, 1)] IN (SELECT w.id FROM tenantry.workers w WHERE w.state <> 'alive')
  ), back AS MATERIALIZED (
    SELECT lost.id, o.state
    FROM lost
    CROSS JOIN LATERAL (SELECT x.state, x.river_job_id FROM tenantry.operations x WHERE x.id = lost.operation_id OFFSET 0) o
    WHERE o.river_job_id = lost.id AND o.state IN ('waiting', 'queued', 'retrying')
  )
  UPDATE river.river_job j
  SET state = CASE WHEN back.state = 'waiting' THEN 'pending' ELSE 'available' END::river.river_job_state,
      attempt = greatest(j.attempt - 1, 0)
  FROM back
  WHERE j.id = back.id AND j.state = 'running';
  PERFORM tenantry.complete_jobs();
END
$$;

-- complete_jobs ends jobs that River still takes for running although the ledger has settled their operations: their worker died
-- before River's client had told, or lives and could not tell.
CREATE FUNCTION tenantry.complete_jobs() RETURNS void
LANGUAGE sql
SET search_path = pg_catalog
AS $$
  WITH going AS MATERIALIZED (
    SELECT j.id, j.args ->> 'operation_id' AS operation_id,
           j.attempted_by[array_upper(j.attempted_by, 1)] IN (SELECT w.id FROM tenantry.workers w WHERE w.state <> 'alive') AS lost
    FROM river.river_job j
    WHERE j.state = 'running'
  ), ended AS MATERIALIZED (
    SELECT going.id, o.state, o.finished_at, o.result
    FROM going
    CROSS JOIN LATERAL (
      SELECT x.state, x.finished_at, x.result, x.river_job_id FROM tenantry.operations x WHERE x.id = going.operation_id OFFSET 0) o
    WHERE o.river_job_id = going.id AND o.finished_at IS NOT NULL AND (going.lost OR o.finished_at < now() - interval '1 minute')
  )
  UPDATE river.river_job j
  SET state = CASE ended.state WHEN 'succeeded' THEN 'completed' WHEN 'cancelled' THEN 'cancelled' ELSE 'discarded' END::river.river_job_state,
      finalized_at = ended.finished_at,
      metadata = CASE WHEN ended.result IS NULL THEN j.metadata ELSE j.metadata || jsonb_build_object('output', ended.result) END
  FROM ended
  WHERE j.id = ended.id AND j.state = 'running'
$$;

-- settle_strays finds operations whose River job was changed behind the ledger's back (cancelled, discarded, deleted
-- or retried by hand in River UI, completed by a superseded worker) and brings both into step again.
CREATE FUNCTION tenantry.settle_strays() RETURNS TABLE (operation_id text, job_state text, became text)
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
  v_stray record;
  v_op tenantry.operations;
BEGIN
  FOR v_stray IN
    SELECT o.id, o.tenant_id, o.state, o.river_job_id, j.state AS job_state
    FROM tenantry.operations o
    LEFT JOIN river.river_job j ON j.id = o.river_job_id
    WHERE o.finished_at IS NULL
      AND ((o.state = 'waiting' AND (j.state IS NULL OR j.state IN ('cancelled', 'discarded', 'completed')))
        OR (o.state IN ('queued', 'retrying') AND (j.state IS NULL OR j.state IN ('cancelled', 'discarded', 'completed', 'pending')))
        -- Fetched by a worker that is alive, but its start and then River's giving back failed: a start takes milliseconds.
        OR (o.state IN ('queued', 'retrying') AND j.state = 'running' AND j.attempted_at < now() - interval '1 minute'))
    ORDER BY o.tenant_id NULLS FIRST, o.id
  LOOP
    -- Tenant first, as everywhere, and never waiting: what somebody works on comes again when it is still a stray then.
    IF v_stray.tenant_id IS NOT NULL THEN
      PERFORM FROM tenantry.tenants t WHERE t.id = v_stray.tenant_id FOR NO KEY UPDATE SKIP LOCKED;
      CONTINUE WHEN NOT FOUND;
    END IF;
    SELECT o.* INTO v_op FROM tenantry.operations o
    WHERE o.id = v_stray.id AND o.state = v_stray.state AND o.river_job_id IS NOT DISTINCT FROM v_stray.river_job_id
    FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN v_op.id IS NULL
      OR v_stray.job_state IS DISTINCT FROM (SELECT j.state FROM river.river_job j WHERE j.id = v_stray.river_job_id FOR NO KEY UPDATE);
    operation_id := v_stray.id;
    job_state := coalesce(v_stray.job_state::text, 'deleted');
    -- What is not cancellable and has begun would leave a tenant between two states: it goes on, with a new job where it has none. What undoes
    -- itself does that.
    IF job_state IN ('cancelled', 'deleted') AND v_op.attempt > 0 AND (SELECT k.undoes FROM tenantry.kinds k WHERE k.kind = v_op.kind) THEN
      became := 'queued';
      UPDATE tenantry.operations o SET cancel_asked = true WHERE o.id = v_stray.id;
      PERFORM tenantry.requeue(v_stray.id);
    ELSIF job_state IN ('cancelled', 'deleted')
       AND (v_op.attempt = 0 OR (SELECT k.cancellable FROM tenantry.kinds k WHERE k.kind = v_op.kind)) THEN
      became := 'cancelled';
      PERFORM tenantry.settle(jsonb_build_array(jsonb_build_object('id', v_stray.id, 'outcome', 'cancelled', 'error',
        jsonb_build_object('code', 'job_' || job_state, 'message', format('its River job was %s by hand', job_state),
                           'hint', 'ask again when it is still wanted'))));
      PERFORM tenantry.abandon(v_op);
    ELSIF v_stray.state = 'waiting' THEN
      became := 'waiting';
      UPDATE river.river_job j SET state = 'pending', finalized_at = NULL WHERE j.id = v_stray.river_job_id;
    ELSIF job_state = 'discarded' THEN
      became := 'parked';
      PERFORM tenantry.settle(jsonb_build_array(jsonb_build_object('id', v_stray.id, 'outcome', 'parked', 'error',
        jsonb_build_object('code', 'job_discarded', 'message', 'its River job was discarded',
                           'hint', 'tenantry op retry or tenantry op cancel'))));
    ELSE
      became := 'queued';
      PERFORM tenantry.requeue(v_stray.id);
    END IF;
    RETURN NEXT;
  END LOOP;

  -- A tenant held by an operation that has ended, or free beside waiting ones: cannot happen through these
  -- functions, but a restored or hand-edited control database must not stall a tenant for ever.
  PERFORM tenantry.settle_mailboxes();
END
$$;

CREATE FUNCTION tenantry.settle_mailboxes() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_tenants text[];
BEGIN
  v_tenants := ARRAY(
    SELECT t.id
    FROM tenantry.tenants t
    LEFT JOIN tenantry.operations o ON o.id = t.current_operation_id
    WHERE (t.current_operation_id IS NOT NULL AND (o.id IS NULL OR o.finished_at IS NOT NULL))
       OR (t.current_operation_id IS NULL AND EXISTS (SELECT FROM tenantry.operations w WHERE w.tenant_id = t.id AND w.finished_at IS NULL AND w.state = 'waiting'))
    ORDER BY t.id);
  IF v_tenants = '{}' THEN
    RETURN;
  END IF;
  v_tenants := ARRAY(SELECT t.id FROM tenantry.tenants t WHERE t.id = ANY (v_tenants) ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED);
  UPDATE tenantry.tenants t
  SET current_operation_id = NULL
  WHERE t.id = ANY (v_tenants)
    AND NOT EXISTS (SELECT FROM tenantry.operations o WHERE o.id = t.current_operation_id AND o.finished_at IS NULL);
  PERFORM tenantry.advance(v_tenants);
END
$$;

-- fence_tenant is the control database's half of cutting a tenant's sessions: the new epoch, announced to every
-- process with pools. It returns the sequence number that those processes acknowledge in tenantry.workers.
CREATE FUNCTION tenantry.fence_tenant(p_tenant text) RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog
AS $$
  -- One at a time, so that sequence numbers become visible in their order.
  SELECT pg_advisory_xact_lock(hashtextextended('tenantry.fences', 0));
  WITH t AS (
    UPDATE tenantry.tenants SET epoch = epoch + 1 WHERE id = p_tenant RETURNING id, epoch
  )
  INSERT INTO tenantry.fences (tenant_id, epoch) SELECT id, epoch FROM t RETURNING seq
$$;
