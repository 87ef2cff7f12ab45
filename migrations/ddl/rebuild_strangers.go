package ddl

import (
	"fmt"
	"strings"
)

// strange is what is said of things that a rebuild would lose.
const strange = "not of the form, and lost with its old table: "

// strangers looks for what somebody has put on the table that is not the form's: the new table would lack it.
func (r *rebuild) strangers() Probe {
	return Probe{
		Field: "form", Table: r.form.Table, Named: true, Message: strange + "%s",
		Fix: "take it away, make the change, and make it again; tenantry drift check tells more",
		SQL: fmt.Sprintf("SELECT count(*), array_agg(e.example ORDER BY e.example) FROM (%s) AS e", r.strange()),
	}
}

// strange lists it, a row each. What depends on the table, or belongs to it, is found by what PostgreSQL itself goes by when a table is dropped; so
// also what a later version of it may have. The rest are the properties that a table, a column and a sequence can be given.
func (r *rebuild) strange() string {
	table := literal(data(r.form.Table)) + "::regclass"
	var triggers, constraints, indexes, columns []string
	add := func(list *[]string, name string) { *list = append(*list, name) }
	add(&indexes, r.form.Table+"_pkey")
	add(&constraints, r.form.Table+"."+r.form.Table+"_pkey")
	for _, index := range r.indexes {
		add(&indexes, index.Name)
		if index.Unique {
			add(&constraints, r.form.Table+"."+index.Name)
		}
	}
	for _, check := range checksOf(r.form) {
		add(&constraints, r.form.Table+"."+check.name)
	}
	for _, l := range append(r.own, r.referring...) {
		add(&constraints, l.table+"."+l.constraint)
	}
	for _, field := range r.form.Fields {
		for _, former := range field.Former {
			if former.Sync != "" {
				add(&triggers, former.Sync)
			}
		}
	}
	if r.carry != "" {
		add(&triggers, r.carry)
		add(&triggers, r.clear)
	}
	for _, column := range r.columns {
		add(&columns, column.name+" "+column.shape())
	}
	return strings.NewReplacer(
		"{table}", table, "{sequence}", literal(r.form.Table+"_id_seq"), "{view}", literal(r.form.View),
		"{triggers}", literals(triggers), "{constraints}", literals(constraints), "{indexes}", literals(indexes), "{columns}", literals(columns),
		"{data}", literal(DataSchema), "{trash}", literal(TrashSchema), "{views}", literal(ViewSchema),
	).Replace(strangeSQL)
}

// shape is what a column is, but for the value of its default.
func (c column) shape() string {
	if c.constant != "" {
		c.constant = "yes"
	}
	return c.definition()
}

const strangeSQL = `
WITH t AS MATERIALIZED (
  SELECT c.* FROM pg_class c WHERE c.oid = {table}
), s AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN t ON c.relnamespace = t.relnamespace WHERE c.relname = {sequence} AND c.relkind = 'S'
), parts AS MATERIALIZED (
  SELECT 'pg_class'::regclass AS classid, oid AS objid FROM t
  UNION ALL
  SELECT 'pg_class'::regclass, oid FROM s
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN t ON i.indrelid = t.oid
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN t ON k.conrelid = t.oid
  UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN t ON g.tgrelid = t.oid
), rights AS MATERIALIZED (
  SELECT r.name, r.owner, h.grantee, h.privilege_type, h.is_grantable, r.has
  FROM (
    SELECT c.relname AS name, c.relowner AS owner, true AS has, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS acl
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
    UNION ALL
    SELECT c.relname, c.relowner, false,
           coalesce((SELECT d.defaclacl FROM pg_default_acl d WHERE d.defaclrole = c.relowner AND d.defaclnamespace = 0 AND d.defaclobjtype = c.relkind),
             acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))
           || coalesce((SELECT d.defaclacl FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace
                        WHERE d.defaclrole = c.relowner AND n.nspname = {trash} AND d.defaclobjtype = c.relkind), '{}')
    FROM (SELECT * FROM t UNION ALL SELECT * FROM s) AS c
  ) AS r, aclexplode(r.acl) AS h
  WHERE h.grantee <> r.owner
)
SELECT DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass AND w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
FROM t
CROSS JOIN pg_depend d
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
WHERE d.deptype IN ('n', 'a')
  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM t UNION ALL SELECT oid FROM s)
    OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.reltype, (SELECT y.typarray FROM pg_type y WHERE y.oid = t.reltype)))
  AND d.classid <> 'pg_attrdef'::regclass
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid AND g.tgrelid = t.oid AND g.tgname = ANY ({triggers}))
  AND NOT EXISTS (
    SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
      AND (k.contype = 'n' OR n.nspname IN ({data}, {trash}) AND c.relname || '.' || k.conname = ANY ({constraints})))
  AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND i.indrelid = t.oid AND c.relname = ANY ({indexes}))
  AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = w.ev_class AND w.rulename = '_RETURN' AND n.nspname = {views} AND c.relname = {view})
UNION ALL
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
WHERE d.classid = 'pg_attrdef'::regclass AND d.deptype = 'n'
UNION ALL
SELECT 'row security' FROM t WHERE t.relrowsecurity OR t.relforcerowsecurity
UNION ALL
SELECT 'storage parameter ' || o FROM t LEFT JOIN pg_class c ON c.oid = t.reltoastrelid, unnest(coalesce(t.reloptions, '{}') || coalesce(c.reloptions, '{}')) AS o
UNION ALL
SELECT 'its tablespace' FROM t WHERE t.reltablespace <> 0
UNION ALL
SELECT 'UNLOGGED' FROM t WHERE t.relpersistence <> 'p'
UNION ALL
SELECT 'REPLICA IDENTITY' FROM t WHERE t.relreplident <> 'd'
UNION ALL
SELECT 'its access method' FROM t JOIN pg_am m ON m.oid = t.relam WHERE m.amname <> current_setting('default_table_access_method')
UNION ALL
SELECT 'a subscription' FROM t JOIN pg_subscription_rel b ON b.srrelid = t.oid
UNION ALL
SELECT 'CLUSTER on ' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisclustered
UNION ALL
SELECT 'column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.atthasdef THEN ' DEFAULT yes' ELSE '' END || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END <> ALL ({columns})
UNION ALL
SELECT 'settings of column ' || a.attname
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> y.typstorage OR a.attcompression <> '' OR a.attcollation <> y.typcollation OR a.attgenerated <> '')
UNION ALL
SELECT 'rights on column ' || a.attname FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT DISTINCT 'rights of ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END || ' on ' || x.name
FROM (
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has)
  UNION ALL
  (SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE NOT has EXCEPT SELECT name, grantee, privilege_type, is_grantable FROM rights WHERE has)
) AS x
UNION ALL
SELECT 'comment on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_description o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'security label on ' || pg_describe_object(o.classoid, o.objoid, o.objsubid) FROM pg_seclabel o JOIN parts ON parts.classid = o.classoid AND parts.objid = o.objoid
UNION ALL
SELECT 'settings of sequence ' || {sequence}
WHERE NOT EXISTS (
  SELECT FROM s JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE q.seqtypid = 'bigint'::regtype AND q.seqstart = 1 AND q.seqincrement = 1 AND q.seqmin = 1 AND q.seqmax = 9223372036854775807 AND q.seqcache = 1 AND NOT q.seqcycle)`
