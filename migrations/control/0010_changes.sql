-- Changes of a tenant's forms by the no-code builder. How far one is, and its plan, stand in the tenant's own database.

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields, undoes) VALUES
  ('change_schema', 'ddl', 'tenant', true, 12, true, '{active}',
   '{"tenant": {"type": "tenant", "required": true}, "change": {"type": "change", "required": true}, "plan": {"type": "word"}}', true);
