-- Things that may depend on nothing but what the server came with.
SELECT 'dependency', '', 0, 0, 0, c.name, '', '', '', NULL, NULL
FROM (
            SELECT 'pg_cast' AS name WHERE EXISTS (SELECT FROM pg_cast WHERE oid >= 16384)
  UNION ALL SELECT 'pg_publication' WHERE EXISTS (SELECT FROM pg_publication)
  UNION ALL SELECT 'pg_foreign_data_wrapper' WHERE EXISTS (SELECT FROM pg_foreign_data_wrapper)
  UNION ALL SELECT 'pg_default_acl' WHERE EXISTS (SELECT FROM pg_default_acl)
  UNION ALL SELECT 'pg_seclabel' WHERE EXISTS (SELECT FROM pg_seclabel)
  UNION ALL SELECT 'pg_am' WHERE EXISTS (SELECT FROM pg_am WHERE oid >= 16384)
  UNION ALL SELECT 'pg_language' WHERE EXISTS (SELECT FROM pg_language WHERE oid >= 16384)
  UNION ALL SELECT 'pg_transform' WHERE EXISTS (SELECT FROM pg_transform)
) c
