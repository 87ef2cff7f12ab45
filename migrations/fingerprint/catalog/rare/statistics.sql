SELECT 'statistics', 'pg_statistic_ext', s.oid, 0, s.stxrelid, s.stxnamespace::regnamespace || '.' || quote_ident(s.stxname), pg_get_userbyid(s.stxowner),
       concat_ws(E'\n', pg_get_statisticsobjdef(s.oid), 'STATISTICS ' || nullif(s.stxstattarget, -1)), '', NULL, NULL
FROM pg_statistic_ext s
WHERE s.stxnamespace = ANY ({schemas})
