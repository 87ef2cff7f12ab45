-- The fleet: settings, nodes, the databases on them, their credentials, and the tenants that live in them.
-- A tenant (who) and a database (where) are two rows: a warm database has no tenant yet, a deleted tenant no database any more.

-- Functions that callers outside reach are SECURITY DEFINER or called by workers, and set their search_path. Those called only from
-- them do not: setting it costs more than they do. Everything they name is qualified or in pg_catalog.

-- new_id makes a typed, roughly time-ordered identifier: prefix, 48 bits of milliseconds, 48 random bits.
CREATE FUNCTION tenantry.new_id(p_prefix text) RETURNS text
LANGUAGE sql VOLATILE
AS $$
  SELECT p_prefix || '_'
      || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
      || substr(gen_random_uuid()::text, 25, 12)
$$;

-- new_database_name makes an opaque name: 88 random bits, nothing of the tenant in it, because every role of
-- a PostgreSQL server can read every database's name.
CREATE FUNCTION tenantry.new_database_name() RETURNS text
LANGUAGE sql VOLATILE
AS $$
  SELECT 't_' || substr(u, 1, 8) || substr(u, 10, 2) || substr(u, 25, 12)
  FROM (SELECT gen_random_uuid()::text AS u) AS random
$$;

CREATE TABLE tenantry.settings (
  key         text PRIMARY KEY,
  value       jsonb NOT NULL,
  description text NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now()
);

INSERT INTO tenantry.settings (key, value, description) VALUES
  ('current_release',   'null',        'release that new tenants get; set by publishing'),
  ('delete_grace',      '"168:00:00"', 'how long a deleted tenant can be undeleted, as an interval'),
  ('purges_per_hour',   '20',          'most tenants purged in any hour, unless forced by name'),
  ('mass_delete_share', '0.1',         'largest share of the fleet that may be deleting at once, unless forced by name'),
  ('mass_delete_floor', '10',          'deletions below this number are never refused for their share'),
  ('max_reaps',         '3',           'an operation that lost this many workers is parked for a person'),
  ('warm_failures',     '3',           'failed warm builds on a node in ten minutes that pause its refill');

-- check_setting refuses a value that is not of its setting's kind: the reaper, the doors and the refill cast what is stored here,
-- and a wrong one would stop them on every worker.
CREATE FUNCTION tenantry.check_setting() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_text text := NEW.value #>> '{}';
  v_type text := jsonb_typeof(NEW.value);
BEGIN
  CASE
    WHEN NEW.key IN ('purges_per_hour', 'mass_delete_floor', 'max_reaps', 'warm_failures', 'verify_at_once') THEN
      -- By its text: 2.0 is whole, but no integer to a cast.
      IF v_type <> 'number' OR v_text !~ '^[0-9]{1,9}$' THEN
        PERFORM tenantry.refuse('TY001', NEW.key, format('%s: %s is not a whole number', NEW.key, tenantry.shown(NEW.value)),
          'give a whole number from 0 to 999999999');
      END IF;
      IF NEW.key IN ('max_reaps', 'warm_failures') AND v_text::integer = 0 THEN
        PERFORM tenantry.refuse('TY001', NEW.key, format('%s: 0 is too small', NEW.key), 'give a whole number from 1');
      END IF;
    WHEN NEW.key IN ('mass_delete_share', 'drift_sample') THEN
      IF v_type <> 'number' OR v_text::numeric NOT BETWEEN 0 AND 1 THEN
        PERFORM tenantry.refuse('TY001', NEW.key, format('%s: %s is not a share', NEW.key, tenantry.shown(NEW.value)),
          'give a number from 0 to 1, such as 0.1 for a tenth');
      END IF;
    WHEN NEW.key IN ('delete_grace', 'replica_lag', 'backup_spread', 'backup_objective', 'backup_unchanged', 'verify_period', 'retain_replaced', 'retain_looks', 'export_keep') THEN
      PERFORM tenantry.check_value(NEW.key, 'interval', NEW.value);
    WHEN NEW.key = 'backup_retention' THEN
      PERFORM tenantry.check_retention(NEW.key, NEW.value);
    WHEN NEW.key = 'verify_node' THEN
      IF NEW.value <> '""' AND NOT EXISTS (SELECT FROM tenantry.nodes n WHERE to_jsonb(n.name) = NEW.value) THEN
        PERFORM tenantry.refuse('TY002', NEW.key, format('%s: there is no node %s', NEW.key, tenantry.shown(NEW.value)), 'see tenantry node list');
      END IF;
    WHEN NEW.key = 'current_release' THEN
      IF v_type <> 'null' AND NOT EXISTS (SELECT FROM tenantry.releases r WHERE to_jsonb(r.name) = NEW.value AND r.withdrawn_at IS NULL) THEN
        PERFORM tenantry.refuse('TY002', NEW.key, format('%s: there is no release %s, or it is withdrawn', NEW.key, tenantry.shown(NEW.value)), 'see tenantry release list');
      END IF;
    ELSE
      PERFORM tenantry.refuse('TY002', 'key', format('there is no setting %s', tenantry.shown(to_jsonb(NEW.key))), 'see tenantry control settings');
  END CASE;
  RETURN NEW;
