-- The schemas that are looked into; an extension's own schema too, for others may have put things there.
SELECT 'schema', 'pg_namespace', n.oid, 0, 0, quote_ident(n.nspname), pg_get_userbyid(n.nspowner), 'SCHEMA', '', n.nspacl, CASE WHEN n.nspacl IS NOT NULL THEN acldefault('n', n.nspowner) END
FROM pg_namespace n
WHERE n.nspname !~ '^(pg_|information_schema$|_tenantry($|_restored_))'
