-- Comments are put to the objects that they are of.
SELECT 'comment', d.classoid::regclass, d.objoid, d.objsubid, 0, '', '', d.description, '', NULL, NULL
FROM pg_description d
WHERE d.objoid >= 16384 OR (d.objoid = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = 'public') AND d.classoid = 'pg_namespace'::regclass AND d.description <> 'standard public schema')
