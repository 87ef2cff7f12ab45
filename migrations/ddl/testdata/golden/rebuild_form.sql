-- Plans of rebuild_form, made by TestGolden: see golden_test.go.


-- case: with all that it has
-- change: {"operations": [{"op": "rebuild_form", "form": "p"}]}

-- size: small
--   note: the table of form p is made anew with 17 columns; it has had 16, dropped ones counted. This cannot be taken back, and changes nothing that anybody sees
--   note: what refers to form p, or it to, is held at the moment of the swap as well: "form_data"."d_0001", "form_data"."j_000q"
-- look 1, refuses: not of the form, and lost with its old table: %s
SELECT count(*), array_agg(e.example ORDER BY e.example) FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = '"form_data"."d_0003"'::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = 'd_0003_id_seq' AND c.relkind = 'S'
), parts AS MATERIALIZED (
  SELECT 'pg_class'::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT 'pg_class'::regclass, oid FROM s
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = 'form_trash' AND d.defaclobjtype = c.relkind), '{}')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass AND w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
WHERE d.deptype IN ('n', 'a')
  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> 'pg_attrdef'::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY['s_000v']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
      AND (k.contype = 'n' OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['d_0003.d_0003_pkey', 'd_0003.u_000j', 'd_0003.c_0005', 'd_0003.c_000b', 'd_0003.c_000d', 'd_0003.c_000m', 'd_0003.r_000t', 'j_000q.j_000q_from_id_fkey']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY['d_0003_pkey', 'i_000g', 'i_000n', 'i_000s', 'u_000j']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND c.relname = 'Projects')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
