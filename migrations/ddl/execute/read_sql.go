package execute

// registrySQL reads the registry, all of it as of one moment: a row for the next number, and for each form, field and index one. Of forms that $1 does not
// name, and that refer to none of those, only what a plan asks of all forms is read, and not their fields; '*' names all. Rows and not one
// JSON text: to make, print and read that took five times as long.
const registrySQL = `
WITH detailed AS MATERIALIZED (
  SELECT key
  FROM _tenantry.forms
  WHERE '*' = ANY ($1::text[]) OR key = ANY ($1::text[])
     OR key IN (SELECT form FROM _tenantry.form_fields WHERE type IN ('reference', 'many_to_many') AND settings ->> 'references' = ANY ($1::text[]))
)
SELECT 'next', NULL::text, NULL::text, NULL::text, next, NULL::text, NULL::text, NULL::text, NULL::text, NULL::boolean, NULL::text, NULL::text, NULL::bigint, NULL::bigint
FROM _tenantry.form_names
UNION ALL
SELECT 'form', NULL, key, label, version, NULL, NULL, table_name, view_name, NULL, NULL, NULL,
       (extract(epoch FROM dropped_at) * 1000000)::bigint, (extract(epoch FROM purge_after) * 1000000)::bigint
FROM _tenantry.forms
UNION ALL
SELECT 'field', d.form, d.key, d.label, d.position, d.type, nullif(d.settings, '{}')::text, d.column_name, d.constraint_name, d.required,
       d.default_value::text, nullif(d.former, '[]')::text,
       (extract(epoch FROM d.dropped_at) * 1000000)::bigint, (extract(epoch FROM d.purge_after) * 1000000)::bigint
FROM _tenantry.form_fields d
WHERE d.form IN (SELECT key FROM detailed)
UNION ALL
SELECT 'index', i.form, i.name, NULL, NULL, NULL, NULL, NULL, NULL, i.is_unique, NULL, array_to_json(i.fields)::text, NULL, NULL
FROM _tenantry.form_indexes i
WHERE i.form IN (SELECT key FROM detailed)`

// factsSQL reads what the catalog says of the tables of some forms and of what they refer to, of the views of those forms and of what refers to them,
// and which views there are. Of the forms of $2 it reads the tables of what refers to them as well. While a table is made anew there are two of its name: the
// form's is the one that is in use.
const factsSQL = `
WITH named AS MATERIALIZED (
  SELECT table_name AS name FROM _tenantry.forms WHERE key = ANY ($1::text[])
  UNION
  SELECT t.table_name FROM _tenantry.form_fields d JOIN _tenantry.forms t ON t.key = d.settings ->> 'references' WHERE d.form = ANY ($1::text[])
  UNION
  SELECT column_name FROM _tenantry.form_fields WHERE form = ANY ($1::text[]) AND type = 'many_to_many'
  UNION
  SELECT CASE d.type WHEN 'reference' THEN t.table_name ELSE d.column_name END
  FROM _tenantry.form_fields d JOIN _tenantry.forms t ON t.key = d.form
  WHERE d.type IN ('reference', 'many_to_many') AND d.settings ->> 'references' = ANY ($2::text[])
), tables AS MATERIALIZED (
  SELECT DISTINCT ON (c.relname) c.oid, c.relname, n.nspname, c.reltuples, c.relnatts
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname IN (SELECT name FROM named) AND n.nspname IN ('form_data', 'form_trash') AND c.relkind = 'r'
  ORDER BY c.relname, n.nspname
), views AS MATERIALIZED (
  SELECT c.oid, c.relname,
         c.relname IN (
           SELECT f.view_name
           FROM _tenantry.forms f
           WHERE f.key = ANY ($1::text[])
              OR f.key IN (SELECT form FROM _tenantry.form_fields WHERE type IN ('reference', 'many_to_many') AND settings ->> 'references' = ANY ($1::text[]))
         ) AS detailed
  FROM pg_class c
  WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'form_views') AND c.relkind = 'v'
)
SELECT 'table', t.relname::text, t.nspname::text, NULL::text, NULL::boolean, t.relnatts::integer, t.reltuples, pg_table_size(t.oid)
FROM tables t
UNION ALL
SELECT 'column', t.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, NULL, NULL, NULL
FROM tables t
JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT CASE WHEN k.convalidated THEN 'constraint' ELSE 'unchecked' END, t.relname, k.conname, NULL, NULL, NULL, NULL, NULL
FROM tables t
JOIN pg_constraint k ON k.conrelid = t.oid
UNION ALL
SELECT 'index', t.relname, c.relname, NULL, NULL, NULL, NULL, NULL
FROM tables t
JOIN pg_index i ON i.indrelid = t.oid
JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indisvalid AND i.indisready
UNION ALL
SELECT 'view', relname, NULL, NULL, NULL, NULL, NULL, NULL
FROM views
UNION ALL
SELECT 'view column', v.relname, a.attname, NULL, NULL, a.attnum, NULL, NULL
FROM views v
JOIN pg_attribute a ON a.attrelid = v.oid
WHERE v.detailed AND a.attnum > 0`
