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
	rows, err := t.reg.Pool().Query(ctx, `SELECT id FROM tenantry.databases WHERE node_id = $1 AND state = 'lost' ORDER BY id`, node.ID)
	if err != nil {
		return done{}, fmt.Errorf("list what was lost: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return done{}, fmt.Errorf("list what was lost: %w", err)
	}
	for i, id := range list {
		if err := r.Step(ctx, "close", int64(i), int64(len(list))); err != nil {
			return done{}, err
		}
		if err := t.prov.Fence(ctx, r, id, 0); err != nil {
			return done{}, err
		}
		if err := r.change(ctx, keepLost(id)); err != nil {
			return done{}, err
		}
		atReturnClosed.Hit(ctx)
	}
	var result returned
	return done{result: &result, record: func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			WITH node AS (UPDATE tenantry.nodes SET state = 'draining', updated_at = now() WHERE id = $1 AND state = 'lost')
			SELECT (SELECT count(*) FROM tenantry.databases WHERE node_id = $1 AND state = 'retained'),
			       (SELECT count(*) FROM tenantry.databases WHERE node_id = $1 AND state = 'assigned')`, node.ID).Scan(&result.Closed, &result.Tenants)
	}}, nil
}

// keepLost is the record that a database which was lost is closed: it is kept as after any restore in place.
func keepLost(id string) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			WITH kept AS (
			  UPDATE tenantry.swaps SET keep_until = now() + tenantry.setting('retain_replaced')::interval WHERE old_database_id = $1 AND state = 'swapped'
			)
			UPDATE tenantry.databases SET state = 'retained' WHERE id = $1 AND state = 'lost'`, id)
		return err //nolint:wrapcheck // the caller does
	}
}
