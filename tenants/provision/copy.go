package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atCopyCleared = crashpoint.New("copy.cleared")
	atCopyCreated = crashpoint.New("copy.created")
	atCopyOpen    = crashpoint.New("copy.open")
)

// copyFilesFrom is how large a database is, in bytes, of which the server copies the files instead of writing each page to its log: that costs two checkpoints.
const copyFilesFrom = 256 << 20

// Copy makes a database of its own of what one holds that is closed, such as a suspended tenant's, so that it can be read. Nobody can connect to a closed
// database, but it can be copied as a template can: it stays as closed as it was, whatever becomes of the copy. The copy belongs to the
// owner of what is in it, and only its own migrator may connect, which can become that owner; the roles of the database that was copied may not. It is on the
// same node. What an earlier attempt has left of it is dropped. Drop it like any other.
func (p *Provisioner) Copy(ctx context.Context, run Run, fromID, toID string) error {
	from, node, err := p.place(ctx, fromID)
	if err != nil {
		return err
	}
	to, other, err := p.place(ctx, toID)
	if err != nil {
		return err
	}
	if node.ID != other.ID {
		return errOtherNode
	}
	session, err := p.admin.Session(ctx, node, run, to.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.lock(ctx, from.Name); err != nil {
		return fmt.Errorf("node %s: %w", node.Name, err)
	}
	if _, err := p.ensureRoles(ctx, run, session, to, ""); err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	if err := session.dropDatabase(ctx, to.Name); err != nil {
		return fmt.Errorf("drop what an earlier attempt has left: %w", err)
	}
	atCopyCleared.Hit(ctx)
	// It is closed as a rule: then this only looks.
	if err := p.fence(ctx, session, from, 0); err != nil {
		return err
	}
	create, err := copySQL(ctx, session, from, to)
	if err != nil {
		return err
	}
	if err := session.Exec(ctx, create); err != nil {
		return fmt.Errorf("copy database: %w", err)
	}
	atCopyCreated.Hit(ctx)
	if err := session.Exec(ctx, openCopySQL(from, to)); err != nil {
		return fmt.Errorf("open the copy to its migrator: %w", err)
	}
	atCopyOpen.Hit(ctx)
	return nil
}

var errOtherNode = errors.New("copy database: a copy is made on the same node")

// copySQL copies the version of the collation, too: without that a database is refused as a template since the server's libraries were upgraded.
func copySQL(ctx context.Context, s *Session, from, to tenants.Database) (string, error) {
	var size int64
	var collation *string
	if err := s.QueryRow(ctx, `SELECT pg_database_size(oid), datcollversion FROM pg_database WHERE datname = $1`, from.Name).Scan(&size, &collation); err != nil {
		return "", fmt.Errorf("look at the database to copy: %w", err)
	}
	strategy := "wal_log"
	if size >= copyFilesFrom {
		strategy = "file_copy"
	}
	sql := fmt.Sprintf("CREATE DATABASE %s OWNER %s TEMPLATE %s ALLOW_CONNECTIONS false STRATEGY %s",
		tenants.Ident(to.Name), tenants.Ident(from.Owner()), tenants.Ident(from.Name), strategy)
	if collation != nil {
		sql += " COLLATION_VERSION " + tenants.Literal(*collation)
	}
	return sql, nil
}

// openCopySQL takes from the owner, and so from its members, the right to connect that an owner has by itself.
func openCopySQL(from, to tenants.Database) string {
	return fmt.Sprintf(`
REVOKE ALL ON DATABASE %[1]s FROM PUBLIC, %[2]s;
GRANT %[2]s TO %[3]s;
GRANT CONNECT ON DATABASE %[1]s TO %[3]s;
ALTER DATABASE %[1]s ALLOW_CONNECTIONS true`, tenants.Ident(to.Name), tenants.Ident(from.Owner()), tenants.Ident(to.Role(tenants.RoleMigrator)))
}
