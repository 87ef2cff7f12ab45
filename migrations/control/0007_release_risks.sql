-- Releases that were published although the linter found errors in them: who took the risk, and why. Written in the transaction
-- that publishes the release, and like it never changed.

CREATE TABLE tenantry.release_risks (
  release_id  text PRIMARY KEY REFERENCES tenantry.releases,
  reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
  accepted_by text NOT NULL CHECK (length(accepted_by) <= 200),
  accepted_at timestamptz NOT NULL DEFAULT now(),
  errors      integer NOT NULL CHECK (errors > 0),
  -- The statements with errors, in the linter's words.
  findings    jsonb NOT NULL CHECK (jsonb_typeof(findings) = 'array')
);

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON tenantry.release_risks
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry.refuse_release_change();
