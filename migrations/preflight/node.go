package preflight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// nodeLook is a server with the tenants to look at there.
type nodeLook struct {
	node  tenants.Node
	looks []*look
	facts NodeFacts
	found []Finding // of the node itself
	// blind: the provisioner may not see others' transactions.
	blind bool

	mu   sync.Mutex // guards what follows
	conn *pgx.Conn  // as the provisioner, in the maintenance database
	down string     // why the node is given up, "" while it is not
}

const serverSQL = `
SELECT current_setting('server_version_num')::integer, current_setting('max_connections')::integer,
       current_setting('superuser_reserved_connections')::integer + coalesce(nullif(current_setting('reserved_connections', true), '')::integer, 0),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
       NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')`

// open connects to a node. An error is why its tenants cannot be looked at.
func (n *nodeLook) open(ctx context.Context, reg *tenants.Registry) error {
	if err := n.node.Usable(); err != nil {
		return err
	}
	password, err := reg.NodePassword(n.node)
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig(n.node.URL)
	if err != nil {
		return fmt.Errorf("read node URL: %w", tenants.RedactURLError(err))
	}
	conn, err := connect(ctx, n.node, config.Database, n.node.Provisioner, password)
	if err != nil {
		return err
	}
	f := &n.facts
	var reserved int
	err = conn.QueryRow(ctx, serverSQL).Scan(&f.Version, &f.MaxConnections, &reserved, &f.Connections, &n.blind)
	if err == nil {
		_, err = conn.Exec(ctx, `SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY`)
	}
	if err != nil {
		hangUp(ctx, conn)
		return fmt.Errorf("look at the server: %w", err)
	}
	f.FreeConnections = max(0, f.MaxConnections-reserved-f.Connections)
	n.conn = conn
	return nil
}

func (n *nodeLook) close(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn != nil {
		hangUp(ctx, n.conn)
	}
}

// givenUp says why nobody of the node need be tried any more, "" when all may.
func (n *nodeLook) givenUp() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.down
}

// doubt is called when a tenant's database did not answer: it finds out whether the whole node does not.
func (n *nodeLook) doubt(ctx context.Context, reg *tenants.Registry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down != "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if n.conn != nil && n.conn.Ping(ctx) == nil {
		return
	}
	if n.conn != nil {
		hangUp(ctx, n.conn)
		n.conn = nil
	}
	used := n.facts // those that were in use before we came
	if err := n.open(ctx, reg); err != nil {
		n.down = oneLine(err.Error())
	}
	n.facts = used
}

// down marks a tenant whose node is given up. It is the node that is told, once, and not each tenant's own failure.
func (l *look) nodeDown(node string) {
	l.findings = []Finding{blocking(Unreachable, "node "+node+" does not answer", "", "is the server up, and reachable from here? tenantry doctor")}
}

// sum is what the node's tenants come to.
func (n *nodeLook) sum(parallel int) (NodeFacts, []Finding) {
	f := n.facts
	f.Node, f.Tenants, f.Down = n.node.Name, len(n.looks), n.givenUp()
	var each []int64
	for _, l := range n.looks {
		var bytes int64
		for _, t := range l.touched {
			bytes += t.rewriteBytes
		}
		each = append(each, bytes)
		f.RewriteBytes += bytes
	}
	slices.SortFunc(each, func(a, b int64) int { return cmp.Compare(b, a) })
	for _, bytes := range each[:min(parallel, len(each))] {
		f.AtOnceBytes += bytes
	}
	found := slices.Clone(n.found)
	// A tenant's migration has two sessions: the migrator's, and the provisioner's that holds the lock.
	if need := 2 * min(parallel, len(n.looks)); f.Down == "" && f.FreeConnections < need {
		found = append(found, warning(Headroom, fmt.Sprintf("node %s has %d connections free of %d; %d tenants at a time take up to %d",
			f.Node, f.FreeConnections, f.MaxConnections, min(parallel, len(n.looks)), need), "", "a smaller --parallel, or end idle sessions"))
	}
	if f.RewriteBytes > 0 {
		disk := warning(Disk, fmt.Sprintf("node %s: rewriting tables needs about %s free at a time, %s is written in all, and as much WAL",
			f.Node, Bytes(f.AtOnceBytes), Bytes(f.RewriteBytes)), "", "look at the server's free disk (df): it cannot be seen through SQL without a superuser")
		if f.AtOnceBytes < fewBytes {
			disk.Severity = Note
		}
		found = append(found, disk)
	}
	return f, found
}

// fewBytes is what any server's disk is taken to have free.
const fewBytes = 1 << 30

// Bytes says a size to a person.
func Bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, names := float64(n)/unit, []string{"KB", "MB", "GB", "TB"}
	for value >= unit && len(names) > 1 {
		value, names = value/unit, names[1:]
	}
	return fmt.Sprintf("%.1f %s", value, names[0])
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
