package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// take hands the database and all that is in it over, in one transaction: either it is a tenant's from then on, or nothing has happened.
func (h *handover) take(ctx context.Context) error {
	conn, err := h.admin.ConnectProvisioner(ctx, h.node, h.db.Name, h.run)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if err := h.what.Verify(ctx, conn); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { //nolint:wrapcheck // the caller names the step
		if err := h.owners(ctx, tx); err != nil {
			return err
		}
		// Before the owner's default rights are set: the application must not write its own history.
		if err := h.what.Seal(ctx, tx); err != nil {
			return fmt.Errorf("history: %w", err)
		}
		if err := execute(ctx, tx, "rights", "REVOKE CREATE ON SCHEMA public FROM PUBLIC; "+rightsSQL(h.db)+h.memorySQL()); err != nil {
			return err
		}
		if err := h.run.Current(ctx); err != nil {
			return err
		}
		atAdoptWithin.Hit(ctx)
		return nil
	})
}

func execute(ctx context.Context, tx pgx.Tx, what, sql string) error {
	if _, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// settingsSQL is the first statement of all: a strange default of a role or the database must not change what the others mean or how long they wait.
const settingsSQL = `SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '2min'; SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off`

// owners gives the database and all that is in it to its owner, and leaves nothing of what others might do.
func (h *handover) owners(ctx context.Context, tx pgx.Tx) error {
	if err := execute(ctx, tx, "database", settingsSQL+"; "+h.databaseSQL()); err != nil {
		return err
	}
	for _, part := range []struct{ what, list string }{{"owners", handOverSQL}, {"rights of others", strangersSQL}} {
		statements, err := names(ctx, tx, part.list, h.db.Owner())
		if err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
		if len(statements) == 0 {
			continue
		}
		slices.SortStableFunc(statements, schemasFirst)
		if err := execute(ctx, tx, part.what, strings.Join(statements, ";\n")); err != nil {
			return err
		}
	}
	return nil
}

// memorySQL lets the application read the tool's history and not write it.
func (h *handover) memorySQL() string {
	if len(h.what.History) == 0 {
		return ""
	}
	return fmt.Sprintf("; REVOKE INSERT, UPDATE, DELETE ON %s FROM %s", h.what.History.Sanitize(), tenants.Ident(h.db.Role(tenants.RoleApp)))
}

// schemasFirst puts schemas before what is in them, for who gets a table must be allowed to make one there, and ranges before their multiranges.
func schemasFirst(a, b string) int {
	place := func(s string) int {
		switch {
		case strings.HasPrefix(s, "ALTER SCHEMA "):
			return 0
		case strings.HasPrefix(s, "DO "):
			return 2
		}
		return 1
	}
	return place(a) - place(b)
}

func (h *handover) databaseSQL() string {
	name := tenants.Ident(h.db.Name)
	return fmt.Sprintf("ALTER DATABASE %[1]s OWNER TO %[2]s; REVOKE ALL ON DATABASE %[1]s FROM %[3]s; GRANT ALL ON DATABASE %[1]s TO %[2]s; COMMENT ON DATABASE %[1]s IS NULL;",
		name, tenants.Ident(h.db.Owner()), tenants.Ident(h.node.Provisioner)) + accessSQL(h.db)
}
