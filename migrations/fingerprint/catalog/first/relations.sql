-- Tables, partitioned and foreign tables, views, materialized views; composite types for their columns. Extensions' own are left out.
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite' ELSE 'table' END,
       'pg_class', c.oid, 0, c.oid, c.oid::regclass, pg_get_userbyid(c.relowner),
       concat_ws(E'\n',
         CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
         CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END,
         CASE WHEN c.reloftype <> 0 THEN 'OF ' || format_type(c.reloftype, NULL) END,
         CASE WHEN c.relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END,
         CASE WHEN c.relispartition THEN 'PARTITION OF ' ELSE 'INHERITS ' END ||
           (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
         pg_get_expr(c.relpartbound, c.oid),
         CASE WHEN c.relkind = 'f' THEN
           (SELECT 'SERVER ' || quote_ident(s.srvname) || coalesce(' OPTIONS (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(f.ftoptions) o) || ')', '')
            FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid) END,
         CASE WHEN c.reloptions IS NOT NULL THEN 'WITH (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(c.reloptions) o) || ')' END,
         CASE WHEN c.reltoastrelid <> 0 THEN
           'TOAST WITH (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM pg_class t, unnest(t.reloptions) o WHERE t.oid = c.reltoastrelid) || ')' END,
         CASE WHEN c.relam NOT IN (0, 2) THEN 'USING ' || (SELECT quote_ident(a.amname) FROM pg_am a WHERE a.oid = c.relam) END,
         CASE WHEN c.reltablespace <> 0 THEN 'TABLESPACE ' || (SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace) END,
         CASE WHEN c.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
         CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
         CASE WHEN c.relkind NOT IN ('r', 'p', 'm') THEN NULL
              WHEN c.relreplident = 'n' THEN 'REPLICA IDENTITY NOTHING'
              WHEN c.relreplident = 'f' THEN 'REPLICA IDENTITY FULL'
              WHEN c.relreplident = 'i' THEN 'REPLICA IDENTITY USING INDEX ' ||
                coalesce((SELECT x.indexrelid::regclass::text FROM pg_index x WHERE x.indrelid = c.oid AND x.indisreplident), '(none)') END,
         CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END),
       '', c.relacl, CASE WHEN c.relacl IS NOT NULL THEN acldefault('r', c.relowner) END
FROM pg_class c
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  AND c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname !~ '^(pg_|information_schema$|_tenantry($|_restored_))')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
  AND NOT (c.relkind = 'c' AND EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = c.reltype AND e.deptype = 'e'))
