-- Run after every migration: what each role may do, said in one place and from nothing.
REVOKE ALL ON SCHEMA tenantry, river FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA tenantry FROM PUBLIC, tenantry_api;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tenantry FROM PUBLIC, tenantry_api;
REVOKE ALL ON ALL ROUTINES IN SCHEMA tenantry FROM PUBLIC, tenantry_api;

GRANT USAGE ON SCHEMA tenantry TO tenantry_api;
GRANT SELECT ON tenantry.operation_status, tenantry.tenant_status TO tenantry_api;
GRANT EXECUTE ON FUNCTION
  tenantry.submit(text, jsonb, text),
  tenantry.submit_many(text, jsonb[]),
  tenantry.create_tenant(text, text, text, jsonb, text, jsonb, text),
  tenantry.cancel(text),
  tenantry.pause(text),
  tenantry.retry(text)
TO tenantry_api;

-- What other programs read: the results of aggregates, whose tables grant it when they are made.
REVOKE ALL ON SCHEMA aggregates FROM PUBLIC;
GRANT USAGE ON SCHEMA aggregates TO tenantry_bi;
GRANT SELECT ON aggregates.coverage, aggregates.tenants TO tenantry_bi;

DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO tenantry_api, tenantry_bi', current_database());
END
$$;

-- What runs others' texts belongs to a role that has nothing. Where we may not hand it over, it refuses to run.
DO $$
BEGIN
  IF (SELECT pg_get_userbyid(proowner) <> 'tenantry_combine' FROM pg_proc WHERE oid = 'tenantry.combine(text, bigint)'::regprocedure) THEN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
      GRANT tenantry_combine TO CURRENT_USER;
    END IF;
    GRANT CREATE ON SCHEMA tenantry TO tenantry_combine;
    ALTER FUNCTION tenantry.combine(text, bigint) OWNER TO tenantry_combine;
    REVOKE CREATE ON SCHEMA tenantry FROM tenantry_combine;
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'tenantry query --combine will not run: %', SQLERRM;
END
$$;
