-- Plans of restore_form, made by TestGolden: see golden_test.go.


-- case: as it was
-- change: {"operations": [{"op": "restore_form", "form": "gone"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_trash"."d_0002" SET SCHEMA "form_data";
CREATE VIEW "form_views"."gone" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at"
FROM "form_data"."d_0002" AS t;

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_trash"."d_0002" SET SCHEMA "form_data";
CREATE VIEW "form_views"."gone" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at"
FROM "form_data"."d_0002" AS t;
