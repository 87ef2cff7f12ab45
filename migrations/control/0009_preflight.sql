-- Preflight: what was seen of the tenants' databases before a rollout began, and the choice of its first wave by size.

CREATE TABLE tenantry.rollout_preflights (
  rollout_id text PRIMARY KEY REFERENCES tenantry.rollouts,
  report     jsonb NOT NULL CHECK (jsonb_typeof(report) = 'object'),
  -- Why a person began although tenants are blocked; '' when there was nothing to accept.
  accepted   text NOT NULL DEFAULT '' CHECK (length(accepted) <= 500),
  by         text NOT NULL CHECK (length(by) <= 200),
  at         timestamptz NOT NULL DEFAULT now()
);

-- skipped_preflight: the preflight found the tenant blocked, and a person left it out. failure says why.
ALTER TABLE tenantry.rollout_members DROP CONSTRAINT rollout_members_state_check;
ALTER TABLE tenantry.rollout_members ADD CONSTRAINT rollout_members_state_check
  CHECK (state IN ('pending', 'applying', 'done', 'failed', 'waived',
                   'skipped_uptodate', 'skipped_pinned', 'skipped_inactive', 'skipped_quarantined', 'skipped_preflight'));

-- The candidates with the size of their databases, 0 where nobody has looked.
CREATE OR REPLACE VIEW tenantry.rollout_candidates AS
SELECT t.id AS tenant_id, t.slug, t.labels, t.database_id, d.node_id, n.name AS node, r.name AS release, r.seq AS release_seq, t.state = 'active' AS active,
       coalesce(pr.seq, 9223372036854775807) AS pinned_seq, coalesce(p.reason, '') AS pin_reason,
       EXISTS (SELECT FROM tenantry.quarantines q WHERE q.tenant_id = t.id AND q.released_at IS NULL) AS quarantined,
       coalesce(s.bytes, 0) AS bytes
FROM tenantry.tenants t
JOIN tenantry.databases d ON d.id = t.database_id
JOIN tenantry.nodes n ON n.id = d.node_id
JOIN tenantry.releases r ON r.id = d.release_id
LEFT JOIN tenantry.pins p ON p.tenant_id = t.id AND p.until > now()
LEFT JOIN tenantry.releases pr ON pr.id = p.release_id
LEFT JOIN tenantry.sizes s ON s.database_id = t.database_id
WHERE t.state <> 'deleted';

-- retry_rollout, also of a tenant that was left out, by its name.
CREATE OR REPLACE FUNCTION tenantry.retry_rollout(p_id text, p_tenant text, p_by text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v tenantry.rollouts := tenantry.open_rollout(p_id);
  v_tenants text[];
BEGIN
  PERFORM tenantry.observe_rollout(p_id);
  WITH again AS (
    UPDATE tenantry.rollout_members m
    SET state = 'pending', wave = v.wave, operation_id = NULL, counted = false, ended_at = NULL
    WHERE m.rollout_id = p_id
      AND m.state IN ('failed', 'waived', 'skipped_quarantined', 'skipped_inactive', 'skipped_pinned', 'skipped_preflight')
      AND (CASE WHEN p_tenant IS NULL THEN m.state = 'failed' ELSE m.tenant_id = p_tenant END)
    RETURNING m.tenant_id
  )
  SELECT coalesce(array_agg(tenant_id), '{}') INTO v_tenants FROM again;
  UPDATE tenantry.quarantines q SET released_at = now(), released_by = p_by
  WHERE q.tenant_id = ANY (v_tenants) AND q.released_at IS NULL;
  IF v.state = 'baking' AND v_tenants <> '{}' THEN
    PERFORM tenantry.move_rollout(p_id, 'running', '', '', v.wave, NULL, false);
  END IF;
  PERFORM pg_notify('tenantry_parents', v.operation_id);
  RETURN cardinality(v_tenants);
END
$$;
