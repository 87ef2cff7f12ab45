-- Plans of set_unique, made by TestGolden: see golden_test.go.


-- case: over one field
-- change: {"operations": [{"op": "set_unique", "form": "p", "fields": ["n"]}]}

-- size: small
-- look 1, refuses: %d rows have a value that another row has
WITH alike AS (
  SELECT count(*) AS n, min(t.id) AS id, max(t.id) AS last, concat_ws(', ', left((t."f_0007")::text, 40)) AS example
  FROM "form_data"."d_0003" AS t
  WHERE (t."f_0007") IS NOT NULL
  GROUP BY t."f_0007"
  HAVING count(*) > 1
)
SELECT coalesce(sum(n), 0)::bigint, (
  SELECT array_agg('id ' || e.id || ' and ' || e.last || CASE WHEN e.n > 2 THEN ' and ' || e.n - 2 || ' more' ELSE '' END || ': ' || e.example)
  FROM (SELECT * FROM alike ORDER BY n DESC, id LIMIT 5) AS e
)
FROM alike;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
CREATE UNIQUE INDEX "u_000w" ON "form_data"."d_0003" USING btree ("f_0007");
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000w" UNIQUE USING INDEX "u_000w";

-- size: large
-- look 1, refuses: %d rows have a value that another row has
WITH alike AS (
  SELECT count(*) AS n, min(t.id) AS id, max(t.id) AS last, concat_ws(', ', left((t."f_0007")::text, 40)) AS example
  FROM "form_data"."d_0003" AS t
  WHERE (t."f_0007") IS NOT NULL
  GROUP BY t."f_0007"
  HAVING count(*) > 1
)
SELECT coalesce(sum(n), 0)::bigint, (
  SELECT array_agg('id ' || e.id || ' and ' || e.last || CASE WHEN e.n > 2 THEN ' and ' || e.n - 2 || ' more' ELSE '' END || ': ' || e.example)
  FROM (SELECT * FROM alike ORDER BY n DESC, id LIMIT 5) AS e
)
FROM alike;
-- step 1: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE UNIQUE INDEX CONCURRENTLY "u_000w" ON "form_data"."d_0003" USING btree ("f_0007");
-- step 2: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000w" UNIQUE USING INDEX "u_000w";


-- case: over two fields
-- change: {"operations": [{"op": "set_unique", "form": "p", "fields": ["name", "day"]}]}

-- size: small
-- look 1, refuses: %d rows have a value that another row has
WITH alike AS (
  SELECT count(*) AS n, min(t.id) AS id, max(t.id) AS last, concat_ws(', ', left((t."f_0004")::text, 40), left((t."f_000e")::text, 40)) AS example
  FROM "form_data"."d_0003" AS t
  WHERE (t."f_0004") IS NOT NULL AND (t."f_000e") IS NOT NULL
  GROUP BY t."f_0004", t."f_000e"
  HAVING count(*) > 1
)
SELECT coalesce(sum(n), 0)::bigint, (
  SELECT array_agg('id ' || e.id || ' and ' || e.last || CASE WHEN e.n > 2 THEN ' and ' || e.n - 2 || ' more' ELSE '' END || ': ' || e.example)
  FROM (SELECT * FROM alike ORDER BY n DESC, id LIMIT 5) AS e
)
FROM alike;
-- step 1: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
CREATE UNIQUE INDEX "u_000w" ON "form_data"."d_0003" USING btree ("f_0004", "f_000e");
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000w" UNIQUE USING INDEX "u_000w";

-- size: large
-- look 1, refuses: %d rows have a value that another row has
WITH alike AS (
  SELECT count(*) AS n, min(t.id) AS id, max(t.id) AS last, concat_ws(', ', left((t."f_0004")::text, 40), left((t."f_000e")::text, 40)) AS example
  FROM "form_data"."d_0003" AS t
  WHERE (t."f_0004") IS NOT NULL AND (t."f_000e") IS NOT NULL
  GROUP BY t."f_0004", t."f_000e"
  HAVING count(*) > 1
)
SELECT coalesce(sum(n), 0)::bigint, (
  SELECT array_agg('id ' || e.id || ' and ' || e.last || CASE WHEN e.n > 2 THEN ' and ' || e.n - 2 || ' more' ELSE '' END || ': ' || e.example)
  FROM (SELECT * FROM alike ORDER BY n DESC, id LIMIT 5) AS e
)
FROM alike;
-- step 1: prepare, build index, SHARE UPDATE EXCLUSIVE; reading and writing go on
CREATE UNIQUE INDEX CONCURRENTLY "u_000w" ON "form_data"."d_0003" USING btree ("f_0004", "f_000e");
-- step 2: commit, transaction, ACCESS EXCLUSIVE, for milliseconds
ALTER TABLE "form_data"."d_0003" ADD CONSTRAINT "u_000w" UNIQUE USING INDEX "u_000w";
