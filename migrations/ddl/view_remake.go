package ddl

import "strings"

// remake is a view that PostgreSQL changes only by taking from it what people have given to it, which its form knows nothing of. That is read from the catalog
// in the same transaction, and given back to the view that is there then.
//
// CREATE OR REPLACE takes its options: security_invoker, after which the view would read as the owner, among them. DROP and CREATE take everything:
// rights, on columns too, and that some were taken away; comments; options.
type remake struct {
	// setting keeps it between the two statements: one of the transaction's own.
	setting       string
	before, after string // quoted
	// was and is are the names of the columns that it keeps, known are those of all that it has had.
	was, is, known []string
}

func settingOf(form *Form) string { return literal("tenantry." + form.Table) }

// remadeOf is a view that another one takes the place of.
func (b *builder) remadeOf(form *Form, before, after view) remake {
	r := remake{setting: settingOf(form), before: before.ident(), after: after.ident(), known: before.names()}
	keep := func(i, j int) {
		r.was, r.is = append(r.was, before.columns[i].name), append(r.is, after.columns[j].name)
	}
	for i := range reservedKeys {
		keep(i, i)
	}
	places := map[string]int{}
	for i, field := range form.Live() {
		places[field.Key] = len(reservedKeys) + i
	}
	for i, field := range b.original.Form(form.Key).Live() {
		if place, stays := places[field.Key]; stays {
			keep(len(reservedKeys)+i, place)
		}
	}
	return r
}

// replacedOf is a view that stays and is replaced.
func replacedOf(form *Form, v view) remake {
	return remake{setting: settingOf(form), before: v.ident(), after: v.ident()}
}

// goneOf is a view that goes and does not come again.
func goneOf(v view) remake { return remake{before: v.ident(), known: v.names()} }

// replace is a statement that replaces the view, between those that keep its options.
func (r remake) replace(sql string) []string {
	return []string{r.hold(), r.do(keepOptionsSQL), sql, r.do(giveOptionsSQL)}
}

// keep comes before the view goes.
func (r remake) keep() []string { return []string{r.hold(), r.do(keepSQL)} }

// hold waits for whoever is about to change the view, before it is looked at. The statement changes nothing and locks the view; LOCK would lock the tables that it
// reads as well.
func (r remake) hold() string { return "ALTER VIEW " + r.before + " OWNER TO CURRENT_USER" }

// give comes after the new view was made.
func (r remake) give() string { return r.do(giveSQL) }

// lost looks for what goes with the view, and cannot be given to another.
func (r remake) lost() string { return r.fill(lostSQL) }

// do makes a block a constant, and not a text between dollars: names of views are in it, which may be anything.
func (r remake) do(block string) string { return "DO " + literal(r.fill(block)) }

func (r remake) fill(sql string) string {
	names := strings.NewReplacer(
		"{setting}", r.setting, "{before}", literal(r.before), "{after}", literal(r.after), "{message}", literal(lostWith(r.before)),
		"{old}", literals(r.was), "{new}", literals(r.is), "{known}", literals(r.known),
	)
	return names.Replace(strings.TrimSpace(strings.NewReplacer("{lost}", lostSQL, "{options}", optionsSQL).Replace(sql)))
}

// lostWith follows the names of what would be lost.
func lostWith(view string) string { return ", lost with view " + view + ", which cannot stay as it is" }

// lostSQL lists what depends on the view, or on the type of its rows, by what PostgreSQL goes by when a view is dropped: what would stop it, and what it would drop
// without a word, such as triggers. And what depends on nothing: labels, and what was given to columns that the form does not know.
const lostSQL = `
  SELECT CASE WHEN w.rulename = '_RETURN' THEN format('%I.%I', n.nspname, k.relname) ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END AS example
  FROM pg_class v
  JOIN pg_type y ON y.oid = v.reltype
  JOIN pg_depend d ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid) OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray))
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  LEFT JOIN pg_class k ON k.oid = w.ev_class
  LEFT JOIN pg_namespace n ON n.oid = k.relnamespace
  WHERE v.oid = to_regclass({before}) AND d.deptype IN ('n', 'a') AND (w.rulename = '_RETURN' AND w.ev_class = v.oid) IS NOT TRUE
  UNION
  SELECT 'security label on ' || pg_describe_object(l.classoid, l.objoid, l.objsubid)
  FROM pg_seclabel l
  WHERE l.classoid = 'pg_class'::regclass AND l.objoid = to_regclass({before})
  UNION
  SELECT 'what column ' || a.attname || ' was given'
  FROM pg_attribute a
  WHERE a.attrelid = to_regclass({before}) AND a.attnum > 0 AND a.attname <> ALL ({known}) AND (a.attacl IS NOT NULL OR col_description(a.attrelid, a.attnum) IS NOT NULL)
  UNION
  SELECT 'its owner ' || pg_get_userbyid(v.relowner)
  FROM pg_class v
  JOIN pg_namespace n ON n.oid = v.relnamespace
  WHERE v.oid = to_regclass({before}) AND v.relowner <> n.nspowner`

