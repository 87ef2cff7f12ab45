-- Statistics of tenants: how large each is, and what is done in it, a row a day.

-- The newest look at each tenant's database, from which the next one counts on.
CREATE TABLE tenantry.measured (
  tenant_id   text PRIMARY KEY REFERENCES tenantry.tenants,
  database_id text NOT NULL REFERENCES tenantry.databases,  -- in which it lived then
  counters    jsonb NOT NULL,                               -- tenants.Activity
  at          timestamptz NOT NULL,
  last_active date                                          -- as far as known, in UTC
);

-- What was counted between two looks is of the day, in UTC, in which the middle of that time lies: the look after midnight is about the day that has ended. Several looks
-- of a day are added up.
CREATE TABLE tenantry.tenant_days (
  tenant_id    text NOT NULL REFERENCES tenantry.tenants,
  day          date NOT NULL,
  bytes        bigint NOT NULL CHECK (bytes >= 0),  -- of the database, at the day's last look
  -- NULL is not known: nobody had looked before.
  transactions bigint CHECK (transactions >= 0),    -- committed or not
  rows_written bigint CHECK (rows_written >= 0),    -- inserted, updated, deleted, those of catalogs as well
  rows_read    bigint CHECK (rows_read >= 0),
  sessions     bigint CHECK (sessions >= 0),        -- begun
  -- false: there was more. The server has begun to count anew that day, the tenant has moved to another database, or nobody had looked before.
  whole        boolean NOT NULL,
  measured_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, day)
);
CREATE INDEX tenant_days_day ON tenantry.tenant_days (day);

INSERT INTO tenantry.kinds (kind, queue, scope, door, max_attempts, cancellable, from_states, fields) VALUES
  -- It takes no turn in a mailbox: it asks the nodes, and connects to no tenant's database.
  ('measure', 'fanout', 'none', true, 8, true, '{}', '{}');

INSERT INTO tenantry.schedules (name, kind, expression, does) VALUES
  ('measure', 'measure', '45 0 * * *', 'reads how large each tenant is and what was done in it, and keeps that for 400 days (tenantry tenant stats)');
