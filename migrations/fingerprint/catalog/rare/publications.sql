-- What a publication has: its schemas and its tables, each with row filter and columns.
SELECT 'publication', 'pg_publication', p.oid, 0, 0, quote_ident(p.pubname), pg_get_userbyid(p.pubowner),
       (jsonb_strip_nulls(to_jsonb(p)) - '{oid,pubname,pubowner}'::text[])::text, '', NULL, NULL
FROM pg_publication p
UNION ALL
SELECT 'publication table', 'pg_publication_rel', r.oid, 0, r.prrelid, r.prrelid::regclass || ' in ' || quote_ident(p.pubname), '',
       concat_ws(E'\n', 'TABLE',
         '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) || ')',
         'WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')'), '', NULL, NULL
FROM pg_publication_rel r
JOIN pg_publication p ON p.oid = r.prpubid
UNION ALL
SELECT 'publication schema', 'pg_publication_namespace', s.oid, 0, 0, s.pnnspid::regnamespace || ' in ' || quote_ident(p.pubname), '', 'TABLES IN SCHEMA', '', NULL, NULL
FROM pg_publication_namespace s
JOIN pg_publication p ON p.oid = s.pnpubid
