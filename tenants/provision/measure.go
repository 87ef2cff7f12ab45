package provision

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Measure is what a node knows of how large a database is, and what was done in it.
type Measure struct {
	Name     string // of the database
	Bytes    int64
	Activity tenants.Activity
	// Seen is when a session that is there has ended its newest command, or now while one is busy; nil is that there is none. Sessions of Tenantry itself do not count.
	Seen *time.Time
}

// A database that is being dropped has no size.
const measureSQL = `
WITH seen AS MATERIALIZED (
  SELECT a.datid, max(CASE a.state WHEN 'idle' THEN a.state_change ELSE clock_timestamp() END) AS at
  FROM pg_stat_activity a
  WHERE a.backend_type = 'client backend' AND a.application_name NOT LIKE 'tenantry/%'
  GROUP BY a.datid
)
SELECT d.datname::text, pg_database_size(d.oid), s.at, d.oid::bigint,
       coalesce((SELECT stats_reset::text FROM pg_stat_bgwriter), ''), coalesce(c.stats_reset::text, ''),
       c.xact_commit + c.xact_rollback, c.tup_inserted + c.tup_updated + c.tup_deleted, c.tup_returned, c.sessions
FROM pg_database d
JOIN pg_stat_database c ON c.datid = d.oid
LEFT JOIN seen s ON s.datid = d.oid
WHERE d.datname = ANY ($1) AND pg_database_size(d.oid) IS NOT NULL`

// Measure reads it of several databases, without a connection to them. Those that the node does not have are left out.
func (p *Provisioner) Measure(ctx context.Context, node tenants.Node, databases []string) ([]Measure, error) {
	pool, err := p.admin.pool(node)
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, measureSQL, pgx.QueryExecModeExec, databases)
	if err != nil {
		return nil, fmt.Errorf("node %s: measure its databases: %w", node.Name, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Measure, err error) {
		a := &m.Activity
		err = row.Scan(&m.Name, &m.Bytes, &m.Seen, &a.Database, &a.Lineage, &a.Reset, &a.Transactions, &a.RowsWritten, &a.RowsRead, &a.Sessions)
		return m, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: measure its databases: %w", node.Name, err)
	}
	return list, nil
}
