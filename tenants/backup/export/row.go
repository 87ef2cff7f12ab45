package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Row is an export as the control database has it.
type Row struct {
	ID          string     `db:"id"           json:"id"`
	TenantID    string     `db:"tenant_id"    json:"tenant_id"`
	Tenant      string     `db:"tenant"       json:"tenant"`
	State       string     `db:"state"        json:"state"`
	Format      string     `db:"format"       json:"format"`
	Release     string     `db:"release"      json:"release"`
	Store       string     `db:"store"        json:"store"`
	Object      *string    `db:"object"       json:"object"`
	Bytes       *int64     `db:"bytes"        json:"bytes"`
	SHA256      *string    `db:"sha256"       json:"sha256"`
	Tables      *int       `db:"tables"       json:"tables"`
	Rows        *int64     `db:"rows"         json:"rows"`
	OperationID string     `db:"operation_id" json:"operation_id"`
	TakenAt     *time.Time `db:"taken_at"     json:"taken_at"`
	CreatedAt   time.Time  `db:"created_at"   json:"created_at"`
	ExpiresAt   *time.Time `db:"expires_at"   json:"expires_at"`
	// Expired says that its time is over, also before it is deleted.
	Expired bool `db:"expired" json:"expired"`
}

const rowColumns = `e.id, e.tenant_id, t.slug AS tenant, e.state, e.format, e.release, e.store, e.object, e.bytes, e.sha256, e.tables, e.rows, e.operation_id,
  e.taken_at, e.created_at, e.expires_at, coalesce(e.expires_at <= now(), false) AS expired`

// Filter selects exports. The zero value selects every one that can be fetched.
type Filter struct {
	Tenant string // id
	All    bool   // also those that are being made, failed, or are deleted
}

// ErrNoExport says that there is none of that id.
var ErrNoExport = errors.New("there is no such export")

const queryTimeout = 15 * time.Second

// List lists exports, the newest first.
func List(ctx context.Context, pool *pgxpool.Pool, f Filter) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := pool.Query(ctx, `
		SELECT `+rowColumns+`
		FROM tenantry.exports e
		JOIN tenantry.tenants t ON t.id = e.tenant_id
		WHERE ($1 = '' OR e.tenant_id = $1) AND ($2 OR (e.state = 'complete' AND e.expires_at > now()))
		ORDER BY e.created_at DESC, e.id DESC`, f.Tenant, f.All)
	if err != nil {
		return nil, fmt.Errorf("list exports: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Row])
	if err != nil {
		return nil, fmt.Errorf("list exports: %w", err)
	}
	return list, nil
}

// Get reads one export.
func Get(ctx context.Context, pool *pgxpool.Pool, id string) (Row, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := pool.Query(ctx, `SELECT `+rowColumns+` FROM tenantry.exports e JOIN tenantry.tenants t ON t.id = e.tenant_id WHERE e.id = $1`, id)
	if err != nil {
		return Row{}, fmt.Errorf("read export: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Row])
	if errors.Is(err, pgx.ErrNoRows) {
		return row, fmt.Errorf("export %q: %w", id, ErrNoExport)
	}
	if err != nil {
		return row, fmt.Errorf("read export %s: %w", id, err)
	}
	return row, nil
}

// NewUpload gives the id of a file that is about to be uploaded for an import.
func NewUpload(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var id string
	if err := pool.QueryRow(ctx, `SELECT tenantry.new_id('imp')`).Scan(&id); err != nil {
		return "", fmt.Errorf("name an upload: %w", err)
	}
	return id, nil
}

// Uploads is the prefix of what is uploaded for imports.
const Uploads = "imports/"

// UploadKey is where an upload lies in the store.
func UploadKey(id string) string { return Uploads + id + ".zip" }
