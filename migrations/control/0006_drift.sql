-- Drift: whether a tenant's schema is what its release says; and what the fleet does by itself at set times.

-- What a database of a release holds that nobody has touched, as a server of a major version writes it. Written when a template is built.
CREATE TABLE tenantry.release_schemas (
  release_id   text NOT NULL REFERENCES tenantry.releases,
  server_major integer NOT NULL CHECK (server_major > 0),
  fingerprint  text NOT NULL,                                          -- fingerprint.Schema.Sum
  objects      jsonb NOT NULL CHECK (jsonb_typeof(objects) = 'array'), -- fingerprint.Schema.Objects
  seen_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (release_id, server_major)
);

-- The last look at each tenant's database, and what the last one that came through has found.
CREATE TABLE tenantry.drift (
  database_id text PRIMARY KEY REFERENCES tenantry.databases,
  -- clean, drifted: it came through. busy: something changed the tenant just then. unreachable: its node did not answer. failed: see detail.
  state       text NOT NULL CHECK (state IN ('clean', 'drifted', 'busy', 'unreachable', 'failed')),
  detail      text NOT NULL DEFAULT '',
  tried_at    timestamptz NOT NULL DEFAULT now(),
  checked_at  timestamptz,
  release_id  text REFERENCES tenantry.releases,
  fingerprint text,
  found       integer NOT NULL DEFAULT 0,  -- differences, of which the first are kept
  differences jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(differences) = 'array'),
  CHECK ((checked_at IS NULL) = (fingerprint IS NULL)),
  CHECK (state NOT IN ('clean', 'drifted') OR checked_at IS NOT NULL)
);

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields) VALUES
  -- It takes no turn in a mailbox: it only reads, and looks by itself whether anything changed the tenant meanwhile.
  ('check', 'fanout', 'none', true, 8, true, '{}',
   '{"only": {"type": "tenant"}, "labels": {"type": "labels"}, "share": {"type": "word"}}');

-- check_cron refuses what is no cron expression of five fields: minute, hour, day of month, month, day of week (0 is Sunday).
CREATE FUNCTION tenantry.check_cron(p_field text, p_value jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_least integer[] := '{0,0,1,1,0}';
  v_most integer[] := '{59,23,31,12,6}';
  v_fields text[] := string_to_array(p_value #>> '{}', ' ');
  v_part text;
  v_match text[];
  v_good boolean;
BEGIN
  v_good := jsonb_typeof(p_value) = 'string' AND cardinality(v_fields) = 5;
  IF v_good THEN
    FOR i IN 1 .. 5 LOOP
      FOREACH v_part IN ARRAY string_to_array(v_fields[i], ',') LOOP
        v_match := regexp_match(v_part, '^(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?$');
        v_good := v_good AND v_match IS NOT NULL
          AND coalesce(v_match[1]::integer, v_least[i]) BETWEEN v_least[i] AND coalesce(v_match[2]::integer, v_most[i])
          AND coalesce(v_match[2]::integer, v_most[i]) <= v_most[i]
          AND coalesce(v_match[3]::integer, 1) > 0;
      END LOOP;
      -- An empty field has no part.
      v_good := v_good AND v_fields[i] <> '';
    END LOOP;
  END IF;
  IF NOT v_good THEN
    PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is no cron expression', p_field, tenantry.shown(p_value)),
      'give five fields (minute, hour, day of month, month, day of week from 0, Sunday), such as "15 2 * * *"');
  END IF;
END
$$;

-- What is done at set times, a row for each: the one list of what runs by itself.
CREATE TABLE tenantry.schedules (
  name       text PRIMARY KEY CHECK (name ~ '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$'),
  does       text NOT NULL,                -- for people
  -- The operation that is asked for. Without a kind it is a chore of the workers, which they know by the row's name.
  kind       text REFERENCES tenantry.kinds,
  args       jsonb NOT NULL DEFAULT '{}',
  expression text NOT NULL,
  zone       text NOT NULL DEFAULT 'UTC',
  -- What becomes of times that were missed: once: the newest is made up for; each: all are; never: none that is ten minutes old. The others are recorded as missed.
  missed     text NOT NULL DEFAULT 'once' CHECK (missed IN ('once', 'each', 'never')),
  enabled    boolean NOT NULL DEFAULT true,
  slot       timestamptz NOT NULL DEFAULT now(),  -- up to when everything is decided
  next_at    timestamptz,                         -- when it is due next; NULL is not known yet
  run_now    boolean NOT NULL DEFAULT false,      -- a chore that a person wants done
  ran_at     timestamptz,                         -- a chore: when it was done last, and what went wrong
  error      text NOT NULL DEFAULT ''
);
CREATE INDEX schedules_due ON tenantry.schedules (next_at) WHERE enabled;

-- Each time of a schedule that asks for an operation: which one; NULL is that the time was missed. The key is why none is asked for twice.
CREATE TABLE tenantry.slots (
  schedule     text NOT NULL REFERENCES tenantry.schedules ON DELETE CASCADE,
  slot         timestamptz NOT NULL,
  operation_id text,
  noted_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (schedule, slot)
);

-- A schedule that is new, is let run again, or has other times than before, has missed nothing.
CREATE FUNCTION tenantry.check_schedule() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
  PERFORM tenantry.check_cron('expression', to_jsonb(NEW.expression));
  IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = NEW.zone) THEN
    PERFORM tenantry.refuse('TY001', 'zone', format('zone: there is no time zone %s', tenantry.shown(to_jsonb(NEW.zone))), 'give a name such as Europe/Berlin, or UTC');
  END IF;
  NEW.next_at := NULL;
  NEW.slot := now();
  RETURN NEW;
