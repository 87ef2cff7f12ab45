SELECT 'constraint', 'pg_constraint', k.oid, 0, 0, quote_ident(k.conname) || ' on ' || t.typnamespace::regnamespace || '.' || quote_ident(t.typname), '',
       regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''), CASE WHEN NOT k.convalidated THEN 'not_validated' ELSE '' END, NULL, NULL
FROM pg_constraint k
JOIN pg_type t ON t.oid = k.contypid
WHERE t.typnamespace = ANY ({schemas})
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
