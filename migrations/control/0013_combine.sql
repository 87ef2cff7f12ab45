-- Combining the rows of a query over many tenants with SQL: somebody's text is run in this database, so it is run as a role that has nothing.

-- No login, no rights, no members but who migrates this database. That one must be a member to hand the function over (grants.sql).
DO $$
BEGIN
  CREATE ROLE tenantry_combine NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- made by another installation on this server, or by one that starts beside us
END
$$;

-- combine gives the rows of a query over pg_temp.rows, of which its caller has granted SELECT. It must be owned by tenantry_combine: in a function
-- of SECURITY DEFINER nobody can become another role, whatever the text calls, where SET ROLE could be undone by set_config. A loop over a text
-- takes one statement that gives rows and no other. The caller makes the transaction READ ONLY and bounds its time.
CREATE FUNCTION tenantry.combine(p_sql text, p_most bigint) RETURNS SETOF json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_row record;
  v_rows bigint := 0;
BEGIN
  IF current_user <> 'tenantry_combine'
     OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = current_user
                AND (r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls))
     OR EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = current_user) THEN
    RAISE EXCEPTION 'combine would not run as a role that has nothing' USING ERRCODE = 'TY001',
      HINT = 'as an administrator of the control database: ALTER ROLE tenantry_combine NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS; '
             'GRANT tenantry_combine TO the login of TENANTRY_CONTROL_URL; then tenantry control migrate';
  END IF;
  IF current_setting('transaction_read_only') <> 'on' THEN
    RAISE EXCEPTION 'combine runs in a transaction that is READ ONLY' USING ERRCODE = 'TY001';
  END IF;
  FOR v_row IN EXECUTE p_sql LOOP
    v_rows := v_rows + 1;
    IF v_rows > p_most THEN
      RAISE EXCEPTION 'the combination has more than % rows', p_most USING ERRCODE = 'TY001', HINT = 'add them up, or LIMIT';
    END IF;
    RETURN NEXT row_to_json(v_row);
  END LOOP;
END
$$;
