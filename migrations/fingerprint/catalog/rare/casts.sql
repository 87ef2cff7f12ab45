SELECT 'cast', 'pg_cast', c.oid, 0, 0, format_type(c.castsource, NULL) || ' as ' || format_type(c.casttarget, NULL), '',
       concat_ws(' ', CASE c.castmethod WHEN 'f' THEN 'FUNCTION ' || c.castfunc::regprocedure WHEN 'i' THEN 'INOUT' ELSE 'WITHOUT FUNCTION' END,
         CASE c.castcontext WHEN 'a' THEN 'AS ASSIGNMENT' WHEN 'i' THEN 'AS IMPLICIT' END), '', NULL, NULL
FROM pg_cast c
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_cast'::regclass AND i.objid = c.oid AND i.deptype = 'i') -- a range's cast to its multirange
