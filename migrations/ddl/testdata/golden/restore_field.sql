-- Plans of restore_field, made by TestGolden: see golden_test.go.


-- case: with a default
-- change: {"operations": [{"op": "restore_field", "form": "p", "field": "old"}]}

-- size: small
-- look 1, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
SELECT count(*), array_agg(l.example ORDER BY l.example) FROM (SELECT CASE WHEN w.rulename = '_RETURN' THEN format('%I.%I', n.nspname, k.relname) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM pg_class v
  JOIN pg_type y ON y.oid = v.reltype
  JOIN pg_depend d ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid) OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray))
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  LEFT JOIN pg_class k ON k.oid = w.ev_class
  LEFT JOIN pg_namespace n ON n.oid = k.relnamespace
  WHERE v.oid = to_regclass('"form_views"."Projects"') AND d.deptype IN ('n', 'a') AND (w.rulename = '_RETURN' AND w.ev_class = v.oid) IS NOT TRUE
  UNION
  SELECT 'security label on ' || pg_describe_object(l.classoid, l.objoid, l.objsubid)
  FROM pg_seclabel l
  WHERE l.classoid = 'pg_class'::regclass AND l.objoid = to_regclass('"form_views"."Projects"')
  UNION
  SELECT 'what column ' || a.attname || ' was given'
  FROM pg_attribute a
  WHERE a.attrelid = to_regclass('"form_views"."Projects"') AND a.attnum > 0 AND a.attname <> ALL (ARRAY['id', 'created_at', 'updated_at', 'name', 'note', 'n', 'price', 'due', 'state', 'tags', 'day', 'rank', 'code', 'was', 'total', 'links', 'team']::text[]) AND (a.attacl IS NOT NULL OR col_description(a.attrelid, a.attnum) IS NOT NULL)
  UNION
  SELECT 'its owner ' || pg_get_userbyid(v.relowner)
  FROM pg_class v
  JOIN pg_namespace n ON n.oid = v.relnamespace
  WHERE v.oid = to_regclass('"form_views"."Projects"') AND v.relowner <> n.nspowner) AS l;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER VIEW "form_views"."Projects" OWNER TO CURRENT_USER;
