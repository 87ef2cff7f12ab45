SELECT 'text search configuration', 'pg_ts_config', c.oid, 0, 0, c.oid::regconfig::text, pg_get_userbyid(c.cfgowner),
       concat_ws(E'\n', 'PARSER ' || (SELECT p.prsnamespace::regnamespace || '.' || quote_ident(p.prsname) FROM pg_ts_parser p WHERE p.oid = c.cfgparser),
         (SELECT string_agg('MAPPING FOR ' || (SELECT k.alias FROM ts_token_type(c.cfgparser) k WHERE k.tokid = m.maptokentype) || ' WITH ' || m.mapdict::regdictionary, E'\n' ORDER BY m.maptokentype, m.mapseqno)
          FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)), '', NULL, NULL
FROM pg_ts_config c
WHERE c.oid >= 16384 AND c.cfgnamespace = ANY ({schemas})
UNION ALL
SELECT 'text search dictionary', 'pg_ts_dict', d.oid, 0, 0, d.oid::regdictionary::text, pg_get_userbyid(d.dictowner),
       concat_ws(E'\n', 'TEMPLATE ' || (SELECT t.tmplnamespace::regnamespace || '.' || quote_ident(t.tmplname) FROM pg_ts_template t WHERE t.oid = d.dicttemplate), d.dictinitoption), '', NULL, NULL
FROM pg_ts_dict d
WHERE d.oid >= 16384 AND d.dictnamespace = ANY ({schemas})
UNION ALL
SELECT 'text search parser', 'pg_ts_parser', p.oid, 0, 0, p.prsnamespace::regnamespace || '.' || quote_ident(p.prsname), '',
       format('START %s GETTOKEN %s END %s HEADLINE %s LEXTYPES %s', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype), '', NULL, NULL
FROM pg_ts_parser p
WHERE p.oid >= 16384 AND p.prsnamespace = ANY ({schemas})
UNION ALL
SELECT 'text search template', 'pg_ts_template', t.oid, 0, 0, t.tmplnamespace::regnamespace || '.' || quote_ident(t.tmplname), '',
       format('INIT %s LEXIZE %s', t.tmplinit, t.tmpllexize), '', NULL, NULL
FROM pg_ts_template t
WHERE t.oid >= 16384 AND t.tmplnamespace = ANY ({schemas})
