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

	DatabaseID   string `db:"database_id"`
	DatabaseName string `db:"database_name"`
	// Release is what the database stands at, and its place in the order of publishing.
	ReleaseID  string `db:"release_id"`
	Release    string `db:"release"`
	ReleaseSeq int64  `db:"release_seq"`

	NodeID   string `db:"node_id"`
	NodeName string `db:"node_name"`
	NodeURL  string `db:"node_url"` // of the provisioner, without its password

	// HistoryTable is where another tool kept its history before the database was adopted, as SQL has the name; "" in one that was made here.
	HistoryTable string `db:"history_table"`

	Login Credential `db:"-"`
}

// Database is the database's row, as far as a name and its roles need it.
func (h Home) Database() Database {
	return Database{ID: h.DatabaseID, NodeID: h.NodeID, Name: h.DatabaseName, ReleaseID: h.ReleaseID, TenantID: &h.TenantID}
}

// Node is the node's row, as far as [Node.Direct] needs it.
func (h Home) Node() Node { return Node{ID: h.NodeID, Name: h.NodeName, URL: h.NodeURL} }

// Home reads where a tenant lives, by its id, and opens the login of a role there. ErrNoTenant and ErrNoCredential are its own errors.
func (r *Registry) Home(ctx context.Context, tenantID string, role Role) (Home, error) {
	type row struct {
		Home

		Username *string `db:"username"`
		Sealed   *string `db:"sealed"`
	}
	h, err := one[row](ctx, r.pool, `
		SELECT t.id AS tenant_id, t.slug, t.state AS tenant_state, d.id AS database_id, d.name AS database_name,
		       r.id AS release_id, r.name AS release, r.seq AS release_seq, n.id AS node_id, n.name AS node_name, n.url AS node_url,
		       coalesce(a.history_table, '') AS history_table, c.username, c.sealed
		FROM tenantry.tenants t
		JOIN tenantry.databases d ON d.id = t.database_id
		JOIN tenantry.releases r ON r.id = d.release_id
		JOIN tenantry.nodes n ON n.id = d.node_id
		LEFT JOIN tenantry.adoptions a ON a.database_id = d.id
		LEFT JOIN tenantry.credentials c ON c.database_id = d.id AND c.role = $2
		WHERE t.id = $1`, tenantID, role)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Home{}, fmt.Errorf("tenant %q: %w", tenantID, ErrNoTenant)
	case err != nil:
		return Home{}, fmt.Errorf("read home of tenant %s: %w", tenantID, err)
	case h.Username == nil:
		return Home{}, fmt.Errorf("%s of database %s: %w", role, h.DatabaseID, ErrNoCredential)
	}
	h.Login = Credential{Role: role, Username: *h.Username}
	h.Login.Password, err = r.keys.Open(purpose(h.DatabaseID, role), *h.Sealed)
	return h.Home, err
}
