-- collversion is the server's library's, not the schema's.
SELECT 'collation', 'pg_collation', c.oid, 0, 0, c.collnamespace::regnamespace || '.' || quote_ident(c.collname), pg_get_userbyid(c.collowner),
       (jsonb_strip_nulls(to_jsonb(c)) - '{oid,collname,collnamespace,collowner,collversion}'::text[])::text, '', NULL, NULL
FROM pg_collation c
WHERE c.oid >= 16384 AND c.collnamespace = ANY ({schemas})
UNION ALL
SELECT 'conversion', 'pg_conversion', c.oid, 0, 0, c.connamespace::regnamespace || '.' || quote_ident(c.conname), pg_get_userbyid(c.conowner),
       format('%s FOR %s TO %s FROM %s', CASE WHEN c.condefault THEN 'DEFAULT' END, pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc), '', NULL, NULL
FROM pg_conversion c
WHERE c.oid >= 16384 AND c.connamespace = ANY ({schemas})
