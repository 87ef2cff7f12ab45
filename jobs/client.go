package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// queryTimeout bounds every statement that the client itself sends: a slow control database must not hang its callers.
const queryTimeout = 15 * time.Second

// Querier is a pool, a connection or a transaction of pgx.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Client asks for operations and reads them. It is safe for concurrent use; it needs no Close.
type Client struct {
	pool *pgxpool.Pool
	hub  *hub
}

// New makes a client on a pool of the control database. The login may be tenantry_api, which can do just this.
// The pool must reach the database directly, not through a transaction-mode pooler, for [Client.Watch] to be woken;
// through one it still works, by polling.
func New(pool *pgxpool.Pool) *Client {
	return &Client{pool: pool, hub: newHub(pool)}
}

// Options of a request. nil is the zero value.
type Options struct {
	// IdempotencyKey makes asking twice the same as asking once, per kind. Empty: every request is a new operation.
	IdempotencyKey string
	// RequestedBy names the person or system for whom the API asks. Empty: the database login.
	RequestedBy string
}

func (o *Options) key() *string {
	if o == nil || o.IdempotencyKey == "" {
		return nil
	}
	return &o.IdempotencyKey
}

func (o *Options) by() string {
	if o == nil {
		return ""
	}
	return o.RequestedBy
}

// Submit asks for an operation and returns its id. A refusal is an [*Error] and has changed nothing.
func (c *Client) Submit(ctx context.Context, args Args, opts *Options) (string, error) {
	return c.submit(ctx, c.pool, args, opts)
}

// SubmitTx is [Client.Submit] in the caller's transaction: the operation exists if and only if that commits.
// After a refusal the transaction is aborted, as after any error in PostgreSQL; use a savepoint to go on.
func (c *Client) SubmitTx(ctx context.Context, tx pgx.Tx, args Args, opts *Options) (string, error) {
	return c.submit(ctx, tx, args, opts)
}

// The CTE sets who asks for this transaction only, before the door looks.
const submitSQL = `
WITH asked_by AS MATERIALIZED (SELECT set_config('tenantry.requested_by', $4, true) AS name)
SELECT tenantry.submit($1, $2, $3)
FROM asked_by
WHERE name IS NOT NULL`

func (c *Client) submit(ctx context.Context, db Querier, args Args, opts *Options) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	encoded, err := json.Marshal(args)
	if err != nil {
		return "", fmt.Errorf("encode %s arguments: %w", args.Kind(), err)
	}
	var id string
	err = db.QueryRow(ctx, submitSQL, args.Kind(), string(encoded), opts.key(), opts.by()).Scan(&id)
	return id, doorError("submit "+args.Kind(), err)
}

// Created is what [Client.CreateTenant] made.
type Created struct {
	TenantID    string `json:"tenant_id"`
	OperationID string `json:"operation_id"`
	State       string `json:"state"` // active: usable at commit; requested: a worker is making it
	Node        string `json:"node"`
	Database    string `json:"database"`
	// New is false when the idempotency key had made this tenant before.
	New bool `json:"created"`
}

// CreateTenant makes a tenant. With a warm database it is active when the call returns; else a worker makes it,
// and [Client.Wait] on the operation tells when it is.
func (c *Client) CreateTenant(ctx context.Context, args Provision, opts *Options) (Created, error) {
	return c.createTenant(ctx, c.pool, args, opts)
}

// CreateTenantTx is [Client.CreateTenant] in the caller's transaction: at commit the tenant is there, at rollback its
// database is back in the warm pool. No node is contacted.
func (c *Client) CreateTenantTx(ctx context.Context, tx pgx.Tx, args Provision, opts *Options) (Created, error) {
	return c.createTenant(ctx, tx, args, opts)
}

const createTenantSQL = `
WITH asked_by AS MATERIALIZED (SELECT set_config('tenantry.requested_by', $8, true) AS name)
SELECT c.tenant_id, c.operation_id, c.state, c.node, c.database, c.created
FROM asked_by, tenantry.create_tenant($1, nullif($2, ''), nullif($3, ''), $4, nullif($5, ''), $6, $7) c
WHERE name IS NOT NULL`

func (c *Client) createTenant(ctx context.Context, db Querier, args Provision, opts *Options) (Created, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var made Created
	err := db.QueryRow(ctx, createTenantSQL, args.Slug, args.Name, args.Region, labelsOrNil(args.Labels), args.Node,
		labelsOrNil(args.NodeLabels), opts.key(), opts.by()).
		Scan(&made.TenantID, &made.OperationID, &made.State, &made.Node, &made.Database, &made.New)
	return made, doorError("create tenant", err)
}

func labelsOrNil(labels map[string]string) any {
	if len(labels) == 0 {
		return nil
	}
	return labels
}

