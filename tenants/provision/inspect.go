package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Problem is something wrong with a node, and what to do.
type Problem struct {
	Says string `json:"says"`
	Fix  string `json:"fix"`
}

// MaxAuthenticationTimeout is what a node's authentication_timeout should not exceed. A client that falls silent while it logs in
// (a frozen machine, a port scanner) holds up every DROP DATABASE of the server until then: its backend counts for
// WaitForProcSignalBarrier, and does not answer while it waits for a password. Measured with PostgreSQL 15: 60 s at the default.
const MaxAuthenticationTimeout = 15 * time.Second

// Report is what a node looks like from inside.
type Report struct {
	Version        int // server_version_num
	Connections    int // in use now, by anybody
	MaxConnections int // the server's
	Problems       []Problem
	Warnings       []Problem
}

// Inspect looks at a node as its provisioner and compares what is there with what the control database knows. It changes nothing.
func Inspect(ctx context.Context, reg *tenants.Registry, node tenants.Node) (Report, error) {
	var r Report
	password, err := reg.NodePassword(node)
	if err != nil {
		return r, err
	}
	config, err := pgx.ParseConfig(node.URL)
	if err != nil {
		return r, fmt.Errorf("url: %w", tenants.RedactURLError(err))
	}
	conn, err := connectAs(ctx, node, config.Database, node.Provisioner, password)
	if err != nil {
		return r, fmt.Errorf("connect: %w", err)
	}
	defer closeConn(conn)

	var super, creates, signals bool
	var open string
	var logins float64 // seconds
	err = conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::integer, current_setting('max_connections')::integer,
		       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
		       r.rolsuper, r.rolcreatedb AND r.rolcreaterole, pg_has_role(current_user, 'pg_signal_backend', 'MEMBER'),
		       coalesce((SELECT string_agg(datname, ', ' ORDER BY datname) FROM pg_database
		                 WHERE datallowconn AND has_database_privilege('public', oid, 'CONNECT')), ''),
		       extract(epoch FROM current_setting('authentication_timeout')::interval)::float8
		FROM pg_roles r WHERE r.rolname = current_user`).
		Scan(&r.Version, &r.MaxConnections, &r.Connections, &super, &creates, &signals, &open, &logins)
	if err != nil {
		return r, fmt.Errorf("look at the server: %w", err)
	}
	if super {
		r.problem("the provisioner is a superuser", "ALTER ROLE "+node.Provisioner+" NOSUPERUSER")
	}
	if !creates || !signals {
		r.problem("the provisioner lacks rights (CREATEDB, CREATEROLE, pg_signal_backend)", "tenantry node add "+node.Name+" --url … again")
	}
	if open != "" {
		r.warning("every role of this server, tenants' too, may connect to: "+open, "REVOKE ALL ON DATABASE … FROM PUBLIC there")
	}
	if logins > MaxAuthenticationTimeout.Seconds() {
		r.warning(fmt.Sprintf("a client that falls silent while it logs in holds up every DROP DATABASE for %.0f s", logins),
			"ALTER SYSTEM SET authentication_timeout = '10s'; SELECT pg_reload_conf()")
	}
	if r.Version < 160000 {
		r.warning("PostgreSQL 15 lets a role with CREATEROLE become a shell on the server", "upgrade to 16 or newer")
	}
	if node.MaxConnections > r.MaxConnections {
		r.problem(fmt.Sprintf("its budget of %d connections is more than the server's max_connections, %d", node.MaxConnections, r.MaxConnections),
			"tenantry node set "+node.Name+" --max-connections …")
	}
	return r, errors.Join(r.compareDatabases(ctx, reg, conn, node), r.compareRoles(ctx, reg, conn, node))
}

func (r *Report) problem(says, fix string) { r.Problems = append(r.Problems, Problem{says, fix}) }

func (r *Report) warning(says, fix string) { r.Warnings = append(r.Warnings, Problem{says, fix}) }

// compareDatabases finds databases that are missing, half dropped, or ours and unknown. Ours are those whose owner the
// provisioner is or belongs to: another installation's on the same server are not.
func (r *Report) compareDatabases(ctx context.Context, reg *tenants.Registry, conn *pgx.Conn, node tenants.Node) error {
	there, err := names(ctx, conn, `
		SELECT datname FROM pg_database
		WHERE datname ~ '^(t|tpl)_[0-9a-f]{22}$' AND pg_has_role(current_user, datdba, 'MEMBER')`)
	if err != nil {
		return err
	}
	invalid, err := names(ctx, conn, `SELECT datname FROM pg_database WHERE datconnlimit = -2 AND pg_has_role(current_user, datdba, 'MEMBER')`)
	if err != nil {
		return err
	}
	known, err := names(ctx, reg.Pool(), `
		SELECT name FROM tenantry.databases WHERE node_id = $1 AND state <> 'dropped'
		UNION ALL
		SELECT name FROM tenantry.templates WHERE node_id = $1 AND state <> 'dropped'
		UNION ALL
		SELECT name FROM tenantry.scratches WHERE node_id = $1`, node.ID)
	if err != nil {
		return err
	}
	expected, err := names(ctx, reg.Pool(), `
		SELECT name FROM tenantry.databases WHERE node_id = $1 AND state IN ('warm', 'assigned')
		UNION ALL
		SELECT name FROM tenantry.templates WHERE node_id = $1 AND state = 'ready'`, node.ID)
	if err != nil {
		return err
	}
	if list := without(there, known); len(list) > 0 {
		r.problem("databases that the control database does not know: "+few(list), "look whose they are; if nobody's, drop them by hand")
	}
	if list := without(expected, there); len(list) > 0 {
		r.problem("databases that should be there and are not: "+few(list), "restore them from backup; tenantry tenant list --node "+node.Name+" says whose they are")
	}
	if len(invalid) > 0 {
		r.problem("databases whose drop was interrupted: "+few(invalid), "the operation that drops them goes on by itself: tenantry op list --kind purge")
	}
	return nil
}

func (r *Report) compareRoles(ctx context.Context, reg *tenants.Registry, conn *pgx.Conn, node tenants.Node) error {
	// Only roles that belong with an owner role this provisioner is a member of.
	there, err := names(ctx, conn, `
		SELECT DISTINCT left(rolname, 24) FROM pg_roles
		WHERE rolname ~ '^t_[0-9a-f]{22}_owner$' AND pg_has_role(current_user, oid, 'MEMBER')`)
	if err != nil {
		return err
	}
	known, err := names(ctx, reg.Pool(), `SELECT name FROM tenantry.databases WHERE node_id = $1 AND state <> 'dropped'`, node.ID)
	if err != nil {
		return err
	}
	if list := without(there, known); len(list) > 0 {
		r.problem("roles of databases that the control database does not know: "+few(list), "if nobody's, drop them by hand")
	}
	return nil
}

func names(ctx context.Context, q tenants.Querier, sql string, args ...any) ([]string, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list names: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list names: %w", err)
	}
	slices.Sort(list)
	return list, nil
}

// without is what is in a and not in b.
func without(a, b []string) []string {
	set := make(map[string]bool, len(b))
	for _, s := range b {
		set[s] = true
	}
	var rest []string
	for _, s := range a {
		if !set[s] {
			rest = append(rest, s)
		}
	}
	return rest
}

func few(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