// optionsSQL are statements that give the new view the options of the old one.
const optionsSQL = `
      SELECT format('ALTER VIEW %s SET (%I = %L)', {after}, split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)) AS statement
      FROM pg_class c, unnest(c.reloptions) AS o
      WHERE c.oid = {before}::regclass`

const keepOptionsSQL = `
BEGIN
  PERFORM set_config({setting}, (SELECT coalesce(jsonb_agg(s.statement), '[]')::text FROM ({options}) AS s), true);
END`

const giveOptionsSQL = `
DECLARE statement text;
BEGIN
  FOR statement IN SELECT jsonb_array_elements_text(current_setting({setting})::jsonb) LOOP
    EXECUTE statement;
  END LOOP;
END`

// keepSQL writes the statements that give the new view what the old one has. Its rights are given anew only where they differ from those that the new view has by
// itself, by the owner's default privileges.
const keepSQL = `
DECLARE examples text;
BEGIN
  SELECT string_agg(l.example, ', ' ORDER BY l.example) INTO examples FROM ({lost}) AS l;
  IF examples IS NOT NULL THEN
    RAISE dependent_objects_still_exist USING MESSAGE = examples || {message};
  END IF;
  PERFORM set_config({setting}, (
    WITH v AS MATERIALIZED (
      SELECT oid, relowner, relacl FROM pg_class WHERE oid = {before}::regclass
    ), columns AS MATERIALIZED (
      SELECT a.attnum, a.attacl, m.name
      FROM v
      JOIN pg_attribute a ON a.attrelid = v.oid
      JOIN unnest({old}, {new}) AS m (was, name) ON m.was = a.attname
    ), rights AS MATERIALIZED (
      SELECT r.name, format('GRANT %s%s ON %s TO %s%s', r.privilege_type, ' (' || quote_ident(r.name) || ')', {after},
                            CASE r.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.grantee)) END, CASE WHEN r.is_grantable THEN ' WITH GRANT OPTION' END) AS statement
      FROM (
        SELECT NULL::text AS name, h.grantee, h.privilege_type, h.is_grantable FROM v, aclexplode(v.relacl) AS h WHERE h.grantee <> v.relowner
        UNION ALL
        SELECT c.name, h.grantee, h.privilege_type, h.is_grantable FROM v, columns c, aclexplode(c.attacl) AS h WHERE h.grantee <> v.relowner
      ) AS r
    ), others AS MATERIALIZED (
      SELECT statement FROM rights WHERE name IS NOT NULL
      UNION ALL
      SELECT format('COMMENT ON VIEW %s IS %L', {after}, obj_description(oid, 'pg_class')) FROM v WHERE obj_description(oid, 'pg_class') IS NOT NULL
      UNION ALL
      SELECT format('COMMENT ON COLUMN %s.%I IS %L', {after}, c.name, col_description(v.oid, c.attnum)) FROM v, columns c WHERE col_description(v.oid, c.attnum) IS NOT NULL
      UNION ALL{options}
    )
    SELECT jsonb_build_object(
      'acl', (SELECT relacl::text FROM v),
      'rights', (SELECT coalesce(jsonb_agg(statement), '[]') FROM rights WHERE name IS NULL),
      'others', (SELECT coalesce(jsonb_agg(statement), '[]') FROM others)
    )::text), true);
END`

// giveSQL runs them.
const giveSQL = `
DECLARE
  kept CONSTANT jsonb := current_setting({setting})::jsonb;
  statement text;
BEGIN
  IF kept ->> 'acl' IS DISTINCT FROM (SELECT relacl::text FROM pg_class WHERE oid = {after}::regclass) THEN
    FOR statement IN
      SELECT DISTINCT format('REVOKE ALL ON %s FROM %s', {after}, CASE h.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(h.grantee)) END)
      FROM pg_class c, aclexplode(c.relacl) AS h
      WHERE c.oid = {after}::regclass AND h.grantee <> c.relowner
    LOOP
      EXECUTE statement;
    END LOOP;
    FOR statement IN SELECT jsonb_array_elements_text(kept -> 'rights') LOOP
      EXECUTE statement;
    END LOOP;
  END IF;
  FOR statement IN SELECT jsonb_array_elements_text(kept -> 'others') LOOP
    EXECUTE statement;
  END LOOP;
END`
