package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/gentle"
)

// hold is what somebody holds in a tenant's database: an old transaction, a prepared one, the lock of who changes it.
type hold struct {
	Kind      Kind     `db:"kind"`
	Database  string   `db:"database"`
	Who       string   `db:"who"`
	Seconds   float64  `db:"seconds"`
	Relations []uint32 `db:"relations"` // on which it holds locks
}

// holdsSQL finds them for all databases of a server at once. $1 are the databases, $2 the age in seconds from which a transaction is old, $3 the
// advisory lock's key, which pg_locks splits over two columns.
const holdsSQL = `
WITH locks AS MATERIALIZED (
  SELECT l.pid, l.virtualtransaction, l.locktype, l.database, l.relation, l.classid, l.objid, l.objsubid, d.datname
  FROM pg_locks l
  JOIN pg_database d ON d.oid = l.database AND d.datname = ANY ($1::text[])
  WHERE l.granted AND l.locktype IN ('relation', 'advisory')
)
SELECT 'long_transaction' AS kind, a.datname::text AS database,
       format('pid %s (%s%s)', a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), CASE WHEN a.state LIKE 'idle%' THEN ', ' || a.state ELSE '' END) AS who,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds,
       ARRAY(SELECT l.relation FROM locks l WHERE l.pid = a.pid AND l.locktype = 'relation') AS relations
FROM pg_stat_activity a
WHERE a.datname = ANY ($1::text[]) AND a.xact_start < clock_timestamp() - make_interval(secs => $2::float8) AND a.pid <> pg_backend_pid()
UNION ALL
SELECT 'prepared_transaction', p.database::text, format('transaction %s', p.gid), extract(epoch FROM clock_timestamp() - p.prepared)::float8,
       ARRAY(SELECT l.relation FROM locks l WHERE l.pid IS NULL AND l.virtualtransaction = '-1/' || p.transaction AND l.locktype = 'relation')
FROM pg_prepared_xacts p
WHERE p.database = ANY ($1::text[])
UNION ALL
SELECT 'locked', l.datname::text, format('pid %s (%s)', l.pid, coalesce(a.application_name, '')), 0, '{}'
FROM locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $3::bigint
LIMIT 10000`

// sessions looks who is in the way, for all tenants of the node that were seen.
func (n *nodeLook) sessions(ctx context.Context, old time.Duration) {
	byName := map[string]*look{}
	var databases []string
	for _, l := range n.looks {
		if l.db.Name != "" {
			byName[l.db.Name] = l
			databases = append(databases, l.db.Name)
		}
	}
	holds, err := n.holds(ctx, databases, old)
	switch {
	case err != nil:
		n.found = append(n.found, warning(SessionsHidden, "node "+n.node.Name+": old transactions were not looked for", reason(err), "look again"))
		return
	case n.blind:
		n.found = append(n.found, warning(SessionsHidden, "node "+n.node.Name+": the provisioner may not see old transactions", "",
			"GRANT pg_read_all_stats TO "+n.node.Provisioner))
	}
	for _, h := range holds {
		if l := byName[h.Database]; l != nil {
			l.add(h.finding(l))
		}
	}
}

func (n *nodeLook) holds(ctx context.Context, databases []string, old time.Duration) ([]hold, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	rows, err := n.conn.Query(ctx, holdsSQL, databases, old.Seconds(), gentle.LockKey)
	if err != nil {
		return nil, fmt.Errorf("look who holds what: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[hold])
	if err != nil {
		return nil, fmt.Errorf("look who holds what: %w", err)
	}
	return list, nil
}

// finding says what somebody holds, and whether the release wants it.
func (h hold) finding(l *look) Finding {
	var wanted []string
	for _, t := range l.touched {
		if slices.ContainsFunc(t.family, func(oid uint32) bool { return slices.Contains(h.Relations, oid) }) {
			wanted = append(wanted, t.name)
		}
	}
	detail := fmt.Sprintf("%s, open for %s", h.Who, (time.Duration(h.Seconds) * time.Second).String())
	on := ""
	if len(wanted) > 0 {
		detail += ", holds " + strings.Join(wanted, ", ")
		on = ", on tables that the release changes"
	}
	switch {
	case h.Kind == Locked:
		return warning(Locked, "somebody changes its database now (the lock of migrations is held)", h.Who, "wait until it is done")
	case h.Kind == Prepared:
		return warning(Prepared, "a prepared transaction is open"+on, detail, "COMMIT PREPARED or ROLLBACK PREPARED: it holds its locks until then")
	case on != "":
		return warning(LongRunning, "an old transaction holds locks"+on, detail, "let it end, or SELECT pg_terminate_backend(pid): the migration waits for it, and gives up after minutes")
	default:
		return warning(LongRunning, "an old transaction is open", detail, "let it end: CREATE INDEX CONCURRENTLY waits for it")
	}
}
