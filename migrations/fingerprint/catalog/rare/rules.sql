SELECT 'rule', 'pg_rewrite', r.oid, 0, r.ev_class, quote_ident(r.rulename) || ' on ' || r.ev_class::regclass, '',
       concat_ws(E'\n', pg_get_ruledef(r.oid), CASE r.ev_enabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' END), '', NULL, NULL
FROM pg_rewrite r
WHERE r.ev_class = ANY ({relations}) AND r.rulename <> '_RETURN'
