package looks

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// dependentsSQL finds what is not in a schema and depends on something in it, such as a view over one of its tables.
const dependentsSQL = `
WITH inside AS (
  SELECT 'pg_class'::regclass AS class, oid, relnamespace AS schema FROM pg_class
  UNION ALL
  SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
  UNION ALL
  SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
)
SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
FROM inside i
JOIN pg_namespace n ON n.oid = i.schema AND n.nspname = $1
JOIN pg_depend d ON d.refclassid = i.class AND d.refobjid = i.oid
CROSS JOIN LATERAL pg_identify_object_as_address(d.classid, d.objid, 0) a
WHERE d.deptype IN ('n', 'a') AND a.object_names[1] <> n.nspname
ORDER BY 1
LIMIT 5`

// lockPatience is how long dropping waits for whoever reads a copy. It is tried again then.
const lockPatience = "5s"

// Drop drops a schema of restored tables and what is in it, as the live database's owner. One that is gone already is no error. Something outside that somebody
// has made over it is not dropped along: that is refused, with a [*tenants.RefusedError].
func Drop(ctx context.Context, conn *pgx.Conn, live tenants.Database, schema string) error {
	if !strings.HasPrefix(schema, tenants.LookPrefix) {
		return fmt.Errorf("drop schema %s: its name does not begin with %s", schema, tenants.LookPrefix)
	}
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		setUp := "SET LOCAL lock_timeout = '" + lockPatience + "'; SET LOCAL statement_timeout = 0; SET LOCAL search_path = pg_catalog; SET LOCAL ROLE " + tenants.Ident(live.Owner())
		if _, err := tx.Conn().PgConn().Exec(ctx, setUp).ReadAll(); err != nil {
			return fmt.Errorf("set up the session: %w", err)
		}
		rows, err := tx.Query(ctx, dependentsSQL, schema)
		if err != nil {
			return fmt.Errorf("look what depends on it: %w", err)
		}
		dependents, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("look what depends on it: %w", err)
		}
		if len(dependents) > 0 {
			return &tenants.RefusedError{
				Message: fmt.Sprintf("schema: %s is not dropped, for this depends on it: %s", schema, strings.Join(dependents, ", ")),
				Fix:     "drop that first, or make a table of what it shows",
			}
		}
		_, err = tx.Exec(ctx, "DROP SCHEMA IF EXISTS "+tenants.Ident(schema)+" CASCADE")
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("drop schema %s: %w", schema, err)
	}
	return nil
}