WHERE d.classid = 'pg_attrdef'::regclass AND d.deptype = 'n'
UNION ALL
SELECT 'row security' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT 'storage parameter ' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, '{}') || coalesce(c.reloptions, '{}')) AS o
UNION ALL
SELECT 'its tablespace' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT 'UNLOGGED' FROM t WHERE t.relpersistence <> 'p'
UNION ALL
SELECT 'REPLICA IDENTITY' FROM t WHERE t.relreplident <> 'd'
UNION ALL
SELECT 'its access method' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting('default_table_access_method')
UNION ALL
SELECT 'a subscription' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT 'CLUSTER on ' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT 'column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN ' DEFAULT yes' ELSE '' END || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END <> ALL (ARRAY['id bigint NOT NULL', 'created_at timestamp with time zone DEFAULT yes NOT NULL', 'updated_at timestamp with time zone DEFAULT yes NOT NULL', 'f_0004 text', 'f_0006 text', 'f_0007 integer', 'f_0008 numeric(12,2)', 'f_0009 text DEFAULT yes', 'f_000a text', 'f_000c text[]', 'f_000e date DEFAULT yes NOT NULL', 'f_000f bigint', 'f_000h bigint DEFAULT yes NOT NULL', 'f_000k text', 'f_000p text', 'f_000r bigint', 'f_000v date']::text[])
UNION ALL
SELECT 'settings of column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '' OR a.attcollation <> y.typcollation OR a.attgenerated <> '')
UNION ALL
SELECT 'rights on column ' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT 'rights of ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END || ' on ' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT 'comment on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'security label on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'settings of sequence ' || 'd_0003_id_seq'
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = 'bigint'::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
LOCK TABLE "form_views"."Projects", "form_data"."d_0003", "form_data"."d_0001", "form_data"."j_000q" IN ACCESS EXCLUSIVE MODE;
DO 'DECLARE example text; BEGIN SELECT string_agg(e.example, '', '' ORDER BY e.example) INTO example FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = ''"form_data"."d_0003"''::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = ''d_0003_id_seq'' AND c.relkind = ''S''
), parts AS MATERIALIZED (
  SELECT ''pg_class''::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT ''pg_class''::regclass, oid FROM s
  UNION ALL
  SELECT ''pg_class''::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT ''pg_constraint''::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT ''pg_trigger''::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN ''S'' THEN ''s''::"char" ELSE ''r''::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN ''S'' THEN ''s''::"char" ELSE ''r''::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = ''form_trash'' AND d.defaclobjtype = c.relkind), ''{}'')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = ''pg_rewrite''::regclass AND w.rulename = ''_RETURN'' THEN pg_describe_object(''pg_class''::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = ''pg_rewrite''::regclass AND w.oid = d.objid
WHERE d.deptype IN (''n'', ''a'')
  AND (d.refclassid = ''pg_class''::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = ''pg_type''::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> ''pg_attrdef''::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = ''pg_trigger''::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY[''s_000v'']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = ''pg_constraint''::regclass AND k.oid = d.objid
      AND (k.contype = ''n'' OR n.nspname IN (''form_data'', ''form_trash'') AND c.relname || ''.'' || k.conname = ANY (ARRAY[''d_0003.d_0003_pkey'', ''d_0003.u_000j'', ''d_0003.c_0005'', ''d_0003.c_000b'', ''d_0003.c_000d'', ''d_0003.c_000m'', ''d_0003.r_000t'', ''j_000q.j_000q_from_id_fkey'']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = ''pg_class''::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY[''d_0003_pkey'', ''i_000g'', ''i_000n'', ''i_000s'', ''u_000j'']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = ''_RETURN'' AND n.nspname = ''form_views'' AND c.relname = ''Projects'')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = ''pg_class''::regclass AND d.refobjid = s.oid
WHERE d.classid = ''pg_attrdef''::regclass AND d.deptype = ''n''
UNION ALL
SELECT ''row security'' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT ''storage parameter '' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, ''{}'') || coalesce(c.reloptions, ''{}'')) AS o
UNION ALL
SELECT ''its tablespace'' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT ''UNLOGGED'' FROM t WHERE t.relpersistence <> ''p''
UNION ALL
SELECT ''REPLICA IDENTITY'' FROM t WHERE t.relreplident <> ''d''
UNION ALL
SELECT ''its access method'' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting(''default_table_access_method'')
UNION ALL
SELECT ''a subscription'' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT ''CLUSTER on '' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT ''column '' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || '' '' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN '' DEFAULT yes'' ELSE '''' END || CASE WHEN a.attnotnull THEN '' NOT NULL'' ELSE '''' END <> ALL (ARRAY[''id bigint NOT NULL'', ''created_at timestamp with time zone DEFAULT yes NOT NULL'', ''updated_at timestamp with time zone DEFAULT yes NOT NULL'', ''f_0004 text'', ''f_0006 text'', ''f_0007 integer'', ''f_0008 numeric(12,2)'', ''f_0009 text DEFAULT yes'', ''f_000a text'', ''f_000c text[]'', ''f_000e date DEFAULT yes NOT NULL'', ''f_000f bigint'', ''f_000h bigint DEFAULT yes NOT NULL'', ''f_000k text'', ''f_000p text'', ''f_000r bigint'', ''f_000v date'']::text[])
UNION ALL
SELECT ''settings of column '' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '''' OR a.attcollation <> y.typcollation OR a.attgenerated <> '''')
UNION ALL
SELECT ''rights on column '' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT ''rights of '' || CASE x.grantee WHEN 0 THEN ''PUBLIC'' ELSE pg_get_userbyid(x.grantee) END || '' on '' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT ''comment on '' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT ''security label on '' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT ''settings of sequence '' || ''d_0003_id_seq''
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = ''bigint''::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e; IF example IS NOT NULL THEN RAISE check_violation USING MESSAGE = ''not of the form, and lost with its old table: '' || example; END IF; END';
CREATE TABLE "form_trash"."d_0003" (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  "f_0004" text,
  "f_0006" text,
  "f_0007" integer,
  "f_0008" numeric(12,2),
  "f_0009" text DEFAULT '2026-11-27'::text,
  "f_000a" text,
  "f_000c" text[],
  "f_000e" date DEFAULT '2026-11-27'::date NOT NULL,
  "f_000f" bigint,
  "f_000h" bigint DEFAULT '7'::bigint NOT NULL,
  "f_000k" text,
  "f_000p" text,
  "f_000r" bigint,
  "f_000v" date,
  CONSTRAINT "c_0005" CHECK (char_length("f_0004") <= 255),
  CONSTRAINT "c_000b" CHECK ("f_000a" = ANY (ARRAY['a', 'b']::text[])),
  CONSTRAINT "c_000d" CHECK ("f_000c" <@ ARRAY['x', 'y']::text[]),
  CONSTRAINT "c_000m" CHECK (char_length("f_000k") <= 255)
);
INSERT INTO "form_trash"."d_0003" ("id", "created_at", "updated_at", "f_0004", "f_0006", "f_0007", "f_0008", "f_0009", "f_000a", "f_000c", "f_000e", "f_000f", "f_000h", "f_000k", "f_000p", "f_000r", "f_000v") SELECT t."id", t."created_at", t."updated_at", t."f_0004", t."f_0006", t."f_0007", t."f_0008", t."f_0009", t."f_000a", t."f_000c", t."f_000e", t."f_000f", t."f_000h", t."f_000k", t."f_000p", t."f_000r", t."f_000v" FROM "form_data"."d_0003" AS t;
CREATE INDEX "i_000g" ON "form_trash"."d_0003" USING btree ("f_000f");
CREATE INDEX "i_000n" ON "form_trash"."d_0003" USING btree ("f_000k");
CREATE INDEX "i_000s" ON "form_trash"."d_0003" USING btree ("f_000r");
ALTER TABLE "form_trash"."d_0003" ADD CONSTRAINT "u_000j" UNIQUE ("f_000h");
ALTER TABLE "form_data"."j_000q" DROP CONSTRAINT "j_000q_from_id_fkey";
ALTER SEQUENCE "form_data"."d_0003_id_seq" NO CYCLE;
DO $ids$ BEGIN PERFORM setval('"form_trash"."d_0003_id_seq"', k.last_value, k.is_called) FROM "form_data"."d_0003_id_seq" AS k; END $ids$;
ALTER VIEW "form_views"."Projects" OWNER TO CURRENT_USER;
DO 'BEGIN
  PERFORM set_config(''tenantry.d_0003'', (SELECT coalesce(jsonb_agg(s.statement), ''[]'')::text FROM (
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Projects"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Projects"''::regclass) AS s), true);
END';
CREATE OR REPLACE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_0009" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team"
FROM "form_trash"."d_0003" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0003'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';
DROP TABLE "form_data"."d_0003";
ALTER TABLE "form_trash"."d_0003" SET SCHEMA "form_data";
CREATE OR REPLACE TRIGGER "s_000v" BEFORE INSERT OR UPDATE OF "f_000p", "f_000v" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000v"();
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "r_000t" FOREIGN KEY ("f_000r") REFERENCES "form_data"."d_0001" (id) ON DELETE RESTRICT;
ALTER TABLE "form_data"."j_000q" ADD CONSTRAINT "j_000q_from_id_fkey" FOREIGN KEY (from_id) REFERENCES "form_data"."d_0003" (id) ON DELETE CASCADE;

-- size: large
--   note: the table of form p is made anew with 17 columns; it has had 16, dropped ones counted. This cannot be taken back, and changes nothing that anybody sees
--   note: what refers to form p, or it to, is held at the moment of the swap as well: "form_data"."d_0001", "form_data"."j_000q"
--   note: the new table needs room beside the old one until the swap: about 10 MB, and as much as the old one's indexes have
-- look 1, refuses: not of the form, and lost with its old table: %s
SELECT count(*), array_agg(e.example ORDER BY e.example) FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = '"form_data"."d_0003"'::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = 'd_0003_id_seq' AND c.relkind = 'S'
), parts AS MATERIALIZED (
  SELECT 'pg_class'::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT 'pg_class'::regclass, oid FROM s
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = 'form_trash' AND d.defaclobjtype = c.relkind), '{}')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass AND w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
WHERE d.deptype IN ('n', 'a')
  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> 'pg_attrdef'::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY['s_000v']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
      AND (k.contype = 'n' OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['d_0003.d_0003_pkey', 'd_0003.u_000j', 'd_0003.c_0005', 'd_0003.c_000b', 'd_0003.c_000d', 'd_0003.c_000m', 'd_0003.r_000t', 'j_000q.j_000q_from_id_fkey']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY['d_0003_pkey', 'i_000g', 'i_000n', 'i_000s', 'u_000j']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND c.relname = 'Projects')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
