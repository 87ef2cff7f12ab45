-- Exports: what customers take with them. What one is stands in its own manifest; these rows say where it is and until when.

-- The row is written before anything in the store.
CREATE TABLE tenantry.exports (
  id           text PRIMARY KEY DEFAULT tenantry.new_id('exp'),
  tenant_id    text NOT NULL REFERENCES tenantry.tenants,
  operation_id text NOT NULL UNIQUE,
  -- writing: no export yet. complete: it can be fetched. failed: it never will be. expiring: it is being deleted. gone: it is.
  state        text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'complete', 'failed', 'expiring', 'gone')),
  store        text NOT NULL,  -- the store's URL without login and parameters
  format       text NOT NULL CHECK (format IN ('csv', 'ndjson', 'parquet')),
  release      text NOT NULL DEFAULT '',
  object       text,           -- its key in the store
  bytes        bigint,
  sha256       text,
  tables       integer,
  rows         bigint,
  taken_at     timestamptz,    -- of the snapshot, by the node's clock
  created_at   timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz,
  expires_at   timestamptz,    -- set when it is complete
  deleted_at   timestamptz,
  CHECK ((state IN ('complete', 'expiring')) <= (object IS NOT NULL AND sha256 IS NOT NULL AND expires_at IS NOT NULL))
);
CREATE INDEX exports_tenant ON tenantry.exports (tenant_id, created_at DESC);
CREATE INDEX exports_present ON tenantry.exports (expires_at) WHERE state IN ('complete', 'failed', 'expiring');

INSERT INTO tenantry.settings (key, value, description) VALUES
  ('export_keep', '"168:00:00"', 'how long an export can be fetched when its operation does not say, as an interval');

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields) VALUES
  ('export', 'backup', 'tenant', true, 8, true, '{active}',
   '{"tenant": {"type": "tenant", "required": true}, "format": {"type": "word"}, "keep": {"type": "interval"}, "note": {"type": "text"}}'),
  ('import', 'backup', 'tenant', true, 8, true, '{requested,provisioning,failed}',
   '{"file": {"type": "word", "required": true}, "release": {"type": "word"}, "to": {"type": "slug", "required": true}, "name": {"type": "name"},
     "region": {"type": "word"}, "node": {"type": "slug"}, "node_labels": {"type": "labels"}, "labels": {"type": "labels"}}');

-- check_export refuses what cannot be exported so.
CREATE FUNCTION tenantry.check_export(p_args jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
  IF p_args ->> 'format' NOT IN ('csv', 'ndjson', 'parquet') THEN
    PERFORM tenantry.refuse('TY001', 'format', format('format: there is no format %s', tenantry.shown(p_args -> 'format')), 'give csv, ndjson or parquet');
  END IF;
  IF (p_args ->> 'keep')::interval < interval '1 minute' THEN
    PERFORM tenantry.refuse('TY001', 'keep', format('keep: nobody would fetch it within %s', p_args ->> 'keep'), 'give at least 1 minute, such as 7 days');
  END IF;
END
$$;

-- import_tenant asks for a new tenant of an export that was uploaded.
CREATE FUNCTION tenantry.import_tenant(p_args jsonb, p_key text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_kind tenantry.kinds;
  v_op tenantry.operations;
  v_release tenantry.releases;
BEGIN
  SELECT k.* INTO STRICT v_kind FROM tenantry.kinds k WHERE k.kind = 'import';
  v_op := tenantry.asked_before('import', p_key, p_args);
  IF v_op.id IS NOT NULL THEN
    RETURN v_op.id;
  END IF;
  IF p_args ->> 'file' !~ '^imp_[0-9a-f]{24}$' THEN
    PERFORM tenantry.refuse('TY001', 'file', format('file: %s is not the id of an upload', tenantry.shown(p_args -> 'file')),
      'upload the export first: tenantry import FILE --to-new ' || (p_args ->> 'to'));
  END IF;
  SELECT r.* INTO v_release FROM tenantry.releases r WHERE r.name = coalesce(p_args ->> 'release', tenantry.setting('current_release'));
  IF v_release.id IS NULL THEN
    PERFORM tenantry.refuse('TY004', 'release', format('release: %s is not published here', coalesce(tenantry.shown(p_args -> 'release'), 'none')),
      'publish that release first: tenantry release publish DIR --name ' || coalesce(p_args ->> 'release', 'V'));
  END IF;
  RETURN tenantry.append_tenant(v_kind, v_release.id, p_args, p_key);
END
$$;

-- abandon as before, for exports and imports too.
CREATE OR REPLACE FUNCTION tenantry.abandon(p_op tenantry.operations) RETURNS void
LANGUAGE sql
AS $$
  UPDATE tenantry.databases SET state = 'failed'
  WHERE p_op.kind IN ('provision', 'adopt', 'restore', 'import', 'warm') AND id = p_op.database_id AND state = 'building';
  UPDATE tenantry.tenants SET state = 'failed'
  WHERE p_op.kind IN ('provision', 'adopt', 'restore', 'import') AND id = p_op.tenant_id AND state IN ('requested', 'provisioning');
  SELECT tenantry.abandon_adoption(p_op.tenant_id, p_op.database_id) WHERE p_op.kind = 'adopt';
  UPDATE tenantry.backups SET state = 'failed' WHERE p_op.kind = 'backup' AND operation_id = p_op.id AND state = 'writing';
  UPDATE tenantry.exports SET state = 'failed' WHERE p_op.kind = 'export' AND operation_id = p_op.id AND state = 'writing';
  UPDATE tenantry.databases SET state = 'failed'
  WHERE p_op.kind IN ('backup', 'verify_backup', 'restore_tables') AND state = 'scratch' AND id = (SELECT v.database_id FROM tenantry.verifications v WHERE v.operation_id = p_op.id);
  -- Its schema may be there.
  UPDATE tenantry.looks SET expires_at = now() WHERE p_op.kind = 'restore_tables' AND operation_id = p_op.id AND state = 'copying';
  -- A purge that a person has stopped does not come again by itself tomorrow morning: the grace begins anew.
  UPDATE tenantry.tenants SET delete_after = now() + (tenantry.setting('delete_grace'))::interval
  WHERE p_op.kind = 'purge' AND id = p_op.tenant_id AND state = 'deleting' AND delete_after <= now()
$$;
