-- Operators, their families and classes. What families consist of is said apart, since built-in ones may be added to.
SELECT 'operator', 'pg_operator', o.oid, 0, 0, o.oid::regoperator::text, pg_get_userbyid(o.oprowner),
       concat_ws(E'\n', 'FUNCTION ' || o.oprcode::regprocedure, 'RETURNS ' || format_type(o.oprresult, NULL),
         format('COMMUTATOR %s NEGATOR %s', o.oprcom::regoperator, o.oprnegate::regoperator), format('RESTRICT %s JOIN %s', o.oprrest, o.oprjoin),
         CASE WHEN o.oprcanhash THEN 'HASHES' END, CASE WHEN o.oprcanmerge THEN 'MERGES' END), '', NULL, NULL
FROM pg_operator o
WHERE o.oid >= 16384 AND o.oprnamespace = ANY ({schemas})
UNION ALL
SELECT 'operator family', 'pg_opfamily', f.oid, 0, 0, f.opfnamespace::regnamespace || '.' || quote_ident(f.opfname) || ' using ' || a.amname, pg_get_userbyid(f.opfowner), 'OPERATOR FAMILY', '', NULL, NULL
FROM pg_opfamily f
JOIN pg_am a ON a.oid = f.opfmethod
WHERE f.oid >= 16384 AND f.opfnamespace = ANY ({schemas})
UNION ALL
SELECT 'operator class', 'pg_opclass', o.oid, 0, 0, o.opcnamespace::regnamespace || '.' || quote_ident(o.opcname) || ' using ' || a.amname, pg_get_userbyid(o.opcowner),
       concat_ws(E'\n', CASE WHEN o.opcdefault THEN 'DEFAULT' END, 'FOR TYPE ' || format_type(o.opcintype, NULL),
         'FAMILY ' || (SELECT f.opfnamespace::regnamespace || '.' || quote_ident(f.opfname) FROM pg_opfamily f WHERE f.oid = o.opcfamily),
         'STORAGE ' || format_type(nullif(o.opckeytype, 0), NULL)), '', NULL, NULL
FROM pg_opclass o
JOIN pg_am a ON a.oid = o.opcmethod
WHERE o.oid >= 16384 AND o.opcnamespace = ANY ({schemas})
UNION ALL
SELECT 'operator family member', '', 0, 0, 0,
       (SELECT f.opfnamespace::regnamespace || '.' || quote_ident(f.opfname) || ' using ' || a.amname FROM pg_opfamily f JOIN pg_am a ON a.oid = f.opfmethod WHERE f.oid = m.family) || ': ' || m.place, '',
       m.definition, '', NULL, NULL
FROM (
  SELECT p.amopfamily AS family, format('operator %s (%s, %s) %s', p.amopstrategy, format_type(p.amoplefttype, NULL), format_type(p.amoprighttype, NULL), p.amoppurpose) AS place,
         p.amopopr::regoperator || coalesce(' FOR ORDER BY ' || (SELECT quote_ident(f.opfname) FROM pg_opfamily f WHERE f.oid = p.amopsortfamily), '') AS definition
  FROM pg_amop p
  WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_operator'::regclass AND e.objid = p.amopopr AND e.deptype = 'e')
  UNION ALL
  SELECT p.amprocfamily, format('function %s (%s, %s)', p.amprocnum, format_type(p.amproclefttype, NULL), format_type(p.amprocrighttype, NULL)), p.amproc::regprocedure::text
  FROM pg_amproc p
  WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.amproc AND e.deptype = 'e')
) m
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opfamily'::regclass AND e.objid = m.family AND e.deptype = 'e')
