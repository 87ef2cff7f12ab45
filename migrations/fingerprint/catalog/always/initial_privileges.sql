-- Privileges on what came with the server or an extension, where they are not those that it came with.
SELECT 'initial privileges', o.class::regclass, o.oid, 0, 0,
       CASE o.class
         WHEN 'pg_proc'::regclass THEN 'function ' || o.oid::regprocedure
         WHEN 'pg_type'::regclass THEN 'type ' || format_type(o.oid, NULL)
         WHEN 'pg_namespace'::regclass THEN 'schema ' || o.oid::regnamespace
         WHEN 'pg_language'::regclass THEN 'language ' || (SELECT quote_ident(l.lanname) FROM pg_language l WHERE l.oid = o.oid)
         ELSE 'relation ' || o.oid::regclass
       END,
       pg_get_userbyid(o.owner), '', '', o.acl, coalesce(i.initprivs, acldefault(o.type, o.owner))
FROM (
  SELECT 'pg_proc'::regclass AS class, oid, 'f'::"char" AS type, proowner AS owner, proacl AS acl FROM pg_proc WHERE proacl IS NOT NULL
  UNION ALL
  SELECT 'pg_class', oid, CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner, relacl FROM pg_class
  WHERE relacl IS NOT NULL AND (relnamespace = 'pg_catalog'::regnamespace OR {extended})
  UNION ALL
  SELECT 'pg_type', oid, 'T'::"char", typowner, typacl FROM pg_type WHERE typacl IS NOT NULL
  UNION ALL
  SELECT 'pg_language', oid, 'l'::"char", lanowner, lanacl FROM pg_language WHERE lanacl IS NOT NULL
  UNION ALL
  SELECT 'pg_namespace', oid, 'n'::"char", nspowner, nspacl FROM pg_namespace WHERE nspname = 'pg_catalog'
) o
LEFT JOIN pg_init_privs i ON i.objoid = o.oid AND i.classoid = o.class AND i.objsubid = 0
WHERE (o.oid < 16384 OR {extended}) AND o.acl IS DISTINCT FROM i.initprivs
