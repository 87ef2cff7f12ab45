-- Changes of a tenant's forms by the no-code builder. How far one is, and its plan, stand in the tenant's own database.

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields, undoes) VALUES
  ('change_schema', 'ddl', 'tenant', true, 12, true, '{active}',
   '{"tenant": {"type": "tenant", "required": true}, "change": {"type": "change", "required": true}, "plan": {"type": "word"}}', true);

INSERT INTO tenantry.settings (key, value, description) VALUES
  ('replica_lag', '"00:00:10"', 'how far a replica of a node may be behind while rows are filled there, as an interval; beyond it nothing is filled; 0 waits for nobody');
