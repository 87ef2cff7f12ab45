-- Indexes. Of one that a constraint stands on, what the constraint does not tell: often nothing.
SELECT CASE WHEN k.oid IS NULL THEN 'index' ELSE 'constraint index' END,
       'pg_class', i.oid, 0, x.indrelid, i.oid::regclass, '',
       concat_ws(E'\n',
         CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.oid)
              WHEN i.reloptions IS NOT NULL THEN 'WITH (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(i.reloptions) o) || ')' END,
         CASE WHEN i.relispartition THEN 'ATTACHED TO ' || (SELECT h.inhparent::regclass FROM pg_inherits h WHERE h.inhrelid = i.oid) END,
         CASE WHEN i.reltablespace <> 0 THEN 'TABLESPACE ' || (SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = i.reltablespace) END,
         CASE WHEN x.indexprs IS NOT NULL THEN 'STATISTICS ' ||
           (SELECT string_agg(a.attnum || ': ' || a.attstattarget, ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = i.oid AND a.attstattarget >= 0) END,
         CASE WHEN x.indisclustered THEN 'CLUSTER' END),
       CASE WHEN x.indisvalid AND x.indisready THEN '' ELSE 'invalid' END, NULL, NULL
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint k ON k.conrelid = x.indrelid AND k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')
WHERE x.indrelid = ANY ({relations})
