-- The doors: what an API calls, in its own transaction, in any language. Go's package jobs calls the same functions.

CREATE FUNCTION tenantry.setting(p_key text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT value #>> '{}' FROM tenantry.settings WHERE key = p_key
$$;

-- asker names who asks: the API may say for whom with SET LOCAL tenantry.requested_by, else it is the session's user.
CREATE FUNCTION tenantry.asker() RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT left(coalesce(nullif(current_setting('tenantry.requested_by', true), ''), session_user), 200)
$$;

-- asked_before finds the operation of an idempotency key. The transaction lock makes a second caller with the same key
-- wait for the first one's commit; asking the same twice gives the same operation, another question is refused.
CREATE FUNCTION tenantry.asked_before(p_kind text, p_key text, p_args jsonb) RETURNS tenantry.operations
LANGUAGE plpgsql
AS $$
DECLARE
  v_op tenantry.operations;
BEGIN
  IF p_key IS NULL THEN
    RETURN NULL;
  END IF;
  IF length(p_key) NOT BETWEEN 1 AND 200 THEN
    PERFORM tenantry.refuse('TY001', 'idempotency_key', format('idempotency_key: %s characters', length(p_key)), 'give 1 to 200 characters');
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('tenantry.key/' || p_kind || '/' || p_key, 0));
  SELECT o.* INTO v_op FROM tenantry.operations o WHERE o.kind = p_kind AND o.idempotency_key = p_key;
  IF v_op.id IS NOT NULL AND v_op.args <> p_args THEN
    PERFORM tenantry.refuse('TY003', 'idempotency_key',
      format('idempotency_key: %s was used for another %s (%s)', tenantry.shown(to_jsonb(p_key)), p_kind, v_op.id),
      'use a new key for a new request, or the same arguments for the same one');
  END IF;
  RETURN v_op;
END
$$;

-- place chooses where a new tenant lives: a warm database first, among the nodes that fit the one with the most room.
-- v_database is NULL when no node that fits has a warm one; then the node with the most room builds it.
CREATE FUNCTION tenantry.place(p_release text, p_node text, p_region text, p_node_labels jsonb, OUT node_id text, OUT database_id text)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
  v_node record;
BEGIN
  FOR v_node IN
    SELECT n.id, n.max_tenants, used.homes
    FROM tenantry.nodes n
    LEFT JOIN LATERAL (
      SELECT count(*) AS homes FROM tenantry.databases d
      WHERE d.node_id = n.id AND d.state IN ('assigned', 'building', 'failed') AND d.tenant_id IS NOT NULL
    ) used ON true
    WHERE n.state = 'active'
      AND (p_node IS NULL OR n.name = p_node)
      AND (p_region IS NULL OR n.region = p_region)
      AND (p_node_labels IS NULL OR n.labels @> p_node_labels)
      AND (n.max_tenants IS NULL OR used.homes < n.max_tenants)
    ORDER BY used.homes::float8 / coalesce(n.max_tenants, 1000), n.name
  LOOP
    -- Near a node's limit its places are counted one caller at a time, or two could take the last one.
    IF v_node.homes > v_node.max_tenants - 100 THEN
      PERFORM pg_advisory_xact_lock(hashtextextended('tenantry.place', 0));
      CONTINUE WHEN v_node.max_tenants <= (
        SELECT count(*) FROM tenantry.databases d
        WHERE d.node_id = v_node.id AND d.state IN ('assigned', 'building', 'failed') AND d.tenant_id IS NOT NULL);
    END IF;
    node_id := coalesce(node_id, v_node.id);
    SELECT d.id INTO database_id
    FROM tenantry.databases d
    WHERE d.state = 'warm' AND d.release_id = p_release AND d.node_id = v_node.id
    ORDER BY d.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED;
    IF database_id IS NOT NULL THEN
      node_id := v_node.id;
      RETURN;
    END IF;
  END LOOP;
  IF node_id IS NOT NULL THEN
    RETURN;
  END IF;
  IF p_node IS NOT NULL AND NOT EXISTS (SELECT FROM tenantry.nodes n WHERE n.name = p_node) THEN
    PERFORM tenantry.refuse('TY002', 'node', format('node: there is no node %s', tenantry.shown(to_jsonb(p_node))), 'see tenantry node list');
  END IF;
  PERFORM tenantry.refuse('TY004', CASE WHEN p_node IS NOT NULL THEN 'node' WHEN p_region IS NOT NULL THEN 'region' ELSE 'node_labels' END,
    'no active node with room fits' || coalesce(' node ' || p_node, '') || coalesce(' region ' || p_region, '') || coalesce(' labels ' || p_node_labels::text, ''),
    'see tenantry node list; add a node or raise its --max-tenants');