WHERE d.classid = 'pg_attrdef'::regclass AND d.deptype = 'n'
UNION ALL
SELECT 'row security' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT 'storage parameter ' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, '{}') || coalesce(c.reloptions, '{}')) AS o
UNION ALL
SELECT 'its tablespace' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT 'UNLOGGED' FROM t WHERE t.relpersistence <> 'p'
UNION ALL
SELECT 'REPLICA IDENTITY' FROM t WHERE t.relreplident <> 'd'
UNION ALL
SELECT 'its access method' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting('default_table_access_method')
UNION ALL
SELECT 'a subscription' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT 'CLUSTER on ' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT 'column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN ' DEFAULT yes' ELSE '' END || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END <> ALL (ARRAY['id bigint NOT NULL', 'created_at timestamp with time zone DEFAULT yes NOT NULL', 'updated_at timestamp with time zone DEFAULT yes NOT NULL', 'f_0004 text', 'f_0006 text', 'f_0007 integer', 'f_0008 numeric(12,2)', 'f_0009 text DEFAULT yes', 'f_000a text', 'f_000c text[]', 'f_000e date DEFAULT yes NOT NULL', 'f_000f bigint', 'f_000h bigint DEFAULT yes NOT NULL', 'f_000k text', 'f_000p text', 'f_000r bigint', 'f_000v date']::text[])
UNION ALL
SELECT 'settings of column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '' OR a.attcollation <> y.typcollation OR a.attgenerated <> '')
UNION ALL
SELECT 'rights on column ' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT 'rights of ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END || ' on ' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT 'comment on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'security label on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'settings of sequence ' || 'd_0003_id_seq'
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = 'bigint'::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e;
-- step 1: prepare, transaction, SHARE ROW EXCLUSIVE, for milliseconds; reading goes on
--   undo: DROP TRIGGER "m_000w" ON "form_data"."d_0003"
--   undo: DROP TRIGGER "m_000x" ON "form_data"."d_0003"
--   undo: DROP FUNCTION "form_data"."m_000w"()
--   undo: DROP TABLE "form_trash"."d_0003"
CREATE TABLE "form_trash"."d_0003" (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  "f_0004" text,
  "f_0006" text,
  "f_0007" integer,
  "f_0008" numeric(12,2),
  "f_0009" text DEFAULT '2026-11-27'::text,
  "f_000a" text,
  "f_000c" text[],
  "f_000e" date DEFAULT '2026-11-27'::date NOT NULL,
  "f_000f" bigint,
  "f_000h" bigint DEFAULT '7'::bigint NOT NULL,
  "f_000k" text,
  "f_000p" text,
  "f_000r" bigint,
  "f_000v" date,
  CONSTRAINT "c_0005" CHECK (char_length("f_0004") <= 255),
  CONSTRAINT "c_000b" CHECK ("f_000a" = ANY (ARRAY['a', 'b']::text[])),
  CONSTRAINT "c_000d" CHECK ("f_000c" <@ ARRAY['x', 'y']::text[]),
  CONSTRAINT "c_000m" CHECK (char_length("f_000k") <= 255)
);
CREATE FUNCTION "form_data"."m_000w"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $carry$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    TRUNCATE "form_trash"."d_0003";
    RETURN NULL;
  END IF;
  IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND NEW.id IS DISTINCT FROM OLD.id) THEN
    DELETE FROM "form_trash"."d_0003" WHERE id = OLD.id;
    IF NOT FOUND AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
      INSERT INTO "form_trash"."d_0003" ("id", "created_at", "updated_at", "f_0004", "f_0006", "f_0007", "f_0008", "f_0009", "f_000a", "f_000c", "f_000e", "f_000f", "f_000h", "f_000k", "f_000p", "f_000r", "f_000v")
      VALUES (OLD."id", OLD."created_at", OLD."updated_at", OLD."f_0004", OLD."f_0006", OLD."f_0007", OLD."f_0008", OLD."f_0009", OLD."f_000a", OLD."f_000c", OLD."f_000e", OLD."f_000f", OLD."f_000h", OLD."f_000k", OLD."f_000p", OLD."f_000r", OLD."f_000v")
      ON CONFLICT (id) DO NOTHING;
      DELETE FROM "form_trash"."d_0003" WHERE id = OLD.id;
    END IF;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO "form_trash"."d_0003" ("id", "created_at", "updated_at", "f_0004", "f_0006", "f_0007", "f_0008", "f_0009", "f_000a", "f_000c", "f_000e", "f_000f", "f_000h", "f_000k", "f_000p", "f_000r", "f_000v")
    VALUES (NEW."id", NEW."created_at", NEW."updated_at", NEW."f_0004", NEW."f_0006", NEW."f_0007", NEW."f_0008", NEW."f_0009", NEW."f_000a", NEW."f_000c", NEW."f_000e", NEW."f_000f", NEW."f_000h", NEW."f_000k", NEW."f_000p", NEW."f_000r", NEW."f_000v")
    ON CONFLICT (id) DO UPDATE SET "created_at" = excluded."created_at", "updated_at" = excluded."updated_at", "f_0004" = excluded."f_0004", "f_0006" = excluded."f_0006", "f_0007" = excluded."f_0007", "f_0008" = excluded."f_0008", "f_0009" = excluded."f_0009", "f_000a" = excluded."f_000a", "f_000c" = excluded."f_000c", "f_000e" = excluded."f_000e", "f_000f" = excluded."f_000f", "f_000h" = excluded."f_000h", "f_000k" = excluded."f_000k", "f_000p" = excluded."f_000p", "f_000r" = excluded."f_000r", "f_000v" = excluded."f_000v";
  END IF;
  RETURN NULL;
