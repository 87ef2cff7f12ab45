package workers_test

// oddValues has values that text formats and data tools have no form for, or several.
func oddValues() fixture {
	return fixture{name: "odd values", owner: `
		CREATE TYPE hue AS ENUM ('null', 'a,b', '{"'); CREATE TYPE inner_pair AS (a integer[], b json); CREATE TYPE outer_pair AS (p inner_pair, "t,t" text, n numeric);
		CREATE DOMAIN amount AS numeric(12,2); CREATE DOMAIN price AS amount CHECK (VALUE > -1000); CREATE DOMAIN tags AS text[]; CREATE DOMAIN doc AS jsonb;
		CREATE TABLE texts (a text, b varchar(9), c char(5), d "char", e name);
		INSERT INTO texts VALUES ('null', '', 'x', 'y', 'NULL'), ('', 'NULL', ' ', '', ''), (NULL, '\N', NULL, NULL, NULL), ('\.', '"', '\"', '\', '{}'),
		  (E'\x01\x02\b\f\v\t\r\n\x1f\x7f', E'\n', E'\\u00', '"', '[1]'), (U&'\2028\0085\FEFF\+01F600', 'true', '1', '0', E'tab\tno'), ('{"a":1}', ',"b":', ':', ',', '}');
		CREATE TABLE numbers (n numeric, f4 real, f8 double precision, i2 smallint, i4 integer, i8 bigint, b boolean, p price, m money, o oid, neg numeric(3,-2), frac numeric(3,5));
		INSERT INTO numbers VALUES
		  ('1e1000', 'Infinity', '-Infinity', -32768, -2147483648, -9223372036854775808, true, 9999999999.99, '-0.01', 4294967295, 12300, 0.00123),
		  ('NaN', 'NaN', 'NaN', 32767, 2147483647, 9223372036854775807, false, 'NaN', '92233720368547758.07', 0, NULL, 'NaN'),
		  ('-Infinity', '-0', 5e-324, 0, 0, 0, NULL, -0.01, 0, NULL, -99900, -0.00999), ('-1e-1000', 3.4028235e38, 1.7976931348623157e308, 1, 1, 1, true, 0, 1, 1, 0, 0),
		  (1.000, 1e20, 1e-7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
		CREATE TABLE documents (j json, b jsonb, d doc, js json[], bs jsonb[]);
		INSERT INTO documents VALUES
		  ('null', 'null', 'null', ARRAY['null', NULL, '[1]', '"x"', E'{"a":\n1}']::json[], ARRAY['null', '{"a":"}"}']::jsonb[]), (NULL, NULL, NULL, NULL, NULL),
		  (E' {"a" :\t1,\r\n"a":2} ', '{"n": 1e400, "m": 123456789012345678901234567890.10}', '"text"', '{}', '{}'), ('"a\"b\\"', '"null"', '[]', NULL, NULL),
		  ('1E+2 ', '-0.0', 'true', NULL, NULL), ('[{"}":"]\\","x":"\u0000\ud800"}, [[ ]]]', '[1, [2, {"a": [null]}], "]"]', '{"null": null}', NULL, NULL),
		  ('true', 'false', '1', NULL, NULL), (E'\t[1]', '{"a,b\"}": {}}', '"{}"', NULL, NULL), (E'{"a":\t"b"}', '{"a": "\n"}', '""', NULL, NULL);
		CREATE TABLE lists (i integer[], t text[], b boolean[], n numeric[], y bytea[], ts timestamptz[], h hue[], p outer_pair[], x box[], g tags, a amount[], v int2vector, f float8[],
		  r int4range[], ms int4multirange);
		INSERT INTO lists VALUES
		  ('[2:3]={1,2}', ARRAY['NULL', 'null', NULL, '', ' ', '{}', ',', '"', '\', E'\n\t\x01', 'é'], '{t,f,NULL}', '{1e100,NaN,-0.10}', ARRAY['\x00ff', '']::bytea[],
		   ARRAY['infinity', '2026-02-28 23:59:59.999999+05', '4713-01-01 BC', '20000-01-01', NULL]::timestamptz[], ARRAY['null', 'a,b', '{"']::hue[],
		   ARRAY[ROW(ROW('{1,NULL}', '{"a":[1]}'), E'q"\\\n', 'NaN'), ROW(NULL, '', NULL), NULL]::outer_pair[], '{(1,1),(0,0);(2,2),(1,1)}', '{a,NULL,"c d"}', '{1.10,NULL}', '1 2 3',
		   '{-0,Infinity,1e-300}', '{"[1,2)",empty,NULL}', '{[1,2),[5,9)}'),
		  ('{{{1,2},{3,4}},{{5,6},{7,8}}}', '{{a,"b}"},{NULL,"]"}}', '{{t},{f}}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', '{}', '{}', '{}'),
		  (NULL, '[0:0]={x}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
		CREATE TABLE others (p outer_pair, h hue, ts timestamp, tz timestamptz, d date, t time, iv interval, c cidr, ma macaddr, tv tsvector, jp jsonpath, l pg_lsn, pa path, u uuid, bi bit(3),
		  td tsrange, y bytea, z timetz);
		INSERT INTO others VALUES
		  (ROW(ROW('{}', 'null'), '', 0), '{"', 'infinity', '-infinity', 'infinity', '24:00', '-1 year 2 mons -3 days 04:05:06.789', '10.0.0.0/8', '08:00:2b:01:02:03', '''a b'':1A ''c''',
		   '$."a,b"[*]', '16/B374D848', '[(0,0),(1,1)]', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '101', '["2026-01-01 00:00:00",)', '\x', '24:00-03'),
		  (NULL, NULL, '0044-03-15 12:00 BC', '0001-01-01 00:00+00', '5874897-12-31', '00:00:00.000001', '178000000 years', NULL, NULL, '', NULL, NULL, '((0,0))', NULL, NULL, 'empty', '\x5c6e00', NULL),
		  (ROW(NULL, NULL, NULL), 'null', '294276-12-31 23:59:59.999999', '12026-01-01 00:00+00', '0001-12-31 BC', NULL, '0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
		  (NULL, NULL, '2026-06-01 12:34:56.7', '1999-12-31 23:59:59.000001-11:30', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
		CREATE TABLE "r"",{" ("a"":" integer GENERATED ALWAYS AS IDENTITY, "r" text, "rr" text GENERATED ALWAYS AS (r || '!') STORED, "back\slash" jsonb);
		INSERT INTO "r"",{" ("r") VALUES ('x'), (NULL);
		CREATE TABLE one_text (a text); INSERT INTO one_text VALUES (NULL), (''), ('\.'), ('\N'), ('null');`}
}
