-- Types that somebody made: no arrays, no tables' row types, no multiranges, which come with their types.
SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END,
       'pg_type', t.oid, 0, 0, t.typnamespace::regnamespace || '.' || quote_ident(t.typname), pg_get_userbyid(t.typowner),
       CASE t.typtype
         WHEN 'e' THEN 'ENUM (' || coalesce((SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid), '') || ')'
         WHEN 'c' THEN 'COMPOSITE'
         WHEN 'd' THEN concat_ws(' ', 'AS ' || format_type(t.typbasetype, t.typtypmod),
           (SELECT 'COLLATE ' || t.typcollation::regcollation FROM pg_type b WHERE b.oid = t.typbasetype AND b.typcollation <> t.typcollation),
           'DEFAULT ' || coalesce(pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), quote_literal(t.typdefault)), CASE WHEN t.typnotnull THEN 'NOT NULL' END)
         WHEN 'r' THEN (SELECT concat_ws(' ', 'RANGE OF ' || format_type(r.rngsubtype, NULL), 'MULTIRANGE ' || format_type(r.rngmultitypid, NULL),
             (SELECT 'OPCLASS ' || o.opcnamespace::regnamespace || '.' || quote_ident(o.opcname) FROM pg_opclass o WHERE o.oid = r.rngsubopc AND NOT o.opcdefault),
             CASE WHEN r.rngcollation <> 0 THEN 'COLLATE ' || r.rngcollation::regcollation END,
             format('CANONICAL %s DIFF %s', r.rngcanonical::regprocedure, r.rngsubdiff::regprocedure))
           FROM pg_range r WHERE r.rngtypid = t.oid)
         ELSE concat_ws(' ', 'BASE', to_jsonb(t) - '{oid,typname,typnamespace,typowner,typacl,typrelid,typelem,typarray,typbasetype,typcollation,typdefaultbin}'::text[],
           CASE WHEN t.typelem <> 0 THEN 'ELEMENT ' || format_type(t.typelem, NULL) END, CASE WHEN t.typcollation <> 0 THEN 'COLLATABLE' END)
       END,
       '', t.typacl, CASE WHEN t.typacl IS NOT NULL THEN acldefault('T', t.typowner) END
FROM pg_type t
WHERE t.oid >= 16384 AND t.typtype <> 'm' AND t.typnamespace = ANY ({schemas})
  AND NOT (t.typtype = 'c' AND (SELECT c.relkind <> 'c' FROM pg_class c WHERE c.oid = t.typrelid))
  AND NOT (t.typelem <> 0 AND EXISTS (SELECT FROM pg_type b WHERE b.oid = t.typelem AND b.typarray = t.oid))
