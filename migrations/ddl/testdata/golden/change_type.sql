-- Plans of change_type, made by TestGolden: see golden_test.go.


-- case: text to date, with a default
-- change: {"operations": [{"op": "change_type", "form": "p", "field": "due", "type": "date"}]}

-- size: small
-- look 1, refuses: %d rows cannot become a date
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0009")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" date;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
UPDATE "form_data"."d_0003" AS t SET "f_000w" = CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END WHERE t."f_0009" IS NOT NULL AND t."f_000w" IS NULL;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000w" SET DEFAULT '2026-11-27'::date;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_0009" IS DISTINCT FROM (CASE WHEN '2026-11-27'::date BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(('2026-11-27'::date)::timestamp, 'YYYY-MM-DD') END) THEN
      NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
    ELSE
      NEW."f_0009" := CASE WHEN NEW."f_000w" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000w")::timestamp, 'YYYY-MM-DD') END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_0009" := CASE WHEN NEW."f_000w" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000w")::timestamp, 'YYYY-MM-DD') END;
  ELSIF NEW."f_0009" IS DISTINCT FROM OLD."f_0009" THEN
    NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" SET DEFAULT CASE WHEN '2026-11-27'::date BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(('2026-11-27'::date)::timestamp, 'YYYY-MM-DD') END;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_0009" IS NOT NULL AND t."f_000w" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows written meanwhile cannot become a date'; END IF; END $guard$;
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_000w" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
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
-- look 1, refuses: %d rows cannot become a date
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0009")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: DROP TRIGGER "s_000w" ON "form_data"."d_0003"
--   undo: DROP FUNCTION "form_data"."s_000w"()
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" date;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
-- step 2: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_000w" = CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_0009" IS NOT NULL AND t."f_000w" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[];
-- step 3: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "l_000w" ON "form_data"."d_0003" (id) WHERE "f_0009" IS NOT NULL AND "f_000w" IS NULL;
-- step 4: prepare, look, ACCESS SHARE; reading and writing go on
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0009")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE t."f_0009" IS NOT NULL AND t."f_000w" IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE t."f_0009" IS NOT NULL AND t."f_000w" IS NULL;
-- step 5: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000w" SET DEFAULT '2026-11-27'::date;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_0009" IS DISTINCT FROM (CASE WHEN '2026-11-27'::date BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(('2026-11-27'::date)::timestamp, 'YYYY-MM-DD') END) THEN
      NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
    ELSE
      NEW."f_0009" := CASE WHEN NEW."f_000w" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000w")::timestamp, 'YYYY-MM-DD') END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_0009" := CASE WHEN NEW."f_000w" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000w")::timestamp, 'YYYY-MM-DD') END;
  ELSIF NEW."f_0009" IS DISTINCT FROM OLD."f_0009" THEN
    NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" SET DEFAULT CASE WHEN '2026-11-27'::date BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(('2026-11-27'::date)::timestamp, 'YYYY-MM-DD') END;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_0009" IS NOT NULL AND t."f_000w" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows written meanwhile cannot become a date'; END IF; END $guard$;
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_000w" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
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
-- step 6: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."l_000w";


-- case: text to date, keeping what cannot be one
-- change: {"operations": [{"op": "change_type", "form": "p", "field": "due", "type": "date", "on_error": "keep"}]}