const operationColumns = `id, kind, tenant, tenant_id, state, step, progress, attempt, failures, reaps, error, result, args,
  idempotency_key, requested_by, parent_id, worker_id, river_job_id, created_at, updated_at, started_at, finished_at, seq`

// Get reads one operation. Unknown ids are ErrNotFound.
func (c *Client) Get(ctx context.Context, id string) (Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := c.pool.Query(ctx, `SELECT `+operationColumns+` FROM tenantry.operation_status WHERE id = $1`, id)
	if err != nil {
		return Operation{}, fmt.Errorf("read operation: %w", err)
	}
	op, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Operation])
	if errors.Is(err, pgx.ErrNoRows) {
		return Operation{}, &Error{Field: "operation_id", Message: fmt.Sprintf("operation_id: there is no operation %q", id), Fix: "see tenantry op list", is: ErrNotFound}
	}
	return op, wrap("read operation", err)
}

// List reads operations, newest first.
func (c *Client) List(ctx context.Context, f Filter) ([]Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	where, args := f.where()
	rows, err := c.pool.Query(ctx, `SELECT `+operationColumns+` FROM tenantry.operation_status`+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list operations: %w", err)
	}
	ops, err := pgx.CollectRows(rows, pgx.RowToStructByName[Operation])
	return ops, wrap("list operations", err)
}

// Cancel ends an operation that has not begun, or asks a running one to stop at its next step; it returns the state
// afterwards. A running operation is not torn down in the middle of a step.
func (c *Client) Cancel(ctx context.Context, id string) (State, error) {
	return c.decide(ctx, `SELECT tenantry.cancel($1)`, "cancel operation", id)
}

// Retry gives a parked, failed or cancelled operation back to the workers with fresh attempts.
func (c *Client) Retry(ctx context.Context, id string) (State, error) {
	return c.decide(ctx, `SELECT tenantry.retry($1)`, "retry operation", id)
}

// Pause asks an operation to stop at its next step and to wait, parked, for [Client.Retry]. Only kinds that can be taken back can be
// paused, such as [ChangeSchema]. It returns the state before; the tenant stays held.
func (c *Client) Pause(ctx context.Context, id string) (State, error) {
	return c.decide(ctx, `SELECT tenantry.pause($1)`, "pause operation", id)
}

func (c *Client) decide(ctx context.Context, sql, what, id string) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var state State
	err := c.pool.QueryRow(ctx, sql, id).Scan(&state)
	return state, doorError(what, err)
}

// MostAtOnce is how many operations SubmitMany takes: each of a tenant costs some milliseconds of one transaction.
const MostAtOnce = 5000

// SubmitMany asks for up to MostAtOnce operations in one transaction: all or none. The ids come in the order of args.
// opts.IdempotencyKey must be empty: one key cannot name several requests.
func (c *Client) SubmitMany(ctx context.Context, args []Args, opts *Options) ([]string, error) {
	if opts.key() != nil {
		return nil, &Error{Field: "idempotency_key", Message: "idempotency_key: one key cannot name several requests", Fix: "submit them one by one", is: ErrInvalid}
	}
	if len(args) > MostAtOnce {
		return nil, &Error{Field: "args", Message: fmt.Sprintf("args: %d operations at once", len(args)), Fix: fmt.Sprintf("submit at most %d at a time", MostAtOnce), is: ErrInvalid}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ids := make([]string, 0, len(args))
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('tenantry.requested_by', $1, true)`, opts.by()); err != nil {
			return fmt.Errorf("name who asks: %w", err)
		}
		for kind, group := range runs(args) {
			encoded := make([]string, len(group))
			for i, a := range group {
				body, err := json.Marshal(a)
				if err != nil {
					return fmt.Errorf("encode %s arguments: %w", kind, err)
				}
				encoded[i] = string(body)
			}
			rows, err := tx.Query(ctx, `SELECT tenantry.submit_many($1, $2::text[]::jsonb[])`, kind, encoded)
			if err != nil {
				return fmt.Errorf("submit %s: %w", kind, err)
			}
			made, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return fmt.Errorf("submit %s: %w", kind, err)
			}
			ids = append(ids, made...)
		}
		return nil
	})
	if err != nil {
		return nil, doorError("submit", err)
	}
	return ids, nil
}

// runs yields the stretches of args that have the same kind, in order.
func runs(args []Args) iter.Seq2[string, []Args] {
	return func(yield func(string, []Args) bool) {
		for from := 0; from < len(args); {
			to := from + 1
			for to < len(args) && args[to].Kind() == args[from].Kind() {
				to++
			}
			if !yield(args[from].Kind(), args[from:to]) {
				return
			}
			from = to
		}
	}
}
