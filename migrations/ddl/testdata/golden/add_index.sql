-- Plans of add_index, made by TestGolden: see golden_test.go.


-- case: over two fields
-- change: {"operations": [{"op": "add_index", "form": "p", "fields": ["state", "n"]}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
CREATE INDEX "i_000w" ON "form_data"."d_0003" USING btree ("f_000a", "f_0007");

-- size: large
-- step 1: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000w" ON "form_data"."d_0003" USING btree ("f_000a", "f_0007");
-- step 2: commit, transaction, none


-- case: of a multi_select
-- change: {"operations": [{"op": "add_index", "form": "p", "fields": ["tags"]}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
CREATE INDEX "i_000w" ON "form_data"."d_0003" USING gin ("f_000c");

-- size: large
-- step 1: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000w" ON "form_data"."d_0003" USING gin ("f_000c");
-- step 2: commit, transaction, none
