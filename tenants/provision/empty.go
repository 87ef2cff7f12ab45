package provision

import (
	"context"
	"fmt"
	"strings"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atEmptyCleared = crashpoint.New("empty.cleared")
	atEmptyCreated = crashpoint.New("empty.created")
	atEmptyOpen    = crashpoint.New("empty.open")
)

// Empty makes a database with nothing in it and its roles, for a backup to be restored into. Only its migrator may connect to it, until [Provisioner.Open].
// What an earlier attempt has left in it is dropped: a restore begins from nothing.
func (p *Provisioner) Empty(ctx context.Context, run Run, databaseID string, locale tenants.Locale) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	create, err := emptySQL(db, locale)
	if err != nil {
		return err
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	if _, err := p.ensureRoles(ctx, run, session, db, ""); err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	if err := session.dropDatabase(ctx, db.Name); err != nil {
		return fmt.Errorf("drop what an earlier attempt has left: %w", err)
	}
	atEmptyCleared.Hit(ctx)
	if err := session.Exec(ctx, create); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	atEmptyCreated.Hit(ctx)
	err = session.Exec(ctx, fmt.Sprintf("REVOKE ALL ON DATABASE %[1]s FROM PUBLIC;\nGRANT CONNECT, TEMPORARY ON DATABASE %[1]s TO %[2]s;\nALTER DATABASE %[1]s ALLOW_CONNECTIONS true",
		tenants.Ident(db.Name), tenants.Ident(db.Role(tenants.RoleMigrator))))
	if err != nil {
		return fmt.Errorf("close to PUBLIC, open to its migrator: %w", err)
	}
	atEmptyOpen.Hit(ctx)
	return nil
}

// providers are the words of CREATE DATABASE for pg_database.datlocprovider, and what names the locale there.
var providers = map[string]struct{ name, locale string }{
	"c": {"libc", ""},
	"i": {"icu", "ICU_LOCALE"},
	"b": {"builtin", "BUILTIN_LOCALE"},
}

func emptySQL(db tenants.Database, l tenants.Locale) (string, error) {
	provider, known := providers[l.Provider]
	if !known {
		return "", fmt.Errorf("create database: locale provider %q is not known here: use a newer program", l.Provider)
	}
	var sql strings.Builder
	fmt.Fprintf(&sql, "CREATE DATABASE %s OWNER %s TEMPLATE template0 ALLOW_CONNECTIONS false ENCODING %s LOCALE_PROVIDER %s LC_COLLATE %s LC_CTYPE %s",
		tenants.Ident(db.Name), tenants.Ident(db.Owner()), tenants.Literal(l.Encoding), provider.name, tenants.Literal(l.Collate), tenants.Literal(l.CType))
	if provider.locale != "" {
		fmt.Fprintf(&sql, " %s %s", provider.locale, tenants.Literal(l.ICULocale))
	}
	return sql.String(), nil
}

// Lend makes a database's owner a member of the application's role: large objects belong to whoever made them, and the owner must read and give them.
func (p *Provisioner) Lend(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.Exec(ctx, "GRANT "+tenants.Ident(db.Role(tenants.RoleApp))+" TO "+tenants.Ident(db.Owner())); err != nil {
		return fmt.Errorf("let the owner read the application's large objects: %w", err)
	}
	return nil
}

// Open lets a database's roles in, and logs in as the application does.
func (p *Provisioner) Open(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	credentials, err := p.ensureRoles(ctx, run, session, db, "")
	if err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	if err := session.Exec(ctx, accessSQL(db)); err != nil {
		return fmt.Errorf("open to its roles: %w", err)
	}
	return p.firstConnection(ctx, run, node, db, credentials)
}
