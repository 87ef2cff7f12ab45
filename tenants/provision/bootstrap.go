package provision

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// MinServerVersion is the oldest PostgreSQL that can be a node, as server_version_num: in 15 the schema public belongs to
// the database's owner and is closed to everybody else.
const MinServerVersion = 150000

// NodeSpec is what a person says of a node. What is not said of a new one has its default, and stays as it is on one that exists.
type NodeSpec struct {
	Name     string
	AdminURL string // of a superuser; used once, kept nowhere
	// NewPassword gives the provisioner a new password although the stored one can be opened.
	NewPassword bool

	// URL is how workers reach the server, if not as in AdminURL. MaxConnections 0 or not said is 60 % of the server's max_connections.
	tenants.NodeChange
}

// Bootstrap makes a node out of a server, or brings a node that was added before in line again: a provisioner that
// is no superuser, nothing open to PUBLIC in postgres and template1, settings looked at. It returns the node and warnings
// for the operator. Every part can run again; until all of them have, the node takes no tenants.
func Bootstrap(ctx context.Context, reg *tenants.Registry, spec NodeSpec) (tenants.Node, []string, error) {
	bare, _, err := tenants.SplitURL(spec.AdminURL)
	if err != nil {
		return tenants.Node{}, nil, fmt.Errorf("url: %w", err)
	}
	ownShare := spec.MaxConnections != nil && *spec.MaxConnections == 0
	if ownShare {
		spec.MaxConnections = nil
	}
	if err := spec.Normalize(); err != nil {
		return tenants.Node{}, nil, err
	}
	admin, err := connectAdmin(ctx, spec.AdminURL)
	if err != nil {
		return tenants.Node{}, nil, err
	}
	defer closeConn(admin)
	facts, err := lookAtServer(ctx, admin)
	if err != nil {
		return tenants.Node{}, nil, err
	}
	if ownShare {
		spec.MaxConnections = new(facts.share())
	}
	if spec.MaxConnections != nil && *spec.MaxConnections > facts.most() {
		return tenants.Node{}, nil, fmt.Errorf("max-connections: %d is more than the server gives, %d of which %d are reserved",
			*spec.MaxConnections, facts.maxConnections, facts.reserved)
	}
	spec.ServerVersion = &facts.version

	node, err := settleRow(ctx, reg, admin, spec, bare, facts)
	if err != nil {
		return node, nil, err
	}
	node, password, told, err := settlePassword(ctx, reg, node, spec.NewPassword)
	if err != nil {
		return node, nil, err
	}
	if err := makeProvisioner(ctx, admin, node, password); err != nil {
		return node, told, err
	}
	if err := checkProvisioner(ctx, node, password); err != nil {
		return node, told, err
	}
	more, err := warnings(ctx, admin, facts)
	if err != nil {
		return node, told, err
	}
	told = append(told, more...)
	if node.MaxConnections > facts.most() {
		told = append(told, fmt.Sprintf("its budget of %d connections is more than the server gives, %d of which %d are reserved: tenantry node set %s --max-connections %d",
			node.MaxConnections, facts.maxConnections, facts.reserved, node.Name, facts.share()))
	}
	node, err = reg.ActivateNode(ctx, node.ID)
	return node, told, err
}

// settleRow writes the row of a new node, or changes that of an old one where the spec says so. bare is the administrator's URL.
func settleRow(ctx context.Context, reg *tenants.Registry, admin *pgx.Conn, spec NodeSpec, bare string, facts serverFacts) (tenants.Node, error) {
	node, err := reg.Node(ctx, spec.Name)
	if errors.Is(err, tenants.ErrNoNode) {
		row := tenants.NodeRow{Name: spec.Name, URL: bare, Labels: spec.Labels, ServerVersion: facts.version, MaxConnections: facts.share()}
		said(&row.URL, spec.URL)
		said(&row.PoolerURL, spec.PoolerURL)
		said(&row.Region, spec.Region)
		said(&row.MaxConnections, spec.MaxConnections)
		said(&row.MaxTenants, spec.MaxTenants)
		said(&row.WarmTarget, spec.WarmTarget)
		node, err = reg.PutNode(ctx, row)
	}
	if err != nil {
		return node, err
	}
	if err := checkPlace(ctx, admin, node, spec.URL, bare); err != nil {
		return node, err
	}
	return reg.ChangeNode(ctx, node.ID, spec.NodeChange)
}

