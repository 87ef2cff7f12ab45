-- A partition's share of a trigger counts when it is switched on or off apart from its parent.
SELECT 'trigger', 'pg_trigger', t.oid, 0, t.tgrelid, quote_ident(t.tgname) || ' on ' || t.tgrelid::regclass, '',
       concat_ws(E'\n', pg_get_triggerdef(t.oid), CASE t.tgenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' END), '', NULL, NULL
FROM pg_trigger t
LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
WHERE t.tgrelid = ANY ({relations}) AND NOT t.tgisinternal AND (p.oid IS NULL OR p.tgenabled <> t.tgenabled)
