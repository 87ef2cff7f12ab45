-- Changes of a tenant's forms by the no-code builder. How far one is, and its plan, stand in the tenant's own database.

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields, undoes) VALUES
  ('change_schema', 'ddl', 'tenant', true, 12, true, '{active}',
   '{"tenant": {"type": "tenant", "required": true}, "change": {"type": "change", "required": true}, "plan": {"type": "word"}}', true);

-- schema_changed tells every process with pools of a tenant that its tables have changed. It is called in the transaction that ends the change.
CREATE FUNCTION tenantry.schema_changed(p_tenant text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog
AS $$
  UPDATE tenantry.tenants SET schema_epoch = schema_epoch + 1 WHERE id = p_tenant
$$;
