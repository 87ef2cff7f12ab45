package looks

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Row is a look as the control database has it.
type Row struct {
	Operation string     `db:"operation_id" json:"operation_id"`
	TenantID  string     `db:"tenant_id"    json:"tenant_id"`
	Tenant    string     `db:"tenant"       json:"tenant"`
	Backup    string     `db:"backup_id"    json:"backup"`
	TakenAt   time.Time  `db:"taken_at"     json:"taken_at"` // of the backup
	Schema    string     `db:"schema_name"  json:"schema"`
	State     string     `db:"state"        json:"state"`
	Tables    *int       `db:"tables"       json:"tables"`
	Rows      *int64     `db:"rows"         json:"rows"`
	CreatedAt time.Time  `db:"created_at"   json:"created_at"`
	ExpiresAt *time.Time `db:"expires_at"   json:"expires_at"`
}

const queryTimeout = 15 * time.Second

// List lists the looks that are there or may be in the databases in which tenants live now, the newest first: of a tenant by its id, or of all where that is "".
// What is in a database that a restore in place has replaced goes with that, or comes back with it.
func List(ctx context.Context, pool *pgxpool.Pool, tenant string) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := pool.Query(ctx, `
		SELECT l.operation_id, l.tenant_id, t.slug AS tenant, l.backup_id, b.taken_at, l.schema_name, l.state, l.tables, l.rows, l.created_at, l.expires_at
		FROM tenantry.looks l
		JOIN tenantry.tenants t ON t.id = l.tenant_id AND t.database_id = l.database_id
		JOIN tenantry.backups b ON b.id = l.backup_id
		WHERE l.state <> 'gone' AND ($1 = '' OR l.tenant_id = $1)
		ORDER BY l.created_at DESC, l.operation_id DESC`, tenant)
	if err != nil {
		return nil, fmt.Errorf("list restored tables: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Row])
	if err != nil {
		return nil, fmt.Errorf("list restored tables: %w", err)
	}
	return list, nil
}
