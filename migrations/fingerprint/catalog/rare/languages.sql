SELECT 'language', 'pg_language', l.oid, 0, 0, quote_ident(l.lanname), pg_get_userbyid(l.lanowner),
       format('HANDLER %s INLINE %s VALIDATOR %s%s', l.lanplcallfoid::regprocedure, l.laninline::regprocedure, l.lanvalidator::regprocedure, CASE WHEN l.lanpltrusted THEN ' TRUSTED' END),
       '', l.lanacl, CASE WHEN l.lanacl IS NOT NULL THEN acldefault('l', l.lanowner) END
FROM pg_language l
WHERE l.oid >= 16384
UNION ALL
SELECT 'transform', 'pg_transform', t.oid, 0, 0, format_type(t.trftype, NULL) || ' for ' || (SELECT quote_ident(l.lanname) FROM pg_language l WHERE l.oid = t.trflang), '',
       format('FROM SQL %s TO SQL %s', t.trffromsql::regprocedure, t.trftosql::regprocedure), '', NULL, NULL
FROM pg_transform t
UNION ALL
SELECT 'access method', 'pg_am', a.oid, 0, 0, quote_ident(a.amname), '', format('TYPE %s HANDLER %s', a.amtype, a.amhandler::regprocedure), '', NULL, NULL
FROM pg_am a
WHERE a.oid >= 16384
