package provision

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Facts are what the node's catalog knows of a database, without a connection to it.
type Facts struct {
	At     time.Time // by the node's clock
	LSN    string    // how far the node's log is
	Server int       // as server_version_num
	Size   int64     // in bytes
	Locale tenants.Locale
	// Settings are what the database itself sets, such as search_path=….
	Settings []string
	Counters tenants.Counters
}

const countersSQL = `
       d.oid::bigint, coalesce((SELECT stats_reset::text FROM pg_stat_bgwriter), ''), coalesce(c.stats_reset::text, ''), c.tup_inserted, c.tup_updated, c.tup_deleted,
       current_setting('track_counts')::boolean
         AND NOT EXISTS (SELECT FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS one WHERE one ILIKE 'track_counts=%'),
       current_setting('server_version_num')::integer,
       ARRAY(SELECT unnest(s.setconfig) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0)`

func countersOf(c *tenants.Counters, settings *[]string) []any {
	return []any{&c.Database, &c.Lineage, &c.Reset, &c.Inserted, &c.Updated, &c.Deleted, &c.Complete, &c.Server, settings}
}

const factsSQL = `
SELECT clock_timestamp(), pg_current_wal_lsn()::text, pg_database_size(d.oid),
       pg_encoding_to_char(encoding), datlocprovider::text, datcollate, datctype, coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale', ''),` +
	countersSQL + `
FROM pg_database d
JOIN pg_stat_database c ON c.datid = d.oid
WHERE d.datname = $1`

// Facts reads them.
func (p *Provisioner) Facts(ctx context.Context, databaseID string) (Facts, error) {
	var f Facts
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return f, err
	}
	pool, err := p.admin.pool(node)
	if err != nil {
		return f, err
	}
	l := &f.Locale
	// Without a prepared statement: the session's next user may be another node's, after a failover.
	err = pool.QueryRow(ctx, factsSQL, pgx.QueryExecModeExec, db.Name).
		Scan(append([]any{&f.At, &f.LSN, &f.Size, &l.Encoding, &l.Provider, &l.Collate, &l.CType, &l.ICULocale}, countersOf(&f.Counters, &f.Settings)...)...)
	if err != nil {
		return f, fmt.Errorf("node %s: read what it knows of database %s: %w", node.Name, db.Name, err)
	}
	f.Server = f.Counters.Server
	return f, nil
}

// Counted is what a node has counted of the changes in a database.
type Counted struct {
	Name     string // of the database
	Counters tenants.Counters
	Settings []string  // what the database itself sets
	At       time.Time // by the node's clock
	// Until is up to when all that was committed is counted; nil is not known.
	Until *time.Time
}

// A session adds to the counters when its command has ended, at most a minute later: all that was committed before its command and its transaction began, less
// that minute, is in them. Of a session that has rested for longer everything is. One whose state nobody shows could have done anything. Autovacuum changes nothing
// that is in a dump.
const countedSQL = `
SELECT d.datname::text, clock_timestamp(),
       (SELECT CASE WHEN bool_and(a.backend_start IS NOT NULL) IS NOT FALSE THEN
                 least(clock_timestamp(), min(CASE WHEN a.state IS NULL THEN a.backend_start ELSE coalesce(least(a.xact_start, a.query_start), a.backend_start) END))
                 - interval '61 s' END
        FROM activity a
        WHERE a.datid = d.oid),` + countersSQL + `
FROM pg_database d
JOIN pg_stat_database c ON c.datid = d.oid
WHERE d.datname = ANY ($1)`

const activitySQL = `
WITH activity AS MATERIALIZED (
  SELECT a.datid, a.state, a.backend_start, a.xact_start, a.query_start
  FROM pg_stat_activity a
  WHERE a.backend_type NOT IN ('autovacuum worker', 'parallel worker')
    AND (a.state IS DISTINCT FROM 'idle' OR a.state_change > clock_timestamp() - interval '61 s')
)`

// Counted reads what a node has counted of the changes in databases, without a connection to them. Those that it does not have are left out.
func (p *Provisioner) Counted(ctx context.Context, node tenants.Node, databases []string) ([]Counted, error) {
	pool, err := p.admin.pool(node)
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, activitySQL+countedSQL, pgx.QueryExecModeExec, databases)
	if err != nil {
		return nil, fmt.Errorf("node %s: read what it has counted: %w", node.Name, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Counted, err error) {
		err = row.Scan(append([]any{&c.Name, &c.At, &c.Until}, countersOf(&c.Counters, &c.Settings)...)...)
		return c, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: read what it has counted: %w", node.Name, err)
	}
	return list, nil
}
