-- Plans of set_required, made by TestGolden: see golden_test.go.


-- case: rows have values
-- change: {"operations": [{"op": "set_required", "form": "p", "field": "name"}]}

-- size: small
-- look 1, refuses: %d rows have no value
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0004") IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0004") IS NULL;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0004" SET NOT NULL;

-- size: large
-- look 1, refuses: %d rows have no value
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0004") IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0004") IS NULL;
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT IF EXISTS "n_0004"
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "n_0004" CHECK ("f_0004" IS NOT NULL) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "n_0004";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0004" SET NOT NULL;
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "n_0004";


-- case: rows get a value
-- change: {"operations": [{"op": "set_required", "form": "p", "field": "note", "value": "none"}]}

-- size: small
-- look 1, tells: %d rows have no value and get "none"
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0006") IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0006") IS NULL;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
UPDATE "form_data"."d_0003" AS t SET "f_0006" = 'none'::text WHERE t."f_0006" IS NULL;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0006" SET NOT NULL;

-- size: large
-- look 1, tells: %d rows have no value and get "none"
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id AS example FROM "form_data"."d_0003" AS t WHERE (t."f_0006") IS NULL ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE (t."f_0006") IS NULL;
-- step 1: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
--   unfill: UPDATE "form_data"."d_0003" AS t SET "f_0006" = NULL WHERE t.id = ANY ($1::bigint[]) AND t."f_0006" = 'none'::text
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_0006" = 'none'::text
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_0006" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), (SELECT array_agg(id) FROM changed);
-- step 2: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT IF EXISTS "n_0006"
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "n_0006" CHECK ("f_0006" IS NOT NULL) NOT VALID;
-- step 3: prepare, fill, locks of the rows of one batch at a time, for about 100 ms; reading goes on
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT IF EXISTS "n_0006"
--   unfill: UPDATE "form_data"."d_0003" AS t SET "f_0006" = NULL WHERE t.id = ANY ($1::bigint[]) AND t."f_0006" = 'none'::text
WITH upto AS MATERIALIZED (
  SELECT max(id) AS id, count(*) AS n
  FROM (SELECT id FROM "form_data"."d_0003" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS k
), changed AS (
  UPDATE "form_data"."d_0003" AS t
  SET "f_0006" = 'none'::text
  WHERE t.id > $1::bigint AND t.id <= (SELECT id FROM upto) AND t."f_0006" IS NULL
  RETURNING t.id
)
SELECT (SELECT id FROM upto), (SELECT n FROM upto), (SELECT count(*) FROM changed), (SELECT array_agg(id) FROM changed);
-- step 4: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "n_0006";
-- step 5: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0006" SET NOT NULL;
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "n_0006";