END
$$;

-- create_tenant makes a tenant in the caller's transaction. With a warm database on a node that fits, the tenant is
-- active at commit and no node was contacted; at rollback the database is warm again. Otherwise the tenant is requested
-- and a worker makes its database.
CREATE FUNCTION tenantry.create_tenant(
  p_slug text, p_name text DEFAULT NULL, p_region text DEFAULT NULL, p_labels jsonb DEFAULT NULL,
  p_node text DEFAULT NULL, p_node_labels jsonb DEFAULT NULL, p_idempotency_key text DEFAULT NULL
) RETURNS TABLE (tenant_id text, operation_id text, state text, node text, database text, created boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
  v_args jsonb := jsonb_strip_nulls(jsonb_build_object('slug', p_slug, 'name', p_name, 'region', p_region,
                    'labels', p_labels, 'node', p_node, 'node_labels', p_node_labels));
  v_kind tenantry.kinds;
  v_op tenantry.operations;
  v_release text;
  v_place record;
  v_tenant text := tenantry.new_id('tnt');
  v_operation text;
  v_warm boolean;
  v_database_name text;
  v_node_name text;
BEGIN
  SELECT k.* INTO STRICT v_kind FROM tenantry.kinds k WHERE k.kind = 'provision';
  PERFORM tenantry.check_args(v_kind, v_args);
  v_op := tenantry.asked_before('provision', p_idempotency_key, v_args);
  IF v_op.id IS NOT NULL THEN
    RETURN QUERY
      SELECT t.id, v_op.id, t.state, n.name, d.name, false
      FROM tenantry.tenants t
      JOIN tenantry.databases d ON d.id = t.database_id
      JOIN tenantry.nodes n ON n.id = d.node_id
      WHERE t.id = v_op.tenant_id;
    RETURN;
  END IF;

  SELECT r.id INTO v_release FROM tenantry.releases r WHERE r.name = tenantry.setting('current_release');
  IF v_release IS NULL THEN
    PERFORM tenantry.refuse('TY004', 'release', 'no release is published, so a new tenant would have no schema',
      'tenantry release publish DIR --name V');
  END IF;
  SELECT p.* INTO v_place FROM tenantry.place(v_release, p_node, p_region, p_node_labels) p;

  v_warm := v_place.database_id IS NOT NULL;
  IF v_warm THEN
    INSERT INTO tenantry.tenants (id, slug, name, state, labels, database_id, activated_at)
    VALUES (v_tenant, p_slug, coalesce(p_name, p_slug), 'active', coalesce(p_labels, '{}'), v_place.database_id, now())
    ON CONFLICT DO NOTHING;
  ELSE
    INSERT INTO tenantry.databases (node_id, release_id, tenant_id)
    VALUES (v_place.node_id, v_release, v_tenant)
    RETURNING id INTO v_place.database_id;
    INSERT INTO tenantry.tenants (id, slug, name, labels, database_id)
    VALUES (v_tenant, p_slug, coalesce(p_name, p_slug), coalesce(p_labels, '{}'), v_place.database_id)
    ON CONFLICT DO NOTHING;
  END IF;
  IF NOT FOUND THEN
    PERFORM tenantry.refuse('TY003', 'slug', format('slug: tenant %s exists', p_slug), 'choose another slug, or see tenantry tenant show ' || p_slug);
  END IF;

  SELECT d.name, n.name INTO v_database_name, v_node_name
  FROM tenantry.databases d
  JOIN tenantry.nodes n ON n.id = d.node_id
  WHERE d.id = v_place.database_id;
  IF v_warm THEN
    UPDATE tenantry.databases d
    SET state = 'assigned', tenant_id = v_tenant, assigned_at = now()
    WHERE d.id = v_place.database_id;
    v_operation := tenantry.new_id('op');
    INSERT INTO tenantry.operations (id, kind, tenant_id, database_id, args, idempotency_key, state, step, requested_by, result, started_at, finished_at)
    VALUES (v_operation, 'provision', v_tenant, v_place.database_id, v_args, p_idempotency_key, 'succeeded', 'claim',
            tenantry.asker(), jsonb_build_object('database', v_database_name, 'node', v_node_name, 'warm', true), now(), now());
    PERFORM pg_notify('tenantry_warm', v_place.node_id);
  ELSE
    v_operation := tenantry.append(v_kind, v_args, p_idempotency_key, tenantry.asker(), v_tenant, v_place.database_id);
  END IF;
  RETURN QUERY SELECT v_tenant, v_operation, CASE WHEN v_warm THEN 'active' ELSE 'requested' END, v_node_name, v_database_name, true;
END
$$;

-- find_tenant gives a live tenant's row by slug or id, locked for the mailbox; a deleted one only by its id.
CREATE FUNCTION tenantry.find_tenant(p_tenant text) RETURNS tenantry.tenants
LANGUAGE plpgsql
AS $$
DECLARE
  v_tenant tenantry.tenants;
BEGIN
  IF p_tenant LIKE 'tnt\_%' THEN
    SELECT t.* INTO v_tenant FROM tenantry.tenants t WHERE t.id = p_tenant FOR NO KEY UPDATE;
  ELSE
    SELECT t.* INTO v_tenant FROM tenantry.tenants t WHERE t.slug = p_tenant AND t.state <> 'deleted' FOR NO KEY UPDATE;
  END IF;
  IF v_tenant.id IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'tenant', format('tenant: there is no tenant %s', tenantry.shown(to_jsonb(p_tenant))), 'see tenantry tenant list');
  END IF;
  RETURN v_tenant;
