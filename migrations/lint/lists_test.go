package lint

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

// TestLists compares the lists of functions and of reserved words with the server's own.
func TestLists(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), os.Getenv("TEST_DATABASE_URL"))
	require.NoError(t, err)
	defer conn.Close(t.Context())

	for function := range steady {
		var forms, volatile int
		err := conn.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE provolatile = 'v') FROM pg_proc
			WHERE proname = $1 AND pronamespace = 'pg_catalog'::regnamespace`, function).Scan(&forms, &volatile)
		require.NoError(t, err)
		require.Zero(t, volatile, "%s() is volatile", function)
		require.True(t, forms > 0 || sqlWords[function], "there is no %s()", function)
	}
	for function := range wild {
		var volatile bool
		err := conn.QueryRow(t.Context(), `SELECT coalesce(bool_and(provolatile = 'v'), true) FROM pg_proc
			WHERE proname = $1 AND pronamespace = 'pg_catalog'::regnamespace`, function).Scan(&volatile)
		require.NoError(t, err)
		require.True(t, volatile, "%s() is not volatile", function)
	}
	rows, err := conn.Query(t.Context(), `SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, word := range list {
		require.True(t, reserved[word], "%s is reserved", word)
	}
}

// sqlWords are functions by a name that the grammar turns into another.
var sqlWords = words("trim greatest least json_object jsonb_object make_interval")

// TestMangledTrees judges parse trees that have lost or mixed up what no statement lacks: nothing may panic.
func TestMangledTrees(t *testing.T) {
	t.Parallel()
	for _, sql := range mangled {
		node, root, err := release.Parse(sql)
		require.NoError(t, err, sql)
		for seed := range uint64(200) {
			mangle(node, root, sql, seed)
		}
	}
}

var mangled = strings.Split(strings.TrimSpace(`
ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT f() CHECK (c > 0) REFERENCES o UNIQUE, DROP COLUMN d CASCADE, ALTER e SET NOT NULL
ALTER TABLE t ADD CONSTRAINT a CHECK (b IS NOT NULL) NOT VALID, ADD PRIMARY KEY (a), ADD FOREIGN KEY (a) REFERENCES o, ADD UNIQUE USING INDEX i
ALTER TABLE t ALTER c TYPE varchar(5) USING c::text, SET (fillfactor = 5), SET LOGGED, DISABLE TRIGGER ALL, ENABLE ROW LEVEL SECURITY
ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1)
ALTER TABLE t DETACH PARTITION p
ALTER INDEX i ATTACH PARTITION j
ALTER TABLE t RENAME COLUMN a TO b
ALTER TABLE t RENAME TO u
ALTER TABLE t SET SCHEMA s
CREATE TABLE t (a serial PRIMARY KEY, b char(5), LIKE o, FOREIGN KEY (a) REFERENCES o) PARTITION BY RANGE (a)
CREATE TABLE p PARTITION OF t DEFAULT
CREATE MATERIALIZED VIEW m AS WITH x AS (SELECT 1) SELECT * FROM x, t
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t USING gin (lower(a)) WHERE b
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()
CREATE FUNCTION f() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1'
DROP TABLE a, s.b CASCADE
DROP INDEX i
DROP TRIGGER g ON t
DROP FUNCTION f(int)
DROP TYPE e CASCADE
TRUNCATE a, b CASCADE
WITH x AS (UPDATE t SET a = 1 RETURNING *) DELETE FROM o USING x
REFRESH MATERIALIZED VIEW CONCURRENTLY m
REINDEX INDEX i
VACUUM (FULL) t
COMMENT ON COLUMN s.t.c IS 'x'
ALTER TYPE e RENAME VALUE 'a' TO 'b'
ALTER SEQUENCE s OWNED BY t.c
SET search_path TO a, b`), "\n")