END
$$;
CREATE TRIGGER check_setting BEFORE INSERT OR UPDATE ON tenantry.settings
  FOR EACH ROW EXECUTE FUNCTION tenantry.check_setting();

CREATE TABLE tenantry.nodes (
  id              text PRIMARY KEY DEFAULT tenantry.new_id('nod'),
  name            text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  region          text NOT NULL DEFAULT '' CHECK (length(region) <= 63),
  labels          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
  -- adding: bootstrap not finished; active: takes new tenants; draining: serves, takes no new ones; lost: a person says that it does not come back, and its
  -- tenants are restored elsewhere.
  state           text NOT NULL DEFAULT 'adding' CHECK (state IN ('adding', 'active', 'draining', 'lost')),
  url             text NOT NULL,             -- of the provisioner, without its password
  pooler_url      text NOT NULL DEFAULT '',  -- where applications connect instead, such as a PgBouncer; '' is directly
  provisioner     text NOT NULL,
  sealed_password text NOT NULL DEFAULT '',
  server_version  integer NOT NULL DEFAULT 0,
  max_connections integer NOT NULL CHECK (max_connections BETWEEN 1 AND 100000),
  max_tenants     integer CHECK (max_tenants > 0),  -- NULL is no limit
  warm_target     integer NOT NULL DEFAULT 0 CHECK (warm_target BETWEEN 0 AND 1000),
  lost_at         timestamptz,               -- when it was declared lost, the last time
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);

-- One template database per node and release: what a new tenant's database is copied from.
CREATE TABLE tenantry.templates (
  node_id    text NOT NULL REFERENCES tenantry.nodes,
  release_id text NOT NULL REFERENCES tenantry.releases,
  name       text NOT NULL,
  state      text NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'ready', 'dropped')),
  created_at timestamptz NOT NULL DEFAULT now(),
  ready_at   timestamptz,
  PRIMARY KEY (node_id, release_id),
  UNIQUE (node_id, name)
);

-- The row is written before the database is made and outlives it: nothing on a node is unknown here.
CREATE TABLE tenantry.databases (
  id          text PRIMARY KEY DEFAULT tenantry.new_id('db'),
  node_id     text NOT NULL REFERENCES tenantry.nodes,
  name        text NOT NULL DEFAULT tenantry.new_database_name() CHECK (name ~ '^t_[0-9a-f]{22}$'),
  release_id  text NOT NULL REFERENCES tenantry.releases,
  state       text NOT NULL DEFAULT 'building'
              CHECK (state IN ('building', 'warm', 'assigned', 'retained', 'lost', 'scratch', 'failed', 'dropping', 'dropped')),
  tenant_id   text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  built_at    timestamptz,
  assigned_at timestamptz,
  dropped_at  timestamptz,
  UNIQUE (node_id, name)
);
CREATE INDEX databases_warm ON tenantry.databases (release_id, node_id, id) WHERE state = 'warm';
CREATE INDEX databases_node ON tenantry.databases (node_id, state);
-- What takes room on a node, counted at every placement.
CREATE INDEX databases_homes ON tenantry.databases (node_id) WHERE tenant_id IS NOT NULL AND state IN ('assigned', 'building', 'failed');
CREATE INDEX databases_tenant ON tenantry.databases (tenant_id);

