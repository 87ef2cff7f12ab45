package execute

// bootstrapSQL makes what forms are kept in, owned by the tenant's owner. It may run again.
var bootstrapSQL = []string{
	`CREATE SCHEMA IF NOT EXISTS _tenantry`,
	`REVOKE ALL ON SCHEMA _tenantry FROM PUBLIC`,
	`CREATE TABLE _tenantry.forms (
  key         text PRIMARY KEY,
  label       text NOT NULL,
  -- Physical: in schema form_data, in form_trash once it is dropped.
  table_name  text NOT NULL UNIQUE,
  -- In schema form_views, NULL once it is dropped.
  view_name   text,
  -- Counts the changes that touched it.
  version     bigint NOT NULL,
  dropped_at  timestamptz,
  purge_after timestamptz
)`,
	`CREATE TABLE _tenantry.form_fields (
  form            text NOT NULL REFERENCES _tenantry.forms ON DELETE CASCADE,
  key             text NOT NULL,
  label           text NOT NULL,
  position        integer NOT NULL,
  type            text NOT NULL,
  -- The type's parameters: precision, options, what it refers to.
  settings        jsonb NOT NULL,
  -- Physical: the column, of a many-to-many field the join table; NULL for a formula.
  column_name     text,
  constraint_name text,
  required        boolean NOT NULL,
  default_value   jsonb,
  -- Columns that it had before its type changed.
  former          jsonb NOT NULL,
  dropped_at      timestamptz,
  purge_after     timestamptz,
  PRIMARY KEY (form, key)
)`,
	`CREATE TABLE _tenantry.form_indexes (
  name      text PRIMARY KEY,
  form      text NOT NULL REFERENCES _tenantry.forms ON DELETE CASCADE,
  fields    text[] NOT NULL,
  is_unique boolean NOT NULL
)`,
	// The number of the next physical name: no name is ever used twice.
	`CREATE TABLE _tenantry.form_names (next bigint NOT NULL)`,
	`INSERT INTO _tenantry.form_names (next) VALUES (1)`,
	`CREATE TABLE _tenantry.form_changes (
  number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  operation_id text NOT NULL UNIQUE,
  requested_by text NOT NULL,
  change       jsonb NOT NULL,
  -- What takes it back, NULL when nothing does.
  inverse      jsonb,
  -- The forms it is about, and their versions afterwards.
  forms        jsonb NOT NULL,
  -- The steps, as long as they are needed.
  plan         jsonb,
  state        text NOT NULL CHECK (state IN ('applying', 'done', 'undoing', 'undone')),
  -- How many steps are done, and how far the one that runs is.
  step         integer NOT NULL DEFAULT 0,
  last_key     bigint,
  rows_done    bigint NOT NULL DEFAULT 0,
  -- Why it was undone.
  error        jsonb,
  started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at     timestamptz
)`,
	`CREATE TABLE _tenantry.form_filled (
  change bigint NOT NULL REFERENCES _tenantry.form_changes ON DELETE CASCADE,
  step   integer NOT NULL,
  batch  bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  ids    bigint[] NOT NULL,
  PRIMARY KEY (change, step, batch)
)`,
}

// rightsSQL lets applications read the registry, and nothing else of _tenantry. %[1]s is the application's role, %[2]s the read-only one, both quoted.
const rightsSQL = `
REVOKE ALL ON ALL TABLES IN SCHEMA _tenantry FROM %[1]s, %[2]s;
GRANT USAGE ON SCHEMA _tenantry TO %[1]s, %[2]s;
GRANT SELECT ON _tenantry.forms, _tenantry.form_fields, _tenantry.form_indexes, _tenantry.form_names TO %[1]s, %[2]s`

// standSQL reads what is there before the first change: the registry, or somebody else's schemas.
const standSQL = `
SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'form_changes' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = '_tenantry')),
       coalesce((SELECT string_agg(nspname, ', ' ORDER BY nspname) FROM pg_namespace WHERE nspname IN ('form_data', 'form_views', 'form_trash')), ''),
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// changeSQL reads how far the change of an operation is.
const changeSQL = `
SELECT number, state, step, coalesce(last_key, -9223372036854775808), rows_done, coalesce(plan::text, ''), coalesce(error::text, ''), coalesce(forms::text, '')
FROM _tenantry.form_changes
WHERE operation_id = $1`

// forgetSQL removes a change that was undone: it is tried again.
const forgetSQL = `
DELETE FROM _tenantry.form_changes
WHERE operation_id = $1 AND state = 'undone'`

// insertSQL writes a change; $6 is its plan, or ” when the same transaction makes all of it.
const insertSQL = `
INSERT INTO _tenantry.form_changes (operation_id, requested_by, change, inverse, forms, plan, state, ended_at)
VALUES ($1, $2, $3::jsonb, nullif($4, '')::jsonb, $5::jsonb, nullif($6, '')::jsonb,
        CASE WHEN $6 = '' THEN 'done' ELSE 'applying' END, CASE WHEN $6 = '' THEN clock_timestamp() END)
