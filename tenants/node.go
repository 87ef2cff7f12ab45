package tenants

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Node is a PostgreSQL server that holds tenant databases.
type Node struct {
	ID             string            `db:"id"              json:"id"`
	Name           string            `db:"name"            json:"name"`
	Region         string            `db:"region"          json:"region"`
	Labels         map[string]string `db:"labels"          json:"labels"`
	State          string            `db:"state"           json:"state"`
	URL            string            `db:"url"             json:"url"`        // of the provisioner, without its password
	PoolerURL      string            `db:"pooler_url"      json:"pooler_url"` // where applications connect instead; empty is directly
	Provisioner    string            `db:"provisioner"     json:"provisioner"`
	SealedPassword string            `db:"sealed_password" json:"-"`
	ServerVersion  int               `db:"server_version"  json:"server_version"` // as server_version_num, such as 150018
	MaxConnections int               `db:"max_connections" json:"max_connections"`
	MaxTenants     *int              `db:"max_tenants"     json:"max_tenants"` // nil is no limit
	WarmTarget     int               `db:"warm_target"     json:"warm_target"`
	LostAt         *time.Time        `db:"lost_at"         json:"lost_at,omitempty"` // when it was declared lost, the last time
	CreatedAt      time.Time         `db:"created_at"      json:"created_at"`
}

// The states of a node.
const (
	NodeAdding   = "adding"   // its bootstrap has not finished
	NodeActive   = "active"   // takes new tenants
	NodeDraining = "draining" // serves its tenants, takes no new ones
	NodeLost     = "lost"     // a person says that it does not come back; its tenants are restored elsewhere
)

// Usable is ErrNodeLost for a node that nobody may connect to any more.
func (n Node) Usable() error {
	if n.State == NodeLost {
		return fmt.Errorf("node %s: %w", n.Name, ErrNodeLost)
	}
	return nil
}

// TemplateRole owns what is in the node's template databases. It has no login but while a template is built.
func (n Node) TemplateRole() string { return n.Provisioner + "_tpl" }

// ProvisionerName is the login that a node gets at its bootstrap. It is named after the node's row, so that two
// installations can share a server.
func ProvisionerName(nodeID string) string {
	return "tenantry_" + nodeID[len(nodeID)-12:]
}

// Direct is how to reach a database on the node itself, for work that needs a session.
func (n Node) Direct(database, user, password string) (*pgx.ConnConfig, error) {
	return connConfig(n.URL, database, user, password)
}

// ForApp is how applications reach a database: through the pooler where the node has one.
func (n Node) ForApp(database, user, password string) (*pgx.ConnConfig, error) {
	if n.PoolerURL != "" {
		return connConfig(n.PoolerURL, database, user, password)
	}
	return connConfig(n.URL, database, user, password)
}

func connConfig(base, database, user, password string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(base)
	if err != nil {
		return nil, fmt.Errorf("read node URL: %w", RedactURLError(err))
	}
	config.Database, config.User, config.Password = database, user, password
	config.ConnectTimeout = connectTimeout
	return config, nil
}

// connectTimeout bounds one dial and login. Without it an abandoned dial can hold its caller for two minutes.
const connectTimeout = 5 * time.Second
