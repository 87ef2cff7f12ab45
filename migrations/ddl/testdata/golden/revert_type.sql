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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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

-- size: large
-- look 1, refuses: %d rows have a value that was no long_text
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000v")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE t."f_000v" IS NOT NULL AND t."f_000p" IS NULL;
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
-- step 4: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."l_000p";