RETURNING number`

// advanceSQL records that a step is done.
const advanceSQL = `
UPDATE _tenantry.form_changes
SET step = $2::integer, last_key = NULL, rows_done = 0
WHERE operation_id = $1`

// filledSQL records how far a fill is.
const filledSQL = `
UPDATE _tenantry.form_changes
SET last_key = $2::bigint, rows_done = rows_done + $3::bigint
WHERE operation_id = $1`

const rememberSQL = `
INSERT INTO _tenantry.form_filled (change, step, ids)
SELECT number, $2::integer, $3::bigint[]
FROM _tenantry.form_changes
WHERE operation_id = $1`

// doneSQL ends a change; its plan, and the rows it has filled, are needed no more.
var doneSQL = []string{`
DELETE FROM _tenantry.form_filled
WHERE change = (SELECT number FROM _tenantry.form_changes WHERE operation_id = $1)`, `
UPDATE _tenantry.form_changes
SET state = 'done', plan = NULL, last_key = NULL, ended_at = clock_timestamp()
WHERE operation_id = $1`}

const undoingSQL = `
UPDATE _tenantry.form_changes
SET state = 'undoing', error = $2::jsonb
WHERE operation_id = $1 AND state = 'applying'`

const undoneStepSQL = `
UPDATE _tenantry.form_changes
SET step = $2::integer - 1, last_key = NULL, rows_done = 0
WHERE operation_id = $1`

const undoneSQL = `
UPDATE _tenantry.form_changes
SET state = 'undone', plan = NULL, ended_at = clock_timestamp()
WHERE operation_id = $1`

// takeFilledSQL reads one batch of rows that a step has filled.
const filledBatchSQL = `
SELECT f.batch, f.ids::text
FROM _tenantry.form_filled f
JOIN _tenantry.form_changes c ON c.number = f.change
WHERE c.operation_id = $1 AND f.step = $2::integer
ORDER BY f.batch DESC
LIMIT 1`

const forgetFilledSQL = `
DELETE FROM _tenantry.form_filled f
USING _tenantry.form_changes c
WHERE c.number = f.change AND c.operation_id = $1 AND f.step = $2::integer AND f.batch = $3::bigint`

const deleteFormsSQL = `DELETE FROM _tenantry.forms WHERE key = ANY ($1::text[])`

// writeFormsSQL takes formRows.
const writeFormsSQL = `
INSERT INTO _tenantry.forms (key, label, table_name, view_name, version, dropped_at, purge_after)
SELECT f.key, f.label, f."table", nullif(f.view, ''), f.version, f.dropped_at, f.purge_after
FROM jsonb_to_recordset($1::jsonb) AS f (key text, label text, "table" text, view text, version bigint, dropped_at timestamptz, purge_after timestamptz)
ON CONFLICT (key) DO UPDATE
SET label = excluded.label, view_name = excluded.view_name, version = excluded.version, dropped_at = excluded.dropped_at, purge_after = excluded.purge_after`

// deleteFieldsSQL takes the keys that stay, by form.
const deleteFieldsSQL = `
DELETE FROM _tenantry.form_fields d
USING jsonb_each($1::jsonb) AS f
WHERE d.form = f.key AND NOT f.value ? d.key`

// writeFieldsSQL takes fieldRows.
const writeFieldsSQL = `
INSERT INTO _tenantry.form_fields (form, key, label, position, type, settings, column_name, constraint_name, required, default_value, former, dropped_at, purge_after)
SELECT d.form, d.key, d.label, d.position, d.spec ->> 'type', d.spec - 'type', nullif(d."column", ''), nullif(d."constraint", ''),
       coalesce(d.required, false), d."default", coalesce(d.former, '[]'), d.dropped_at, d.purge_after
FROM jsonb_to_recordset($1::jsonb) AS d
  (form text, key text, label text, position integer, spec jsonb, "column" text, "constraint" text, required boolean, "default" jsonb, former jsonb,
   dropped_at timestamptz, purge_after timestamptz)
ON CONFLICT (form, key) DO UPDATE
SET label = excluded.label, position = excluded.position, type = excluded.type, settings = excluded.settings, column_name = excluded.column_name,
    constraint_name = excluded.constraint_name, required = excluded.required, default_value = excluded.default_value, former = excluded.former,
    dropped_at = excluded.dropped_at, purge_after = excluded.purge_after
WHERE (form_fields.*) IS DISTINCT FROM (excluded.*)`

const deleteIndexesSQL = `DELETE FROM _tenantry.form_indexes WHERE form = ANY ($1::text[])`

// writeIndexesSQL takes indexRows.
const writeIndexesSQL = `
INSERT INTO _tenantry.form_indexes (name, form, fields, is_unique)
SELECT i.name, i.form, i.fields, coalesce(i."unique", false)
FROM jsonb_to_recordset($1::jsonb) AS i (name text, form text, fields text[], "unique" boolean)`

const writeNextSQL = `UPDATE _tenantry.form_names SET next = $1::bigint`

// historySQL lists the changes, the newest first.
const historySQL = `
SELECT number, operation_id, requested_by, state, change::text, coalesce(inverse::text, ''), forms::text, coalesce(error::text, ''),
       (extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM ended_at) * 1000000)::bigint
FROM _tenantry.form_changes
ORDER BY number DESC
LIMIT $1`

// sinceSQL lists the changes that have touched a form since a version of it.
const sinceSQL = `
SELECT number, requested_by, change::text
FROM _tenantry.form_changes
WHERE state = 'done' AND (forms ->> $1)::bigint > $2::bigint
ORDER BY number
LIMIT 10`
