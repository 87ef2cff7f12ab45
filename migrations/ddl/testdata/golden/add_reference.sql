-- Plans of add_reference, made by TestGolden: see golden_test.go.


-- case: to one
-- change: {"operations": [{"op": "add_reference", "form": "p", "field": "x", "references": "teams"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint;
CREATE INDEX "i_000x" ON "form_data"."d_0003" USING btree ("f_000w");
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "r_000y" FOREIGN KEY ("f_000w") REFERENCES "form_data"."d_0001" (id) ON DELETE RESTRICT NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "r_000y";
ALTER VIEW "form_views"."Projects" OWNER TO CURRENT_USER;
DO 'BEGIN
  PERFORM set_config(''tenantry.d_0003'', (SELECT coalesce(jsonb_agg(s.statement), ''[]'')::text FROM (
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Projects"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Projects"''::regclass) AS s), true);
END';
CREATE OR REPLACE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_0009" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team",
  t."f_000w" AS "x"
FROM "form_data"."d_0003" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0003'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';

-- size: large
-- step 1: prepare, transaction, ACCESS EXCLUSIVE, for milliseconds
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint;
-- step 2: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000x" ON "form_data"."d_0003" USING btree ("f_000w");
-- step 3: prepare, transaction, SHARE ROW EXCLUSIVE on both tables, for milliseconds; reading goes on
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "r_000y"
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "r_000y" FOREIGN KEY ("f_000w") REFERENCES "form_data"."d_0001" (id) ON DELETE RESTRICT NOT VALID;
-- step 4: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "r_000y";
-- step 5: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER VIEW "form_views"."Projects" OWNER TO CURRENT_USER;
DO 'BEGIN
  PERFORM set_config(''tenantry.d_0003'', (SELECT coalesce(jsonb_agg(s.statement), ''[]'')::text FROM (
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Projects"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Projects"''::regclass) AS s), true);
END';
CREATE OR REPLACE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_0009" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team",
  t."f_000w" AS "x"
FROM "form_data"."d_0003" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0003'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';


-- case: to many
-- change: {"operations": [{"op": "add_reference", "form": "p", "field": "x", "references": "teams", "many": true}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
CREATE TABLE "form_data"."j_000w" (
  from_id bigint NOT NULL REFERENCES "form_data"."d_0003" (id) ON DELETE CASCADE,
  to_id bigint NOT NULL REFERENCES "form_data"."d_0001" (id) ON DELETE CASCADE,
  PRIMARY KEY (from_id, to_id)
);
CREATE INDEX "i_000w" ON "form_data"."j_000w" (to_id);
ALTER VIEW "form_views"."Projects" OWNER TO CURRENT_USER;
DO 'BEGIN
  PERFORM set_config(''tenantry.d_0003'', (SELECT coalesce(jsonb_agg(s.statement), ''[]'')::text FROM (
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Projects"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Projects"''::regclass) AS s), true);
END';
CREATE OR REPLACE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_0009" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000w" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "x"
FROM "form_data"."d_0003" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0003'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
CREATE TABLE "form_data"."j_000w" (
  from_id bigint NOT NULL REFERENCES "form_data"."d_0003" (id) ON DELETE CASCADE,
  to_id bigint NOT NULL REFERENCES "form_data"."d_0001" (id) ON DELETE CASCADE,
  PRIMARY KEY (from_id, to_id)
);
CREATE INDEX "i_000w" ON "form_data"."j_000w" (to_id);
ALTER VIEW "form_views"."Projects" OWNER TO CURRENT_USER;
DO 'BEGIN
  PERFORM set_config(''tenantry.d_0003'', (SELECT coalesce(jsonb_agg(s.statement), ''[]'')::text FROM (
      SELECT format(''ALTER VIEW %s SET (%I = %L)'', ''"form_views"."Projects"'', split_part(o, ''='', 1), substr(o, strpos(o, ''='') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = ''"form_views"."Projects"''::regclass) AS s), true);
END';
CREATE OR REPLACE VIEW "form_views"."Projects" AS SELECT
  t."id" AS "id",
  t."created_at" AS "created_at",
  t."updated_at" AS "updated_at",
  t."f_0004" AS "name",
  t."f_0006" AS "note",
  t."f_0007" AS "n",
  t."f_0008" AS "price",
  t."f_0009" AS "due",
  t."f_000a" AS "state",
  t."f_000c" AS "tags",
  t."f_000e" AS "day",
  t."f_000f" AS "rank",
  t."f_000h" AS "code",
  t."f_000v" AS "was",
  (t."f_0008"::numeric * 2::numeric) AS "total",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000q" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "links",
  t."f_000r" AS "team",
  ARRAY(SELECT j.to_id FROM "form_data"."j_000w" AS j WHERE j.from_id = t.id ORDER BY j.to_id) AS "x"
FROM "form_data"."d_0003" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0003'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';
