package tenants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// What a look-up may not find.
var (
	ErrNoTenant   = errors.New("there is no such tenant")
	ErrNoNode     = errors.New("there is no such node")
	ErrNoDatabase = errors.New("there is no such database")
)

// queryTimeout bounds every statement to the control database: a slow one must not hang a fleet of workers.
const queryTimeout = 15 * time.Second

// Querier is a pool, a connection or a transaction of pgx.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Registry reads and writes the fleet's rows in the control database.
type Registry struct {
	pool *pgxpool.Pool
	keys *Keyring
}

// NewRegistry makes a registry on the control database. keys may be nil where no secret is read or written.
func NewRegistry(pool *pgxpool.Pool, keys *Keyring) *Registry {
	return &Registry{pool: pool, keys: keys}
}

// Pool is the control database's pool.
func (r *Registry) Pool() *pgxpool.Pool { return r.pool }

// Keys seals and opens secrets.
func (r *Registry) Keys() *Keyring { return r.keys }

const tenantColumns = `id, slug, name, state, node, region, database, release, labels, epoch, current_operation_id, delete_after,
  created_at, activated_at, suspended_at, deleted_at`

// Tenant finds a tenant by slug (one that is not deleted) or by id (any).
func (r *Registry) Tenant(ctx context.Context, slugOrID string) (Tenant, error) {
	t, err := one[Tenant](ctx, r.pool, `SELECT `+tenantColumns+` FROM tenantry.tenant_status
		WHERE id = $1 OR (slug = $1 AND state <> 'deleted')`, slugOrID)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, fmt.Errorf("tenant %q: %w", slugOrID, ErrNoTenant)
	}
	return t, wrapf(err, "read tenant %q", slugOrID)
}

// TenantFilter selects tenants. The zero value selects all that are not deleted.
type TenantFilter struct {
	States []State           // any of them; none means all but deleted
	Labels map[string]string // all of them
	Node   string            // by name
	Region string
	Slugs  []string // any of them
	IDs    []string // any of them
}

// Tenants lists tenants by slug.
func (r *Registry) Tenants(ctx context.Context, f TenantFilter) ([]Tenant, error) {
	if f.Labels == nil {
		f.Labels = map[string]string{}
	}
	list, err := all[Tenant](ctx, r.pool, `SELECT `+tenantColumns+` FROM tenantry.tenant_status
		WHERE (cardinality($1::text[]) = 0 AND state <> 'deleted' OR state = ANY ($1))
		  AND labels @> $2
		  AND ($3 = '' OR node = $3)
		  AND ($4 = '' OR region = $4)
		  AND (cardinality($5::text[]) = 0 OR slug = ANY ($5))
		  AND (cardinality($6::text[]) = 0 OR id = ANY ($6))
		ORDER BY slug, id`, texts(f.States), f.Labels, f.Node, f.Region, texts(f.Slugs), texts(f.IDs))
	return list, wrapf(err, "list tenants")
}

// Label changes a tenant's labels: set ones are added or replaced, removed ones dropped.
func (r *Registry) Label(ctx context.Context, tenantID string, set map[string]string, remove []string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if set == nil {
		set = map[string]string{}
	}
	_, err := r.pool.Exec(ctx, `
		WITH checked AS MATERIALIZED (SELECT tenantry.check_value('labels', 'labels', $2::jsonb) AS ok)
		UPDATE tenantry.tenants
		SET labels = (labels || $2::jsonb) - $3::text[]
		FROM checked
		WHERE id = $1`, tenantID, set, texts(remove))
	return wrapf(err, "label tenant %s", tenantID)
}

const nodeColumns = `id, name, region, labels, state, url, pooler_url, provisioner, sealed_password, server_version,
  max_connections, max_tenants, warm_target, lost_at, created_at`

// Node finds a node by name or id.
func (r *Registry) Node(ctx context.Context, nameOrID string) (Node, error) {
	n, err := one[Node](ctx, r.pool, `SELECT `+nodeColumns+` FROM tenantry.nodes WHERE id = $1 OR name = $1`, nameOrID)
	if errors.Is(err, pgx.ErrNoRows) {
		return n, fmt.Errorf("node %q: %w", nameOrID, ErrNoNode)
	}
	return n, wrapf(err, "read node %q", nameOrID)
}

// Nodes lists nodes by name.
func (r *Registry) Nodes(ctx context.Context) ([]Node, error) {
	list, err := all[Node](ctx, r.pool, `SELECT `+nodeColumns+` FROM tenantry.nodes ORDER BY name`)
	return list, wrapf(err, "list nodes")
}

