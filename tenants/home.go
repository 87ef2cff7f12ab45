package tenants

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Home is where a tenant lives, and a login there: all that work on one tenant's database needs to know, read at once.
type Home struct {
	TenantID string `db:"tenant_id"`
	Slug     string `db:"slug"`
	State    State  `db:"tenant_state"`
	Epoch    int64  `db:"epoch"` // as in Tenant: an open pool of an older one is stale

	DatabaseID   string `db:"database_id"`
	DatabaseName string `db:"database_name"`
	// Release is what the database stands at, and its place in the order of publishing.
	ReleaseID  string `db:"release_id"`
	Release    string `db:"release"`
	ReleaseSeq int64  `db:"release_seq"`

	NodeID   string `db:"node_id"`
	NodeName string `db:"node_name"`
	// NodeState is such as NodeLost: what comes back under the name of a lost node holds what is old.
	NodeState string `db:"node_state"`
	NodeURL   string `db:"node_url"` // of the provisioner, without its password
	// NodeConnections is how many connections there are to be had on the node, for all workers together.
	NodeConnections int `db:"node_connections"`

	// HistoryTable is where another tool kept its history before the database was adopted, as SQL has the name; "" in one that was made here.
	HistoryTable string `db:"history_table"`

	Login Credential `db:"-"`
}

// Database is the database's row, as far as a name and its roles need it.
func (h Home) Database() Database {
	return Database{ID: h.DatabaseID, NodeID: h.NodeID, Name: h.DatabaseName, ReleaseID: h.ReleaseID, TenantID: &h.TenantID}
}

// Node is the node's row, as far as [Node.Direct] needs it.
func (h Home) Node() Node {
	return Node{ID: h.NodeID, Name: h.NodeName, URL: h.NodeURL, State: h.NodeState}
}

// homeRow is a home as it is read, with its login still sealed; both are nil where there is none.
type homeRow struct {
	Home

	Username *string `db:"username"`
	Sealed   *string `db:"sealed"`
}

// homeSQL reads homes; $1 is the role.
const homeSQL = `
	SELECT t.id AS tenant_id, t.slug, t.state AS tenant_state, t.epoch, d.id AS database_id, d.name AS database_name,
	       r.id AS release_id, r.name AS release, r.seq AS release_seq,
	       n.id AS node_id, n.name AS node_name, n.state AS node_state, n.url AS node_url, n.max_connections AS node_connections,
	       coalesce(a.history_table, '') AS history_table, c.username, c.sealed
	FROM tenantry.tenants t
	JOIN tenantry.databases d ON d.id = t.database_id
	JOIN tenantry.releases r ON r.id = d.release_id
	JOIN tenantry.nodes n ON n.id = d.node_id
	LEFT JOIN tenantry.adoptions a ON a.database_id = d.id
	LEFT JOIN tenantry.credentials c ON c.database_id = d.id AND c.role = $1`

// Home reads where a tenant lives, by its id, and opens the login of a role there. ErrNoTenant and ErrNoCredential are its own errors.
func (r *Registry) Home(ctx context.Context, tenantID string, role Role) (Home, error) {
	h, err := one[homeRow](ctx, r.pool, homeSQL+` WHERE t.id = $2`, role, tenantID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Home{}, fmt.Errorf("tenant %q: %w", tenantID, ErrNoTenant)
	case err != nil:
		return Home{}, fmt.Errorf("read home of tenant %s: %w", tenantID, err)
	}
	if err := r.openLogin(&h, role); err != nil {
		return Home{}, err
	}
	return h.Home, nil
}

// openLogin opens the login of a home that was read.
func (r *Registry) openLogin(h *homeRow, role Role) error {
	if h.Username == nil || h.Sealed == nil {
		return fmt.Errorf("%s of database %s: %w", role, h.DatabaseID, ErrNoCredential)
	}
	password, err := r.keys.Open(purpose(h.DatabaseID, role), *h.Sealed)
	if err != nil {
		return err
	}
	h.Login = Credential{Role: role, Username: *h.Username, Password: password}
	return nil
}

// HomeOf is one of many homes, and why its login could not be opened.
type HomeOf struct {
	Home

	Err error
}

// Homes is [Registry.Home] for all tenants of a filter, by slug, in one query. A login that cannot be opened is that tenant's trouble and no
// error. A tenant that has no database yet is left out.
func (r *Registry) Homes(ctx context.Context, f TenantFilter, role Role) ([]HomeOf, error) {
	if f.Labels == nil {
		f.Labels = map[string]string{}
	}
	rows, err := all[homeRow](ctx, r.pool, homeSQL+`
		WHERE (cardinality($2::text[]) = 0 AND t.state <> 'deleted' OR t.state = ANY ($2))
		  AND t.labels @> $3
		  AND ($4 = '' OR n.name = $4)
		  AND ($5 = '' OR n.region = $5)
		  AND (cardinality($6::text[]) = 0 OR t.slug = ANY ($6))
		  AND (cardinality($7::text[]) = 0 OR t.id = ANY ($7))
		ORDER BY t.slug, t.id`, role, texts(f.States), f.Labels, f.Node, f.Region, texts(f.Slugs), texts(f.IDs))
	if err != nil {
		return nil, fmt.Errorf("read homes: %w", err)
	}
	list := make([]HomeOf, len(rows))
	for i := range rows {
		err := r.openLogin(&rows[i], role)
		list[i] = HomeOf{Home: rows[i].Home, Err: err}
	}
	return list, nil
}
