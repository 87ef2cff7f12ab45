-- The members of extensions, and which kinds of things depend on which: enough to know what else there is to be asked.
SELECT CASE d.deptype WHEN 'e' THEN 'member' ELSE 'dependency' END, d.classid::regclass, d.objid, 0, 0,
       d.classid::regclass || ' ' || d.refclassid::regclass || ' ' || d.deptype::text, '', '', '', NULL::text, NULL::text
FROM (SELECT DISTINCT classid, CASE deptype WHEN 'e' THEN objid ELSE 0 END AS objid, refclassid, deptype FROM pg_depend WHERE objid >= 16384) d
