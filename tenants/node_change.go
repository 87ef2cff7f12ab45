package tenants

import (
	"context"
	"fmt"
)

// NodeChange is what is to be different about a node. Fields that are nil stay as they are.
type NodeChange struct {
	Region         *string
	Labels         map[string]string // added or replaced; others stay
	RemoveLabels   []string
	URL            *string // how workers reach it, without user and password
	PoolerURL      *string // how applications reach it; "" is directly
	MaxConnections *int    // connections all workers together may hold
	MaxTenants     *int    // 0 is no limit
	WarmTarget     *int    // databases kept ready
	ServerVersion  *int    // as the server says
}

// Normalize checks what needs no control database, and takes passwords out of URLs.
func (c *NodeChange) Normalize() error {
	for _, u := range []struct {
		field string
		url   **string
	}{{"worker-url", &c.URL}, {"pooler-url", &c.PoolerURL}} {
		if *u.url == nil || (**u.url == "" && u.field == "pooler-url") {
			continue
		}
		bare, _, err := SplitURL(**u.url)
		if err != nil {
			return fmt.Errorf("%s: %w", u.field, err)
		}
		*u.url = &bare
	}
	for _, n := range []struct {
		field       string
		value       *int
		least, most int
	}{{"max-connections", c.MaxConnections, 1, 100000}, {"max-tenants", c.MaxTenants, 0, 1 << 30}, {"warm", c.WarmTarget, 0, 1000}} {
		if n.value != nil && (*n.value < n.least || *n.value > n.most) {
			return fmt.Errorf("%s: %d is not from %d to %d", n.field, *n.value, n.least, n.most)
		}
	}
	return nil
}

// ChangeNode changes a node's row and nothing else: its server is not contacted. Its warm pool follows by itself.
func (r *Registry) ChangeNode(ctx context.Context, id string, c NodeChange) (Node, error) {
	if err := c.Normalize(); err != nil {
		return Node{}, err
	}
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := r.pool.Exec(ctx, `
		WITH checked AS MATERIALIZED (
		  SELECT tenantry.check_value('labels', 'labels', $3::jsonb) AS a,
		         CASE WHEN $2 <> '' THEN tenantry.check_value('region', 'word', to_jsonb($2::text)) END AS b
		), n AS (
		  UPDATE tenantry.nodes
		  SET region = coalesce($2, region), labels = (labels || $3::jsonb) - $4::text[], url = coalesce($5, url),
		      pooler_url = coalesce($6, pooler_url), max_connections = coalesce($7, max_connections),
		      max_tenants = CASE WHEN $8::integer IS NULL THEN max_tenants ELSE nullif($8::integer, 0) END,
		      warm_target = coalesce($9, warm_target), server_version = coalesce($10, server_version), updated_at = now()
		  FROM checked
		  WHERE id = $1
		  RETURNING id
		)
		SELECT pg_notify('tenantry_warm', id) FROM n`,
		id, c.Region, c.Labels, texts(c.RemoveLabels), c.URL, c.PoolerURL, c.MaxConnections, c.MaxTenants, c.WarmTarget, c.ServerVersion)
	if err != nil {
		return Node{}, fmt.Errorf("change node %s: %w", id, err)
	}
	return r.Node(ctx, id)
}
