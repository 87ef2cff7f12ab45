-- What a look into a tenant's database has told, so that nobody need connect to it to know: a rollout's preflight and the nightly check of
-- drift write it, the linter's estimates and the choice of a canary read it.

CREATE TABLE tenantry.sizes (
  database_id text PRIMARY KEY REFERENCES tenantry.databases,
  bytes       bigint NOT NULL CHECK (bytes >= 0),          -- of the whole database
  -- The largest tables: [{"schema", "table", "rows" (estimated), "bytes" (with indexes)}].
  tables      jsonb NOT NULL CHECK (jsonb_typeof(tables) = 'array'),
  seen_at     timestamptz NOT NULL DEFAULT now()
);