END
$carry$;
REVOKE ALL ON FUNCTION "form_data"."m_000w"() FROM PUBLIC;
CREATE TRIGGER "m_000w" AFTER INSERT OR UPDATE OR DELETE ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."m_000w"();
CREATE TRIGGER "m_000x" AFTER TRUNCATE ON "form_data"."d_0003" FOR EACH STATEMENT EXECUTE FUNCTION "form_data"."m_000w"();
ALTER TABLE "form_data"."d_0003" ENABLE ALWAYS TRIGGER "m_000w", ENABLE ALWAYS TRIGGER "m_000x";
INSERT INTO "form_trash"."d_0003" ("id", "created_at", "updated_at", "f_0004", "f_0006", "f_0007", "f_0008", "f_0009", "f_000a", "f_000c", "f_000e", "f_000f", "f_000h", "f_000k", "f_000p", "f_000r", "f_000v") SELECT t."id", t."created_at", t."updated_at", t."f_0004", t."f_0006", t."f_0007", t."f_0008", t."f_0009", t."f_000a", t."f_000c", t."f_000e", t."f_000f", t."f_000h", t."f_000k", t."f_000p", t."f_000r", t."f_000v" FROM "form_data"."d_0003" AS t WHERE t.id = '-9223372036854775808'::bigint;
-- step 2: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), batch AS MATERIALIZED (
  SELECT t."id", t."created_at", t."updated_at", t."f_0004", t."f_0006", t."f_0007", t."f_0008", t."f_0009", t."f_000a", t."f_000c", t."f_000e", t."f_000f", t."f_000h", t."f_000k", t."f_000p", t."f_000r", t."f_000v"
  FROM "form_data"."d_0003" AS t
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto)
  ORDER BY t.id
  FOR SHARE
), changed AS (
  INSERT INTO "form_trash"."d_0003" ("id", "created_at", "updated_at", "f_0004", "f_0006", "f_0007", "f_0008", "f_0009", "f_000a", "f_000c", "f_000e", "f_000f", "f_000h", "f_000k", "f_000p", "f_000r", "f_000v")
  SELECT "id", "created_at", "updated_at", "f_0004", "f_0006", "f_0007", "f_0008", "f_0009", "f_000a", "f_000c", "f_000e", "f_000f", "f_000h", "f_000k", "f_000p", "f_000r", "f_000v" FROM batch
  ON CONFLICT (id) DO NOTHING
  RETURNING id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[];
-- step 3: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000g" ON "form_trash"."d_0003" USING btree ("f_000f");
-- step 4: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000n" ON "form_trash"."d_0003" USING btree ("f_000k");
-- step 5: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000s" ON "form_trash"."d_0003" USING btree ("f_000r");
-- step 6: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE UNIQUE INDEX CONCURRENTLY "u_000j" ON "form_trash"."d_0003" USING btree ("f_000h");
-- step 7: prepare, analyze, SHARE UPDATE EXCLUSIVE; reading and writing go on
ANALYZE "form_trash"."d_0003";
-- step 8: prepare, look, ACCESS SHARE; reading and writing go on
SELECT count(*), array_agg(e.example ORDER BY e.example) FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = '"form_data"."d_0003"'::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = 'd_0003_id_seq' AND c.relkind = 'S'
), parts AS MATERIALIZED (
  SELECT 'pg_class'::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT 'pg_class'::regclass, oid FROM s
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = 'form_trash' AND d.defaclobjtype = c.relkind), '{}')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass AND w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
WHERE d.deptype IN ('n', 'a')
  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> 'pg_attrdef'::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY['s_000v', 'm_000w', 'm_000x']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
      AND (k.contype = 'n' OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['d_0003.d_0003_pkey', 'd_0003.u_000j', 'd_0003.c_0005', 'd_0003.c_000b', 'd_0003.c_000d', 'd_0003.c_000m', 'd_0003.r_000t', 'j_000q.j_000q_from_id_fkey']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY['d_0003_pkey', 'i_000g', 'i_000n', 'i_000s', 'u_000j']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND c.relname = 'Projects')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
