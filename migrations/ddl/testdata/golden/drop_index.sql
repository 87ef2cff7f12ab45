-- Plans of drop_index, made by TestGolden: see golden_test.go.


-- case: plain
-- change: {"operations": [{"op": "drop_index", "form": "p", "fields": ["rank"]}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP INDEX "form_data"."i_000g";

-- size: large
-- step 1: commit, transaction, none
-- step 2: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."i_000g";