DO 'DECLARE examples text;
BEGIN
  SELECT string_agg(l.example, '', '' ORDER BY l.example) INTO examples FROM (
  SELECT CASE WHEN w.rulename = ''_RETURN'' THEN format(''%I.%I'', n.nspname, k.relname) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM pg_class v
  JOIN pg_type y ON y.oid = v.reltype
  JOIN pg_depend d ON (d.refclassid = ''pg_class''::regclass AND d.refobjid = v.oid) OR (d.refclassid = ''pg_type''::regclass AND d.refobjid IN (y.oid, y.typarray))
  LEFT JOIN pg_rewrite w ON d.classid = ''pg_rewrite''::regclass AND w.oid = d.objid
  LEFT JOIN pg_class k ON k.oid = w.ev_class
  LEFT JOIN pg_namespace n ON n.oid = k.relnamespace
  WHERE v.oid = to_regclass(''"form_views"."Projects"'') AND d.deptype IN (''n'', ''a'') AND (w.rulename = ''_RETURN'' AND w.ev_class = v.oid) IS NOT TRUE
  UNION
  SELECT ''security label on '' || pg_describe_object(l.classoid, l.objoid, l.objsubid)
  FROM pg_seclabel l
  WHERE l.classoid = ''pg_class''::regclass AND l.objoid = to_regclass(''"form_views"."Projects"'')
  UNION
  SELECT ''what column '' || a.attname || '' was given''
  FROM pg_attribute a
  WHERE a.attrelid = to_regclass(''"form_views"."Projects"'') AND a.attnum > 0 AND a.attname <> ALL (ARRAY[''id'', ''created_at'', ''updated_at'', ''name'', ''note'', ''n'', ''price'', ''due'', ''state'', ''tags'', ''day'', ''rank'', ''code'', ''was'', ''total'', ''links'', ''team'']::text[]) AND (a.attacl IS NOT NULL OR col_description(a.attrelid, a.attnum) IS NOT NULL)
  UNION
  SELECT ''its owner '' || pg_get_userbyid(v.relowner)
  FROM pg_class v
  JOIN pg_namespace n ON n.oid = v.relnamespace
  WHERE v.oid = to_regclass(''"form_views"."Projects"'') AND v.relowner <> n.nspowner) AS l;
  IF examples IS NOT NULL THEN
    RAISE dependent_objects_still_exist USING MESSAGE = examples || '', lost with view "form_views"."Projects", which cannot stay as it is'';
  END IF;
  PERFORM set_config(''tenantry.d_0003'', (
    WITH v AS MATERIALIZED (
      SELECT oid, relowner, relacl FROM pg_class WHERE oid = ''"form_views"."Projects"''::regclass
    ), columns AS MATERIALIZED (
      SELECT a.attnum, a.attacl, m.name
      FROM v
      JOIN pg_attribute a ON a.attrelid = v.oid
      JOIN unnest(ARRAY[''id'', ''created_at'', ''updated_at'', ''name'', ''note'', ''n'', ''price'', ''due'', ''state'', ''tags'', ''day'', ''rank'', ''code'', ''was'', ''total'', ''links'', ''team'']::text[], ARRAY[''id'', ''created_at'', ''updated_at'', ''name'', ''note'', ''n'', ''price'', ''due'', ''state'', ''tags'', ''day'', ''rank'', ''code'', ''was'', ''total'', ''links'', ''team'']::text[]) AS m (was, name) ON m.was = a.attname
    ), rights AS MATERIALIZED (
      SELECT r.name, format(''GRANT %s%s ON %s TO %s%s'', r.privilege_type, '' ('' || quote_ident(r.name) || '')'', ''"form_views"."Projects"'',
                            CASE r.grantee WHEN 0 THEN ''PUBLIC'' ELSE quote_ident(pg_get_userbyid(r.grantee)) END, CASE WHEN r.is_grantable THEN '' WITH GRANT OPTION'' END) AS statement
      FROM (
        SELECT NULL::text AS name, h.grantee, h.privilege_type, h.is_grantable FROM v, aclexplode(v.relacl) AS h WHERE h.grantee <> v.relowner
        UNION ALL
        SELECT c.name, h.grantee, h.privilege_type, h.is_grantable FROM v, columns c, aclexplode(c.attacl) AS h WHERE h.grantee <> v.relowner
      ) AS r
    ), others AS MATERIALIZED (
      SELECT statement FROM rights WHERE name IS NOT NULL
      UNION ALL
      SELECT format(''COMMENT ON VIEW %s IS %L'', ''"form_views"."Projects"'', obj_description(oid, ''pg_class'')) FROM v WHERE obj_description(oid, ''pg_class'') IS NOT NULL
      UNION ALL
      SELECT format(''COMMENT ON COLUMN %s.%I IS %L'', ''"form_views"."Projects"'', c.name, col_description(v.oid, c.attnum)) FROM v, columns c WHERE col_description(v.oid, c.attnum) IS NOT NULL
      UNION ALL
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Projects"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Projects"''::regclass
    )
    SELECT jsonb_build_object(
      ''acl'', (SELECT relacl::text FROM v),
      ''rights'', (SELECT coalesce(jsonb_agg(statement), ''[]'') FROM rights WHERE name IS NULL),
      ''others'', (SELECT coalesce(jsonb_agg(statement), ''[]'') FROM others)
    )::text), true);
END';
DROP VIEW "form_views"."Projects";
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000k" SET DEFAULT 'o'::text;
CREATE VIEW "form_views"."Projects" AS SELECT
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
  t."f_000k" AS "old",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team"
FROM "form_data"."d_0003" AS t;
DO 'DECLARE
  kept CONSTANT jsonb := current_setting(''tenantry.d_0003'')::jsonb;
  statement text;
BEGIN
  IF kept ->> ''acl'' IS DISTINCT FROM (SELECT relacl::text FROM pg_class WHERE oid = ''"form_views"."Projects"''::regclass) THEN
    FOR statement IN
      SELECT DISTINCT format(''REVOKE ALL ON %s FROM %s'', ''"form_views"."Projects"'', CASE h.grantee WHEN 0 THEN ''PUBLIC'' ELSE quote_ident(pg_get_userbyid(h.grantee)) END)
      FROM pg_class c, aclexplode(c.relacl) AS h
      WHERE c.oid = ''"form_views"."Projects"''::regclass AND h.grantee <> c.relowner
    LOOP
      EXECUTE statement;
    END LOOP;
    FOR statement IN SELECT jsonb_array_elements_text(kept -> ''rights'') LOOP
      EXECUTE statement;
    END LOOP;
  END IF;
  FOR statement IN SELECT jsonb_array_elements_text(kept -> ''others'') LOOP
    EXECUTE statement;
  END LOOP;
