package provision_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
)

// Every role of a PostgreSQL server reads its shared catalogs. Whatever relation of the system a tenant's role may read, there is
// nothing in it that says who lives next door, or even whose database this is.
func (n *neighbours) catalogsTellNothing(t *testing.T) {
	ctx := t.Context()
	words := make([]string, len(n.secrets))
	for i, s := range n.secrets {
		words[i] = regexp.QuoteMeta(s)
	}
	pattern := strings.Join(words, "|")
	for _, role := range tenants.LoginRoles() {
		conn, err := n.as(t, n.mineAt, role, n.mineAt.Name)
		require.NoError(t, err)
		rows, err := conn.Query(ctx, `
			SELECT c.oid::regclass::text
			FROM pg_class c
			WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v')
			  AND has_table_privilege(c.oid, 'SELECT')
			  AND (c.relisshared OR c.relkind = 'v' OR $1)
			ORDER BY 1`, role == tenants.RoleMigrator)
		require.NoError(t, err)
		relations, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, must := range []string{"pg_database", "pg_roles", "pg_stat_activity", "pg_shdescription", "pg_db_role_setting", "pg_stat_database", "pg_locks"} {
			require.Contains(t, relations, must, "the scan has a hole")
		}
		for _, relation := range relations {
			var shown string
			err := conn.QueryRow(ctx, `SELECT coalesce(string_agg(t::text, E'\n'), '') FROM `+relation+` t WHERE t::text ~* $1`, pattern).Scan(&shown)
			if err != nil { // a view on a function that is closed
				requireCode(t, err, []string{codeDenied}, "reading "+relation)
				continue
			}
			require.Empty(t, shown, "%s reads in %s who the tenants are", role, relation)
		}
		// What is to be seen are names that say nothing.
		var seen bool
		require.NoError(t, conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND datname = $2)`, n.theirPID, n.theirsAt.Name).Scan(&seen))
		require.True(t, seen, "the test's premise")
		var query string
		require.NoError(t, conn.QueryRow(ctx, `SELECT coalesce(query, '') FROM pg_stat_activity WHERE pid = $1`, n.theirPID).Scan(&query))
		require.NotContains(t, query, "SELECT", "a tenant reads its neighbour's queries")
		var comments, settings int
		require.NoError(t, conn.QueryRow(ctx, `
			SELECT (SELECT count(*) FROM pg_shdescription d WHERE d.classoid = 'pg_database'::regclass AND d.objoid IN (SELECT oid FROM pg_database WHERE datname = ANY ($1))),
			       (SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = ANY ($1))`,
			[]string{n.mineAt.Name, n.theirsAt.Name}).Scan(&comments, &settings)) // other packages' tests set what they like on theirs
		require.Zero(t, comments)
		require.Zero(t, settings)
	}
	opaque := regexp.MustCompile(`\At_[0-9a-f]{22}\z`)
	for _, db := range []tenants.Database{n.mineAt, n.theirsAt} {
		require.Regexp(t, opaque, db.Name)
		for _, role := range db.Roles() {
			require.True(t, strings.HasPrefix(role, db.Name+"_"))
		}
		require.NotContains(t, n.mine.ID+n.theirs.ID, db.Name[2:14], "the name is derived from the tenant's id")
	}
}