// Database reads one database's row.
func (r *Registry) Database(ctx context.Context, id string) (Database, error) {
	d, err := one[Database](ctx, r.pool, `SELECT id, node_id, name, release_id, state, tenant_id FROM tenantry.databases WHERE id = $1`, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, fmt.Errorf("database %q: %w", id, ErrNoDatabase)
	}
	return d, wrapf(err, "read database %s", id)
}

// DatabaseOf reads the row of the database a tenant lives in now.
func (r *Registry) DatabaseOf(ctx context.Context, tenantID string) (Database, error) {
	d, err := one[Database](ctx, r.pool, `SELECT d.id, d.node_id, d.name, d.release_id, d.state, d.tenant_id
		FROM tenantry.tenants t
		JOIN tenantry.databases d ON d.id = t.database_id
		WHERE t.id = $1`, tenantID)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, fmt.Errorf("tenant %q: %w", tenantID, ErrNoTenant)
	}
	return d, wrapf(err, "read database of tenant %s", tenantID)
}

// Setting reads a setting as text; "" when it is null or not there.
func (r *Registry) Setting(ctx context.Context, key string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var value string
	err := r.pool.QueryRow(ctx, `SELECT coalesce(tenantry.setting($1), '')`, key).Scan(&value)
	return value, wrapf(err, "read setting %s", key)
}

func one[T any](ctx context.Context, q Querier, sql string, args ...any) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T]) //nolint:wrapcheck // callers wrap
}

func all[T any](ctx context.Context, q Querier, sql string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T]) //nolint:wrapcheck // callers wrap
}

func wrapf(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// texts never returns nil, which would be SQL's NULL.
func texts[S ~string](values []S) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// Template gives the name of a node's template database of a release, and whether it can be copied. The row is made here,
// before the database is.
func (r *Registry) Template(ctx context.Context, nodeID, releaseID string) (name string, ready bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	const read = `SELECT name, state = 'ready' FROM tenantry.templates WHERE node_id = $1 AND release_id = $2`
	err = r.pool.QueryRow(ctx, read, nodeID, releaseID).Scan(&name, &ready)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = r.pool.Exec(ctx, `
			INSERT INTO tenantry.templates (node_id, release_id, name)
			VALUES ($1, $2, replace(tenantry.new_database_name(), 't_', 'tpl_'))
			ON CONFLICT DO NOTHING`, nodeID, releaseID)
		if err == nil {
			err = r.pool.QueryRow(ctx, read, nodeID, releaseID).Scan(&name, &ready)
		}
	}
	return name, ready, wrapf(err, "read template")
}

// TemplateReady records that a template can be copied. ErrNotCurrent: a newer attempt builds it anew.
func (r *Registry) TemplateReady(ctx context.Context, nodeID, releaseID string, by Attempt) error {
	return r.setTemplate(ctx, nodeID, releaseID, "ready", by)
}

// TemplateLost records that a template is not there any more, so that it is built again.
func (r *Registry) TemplateLost(ctx context.Context, nodeID, releaseID string, by Attempt) error {
	return r.setTemplate(ctx, nodeID, releaseID, "building", by)
}

func (r *Registry) setTemplate(ctx context.Context, nodeID, releaseID, state string, by Attempt) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	tag, err := r.pool.Exec(ctx, `
		WITH current AS MATERIALIZED (`+holdAttemptSQL+`)
		UPDATE tenantry.templates
		SET state = $5, ready_at = CASE WHEN $5 = 'ready' THEN now() END
		FROM current
		WHERE node_id = $3 AND release_id = $4`, by.OperationID, by.Number, nodeID, releaseID, state)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNotCurrent
	}
	return wrapf(err, "record template")
}

// AwaitFence waits until every live process with pools has thrown away what fence seq tells it to, at most for the
// given time: those that do not answer lose their sessions anyway. seq 0 waits for nothing.
func (r *Registry) AwaitFence(ctx context.Context, seq int64, most time.Duration) error {
	if seq == 0 {
		return nil
	}
	deadline := time.Now().Add(most)
	for {
		var behind bool
		err := r.pool.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM tenantry.workers
			               WHERE state = 'alive' AND heartbeat_at > clock_timestamp() - lease AND fenced_seq < $1)`, seq).Scan(&behind)
		if err != nil {
			return fmt.Errorf("await fence: %w", err)
		}
		if !behind || time.Now().After(deadline) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await fence: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