END';

-- size: large
-- look 1, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
SELECT count(*), array_agg(l.example ORDER BY l.example) FROM (SELECT CASE WHEN w.rulename = '_RETURN' THEN format('%I.%I', n.nspname, k.relname) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM pg_class v
  JOIN pg_type y ON y.oid = v.reltype
  JOIN pg_depend d ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid) OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray))
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  LEFT JOIN pg_class k ON k.oid = w.ev_class
  LEFT JOIN pg_namespace n ON n.oid = k.relnamespace
  WHERE v.oid = to_regclass('"form_views"."Projects"') AND d.deptype IN ('n', 'a') AND (w.rulename = '_RETURN' AND w.ev_class = v.oid) IS NOT TRUE
  UNION
  SELECT 'security label on ' || pg_describe_object(l.classoid, l.objoid, l.objsubid)
  FROM pg_seclabel l
  WHERE l.classoid = 'pg_class'::regclass AND l.objoid = to_regclass('"form_views"."Projects"')
  UNION
  SELECT 'what column ' || a.attname || ' was given'
  FROM pg_attribute a
  WHERE a.attrelid = to_regclass('"form_views"."Projects"') AND a.attnum > 0 AND a.attname <> ALL (ARRAY['id', 'created_at', 'updated_at', 'name', 'note', 'n', 'price', 'due', 'state', 'tags', 'day', 'rank', 'code', 'was', 'total', 'links', 'team']::text[]) AND (a.attacl IS NOT NULL OR col_description(a.attrelid, a.attnum) IS NOT NULL)
  UNION
  SELECT 'its owner ' || pg_get_userbyid(v.relowner)
  FROM pg_class v
  JOIN pg_namespace n ON n.oid = v.relnamespace
  WHERE v.oid = to_regclass('"form_views"."Projects"') AND v.relowner <> n.nspowner) AS l;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER VIEW "form_views"."Projects" OWNER TO CURRENT_USER;