WHERE d.classid = 'pg_attrdef'::regclass AND d.deptype = 'n'
UNION ALL
SELECT 'row security' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT 'storage parameter ' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, '{}') || coalesce(c.reloptions, '{}')) AS o
UNION ALL
SELECT 'its tablespace' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT 'UNLOGGED' FROM t WHERE t.relpersistence <> 'p'
UNION ALL
SELECT 'REPLICA IDENTITY' FROM t WHERE t.relreplident <> 'd'
UNION ALL
SELECT 'its access method' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting('default_table_access_method')
UNION ALL
SELECT 'a subscription' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT 'CLUSTER on ' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT 'column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN ' DEFAULT yes' ELSE '' END || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END <> ALL (ARRAY['id bigint NOT NULL', 'created_at timestamp with time zone DEFAULT yes NOT NULL', 'updated_at timestamp with time zone DEFAULT yes NOT NULL', 'f_0004 text', 'f_0006 text', 'f_0007 integer', 'f_0008 numeric(12,2)', 'f_0009 text DEFAULT yes', 'f_000a text', 'f_000c text[]', 'f_000e date DEFAULT yes NOT NULL', 'f_000f bigint', 'f_000h bigint DEFAULT yes NOT NULL', 'f_000k text', 'f_000p text', 'f_000r bigint', 'f_000v date']::text[])
UNION ALL
SELECT 'settings of column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '' OR a.attcollation <> y.typcollation OR a.attgenerated <> '')
UNION ALL
SELECT 'rights on column ' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT 'rights of ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END || ' on ' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT 'comment on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'security label on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'settings of sequence ' || 'd_0003_id_seq'
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = 'bigint'::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e;
-- step 9: prepare, look, ACCESS SHARE; reading and writing go on
SELECT count(*), (array_agg('id ' || t.id))[:5] FROM "form_trash"."d_0003" AS t WHERE t."f_000r" IS NOT NULL AND NOT EXISTS (SELECT FROM "form_data"."d_0001" AS k WHERE k.id = t."f_000r");
-- step 10: prepare, look, ACCESS SHARE; reading and writing go on
SELECT CASE WHEN k.n = j.n AND k.example IS NOT DISTINCT FROM j.example THEN 0 ELSE greatest(abs(k.n - j.n), 1) END, NULL::text[]
FROM (SELECT count(*) AS n, sum(hash_record_extended(ROW(t."id", t."created_at", t."updated_at", t."f_0004", t."f_0006", t."f_0007", t."f_0008", t."f_0009", t."f_000a", t."f_000c", t."f_000e", t."f_000f", t."f_000h", t."f_000k", t."f_000p", t."f_000r", t."f_000v"), 0)::numeric) AS example FROM "form_data"."d_0003" AS t) AS k, (SELECT count(*) AS n, sum(hash_record_extended(ROW(t."id", t."created_at", t."updated_at", t."f_0004", t."f_0006", t."f_0007", t."f_0008", t."f_0009", t."f_000a", t."f_000c", t."f_000e", t."f_000f", t."f_000h", t."f_000k", t."f_000p", t."f_000r", t."f_000v"), 0)::numeric) AS example FROM "form_trash"."d_0003" AS t) AS j;
-- step 11: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
LOCK TABLE "form_views"."Projects", "form_data"."d_0003", "form_data"."d_0001", "form_data"."j_000q", "form_trash"."d_0003" IN ACCESS EXCLUSIVE MODE;
DO 'DECLARE example text; BEGIN SELECT string_agg(e.example, '', '' ORDER BY e.example) INTO example FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = ''"form_data"."d_0003"''::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = ''d_0003_id_seq'' AND c.relkind = ''S''
), parts AS MATERIALIZED (
  SELECT ''pg_class''::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT ''pg_class''::regclass, oid FROM s
  UNION ALL
  SELECT ''pg_class''::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT ''pg_constraint''::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT ''pg_trigger''::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN ''S'' THEN ''s''::"char" ELSE ''r''::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN ''S'' THEN ''s''::"char" ELSE ''r''::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = ''form_trash'' AND d.defaclobjtype = c.relkind), ''{}'')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = ''pg_rewrite''::regclass AND w.rulename = ''_RETURN'' THEN pg_describe_object(''pg_class''::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = ''pg_rewrite''::regclass AND w.oid = d.objid
WHERE d.deptype IN (''n'', ''a'')
  AND (d.refclassid = ''pg_class''::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = ''pg_type''::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> ''pg_attrdef''::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = ''pg_trigger''::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY[''s_000v'', ''m_000w'', ''m_000x'']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = ''pg_constraint''::regclass AND k.oid = d.objid
      AND (k.contype = ''n'' OR n.nspname IN (''form_data'', ''form_trash'') AND c.relname || ''.'' || k.conname = ANY (ARRAY[''d_0003.d_0003_pkey'', ''d_0003.u_000j'', ''d_0003.c_0005'', ''d_0003.c_000b'', ''d_0003.c_000d'', ''d_0003.c_000m'', ''d_0003.r_000t'', ''j_000q.j_000q_from_id_fkey'']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = ''pg_class''::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY[''d_0003_pkey'', ''i_000g'', ''i_000n'', ''i_000s'', ''u_000j'']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = ''_RETURN'' AND n.nspname = ''form_views'' AND c.relname = ''Projects'')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = ''pg_class''::regclass AND d.refobjid = s.oid
WHERE d.classid = ''pg_attrdef''::regclass AND d.deptype = ''n''
UNION ALL
SELECT ''row security'' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT ''storage parameter '' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, ''{}'') || coalesce(c.reloptions, ''{}'')) AS o
UNION ALL
SELECT ''its tablespace'' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT ''UNLOGGED'' FROM t WHERE t.relpersistence <> ''p''
UNION ALL
SELECT ''REPLICA IDENTITY'' FROM t WHERE t.relreplident <> ''d''
UNION ALL
SELECT ''its access method'' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting(''default_table_access_method'')
UNION ALL
SELECT ''a subscription'' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT ''CLUSTER on '' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT ''column '' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || '' '' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN '' DEFAULT yes'' ELSE '''' END || CASE WHEN a.attnotnull THEN '' NOT NULL'' ELSE '''' END <> ALL (ARRAY[''id bigint NOT NULL'', ''created_at timestamp with time zone DEFAULT yes NOT NULL'', ''updated_at timestamp with time zone DEFAULT yes NOT NULL'', ''f_0004 text'', ''f_0006 text'', ''f_0007 integer'', ''f_0008 numeric(12,2)'', ''f_0009 text DEFAULT yes'', ''f_000a text'', ''f_000c text[]'', ''f_000e date DEFAULT yes NOT NULL'', ''f_000f bigint'', ''f_000h bigint DEFAULT yes NOT NULL'', ''f_000k text'', ''f_000p text'', ''f_000r bigint'', ''f_000v date'']::text[])
UNION ALL
SELECT ''settings of column '' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '''' OR a.attcollation <> y.typcollation OR a.attgenerated <> '''')
UNION ALL
SELECT ''rights on column '' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT ''rights of '' || CASE x.grantee WHEN 0 THEN ''PUBLIC'' ELSE pg_get_userbyid(x.grantee) END || '' on '' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT ''comment on '' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT ''security label on '' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT ''settings of sequence '' || ''d_0003_id_seq''
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = ''bigint''::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e; IF example IS NOT NULL THEN RAISE check_violation USING MESSAGE = ''not of the form, and lost with its old table: '' || example; END IF; END';
ALTER TABLE "form_data"."j_000q" DROP CONSTRAINT "j_000q_from_id_fkey";
ALTER SEQUENCE "form_data"."d_0003_id_seq" NO CYCLE;
DO $ids$ BEGIN PERFORM setval('"form_trash"."d_0003_id_seq"', k.last_value, k.is_called) FROM "form_data"."d_0003_id_seq" AS k; END $ids$;
ALTER VIEW "form_views"."Projects" OWNER TO CURRENT_USER;
DO 'BEGIN
  PERFORM set_config(''tenantry.d_0003'', (SELECT coalesce(jsonb_agg(s.statement), ''[]'')::text FROM (
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Projects"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Projects"''::regclass) AS s), true);
END';
CREATE OR REPLACE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_0009" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team"
FROM "form_trash"."d_0003" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0003'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';
DROP TABLE "form_data"."d_0003";
DROP FUNCTION "form_data"."m_000w"();
ALTER TABLE "form_trash"."d_0003" SET SCHEMA "form_data";
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000j" UNIQUE USING INDEX "u_000j";
CREATE OR REPLACE TRIGGER "s_000v" BEFORE INSERT OR UPDATE OF "f_000p", "f_000v" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000v"();
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "r_000t" FOREIGN KEY ("f_000r") REFERENCES "form_data"."d_0001" (id) ON DELETE RESTRICT NOT VALID;
ALTER TABLE "form_data"."j_000q" ADD CONSTRAINT "j_000q_from_id_fkey" FOREIGN KEY (from_id) REFERENCES "form_data"."d_0003" (id) ON DELETE CASCADE;
-- step 12: after, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "r_000t";


-- case: with what refers to it
-- change: {"operations": [{"op": "rebuild_form", "form": "teams"}]}

-- size: small
--   note: the table of form teams is made anew with 3 columns; it has had 3, dropped ones counted. This cannot be taken back, and changes nothing that anybody sees
--   note: what refers to form teams, or it to, is held at the moment of the swap as well: "form_data"."d_0003", "form_data"."j_000q"
-- look 1, refuses: not of the form, and lost with its old table: %s
SELECT count(*), array_agg(e.example ORDER BY e.example) FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = '"form_data"."d_0001"'::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = 'd_0001_id_seq' AND c.relkind = 'S'
), parts AS MATERIALIZED (
  SELECT 'pg_class'::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT 'pg_class'::regclass, oid FROM s
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = 'form_trash' AND d.defaclobjtype = c.relkind), '{}')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass AND w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
WHERE d.deptype IN ('n', 'a')
  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> 'pg_attrdef'::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY[]::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
      AND (k.contype = 'n' OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['d_0001.d_0001_pkey', 'd_0003.r_000t', 'j_000q.j_000q_to_id_fkey']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY['d_0001_pkey']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND c.relname = 'Teams')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
