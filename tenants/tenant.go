package tenants

import "time"

// Tenant is one customer of the SaaS with a database of its own.
type Tenant struct {
	ID                 string            `db:"id"                   json:"id"`
	Slug               string            `db:"slug"                 json:"slug"`
	Name               string            `db:"name"                 json:"name"`
	State              State             `db:"state"                json:"state"`
	Node               string            `db:"node"                 json:"node"`
	Region             string            `db:"region"               json:"region"`
	Database           string            `db:"database"             json:"database"`
	Release            string            `db:"release"              json:"release"`
	Labels             map[string]string `db:"labels"               json:"labels"`
	Epoch              int64             `db:"epoch"                json:"epoch"` // grows whenever open pools must be thrown away
	CurrentOperationID *string           `db:"current_operation_id" json:"current_operation_id"`
	DeleteAfter        *time.Time        `db:"delete_after"         json:"delete_after"`
	CreatedAt          time.Time         `db:"created_at"           json:"created_at"`
	ActivatedAt        *time.Time        `db:"activated_at"         json:"activated_at"`
	SuspendedAt        *time.Time        `db:"suspended_at"         json:"suspended_at"`
	DeletedAt          *time.Time        `db:"deleted_at"           json:"deleted_at"`
}

// Role is what a login of a tenant's database may do.
type Role string

// The login roles of a tenant's database. Its owner has no login.
const (
	RoleMigrator Role = "migrator" // member of the owner: changes the schema
	RoleApp      Role = "app"      // reads and writes rows, and makes temporary tables
	RoleReadOnly Role = "readonly" // reads rows
)

// LoginRoles lists the roles that have a password.
func LoginRoles() []Role { return []Role{RoleMigrator, RoleApp, RoleReadOnly} }

// Database is one physical database on a node.
type Database struct {
	ID        string  `db:"id"         json:"id"`
	NodeID    string  `db:"node_id"    json:"node_id"`
	Name      string  `db:"name"       json:"name"`
	ReleaseID string  `db:"release_id" json:"release_id"`
	State     string  `db:"state"      json:"state"`
	TenantID  *string `db:"tenant_id"  json:"tenant_id"`
}

// Owner is the role that owns the database and all that is in it.
func (d Database) Owner() string { return d.Name + "_owner" }

// Role is the name of a login role on the node.
func (d Database) Role(r Role) string {
	switch r {
	case RoleMigrator:
		return d.Name + "_migrator"
	case RoleApp:
		return d.Name + "_app"
	case RoleReadOnly:
		return d.Name + "_ro"
	}
	panic("tenants: no login role " + string(r))
}

// Roles lists every role of the database, the owner first.
func (d Database) Roles() []string {
	roles := []string{d.Owner()}
	for _, r := range LoginRoles() {
		roles = append(roles, d.Role(r))
	}
	return roles
}
