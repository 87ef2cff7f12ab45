package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Provisioner makes, fences and drops databases. It is safe for concurrent use.
type Provisioner struct {
	reg    *tenants.Registry
	admin  *Admin
	schema Schema
}

// New makes a Provisioner.
func New(reg *tenants.Registry, admin *Admin, schema Schema) *Provisioner {
	return &Provisioner{reg: reg, admin: admin, schema: schema}
}

// Registry is the fleet's rows.
func (p *Provisioner) Registry() *tenants.Registry { return p.reg }

// place is a database's row and its node's.
func (p *Provisioner) place(ctx context.Context, databaseID string) (tenants.Database, tenants.Node, error) {
	db, err := p.reg.Database(ctx, databaseID)
	if err != nil {
		return db, tenants.Node{}, err
	}
	node, err := p.reg.Node(ctx, db.NodeID)
	return db, node, err
}

// entry is a database's line in the node's catalog.
type entry struct {
	exists      bool
	invalid     bool // a DROP DATABASE was interrupted: it can only be dropped again
	connectable bool
}

func (s *Session) entry(ctx context.Context, database string) (entry, error) {
	e := entry{exists: true}
	err := s.QueryRow(ctx, `SELECT datconnlimit = -2, datallowconn FROM pg_database WHERE datname = $1`, database).Scan(&e.invalid, &e.connectable)
	if errors.Is(err, pgx.ErrNoRows) {
		return entry{}, nil
	}
	if err != nil {
		return e, fmt.Errorf("look for database %s: %w", database, err)
	}
	return e, nil
}
