-- Plans of drop_form, made by TestGolden: see golden_test.go.


-- case: with links
-- change: {"operations": [{"op": "drop_form", "form": "p"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP VIEW "form_views"."Projects";
ALTER TABLE "form_data"."d_0003" SET SCHEMA "form_trash";
ALTER TABLE "form_data"."j_000q" SET SCHEMA "form_trash";

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP VIEW "form_views"."Projects";
ALTER TABLE "form_data"."d_0003" SET SCHEMA "form_trash";
ALTER TABLE "form_data"."j_000q" SET SCHEMA "form_trash";
