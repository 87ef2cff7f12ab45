-- Plans of revert_type, made by TestGolden: see golden_test.go.


-- case: plain
-- change: {"operations": [{"op": "revert_type", "form": "p", "field": "was"}]}

-- size: small
-- look 1, refuses: %d rows have a value that was no long_text
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000v")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL;
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
CREATE OR REPLACE FUNCTION "form_data"."s_000v"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_000v" IS DISTINCT FROM (NULL) THEN
      NEW."f_000p" := CASE WHEN NEW."f_000v" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000v")::timestamp, 'YYYY-MM-DD') END;
    ELSE
      NEW."f_000v" := CASE WHEN btrim(NEW."f_000p") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_000p"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_000p"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, substr(btrim(NEW."f_000p"), 9, 2)::integer) WHEN substr(btrim(NEW."f_000p"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, substr(btrim(NEW."f_000p"), 9, 2)::integer) END END;
    END IF;
  ELSIF NEW."f_000p" IS DISTINCT FROM OLD."f_000p" THEN
    NEW."f_000v" := CASE WHEN btrim(NEW."f_000p") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_000p"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_000p"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, substr(btrim(NEW."f_000p"), 9, 2)::integer) WHEN substr(btrim(NEW."f_000p"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, substr(btrim(NEW."f_000p"), 9, 2)::integer) END END;
  ELSIF NEW."f_000v" IS DISTINCT FROM OLD."f_000v" THEN
    NEW."f_000p" := CASE WHEN NEW."f_000v" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000v")::timestamp, 'YYYY-MM-DD') END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000v" BEFORE INSERT OR UPDATE OF "f_000v", "f_000p" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000v"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000v" DROP DEFAULT;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows have been written meanwhile with a value that was no long_text'; END IF; END $guard$;
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
  t."f_000p" AS "was",
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
-- look 1, refuses: %d rows have a value that was no long_text
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000v")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL;
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
-- step 1: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "l_000p" ON "form_data"."d_0003" (id) WHERE "f_000v" IS NOT NULL AND "f_000p" IS NULL;
-- step 2: prepare, look, ACCESS SHARE; reading and writing go on
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000v")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL;
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
CREATE OR REPLACE FUNCTION "form_data"."s_000v"() RETURNS trigger LANGUAGE plpgsql AS $sync$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."f_000v" IS DISTINCT FROM (NULL) THEN
      NEW."f_000p" := CASE WHEN NEW."f_000v" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000v")::timestamp, 'YYYY-MM-DD') END;
    ELSE
      NEW."f_000v" := CASE WHEN btrim(NEW."f_000p") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_000p"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_000p"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, substr(btrim(NEW."f_000p"), 9, 2)::integer) WHEN substr(btrim(NEW."f_000p"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, substr(btrim(NEW."f_000p"), 9, 2)::integer) END END;
    END IF;
  ELSIF NEW."f_000p" IS DISTINCT FROM OLD."f_000p" THEN
    NEW."f_000v" := CASE WHEN btrim(NEW."f_000p") ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN CASE WHEN left(btrim(NEW."f_000p"), 4) = '0000' THEN NULL WHEN substr(btrim(NEW."f_000p"), 9, 2) <= '28' THEN make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, substr(btrim(NEW."f_000p"), 9, 2)::integer) WHEN substr(btrim(NEW."f_000p"), 9, 2)::integer <= extract(day FROM make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, 1) + interval '1 month - 1 day') THEN make_date(left(btrim(NEW."f_000p"), 4)::integer, substr(btrim(NEW."f_000p"), 6, 2)::integer, substr(btrim(NEW."f_000p"), 9, 2)::integer) END END;
  ELSIF NEW."f_000v" IS DISTINCT FROM OLD."f_000v" THEN
    NEW."f_000p" := CASE WHEN NEW."f_000v" BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char((NEW."f_000v")::timestamp, 'YYYY-MM-DD') END;
  END IF;
  RETURN NEW;
END
$sync$;
CREATE OR REPLACE TRIGGER "s_000v" BEFORE INSERT OR UPDATE OF "f_000v", "f_000p" ON "form_data"."d_0003" FOR EACH ROW EXECUTE FUNCTION "form_data"."s_000v"();
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000v" DROP DEFAULT;
DO $guard$ BEGIN PERFORM set_config('enable_seqscan', 'off', true); IF EXISTS (SELECT FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL) THEN RAISE check_violation USING MESSAGE = 'rows have been written meanwhile with a value that was no long_text'; END IF; END $guard$;
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
  t."f_000p" AS "was",
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
-- step 4: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."l_000p";
