package drift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/migrations/fingerprint"
)

// queryTimeout bounds every statement to the control database.
const queryTimeout = 15 * time.Second

// DB is a pool, a connection or a transaction on the control database.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// ErrUnknown says that no database of the release was seen yet on a server of that version.
var ErrUnknown = errors.New("what the release makes on such a server was not seen yet")

// Expect keeps what a database of a release holds that nobody has touched. Saying it again changes nothing.
func Expect(ctx context.Context, db DB, releaseID string, serverMajor int, s fingerprint.Schema) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	objects, err := json.Marshal(s.Objects)
	if err != nil {
		return fmt.Errorf("encode schema: %w", err)
	}
	_, err = db.Exec(ctx, `
		INSERT INTO tenantry.release_schemas (release_id, server_major, fingerprint, objects) VALUES ($1, $2, $3, $4)
		ON CONFLICT (release_id, server_major) DO UPDATE SET fingerprint = excluded.fingerprint, objects = excluded.objects, seen_at = now()`,
		releaseID, serverMajor, s.Sum(), objects)
	if err != nil {
		return fmt.Errorf("keep schema of release %s: %w", releaseID, err)
	}
	return nil
}

// Sum gives the hash of what a release makes. ErrUnknown is its own error.
func Sum(ctx context.Context, db DB, releaseID string, serverMajor int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var sum string
	err := db.QueryRow(ctx, `SELECT fingerprint FROM tenantry.release_schemas WHERE release_id = $1 AND server_major = $2`, releaseID, serverMajor).Scan(&sum)
	return sum, unknown(err, releaseID, serverMajor)
}

// Find gives what a release makes. ErrUnknown is its own error.
func Find(ctx context.Context, db DB, releaseID string, serverMajor int) (fingerprint.Schema, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var s fingerprint.Schema
	err := db.QueryRow(ctx, `SELECT objects FROM tenantry.release_schemas WHERE release_id = $1 AND server_major = $2`, releaseID, serverMajor).Scan(&s.Objects)
	return s, unknown(err, releaseID, serverMajor)
}

func unknown(err error, releaseID string, serverMajor int) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("release %s on PostgreSQL %d: %w", releaseID, serverMajor, ErrUnknown)
	default:
		return fmt.Errorf("read schema of release %s: %w", releaseID, err)
	}
}