DO 'DECLARE examples text;
BEGIN
  SELECT string_agg(l.example, '', '' ORDER BY l.example) INTO examples FROM (
  SELECT CASE WHEN w.rulename = ''_RETURN'' THEN format(''%I.%I'', n.nspname, k.relname) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM pg_class v
  JOIN pg_type y ON y.oid = v.reltype
  JOIN pg_depend d ON (d.refclassid = ''pg_class''::regclass AND d.refobjid = v.oid) OR (d.refclassid = ''pg_type''::regclass AND d.refobjid IN (y.oid, y.typarray))
  LEFT JOIN pg_rewrite w ON d.classid = ''pg_rewrite''::regclass AND w.oid = d.objid
  LEFT JOIN pg_class k ON k.oid = w.ev_class
  LEFT JOIN pg_namespace n ON n.oid = k.relnamespace
  WHERE v.oid = to_regclass(''"form_views"."Projects"'') AND d.deptype IN (''n'', ''a'') AND (w.rulename = ''_RETURN'' AND w.ev_class = v.oid) IS NOT TRUE
  UNION
  SELECT ''security label on '' || pg_describe_object(l.classoid, l.objoid, l.objsubid)
  FROM pg_seclabel l
  WHERE l.classoid = ''pg_class''::regclass AND l.objoid = to_regclass(''"form_views"."Projects"'')
  UNION
  SELECT ''what column '' || a.attname || '' was given''
  FROM pg_attribute a
  WHERE a.attrelid = to_regclass(''"form_views"."Projects"'') AND a.attnum > 0 AND a.attname <> ALL (ARRAY[''id'', ''created_at'', ''updated_at'', ''name'', ''note'', ''n'', ''price'', ''due'', ''state'', ''tags'', ''day'', ''rank'', ''code'', ''was'', ''total'', ''links'', ''team'']::text[]) AND (a.attacl IS NOT NULL OR col_description(a.attrelid, a.attnum) IS NOT NULL)
  UNION
  SELECT ''its owner '' || pg_get_userbyid(v.relowner)
  FROM pg_class v
  JOIN pg_namespace n ON n.oid = v.relnamespace
  WHERE v.oid = to_regclass(''"form_views"."Projects"'') AND v.relowner <> n.nspowner) AS l;
  IF examples IS NOT NULL THEN
    RAISE dependent_objects_still_exist USING MESSAGE = examples || '', lost with view "form_views"."Projects", which cannot stay as it is'';
  END IF;
  PERFORM set_config(''tenantry.d_0003'', (
    WITH v AS MATERIALIZED (
      SELECT oid, relowner, relacl FROM pg_class WHERE oid = ''"form_views"."Projects"''::regclass
    ), columns AS MATERIALIZED (
      SELECT a.attnum, a.attacl, m.name
      FROM v
      JOIN pg_attribute a ON a.attrelid = v.oid
      JOIN unnest(ARRAY[''id'', ''created_at'', ''updated_at'', ''name'', ''note'', ''n'', ''price'', ''due'', ''state'', ''tags'', ''day'', ''rank'', ''code'', ''was'', ''total'', ''links'', ''team'']::text[], ARRAY[''id'', ''created_at'', ''updated_at'', ''name'', ''note'', ''n'', ''price'', ''due'', ''state'', ''tags'', ''day'', ''rank'', ''code'', ''was'', ''total'', ''links'', ''team'']::text[]) AS m (was, name) ON m.was = a.attname
    ), rights AS MATERIALIZED (
      SELECT r.name, format(''GRANT %s%s ON %s TO %s%s'', r.privilege_type, '' ('' || quote_ident(r.name) || '')'', ''"form_views"."Projects"'',
                            CASE r.grantee WHEN 0 THEN ''PUBLIC'' ELSE quote_ident(pg_get_userbyid(r.grantee)) END, CASE WHEN r.is_grantable THEN '' WITH GRANT OPTION'' END) AS statement
      FROM (
        SELECT NULL::text AS name, h.grantee, h.privilege_type, h.is_grantable FROM v, aclexplode(v.relacl) AS h WHERE h.grantee <> v.relowner
        UNION ALL
        SELECT c.name, h.grantee, h.privilege_type, h.is_grantable FROM v, columns c, aclexplode(c.attacl) AS h WHERE h.grantee <> v.relowner
      ) AS r
    ), others AS MATERIALIZED (
      SELECT statement FROM rights WHERE name IS NOT NULL
      UNION ALL
      SELECT format(''COMMENT ON VIEW %s IS %L'', ''"form_views"."Projects"'', obj_description(oid, ''pg_class'')) FROM v WHERE obj_description(oid, ''pg_class'') IS NOT NULL
      UNION ALL
      SELECT format(''COMMENT ON COLUMN %s.%I IS %L'', ''"form_views"."Projects"'', c.name, col_description(v.oid, c.attnum)) FROM v, columns c WHERE col_description(v.oid, c.attnum) IS NOT NULL
      UNION ALL
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Projects"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Projects"''::regclass
    )
    SELECT jsonb_build_object(
      ''acl'', (SELECT relacl::text FROM v),
      ''rights'', (SELECT coalesce(jsonb_agg(statement), ''[]'') FROM rights WHERE name IS NULL),
      ''others'', (SELECT coalesce(jsonb_agg(statement), ''[]'') FROM others)
    )::text), true);
END';
DROP VIEW "form_views"."Projects";
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000k" SET DEFAULT 'o'::text;
CREATE VIEW "form_views"."Projects" AS SELECT
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
  t."f_000k" AS "old",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team"
FROM "form_data"."d_0003" AS t;
DO 'DECLARE
  kept CONSTANT jsonb := current_setting(''tenantry.d_0003'')::jsonb;
  statement text;
BEGIN
  IF kept ->> ''acl'' IS DISTINCT FROM (SELECT relacl::text FROM pg_class WHERE oid = ''"form_views"."Projects"''::regclass) THEN
    FOR statement IN
      SELECT DISTINCT format(''REVOKE ALL ON %s FROM %s'', ''"form_views"."Projects"'', CASE h.grantee WHEN 0 THEN ''PUBLIC'' ELSE quote_ident(pg_get_userbyid(h.grantee)) END)
      FROM pg_class c, aclexplode(c.relacl) AS h
      WHERE c.oid = ''"form_views"."Projects"''::regclass AND h.grantee <> c.relowner
    LOOP
      EXECUTE statement;
    END LOOP;
    FOR statement IN SELECT jsonb_array_elements_text(kept -> ''rights'') LOOP
      EXECUTE statement;
    END LOOP;
  END IF;
  FOR statement IN SELECT jsonb_array_elements_text(kept -> ''others'') LOOP
    EXECUTE statement;
  END LOOP;
END';
