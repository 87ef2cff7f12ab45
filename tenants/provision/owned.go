package provision

// ownedSQL lists everything in a database that has an owner of its own: its kind, how ALTER names it, who owns it, whether that is a superuser, and
// whether the session's role may act as the owner. Left out are the server's own objects, those of extensions, and what follows another
// object: array and row types, the sequences of columns. Multirange types follow their ranges in newer versions of PostgreSQL only.
//
// REASSIGN OWNED would be shorter, and wrong: it moves every database of the role as well, and hundreds of tenants' may have one owner.
const ownedSQL = `
SELECT i.type AS kind,
       CASE i.type WHEN 'statistics object' THEN 'STATISTICS' WHEN 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER' ELSE upper(i.type) END
         || ' ' || i.identity AS what,
       r.rolname::text AS owner, r.rolsuper AS super, pg_has_role(current_user, r.oid, 'USAGE') AS member, m.oid IS NOT NULL AS multirange
FROM (
  SELECT 'pg_namespace'::regclass AS classid, oid, nspowner AS owner FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  UNION ALL SELECT 'pg_class'::regclass, oid, relowner FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, t.typowner
  FROM pg_type t
  LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE t.typrelid = 0 OR c.relkind = 'c'
  UNION ALL SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc
  UNION ALL SELECT 'pg_operator'::regclass, oid, oprowner FROM pg_operator
  UNION ALL SELECT 'pg_opclass'::regclass, oid, opcowner FROM pg_opclass
  UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfowner FROM pg_opfamily
  UNION ALL SELECT 'pg_collation'::regclass, oid, collowner FROM pg_collation
  UNION ALL SELECT 'pg_conversion'::regclass, oid, conowner FROM pg_conversion
  UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxowner FROM pg_statistic_ext
  UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgowner FROM pg_ts_config
  UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictowner FROM pg_ts_dict
  UNION ALL SELECT 'pg_largeobject'::regclass, oid, lomowner FROM pg_largeobject_metadata
  UNION ALL SELECT 'pg_foreign_server'::regclass, oid, srvowner FROM pg_foreign_server
  UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, fdwowner FROM pg_foreign_data_wrapper
  UNION ALL SELECT 'pg_language'::regclass, oid, lanowner FROM pg_language
  UNION ALL SELECT 'pg_event_trigger'::regclass, oid, evtowner FROM pg_event_trigger
  UNION ALL SELECT 'pg_publication'::regclass, oid, pubowner FROM pg_publication
) o
CROSS JOIN LATERAL pg_identify_object(o.classid, o.oid, 0) i
JOIN pg_roles r ON r.oid = o.owner
LEFT JOIN pg_type m ON o.classid = 'pg_type'::regclass AND m.oid = o.oid AND m.typtype = 'm'
WHERE (o.oid >= 16384 OR o.classid = 'pg_namespace'::regclass)
  AND NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE d.classid = o.classid AND d.objid = o.oid AND d.objsubid = 0
      AND (d.deptype = 'e' OR (d.deptype = 'i' AND m.oid IS NULL) OR (d.deptype = 'a' AND i.type = 'sequence' AND d.refclassid = 'pg_class'::regclass)))`

// handOverSQL lists the statements that give all of it to the new owner. Where a multirange follows its range, it cannot be given away alone. $1 new
// owner.
const handOverSQL = `
SELECT CASE WHEN multirange THEN format('DO $do$ BEGIN ALTER %s OWNER TO %I; EXCEPTION WHEN wrong_object_type THEN NULL; END $do$', what, $1::text)
            ELSE format('ALTER %s OWNER TO %I', what, CASE WHEN what = 'SCHEMA public' THEN 'pg_database_owner' ELSE $1::text END) END
FROM (` + ownedSQL + `) o
WHERE owner <> $1 AND NOT (what = 'SCHEMA public' AND owner = 'pg_database_owner')
  AND NOT (super AND kind IN ('publication', 'event trigger', 'language', 'foreign-data wrapper'))`

// strangersSQL lists the statements that take from every other role what it was granted inside the database. Roles that may not connect could not
// use it; but it would be a difference to every other tenant for ever. $1 new owner.
const strangersSQL = `
SELECT DISTINCT format('REVOKE ALL%s ON %s FROM %I CASCADE', g.columns, g.what, r.rolname)
FROM (
  SELECT 'pg_class'::regclass AS classid, c.oid, '' AS columns, CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS what,
         a.grantee, c.relnamespace AS space
  FROM pg_class c, aclexplode(c.relacl) a
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, format(' (%I)', t.attname), 'TABLE ' || c.oid::regclass, a.grantee, c.relnamespace
  FROM pg_class c
  JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
  WHERE NOT t.attisdropped
  UNION ALL
  SELECT 'pg_namespace'::regclass, n.oid, '', 'SCHEMA ' || quote_ident(n.nspname), a.grantee, n.oid FROM pg_namespace n, aclexplode(n.nspacl) a
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid, '', 'ROUTINE ' || p.oid::regprocedure, a.grantee, p.pronamespace FROM pg_proc p, aclexplode(p.proacl) a
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, '', 'TYPE ' || t.oid::regtype, a.grantee, t.typnamespace FROM pg_type t, aclexplode(t.typacl) a
  UNION ALL
  SELECT 'pg_largeobject'::regclass, l.oid, '', 'LARGE OBJECT ' || l.oid, a.grantee, NULL FROM pg_largeobject_metadata l, aclexplode(l.lomacl) a
) g
JOIN pg_roles r ON r.oid = g.grantee
LEFT JOIN pg_namespace n ON n.oid = g.space
WHERE r.rolname NOT IN ($1, 'pg_database_owner')
  AND (n.oid IS NULL OR (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'))
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = g.classid AND d.objid = g.oid AND d.deptype = 'e')
UNION ALL
SELECT DISTINCT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %I CASCADE', o.rolname,
              CASE WHEN d.defaclnamespace = 0 THEN '' ELSE ' IN SCHEMA ' || d.defaclnamespace::regnamespace END,
              CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' END, r.rolname)
FROM pg_default_acl d
JOIN pg_roles o ON o.oid = d.defaclrole AND pg_has_role(current_user, o.oid, 'USAGE'), aclexplode(d.defaclacl) a
JOIN pg_roles r ON r.oid = a.grantee
WHERE a.grantee <> d.defaclrole AND o.rolname <> $1`
