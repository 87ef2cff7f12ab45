-- Adoption: a database that another tool has made and migrated becomes a tenant's. Until it is taken over it is somebody else's database, which
-- nothing here may drop: the row in adoptions says so, and provision.Drop looks at it.

CREATE TABLE tenantry.adoptions (
  database_id   text PRIMARY KEY REFERENCES tenantry.databases,
  node_id       text NOT NULL REFERENCES tenantry.nodes,
  -- The database's own name, which it has until it is taken over, and again when that is given up.
  source        text NOT NULL CHECK (length(source) BETWEEN 1 AND 63),
  -- open: not begun, or given up; nothing of the database is changed. closing: from here on it may be closed, or have its new name.
  -- taken: it is a tenant's like any other. undone: the tenant was purged before that; the database is what it was.
  state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closing', 'taken', 'undone')),
  -- The newest operation that adopts it.
  operation_id  text NOT NULL,
  -- Where its tool keeps its history, once that was read: what a comparison of schemas leaves out.
  history_table text NOT NULL DEFAULT '',
  -- What giving up needs to know (provision.Foreign): who owned it and who might do what.
  before        jsonb,
  -- What was found: provision's and adopt's words for people.
  report        jsonb,
  created_at    timestamptz NOT NULL DEFAULT now(),
  taken_at      timestamptz
);
-- No database is adopted twice at a time. After it is taken over its old name may be used again.
CREATE UNIQUE INDEX adoptions_source ON tenantry.adoptions (node_id, source) WHERE state IN ('open', 'closing');

-- Databases in which a release's first files are applied, to be compared with one that is adopted. The row is there before the database and
-- until after it: whoever makes the next one on the node drops what a dead worker has left.
CREATE TABLE tenantry.scratches (
  name       text PRIMARY KEY DEFAULT replace(tenantry.new_database_name(), 't_', 'tpl_'),
  node_id    text NOT NULL REFERENCES tenantry.nodes,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX scratches_node ON tenantry.scratches (node_id);

-- What a schema looks like after some files, so that three hundred databases at one release cost one scratch.
CREATE TABLE tenantry.adoption_schemas (
  key        text PRIMARY KEY,  -- hex SHA-256 over the files' checksums and the server's major version
  schema     jsonb NOT NULL,
  seen_at    timestamptz NOT NULL DEFAULT now()
);

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields) VALUES
  ('adopt', 'provision', 'tenant', false, 8, true, '{requested,provisioning,failed}',
   '{"slug": {"type": "slug", "required": true}, "database": {"type": "text", "required": true}, "node": {"type": "slug", "required": true},
     "name": {"type": "name"}, "labels": {"type": "labels"}, "release": {"type": "word"}, "history_table": {"type": "text"},
     "accept_drift": {"type": "text"}}'),
  -- Looks only: what adopting would find.
  ('adopt_check', 'provision', 'none', false, 5, true, '{}',
   '{"database": {"type": "text", "required": true}, "node": {"type": "slug", "required": true}, "release": {"type": "word"},
     "history_table": {"type": "text"}}'),
  -- Gives a database back that an adoption has left closed.
  ('unadopt', 'provision', 'tenant', false, 12, false, '{failed}',
   '{"tenant": {"type": "tenant", "required": true}}');

