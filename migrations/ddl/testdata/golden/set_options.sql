-- Plans of set_options, made by TestGolden: see golden_test.go.


-- case: other labels
-- change: {"operations": [{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "b", "label": "B"}, {"key": "a"}]}]}

-- size: small
-- step 1: commit, transaction, none

-- size: large
-- step 1: commit, transaction, none


-- case: more
-- change: {"operations": [{"op": "set_options", "form": "p", "field": "state", "options": [{"key": "a"}, {"key": "b"}, {"key": "c"}]}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000w" CHECK ("f_000a" = ANY (ARRAY['a', 'b', 'c']::text[])) NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000w";
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000b";

-- size: large
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000w"
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000w" CHECK ("f_000a" = ANY (ARRAY['a', 'b', 'c']::text[])) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000w";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000b";


-- case: fewer
-- change: {"operations": [{"op": "set_options", "form": "p", "field": "tags", "options": [{"key": "x"}]}]}

-- size: small
-- look 1, refuses: %d rows have an option that goes: y
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000c")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE NOT (t."f_000c" <@ ARRAY['x']::text[]) ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE NOT (t."f_000c" <@ ARRAY['x']::text[]);
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000w" CHECK ("f_000c" <@ ARRAY['x']::text[]) NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000w";
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000d";

-- size: large
-- look 1, refuses: %d rows have an option that goes: y
SELECT count(*), (
  SELECT array_agg(e.example)
  FROM (SELECT 'id ' || t.id || coalesce(': ' || left((t."f_000c")::text, 40), '') AS example FROM "form_data"."d_0003" AS t WHERE NOT (t."f_000c" <@ ARRAY['x']::text[]) ORDER BY t.id LIMIT 5) AS e
)
FROM "form_data"."d_0003" AS t
WHERE NOT (t."f_000c" <@ ARRAY['x']::text[]);
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000w"
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000w" CHECK ("f_000c" <@ ARRAY['x']::text[]) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000w";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000d";
