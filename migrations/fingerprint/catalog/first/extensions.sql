-- An extension is its name and its schema. What it brought with it, its version and its comment are the server's: its members are left out.
SELECT 'extension', 'pg_extension', x.oid, 0, 0, quote_ident(x.extname), '', 'SCHEMA ' || x.extnamespace::regnamespace, '', NULL, NULL
FROM pg_extension x
WHERE x.oid >= 16384