-- size: small
-- look 1, tells: %d rows cannot become a date
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0009")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" date;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
UPDATE "form_data"."d_0003" AS t SET "f_000w" = CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END WHERE t."f_0009" IS NOT NULL AND t."f_000w" IS NULL;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000w" SET DEFAULT '2026-11-27'::date;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_0009" IS DISTINCT FROM (CASE WHEN '2026-11-27'::date BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(('2026-11-27'::date)::timestamp, 'YYYY-MM-DD') END) THEN
      NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
    ELSE
      NEW."f_0009" := CASE WHEN NEW."f_000w" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000w")::timestamp, 'YYYY-MM-DD') END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_0009" := CASE WHEN NEW."f_000w" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000w")::timestamp, 'YYYY-MM-DD') END;
  ELSIF NEW."f_0009" IS DISTINCT FROM OLD."f_0009" THEN
    NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" SET DEFAULT CASE WHEN '2026-11-27'::date BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(('2026-11-27'::date)::timestamp, 'YYYY-MM-DD') END;
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_000w" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
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
-- look 1, tells: %d rows cannot become a date
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0009")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: DROP TRIGGER "s_000w" ON "form_data"."d_0003"
--   undo: DROP FUNCTION "form_data"."s_000w"()
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" date;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
-- step 2: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_000w" = CASE WHEN btrim(t."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(t."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(t."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) WHEN substr(btrim(t."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(t."f_0009"), 4)::integer, substr(btrim(t."f_0009"), 6, 2)::integer, substr(btrim(t."f_0009"), 9, 2)::integer) END END
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_0009" IS NOT NULL AND t."f_000w" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[];
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000w" SET DEFAULT '2026-11-27'::date;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_0009" IS DISTINCT FROM (CASE WHEN '2026-11-27'::date BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(('2026-11-27'::date)::timestamp, 'YYYY-MM-DD') END) THEN
      NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
    ELSE
      NEW."f_0009" := CASE WHEN NEW."f_000w" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000w")::timestamp, 'YYYY-MM-DD') END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_0009" := CASE WHEN NEW."f_000w" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000w")::timestamp, 'YYYY-MM-DD') END;
  ELSIF NEW."f_0009" IS DISTINCT FROM OLD."f_0009" THEN
    NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_0009"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_0009"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) WHEN substr(btrim(NEW."f_0009"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_0009"), 4)::integer, substr(btrim(NEW."f_0009"), 6, 2)::integer, substr(btrim(NEW."f_0009"), 9, 2)::integer) END END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" SET DEFAULT CASE WHEN '2026-11-27'::date BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(('2026-11-27'::date)::timestamp, 'YYYY-MM-DD') END;
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_000w" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
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


-- case: text to integer, emptying what cannot be one
-- change: {"operations": [{"op": "set_default", "form": "p", "field": "due", "default": null}, {"op": "change_type", "form": "p", "field": "due", "type": "integer", "on_error": "empty"}]}

-- size: small
-- look 1, tells: %d rows cannot become a integer
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0009")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(t."f_0009")::numeric = trunc(btrim(t."f_0009")::numeric) AND btrim(t."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(t."f_0009")::numeric)::bigint END END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(t."f_0009")::numeric = trunc(btrim(t."f_0009")::numeric) AND btrim(t."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(t."f_0009")::numeric)::bigint END END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(NEW."f_0009")::numeric = trunc(btrim(NEW."f_0009")::numeric) AND btrim(NEW."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(NEW."f_0009")::numeric)::bigint END END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
UPDATE "form_data"."d_0003" AS t SET "f_000w" = CASE WHEN btrim(t."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(t."f_0009")::numeric = trunc(btrim(t."f_0009")::numeric) AND btrim(t."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(t."f_0009")::numeric)::bigint END END WHERE t."f_0009" IS NOT NULL AND t."f_000w" IS NULL;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" DROP DEFAULT;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_0009" IS DISTINCT FROM (NULL) THEN
      NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(NEW."f_0009")::numeric = trunc(btrim(NEW."f_0009")::numeric) AND btrim(NEW."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(NEW."f_0009")::numeric)::bigint END END;
    ELSE
      NEW."f_0009" := (NEW."f_000w")::text;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_0009" := (NEW."f_000w")::text;
  ELSIF NEW."f_0009" IS DISTINCT FROM OLD."f_0009" THEN
    NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(NEW."f_0009")::numeric = trunc(btrim(NEW."f_0009")::numeric) AND btrim(NEW."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(NEW."f_0009")::numeric)::bigint END END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" DROP DEFAULT;
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_000w" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
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
-- look 1, tells: %d rows cannot become a integer
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0009")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(t."f_0009")::numeric = trunc(btrim(t."f_0009")::numeric) AND btrim(t."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(t."f_0009")::numeric)::bigint END END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0009") IS NOT NULL AND (CASE WHEN btrim(t."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(t."f_0009")::numeric = trunc(btrim(t."f_0009")::numeric) AND btrim(t."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(t."f_0009")::numeric)::bigint END END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: DROP TRIGGER "s_000w" ON "form_data"."d_0003"
--   undo: DROP FUNCTION "form_data"."s_000w"()
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(NEW."f_0009")::numeric = trunc(btrim(NEW."f_0009")::numeric) AND btrim(NEW."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(NEW."f_0009")::numeric)::bigint END END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
-- step 2: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_000w" = CASE WHEN btrim(t."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(t."f_0009")::numeric = trunc(btrim(t."f_0009")::numeric) AND btrim(t."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(t."f_0009")::numeric)::bigint END END
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_0009" IS NOT NULL AND t."f_000w" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[];
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" DROP DEFAULT;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_0009" IS DISTINCT FROM (NULL) THEN
      NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(NEW."f_0009")::numeric = trunc(btrim(NEW."f_0009")::numeric) AND btrim(NEW."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(NEW."f_0009")::numeric)::bigint END END;
    ELSE
      NEW."f_0009" := (NEW."f_000w")::text;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_0009" := (NEW."f_000w")::text;
  ELSIF NEW."f_0009" IS DISTINCT FROM OLD."f_0009" THEN
    NEW."f_000w" := CASE WHEN btrim(NEW."f_0009") ~ '^[+-]?[0-9]{1,30}$' THEN CASE WHEN btrim(NEW."f_0009")::numeric = trunc(btrim(NEW."f_0009")::numeric) AND btrim(NEW."f_0009")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (btrim(NEW."f_0009")::numeric)::bigint END END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0009", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" DROP DEFAULT;
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_000w" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
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


-- case: more bits
-- change: {"operations": [{"op": "change_type", "form": "p", "field": "n", "type": "integer", "bits": 64}]}

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
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := (NEW."f_0007")::bigint;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0007" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
UPDATE "form_data"."d_0003" AS t SET "f_000w" = (t."f_0007")::bigint WHERE t."f_0007" IS NOT NULL AND t."f_000w" IS NULL;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_0007" IS DISTINCT FROM (NULL) THEN
      NEW."f_000w" := (NEW."f_0007")::bigint;
    ELSE
      NEW."f_0007" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -2147483648 AND 2147483647 THEN ((NEW."f_000w")::numeric)::integer END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_0007" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -2147483648 AND 2147483647 THEN ((NEW."f_000w")::numeric)::integer END;
  ELSIF NEW."f_0007" IS DISTINCT FROM OLD."f_0007" THEN
    NEW."f_000w" := (NEW."f_0007")::bigint;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0007", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0007" DROP DEFAULT;
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_000w" AS "n",
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
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: DROP TRIGGER "s_000w" ON "form_data"."d_0003"
--   undo: DROP FUNCTION "form_data"."s_000w"()
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := (NEW."f_0007")::bigint;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0007" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
-- step 2: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_000w" = (t."f_0007")::bigint
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_0007" IS NOT NULL AND t."f_000w" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[];
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_0007" IS DISTINCT FROM (NULL) THEN
      NEW."f_000w" := (NEW."f_0007")::bigint;
    ELSE
      NEW."f_0007" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -2147483648 AND 2147483647 THEN ((NEW."f_000w")::numeric)::integer END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_0007" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -2147483648 AND 2147483647 THEN ((NEW."f_000w")::numeric)::integer END;
  ELSIF NEW."f_0007" IS DISTINCT FROM OLD."f_0007" THEN
    NEW."f_000w" := (NEW."f_0007")::bigint;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_0007", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0007" DROP DEFAULT;
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_000w" AS "n",
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


-- case: with an index
-- change: {"operations": [{"op": "change_type", "form": "p", "field": "rank", "type": "decimal"}]}

-- size: small
-- look 1, refuses: %d rows cannot become a decimal
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000f")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_000f") IS NOT NULL AND (CASE WHEN (t."f_000f")::numeric = round((t."f_000f")::numeric, 2) AND abs((t."f_000f")::numeric) < 10000000000000000 THEN ((t."f_000f")::numeric)::numeric(18,2) END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_000f") IS NOT NULL AND (CASE WHEN (t."f_000f")::numeric = round((t."f_000f")::numeric, 2) AND abs((t."f_000f")::numeric) < 10000000000000000 THEN ((t."f_000f")::numeric)::numeric(18,2) END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" numeric(18,2);
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN (NEW."f_000f")::numeric = round((NEW."f_000f")::numeric, 2) AND abs((NEW."f_000f")::numeric) < 10000000000000000 THEN ((NEW."f_000f")::numeric)::numeric(18,2) END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000f" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
UPDATE "form_data"."d_0003" AS t SET "f_000w" = CASE WHEN (t."f_000f")::numeric = round((t."f_000f")::numeric, 2) AND abs((t."f_000f")::numeric) < 10000000000000000 THEN ((t."f_000f")::numeric)::numeric(18,2) END WHERE t."f_000f" IS NOT NULL AND t."f_000w" IS NULL;
CREATE INDEX "i_000x" ON "form_data"."d_0003" USING btree ("f_000w");
DROP INDEX "form_data"."i_000g";
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_000f" IS DISTINCT FROM (NULL) THEN
      NEW."f_000w" := CASE WHEN (NEW."f_000f")::numeric = round((NEW."f_000f")::numeric, 2) AND abs((NEW."f_000f")::numeric) < 10000000000000000 THEN ((NEW."f_000f")::numeric)::numeric(18,2) END;
    ELSE
      NEW."f_000f" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ((NEW."f_000w")::numeric)::bigint END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_000f" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ((NEW."f_000w")::numeric)::bigint END;
  ELSIF NEW."f_000f" IS DISTINCT FROM OLD."f_000f" THEN
    NEW."f_000w" := CASE WHEN (NEW."f_000f")::numeric = round((NEW."f_000f")::numeric, 2) AND abs((NEW."f_000f")::numeric) < 10000000000000000 THEN ((NEW."f_000f")::numeric)::numeric(18,2) END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000f", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000f" DROP DEFAULT;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_000f" IS NOT NULL AND t."f_000w" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows written meanwhile cannot become a decimal'; END IF; END $guard$;
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
  t."f_000w" AS "rank",
  t."f_000h" AS "code",
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
-- look 1, refuses: %d rows cannot become a decimal
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000f")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_000f") IS NOT NULL AND (CASE WHEN (t."f_000f")::numeric = round((t."f_000f")::numeric, 2) AND abs((t."f_000f")::numeric) < 10000000000000000 THEN ((t."f_000f")::numeric)::numeric(18,2) END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_000f") IS NOT NULL AND (CASE WHEN (t."f_000f")::numeric = round((t."f_000f")::numeric, 2) AND abs((t."f_000f")::numeric) < 10000000000000000 THEN ((t."f_000f")::numeric)::numeric(18,2) END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: DROP TRIGGER "s_000w" ON "form_data"."d_0003"
--   undo: DROP FUNCTION "form_data"."s_000w"()
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" numeric(18,2);
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN (NEW."f_000f")::numeric = round((NEW."f_000f")::numeric, 2) AND abs((NEW."f_000f")::numeric) < 10000000000000000 THEN ((NEW."f_000f")::numeric)::numeric(18,2) END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000f" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
-- step 2: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_000w" = CASE WHEN (t."f_000f")::numeric = round((t."f_000f")::numeric, 2) AND abs((t."f_000f")::numeric) < 10000000000000000 THEN ((t."f_000f")::numeric)::numeric(18,2) END
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_000f" IS NOT NULL AND t."f_000w" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[];
-- step 3: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "l_000w" ON "form_data"."d_0003" (id) WHERE "f_000f" IS NOT NULL AND "f_000w" IS NULL;
-- step 4: prepare, look, ACCESS SHARE; reading and writing go on
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000f")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE t."f_000f" IS NOT NULL AND t."f_000w" IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE t."f_000f" IS NOT NULL AND t."f_000w" IS NULL;
-- step 5: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000x" ON "form_data"."d_0003" USING btree ("f_000w");
-- step 6: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_000f" IS DISTINCT FROM (NULL) THEN
      NEW."f_000w" := CASE WHEN (NEW."f_000f")::numeric = round((NEW."f_000f")::numeric, 2) AND abs((NEW."f_000f")::numeric) < 10000000000000000 THEN ((NEW."f_000f")::numeric)::numeric(18,2) END;
    ELSE
      NEW."f_000f" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ((NEW."f_000w")::numeric)::bigint END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_000f" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ((NEW."f_000w")::numeric)::bigint END;
  ELSIF NEW."f_000f" IS DISTINCT FROM OLD."f_000f" THEN
    NEW."f_000w" := CASE WHEN (NEW."f_000f")::numeric = round((NEW."f_000f")::numeric, 2) AND abs((NEW."f_000f")::numeric) < 10000000000000000 THEN ((NEW."f_000f")::numeric)::numeric(18,2) END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000f", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000f" DROP DEFAULT;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_000f" IS NOT NULL AND t."f_000w" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows written meanwhile cannot become a decimal'; END IF; END $guard$;
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
  t."f_000w" AS "rank",
  t."f_000h" AS "code",
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
-- step 7: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."i_000g";
-- step 8: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."l_000w";


-- case: unique, required, with a default
-- change: {"operations": [{"op": "change_type", "form": "p", "field": "code", "type": "decimal", "precision": 20, "scale": 0}]}

-- size: small
-- look 1, refuses: %d rows would have a value that another row has, and code is unique
WITH alike AS (
  SELECT count(*) AS n, min(t.id) AS id, max(t.id) AS last, concat_ws(', ', left((CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END)::text, 40)) AS example
  FROM "form_data"."d_0003" AS t
  WHERE (CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END) IS NOT NULL
  GROUP BY CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END
  HAVING count(*) > 1
)
SELECT coalesce(sum(n), 0)::bigint, (
  SELECT array_agg('id ' || e.id || ' and ' || e.last || CASE WHEN e.n > 2 THEN ' and ' || e.n - 2 || ' more' ELSE '' END || ': ' || e.example)
  FROM (SELECT * FROM alike ORDER BY n DESC, id LIMIT 5) AS e
)
FROM alike;
-- look 2, refuses: %d rows cannot become a decimal
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000h")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_000h") IS NOT NULL AND (CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_000h") IS NOT NULL AND (CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END) IS NULL;
-- look 3, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" numeric(20,0);
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN (NEW."f_000h")::numeric = round((NEW."f_000h")::numeric, 0) AND abs((NEW."f_000h")::numeric) < 100000000000000000000 THEN ((NEW."f_000h")::numeric)::numeric(20,0) END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000h" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
UPDATE "form_data"."d_0003" AS t SET "f_000w" = CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END WHERE t."f_000h" IS NOT NULL AND t."f_000w" IS NULL;
CREATE UNIQUE INDEX "u_000x" ON "form_data"."d_0003" USING btree ("f_000w");
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "u_000j";
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000x" UNIQUE USING INDEX "u_000x";
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000w" SET NOT NULL;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000h" DROP NOT NULL;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000w" SET DEFAULT '7'::numeric(20,0);
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_000h" IS DISTINCT FROM (CASE WHEN ('7'::numeric(20,0))::numeric = trunc(('7'::numeric(20,0))::numeric) AND ('7'::numeric(20,0))::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (('7'::numeric(20,0))::numeric)::bigint END) THEN
      NEW."f_000w" := CASE WHEN (NEW."f_000h")::numeric = round((NEW."f_000h")::numeric, 0) AND abs((NEW."f_000h")::numeric) < 100000000000000000000 THEN ((NEW."f_000h")::numeric)::numeric(20,0) END;
    ELSE
      NEW."f_000h" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ((NEW."f_000w")::numeric)::bigint END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_000h" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ((NEW."f_000w")::numeric)::bigint END;
  ELSIF NEW."f_000h" IS DISTINCT FROM OLD."f_000h" THEN
    NEW."f_000w" := CASE WHEN (NEW."f_000h")::numeric = round((NEW."f_000h")::numeric, 0) AND abs((NEW."f_000h")::numeric) < 100000000000000000000 THEN ((NEW."f_000h")::numeric)::numeric(20,0) END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000h", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000h" SET DEFAULT CASE WHEN ('7'::numeric(20,0))::numeric = trunc(('7'::numeric(20,0))::numeric) AND ('7'::numeric(20,0))::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (('7'::numeric(20,0))::numeric)::bigint END;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_000h" IS NOT NULL AND t."f_000w" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows written meanwhile cannot become a decimal'; END IF; END $guard$;
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
  t."f_000w" AS "code",
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
-- look 1, refuses: %d rows would have a value that another row has, and code is unique
WITH alike AS (
  SELECT count(*) AS n, min(t.id) AS id, max(t.id) AS last, concat_ws(', ', left((CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END)::text, 40)) AS example
  FROM "form_data"."d_0003" AS t
  WHERE (CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END) IS NOT NULL
  GROUP BY CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END
  HAVING count(*) > 1
)
SELECT coalesce(sum(n), 0)::bigint, (
  SELECT array_agg('id ' || e.id || ' and ' || e.last || CASE WHEN e.n > 2 THEN ' and ' || e.n - 2 || ' more' ELSE '' END || ': ' || e.example)
  FROM (SELECT * FROM alike ORDER BY n DESC, id LIMIT 5) AS e
)
FROM alike;
-- look 2, refuses: %d rows cannot become a decimal
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000h")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_000h") IS NOT NULL AND (CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_000h") IS NOT NULL AND (CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END) IS NULL;
-- look 3, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: DROP TRIGGER "s_000w" ON "form_data"."d_0003"
--   undo: DROP FUNCTION "form_data"."s_000w"()
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" numeric(20,0);
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN (NEW."f_000h")::numeric = round((NEW."f_000h")::numeric, 0) AND abs((NEW."f_000h")::numeric) < 100000000000000000000 THEN ((NEW."f_000h")::numeric)::numeric(20,0) END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000h" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
-- step 2: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_000w" = CASE WHEN (t."f_000h")::numeric = round((t."f_000h")::numeric, 0) AND abs((t."f_000h")::numeric) < 100000000000000000000 THEN ((t."f_000h")::numeric)::numeric(20,0) END
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_000h" IS NOT NULL AND t."f_000w" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[];
-- step 3: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "l_000w" ON "form_data"."d_0003" (id) WHERE "f_000h" IS NOT NULL AND "f_000w" IS NULL;
-- step 4: prepare, look, ACCESS SHARE; reading and writing go on
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000h")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE t."f_000h" IS NOT NULL AND t."f_000w" IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE t."f_000h" IS NOT NULL AND t."f_000w" IS NULL;
-- step 5: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE UNIQUE INDEX CONCURRENTLY "u_000x" ON "form_data"."d_0003" USING btree ("f_000w");
-- step 6: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT IF EXISTS "n_000w"
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "n_000w" CHECK ("f_000w" IS NOT NULL) NOT VALID;
-- step 7: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "n_000w";
-- step 8: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "u_000j";
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000x" UNIQUE USING INDEX "u_000x";
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000w" SET NOT NULL;
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "n_000w";
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000h" DROP NOT NULL;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000w" SET DEFAULT '7'::numeric(20,0);
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_000h" IS DISTINCT FROM (CASE WHEN ('7'::numeric(20,0))::numeric = trunc(('7'::numeric(20,0))::numeric) AND ('7'::numeric(20,0))::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (('7'::numeric(20,0))::numeric)::bigint END) THEN
      NEW."f_000w" := CASE WHEN (NEW."f_000h")::numeric = round((NEW."f_000h")::numeric, 0) AND abs((NEW."f_000h")::numeric) < 100000000000000000000 THEN ((NEW."f_000h")::numeric)::numeric(20,0) END;
    ELSE
      NEW."f_000h" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ((NEW."f_000w")::numeric)::bigint END;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_000h" := CASE WHEN (NEW."f_000w")::numeric = trunc((NEW."f_000w")::numeric) AND (NEW."f_000w")::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ((NEW."f_000w")::numeric)::bigint END;
  ELSIF NEW."f_000h" IS DISTINCT FROM OLD."f_000h" THEN
    NEW."f_000w" := CASE WHEN (NEW."f_000h")::numeric = round((NEW."f_000h")::numeric, 0) AND abs((NEW."f_000h")::numeric) < 100000000000000000000 THEN ((NEW."f_000h")::numeric)::numeric(20,0) END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000h", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000h" SET DEFAULT CASE WHEN ('7'::numeric(20,0))::numeric = trunc(('7'::numeric(20,0))::numeric) AND ('7'::numeric(20,0))::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (('7'::numeric(20,0))::numeric)::bigint END;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_000h" IS NOT NULL AND t."f_000w" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows written meanwhile cannot become a decimal'; END IF; END $guard$;
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
  t."f_000w" AS "code",
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
-- step 9: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."l_000w";


-- case: more digits
-- change: {"operations": [{"op": "change_type", "form": "p", "field": "price", "type": "decimal", "precision": 14, "scale": 2}]}

-- size: small
-- look 1, refuses: %s: built on column f_0008, which cannot stay as it is
SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM (SELECT 'pg_class'::regclass AS classid, a.attrelid AS objid, a.attnum::integer AS objsubid FROM pg_attribute a WHERE a.attrelid = to_regclass('"form_data"."d_0003"') AND a.attname = 'f_0008') AS p
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
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0008" TYPE numeric(14,2);
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
-- look 1, refuses: %s: built on column f_0008, which cannot stay as it is
SELECT count(*), array_agg(e.example ORDER BY e.example)
FROM (
  SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM (SELECT 'pg_class'::regclass AS classid, a.attrelid AS objid, a.attnum::integer AS objsubid FROM pg_attribute a WHERE a.attrelid = to_regclass('"form_data"."d_0003"') AND a.attname = 'f_0008') AS p
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
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0008" TYPE numeric(14,2);
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


-- case: another check
-- change: {"operations": [{"op": "change_type", "form": "p", "field": "name", "type": "short_text", "max_length": 50}]}

-- size: small
-- look 1, refuses: %d rows cannot become a short_text
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0004")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE NOT (char_length(t."f_0004") <= 50) ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE NOT (char_length(t."f_0004") <= 50);
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000w" CHECK (char_length("f_0004") <= 50) NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000w";
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_0005";

-- size: large
-- look 1, refuses: %d rows cannot become a short_text
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_0004")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE NOT (char_length(t."f_0004") <= 50) ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE NOT (char_length(t."f_0004") <= 50);
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000w"
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000w" CHECK (char_length("f_0004") <= 50) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000w";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_0005";


-- case: a second time
-- change: {"operations": [{"op": "change_type", "form": "p", "field": "was", "type": "date_time"}]}

-- size: small
--   note: column f_000p of field was is not written any more
-- look 1, refuses: %d rows cannot become a date_time
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000v")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_000v") IS NOT NULL AND (CASE WHEN t."f_000v" < '294277-01-01'::date OR t."f_000v" = 'infinity'::date THEN (t."f_000v")::timestamp AT TIME ZONE 'UTC' END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_000v") IS NOT NULL AND (CASE WHEN t."f_000v" < '294277-01-01'::date OR t."f_000v" = 'infinity'::date THEN (t."f_000v")::timestamp AT TIME ZONE 'UTC' END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" timestamp with time zone;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN NEW."f_000v" < '294277-01-01'::date OR NEW."f_000v" = 'infinity'::date THEN (NEW."f_000v")::timestamp AT TIME ZONE 'UTC' END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000v", "f_000p" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
UPDATE "form_data"."d_0003" AS t SET "f_000w" = CASE WHEN t."f_000v" < '294277-01-01'::date OR t."f_000v" = 'infinity'::date THEN (t."f_000v")::timestamp AT TIME ZONE 'UTC' END WHERE t."f_000v" IS NOT NULL AND t."f_000w" IS NULL;
DROP TRIGGER "s_000v" ON "form_data"."d_0003";
DROP FUNCTION "form_data"."s_000v"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000p" DROP DEFAULT;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_000v" IS DISTINCT FROM (NULL) THEN
      NEW."f_000w" := CASE WHEN NEW."f_000v" < '294277-01-01'::date OR NEW."f_000v" = 'infinity'::date THEN (NEW."f_000v")::timestamp AT TIME ZONE 'UTC' END;
    ELSE
      NEW."f_000v" := (NEW."f_000w" AT TIME ZONE 'UTC')::date;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_000v" := (NEW."f_000w" AT TIME ZONE 'UTC')::date;
  ELSIF NEW."f_000v" IS DISTINCT FROM OLD."f_000v" THEN
    NEW."f_000w" := CASE WHEN NEW."f_000v" < '294277-01-01'::date OR NEW."f_000v" = 'infinity'::date THEN (NEW."f_000v")::timestamp AT TIME ZONE 'UTC' END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000v", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000v" DROP DEFAULT;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000w" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows written meanwhile cannot become a date_time'; END IF; END $guard$;
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
  t."f_000w" AS "was",
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
--   note: column f_000p of field was is not written any more
-- look 1, refuses: %d rows cannot become a date_time
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000v")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE (t."f_000v") IS NOT NULL AND (CASE WHEN t."f_000v" < '294277-01-01'::date OR t."f_000v" = 'infinity'::date THEN (t."f_000v")::timestamp AT TIME ZONE 'UTC' END) IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_000v") IS NOT NULL AND (CASE WHEN t."f_000v" < '294277-01-01'::date OR t."f_000v" = 'infinity'::date THEN (t."f_000v")::timestamp AT TIME ZONE 'UTC' END) IS NULL;
-- look 2, refuses: %s, lost with view "form_views"."Projects", which cannot stay as it is
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
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: DROP TRIGGER "s_000w" ON "form_data"."d_0003"
--   undo: DROP FUNCTION "form_data"."s_000w"()
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" timestamp with time zone;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  NEW."f_000w" := CASE WHEN NEW."f_000v" < '294277-01-01'::date OR NEW."f_000v" = 'infinity'::date THEN (NEW."f_000v")::timestamp AT TIME ZONE 'UTC' END;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000v", "f_000p" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
-- step 2: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_000w" = CASE WHEN t."f_000v" < '294277-01-01'::date OR t."f_000v" = 'infinity'::date THEN (t."f_000v")::timestamp AT TIME ZONE 'UTC' END
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_000v" IS NOT NULL AND t."f_000w" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), NULL::bigint[];
-- step 3: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "l_000w" ON "form_data"."d_0003" (id) WHERE "f_000v" IS NOT NULL AND "f_000w" IS NULL;
-- step 4: prepare, look, ACCESS SHARE; reading and writing go on
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000v")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000w" IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE t."f_000v" IS NOT NULL AND t."f_000w" IS NULL;
-- step 5: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
DROP TRIGGER "s_000v" ON "form_data"."d_0003";
DROP FUNCTION "form_data"."s_000v"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000p" DROP DEFAULT;
CREATE OR REPLACE FUNCTION "form_data"."s_000w"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_000v" IS DISTINCT FROM (NULL) THEN
      NEW."f_000w" := CASE WHEN NEW."f_000v" < '294277-01-01'::date OR NEW."f_000v" = 'infinity'::date THEN (NEW."f_000v")::timestamp AT TIME ZONE 'UTC' END;
    ELSE
      NEW."f_000v" := (NEW."f_000w" AT TIME ZONE 'UTC')::date;
    END IF;
  ELSIF NEW."f_000w" IS DISTINCT FROM OLD."f_000w" THEN
    NEW."f_000v" := (NEW."f_000w" AT TIME ZONE 'UTC')::date;
  ELSIF NEW."f_000v" IS DISTINCT FROM OLD."f_000v" THEN
    NEW."f_000w" := CASE WHEN NEW."f_000v" < '294277-01-01'::date OR NEW."f_000v" = 'infinity'::date THEN (NEW."f_000v")::timestamp AT TIME ZONE 'UTC' END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000w" BEFORE INSERT OR UPDATE OF "f_000v", "f_000w" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000w"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000v" DROP DEFAULT;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000w" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows written meanwhile cannot become a date_time'; END IF; END $guard$;
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
  t."f_000w" AS "was",
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
-- step 6: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."l_000w";
