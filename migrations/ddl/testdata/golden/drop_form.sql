-- Plans of drop_form, made by TestGolden: see golden_test.go.


-- case: with links
-- change: {"operations": [{"op": "drop_form", "form": "p"}]}

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
DROP VIEW "form_views"."Projects";
ALTER TABLE "form_data"."d_0003" SET SCHEMA "form_trash";
ALTER TABLE "form_data"."j_000q" SET SCHEMA "form_trash";

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
DROP VIEW "form_views"."Projects";
ALTER TABLE "form_data"."d_0003" SET SCHEMA "form_trash";
ALTER TABLE "form_data"."j_000q" SET SCHEMA "form_trash";