-- Passwords are sealed (AES-256-GCM) by the worker; the control database never sees one in clear.
CREATE TABLE tenantry.credentials (
  database_id text NOT NULL REFERENCES tenantry.databases,
  role        text NOT NULL CHECK (role IN ('migrator', 'app', 'readonly')),
  username    text NOT NULL,
  sealed      text NOT NULL,
  -- Which rotation made the password, '' for the first: a rotation that runs again after a crash changes nothing.
  renewal     text NOT NULL DEFAULT '',
  rotated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (database_id, role)
);

CREATE TABLE tenantry.tenants (
  id                   text PRIMARY KEY DEFAULT tenantry.new_id('tnt'),
  slug                 text NOT NULL CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name                 text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  state                text NOT NULL DEFAULT 'requested'
                       CHECK (state IN ('requested', 'provisioning', 'active', 'suspended', 'deleting', 'deleted', 'failed')),
  labels               jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
  database_id          text NOT NULL REFERENCES tenantry.databases,
  -- Grows whenever an open pool of this tenant must be thrown away: suspend, resume, rotate, move, delete.
  epoch                bigint NOT NULL DEFAULT 1,
  -- Grows whenever tables of this tenant have changed: a release, a change of its forms. Pools stay; plans that they have cached may not fit.
  schema_epoch         bigint NOT NULL DEFAULT 0,
  -- The mailbox: the operation whose turn it is, NULL when the tenant is free.
  current_operation_id text,
  -- What undelete goes back to.
  state_before_delete  text,
  delete_after         timestamptz,
  created_at           timestamptz NOT NULL DEFAULT now(),
  activated_at         timestamptz,
  suspended_at         timestamptz,
  deleted_at           timestamptz
);
-- A slug is free again once its tenant is deleted for good.
CREATE UNIQUE INDEX tenants_slug ON tenantry.tenants (slug) WHERE state <> 'deleted';
CREATE INDEX tenants_state ON tenantry.tenants (state);
CREATE INDEX tenants_labels ON tenantry.tenants USING gin (labels jsonb_path_ops);
CREATE INDEX tenants_delete_after ON tenantry.tenants (delete_after) WHERE state = 'deleting';

ALTER TABLE tenantry.databases
  ADD FOREIGN KEY (tenant_id) REFERENCES tenantry.tenants DEFERRABLE INITIALLY DEFERRED;

-- What a look into a tenant's database has told, so that nobody need connect to it to know: a rollout's preflight and the nightly check of
-- drift write it, the linter's estimates and the choice of a canary read it.
CREATE TABLE tenantry.sizes (
  database_id text PRIMARY KEY REFERENCES tenantry.databases,
  bytes       bigint NOT NULL CHECK (bytes >= 0),          -- of the whole database
  -- The largest tables: [{"schema", "table", "rows" (estimated), "bytes" (with indexes)}].
  tables      jsonb NOT NULL CHECK (jsonb_typeof(tables) = 'array'),
  seen_at     timestamptz NOT NULL DEFAULT now()
);

-- Every process that keeps pools of tenants listens here: for a fence it reads what tenantry.fences has and throws away what is older than the
-- epoch, else it asks for the schema epoch and renews connections when that has grown. Anybody can notify, so nobody believes what is said here.
CREATE FUNCTION tenantry.announce_epoch() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM pg_notify('tenantry_epochs', json_build_object('tenant', NEW.id, 'epoch', NEW.epoch, 'schema_epoch', NEW.schema_epoch,
                     'fence', NEW.epoch <> OLD.epoch)::text);
  RETURN NULL;
END
$$;
CREATE TRIGGER announce_epoch AFTER UPDATE OF epoch, schema_epoch ON tenantry.tenants
  FOR EACH ROW WHEN (NEW.epoch <> OLD.epoch OR NEW.schema_epoch <> OLD.schema_epoch) EXECUTE FUNCTION tenantry.announce_epoch();

-- Epoch changes in commit order of their sequence, so that a cache that lost its LISTEN can catch up.
CREATE SEQUENCE tenantry.fence_seq;
CREATE TABLE tenantry.fences (
  seq       bigint PRIMARY KEY DEFAULT nextval('tenantry.fence_seq'),
  tenant_id text NOT NULL REFERENCES tenantry.tenants,
  epoch     bigint NOT NULL,
  at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fences_tenant ON tenantry.fences (tenant_id, seq);
