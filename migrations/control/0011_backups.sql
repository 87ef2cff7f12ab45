-- Backups: copies of tenants' databases in an object store. What they are stands in their manifests there; these rows can be made again from those.

-- The keys with which this installation signs manifests and certificates. The private half is sealed by the workers; the newest signs, all are believed.
CREATE TABLE tenantry.signing_keys (
  id         text PRIMARY KEY,
  public     text NOT NULL,  -- Ed25519, in base64
  sealed     text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- What a tenant's backups are encrypted to. Destroying one is setting sealed to NULL, here and in the store: then they are unreadable wherever they are.
CREATE TABLE tenantry.backup_keys (
  id           text PRIMARY KEY,
  tenant_id    text NOT NULL REFERENCES tenantry.tenants,
  recipient    text NOT NULL,  -- the public half, as age writes it
  sealed       text,
  created_at   timestamptz NOT NULL DEFAULT now(),
  destroyed_at timestamptz,
  CHECK ((sealed IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE UNIQUE INDEX backup_keys_tenant ON tenantry.backup_keys (tenant_id) WHERE destroyed_at IS NULL;

-- The row is written before anything in the store.
CREATE TABLE tenantry.backups (
  id              text PRIMARY KEY DEFAULT tenantry.new_id('bak'),
  tenant_id       text NOT NULL REFERENCES tenantry.tenants,
  operation_id    text UNIQUE,  -- which makes it; NULL for one that was found in the store
  -- writing: no backup yet. complete: its manifest is there. failed: it never will be. expiring: its objects are being deleted. gone: they are.
  state           text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'complete', 'failed', 'expiring', 'gone')),
  store           text NOT NULL,  -- the store's URL without login and parameters
  key_id          text NOT NULL REFERENCES tenantry.backup_keys,
  release         text NOT NULL DEFAULT '',
  taken_at        timestamptz,      -- of the snapshot, by the node's clock
  bytes           bigint,           -- of its objects
  size            bigint,           -- of the database
  tables          integer,
  rows            bigint,
  server_version  integer,
  client_version  text,
  manifest        jsonb,            -- as it was read back from the store
  created_at      timestamptz NOT NULL DEFAULT now(),
  completed_at    timestamptz,
  deleted_at      timestamptz,
  -- What shows that the tenant has not changed since (backup.Evidence); NULL is not known. unchanged_until is up to when it was known last.
  evidence        jsonb,
  unchanged_until timestamptz,
  -- Held: it stays whatever retention says, until it is released.
  held_by         text,
  held_for        text,
  held_at         timestamptz,
  -- unverified, verified, failed: it does not restore, or not to what it should be. Inconclusive looks leave it what it was.
  outcome         text NOT NULL DEFAULT 'unverified' CHECK (outcome IN ('unverified', 'verified', 'failed')),
  verified_at     timestamptz,      -- of the newest look that came through
  verify_detail   text NOT NULL DEFAULT '',
  restore_seconds real,             -- how long it took to restore it
  CHECK ((state IN ('complete', 'expiring', 'gone')) <= (taken_at IS NOT NULL AND manifest IS NOT NULL))
);
CREATE INDEX backups_tenant ON tenantry.backups (tenant_id, taken_at DESC) WHERE state = 'complete';
CREATE INDEX backups_unfinished ON tenantry.backups (id) WHERE state IN ('writing', 'expiring');

-- Databases that operations have for themselves and drop again: a backup is restored into one and compared, to verify it or to copy tables out of it; of a suspended
-- tenant's database, which lets nobody in, one is a copy that is dumped.
CREATE TABLE tenantry.verifications (
  operation_id text PRIMARY KEY,
  backup_id    text NOT NULL REFERENCES tenantry.backups,
  database_id  text NOT NULL REFERENCES tenantry.databases,
  created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX verifications_backup ON tenantry.verifications (backup_id);

-- check_retention refuses what is no policy. retention.Policy is the same in Go.
CREATE FUNCTION tenantry.check_retention(p_field text, p_value jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_part record;
BEGIN
  IF jsonb_typeof(p_value) <> 'object' THEN
    PERFORM tenantry.refuse('TY001', p_field, format('%s: %s is not a policy', p_field, tenantry.shown(p_value)),
      'give an object such as {"last": 3, "daily": 7, "weekly": 4, "monthly": 12, "yearly": 0}');
  END IF;
  FOR v_part IN SELECT key, value FROM jsonb_each(p_value) LOOP
    IF v_part.key NOT IN ('last', 'daily', 'weekly', 'monthly', 'yearly') THEN
      PERFORM tenantry.refuse('TY001', p_field, format('%s: there is no %s', p_field, tenantry.shown(to_jsonb(v_part.key))), 'use last, daily, weekly, monthly, yearly');
    END IF;
    IF jsonb_typeof(v_part.value) <> 'number' OR (v_part.value #>> '{}') !~ '^[0-9]{1,5}$' OR (v_part.value #>> '{}')::integer > 10000 THEN
      PERFORM tenantry.refuse('TY001', p_field, format('%s: %s of %s is not from 0 to 10000', p_field, v_part.key, tenantry.shown(v_part.value)), 'give how many are kept');
    END IF;
  END LOOP;
END
$$;

INSERT INTO tenantry.settings (key, value, description) VALUES
  ('backup_spread',    '"04:00:00"',   'over how long the night''s backups are spread, each tenant at its own time of it, as an interval'),
  ('backup_objective', '"192:00:00"',  'how old a tenant''s newest verified backup may be, as an interval; tenantry backup status counts those over it'),
  ('backup_retention', '{"last": 3, "daily": 7, "weekly": 4, "monthly": 12}',
                                       'how many backups of a tenant are kept: last, daily, weekly, monthly, yearly'),
  ('verify_at_once',   '1',            'how many backups are verified at a time because their time has come; 0 is none'),
  ('verify_period',    '"168:00:00"',  'within how long each tenant''s newest backup is verified at the latest, as an interval'),
  ('verify_node',      '""',           'name of the node on which backups are verified; the tenant''s own if empty'),
  ('backup_unchanged', '"744:00:00"',  'how old the verified backup of a tenant that has not changed since may be for the night to make no other, as an interval; 0 is always'),
  ('retain_replaced',  '"168:00:00"',  'how long the database that a restore in place has replaced is kept, closed, so that it can be undone, as an interval'),
  ('retain_looks',     '"168:00:00"',  'how long tables of a backup that were restored for a look are kept when the operation does not say, as an interval');

-- How long backups are kept, of one tenant or of all with some labels. Of the others the setting backup_retention says it.
CREATE TABLE tenantry.retention (
  tenant_id  text REFERENCES tenantry.tenants,
  labels     jsonb,
  policy     jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((tenant_id IS NULL) <> (labels IS NULL)),
  CHECK (labels <> '{}')
);
CREATE UNIQUE INDEX retention_of ON tenantry.retention (coalesce(tenant_id, ''), coalesce(labels, '{}'));

CREATE FUNCTION tenantry.check_retention_rule() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
  PERFORM tenantry.check_retention('policy', NEW.policy);
  RETURN NEW;
END
$$;
CREATE TRIGGER check_retention_rule BEFORE INSERT OR UPDATE ON tenantry.retention
  FOR EACH ROW EXECUTE FUNCTION tenantry.check_retention_rule();

-- A tenant's database is replaced: by one that a backup was restored into, or, to undo that, by the one that it had before.
CREATE TABLE tenantry.swaps (
  operation_id    text PRIMARY KEY,
  tenant_id       text NOT NULL REFERENCES tenantry.tenants,
  backup_id       text REFERENCES tenantry.backups,  -- NULL where a swap is undone
  old_database_id text NOT NULL REFERENCES tenantry.databases,
  new_database_id text NOT NULL REFERENCES tenantry.databases,
  -- restoring: nothing of the tenant is touched. ready: the new one is complete, from here on it runs to its end. swapped: the tenant lives in the new one.
  state           text NOT NULL DEFAULT 'restoring' CHECK (state IN ('restoring', 'ready', 'swapped', 'given_up')),
  -- Until when the old one is kept, closed, so that the swap can be undone.
  keep_until      timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  swapped_at      timestamptz
);
CREATE INDEX swaps_tenant ON tenantry.swaps (tenant_id, created_at DESC);
CREATE INDEX swaps_kept ON tenantry.swaps (keep_until) WHERE keep_until IS NOT NULL;

-- Tables of a backup, copied for a look into a schema of their own in the tenant's live database. The row is written before the schema.
CREATE TABLE tenantry.looks (
  operation_id text PRIMARY KEY,
  tenant_id    text NOT NULL REFERENCES tenantry.tenants,
  backup_id    text NOT NULL REFERENCES tenantry.backups,
  database_id  text NOT NULL REFERENCES tenantry.databases,  -- it goes with it
  -- Nothing but a schema of such a name is ever dropped.
  schema_name  text NOT NULL CHECK (schema_name ~ '^_tenantry_restored_[a-z0-9_]+$' AND length(schema_name) <= 63),
  -- copying: the schema may be there. there: it is. gone: it is not, or not any more.
  state        text NOT NULL DEFAULT 'copying' CHECK (state IN ('copying', 'there', 'gone')),
  tables       integer,
  rows         bigint,
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz,  -- from then on it is dropped
  dropped_at   timestamptz,
  UNIQUE (database_id, schema_name),
  CHECK ((state = 'there') <= (expires_at IS NOT NULL))
);
CREATE INDEX looks_tenant ON tenantry.looks (tenant_id, created_at DESC);
CREATE INDEX looks_present ON tenantry.looks (expires_at) WHERE state <> 'gone';

-- What was deleted for good: signed documents, for those who ask years later.
CREATE TABLE tenantry.certificates (
  id           text PRIMARY KEY,
  tenant_id    text NOT NULL UNIQUE REFERENCES tenantry.tenants,
  operation_id text NOT NULL,
  document     text NOT NULL,  -- backup.Certificate, signed; byte for byte as it was written
  created_at   timestamptz NOT NULL DEFAULT now()
);

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields) VALUES
  ('backup', 'backup', 'tenant', true, 8, true, '{active,suspended}',
   '{"tenant": {"type": "tenant", "required": true}, "note": {"type": "text"}}'),
  ('verify_backup', 'backup', 'none', true, 5, true, '{}',
   '{"backup": {"type": "word", "required": true}}'),
  ('restore', 'backup', 'tenant', true, 8, true, '{requested,provisioning,failed}',
   '{"backup": {"type": "word", "required": true}, "to": {"type": "slug", "required": true}, "name": {"type": "name"}, "region": {"type": "word"},
     "node": {"type": "slug"}, "node_labels": {"type": "labels"}, "labels": {"type": "labels"}}'),
  ('restore_in_place', 'backup', 'tenant', true, 12, false, '{active,suspended}',
   '{"tenant": {"type": "tenant", "required": true}, "backup": {"type": "word", "required": true}, "confirm": {"type": "slug", "required": true},
     "node": {"type": "slug"}, "lost": {"type": "word"}}'),
  ('undo_restore', 'provision', 'tenant', true, 12, false, '{active}',
   '{"tenant": {"type": "tenant", "required": true}, "confirm": {"type": "slug", "required": true}}'),
  ('restore_tables', 'backup', 'tenant', true, 8, true, '{active}',
   '{"tenant": {"type": "tenant", "required": true}, "backup": {"type": "word", "required": true}, "tables": {"type": "tables", "required": true},
     "keep": {"type": "interval"}}'),
  ('drop_restored_tables', 'backup', 'tenant', true, 8, true, '{active}',
   '{"tenant": {"type": "tenant", "required": true}, "schema": {"type": "text"}}'),
  ('expire_backups', 'backup', 'none', true, 8, true, '{}', '{}'),
  ('return_node', 'backup', 'none', true, 8, true, '{}', '{"node": {"type": "slug", "required": true}}'),
  ('cover_backups', 'backup', 'none', true, 5, true, '{}', '{"only": {"type": "tenant"}}');

INSERT INTO tenantry.schedules (name, kind, expression, does) VALUES
  ('night', 'cover_backups', '0 1 * * *', 'begins the night''s backups: who has not changed needs none, the others are backed up within backup_spread'),
  ('expire', 'expire_backups', '30 6 * * *', 'deletes the backups that retention does not keep, exports whose time is over, and leftovers'),
  ('verify', NULL, '* * * * *', 'asks to verify backups whose time has come, verify_at_once at a time'),
  ('replaced', NULL, '*/5 * * * *', 'lets go of databases that a restore in place has replaced, when retain_replaced is over'),
  ('looks', NULL, '*/5 * * * *', 'asks to drop tables that were restored for a look and whose time is over');

-- complete_backup finds a backup that can be restored.
CREATE FUNCTION tenantry.complete_backup(p_backup text) RETURNS tenantry.backups
LANGUAGE plpgsql
AS $$
DECLARE
  v tenantry.backups;
BEGIN
  SELECT b.* INTO v FROM tenantry.backups b WHERE b.id = p_backup;
  IF v.id IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'backup', format('backup: there is no backup %s', tenantry.shown(to_jsonb(p_backup))), 'see tenantry backup list');
  END IF;
  IF v.state <> 'complete' THEN
    PERFORM tenantry.refuse('TY003', 'backup', format('backup: %s is %s', v.id, v.state), 'see tenantry backup list');
  END IF;
  IF EXISTS (SELECT FROM tenantry.backup_keys k WHERE k.id = v.key_id AND k.destroyed_at IS NOT NULL) THEN
    PERFORM tenantry.refuse('TY003', 'backup', format('backup: the key of %s was destroyed, nobody can read it any more', v.id), 'see tenantry backup list');
  END IF;
  RETURN v;
END
$$;

-- refuse_held refuses to delete a tenant of which a backup is held.
CREATE FUNCTION tenantry.refuse_held(p_tenant tenantry.tenants) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v tenantry.backups;
BEGIN
  SELECT b.* INTO v FROM tenantry.backups b WHERE b.tenant_id = p_tenant.id AND b.state = 'complete' AND b.held_by IS NOT NULL ORDER BY b.id LIMIT 1;
  IF v.id IS NOT NULL THEN
    PERFORM tenantry.refuse('TY003', 'tenant', format('tenant: backup %s of %s is held by %s: %s', v.id, p_tenant.slug, v.held_by, coalesce(v.held_for, '')),
      'purging deletes it: tenantry backup release ' || v.id || ' first');
  END IF;
END
$$;

-- check_in_place refuses a restore into a tenant of another tenant's backup, or to a node that is not there.
CREATE FUNCTION tenantry.check_in_place(p_tenant tenantry.tenants, p_args jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v tenantry.backups := tenantry.complete_backup(p_args ->> 'backup');
BEGIN
  IF v.tenant_id <> p_tenant.id THEN
    PERFORM tenantry.refuse('TY003', 'backup', format('backup: %s is one of another tenant', v.id), 'restore it as a new tenant, or see tenantry backup list ' || p_tenant.slug);
  END IF;
  IF p_args ? 'node' AND NOT EXISTS (SELECT FROM tenantry.nodes n WHERE n.name = p_args ->> 'node' AND n.state = 'active') THEN
    PERFORM tenantry.refuse('TY002', 'node', format('node: there is no active node %s', tenantry.shown(p_args -> 'node')), 'see tenantry node list');
  END IF;
  PERFORM tenantry.refuge(p_tenant.database_id, p_args ->> 'node');
END
$$;

-- refuge is the node on which a tenant's database is restored: the one that is asked for, else its own; where that is lost, another one of the same region.
CREATE FUNCTION tenantry.refuge(p_database text, p_node text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  v record;
BEGIN
  SELECT n.id, n.state, n.region, d.release_id INTO v FROM tenantry.databases d JOIN tenantry.nodes n ON n.id = d.node_id WHERE d.id = p_database;
  IF p_node IS NULL AND v.state <> 'lost' THEN
    RETURN v.id;
  END IF;
  IF p_node IS NOT NULL THEN
    RETURN (SELECT n.id FROM tenantry.nodes n WHERE n.name = p_node);
  END IF;
  RETURN (SELECT p.node_id FROM tenantry.place(v.release_id, NULL, nullif(v.region, ''), NULL) p);
END
$$;

-- check_look refuses to restore tables of another tenant's backup or for no time at all, and to drop what was not restored.
CREATE FUNCTION tenantry.check_look(p_tenant tenantry.tenants, p_args jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_args ? 'backup' THEN
    PERFORM tenantry.check_in_place(p_tenant, p_args);
  END IF;
  IF (p_args ->> 'keep')::interval < interval '1 minute' THEN
    PERFORM tenantry.refuse('TY001', 'keep', format('keep: nobody would look within %s', p_args ->> 'keep'), 'give at least 1 minute, such as 2 days');
  END IF;
  IF p_args ? 'schema' AND NOT EXISTS (
       SELECT FROM tenantry.looks l
       WHERE l.tenant_id = p_tenant.id AND l.database_id = p_tenant.database_id AND l.schema_name = p_args ->> 'schema' AND l.state <> 'gone') THEN
    PERFORM tenantry.refuse('TY002', 'schema', format('schema: %s has no restored tables in %s', p_tenant.slug, tenantry.shown(p_args -> 'schema')),
      'see tenantry backup looks ' || p_tenant.slug);
  END IF;
END
$$;

-- looks_due asks to drop what was restored for a look and whose time is over, and returns how many. What fails is asked for again after an hour. A tenant
-- that is not active waits; where the look's database is not the tenant's any more, it comes back with it or goes with it.
CREATE FUNCTION tenantry.looks_due() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_look record;
  v_asked integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('tenantry.looks_due', 0)) THEN
    RETURN 0;
  END IF;
  UPDATE tenantry.looks l SET state = 'gone', dropped_at = now()
  FROM tenantry.databases d
  WHERE l.state <> 'gone' AND d.id = l.database_id AND d.state = 'dropped';
  PERFORM set_config('tenantry.requested_by', 'tenantry', true);
  FOR v_look IN
    SELECT l.tenant_id, l.schema_name
    FROM tenantry.looks l
    JOIN tenantry.tenants t ON t.id = l.tenant_id AND t.database_id = l.database_id
    WHERE l.state <> 'gone' AND l.expires_at <= now() AND t.state = 'active'
      -- One that failed may just have been given back to the workers.
      AND NOT EXISTS (SELECT FROM tenantry.operations o WHERE o.id = l.operation_id AND o.finished_at IS NULL)
      AND NOT EXISTS (
        SELECT FROM tenantry.operations o
        WHERE o.tenant_id = l.tenant_id AND o.kind = 'drop_restored_tables' AND coalesce(o.args ->> 'schema', l.schema_name) = l.schema_name
          AND (o.finished_at IS NULL OR (o.state <> 'succeeded' AND o.finished_at > now() - interval '1 hour')))
    ORDER BY l.tenant_id, l.operation_id
    LIMIT 100
  LOOP
    PERFORM tenantry.submit_as('drop_restored_tables', jsonb_build_object('tenant', v_look.tenant_id, 'schema', v_look.schema_name), NULL, false);
    v_asked := v_asked + 1;
  END LOOP;
  RETURN v_asked;
END
$$;

-- let_go_replaced gives databases that are kept after a restore in place, and no longer need be, to the refill, which drops them. It returns how many.
CREATE FUNCTION tenantry.let_go_replaced() RETURNS integer
LANGUAGE sql
SET search_path = pg_catalog
AS $$
  WITH over AS (
    UPDATE tenantry.swaps SET keep_until = NULL WHERE keep_until < now() AND state = 'swapped' RETURNING old_database_id
  ), gone AS (
    UPDATE tenantry.databases d SET state = 'failed', tenant_id = NULL FROM over WHERE d.id = over.old_database_id AND d.state = 'retained' RETURNING d.id
  )
  SELECT count(*)::integer FROM gone
$$;

-- append_tenant asks for an operation that makes the new tenant p_args.to, at a release, on a node that fits.
CREATE FUNCTION tenantry.append_tenant(p_kind tenantry.kinds, p_release text, p_args jsonb, p_key text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  v_place record;
  v_tenant text := tenantry.new_id('tnt');
  v_database text;
  v_slug text := p_args ->> 'to';
BEGIN
  SELECT p.* INTO v_place FROM tenantry.place(p_release, p_args ->> 'node', p_args ->> 'region', p_args -> 'node_labels') p;
  INSERT INTO tenantry.databases (node_id, release_id, tenant_id) VALUES (v_place.node_id, p_release, v_tenant) RETURNING id INTO v_database;
  INSERT INTO tenantry.tenants (id, slug, name, labels, database_id)
  VALUES (v_tenant, v_slug, coalesce(p_args ->> 'name', v_slug), coalesce(p_args -> 'labels', '{}'), v_database)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    PERFORM tenantry.refuse('TY003', 'to', format('to: tenant %s exists', v_slug), 'choose another slug, or see tenantry tenant show ' || v_slug);
  END IF;
  RETURN tenantry.append(p_kind, p_args, p_key, tenantry.asker(), v_tenant, v_database);
END
$$;

-- restore_tenant asks for a new tenant of what a backup holds. Nothing of the tenant that the backup is of is touched.
CREATE FUNCTION tenantry.restore_tenant(p_args jsonb, p_key text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_kind tenantry.kinds;
  v_op tenantry.operations;
  v_backup tenantry.backups;
  v_release text;
BEGIN
  SELECT k.* INTO STRICT v_kind FROM tenantry.kinds k WHERE k.kind = 'restore';
  v_op := tenantry.asked_before('restore', p_key, p_args);
  IF v_op.id IS NOT NULL THEN
    RETURN v_op.id;
  END IF;
  v_backup := tenantry.complete_backup(p_args ->> 'backup');
  SELECT r.id INTO v_release FROM tenantry.releases r WHERE r.name = v_backup.release;
  IF v_release IS NULL THEN
    PERFORM tenantry.refuse('TY004', 'backup', format('backup: it is at release %s, which is not published here', tenantry.shown(to_jsonb(v_backup.release))),
      'publish that release first: tenantry release publish DIR --name ' || v_backup.release);
  END IF;
  RETURN tenantry.append_tenant(v_kind, v_release, p_args, p_key);
END
$$;

-- backups_due asks for the backups of the newest night whose time has come, and returns how many. The night has begun by looking who has not changed (cover_backups); who
-- does not answer within half an hour is not waited for. Each tenant has its own time within the spread, always the same:
-- a night that was missed is made up for as soon as a worker is there again, once. Tenants that have not changed are not backed up again.
CREATE FUNCTION tenantry.backups_due() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_spread interval := tenantry.setting('backup_spread')::interval;
  v_slot timestamptz;
  v_tenant record;
  v_asked integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('tenantry.backups_due', 0)) THEN
    RETURN 0;
  END IF;
  PERFORM set_config('tenantry.requested_by', 'tenantry', true);
  -- A night is over when the next begins. One that has begun goes on although the schedule is switched off meanwhile.
  SELECT s.slot, least(v_spread, n.next_at - s.slot) INTO v_slot, v_spread
  FROM tenantry.schedules n
  JOIN LATERAL (
    SELECT l.* FROM tenantry.slots l WHERE l.schedule = n.name AND l.operation_id IS NOT NULL AND l.slot > now() - interval '8 days' ORDER BY l.slot DESC LIMIT 1
  ) s ON true
  JOIN tenantry.operations o ON o.id = s.operation_id
  WHERE n.name = 'night' AND (o.finished_at IS NOT NULL OR o.created_at < now() - interval '30 minutes');
  IF v_slot IS NULL THEN
    RETURN 0;
  END IF;
  FOR v_tenant IN
    SELECT t.id, 'night/' || t.id || '/' || to_char(v_slot AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') AS key
    FROM tenantry.tenants t
    JOIN tenantry.databases d ON d.id = t.database_id
    JOIN tenantry.nodes n ON n.id = d.node_id AND n.state <> 'lost'
    WHERE t.state IN ('active', 'suspended') AND t.activated_at < v_slot
      AND v_slot + v_spread * ((hashtextextended(t.id, 0) & 65535) / 65536.0) <= now()
      AND NOT EXISTS (
        -- What was committed within the last minutes before it is not counted yet.
        SELECT FROM tenantry.backups b
        WHERE b.tenant_id = t.id AND b.state = 'complete' AND (b.taken_at >= v_slot OR (b.outcome = 'verified' AND b.unchanged_until >= v_slot - interval '10 minutes')))
    ORDER BY t.id
  LOOP
    CONTINUE WHEN EXISTS (SELECT FROM tenantry.operations o WHERE o.kind = 'backup' AND o.idempotency_key = v_tenant.key);
    PERFORM tenantry.submit_as('backup', jsonb_build_object('tenant', v_tenant.id, 'note', 'nightly'), v_tenant.key, false);
    v_asked := v_asked + 1;
  END LOOP;
  RETURN v_asked;
END
$$;

-- verifications_due asks to verify the newest backup of tenants for which that was not done within the period: a few at a time, those first that wait
-- for longest, so that a night's backups do not all come back at once.
CREATE FUNCTION tenantry.verifications_due() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_period interval := tenantry.setting('verify_period')::interval;
  v_backup record;
  v_under_way integer := (SELECT count(*) FROM tenantry.operations o WHERE o.kind = 'verify_backup' AND o.finished_at IS NULL);
  v_asked integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('tenantry.verifications_due', 0)) THEN
    RETURN 0;
  END IF;
  PERFORM set_config('tenantry.requested_by', 'tenantry', true);
  FOR v_backup IN
    SELECT n.id
    FROM tenantry.tenants t
    CROSS JOIN LATERAL (
      SELECT b.id, b.outcome, b.taken_at FROM tenantry.backups b WHERE b.tenant_id = t.id AND b.state = 'complete' ORDER BY b.taken_at DESC LIMIT 1
    ) n
    LEFT JOIN LATERAL (
      SELECT max(b.verified_at) AS at FROM tenantry.backups b WHERE b.tenant_id = t.id AND b.state = 'complete' AND b.outcome = 'verified'
    ) last ON true
    WHERE t.state <> 'deleted' AND n.outcome = 'unverified'
      AND (last.at IS NULL OR last.at < now() - v_period)
      AND NOT EXISTS (SELECT FROM tenantry.operations o WHERE o.kind = 'verify_backup' AND o.idempotency_key = 'verify/' || n.id)
    ORDER BY last.at NULLS FIRST, n.taken_at
    LIMIT greatest(tenantry.setting('verify_at_once')::integer - v_under_way, 0)
  LOOP
    PERFORM tenantry.submit_as('verify_backup', jsonb_build_object('backup', v_backup.id), 'verify/' || v_backup.id, false);
    v_asked := v_asked + 1;
  END LOOP;
  RETURN v_asked;
END
$$;

-- abandon as before, for backups too. What a verification has made is cleared away by the next refill.
CREATE OR REPLACE FUNCTION tenantry.abandon(p_op tenantry.operations) RETURNS void
LANGUAGE sql
AS $$
  UPDATE tenantry.databases SET state = 'failed'
  WHERE p_op.kind IN ('provision', 'adopt', 'restore', 'warm') AND id = p_op.database_id AND state = 'building';
  UPDATE tenantry.tenants SET state = 'failed'
  WHERE p_op.kind IN ('provision', 'adopt', 'restore') AND id = p_op.tenant_id AND state IN ('requested', 'provisioning');
  SELECT tenantry.abandon_adoption(p_op.tenant_id, p_op.database_id) WHERE p_op.kind = 'adopt';
  UPDATE tenantry.backups SET state = 'failed' WHERE p_op.kind = 'backup' AND operation_id = p_op.id AND state = 'writing';
  UPDATE tenantry.databases SET state = 'failed'
  WHERE p_op.kind IN ('backup', 'verify_backup', 'restore_tables') AND state = 'scratch' AND id = (SELECT v.database_id FROM tenantry.verifications v WHERE v.operation_id = p_op.id);
  -- Its schema may be there.
  UPDATE tenantry.looks SET expires_at = now() WHERE p_op.kind = 'restore_tables' AND operation_id = p_op.id AND state = 'copying';
  -- A purge that a person has stopped does not come again by itself tomorrow morning: the grace begins anew.
  UPDATE tenantry.tenants SET delete_after = now() + (tenantry.setting('delete_grace'))::interval
  WHERE p_op.kind = 'purge' AND id = p_op.tenant_id AND state = 'deleting' AND delete_after <= now()
$$;
