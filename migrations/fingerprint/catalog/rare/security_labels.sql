SELECT 'security label', l.classoid::regclass, l.objoid, l.objsubid, 0, quote_ident(l.provider), '', l.label, '', NULL, NULL
FROM pg_seclabel l
ORDER BY l.objoid, l.provider
