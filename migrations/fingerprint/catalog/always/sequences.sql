-- Parameters of sequences, and the column that each belongs to; never where a sequence stands.
SELECT 'sequence', 'pg_class', c.oid, 0, coalesce(d.refobjid, c.oid), c.oid::regclass, pg_get_userbyid(c.relowner),
       concat_ws(E'\n',
         format('AS %s START %s INCREMENT %s MINVALUE %s MAXVALUE %s CACHE %s', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache)
           || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END,
         CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END,
         CASE d.deptype WHEN 'i' THEN 'IDENTITY OF ' ELSE 'OWNED BY ' END || d.refobjid::regclass || '.' ||
           (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = d.refobjid AND a.attnum = d.refobjsubid)),
       '', c.relacl, CASE WHEN c.relacl IS NOT NULL THEN acldefault('s', c.relowner) END
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
WHERE c.relnamespace = ANY ({schemas})
