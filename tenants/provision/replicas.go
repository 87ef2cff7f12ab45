package provision

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Replica is one that streams from a node. Positions are in the node's WAL.
type Replica struct {
	PID  int    // of the process on the node that sends to it
	Name string // its application_name, or its address where it has none
	// Replayed is up to where queries there see what was written.
	Replayed uint64
}

// Who subscribes to changes of tables reads what it likes when it likes, and nobody asks it for rows.
const replicasSQL = `
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, r.pid, r.name, r.replayed
FROM (VALUES (1)) one
LEFT JOIN (
  SELECT pid, coalesce(nullif(application_name, ''), client_addr::text, 'at the node') AS name, pg_wal_lsn_diff(replay_lsn, '0/0')::bigint AS replayed
  FROM pg_stat_replication w
  WHERE state IN ('streaming', 'catchup') AND replay_lsn IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = w.pid AND s.slot_type = 'logical')
) r ON true`

// Replicas reads how far a node has written, and how far those are that replicate all of it.
func (p *Provisioner) Replicas(ctx context.Context, node tenants.Node) (written uint64, list []Replica, err error) {
	pool, err := p.admin.pool(node)
	if err != nil {
		return 0, nil, err
	}
	rows, err := pool.Query(ctx, replicasSQL, pgx.QueryExecModeExec)
	if err != nil {
		return 0, nil, fmt.Errorf("node %s: look at its replicas: %w", node.Name, err)
	}
	var pid *int
	var name *string
	var replayed *uint64
	_, err = pgx.ForEachRow(rows, []any{&written, &pid, &name, &replayed}, func() error {
		if pid != nil {
			list = append(list, Replica{PID: *pid, Name: *name, Replayed: *replayed})
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("node %s: look at its replicas: %w", node.Name, err)
	}
	return written, list, nil
}
