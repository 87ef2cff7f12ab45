package workers_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// everythingSQL is one of each kind of thing that has an owner.
const everythingSQL = `
CREATE SCHEMA "Odd name"; CREATE DOMAIN "Odd name".d AS integer; CREATE TYPE comp AS (a integer, b text); CREATE TYPE span AS RANGE (subtype = integer);
CREATE TABLE "Odd name"."T" (id serial PRIMARY KEY, x "Odd name".d);
CREATE TABLE part (id integer, k integer) PARTITION BY RANGE (k); CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE UNLOGGED TABLE fast (id bigint GENERATED ALWAYS AS IDENTITY);
CREATE SEQUENCE sq; CREATE MATERIALIZED VIEW mv AS SELECT * FROM customers;
CREATE PROCEDURE pr() LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE ag(integer) (sfunc = int4pl, stype = integer);
CREATE OPERATOR ### (leftarg = integer, rightarg = integer, function = int4pl);
CREATE COLLATION coll FROM "C"; CREATE CONVERSION conv FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE STATISTICS st ON id, name FROM customers; CREATE TEXT SEARCH CONFIGURATION tsc (COPY = simple); CREATE TEXT SEARCH DICTIONARY tsd (TEMPLATE = simple);
CREATE EXTENSION pgcrypto; CREATE EXTENSION citext; SELECT lo_create(0); CREATE PUBLICATION pub FOR TABLE customers;
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER trg BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION trg();
ALTER TABLE customers ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON customers USING (true);
GRANT SELECT (name) ON customers TO pg_monitor; GRANT USAGE ON SCHEMA billing TO pg_monitor; GRANT EXECUTE ON FUNCTION twice(integer) TO pg_monitor;
GRANT USAGE ON TYPE comp TO pg_monitor; GRANT USAGE ON SEQUENCE sq TO pg_monitor; GRANT SELECT ON customers TO pg_read_all_stats WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES IN SCHEMA billing GRANT SELECT ON TABLES TO pg_monitor; COMMENT ON DATABASE %s IS 'the customer''s name'`

// Whatever is in a database is its owner's afterwards, nobody else has rights in it, and other databases of the old owner stay as they are: REASSIGN
// OWNED, which is not used, would take them too.
func TestAdoptHandsOverEverything(t *testing.T) {
	t.Parallel()
	tool := toolNamed(t, "goose")
	f := fleettest.New(t)
	l := newLegacy(t, f, f.Node(t, "n1"))
	l.publish(t, "v1", tool, 2)
	f.Worker(t)
	other := l.database(t, "other", tool.applied(2)...)
	otherBefore := l.entry(t, other)
	database := l.database(t, "acme", tool.applied(2)...)
	conn := l.connect(t, database)
	execIn(t, conn, fmt.Sprintf(everythingSQL, database))
	require.NoError(t, conn.Close(t.Context()))
	super := connectTo(t, fleettest.ServerURL(t), database, "", "")
	execIn(t, super, fmt.Sprintf(`CREATE OPERATOR CLASS oc FOR TYPE integer USING btree AS OPERATOR 1 <; ALTER OPERATOR CLASS oc USING btree OWNER TO %[1]s; ALTER OPERATOR FAMILY oc USING btree OWNER TO %[1]s`, l.role))
	require.NoError(t, super.Close(t.Context()))

	report := l.look(t, jobs.AdoptCheck{Database: database})
	require.Contains(t, report.Refused, "differences")
	require.Contains(t, fmt.Sprint(report.Notes), "citext ("+l.role+")")
	f.Succeeds(t, l.ask(t, jobs.Adopt{Slug: "acme", Database: database, AcceptDrift: "one of each kind"}).OperationID)
	require.Equal(t, otherBefore, l.entry(t, other))

	name := f.Tenant(t, "acme").Database
	super = connectTo(t, fleettest.ServerURL(t), name, "", "")
	require.Equal(t, []string{"extension citext", "extension pgcrypto"}, column(t, super, `
		SELECT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND refobjid = $1::regrole AND deptype = 'o'
		ORDER BY 1`, l.role), "it still owns")
	require.Empty(t, column(t, super, `
		SELECT pg_describe_object(s.classid, s.objid, s.objsubid) || ' to ' || s.refobjid::regrole
		FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
		WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.deptype = 'a' AND r.rolname !~ $1
		  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = s.classid AND e.objid = s.objid AND e.deptype = 'e')`, "^"+name), "others have rights")
	require.Empty(t, column(t, super, `SELECT description FROM pg_shdescription WHERE objoid = (SELECT oid FROM pg_database WHERE datname = current_database())`), "everybody could read it")
	require.NoError(t, super.Close(t.Context()))
	execIn(t, f.Connect(t, "acme", tenants.RoleMigrator), fmt.Sprintf(`SET ROLE %s_owner; ALTER TABLE "Odd name"."T" ADD COLUMN y integer; DROP TABLE part; DROP OPERATOR ### (integer, integer); DROP TYPE comp`, name))
	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"}) // the extensions' owner cannot be dropped before them
}

func column(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}
