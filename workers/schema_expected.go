package workers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/tenants/provision"
)

// Expect keeps what a connection's database holds as what the release makes.
func (s *schema) Expect(ctx context.Context, conn *pgx.Conn, releaseID string, roles map[string]string) error {
	major, err := serverMajor(conn)
	if err != nil {
		return err
	}
	read, err := fingerprint.Read(ctx, conn, fingerprint.Options{Roles: roles})
	if err != nil {
		return err
	}
	return drift.Expect(ctx, s.pool, releaseID, major, read)
}

// serverMajor is the major version that a connection's server told when it was opened.
func serverMajor(conn *pgx.Conn) (int, error) {
	version := conn.PgConn().ParameterStatus("server_version") // such as 15.18 (Debian 15.18-1), 18beta1
	digits := len(version) - len(strings.TrimLeft(version, "0123456789"))
	major, err := strconv.Atoi(version[:digits])
	if err != nil {
		return 0, fmt.Errorf("read server version %q: %w", version, err)
	}
	return major, nil
}

// expectedSum gives the hash of what a tenant's database should hold, and looks at what its release makes on that node where nobody has yet. What a
// tenant adds of its own to its release's schema belongs here, and in expectedSchema.
func (t *toolbox) expectedSum(ctx context.Context, r provision.Run, nodeID, releaseID string, major int) (string, error) {
	sum, err := drift.Sum(ctx, t.schema.pool, releaseID, major)
	if !errors.Is(err, drift.ErrUnknown) {
		return sum, err
	}
	select { // one at a time, because building it drops what is there
	case t.schema.building <- struct{}{}:
		defer func() { <-t.schema.building }()
	case <-ctx.Done():
		return "", fmt.Errorf("build what the release makes: %w", ctx.Err())
	}
	sum, err = drift.Sum(ctx, t.schema.pool, releaseID, major)
	if !errors.Is(err, drift.ErrUnknown) {
		return sum, err
	}
	if err := t.prov.Expect(ctx, r, nodeID, releaseID); err != nil {
		return "", fmt.Errorf("build what the release makes: %w", err)
	}
	return drift.Sum(ctx, t.schema.pool, releaseID, major)
}

// expectedSchema is the same in full, for a database that is not as expectedSum says.
func (t *toolbox) expectedSchema(ctx context.Context, r provision.Run, nodeID, releaseID string, major int) (fingerprint.Schema, error) {
	sum, err := t.expectedSum(ctx, r, nodeID, releaseID, major)
	if err != nil {
		return fingerprint.Schema{}, err
	}
	t.schema.mu.Lock()
	found, known := t.schema.expected[sum]
	t.schema.mu.Unlock()
	if known {
		return found, nil
	}
	found, err = drift.Find(ctx, t.schema.pool, releaseID, major)
	if err != nil {
		return found, err
	}
	t.schema.mu.Lock()
	defer t.schema.mu.Unlock()
	t.schema.expected[found.Sum()] = found
	return found, nil
}
