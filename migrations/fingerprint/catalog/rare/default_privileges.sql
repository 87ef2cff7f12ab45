-- What new objects are granted. Role names stand between two characters 1. A schema's defaults add to the general ones, so their own default is nothing.
SELECT 'default privileges', 'pg_default_acl', d.oid, 0, 0,
       concat_ws(' ', 'for ' || chr(1) || pg_get_userbyid(d.defaclrole) || chr(1), 'in ' || nullif(d.defaclnamespace, 0)::regnamespace,
         'on ' || CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE d.defaclobjtype::text END),
       pg_get_userbyid(d.defaclrole), '', '', d.defaclacl,
       CASE WHEN d.defaclnamespace = 0 THEN acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's'::"char" ELSE d.defaclobjtype END, d.defaclrole) ELSE '{}'::aclitem[] END
FROM pg_default_acl d
WHERE d.defaclnamespace = 0 OR d.defaclnamespace = ANY ({schemas})
