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

-- What is done at set times, a row for each: the newest time for which it was asked. Made by the first worker that knows it.
CREATE TABLE tenantry.schedules (
  name         text PRIMARY KEY,
  expression   text NOT NULL,
  -- What is due after it and before now is asked for, once for all that was missed.
  slot         timestamptz NOT NULL DEFAULT now(),
  operation_id text
);

-- check_cron refuses what is no cron expression of five fields, in UTC: minute, hour, day of month, month, day of week (0 is Sunday).
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
      'give five fields in UTC (minute, hour, day of month, month, day of week from 0, Sunday), such as "15 2 * * *", or off');
  END IF;
END
$$;

INSERT INTO tenantry.settings (key, value, description) VALUES
  ('drift_schedule', '"15 2 * * *"', 'when tenants'' schemas are checked for drift, as a cron expression in UTC; off is never'),
  ('drift_sample',   '0.15',         'share of the active tenants that each of these times checks, those not checked for longest first');
