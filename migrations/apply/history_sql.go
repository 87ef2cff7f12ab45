package apply

// bootstrapSQL makes the schema of the history, owned by the role that applies. It may run again.
var bootstrapSQL = []string{
	`CREATE SCHEMA IF NOT EXISTS _tenantry`,
	`REVOKE ALL ON SCHEMA _tenantry FROM PUBLIC`,
	`CREATE TABLE IF NOT EXISTS _tenantry.schema_history (
  version        text NOT NULL,
  file_name      text NOT NULL,
  statement_no   integer NOT NULL,
  statement_hash text NOT NULL,
  -- running: sent to the server, outcome not recorded; only statements that run alone are ever seen so.
  status         text NOT NULL CHECK (status IN ('running', 'done')),
  operation_id   text NOT NULL DEFAULT '',
  -- The release that was being applied.
  release        text NOT NULL,
  applied_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  duration_ms    bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (version, statement_no)
)`,
	`CREATE TABLE IF NOT EXISTS _tenantry.meta (
  key   text PRIMARY KEY,
  value text NOT NULL
)`,
	`REVOKE ALL ON ALL TABLES IN SCHEMA _tenantry FROM PUBLIC`,
	`INSERT INTO _tenantry.meta (key, value)
VALUES ('history_format', '1')
ON CONFLICT (key) DO NOTHING`,
}

// Keys of _tenantry.meta that say at which release the database stands.
const (
	metaRelease   = "release"
	metaReleaseID = "release_id"
)

// entriesSQL is what a plan is made of, as it lies there: whoever plans has a new session, for which every function, every operator and
// every collation costs a look at the catalog.
const entriesSQL = `
SELECT version, file_name, statement_no, statement_hash, status, operation_id, release`

const entriesFromSQL = `
FROM _tenantry.schema_history`

// timedSQL tells the times as well, the oldest first.
const timedSQL = entriesSQL + `, (extract(epoch FROM applied_at) * 1000000)::bigint, duration_ms` + entriesFromSQL + `
ORDER BY applied_at, version, statement_no`

const metaSQL = `
SELECT key, value
FROM _tenantry.meta`

// recordSQL records statements of one file as done; the arrays are their numbers, hashes and durations.
const recordSQL = `
INSERT INTO _tenantry.schema_history
  (version, file_name, statement_no, statement_hash, status, operation_id, release, duration_ms)
SELECT $1::text, $2::text, s.no, s.hash, 'done', $3::text, $4::text, s.ms
FROM unnest($5::integer[], $6::text[], $7::bigint[]) AS s (no, hash, ms)`

// intentSQL records that a statement is about to run alone.
const intentSQL = `
INSERT INTO _tenantry.schema_history
  (version, file_name, statement_no, statement_hash, status, operation_id, release)
VALUES ($1, $2, $3::integer, $4, 'running', $5, $6)`

const doneSQL = `
UPDATE _tenantry.schema_history
SET status = 'done', applied_at = clock_timestamp(), duration_ms = $3::bigint
WHERE version = $1 AND statement_no = $2::integer AND status = 'running'`

// forgetSQL takes an intent back: the statement is known to have had no effect.
const forgetSQL = `
DELETE FROM _tenantry.schema_history
WHERE version = $1 AND statement_no = $2::integer AND status = 'running'`

const releaseSQL = `
INSERT INTO _tenantry.meta (key, value)
VALUES ('release', $1), ('release_id', $2)
ON CONFLICT (key) DO UPDATE SET value = excluded.value`
