-- Constraints of tables, as far as pg_dump writes them: an inherited CHECK and a partition's share of a foreign key come with their parent.
SELECT 'constraint', 'pg_constraint', k.oid, 0, k.conrelid, quote_ident(k.conname) || ' on ' || k.conrelid::regclass, '',
       regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''), CASE WHEN k.convalidated THEN '' ELSE 'not_validated' END, NULL, NULL
FROM pg_constraint k
WHERE k.conrelid = ANY ({relations}) AND (k.contype IN ('p', 'u', 'x') OR k.conislocal AND k.contype <> 't' AND NOT (k.contype = 'f' AND k.conparentid <> 0))