END
$$;
CREATE TRIGGER check_schedule BEFORE INSERT ON tenantry.schedules FOR EACH ROW EXECUTE FUNCTION tenantry.check_schedule();
CREATE TRIGGER check_change BEFORE UPDATE OF expression, zone, enabled ON tenantry.schedules
  FOR EACH ROW WHEN ((NEW.expression, NEW.zone, NEW.enabled) IS DISTINCT FROM (OLD.expression, OLD.zone, OLD.enabled)) EXECUTE FUNCTION tenantry.check_schedule();

-- find_schedule finds one by its name.
CREATE FUNCTION tenantry.find_schedule(p_name text) RETURNS tenantry.schedules
LANGUAGE plpgsql
AS $$
DECLARE
  v tenantry.schedules;
BEGIN
  SELECT s.* INTO v FROM tenantry.schedules s WHERE s.name = p_name;
  IF v.name IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'schedule', format('schedule: there is no %s', tenantry.shown(to_jsonb(p_name))), 'see tenantry schedule list');
  END IF;
  RETURN v;
END
$$;

-- ask_scheduled asks for the operation of one time of a schedule, once for all times: a slot that was restored from an older state of this database finds what it
-- has asked for by its key, also where it would ask with other arguments by now.
CREATE FUNCTION tenantry.ask_scheduled(p_name text, p_slot timestamptz, p_asker text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.schedules := tenantry.find_schedule(p_name);
  v_key text := format('schedule/%s/%s', p_name, to_char(p_slot AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
  v_id text;
BEGIN
  IF v.kind = 'check' THEN
    v.args := v.args || jsonb_build_object('share', tenantry.setting('drift_sample'));
  END IF;
  IF v.kind = 'aggregate' THEN -- its day is that of the time, however late it is asked for
    v.args := v.args || jsonb_build_object('day',
      tenantry.aggregate_day(tenantry.find_aggregate(v.args ->> 'aggregate'), v.args ->> 'day', p_slot)::text);
  END IF;
  INSERT INTO tenantry.slots (schedule, slot) VALUES (p_name, p_slot) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('tenantry.requested_by', p_asker, true);
  SELECT o.id INTO v_id FROM tenantry.operations o WHERE o.kind = v.kind AND o.idempotency_key = v_key;
  IF v_id IS NULL AND v.kind = 'aggregate' THEN -- a day has one run at a time: the one that is under way is what is wanted
    v_id := tenantry.running_aggregate(v.args ->> 'aggregate', (v.args ->> 'day')::date);
  END IF;
  v_id := coalesce(v_id, tenantry.submit_as(v.kind, v.args, v_key, false));
  UPDATE tenantry.slots s SET operation_id = v_id WHERE s.schedule = p_name AND s.slot = p_slot;
  RETURN v_id;
END
$$;

-- run_now does what a schedule does, at once: it returns the operation, or NULL for a chore, which a worker does within seconds.
CREATE FUNCTION tenantry.run_now(p_name text, p_asker text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.schedules := tenantry.find_schedule(p_name);
BEGIN
  IF v.kind IS NOT NULL THEN
    RETURN tenantry.ask_scheduled(p_name, clock_timestamp(), p_asker);
  END IF;
  UPDATE tenantry.schedules s SET run_now = true WHERE s.name = p_name;
  RETURN NULL;
END
$$;

-- rotations_due asks for new passwords for the roles of every active tenant, once a day at most, and returns how many it asked for.
CREATE FUNCTION tenantry.rotations_due() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_day text := to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD');
  v_tenant record;
  v_asked integer := 0;
BEGIN
  PERFORM set_config('tenantry.requested_by', 'tenantry', true);
  FOR v_tenant IN
    SELECT t.id FROM tenantry.tenants t
    WHERE t.state = 'active' AND NOT EXISTS (SELECT FROM tenantry.operations o WHERE o.kind = 'rotate' AND o.idempotency_key = format('schedule/rotate/%s/%s', v_day, t.id))
    ORDER BY t.id
  LOOP
    PERFORM tenantry.submit_as('rotate', jsonb_build_object('tenant', v_tenant.id), format('schedule/rotate/%s/%s', v_day, v_tenant.id), false);
    v_asked := v_asked + 1;
  END LOOP;
  RETURN v_asked;
END
$$;

INSERT INTO tenantry.schedules (name, kind, expression, enabled, does) VALUES
  ('rotate', NULL, '0 4 1 * *', false, 'gives the roles of every active tenant new passwords; for applications that ask for a tenant''s URL again');

INSERT INTO tenantry.schedules (name, kind, expression, does) VALUES
  ('drift', 'check', '15 2 * * *', 'compares a share of the tenants with what their releases make (drift_sample)'),
  ('purge', NULL, '* * * * *', 'purges deleted tenants whose grace is over'),
  ('warm', NULL, '* * * * *', 'fills the warm pools; also at once when a database is claimed, and every five seconds'),
  ('sweep', NULL, '7 * * * *', 'forgets workers that ended a week ago, and fences that everybody has obeyed');

INSERT INTO tenantry.settings (key, value, description) VALUES
  ('drift_sample',   '0.15',         'share of the active tenants that each of these times checks, those not checked for longest first');
