-- Preflight: what was seen of the tenants' databases before a rollout began.

CREATE TABLE tenantry.rollout_preflights (
  rollout_id text PRIMARY KEY REFERENCES tenantry.rollouts,
  report     jsonb NOT NULL CHECK (jsonb_typeof(report) = 'object'),
  -- Why a person began although tenants are blocked; '' when there was nothing to accept.
  accepted   text NOT NULL DEFAULT '' CHECK (length(accepted) <= 500),
  by         text NOT NULL CHECK (length(by) <= 200),
  at         timestamptz NOT NULL DEFAULT now()
);