func said[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// checkPlace refuses to take one server for another's node. A node's server is known by its address or by the node's provisioner,
// whose name no other has.
func checkPlace(ctx context.Context, admin *pgx.Conn, node tenants.Node, workerURL *string, bare string) error {
	if sameAddress(node.URL, bare) || (workerURL != nil && sameAddress(node.URL, *workerURL)) {
		return nil
	}
	var there bool
	if err := admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, node.Provisioner).Scan(&there); err != nil {
		return fmt.Errorf("look for provisioner: %w", err)
	}
	if !there {
		return fmt.Errorf("node %s is at %s, and the server of --url does not know it: give that server's URL, or the new node a name of its own: %w",
			node.Name, node.URL, tenants.ErrNodeElsewhere)
	}
	return nil
}

func sameAddress(a, b string) bool {
	address := func(raw string) string {
		u, err := url.Parse(raw)
		if err != nil {
			return raw
		}
		port := u.Port()
		if port == "" {
			port = "5432"
		}
		return net.JoinHostPort(u.Hostname(), port)
	}
	return address(a) == address(b)
}

// settlePassword gives the provisioner's password, a new one when the stored one cannot be opened: its key is lost. It is stored
// before the server has it, so a bootstrap that breaks off between the two is put right by the next.
func settlePassword(ctx context.Context, reg *tenants.Registry, node tenants.Node, renew bool) (tenants.Node, string, []string, error) {
	password, err := reg.NodePassword(node)
	if err == nil && !renew {
		return node, password, nil, nil
	}
	var told []string
	if err != nil {
		told = []string{fmt.Sprintf("the provisioner's stored password could not be opened (%v); it has a new one, sealed with the first key of TENANTRY_SECRET_KEY, which every worker must have", err)}
	}
	if node, err = reg.RenewNodePassword(ctx, node); err != nil {
		return node, "", nil, err
	}
	password, err = reg.NodePassword(node)
	return node, password, told, err
}

func connectAdmin(ctx context.Context, adminURL string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(adminURL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", tenants.RedactURLError(err))
	}
	config.ConnectTimeout = 5 * time.Second
	config.RuntimeParams["application_name"] = "tenantry/bootstrap"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect as administrator: %w", connectError(err))
	}
	return conn, nil
}

type serverFacts struct {
	version, maxConnections, reserved int
	logStatement                      string
	ssl                               bool
}

// share is the part of the server's connections that workers get when nobody says.
func (f serverFacts) share() int { return max(1, f.maxConnections*6/10) }

// most is how many connections there are for others than superusers.
func (f serverFacts) most() int { return f.maxConnections - f.reserved }

