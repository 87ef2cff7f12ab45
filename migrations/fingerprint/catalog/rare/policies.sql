-- Role names stand between two characters 1, to be replaced by placeholders.
SELECT 'policy', 'pg_policy', p.oid, 0, p.polrelid, quote_ident(p.polname) || ' on ' || p.polrelid::regclass, '',
       concat_ws(E'\n',
         CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
         'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
         'TO ' || (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE chr(1) || pg_get_userbyid(r) || chr(1) END, ', ') FROM unnest(p.polroles) r),
         'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
         'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'), '', NULL, NULL
FROM pg_policy p
WHERE p.polrelid = ANY ({relations})
