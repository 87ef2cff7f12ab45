-- A node is lost: what that means for what is under way there, and for what is asked of its tenants.

-- works_without_home says of a kind that it can be done while the node of the tenant's home is lost.
CREATE FUNCTION tenantry.works_without_home(p_kind text) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
  SELECT p_kind IN ('restore_in_place', 'undo_restore', 'purge', 'noop')
$$;

-- refuse_lost refuses what needs a tenant's database while that is on a lost node.
CREATE FUNCTION tenantry.refuse_lost(p_kind text, p_tenant tenantry.tenants) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_node text;
BEGIN
  SELECT n.name INTO v_node FROM tenantry.databases d JOIN tenantry.nodes n ON n.id = d.node_id WHERE d.id = p_tenant.database_id AND n.state = 'lost';
  IF v_node IS NOT NULL AND NOT tenantry.works_without_home(p_kind) THEN
    PERFORM tenantry.refuse('TY004', 'tenant', format('tenant: %s has no database, for node %s is lost', p_tenant.slug, v_node),
      format('restore it: tenantry node restore %s; or, when the node is there again: tenantry node return %s', v_node, v_node));
  END IF;
END
$$;

-- interrupt tells the workers that run operations to let go of them now: they may hang on a server that does not answer. One that has not ended is taken up again
-- at once, by a next attempt.
CREATE FUNCTION tenantry.interrupt(p_ids text[]) RETURNS void
LANGUAGE sql
AS $$
  SELECT pg_notify('river.river_control', json_build_object('action', 'cancel', 'job_id', o.river_job_id, 'queue', k.queue)::text)
  FROM tenantry.operations o
  JOIN tenantry.kinds k ON k.kind = o.kind
  WHERE o.id = ANY (p_ids)
$$;

-- abandon_retire lets the refill ask once more to drop what an operation could not, when the node is there again: as if that had never been asked for.
CREATE FUNCTION tenantry.abandon_retire(p_operation text) RETURNS void
LANGUAGE sql
AS $$
  UPDATE tenantry.databases d SET state = 'failed'
  FROM tenantry.operations o
  WHERE o.id = p_operation AND o.kind = 'retire' AND d.id = o.database_id AND d.state = 'dropping';
  UPDATE tenantry.operations SET idempotency_key = NULL WHERE id = p_operation AND kind = 'retire'
$$;

-- lose_node says that an active or draining node does not come back. Every process throws away the pools that it has there. What is under way in its databases fails now, for
-- nobody knows whether the server ever answers again; what works without them goes on, and what hangs on the server is let go. It returns the operations that
-- it has ended. Saying it again changes nothing but ends what has come since.
CREATE FUNCTION tenantry.lose_node(p_node text) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_node tenantry.nodes;
  v_ended text[];
  v_running text[];
BEGIN
  SELECT n.* INTO v_node FROM tenantry.nodes n WHERE n.id = p_node FOR NO KEY UPDATE;
  IF v_node.state = 'adding' THEN
    PERFORM tenantry.refuse('TY003', 'node', format('node: %s is adding: it holds no tenants', v_node.name), 'see tenantry node list');
  END IF;
  UPDATE tenantry.nodes n
  SET state = 'lost', updated_at = now(), lost_at = CASE n.state WHEN 'lost' THEN n.lost_at ELSE now() END
  WHERE n.id = v_node.id;
  -- Tenants first, then operations, as everywhere.
  PERFORM FROM tenantry.tenants t
  WHERE t.database_id IN (SELECT d.id FROM tenantry.databases d WHERE d.node_id = v_node.id)
  ORDER BY t.id
  FOR NO KEY UPDATE;
  IF v_node.state <> 'lost' THEN
    PERFORM tenantry.fence_tenant(t.id)
    FROM tenantry.tenants t
    JOIN tenantry.databases d ON d.id = t.database_id
    WHERE d.node_id = v_node.id AND t.state = 'active'
    ORDER BY t.id;
  END IF;
  v_ended := ARRAY(
    SELECT o.id FROM tenantry.operations o JOIN tenantry.databases d ON d.id = o.database_id
    WHERE d.node_id = v_node.id AND o.finished_at IS NULL AND NOT tenantry.works_without_home(o.kind)
    ORDER BY o.id);
  -- What goes on and may hang on the server: a swap that makes, opens or closes a database there, a purge, a verification.
  v_running := ARRAY(
    SELECT o.id FROM tenantry.operations o
    WHERE o.finished_at IS NULL AND o.state = 'running'
      AND (o.id = ANY (v_ended)
        OR o.kind = 'purge' AND o.database_id IN (SELECT d.id FROM tenantry.databases d WHERE d.node_id = v_node.id)
        OR EXISTS (SELECT FROM tenantry.swaps s JOIN tenantry.databases d ON d.id IN (s.new_database_id, CASE s.state WHEN 'ready' THEN s.old_database_id END)
                   WHERE s.operation_id = o.id AND d.node_id = v_node.id)
        OR EXISTS (SELECT FROM tenantry.verifications v JOIN tenantry.databases d ON d.id = v.database_id
                   WHERE v.operation_id = o.id AND d.node_id = v_node.id)));
  PERFORM tenantry.settle(jsonb_agg(jsonb_build_object('id', i, 'outcome', 'failed', 'error', jsonb_build_object('code', 'node_lost',
    'message', format('its node %s is lost', v_node.name),
    'hint', format('restore the node''s tenants elsewhere: tenantry node restore %s; or, when the node is there again: tenantry node return %s', v_node.name, v_node.name)))))
  FROM unnest(v_ended) i
  HAVING count(*) > 0;
  PERFORM tenantry.abandon(o) FROM tenantry.operations o WHERE o.id = ANY (v_ended) ORDER BY o.id;
  PERFORM tenantry.abandon_retire(i) FROM unnest(v_ended) i;
  PERFORM tenantry.interrupt(v_running);
  RETURN v_ended;
END
$$;
