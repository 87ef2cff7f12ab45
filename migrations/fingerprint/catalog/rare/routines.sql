-- Extensions may bring a thousand of them: theirs are left out here, before their definitions are written.
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
       'pg_proc', p.oid, 0, 0, p.oid::regprocedure, pg_get_userbyid(p.proowner),
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE
         concat_ws(E'\n', 'AGGREGATE (' || pg_get_function_arguments(p.oid) || ')', format('PARALLEL %s', p.proparallel),
           (SELECT concat_ws(E'\n', format('KIND %s %s', a.aggkind, a.aggnumdirectargs),
              format('SFUNC %s STYPE %s SSPACE %s', a.aggtransfn::regprocedure, format_type(a.aggtranstype, NULL), a.aggtransspace),
              format('FINALFUNC %s %s %s', a.aggfinalfn::regprocedure, a.aggfinalextra, a.aggfinalmodify),
              format('COMBINEFUNC %s SERIALFUNC %s DESERIALFUNC %s', a.aggcombinefn::regprocedure, a.aggserialfn::regprocedure, a.aggdeserialfn::regprocedure),
              format('MSFUNC %s MINVFUNC %s MSTYPE %s MSSPACE %s', a.aggmtransfn::regprocedure, a.aggminvtransfn::regprocedure, format_type(a.aggmtranstype, NULL), a.aggmtransspace),
              format('MFINALFUNC %s %s %s', a.aggmfinalfn::regprocedure, a.aggmfinalextra, a.aggmfinalmodify),
              'SORTOP ' || a.aggsortop::regoperator, 'INITCOND ' || quote_literal(a.agginitval), 'MINITCOND ' || quote_literal(a.aggminitval))
            FROM pg_aggregate a WHERE a.aggfnoid = p.oid)) END,
       '', p.proacl, CASE WHEN p.proacl IS NOT NULL THEN acldefault('f', p.proowner) END
FROM pg_proc p
WHERE p.oid >= 16384 AND p.pronamespace = ANY ({schemas})
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i')) -- i: a range type's constructors
