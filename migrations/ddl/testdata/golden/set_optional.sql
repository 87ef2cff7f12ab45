-- Plans of set_optional, made by TestGolden: see golden_test.go.


-- case: plain
-- change: {"operations": [{"op": "set_optional", "form": "p", "field": "day"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000e" DROP NOT NULL;

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_000e" DROP NOT NULL;
