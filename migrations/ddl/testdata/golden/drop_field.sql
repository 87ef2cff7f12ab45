-- Plans of drop_field, made by TestGolden: see golden_test.go.


-- case: plain
-- change: {"operations": [{"op": "drop_field", "form": "p", "field": "name"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP VIEW "form_views"."Projects";
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
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

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP VIEW "form_views"."Projects";
CREATE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
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


-- case: required, with a default
-- change: {"operations": [{"op": "drop_field", "form": "p", "field": "day"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP VIEW "form_views"."Projects";
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000e" DROP DEFAULT;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000e" DROP NOT NULL;
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
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team"
FROM "form_data"."d_0003" AS t;

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP VIEW "form_views"."Projects";
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000e" DROP DEFAULT;
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000e" DROP NOT NULL;
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
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team"
FROM "form_data"."d_0003" AS t;
