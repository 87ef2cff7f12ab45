-- Plans of rename_field, made by TestGolden: see golden_test.go.


-- case: to another label
-- change: {"operations": [{"op": "rename_field", "form": "p", "field": "name", "label": "Full name"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER VIEW "form_views"."Projects" RENAME COLUMN "name" TO "Full name";

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER VIEW "form_views"."Projects" RENAME COLUMN "name" TO "Full name";
