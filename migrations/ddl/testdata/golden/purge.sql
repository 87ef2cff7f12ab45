-- Plans of purge, made by TestGolden: see golden_test.go.


-- case: of a field
-- change: {"operations": [{"op": "purge", "form": "p", "field": "old", "early": true}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP INDEX "form_data"."i_000n";
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000k";

-- size: large
-- step 1: commit, transaction, none
-- step 2: after, drop index, SHARE UPDATE EXCLUSIVE; reading and writing go on
DROP INDEX CONCURRENTLY IF EXISTS "form_data"."i_000n";
-- step 3: after, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000k";


-- case: of a former column
-- change: {"operations": [{"op": "purge", "form": "p", "field": "was", "early": true}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP TRIGGER "s_000v" ON "form_data"."d_0003";
DROP FUNCTION "form_data"."s_000v"();
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000p";

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP TRIGGER "s_000v" ON "form_data"."d_0003";
DROP FUNCTION "form_data"."s_000v"();
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000p";


-- case: of a form
-- change: {"operations": [{"op": "purge", "form": "gone", "early": true}]}

-- size: small
-- step 1: commit, transaction, none
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP TABLE "form_trash"."d_0002";

-- size: large
-- step 1: commit, transaction, none
-- step 2: after, transaction, ACCESS EXCLUSIVE, for milliseconds
DROP TABLE "form_trash"."d_0002";
