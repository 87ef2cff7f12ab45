-- Plans of purge, made by TestGolden: see golden_test.go.


-- case: of a field
-- change: {"operations": [{"op": "purge", "form": "p", "field": "old", "early": true}]}

-- size: small
-- look 1, refuses: %s: built on column f_000k, which cannot stay as it is
SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM (SELECT 'pg_class'::regclass AS classid, a.attrelid AS objid, a.attnum::integer AS objsubid FROM pg_attribute a WHERE a.attrelid = to_regclass('"form_data"."d_0003"') AND a.attname = 'f_000k') AS p
  JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.refobjsubid = coalesce(p.objsubid, d.refobjsubid)
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  WHERE d.deptype = 'n'
    AND NOT EXISTS (SELECT FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace WHERE v.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND v.relname = 'Projects')
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = to_regclass('"form_data"."d_0003"') AND g.tgname = ANY (ARRAY['s_000v']::text[]))
    AND NOT EXISTS (
      SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        AND (k.conrelid = to_regclass('"form_data"."d_0003"') OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['j_000q.j_000q_from_id_fkey', 'j_000q.j_000q_to_id_fkey', 'd_0003.r_000t']::text[])))
) AS e;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP INDEX "form_data"."i_000n";
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000k";

-- size: large
-- look 1, refuses: %s: built on column f_000k, which cannot stay as it is
SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM (SELECT 'pg_class'::regclass AS classid, a.attrelid AS objid, a.attnum::integer AS objsubid FROM pg_attribute a WHERE a.attrelid = to_regclass('"form_data"."d_0003"') AND a.attname = 'f_000k') AS p
  JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.refobjsubid = coalesce(p.objsubid, d.refobjsubid)
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  WHERE d.deptype = 'n'
    AND NOT EXISTS (SELECT FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace WHERE v.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND v.relname = 'Projects')
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = to_regclass('"form_data"."d_0003"') AND g.tgname = ANY (ARRAY['s_000v']::text[]))
    AND NOT EXISTS (
      SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        AND (k.conrelid = to_regclass('"form_data"."d_0003"') OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['j_000q.j_000q_from_id_fkey', 'j_000q.j_000q_to_id_fkey', 'd_0003.r_000t']::text[])))
) AS e;
-- step 1: commit, transaction, none
-- step 2: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."i_000n";
-- step 3: after, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000k";


-- case: of a former column
-- change: {"operations": [{"op": "purge", "form": "p", "field": "was", "early": true}]}

-- size: small
-- look 1, refuses: %s: built on column f_000p, which cannot stay as it is
SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM (SELECT 'pg_class'::regclass AS classid, a.attrelid AS objid, a.attnum::integer AS objsubid FROM pg_attribute a WHERE a.attrelid = to_regclass('"form_data"."d_0003"') AND a.attname = 'f_000p') AS p
  JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.refobjsubid = coalesce(p.objsubid, d.refobjsubid)
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  WHERE d.deptype = 'n'
    AND NOT EXISTS (SELECT FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace WHERE v.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND v.relname = 'Projects')
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = to_regclass('"form_data"."d_0003"') AND g.tgname = ANY (ARRAY['s_000v']::text[]))
    AND NOT EXISTS (
      SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        AND (k.conrelid = to_regclass('"form_data"."d_0003"') OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['j_000q.j_000q_from_id_fkey', 'j_000q.j_000q_to_id_fkey', 'd_0003.r_000t']::text[])))
) AS e;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP TRIGGER "s_000v" ON "form_data"."d_0003";
DROP FUNCTION "form_data"."s_000v"();
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000p";

