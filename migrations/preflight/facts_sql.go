package preflight

// tablesSQL finds what names mean. $1 are quoted names.
const tablesSQL = `
SELECT w.n::integer, c.oid, format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname,
       pg_has_role(current_user, c.relowner, 'USAGE'), f.attributes, f.rows, f.bytes,
       c.relhasrules OR EXISTS (
         SELECT FROM pg_trigger t
         JOIN pg_proc p ON p.oid = t.tgfoid
         WHERE t.tgrelid = ANY (f.family) AND t.tgenabled <> 'D'
           AND (NOT t.tgisinternal OR p.proname ~ '^RI_FKey_(cascade|setnull|setdefault)_')),
       (SELECT coalesce(jsonb_object_agg(a.attname, jsonb_build_object('type', y.typname, 'mod', a.atttypmod)), '{}')
        FROM pg_attribute a
        JOIN pg_type y ON y.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       ARRAY(SELECT a.attname::text
             FROM pg_constraint k
             CROSS JOIN unnest(k.conkey) WITH ORDINALITY AS u (attnum, i)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
             WHERE k.conrelid = c.oid AND k.contype = 'p'
             ORDER BY u.i),
       f.family
FROM unnest($1::text[]) WITH ORDINALITY AS w (name, n)
JOIN pg_class c ON c.oid = to_regclass(w.name)
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
  WITH RECURSIVE family AS (
    SELECT c.oid
    UNION
    SELECT i.inhrelid FROM pg_inherits i JOIN family ON family.oid = i.inhparent
  )
  SELECT max(r.relnatts)::integer AS attributes, array_agg(r.oid) AS family,
         CASE WHEN bool_and(r.reltuples < 0) THEN -1 ELSE sum(greatest(r.reltuples, 0)) END::bigint AS rows,
         (sum(r.relpages + coalesce(toast.relpages, 0) + coalesce(x.pages, 0)) * current_setting('block_size')::bigint)::bigint AS bytes
  FROM family
  JOIN pg_class r ON r.oid = family.oid
  LEFT JOIN pg_class toast ON toast.oid = r.reltoastrelid
  LEFT JOIN LATERAL (
    SELECT sum(i.relpages) AS pages FROM pg_index j JOIN pg_class i ON i.oid = j.indexrelid WHERE j.indrelid = r.oid
  ) x ON true
) f`

// ours leaves out the system's schemas, the history's, and tables of a backup that are there for a look.
const ours = ` n.nspname <> ALL ('{pg_catalog,information_schema,pg_toast,_tenantry}') AND n.nspname !~ '^(pg_temp|_tenantry_restored_)' `

// invalidSQL finds indexes that are not used because their build broke off; one that is being built is none. That of a partitioned table is
// invalid until all its parts have one, which is as it should be.
const invalidSQL = `
SELECT n.nspname AS schema, c.relname AS index, n.nspname || '.' || t.relname AS "table"
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = i.indrelid
WHERE NOT (i.indisvalid AND i.indisready) AND` + ours + `
  AND NOT EXISTS (
    SELECT FROM pg_stat_progress_create_index p
    WHERE p.datname = current_database() AND (p.relid = i.indrelid OR p.relid IS NULL))
ORDER BY 1, 2
LIMIT 50`

// unvalidatedSQL finds constraints that are NOT VALID. $1 are names that the release validates: only of these is the expression read, which locks
// the table as a SELECT does.
const unvalidatedSQL = `
SELECT k.conrelid AS oid, n.nspname || '.' || c.relname AS "table", k.conname::text AS name, k.contype::text AS type,
       CASE WHEN k.contype = 'c' AND k.conname = ANY ($1::text[]) THEN pg_get_expr(k.conbin, k.conrelid) END AS expression,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, i)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.i) AS columns,
       coalesce((SELECT format('%I.%I', fn.nspname, fc.relname) FROM pg_class fc JOIN pg_namespace fn ON fn.oid = fc.relnamespace
                 WHERE fc.oid = k.confrelid), '') AS "references",
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, i)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.i) AS reference_to,
       k.confmatchtype = 'f' AS match_full
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT k.convalidated AND k.contype IN ('c', 'f', 'n') AND k.conparentid = 0 AND` + ours + `
ORDER BY 2, 3
LIMIT 200`

// extensionsSQL says what the server has of extensions.
const extensionsSQL = `
SELECT w.name, coalesce(e.extversion, ''), coalesce(a.default_version, ''),
       ARRAY(SELECT v.version FROM pg_available_extension_versions v WHERE v.name = w.name),
       ARRAY(SELECT v.version FROM pg_available_extension_versions v WHERE v.name = w.name AND (v.trusted OR NOT v.superuser))
FROM unnest($1::text[]) AS w (name)
LEFT JOIN pg_extension e ON e.extname = w.name
LEFT JOIN pg_available_extensions a ON a.name = w.name`
