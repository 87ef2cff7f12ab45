package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
)

// rename shuts everybody out and gives the database its new name, under which nobody but the provisioner gets in.
func (h *handover) rename(ctx context.Context) error {
	if err := h.session.Exec(ctx, "ALTER DATABASE "+tenants.Ident(h.before.Name)+" ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	if err := endSessions(ctx, h.session, h.before.Name); err != nil {
		return err
	}
	atAdoptClosed.Hit(ctx)
	name := tenants.Ident(h.db.Name)
	sql := fmt.Sprintf("ALTER DATABASE %s RENAME TO %s; ", tenants.Ident(h.before.Name), name) + revokeAll(name, h.before.Grants) +
		fmt.Sprintf("GRANT CONNECT ON DATABASE %[1]s TO %[2]s; ALTER DATABASE %[1]s ALLOW_CONNECTIONS true", name, tenants.Ident(h.node.Provisioner))
	if err := h.session.Exec(ctx, sql); err != nil {
		return fmt.Errorf("rename database: %w", occupied(err))
	}
	return nil
}

// revokeAll takes every right on a database from everybody who had one.
func revokeAll(name string, grants []grant) string {
	to := []string{"PUBLIC"}
	for _, g := range grants {
		if !slices.Contains(to, g.to()) {
			to = append(to, g.to())
		}
	}
	return fmt.Sprintf("REVOKE ALL ON DATABASE %s FROM %s CASCADE; ", name, strings.Join(to, ", "))
}

// occupied says of an error of ALTER DATABASE RENAME that somebody is in the database whom the provisioner may not end.
func occupied(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == pgerrcode.ObjectInUse {
		return fmt.Errorf("%w, or a replication or prepared transaction: %w", ErrAdministrator, err)
	}
	return err
}

// superusers refuses to begin while a superuser has a session in a database: it cannot be ended, and the database would be closed for nothing.
func (s *Session) superusers(ctx context.Context, database string) error {
	var who string
	err := s.QueryRow(ctx, `
		SELECT coalesce(string_agg(DISTINCT a.usename, ', '), '')
		FROM pg_stat_activity a
		JOIN pg_roles r ON r.oid = a.usesysid AND r.rolsuper
		WHERE a.datname = $1 AND a.backend_type = 'client backend'`, database).Scan(&who)
	if err != nil {
		return fmt.Errorf("look for superusers' sessions: %w", err)
	}
	if who != "" {
		return fmt.Errorf("%w: %s", ErrAdministrator, who)
	}
	return nil
}