END
$$;

-- limits_turn is taken before any tenant's row: who has it may wait for a tenant, who has a tenant never waits for it.
CREATE FUNCTION tenantry.limits_turn() RETURNS void
LANGUAGE sql
AS $$
  SELECT pg_advisory_xact_lock(hashtextextended('tenantry.limits', 0))
$$;

-- purges_of_the_hour counts purges that were asked for within an hour, or retried.
CREATE FUNCTION tenantry.purges_of_the_hour() RETURNS bigint
LANGUAGE sql STABLE
AS $$
  SELECT count(*) FROM tenantry.operations o
  WHERE o.kind = 'purge' AND o.state <> 'cancelled'
    AND (o.created_at > now() - interval '1 hour' OR (o.finished_at IS NULL AND o.updated_at > now() - interval '1 hour'))
$$;

-- check_mass refuses what looks like a mistake with many tenants, unless the one tenant is forced by name. Limits are counted one
-- caller at a time, or two could pass the same count: the caller has taken limits_turn.
CREATE FUNCTION tenantry.check_mass(p_kind text, p_tenant tenantry.tenants, p_force text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_limit bigint;
  v_count bigint;
BEGIN
  IF p_force IS NOT NULL THEN
    IF p_force <> p_tenant.slug THEN
      PERFORM tenantry.refuse('TY001', 'force', format('force: %s is not this tenant''s slug', p_force), 'force names the tenant: ' || p_tenant.slug);
    END IF;
    RETURN;
  END IF;
  IF p_kind = 'purge' THEN
    v_limit := tenantry.setting('purges_per_hour')::bigint;
    v_count := tenantry.purges_of_the_hour();
    IF v_count >= v_limit THEN
      PERFORM tenantry.refuse('TY004', 'force', format('%s tenants were purged within an hour, the limit is %s', v_count, v_limit),
        format('wait, or force this one by name: force = %s, or raise purges_per_hour', p_tenant.slug));
    END IF;
  END IF;
  SELECT greatest(tenantry.setting('mass_delete_floor')::bigint,
                  floor(tenantry.setting('mass_delete_share')::numeric * count(*))::bigint) INTO v_limit
  FROM tenantry.tenants t WHERE t.state <> 'deleted';
  SELECT count(*) INTO v_count FROM (
    SELECT t.id FROM tenantry.tenants t WHERE t.state = 'deleting'
    UNION
    SELECT o.tenant_id FROM tenantry.operations o WHERE o.kind IN ('delete', 'purge') AND o.finished_at IS NULL
    EXCEPT
    SELECT p_tenant.id
  ) deleting;
  IF v_count >= v_limit THEN
    PERFORM tenantry.refuse('TY004', 'force', format('%s tenants are being deleted, the limit for this fleet is %s', v_count, v_limit),
      format('wait, or force this one by name: force = %s, or raise mass_delete_share', p_tenant.slug));
  END IF;
END
$$;

-- submit_as asks for an operation and returns its id.
CREATE FUNCTION tenantry.submit_as(p_kind text, p_args jsonb, p_key text, p_door_only boolean) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_kind tenantry.kinds;
  v_op tenantry.operations;
  v_tenant tenantry.tenants;
  v_id text;
BEGIN
  SELECT k.* INTO v_kind FROM tenantry.kinds k WHERE k.kind = p_kind;
  IF v_kind.kind IS NULL OR (p_door_only AND NOT v_kind.door) THEN
    PERFORM tenantry.refuse('TY001', 'kind', format('kind: there is no kind %s', tenantry.shown(to_jsonb(p_kind))),
      'one of ' || (SELECT string_agg(k.kind, ', ' ORDER BY k.kind) FROM tenantry.kinds k WHERE k.door OR NOT p_door_only));
  END IF;
  PERFORM tenantry.check_args(v_kind, p_args);
  IF p_kind = 'provision' THEN
    SELECT c.operation_id INTO v_id
    FROM tenantry.create_tenant(p_args ->> 'slug', p_args ->> 'name', p_args ->> 'region', p_args -> 'labels',
           p_args ->> 'node', p_args -> 'node_labels', p_key) c;
    RETURN v_id;
  END IF;
  IF p_kind = 'restore' THEN
    RETURN tenantry.restore_tenant(p_args, p_key);
  END IF;
  IF p_kind = 'import' THEN
    RETURN tenantry.import_tenant(p_args, p_key);
  END IF;
  IF p_kind = 'aggregate' THEN
    RETURN tenantry.start_aggregate(p_args, p_key);
  END IF;
  IF p_kind = 'export' THEN
    PERFORM tenantry.check_export(p_args);
  END IF;

  v_op := tenantry.asked_before(p_kind, p_key, p_args);
  IF v_op.id IS NOT NULL THEN
    RETURN v_op.id;
  END IF;
  IF p_args ? 'backup' THEN
    PERFORM tenantry.complete_backup(p_args ->> 'backup');
  END IF;
  IF p_args ? 'tenant' THEN
    IF p_kind IN ('delete', 'purge') AND NOT p_args ? 'force' THEN
      PERFORM tenantry.limits_turn();
    END IF;
    v_tenant := tenantry.find_tenant(p_args ->> 'tenant');
    PERFORM tenantry.refuse_lost(p_kind, v_tenant);
    -- A tenant with work under way may be in another state when its turn comes: the worker looks again.
    IF v_kind.scope = 'tenant' AND v_tenant.current_operation_id IS NULL AND v_tenant.state <> ALL (v_kind.from_states) THEN
      PERFORM tenantry.refuse('TY003', 'tenant', format('tenant: %s is %s, %s needs %s', v_tenant.slug, v_tenant.state, p_kind,
        array_to_string(v_kind.from_states, ' or ')), 'see tenantry tenant show ' || v_tenant.slug);
    END IF;
    IF p_kind = 'purge' AND p_args ->> 'confirm' <> v_tenant.slug THEN
      PERFORM tenantry.refuse('TY001', 'confirm', format('confirm: %s is not this tenant''s slug', p_args ->> 'confirm'),
        'purging cannot be undone: confirm with ' || v_tenant.slug);
    END IF;
    IF p_kind IN ('restore_in_place', 'undo_restore') AND p_args ->> 'confirm' <> v_tenant.slug THEN
      PERFORM tenantry.refuse('TY001', 'confirm', format('confirm: %s is not this tenant''s slug', p_args ->> 'confirm'),
        'what the tenant has now is replaced: confirm with ' || v_tenant.slug);
    END IF;
    IF p_kind = 'restore_in_place' THEN
      PERFORM tenantry.check_in_place(v_tenant, p_args);
    END IF;
    IF p_kind IN ('restore_tables', 'drop_restored_tables') THEN
      PERFORM tenantry.check_look(v_tenant, p_args);
    END IF;
    -- A grace that is over before anybody looks is none.
    IF p_kind = 'delete' AND (p_args ->> 'grace')::interval < interval '1 hour' AND p_args ->> 'confirm' IS DISTINCT FROM v_tenant.slug THEN
      PERFORM tenantry.refuse('TY001', 'grace', format('grace: %s is less than an hour, in which nobody would undelete it', p_args ->> 'grace'),
        'give at least 1 hour, or purge it now: confirm with ' || v_tenant.slug);
    END IF;
    IF p_kind = 'purge' THEN
      PERFORM tenantry.refuse_held(v_tenant);
    END IF;
    IF p_kind IN ('delete', 'purge') THEN
      PERFORM tenantry.check_mass(p_kind, v_tenant, p_args ->> 'force');
    END IF;
    IF p_kind = 'migrate' AND p_args ? 'release' THEN
      PERFORM tenantry.usable_release(p_args ->> 'release');
    END IF;
  END IF;
  RETURN tenantry.append(v_kind, p_args, p_key, tenantry.asker(), v_tenant.id,
    CASE WHEN v_tenant.id IS NOT NULL THEN v_tenant.database_id ELSE p_args ->> 'database' END);
END
$$;

-- submit is the door for every language: SELECT tenantry.submit('suspend', '{"tenant": "acme"}', 'my-key-1').
CREATE FUNCTION tenantry.submit(kind text, args jsonb, idempotency_key text DEFAULT NULL) RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog
AS $$
  SELECT tenantry.submit_as($1, $2, $3, true)
$$;

-- submit_many asks for several operations of one kind, all or none, and returns their ids in the order of args. What has no tenant
-- is written at once; the rest takes its turns one by one.
CREATE FUNCTION tenantry.submit_many(kind text, args jsonb[]) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog
AS $$
DECLARE
  v_kind tenantry.kinds;
  v_args jsonb;
BEGIN
  SELECT k.* INTO v_kind FROM tenantry.kinds k WHERE k.kind = $1 AND k.door;
  IF v_kind.scope = 'none' AND v_kind.kind <> 'aggregate' AND NOT EXISTS (SELECT FROM unnest($2) a WHERE a ? 'tenant') THEN
    FOREACH v_args IN ARRAY $2 LOOP
      PERFORM tenantry.check_args(v_kind, v_args);
    END LOOP;
    RETURN QUERY SELECT tenantry.append_many(v_kind, $2, tenantry.asker());
    RETURN;
  END IF;
  -- Every tenant in one order, or two callers could wait for each other.
  IF $1 IN ('delete', 'purge') THEN
    PERFORM tenantry.limits_turn();
  END IF;
  PERFORM FROM tenantry.tenants t
  WHERE t.id IN (SELECT a ->> 'tenant' FROM unnest($2) a) OR (t.slug IN (SELECT a ->> 'tenant' FROM unnest($2) a) AND t.state <> 'deleted')
  ORDER BY t.id
  FOR NO KEY UPDATE;
  FOREACH v_args IN ARRAY $2 LOOP
    RETURN NEXT tenantry.submit_as($1, v_args, NULL, true);
  END LOOP;
END
$$;

-- refuse_insiders keeps the API away from the fleet's own work.
CREATE FUNCTION tenantry.refuse_insiders(p_kind tenantry.kinds) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF session_user = 'tenantry_api' AND NOT p_kind.door THEN
    PERFORM tenantry.refuse('TY001', 'operation_id', format('operation_id: a %s is the fleet''s own work', p_kind.kind), 'an operator may: tenantry op');
  END IF;
END
$$;

-- cancel ends an operation that has not begun, or asks a running one to stop at its next step.
-- It returns the state the operation is in afterwards.
CREATE FUNCTION tenantry.cancel(operation_id text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog
AS $$
DECLARE
  v_op tenantry.operations;
  v_kind tenantry.kinds;
BEGIN
  -- Tenant first, then operation: the order of locks everywhere.
  PERFORM FROM tenantry.tenants t WHERE t.id = (SELECT o.tenant_id FROM tenantry.operations o WHERE o.id = $1) FOR NO KEY UPDATE;
  SELECT o.* INTO v_op FROM tenantry.operations o WHERE o.id = $1 FOR NO KEY UPDATE;
  IF v_op.id IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'operation_id', format('operation_id: there is no operation %s', tenantry.shown(to_jsonb($1))), 'see tenantry op list');
  END IF;
  IF v_op.finished_at IS NOT NULL THEN
    PERFORM tenantry.refuse('TY003', 'operation_id', format('operation_id: %s has ended: %s', $1, v_op.state), 'only what has not ended can be cancelled');
  END IF;
  SELECT k.* INTO v_kind FROM tenantry.kinds k WHERE k.kind = v_op.kind;
  PERFORM tenantry.refuse_insiders(v_kind);
  -- A parked one has nowhere to run to: there a person decides, and this is one.
  IF NOT v_kind.cancellable AND v_op.attempt > 0 AND v_op.state <> 'parked' THEN
    PERFORM tenantry.refuse('TY003', 'operation_id', format('operation_id: %s is %s, and a %s that has begun runs to its end', $1, v_op.state, v_op.kind),
      'wait for it, then ask for the opposite');
  END IF;
  IF v_op.state = 'running' THEN
    UPDATE tenantry.operations SET cancel_asked = true, updated_at = now() WHERE id = $1;
    PERFORM pg_notify('river.river_control', json_build_object('action', 'cancel', 'job_id', v_op.river_job_id, 'queue', v_kind.queue)::text);
    RETURN 'running';
  END IF;
  IF v_kind.undoes AND v_op.attempt > 0 THEN
    -- A worker takes back what it has done.
    UPDATE tenantry.operations SET cancel_asked = true WHERE id = $1;
    PERFORM tenantry.requeue($1);
    RETURN 'queued';
  END IF;
  PERFORM tenantry.settle(jsonb_build_array(jsonb_build_object('id', $1, 'outcome', 'cancelled', 'error',
    jsonb_build_object('code', 'cancelled', 'message', 'cancelled by ' || tenantry.asker()))));
  PERFORM tenantry.abandon(v_op);
  RETURN 'cancelled';
END
$$;

-- pause asks an operation to stop at its next step and to wait for tenantry.retry: it is parked then, and its tenant stays held. It returns the
-- state the operation is in afterwards.
CREATE FUNCTION tenantry.pause(operation_id text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog
AS $$
DECLARE
  v_op tenantry.operations;
  v_kind tenantry.kinds;
BEGIN
  SELECT o.* INTO v_op FROM tenantry.operations o WHERE o.id = $1 FOR NO KEY UPDATE;
  IF v_op.id IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'operation_id', format('operation_id: there is no operation %s', tenantry.shown(to_jsonb($1))), 'see tenantry op list');
  END IF;
  SELECT k.* INTO v_kind FROM tenantry.kinds k WHERE k.kind = v_op.kind;
  IF NOT v_kind.undoes THEN
    PERFORM tenantry.refuse('TY003', 'operation_id', format('operation_id: a %s cannot be paused', v_op.kind), 'cancel it, or wait for its end');
  END IF;
  IF v_op.finished_at IS NOT NULL OR v_op.state = 'parked' THEN
    PERFORM tenantry.refuse('TY003', 'operation_id', format('operation_id: %s is %s', $1, v_op.state), 'only what is under way can be paused');
  END IF;
  UPDATE tenantry.operations SET pause_asked = true, updated_at = now() WHERE id = $1;
  RETURN v_op.state;
END
$$;

-- abandon says of a database that will not be made that it failed: its tenant can be deleted, or provisioned again; one that
-- was to be warm is cleared away by the next refill.
CREATE FUNCTION tenantry.abandon(p_op tenantry.operations) RETURNS void
LANGUAGE sql
AS $$
  UPDATE tenantry.databases SET state = 'failed'
  WHERE p_op.kind IN ('provision', 'warm') AND id = p_op.database_id AND state = 'building';
  UPDATE tenantry.tenants SET state = 'failed'
  WHERE p_op.kind = 'provision' AND id = p_op.tenant_id AND state IN ('requested', 'provisioning');
  -- A purge that a person has stopped does not come again by itself tomorrow morning: the grace begins anew.
  UPDATE tenantry.tenants SET delete_after = now() + (tenantry.setting('delete_grace'))::interval
  WHERE p_op.kind = 'purge' AND id = p_op.tenant_id AND state = 'deleting' AND delete_after <= now()
$$;

-- retry gives a parked operation, or one that failed and still makes sense, back to the workers with fresh attempts.
CREATE FUNCTION tenantry.retry(operation_id text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog
AS $$
DECLARE
  v_op tenantry.operations;
  v_tenant tenantry.tenants;
BEGIN
  SELECT o.* INTO v_op FROM tenantry.operations o WHERE o.id = $1;
  IF v_op.kind IN ('delete', 'purge') AND v_op.finished_at IS NOT NULL AND NOT v_op.args ? 'force' THEN
    PERFORM tenantry.limits_turn();
  END IF;
  SELECT t.* INTO v_tenant FROM tenantry.tenants t
  WHERE t.id = (SELECT o.tenant_id FROM tenantry.operations o WHERE o.id = $1) FOR NO KEY UPDATE;
  SELECT o.* INTO v_op FROM tenantry.operations o WHERE o.id = $1 FOR NO KEY UPDATE;
  IF v_op.id IS NULL THEN
    PERFORM tenantry.refuse('TY002', 'operation_id', format('operation_id: there is no operation %s', tenantry.shown(to_jsonb($1))), 'see tenantry op list');
  END IF;
  IF v_op.kind = 'rollout' THEN
    PERFORM tenantry.refuse('TY003', 'operation_id', format('operation_id: %s is a rollout', $1), 'see tenantry rollout resume and tenantry rollout retry');
  END IF;
  IF v_op.kind = 'aggregate' THEN
    PERFORM tenantry.refuse('TY003', 'operation_id', format('operation_id: %s is a run of an aggregate', $1),
      format('ask again who has not answered: tenantry aggregate run %s --day DAY --only-missing', v_op.args ->> 'aggregate'));
  END IF;
  IF v_op.state NOT IN ('parked', 'retrying', 'failed', 'cancelled') THEN
    PERFORM tenantry.refuse('TY003', 'operation_id', format('operation_id: %s is %s', $1, v_op.state), 'only parked, retrying, failed or cancelled operations can be retried');
  END IF;
  PERFORM tenantry.refuse_insiders(k) FROM tenantry.kinds k WHERE k.kind = v_op.kind;
  IF v_op.kind = 'migrate' AND v_op.args ? 'release' THEN
    PERFORM tenantry.usable_release(v_op.args ->> 'release');
  END IF;
  IF v_op.kind IN ('delete', 'purge') AND v_op.finished_at IS NOT NULL THEN
    PERFORM tenantry.check_mass(v_op.kind, v_tenant, v_op.args ->> 'force');
  END IF;
  IF v_op.finished_at IS NOT NULL AND v_tenant.id IS NOT NULL THEN
    IF v_tenant.current_operation_id IS NOT NULL THEN
      PERFORM tenantry.refuse('TY003', 'operation_id', format('operation_id: tenant %s is busy with %s', v_tenant.slug, v_tenant.current_operation_id),
        'wait for it, then retry');
    END IF;
    UPDATE tenantry.tenants SET current_operation_id = $1 WHERE id = v_tenant.id;
  END IF;
  UPDATE tenantry.operations
  SET finished_at = NULL, state = 'queued', failures = 0, reaps = 0, error = NULL, cancel_asked = false, pause_asked = false
  WHERE id = $1;
  PERFORM tenantry.requeue($1);
  RETURN 'queued';
END
$$;

-- refill_warm asks for what the warm pools lack, gives up what is of an old release or more than the target, and returns how many
-- it asked for. A node that is draining keeps none. A node where builds keep failing is left alone for a while: tenantry doctor tells.
CREATE FUNCTION tenantry.refill_warm() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_release text := (SELECT r.id FROM tenantry.releases r WHERE r.name = tenantry.setting('current_release'));
  v_warm tenantry.kinds;
  v_retire tenantry.kinds;
  v_node record;
  v_database text;
  v_asked integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('tenantry.refill_warm', 0)) THEN
    RETURN 0;
  END IF;
  SELECT k.* INTO STRICT v_warm FROM tenantry.kinds k WHERE k.kind = 'warm';
  SELECT k.* INTO STRICT v_retire FROM tenantry.kinds k WHERE k.kind = 'retire';
  FOR v_database IN
    SELECT d.id FROM tenantry.databases d
    WHERE d.tenant_id IS NULL
      AND NOT EXISTS (SELECT FROM tenantry.nodes l WHERE l.id = d.node_id AND l.state = 'lost')
      AND (d.state = 'failed'
        OR (d.state = 'warm' AND d.release_id IS DISTINCT FROM v_release)
        -- More than the target: the newest go, for claims take the oldest first.
        OR (d.state = 'warm' AND d.id IN (
              SELECT w.id
              FROM (SELECT h.id, h.node_id, row_number() OVER (PARTITION BY h.node_id ORDER BY h.id) AS place
                    FROM tenantry.databases h
                    WHERE h.state = 'warm' AND h.release_id = v_release) w
              JOIN tenantry.nodes n ON n.id = w.node_id
              WHERE w.place > CASE n.state WHEN 'active' THEN n.warm_target ELSE 0 END)))
    ORDER BY d.id
    FOR UPDATE SKIP LOCKED
  LOOP
    UPDATE tenantry.databases SET state = 'dropping' WHERE id = v_database;
    PERFORM tenantry.append(v_retire, jsonb_build_object('database', v_database), 'retire/' || v_database, 'tenantry', NULL, v_database);
    v_asked := v_asked + 1;
  END LOOP;
  IF v_release IS NULL THEN
    RETURN v_asked;
  END IF;
  FOR v_node IN
    SELECT n.id, n.warm_target - (
             SELECT count(*) FROM tenantry.databases d
             WHERE d.node_id = n.id AND d.tenant_id IS NULL AND d.release_id = v_release AND d.state IN ('building', 'warm')) AS lack
    FROM tenantry.nodes n
    WHERE n.state = 'active' AND n.warm_target > 0
      AND tenantry.setting('warm_failures')::bigint > (
            SELECT count(*) FROM tenantry.operations o
            JOIN tenantry.databases d ON d.id = o.database_id
            WHERE o.kind = 'warm' AND o.created_at > now() - interval '10 minutes' AND o.state IN ('failed', 'parked') AND d.node_id = n.id)
    ORDER BY n.name
  LOOP
    FOR i IN 1 .. v_node.lack LOOP
      INSERT INTO tenantry.databases (node_id, release_id) VALUES (v_node.id, v_release) RETURNING id INTO v_database;
      PERFORM tenantry.append(v_warm, jsonb_build_object('database', v_database), 'warm/' || v_database, 'tenantry', NULL, v_database);
      v_asked := v_asked + 1;
    END LOOP;
  END LOOP;
  RETURN v_asked;
END
$$;

-- due_key names the purge of a tenant at the end of a grace. It holds the deadline: an undeleted and again deleted tenant is another purge.
CREATE FUNCTION tenantry.due_key(p_tenant text, p_after timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT 'due/' || p_tenant || '/' || extract(epoch FROM p_after)
$$;

-- purge_due asks for the purge of tenants whose grace is over, as many as the hourly limit still allows.
CREATE FUNCTION tenantry.purge_due() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_room bigint;
  v_tenant record;
  v_asked integer := 0;
BEGIN
  IF NOT EXISTS (SELECT FROM tenantry.tenants t WHERE t.state = 'deleting' AND t.delete_after <= now()) THEN
    RETURN 0;
  END IF;
  PERFORM tenantry.limits_turn();
  v_room := tenantry.setting('purges_per_hour')::bigint - tenantry.purges_of_the_hour();
  FOR v_tenant IN
    SELECT t.id, t.slug, t.delete_after
    FROM tenantry.tenants t
    WHERE t.state = 'deleting' AND t.delete_after <= now() AND t.current_operation_id IS NULL
      AND NOT EXISTS (SELECT FROM tenantry.backups b WHERE b.tenant_id = t.id AND b.state = 'complete' AND b.held_by IS NOT NULL)
      -- What a person has cancelled is not asked for again.
      AND NOT EXISTS (SELECT FROM tenantry.operations o WHERE o.kind = 'purge' AND o.idempotency_key = tenantry.due_key(t.id, t.delete_after))
    ORDER BY t.delete_after, t.id
    LIMIT greatest(v_room, 0)
    FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    PERFORM tenantry.submit_as('purge',
      jsonb_build_object('tenant', v_tenant.id, 'confirm', v_tenant.slug, 'force', v_tenant.slug),
      tenantry.due_key(v_tenant.id, v_tenant.delete_after), false);
    v_asked := v_asked + 1;
  END LOOP;
  RETURN v_asked;
END
$$;

-- What the API may read. Args and results hold no secret.
CREATE VIEW tenantry.operation_status AS
SELECT o.id, o.kind, o.tenant_id, t.slug AS tenant, o.state, o.step,
       jsonb_build_object('done', o.progress_done, 'total', o.progress_total) AS progress,
       o.attempt, o.error, o.result, o.args, coalesce(o.idempotency_key, '') AS idempotency_key, o.requested_by, o.parent_id, o.worker_id,
       o.river_job_id, o.failures, o.reaps, o.cancel_asked, o.created_at, o.updated_at, o.started_at, o.finished_at, o.seq
FROM tenantry.operations o
LEFT JOIN tenantry.tenants t ON t.id = o.tenant_id;

CREATE VIEW tenantry.tenant_status AS
SELECT t.id, t.slug, t.name, t.state, n.name AS node, n.region, d.name AS database, r.name AS release, t.labels,
       t.epoch, t.schema_epoch, t.current_operation_id, t.delete_after, t.created_at, t.activated_at, t.suspended_at, t.deleted_at
FROM tenantry.tenants t
JOIN tenantry.databases d ON d.id = t.database_id
JOIN tenantry.nodes n ON n.id = d.node_id
JOIN tenantry.releases r ON r.id = d.release_id;

-- The API's role: a login that can call the doors and read the two views, nothing else.
DO $$
BEGIN
  CREATE ROLE tenantry_api LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- made by another installation on this server, or by one that starts beside us
END
$$;
