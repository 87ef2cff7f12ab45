-- Plans of drop_unique, made by TestGolden: see golden_test.go.


-- case: plain
-- change: {"operations": [{"op": "drop_unique", "form": "p", "fields": ["code"]}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "u_000j";

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "u_000j";
