// Package directory tells a pool cache where tenants are, from the control database: it is the resolver of
// [poolcache.Cache], and it carries epoch changes (suspend, resume, rotate, move, delete) and changes of tenants' tables to it.
//
// A Go service that keeps pools of tenants uses it as the workers do:
//
//	dir := directory.New(registry, tenants.RoleApp)
//	cache, err := poolcache.New(poolcache.Config{}, dir)
//	go dir.Follow(ctx, cache, nil)
//	lease, err := cache.Acquire(ctx, tenantID)
package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/poolcache"
)

// ErrNotActive says that the tenant has no sessions in the state it is in.
var ErrNotActive = errors.New("the tenant is not active")

const queryTimeout = 5 * time.Second

// Directory resolves tenants by id for one role.
type Directory struct {
	reg  *tenants.Registry
	role tenants.Role
}

var (
	_ poolcache.Resolver          = (*Directory)(nil)
	_ poolcache.EpochReader       = (*Directory)(nil)
	_ poolcache.SchemaEpochReader = (*Directory)(nil)
)

// New makes a directory for pools that log in as the role. The registry needs the keys that open credentials.
func New(reg *tenants.Registry, role tenants.Role) *Directory {
	return &Directory{reg: reg, role: role}
}

// Resolve gives a tenant's place. ErrNotActive, tenants.ErrNoTenant and, while its node is lost, tenants.ErrNodeLost are its own errors.
func (d *Directory) Resolve(ctx context.Context, tenantID string) (poolcache.Target, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var state tenants.State
	var epoch, schemaEpoch int64
	var node, nodeState, databaseID, database, url, pooler string
	err := d.reg.Pool().QueryRow(ctx, `
		SELECT t.state, t.epoch, t.schema_epoch, n.name, n.state, d.id, d.name, n.url, n.pooler_url
		FROM tenantry.tenants t
		JOIN tenantry.databases d ON d.id = t.database_id
		JOIN tenantry.nodes n ON n.id = d.node_id
		WHERE t.id = $1`, tenantID).Scan(&state, &epoch, &schemaEpoch, &node, &nodeState, &databaseID, &database, &url, &pooler)
	if errors.Is(err, pgx.ErrNoRows) {
		return poolcache.Target{}, fmt.Errorf("tenant %q: %w", tenantID, tenants.ErrNoTenant)
	}
	if err != nil {
		return poolcache.Target{}, fmt.Errorf("resolve tenant %s: %w", tenantID, err)
	}
	if state != tenants.StateActive {
		return poolcache.Target{}, fmt.Errorf("tenant %s is %s: %w", tenantID, state, ErrNotActive)
	}
	if err := (tenants.Node{Name: node, State: nodeState}).Usable(); err != nil {
		return poolcache.Target{}, fmt.Errorf("tenant %s: %w", tenantID, err)
	}
	credential, err := d.reg.Credential(ctx, databaseID, d.role)
	if err != nil {
		return poolcache.Target{}, err
	}
	target := poolcache.Target{Node: node, Epoch: epoch, SchemaEpoch: schemaEpoch}
	if pooler != "" {
		// A transaction-mode pooler older than PgBouncer 1.21 has no prepared statements; this mode works with any.
		target.Node, url, target.QueryExecMode = node+"/pooler", pooler, pgx.QueryExecModeExec
	}
	target.ConnString, err = tenants.JoinURL(url, database, credential.Username, "")
	if err != nil {
		return poolcache.Target{}, err
	}
	first := credential.Password
	target.Password = func(ctx context.Context, refused string) (string, error) {
		if refused == "" {
			return first, nil
		}
		fresh, err := d.reg.Credential(ctx, databaseID, d.role)
		return fresh.Password, err
	}
	return target, nil
}

// Epochs gives the current epochs of tenants that are active.
func (d *Directory) Epochs(ctx context.Context, tenantIDs []string) (map[string]int64, error) {
	return d.epochs(ctx, `SELECT id, epoch FROM tenantry.tenants WHERE id = ANY ($1) AND state = 'active'`, tenantIDs)
}

// SchemaEpochs gives the current schema epochs of tenants that are active.
func (d *Directory) SchemaEpochs(ctx context.Context, tenantIDs []string) (map[string]int64, error) {
	return d.epochs(ctx, `SELECT id, schema_epoch FROM tenantry.tenants WHERE id = ANY ($1) AND state = 'active'`, tenantIDs)
}

func (d *Directory) epochs(ctx context.Context, sql string, tenantIDs []string) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := d.reg.Pool().Query(ctx, sql, tenantIDs)
	if err != nil {
		return nil, fmt.Errorf("read epochs: %w", err)
	}
	epochs := map[string]int64{}
	var id string
	var epoch int64
	_, err = pgx.ForEachRow(rows, []any{&id, &epoch}, func() error {
		epochs[id] = epoch
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read epochs: %w", err)
	}
	return epochs, nil
}
