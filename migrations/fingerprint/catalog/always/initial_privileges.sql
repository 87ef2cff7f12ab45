-- Privileges on what came with the server or an extension, where they are not those that it came with.
SELECT 'initial privileges', o.class::regclass, o.oid, o.sub, 0,
       CASE o.class
         WHEN 'pg_proc'::regclass THEN 'function ' || o.oid::regprocedure
         WHEN 'pg_type'::regclass THEN 'type ' || format_type(o.oid, NULL)
         WHEN 'pg_namespace'::regclass THEN 'schema ' || o.oid::regnamespace
         WHEN 'pg_language'::regclass THEN 'language ' || (SELECT quote_ident(l.lanname) FROM pg_language l WHERE l.oid = o.oid)
         ELSE CASE o.sub WHEN 0 THEN 'relation ' || o.oid::regclass ELSE 'column ' || o.oid::regclass || '.' || (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = o.oid AND a.attnum = o.sub) END
       END,
       pg_get_userbyid(o.owner), '', '', o.acl, coalesce(i.initprivs, acldefault(o.type, o.owner))
FROM (
  SELECT 'pg_proc'::regclass AS class, oid, 0 AS sub, 'f'::"char" AS type, proowner AS owner, proacl AS acl FROM pg_proc WHERE proacl IS NOT NULL
  UNION ALL
  SELECT 'pg_class', oid, 0, CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner, relacl FROM pg_class WHERE relacl IS NOT NULL
  UNION ALL
  SELECT 'pg_class', attrelid, attnum, 'c'::"char", 10, attacl FROM pg_attribute WHERE attacl IS NOT NULL
  UNION ALL
  SELECT 'pg_type', oid, 0, 'T'::"char", typowner, typacl FROM pg_type WHERE typacl IS NOT NULL
  UNION ALL
  SELECT 'pg_language', oid, 0, 'l'::"char", lanowner, lanacl FROM pg_language WHERE lanacl IS NOT NULL
  UNION ALL
  SELECT 'pg_namespace', oid, 0, 'n'::"char", nspowner, nspacl FROM pg_namespace WHERE nspacl IS NOT NULL AND nspname IN ('pg_catalog', 'information_schema')
) o
LEFT JOIN pg_init_privs i ON i.objoid = o.oid AND i.classoid = o.class AND i.objsubid = o.sub
WHERE (o.oid < 16384 OR {extended}) AND o.acl IS DISTINCT FROM i.initprivs