-- size: large
-- look 1, refuses: %s: built on column f_000p, which cannot stay as it is
SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM (SELECT 'pg_class'::regclass AS classid, a.attrelid AS objid, a.attnum::integer AS objsubid FROM pg_attribute a WHERE a.attrelid = to_regclass('"form_data"."d_0003"') AND a.attname = 'f_000p') AS p
  JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.refobjsubid = coalesce(p.objsubid, d.refobjsubid)
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  WHERE d.deptype = 'n'
    AND NOT EXISTS (SELECT FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace WHERE v.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND v.relname = 'Projects')
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = to_regclass('"form_data"."d_0003"') AND g.tgname = ANY (ARRAY['s_000v']::text[]))
    AND NOT EXISTS (
      SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        AND (k.conrelid = to_regclass('"form_data"."d_0003"') OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY['j_000q.j_000q_from_id_fkey', 'j_000q.j_000q_to_id_fkey', 'd_0003.r_000t']::text[])))
) AS e;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP TRIGGER "s_000v" ON "form_data"."d_0003";
DROP FUNCTION "form_data"."s_000v"();
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000p";


-- case: of a form
-- change: {"operations": [{"op": "purge", "form": "gone", "early": true}]}

-- size: small
-- look 1, refuses: %s: built on table d_0002, which cannot stay as it is
SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM (
    SELECT 'pg_class'::regclass AS classid, to_regclass('"form_trash"."d_0002"')::oid AS objid, NULL::integer AS objsubid
    UNION ALL
    SELECT 'pg_type'::regclass, unnest(ARRAY[y.oid, y.typarray]), NULL FROM pg_class t JOIN pg_type y ON y.oid = t.reltype WHERE t.oid = to_regclass('"form_trash"."d_0002"')
    UNION ALL
    SELECT o.classid, o.objid, NULL FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = to_regclass('"form_trash"."d_0002"') AND o.deptype = 'i'
  ) AS p
  JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.refobjsubid = coalesce(p.objsubid, d.refobjsubid)
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  WHERE d.deptype = 'n'
    AND NOT EXISTS (SELECT FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace WHERE v.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND v.relname = '')
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = to_regclass('"form_trash"."d_0002"') AND g.tgname = ANY (ARRAY[]::text[]))
    AND NOT EXISTS (
      SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        AND (k.conrelid = to_regclass('"form_trash"."d_0002"') OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY[]::text[])))
    AND NOT EXISTS (SELECT FROM pg_depend g WHERE g.classid = d.classid AND g.objid = d.objid AND g.refobjid = to_regclass('"form_trash"."d_0002"') AND g.deptype IN ('a', 'i'))
) AS e;
-- step 1: commit, transaction, none
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP TABLE "form_trash"."d_0002";

-- size: large
-- look 1, refuses: %s: built on table d_0002, which cannot stay as it is
SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM (
    SELECT 'pg_class'::regclass AS classid, to_regclass('"form_trash"."d_0002"')::oid AS objid, NULL::integer AS objsubid
    UNION ALL
    SELECT 'pg_type'::regclass, unnest(ARRAY[y.oid, y.typarray]), NULL FROM pg_class t JOIN pg_type y ON y.oid = t.reltype WHERE t.oid = to_regclass('"form_trash"."d_0002"')
    UNION ALL
    SELECT o.classid, o.objid, NULL FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = to_regclass('"form_trash"."d_0002"') AND o.deptype = 'i'
  ) AS p
  JOIN pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid AND d.refobjsubid = coalesce(p.objsubid, d.refobjsubid)
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  WHERE d.deptype = 'n'
    AND NOT EXISTS (SELECT FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace WHERE v.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = 'form_views' AND v.relname = '')
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = to_regclass('"form_trash"."d_0002"') AND g.tgname = ANY (ARRAY[]::text[]))
    AND NOT EXISTS (
      SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        AND (k.conrelid = to_regclass('"form_trash"."d_0002"') OR n.nspname IN ('form_data', 'form_trash') AND c.relname || '.' || k.conname = ANY (ARRAY[]::text[])))
    AND NOT EXISTS (SELECT FROM pg_depend g WHERE g.classid = d.classid AND g.objid = d.objid AND g.refobjid = to_regclass('"form_trash"."d_0002"') AND g.deptype IN ('a', 'i'))
) AS e;
-- step 1: commit, transaction, none
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP TABLE "form_trash"."d_0002";