WHERE d.classid = 'pg_attrdef'::regclass AND d.deptype = 'n'
UNION ALL
SELECT 'row security' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT 'storage parameter ' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, '{}') || coalesce(c.reloptions, '{}')) AS o
UNION ALL
SELECT 'its tablespace' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT 'UNLOGGED' FROM t WHERE t.relpersistence <> 'p'
UNION ALL
SELECT 'REPLICA IDENTITY' FROM t WHERE t.relreplident <> 'd'
UNION ALL
SELECT 'its access method' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting('default_table_access_method')
UNION ALL
SELECT 'a subscription' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT 'CLUSTER on ' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT 'column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN ' DEFAULT yes' ELSE '' END || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END <> ALL (ARRAY['id bigint NOT NULL', 'created_at timestamp with time zone DEFAULT yes NOT NULL', 'updated_at timestamp with time zone DEFAULT yes NOT NULL']::text[])
UNION ALL
SELECT 'settings of column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '' OR a.attcollation <> y.typcollation OR a.attgenerated <> '')
UNION ALL
SELECT 'rights on column ' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT 'rights of ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END || ' on ' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT 'comment on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'security label on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'settings of sequence ' || 'd_0001_id_seq'
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = 'bigint'::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
LOCK TABLE "form_views"."Teams", "form_data"."d_0001", "form_data"."d_0003", "form_data"."j_000q" IN ACCESS EXCLUSIVE MODE;
DO 'DECLARE example text; BEGIN SELECT string_agg(e.example, '', '' ORDER BY e.example) INTO example FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = ''"form_data"."d_0001"''::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = ''d_0001_id_seq'' AND c.relkind = ''S''
), parts AS MATERIALIZED (
  SELECT ''pg_class''::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT ''pg_class''::regclass, oid FROM s
  UNION ALL
  SELECT ''pg_class''::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT ''pg_constraint''::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT ''pg_trigger''::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN ''S'' THEN ''s''::"char" ELSE ''r''::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN ''S'' THEN ''s''::"char" ELSE ''r''::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = ''form_trash'' AND d.defaclobjtype = c.relkind), ''{}'')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = ''pg_rewrite''::regclass AND w.rulename = ''_RETURN'' THEN pg_describe_object(''pg_class''::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = ''pg_rewrite''::regclass AND w.oid = d.objid
WHERE d.deptype IN (''n'', ''a'')
  AND (d.refclassid = ''pg_class''::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = ''pg_type''::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> ''pg_attrdef''::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = ''pg_trigger''::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY[]::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = ''pg_constraint''::regclass AND k.oid = d.objid
      AND (k.contype = ''n'' OR n.nspname IN (''form_data'', ''form_trash'') AND c.relname || ''.'' || k.conname = ANY (ARRAY[''d_0001.d_0001_pkey'', ''d_0003.r_000t'', ''j_000q.j_000q_to_id_fkey'']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = ''pg_class''::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY[''d_0001_pkey'']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = ''_RETURN'' AND n.nspname = ''form_views'' AND c.relname = ''Teams'')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = ''pg_class''::regclass AND d.refobjid = s.oid
WHERE d.classid = ''pg_attrdef''::regclass AND d.deptype = ''n''
UNION ALL
SELECT ''row security'' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT ''storage parameter '' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, ''{}'') || coalesce(c.reloptions, ''{}'')) AS o
UNION ALL
SELECT ''its tablespace'' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT ''UNLOGGED'' FROM t WHERE t.relpersistence <> ''p''
UNION ALL
SELECT ''REPLICA IDENTITY'' FROM t WHERE t.relreplident <> ''d''
UNION ALL
SELECT ''its access method'' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting(''default_table_access_method'')
UNION ALL
SELECT ''a subscription'' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT ''CLUSTER on '' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT ''column '' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || '' '' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN '' DEFAULT yes'' ELSE '''' END || CASE WHEN a.attnotnull THEN '' NOT NULL'' ELSE '''' END <> ALL (ARRAY[''id bigint NOT NULL'', ''created_at timestamp with time zone DEFAULT yes NOT NULL'', ''updated_at timestamp with time zone DEFAULT yes NOT NULL'']::text[])
UNION ALL
SELECT ''settings of column '' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '''' OR a.attcollation <> y.typcollation OR a.attgenerated <> '''')
UNION ALL
SELECT ''rights on column '' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT ''rights of '' || CASE x.grantee WHEN 0 THEN ''PUBLIC'' ELSE pg_get_userbyid(x.grantee) END || '' on '' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT ''comment on '' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT ''security label on '' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT ''settings of sequence '' || ''d_0001_id_seq''
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = ''bigint''::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e; IF example IS NOT NULL THEN RAISE check_violation USING MESSAGE = ''not of the form, and lost with its old table: '' || example; END IF; END';
CREATE TABLE "form_trash"."d_0001" (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO "form_trash"."d_0001" ("id", "created_at", "updated_at") SELECT t."id", t."created_at", t."updated_at" FROM "form_data"."d_0001" AS t;
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "r_000t";
ALTER TABLE "form_data"."j_000q" DROP CONSTRAINT "j_000q_to_id_fkey";
ALTER SEQUENCE "form_data"."d_0001_id_seq" NO CYCLE;
DO $ids$ BEGIN PERFORM setval('"form_trash"."d_0001_id_seq"', k.last_value, k.is_called) FROM "form_data"."d_0001_id_seq" AS k; END $ids$;
ALTER VIEW "form_views"."Teams" OWNER TO CURRENT_USER;
DO 'BEGIN
  PERFORM set_config(''tenantry.d_0001'', (SELECT coalesce(jsonb_agg(s.statement), ''[]'')::text FROM (
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Teams"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Teams"''::regclass) AS s), true);
END';
CREATE OR REPLACE VIEW "form_views"."Teams" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at"
FROM "form_trash"."d_0001" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0001'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';
DROP TABLE "form_data"."d_0001";
ALTER TABLE "form_trash"."d_0001" SET SCHEMA "form_data";
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "r_000t" FOREIGN KEY ("f_000r") REFERENCES "form_data"."d_0001" (id) ON DELETE RESTRICT;
ALTER TABLE "form_data"."j_000q" ADD CONSTRAINT "j_000q_to_id_fkey" FOREIGN KEY (to_id) REFERENCES "form_data"."d_0001" (id) ON DELETE CASCADE;

-- size: large
--   note: the table of form teams is made anew with 3 columns; it has had 3, dropped ones counted. This cannot be taken back, and changes nothing that anybody sees
--   note: what refers to form teams, or it to, is held at the moment of the swap as well: "form_data"."d_0003", "form_data"."j_000q"
-- look 1, refuses: not of the form, and lost with its old table: %s
SELECT count(*), array_agg(e.example ORDER BY e.example) FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = '"form_data"."d_0001"'::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = 'd_0001_id_seq' AND c.relkind = 'S'
), parts AS MATERIALIZED (
  SELECT 'pg_class'::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT 'pg_class'::regclass, oid FROM s
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = 'form_trash' AND d.defaclobjtype = c.relkind), '{}')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass AND w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
WHERE d.deptype IN ('n', 'a')
  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> 'pg_attrdef'::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY[]::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
      AND (k.contype = 'n' OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['d_0001.d_0001_pkey', 'd_0003.r_000t', 'j_000q.j_000q_to_id_fkey']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY['d_0001_pkey']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND c.relname = 'Teams')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
