-- A user mapping is there or is not: its options are secrets, which PostgreSQL shows to few. Role names stand between two characters 1.
SELECT 'foreign data wrapper', 'pg_foreign_data_wrapper', w.oid, 0, 0, quote_ident(w.fdwname), pg_get_userbyid(w.fdwowner),
       concat_ws(E'\n', format('HANDLER %s VALIDATOR %s', w.fdwhandler::regprocedure, w.fdwvalidator::regprocedure),
         'OPTIONS (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(w.fdwoptions) o) || ')'),
       '', w.fdwacl, CASE WHEN w.fdwacl IS NOT NULL THEN acldefault('F', w.fdwowner) END
FROM pg_foreign_data_wrapper w
UNION ALL
SELECT 'server', 'pg_foreign_server', s.oid, 0, 0, quote_ident(s.srvname), pg_get_userbyid(s.srvowner),
       concat_ws(E'\n', 'FOREIGN DATA WRAPPER ' || (SELECT quote_ident(w.fdwname) FROM pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw), 'TYPE ' || quote_literal(s.srvtype), 'VERSION ' || quote_literal(s.srvversion),
         'OPTIONS (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(s.srvoptions) o) || ')'),
       '', s.srvacl, CASE WHEN s.srvacl IS NOT NULL THEN acldefault('S', s.srvowner) END
FROM pg_foreign_server s
UNION ALL
SELECT 'user mapping', 'pg_user_mapping', m.umid, 0, 0, 'of ' || CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE chr(1) || pg_get_userbyid(m.umuser) || chr(1) END || ' on ' || quote_ident(m.srvname), '', 'USER MAPPING', '', NULL, NULL
FROM pg_user_mappings m