func lookAtServer(ctx context.Context, admin *pgx.Conn) (serverFacts, error) {
	var f serverFacts
	var super, standby bool
	var passwords string
	err := admin.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::integer, current_setting('max_connections')::integer,
		       current_setting('superuser_reserved_connections')::integer, current_setting('log_statement'),
		       current_setting('ssl')::boolean, current_setting('password_encryption'),
		       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), pg_is_in_recovery()`).
		Scan(&f.version, &f.maxConnections, &f.reserved, &f.logStatement, &f.ssl, &passwords, &super, &standby)
	switch {
	case err != nil:
		return f, fmt.Errorf("look at server: %w", err)
	case f.version < MinServerVersion:
		return f, fmt.Errorf("server version %d.%d is not supported: PostgreSQL 15 or newer is needed", f.version/10000, f.version%10000)
	case standby:
		return f, errors.New("the server is a standby: give its primary")
	case !super:
		return f, errors.New("the administrator of --url is no superuser: bootstrapping makes a role and revokes rights on postgres and template1; afterwards Tenantry does without")
	}
	return f, nil
}

// makeProvisioner makes the two roles of a node and closes the server's own databases to PUBLIC, in one transaction.
func makeProvisioner(ctx context.Context, admin *pgx.Conn, node tenants.Node, password string) error {
	verifier, err := tenants.Verifier(password)
	if err != nil {
		return err
	}
	provisioner, template := tenants.Ident(node.Provisioner), tenants.Ident(node.TemplateRole())
	create := func(role, rest string) string {
		return fmt.Sprintf(`DO $b$ BEGIN CREATE ROLE %[1]s; EXCEPTION WHEN duplicate_object THEN NULL; END $b$; ALTER ROLE %[1]s %[2]s;`, role, rest)
	}
	maintenance := tenants.Ident(admin.Config().Database)
	sql := create(provisioner, "LOGIN NOSUPERUSER CREATEDB CREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD "+tenants.Literal(verifier)) +
		create(template, "NOLOGIN"+powerless) +
		// The provisioner hands over what the template role made, and gives it its password for a build.
		fmt.Sprintf("GRANT %s TO %s WITH ADMIN OPTION;", template, provisioner) +
		fmt.Sprintf("GRANT pg_signal_backend, pg_read_all_stats TO %s;", provisioner) +
		"REVOKE ALL ON DATABASE postgres FROM PUBLIC; REVOKE ALL ON DATABASE template1 FROM PUBLIC;" +
		fmt.Sprintf("REVOKE ALL ON DATABASE %[1]s FROM PUBLIC; GRANT CONNECT ON DATABASE %[1]s TO %[2]s;", maintenance, provisioner)
	// Another installation that shares the server may change the same rows of pg_database right now.
	err = tenants.RetryCatalog(ctx, func() error {
		_, err := admin.Exec(ctx, sql)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("make provisioner: %w", err)
	}
	return nil
}

func checkProvisioner(ctx context.Context, node tenants.Node, password string) error {
	config, err := pgx.ParseConfig(node.URL)
	if err != nil {
		return fmt.Errorf("url: %w", tenants.RedactURLError(err))
	}
	conn, err := connectAs(ctx, node, config.Database, node.Provisioner, password)
	if err != nil {
		return fmt.Errorf("log in as the new provisioner, the way workers will: %w", err)
	}
	defer closeConn(conn)
	var super, creates bool
	err = conn.QueryRow(ctx, `SELECT rolsuper, rolcreatedb AND rolcreaterole FROM pg_roles WHERE rolname = current_user`).Scan(&super, &creates)
	if err != nil {
		return fmt.Errorf("check provisioner: %w", err)
	}
	if super || !creates {
		return errors.New("check provisioner: it is a superuser or cannot create databases and roles")
	}
	return nil
}

func connectAs(ctx context.Context, node tenants.Node, database, user, password string) (*pgx.Conn, error) {
	config, err := node.Direct(database, user, password)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, connectError(err)
	}
	return conn, nil
}

// warnings tells the operator what this package cannot put right.
func warnings(ctx context.Context, admin *pgx.Conn, f serverFacts) ([]string, error) {
	var list []string
	var open string
	err := admin.QueryRow(ctx, `
		SELECT coalesce(string_agg(datname, ', ' ORDER BY datname), '')
		FROM pg_database
		WHERE datallowconn AND datname <> 'template1' AND has_database_privilege('public', oid, 'CONNECT')`).Scan(&open)
	if err != nil {
		return nil, fmt.Errorf("look for open databases: %w", err)
	}
	if open != "" {
		list = append(list, fmt.Sprintf("every role of this server, tenants' too, may connect to: %s. REVOKE ALL ON DATABASE … FROM PUBLIC there.", open))
	}
	if f.version < 160000 {
		list = append(list, "PostgreSQL 15 lets a role with CREATEROLE grant itself pg_execute_server_program, so whoever takes over the provisioner gets a shell on the server. PostgreSQL 16 and newer refuse: plan the upgrade.")
	}
	if f.logStatement == "ddl" || f.logStatement == "all" {
		list = append(list, "log_statement logs DDL. Passwords are sent as SCRAM verifiers only, so none is logged in clear, but verifiers are.")
	}
	if !f.ssl {
		list = append(list, "the server has ssl off: passwords are safe (SCRAM), rows travel in clear. Turn it on unless the network is private.")
	}
	return list, nil
}
