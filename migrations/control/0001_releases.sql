-- Releases: the full ordered list of a product's migrations, split into statements and hashed. Published once, never
-- changed: every worker applies the same bytes and reads no folder.

CREATE TABLE tenantry.releases (
  id              text PRIMARY KEY CHECK (id ~ '^rel_[0-9a-f]{24}$'),
  -- The order of publishing. Each release holds every file of the one before it, unchanged, first.
  seq             bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  -- Not like an id: either finds a release.
  name            text NOT NULL UNIQUE
                  CHECK (name ~ '^[A-Za-z0-9]([A-Za-z0-9._+-]{0,126}[A-Za-z0-9])?$' AND name !~ '^rel_'),
  format          text NOT NULL CHECK (length(format) BETWEEN 1 AND 40),
  -- Hex SHA-256 over every file's checksum, in order.
  checksum        text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
  file_count      integer NOT NULL CHECK (file_count > 0),
  statement_count integer NOT NULL CHECK (statement_count >= 0),
  published_at    timestamptz NOT NULL DEFAULT now(),
  published_by    text NOT NULL CHECK (length(published_by) <= 200),
  -- Taken back, as no tenant stands at it: later releases need not hold its files, but for the first kept_files, of which tenants have a part.
  withdrawn_at    timestamptz,
  withdrawn_by    text CHECK (length(withdrawn_by) <= 200),
  withdrawn_for   text CHECK (length(withdrawn_for) BETWEEN 1 AND 500),
  kept_files      integer CHECK (kept_files BETWEEN 0 AND file_count),
  CHECK (num_nonnulls(withdrawn_at, withdrawn_by, withdrawn_for, kept_files) IN (0, 4))
);

CREATE TABLE tenantry.release_files (
  release_id    text NOT NULL REFERENCES tenantry.releases,
  position      integer NOT NULL CHECK (position > 0),
  version       text NOT NULL CHECK (length(version) BETWEEN 1 AND 200),
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 400),
  -- One transaction for the whole file, else one statement at a time.
  transactional boolean NOT NULL,
  -- Hex SHA-256 over version, name, transactional and the statements' hashes.
  checksum      text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
  PRIMARY KEY (release_id, position),
  UNIQUE (release_id, version)
);

CREATE TABLE tenantry.release_statements (
  release_id    text NOT NULL,
  file_position integer NOT NULL,
  statement_no  integer NOT NULL CHECK (statement_no > 0),
  -- Where the statement begins in its file, for messages.
  line          integer NOT NULL CHECK (line > 0),
  sql           text NOT NULL,
  -- Hex SHA-256 of sql's bytes.
  hash          text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  -- Such as "CreateStmt" or "IndexStmt CONCURRENTLY": the node of PostgreSQL's parse tree, for lint and messages.
  kind          text NOT NULL,
  -- What applying must know of a statement that runs alone: how to repair it after a crash, the index it makes.
  extra         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(extra) = 'object'),
  PRIMARY KEY (release_id, file_position, statement_no),
  FOREIGN KEY (release_id, file_position) REFERENCES tenantry.release_files (release_id, position)
);

CREATE FUNCTION tenantry.refuse_release_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
  RAISE EXCEPTION '% of tenantry.% refused: a published release never changes', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'publish a new release';
END
$$;

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON tenantry.release_files
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry.refuse_release_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON tenantry.release_statements
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry.refuse_release_change();
CREATE TRIGGER immutable BEFORE DELETE OR TRUNCATE ON tenantry.releases
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry.refuse_release_change();
CREATE TRIGGER immutable_content BEFORE UPDATE ON tenantry.releases
  FOR EACH ROW
  WHEN ((OLD.id, OLD.seq, OLD.name, OLD.format, OLD.checksum, OLD.file_count, OLD.statement_count, OLD.published_at, OLD.published_by)
        IS DISTINCT FROM
        (NEW.id, NEW.seq, NEW.name, NEW.format, NEW.checksum, NEW.file_count, NEW.statement_count, NEW.published_at, NEW.published_by))
  EXECUTE FUNCTION tenantry.refuse_release_change();
CREATE TRIGGER immutable_withdrawal BEFORE UPDATE ON tenantry.releases
  FOR EACH ROW WHEN (OLD.withdrawn_at IS NOT NULL)
  EXECUTE FUNCTION tenantry.refuse_release_change();

-- A release says how much it holds, so that nothing can be added to it later either.
CREATE FUNCTION tenantry.refuse_release_growth() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
  v_release text;
BEGIN
  IF TG_TABLE_NAME = 'release_files' THEN
    SELECT r.id INTO v_release
    FROM tenantry.releases r
    WHERE r.id IN (SELECT a.release_id FROM added a)
      AND r.file_count < (SELECT count(*) FROM tenantry.release_files f WHERE f.release_id = r.id);
  ELSE
    SELECT r.id INTO v_release
    FROM tenantry.releases r
    WHERE r.id IN (SELECT a.release_id FROM added a)
      AND r.statement_count < (SELECT count(*) FROM tenantry.release_statements s WHERE s.release_id = r.id);
  END IF;
  IF v_release IS NOT NULL THEN
    RAISE EXCEPTION 'INSERT into tenantry.% refused: release % holds all it was published with', TG_TABLE_NAME, v_release
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'publish a new release';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER complete AFTER INSERT ON tenantry.release_files
  REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry.refuse_release_growth();
CREATE TRIGGER complete AFTER INSERT ON tenantry.release_statements
  REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry.refuse_release_growth();