-- adopt_tenant asks for an adoption. Asking again for one that failed begins it anew, with what was said now; for one under way or done it gives
-- that one: a loop over hundreds of databases can be run again.
CREATE FUNCTION tenantry.adopt_tenant(p_args jsonb, p_key text DEFAULT NULL)
RETURNS TABLE (tenant_id text, operation_id text, state text, created boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
  v_kind tenantry.kinds;
  v_op tenantry.operations;
  v_slug text := p_args ->> 'slug';
  v_source text := p_args ->> 'database';
  v_node tenantry.nodes;
  v_release text;
  v_tenant tenantry.tenants;
  v_adoption tenantry.adoptions;
  v_other text;
  v_database text;
BEGIN
  SELECT k.* INTO STRICT v_kind FROM tenantry.kinds k WHERE k.kind = 'adopt';
  PERFORM tenantry.check_args(v_kind, p_args);
  v_op := tenantry.asked_before('adopt', p_key, p_args);
  IF v_op.id IS NOT NULL THEN
    RETURN QUERY SELECT t.id, v_op.id, t.state, false FROM tenantry.tenants t WHERE t.id = v_op.tenant_id;
    RETURN;
  END IF;
  SELECT n.* INTO v_node FROM tenantry.nodes n WHERE n.name = p_args ->> 'node';
  IF v_node.id IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'node', format('node: there is no node %s', tenantry.shown(p_args -> 'node')), 'see tenantry node list');
  END IF;
  IF v_node.state = 'adding' THEN
    PERFORM tenantry.refuse('TY004', 'node', format('node: the bootstrap of %s has not finished', v_node.name), 'tenantry node add again');
  END IF;
  IF v_source ~ '^(t|tpl)_[0-9a-f]{22}$' THEN
    PERFORM tenantry.refuse('TY001', 'database', format('database: %s has the name of one that Tenantry made', tenantry.shown(to_jsonb(v_source))), 'see tenantry tenant list');
  END IF;
  IF length(v_source) NOT BETWEEN 1 AND 63 THEN
    PERFORM tenantry.refuse('TY001', 'database', format('database: %s is no name of a database', tenantry.shown(to_jsonb(v_source))), 'give its name as in psql -l');
  END IF;
  -- Where it stands is found out later; the row needs one.
  SELECT r.id INTO v_release FROM tenantry.releases r
  WHERE (NOT p_args ? 'release' OR r.name = p_args ->> 'release') AND r.withdrawn_at IS NULL
  ORDER BY r.seq DESC LIMIT 1;
  IF v_release IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'release', format('release: there is no release %s', coalesce(p_args ->> 'release', 'at all')),
      'tenantry release publish DIR --name V, of the folder that was applied');
  END IF;

  SELECT t.* INTO v_tenant FROM tenantry.tenants t WHERE t.slug = v_slug AND t.state <> 'deleted' FOR NO KEY UPDATE;
  IF v_tenant.id IS NOT NULL THEN
    SELECT a.* INTO v_adoption FROM tenantry.adoptions a WHERE a.database_id = v_tenant.database_id;
    IF v_adoption.database_id IS NULL OR (v_adoption.node_id, v_adoption.source) <> (v_node.id, v_source) THEN
      PERFORM tenantry.refuse('TY003', 'slug', format('slug: tenant %s exists and is another', v_slug), 'choose another slug, or see tenantry tenant show ' || v_slug);
    END IF;
    IF v_adoption.state = 'taken' OR v_tenant.current_operation_id IS NOT NULL THEN
      RETURN QUERY SELECT v_tenant.id, v_adoption.operation_id, v_tenant.state, false;
      RETURN;
    END IF;
    IF v_tenant.state <> 'failed' THEN
      PERFORM tenantry.refuse('TY003', 'slug', format('slug: tenant %s is %s', v_slug, v_tenant.state), 'see tenantry tenant show ' || v_slug);
    END IF;
    UPDATE tenantry.tenants t
    SET name = coalesce(p_args ->> 'name', t.name), labels = coalesce(p_args -> 'labels', t.labels)
    WHERE t.id = v_tenant.id;
    v_database := v_tenant.database_id;
  ELSE
    SELECT t.slug INTO v_other
    FROM tenantry.adoptions a
    JOIN tenantry.databases d ON d.id = a.database_id
    JOIN tenantry.tenants t ON t.id = d.tenant_id
    WHERE a.node_id = v_node.id AND a.source = v_source AND a.state IN ('open', 'closing');
    IF v_other IS NOT NULL THEN
      PERFORM tenantry.refuse('TY003', 'database', format('database: %s is being adopted as tenant %s', v_source, v_other), 'see tenantry tenant show ' || v_other);
    END IF;
    v_tenant.id := tenantry.new_id('tnt');
    INSERT INTO tenantry.databases (node_id, release_id, tenant_id) VALUES (v_node.id, v_release, v_tenant.id) RETURNING id INTO v_database;
    BEGIN
      INSERT INTO tenantry.tenants (id, slug, name, labels, database_id)
      VALUES (v_tenant.id, v_slug, coalesce(p_args ->> 'name', v_slug), coalesce(p_args -> 'labels', '{}'), v_database);
      INSERT INTO tenantry.adoptions (database_id, node_id, source, operation_id) VALUES (v_database, v_node.id, v_source, '');
    EXCEPTION WHEN unique_violation THEN
      PERFORM tenantry.refuse('TY003', 'slug', format('slug: tenant %s, or an adoption of %s, was asked for at the same moment', v_slug, v_source), 'ask again');
    END;
  END IF;
  v_op.id := tenantry.append(v_kind, p_args, p_key, tenantry.asker(), v_tenant.id, v_database);
  UPDATE tenantry.adoptions a SET operation_id = v_op.id WHERE a.database_id = v_database;
  RETURN QUERY SELECT v_tenant.id, v_op.id, coalesce(v_tenant.state, 'requested'), v_tenant.slug IS NULL;
END
$$;

-- check_adoption asks for a look.
CREATE FUNCTION tenantry.check_adoption(p_args jsonb, p_key text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_kind tenantry.kinds;
  v_op tenantry.operations;
BEGIN
  SELECT k.* INTO STRICT v_kind FROM tenantry.kinds k WHERE k.kind = 'adopt_check';
  PERFORM tenantry.check_args(v_kind, p_args);
  v_op := tenantry.asked_before('adopt_check', p_key, p_args);
  RETURN coalesce(v_op.id, tenantry.append(v_kind, p_args, p_key, tenantry.asker()));
END
$$;

-- abandon_adoption asks for what an adoption has left closed to be given back. The caller has ended its operation.
CREATE FUNCTION tenantry.abandon_adoption(p_tenant text, p_database text) RETURNS void
LANGUAGE sql
AS $$
  SELECT tenantry.append(k, jsonb_build_object('tenant', p_tenant), NULL, 'tenantry', p_tenant, p_database)
  FROM tenantry.kinds k
  JOIN tenantry.adoptions a ON a.database_id = p_database AND a.state = 'closing'
  WHERE k.kind = 'unadopt'
$$;

-- abandon as before, for adoptions too: a cancelled one fails its tenant and does not leave a database closed.
CREATE OR REPLACE FUNCTION tenantry.abandon(p_op tenantry.operations) RETURNS void
LANGUAGE sql
AS $$
  UPDATE tenantry.databases SET state = 'failed'
  WHERE p_op.kind IN ('provision', 'adopt', 'warm') AND id = p_op.database_id AND state = 'building';
  UPDATE tenantry.tenants SET state = 'failed'
  WHERE p_op.kind IN ('provision', 'adopt') AND id = p_op.tenant_id AND state IN ('requested', 'provisioning');
  SELECT tenantry.abandon_adoption(p_op.tenant_id, p_op.database_id) WHERE p_op.kind = 'adopt';
  -- A purge that a person has stopped does not come again by itself tomorrow morning: the grace begins anew.
  UPDATE tenantry.tenants SET delete_after = now() + (tenantry.setting('delete_grace'))::interval
  WHERE p_op.kind = 'purge' AND id = p_op.tenant_id AND state = 'deleting' AND delete_after <= now()
$$;
