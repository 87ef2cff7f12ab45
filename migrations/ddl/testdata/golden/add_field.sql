-- Plans of add_field, made by TestGolden: see golden_test.go.


-- case: short_text
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "short_text"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 255) NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
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
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000x"
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 255) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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


-- case: short_text with a default, required, with an index
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "short_text", "default": "it's", "required": true, "index": true}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text DEFAULT 'it''s'::text NOT NULL;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 255) NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
CREATE INDEX "i_000y" ON "form_data"."d_0003" USING btree ("f_000w");
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
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000x"
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text DEFAULT 'it''s'::text NOT NULL;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 255) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
-- step 3: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000y" ON "form_data"."d_0003" USING btree ("f_000w");
-- step 4: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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


-- case: long_text
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "long_text"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
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


-- case: email, unique
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "email", "unique": true}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 320 AND "f_000w" ~ '^[^@[:space:]]+@[^@[:space:]]+$') NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
CREATE UNIQUE INDEX "u_000y" ON "form_data"."d_0003" USING btree ("f_000w");
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000y" UNIQUE USING INDEX "u_000y";
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
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000x"
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 320 AND "f_000w" ~ '^[^@[:space:]]+@[^@[:space:]]+$') NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
-- step 3: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE UNIQUE INDEX CONCURRENTLY "u_000y" ON "form_data"."d_0003" USING btree ("f_000w");
-- step 4: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000y" UNIQUE USING INDEX "u_000y";
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


-- case: url
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "url"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 2048 AND "f_000w" ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$') NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
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
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000x"
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 2048 AND "f_000w" ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$') NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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


-- case: phone
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "phone"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 40 AND "f_000w" ~ '^[+]?[0-9][0-9 ()/.-]*$') NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
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
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000x"
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 40 AND "f_000w" ~ '^[+]?[0-9][0-9 ()/.-]*$') NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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


-- case: file
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "file"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 1024) NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
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
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000x"
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK (char_length("f_000w") <= 1024) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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


-- case: integer with a default
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "integer", "default": 1}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint DEFAULT '1'::bigint;
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint DEFAULT '1'::bigint;
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


-- case: decimal
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "decimal", "precision": 5, "scale": 1}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" numeric(5,1);
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" numeric(5,1);
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


-- case: money
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "money", "currency": "EUR", "default": "0.10"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" numeric(19,4) DEFAULT '0.10'::numeric(19,4);
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" numeric(19,4) DEFAULT '0.10'::numeric(19,4);
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


-- case: boolean, required
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "boolean", "default": false, "required": true}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" boolean DEFAULT false::boolean NOT NULL;
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" boolean DEFAULT false::boolean NOT NULL;
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


-- case: date
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "date"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" date;
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" date;
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


-- case: date_time with a default
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "date_time", "default": "2026-11-27T17:00:00+01:00"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" timestamp with time zone DEFAULT '2026-11-27T16:00:00Z'::timestamp with time zone;
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" timestamp with time zone DEFAULT '2026-11-27T16:00:00Z'::timestamp with time zone;
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


-- case: time
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "time"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" time without time zone;
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" time without time zone;
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


-- case: select
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "select", "options": [{"key": "k2"}, {"key": "k1"}], "default": "k1"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text DEFAULT 'k1'::text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK ("f_000w" = ANY (ARRAY['k1', 'k2']::text[])) NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
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
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000x"
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text DEFAULT 'k1'::text;
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK ("f_000w" = ANY (ARRAY['k1', 'k2']::text[])) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
-- step 3: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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


-- case: multi_select with an index
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "multi_select", "options": [{"key": "k"}], "index": true}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text[];
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK ("f_000w" <@ ARRAY['k']::text[]) NOT VALID;
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
CREATE INDEX "i_000y" ON "form_data"."d_0003" USING gin ("f_000w");
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
--   undo: ALTER TABLE "form_data"."d_0003" DROP CONSTRAINT "c_000x"
--   undo: ALTER TABLE "form_data"."d_0003" DROP COLUMN "f_000w"
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" text[];
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "c_000x" CHECK ("f_000w" <@ ARRAY['k']::text[]) NOT VALID;
-- step 2: prepare, validate, SHARE UPDATE EXCLUSIVE; reading and writing go on
ALTER TABLE "form_data"."d_0003" VALIDATE CONSTRAINT "c_000x";
-- step 3: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE INDEX CONCURRENTLY "i_000y" ON "form_data"."d_0003" USING gin ("f_000w");
-- step 4: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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


-- case: reference, emptied
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "reference", "references": "teams", "on_delete": "set_null"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" bigint;
CREATE INDEX "i_000x" ON "form_data"."d_0003" USING btree ("f_000w");
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "r_000y" FOREIGN KEY ("f_000w") REFERENCES "form_data"."d_0001" (id) ON DELETE SET NULL NOT VALID;
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
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "r_000y" FOREIGN KEY ("f_000w") REFERENCES "form_data"."d_0001" (id) ON DELETE SET NULL NOT VALID;
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


-- case: many_to_many
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "many_to_many", "references": "p"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
CREATE TABLE "form_data"."j_000w" (
  from_id bigint NOT NULL REFERENCES "form_data"."d_0003" (id) ON DELETE CASCADE,
  to_id bigint NOT NULL REFERENCES "form_data"."d_0003" (id) ON DELETE CASCADE,
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
  to_id bigint NOT NULL REFERENCES "form_data"."d_0003" (id) ON DELETE CASCADE,
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


-- case: json with a default
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "json", "default": {"a": [1]}}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" jsonb DEFAULT '{"a":[1]}'::jsonb;
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
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD COLUMN "f_000w" jsonb DEFAULT '{"a":[1]}'::jsonb;
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


-- case: formula
-- change: {"operations": [{"op": "add_field", "form": "p", "field": "x", "type": "formula", "expression": "if(is_empty(price), 'free', 'from ' & round(price / n, 2))"}]}

-- size: small
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
  CASE WHEN (t."f_0008"::numeric IS NULL) THEN 'free'::text ELSE (coalesce('from '::text, '') || coalesce((round((t."f_0008"::numeric / nullif(t."f_0007"::numeric, 0)), 2))::text, '')) END AS "x"
FROM "form_data"."d_0003" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0003'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';

-- size: large
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
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
  CASE WHEN (t."f_0008"::numeric IS NULL) THEN 'free'::text ELSE (coalesce('from '::text, '') || coalesce((round((t."f_0008"::numeric / nullif(t."f_0007"::numeric, 0)), 2))::text, '')) END AS "x"
FROM "form_data"."d_0003" AS t;
DO 'DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting(''tenantry.d_0003'')::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END';
