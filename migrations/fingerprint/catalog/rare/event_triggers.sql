SELECT 'event trigger', 'pg_event_trigger', t.oid, 0, 0, quote_ident(t.evtname), pg_get_userbyid(t.evtowner),
       concat_ws(E'\n', 'ON ' || t.evtevent, 'WHEN TAG IN (' || (SELECT string_agg(g, ', ' ORDER BY g) FROM unnest(t.evttags) g) || ')', 'EXECUTE ' || t.evtfoid::regprocedure,
         CASE t.evtenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' END), '', NULL, NULL
FROM pg_event_trigger t