WHERE d.classid = 'pg_attrdef'::regclass AND d.deptype = 'n'
UNION ALL
SELECT 'row security' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT 'storage parameter ' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, '{}') || coalesce(c.reloptions, '{}')) AS o
UNION ALL
SELECT 'its tablespace' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT 'UNLOGGED' FROM t WHERE t.relpersistence <> 'p'
UNION ALL
SELECT 'REPLICA IDENTITY' FROM t WHERE t.relreplident <> 'd'
UNION ALL
SELECT 'its access method' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting('default_table_access_method')
UNION ALL
SELECT 'a subscription' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT 'CLUSTER on ' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT 'column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN ' DEFAULT yes' ELSE '' END || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END <> ALL (ARRAY['id bigint NOT NULL', 'created_at timestamp with time zone DEFAULT yes NOT NULL', 'updated_at timestamp with time zone DEFAULT yes NOT NULL']::text[])
UNION ALL
SELECT 'settings of column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '' OR a.attcollation <> y.typcollation OR a.attgenerated <> '')
UNION ALL
SELECT 'rights on column ' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT 'rights of ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END || ' on ' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT 'comment on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'security label on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'settings of sequence ' || 'd_0001_id_seq'
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = 'bigint'::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
LOCK TABLE "form_views"."Teams", "form_data"."d_0001", "form_data"."d_0003", "form_data"."j_000q" IN ACCESS EXCLUSIVE MODE;
DO 'DECLARE example text; BEGIN SELECT string_agg(e.example, '', '' ORDER BY e.example) INTO example FROM (
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = ''"form_data"."d_0001"''::regclass
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = ''d_0001_id_seq'' AND c.relkind = ''S''
), parts AS MATERIALIZED (
  SELECT ''pg_class''::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT ''pg_class''::regclass, oid FROM s
  UNION ALL
  SELECT ''pg_class''::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT ''pg_constraint''::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT ''pg_trigger''::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN ''S'' THEN ''s''::"char" ELSE ''r''::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN ''S'' THEN ''s''::"char" ELSE ''r''::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = ''form_trash'' AND d.defaclobjtype = c.relkind), ''{}'')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = ''pg_rewrite''::regclass AND w.rulename = ''_RETURN'' THEN pg_describe_object(''pg_class''::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = ''pg_rewrite''::regclass AND w.oid = d.objid
WHERE d.deptype IN (''n'', ''a'')
  AND (d.refclassid = ''pg_class''::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = ''pg_type''::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> ''pg_attrdef''::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = ''pg_trigger''::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY (ARRAY[]::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = ''pg_constraint''::regclass AND k.oid = d.objid
      AND (k.contype = ''n'' OR n.nspname IN (''form_data'', ''form_trash'') AND c.relname || ''.'' || k.conname = ANY (ARRAY[''d_0001.d_0001_pkey'', ''d_0003.r_000t'', ''j_000q.j_000q_to_id_fkey'']::text[])))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = ''pg_class''::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY (ARRAY[''d_0001_pkey'']::text[]))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = ''_RETURN'' AND n.nspname = ''form_views'' AND c.relname = ''Teams'')
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = ''pg_class''::regclass AND d.refobjid = s.oid
WHERE d.classid = ''pg_attrdef''::regclass AND d.deptype = ''n''
UNION ALL
SELECT ''row security'' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT ''storage parameter '' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, ''{}'') || coalesce(c.reloptions, ''{}'')) AS o
UNION ALL
SELECT ''its tablespace'' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT ''UNLOGGED'' FROM t WHERE t.relpersistence <> ''p''
UNION ALL
SELECT ''REPLICA IDENTITY'' FROM t WHERE t.relreplident <> ''d''
UNION ALL
SELECT ''its access method'' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting(''default_table_access_method'')
UNION ALL
SELECT ''a subscription'' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT ''CLUSTER on '' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT ''column '' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || '' '' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN '' DEFAULT yes'' ELSE '''' END || CASE WHEN a.attnotnull THEN '' NOT NULL'' ELSE '''' END <> ALL (ARRAY[''id bigint NOT NULL'', ''created_at timestamp with time zone DEFAULT yes NOT NULL'', ''updated_at timestamp with time zone DEFAULT yes NOT NULL'']::text[])
UNION ALL
SELECT ''settings of column '' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '''' OR a.attcollation <> y.typcollation OR a.attgenerated <> '''')
UNION ALL
SELECT ''rights on column '' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT ''rights of '' || CASE x.grantee WHEN 0 THEN ''PUBLIC'' ELSE pg_get_userbyid(x.grantee) END || '' on '' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT ''comment on '' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT ''security label on '' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT ''settings of sequence '' || ''d_0001_id_seq''
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = ''bigint''::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)) AS e; IF example IS NOT NULL THEN RAISE check_violation USING MESSAGE = ''not of the form, and lost with its old table: '' || example; END IF; END';
CREATE TABLE "form_trash"."d_0001" (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO "form_trash"."d_0001" ("id", "created_at", "updated_at") SELECT t."id", t."created_at", t."updated_at" FROM "form_data"."d_0001" AS t;
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "r_000t";
ALTER TABLE "form_data"."j_000q" DROP CONSTRAINT "j_000q_to_id_fkey";
ALTER SEQUENCE "form_data"."d_0001_id_seq" NO CYCLE;
DO $ids$ BEGIN PERFORM setval('"form_trash"."d_0001_id_seq"', k.last_value, k.is_called) FROM "form_data"."d_0001_id_seq" AS k; END $ids$;
ALTER VIEW "form_views"."Teams" OWNER TO CURRENT_USER;
DO 'BEGIN
  PERFORM set_config(''tenantry.d_0001'', (SELECT coalesce(jsonb_agg(s.statement), ''[]'')::text FROM (
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Teams"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Teams"''::regclass) AS s), true);
END';
CREATE OR REPLACE VIEW "form_views"."Teams" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at"
FROM "form_trash"."d_0001" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0001'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';
DROP TABLE "form_data"."d_0001";
ALTER TABLE "form_trash"."d_0001" SET SCHEMA "form_data";
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "r_000t" FOREIGN KEY ("f_000r") REFERENCES "form_data"."d_0001" (id) ON DELETE RESTRICT NOT VALID;
ALTER TABLE "form_data"."j_000q" ADD CONSTRAINT "j_000q_to_id_fkey" FOREIGN KEY (to_id) REFERENCES "form_data"."d_0001" (id) ON DELETE CASCADE;
-- step 2: after, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "r_000t";
