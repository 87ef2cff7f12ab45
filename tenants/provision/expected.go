package provision

import (
	"context"
	"fmt"

	"github.com/avenit/tenantry/tenants"
)

// RolesOf says what roles of a database stand for, so that all databases read alike.
func RolesOf(db tenants.Database, node tenants.Node) map[string]string {
	return map[string]string{
		db.Owner():                    "{owner}",
		db.Role(tenants.RoleMigrator): "{migrator}",
		db.Role(tenants.RoleApp):      "{app}",
		db.Role(tenants.RoleReadOnly): "{readonly}",
		node.TemplateRole():           "{template}",
		node.Provisioner:              "{provisioner}",
	}
}

// lookAtTemplate shows what a tenant's database will hold of a release: the template's contents, handed to an owner and granted by the script that
// every tenant's are. That happens in a transaction that is rolled back, with roles that exist only there.
func (p *Provisioner) lookAtTemplate(ctx context.Context, run Run, node tenants.Node, releaseID, template string) error {
	conn, err := p.admin.ConnectProvisioner(ctx, node, template, run)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // and closing the connection does the same
	db := tenants.Database{Name: template}
	if _, err := conn.PgConn().Exec(ctx, standInsSQL(db)+contentsSQL(db, node)).ReadAll(); err != nil {
		return fmt.Errorf("hand over to an owner: %w", err)
	}
	return p.schema.Expect(ctx, conn, releaseID, RolesOf(db, node))
}

// standInsSQL makes the roles that a database and its contents are given to. None of them can log in.
func standInsSQL(db tenants.Database) string {
	return fmt.Sprintf(`
CREATE ROLE %[2]s NOLOGIN;
GRANT %[2]s TO CURRENT_USER;
CREATE ROLE %[3]s NOLOGIN;
CREATE ROLE %[4]s NOLOGIN;
ALTER DATABASE %[1]s OWNER TO %[2]s;
`, tenants.Ident(db.Name), tenants.Ident(db.Owner()), tenants.Ident(db.Role(tenants.RoleApp)), tenants.Ident(db.Role(tenants.RoleReadOnly)))
}

// Expect shows what a release makes on a node again, to [Schema.Expect], where that is not known: the server is of another version than when
// the template was built, or the release was only ever migrated to. The template is built from nothing for it.
func (p *Provisioner) Expect(ctx context.Context, run Run, nodeID, releaseID string) error {
	node, err := p.reg.Node(ctx, nodeID)
	if err != nil {
		return err
	}
	if _, ready, err := p.reg.Template(ctx, node.ID, releaseID); err != nil {
		return err
	} else if ready {
		if err := superseded(p.reg.TemplateLost(ctx, node.ID, releaseID, attempt(run))); err != nil {
			return err
		}
	}
	_, err = p.ensureTemplate(ctx, run, node, releaseID)
	return err
}
