package workers

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var atReturnClosed = crashpoint.New("return.closed")

// returned is the result of a node's return.
type returned struct {
	// Closed are the databases whose tenants live elsewhere by now. They are kept, closed, as after any restore in place.
	Closed int `json:"closed"`
	// Tenants are those that were not restored elsewhere: they live here as before.
	Tenants int `json:"tenants"`
}

// returnNode takes a node back that was lost. First of all nobody gets into the databases any more whose tenants live elsewhere by now.
func (t *toolbox) returnNode(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.ReturnNode](r)
	if err != nil {
		return done{}, err
	}
	node, err := t.reg.Node(ctx, a.Node)
	if err != nil {
		return done{}, err
	}
	if node.State != tenants.NodeLost && r.Attempt() == 1 {
		return done{}, refuse(fmt.Sprintf("node %s is %s, not lost", node.Name, node.State), "see tenantry node list")
	}
	for back := false; !back; {
		if err := t.closeLost(ctx, r, node.ID); err != nil {
			return done{}, err
		}
		if err := t.setDoors(ctx, r, node.ID); err != nil {
			return done{}, err
		}
		// While it was closed, another tenant of it may have been restored elsewhere.
		err := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, `
				WITH node AS MATERIALIZED (SELECT id FROM tenantry.nodes WHERE id = $1 FOR UPDATE), back AS (
				  UPDATE tenantry.nodes n SET state = 'draining', updated_at = now()
				  FROM node
				  WHERE n.id = node.id AND n.state = 'lost' AND NOT EXISTS (SELECT FROM tenantry.databases d WHERE d.node_id = node.id AND d.state = 'lost')
				)
				SELECT NOT EXISTS (SELECT FROM tenantry.databases d WHERE d.node_id = node.id AND d.state = 'lost') FROM node`, node.ID).Scan(&back)
		})
		if err != nil {
			return done{}, fmt.Errorf("take the node back: %w", err)
		}
	}
	var result returned
	err = t.reg.Pool().QueryRow(ctx, `
		SELECT (SELECT count(*) FROM tenantry.databases WHERE node_id = $1 AND state = 'retained'),
		       (SELECT count(*) FROM tenantry.databases WHERE node_id = $1 AND state = 'assigned')`, node.ID).Scan(&result.Closed, &result.Tenants)
	if err != nil {
		return done{}, fmt.Errorf("count what is there: %w", err)
	}
	return done{result: result}, nil
}

// closeLost closes the databases of a node whose tenants live elsewhere.
func (t *toolbox) closeLost(ctx context.Context, r *run, nodeID string) error {
	rows, err := t.reg.Pool().Query(ctx, `SELECT id FROM tenantry.databases WHERE node_id = $1 AND state = 'lost' ORDER BY id`, nodeID)
	if err != nil {
		return fmt.Errorf("list what was lost: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list what was lost: %w", err)
	}
	for i, id := range list {
		if err := r.Step(ctx, "close", int64(i), int64(len(list))); err != nil {
			return err
		}
		if err := t.prov.FenceReturned(ctx, r, id); err != nil {
			return err
		}
		if err := r.change(ctx, keepLost(id)); err != nil {
			return err
		}
		atReturnClosed.Hit(ctx)
	}
	return nil
}

// door is a database of a node, and whether sessions must get in.
type door struct {
	DatabaseID string
	Open       bool
}

// setDoors opens and closes the databases of those who live here still: what was under way in them when the node was lost has stopped in the middle, such as
// a suspension.
func (t *toolbox) setDoors(ctx context.Context, r *run, nodeID string) error {
	rows, err := t.reg.Pool().Query(ctx, `
		SELECT d.id, d.state = 'assigned' AND t.state = 'active'
		FROM tenantry.databases d
		JOIN tenantry.tenants t ON t.id = d.tenant_id
		WHERE d.node_id = $1 AND (d.state = 'retained' OR d.state = 'assigned' AND t.database_id = d.id)
		ORDER BY d.id`, nodeID)
	if err != nil {
		return fmt.Errorf("list who lives here: %w", err)
	}
	doors, err := pgx.CollectRows(rows, pgx.RowToStructByPos[door])
	if err != nil {
		return fmt.Errorf("list who lives here: %w", err)
	}
	for i, d := range doors {
		if err := r.Step(ctx, "doors", int64(i), int64(len(doors))); err != nil {
			return err
		}
		set := t.prov.FenceReturned
		if d.Open {
			set = t.prov.UnfenceReturned
		}
		if err := set(ctx, r, d.DatabaseID); err != nil {
			return err
		}
	}
	return nil
}

// keepLost is the record that a database which was lost is closed: it is kept as after any restore in place. That of a tenant that was purged is dropped.
func keepLost(id string) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			WITH kept AS (
			  UPDATE tenantry.swaps SET keep_until = now() + tenantry.setting('retain_replaced')::interval WHERE old_database_id = $1 AND state = 'swapped'
			)
			UPDATE tenantry.databases d
			SET state = CASE t.state WHEN 'deleted' THEN 'failed' ELSE 'retained' END, tenant_id = CASE t.state WHEN 'deleted' THEN NULL ELSE t.id END
			FROM tenantry.tenants t
			WHERE d.id = $1 AND d.state = 'lost' AND t.id = d.tenant_id`, id)
		return err //nolint:wrapcheck // the caller does
	}
}
