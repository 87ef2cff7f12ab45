package tenants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// NodeRow is what is stored of a node when it is added or changed.
type NodeRow struct {
	Name           string
	Region         string
	Labels         map[string]string
	URL            string // without password
	PoolerURL      string
	ServerVersion  int
	MaxConnections int
	MaxTenants     int // 0 is no limit
	WarmTarget     int
}

// ErrNodeElsewhere says that a node of that name stands at another address.
var ErrNodeElsewhere = errors.New("the node stands at another address")

// ErrNodeLost says that a person has declared the node lost: nobody connects to it.
var ErrNodeLost = errors.New("the node is lost")

// PutNode writes a node's row before its server is touched: the name and the sealed password of its provisioner are
// settled here, so that a bootstrap that runs again finds the same. A node of that name stays as it is.
func (r *Registry) PutNode(ctx context.Context, row NodeRow) (Node, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if row.Labels == nil {
		row.Labels = map[string]string{}
	}
	var id string
	if err := r.pool.QueryRow(ctx, `SELECT tenantry.new_id('nod')`).Scan(&id); err != nil {
		return Node{}, fmt.Errorf("name node: %w", err)
	}
	sealed, err := r.SealNodePassword(id, NewPassword())
	if err != nil {
		return Node{}, err
	}
	_, err = r.pool.Exec(ctx, `
		WITH checked AS MATERIALIZED (
		  SELECT tenantry.check_value('name', 'slug', to_jsonb($2::text)) AS a, tenantry.check_value('labels', 'labels', $4::jsonb) AS b,
		         CASE WHEN $3 <> '' THEN tenantry.check_value('region', 'word', to_jsonb($3::text)) END AS c
		)
		INSERT INTO tenantry.nodes (id, name, region, labels, url, pooler_url, provisioner, sealed_password, server_version,
		                            max_connections, max_tenants, warm_target)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, 0), $12
		FROM checked
		ON CONFLICT (name) DO NOTHING`,
		id, row.Name, row.Region, row.Labels, row.URL, row.PoolerURL, ProvisionerName(id), sealed, row.ServerVersion,
		row.MaxConnections, row.MaxTenants, row.WarmTarget)
	if err != nil {
		return Node{}, fmt.Errorf("store node %q: %w", row.Name, err)
	}
	return r.Node(ctx, row.Name)
}

// ActivateNode lets a node take tenants once its bootstrap is complete. One that drains goes on draining.
func (r *Registry) ActivateNode(ctx context.Context, id string) (Node, error) {
	return r.setNodeState(ctx, id, NodeActive, NodeAdding)
}

// SetNodeState moves a node between active and draining.
func (r *Registry) SetNodeState(ctx context.Context, id, state string) (Node, error) {
	return r.setNodeState(ctx, id, state, NodeAdding, NodeActive, NodeDraining)
}

// loseTimeout bounds the saying that a node is lost: it touches all of its tenants.
const loseTimeout = 2 * time.Minute

// LoseNode says that a node does not come back: nothing is made there or asked of it any more, whoever keeps pools there throws them away, and what is under way there
// fails at once. It returns the operations that it has ended.
func (r *Registry) LoseNode(ctx context.Context, id string) (ended []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, loseTimeout)
	defer cancel()
	if err := r.pool.QueryRow(ctx, `SELECT tenantry.lose_node($1)`, id).Scan(&ended); err != nil {
		return nil, fmt.Errorf("lose node %s: %w", id, err)
	}
	return ended, nil
}

func (r *Registry) setNodeState(ctx context.Context, id, state string, from ...string) (Node, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := r.pool.Exec(ctx, `
		WITH n AS (
		  UPDATE tenantry.nodes SET state = $2, updated_at = now() WHERE id = $1 AND state = ANY ($3) RETURNING id
		)
		SELECT pg_notify('tenantry_warm', id) FROM n`, id, state, from)
	if err != nil {
		return Node{}, fmt.Errorf("set node %s %s: %w", id, state, err)
	}
	return r.Node(ctx, id)
}

// RenewNodePassword stores a new password of a node's provisioner, sealed with the newest key, whether the old one can be opened
// or not. The caller sets it on the server.
func (r *Registry) RenewNodePassword(ctx context.Context, n Node) (Node, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	sealed, err := r.SealNodePassword(n.ID, NewPassword())
	if err != nil {
		return n, err
	}
	tag, err := r.pool.Exec(ctx, `
		UPDATE tenantry.nodes SET sealed_password = $2, updated_at = now() WHERE id = $1 AND sealed_password = $3`, n.ID, sealed, n.SealedPassword)
	if err != nil {
		return n, fmt.Errorf("store new password of node %s: %w", n.Name, err)
	}
	if tag.RowsAffected() == 0 {
		return n, fmt.Errorf("store new password of node %s: somebody else has just stored one: run this again", n.Name)
	}
	return r.Node(ctx, n.ID)
}

// NodeUse is what a node holds, as the control database knows it: no node is asked.
type NodeUse struct {
	Tenants  int `db:"tenants"  json:"tenants"`
	Warm     int `db:"warm"     json:"warm"`
	Building int `db:"building" json:"building"`
}

// NodeUses gives the use of every node, by its id.
func (r *Registry) NodeUses(ctx context.Context) (map[string]NodeUse, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := r.pool.Query(ctx, `
		SELECT node_id,
		       count(*) FILTER (WHERE tenant_id IS NOT NULL AND state NOT IN ('dropped', 'lost', 'retained')),
		       count(*) FILTER (WHERE state = 'warm'),
		       count(*) FILTER (WHERE state = 'building')
		FROM tenantry.databases
		GROUP BY node_id`)
	if err != nil {
		return nil, fmt.Errorf("count databases: %w", err)
	}
	uses := map[string]NodeUse{}
	var id string
	var use NodeUse
	_, err = pgx.ForEachRow(rows, []any{&id, &use.Tenants, &use.Warm, &use.Building}, func() error {
		uses[id] = use
		return nil
	})
	return uses, wrapf(err, "count databases")
}
