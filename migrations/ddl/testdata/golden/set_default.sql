-- Plans of set_default, made by TestGolden: see golden_test.go.


-- case: a value
-- change: {"operations": [{"op": "set_default", "form": "p", "field": "price", "default": "9.50"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0008" SET DEFAULT '9.50'::numeric(12,2);

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0008" SET DEFAULT '9.50'::numeric(12,2);


-- case: none
-- change: {"operations": [{"op": "set_default", "form": "p", "field": "due", "default": null}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" DROP DEFAULT;

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ALTER COLUMN "f_0009" DROP DEFAULT;
