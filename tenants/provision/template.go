package provision

import (
	"context"
	"fmt"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atTemplateCreated = crashpoint.New("template.database.created")
	atTemplateApplied = crashpoint.New("template.schema.after")
	atTemplateSeen    = crashpoint.New("template.seen.after")
	atTemplateClosed  = crashpoint.New("template.close.after")
)

// ensureTemplate gives the name of the node's template of a release and builds it where there is none: a database that
// nobody can connect to (CREATE DATABASE waits and fails while its template has a session), its contents owned by the
// node's template role, which has no login.
func (p *Provisioner) ensureTemplate(ctx context.Context, run Run, node tenants.Node, releaseID string) (string, error) {
	name, ready, err := p.reg.Template(ctx, node.ID, releaseID)
	if err != nil || ready {
		return name, err
	}
	// One build at a time on a node, because builds share the template role.
	session, err := p.admin.Session(ctx, node, run, "template/"+node.ID)
	if err != nil {
		return "", err
	}
	defer session.Close()
	if _, ready, err = p.reg.Template(ctx, node.ID, releaseID); err != nil || ready {
		return name, err // somebody built it while we waited
	}
	if err := p.buildTemplate(ctx, run, session, node, releaseID, name); err != nil {
		return "", err
	}
	return name, superseded(p.reg.TemplateReady(ctx, node.ID, releaseID, attempt(run)))
}

// buildTemplate makes the template from nothing: what an interrupted build left is dropped, for nobody has used it yet.
func (p *Provisioner) buildTemplate(ctx context.Context, run Run, s *Session, node tenants.Node, releaseID, name string) error {
	db, role := tenants.Ident(name), tenants.Ident(node.TemplateRole())
	if err := s.Exec(ctx, "DROP DATABASE IF EXISTS "+db+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop an unfinished template: %w", err)
	}
	// It lets nobody in until it is closed to PUBLIC: another build's isolation check would see it open, for ever if we die here.
	if err := s.Exec(ctx, "CREATE DATABASE "+db+" TEMPLATE template0 ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	atTemplateCreated.Hit(ctx)

	// The product's migrations run as a login that can do nothing outside this database. Its password lives for this build.
	password := tenants.NewPassword()
	verifier, err := tenants.Verifier(password)
	if err != nil {
		return err
	}
	err = s.Exec(ctx, fmt.Sprintf(`
		REVOKE ALL ON DATABASE %[1]s FROM PUBLIC;
		GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %[1]s TO %[2]s;
		ALTER DATABASE %[1]s ALLOW_CONNECTIONS true;
		ALTER ROLE %[2]s LOGIN PASSWORD %[3]s`, db, role, tenants.Literal(verifier)))
	if err != nil {
		return fmt.Errorf("close to PUBLIC: %w", err)
	}
	if err := p.fillTemplate(ctx, run, node, releaseID, name, password); err != nil {
		return err
	}
	atTemplateApplied.Hit(ctx)
	if err := p.lookAtTemplate(ctx, run, node, releaseID, name); err != nil {
		return fmt.Errorf("look at what the release makes: %w", err)
	}
	atTemplateSeen.Hit(ctx)
	err = s.Exec(ctx, fmt.Sprintf(`ALTER ROLE %[2]s NOLOGIN PASSWORD NULL; ALTER DATABASE %[1]s ALLOW_CONNECTIONS false`, db, role))
	if err != nil {
		return fmt.Errorf("close to everybody: %w", err)
	}
	if err := endSessions(ctx, s, name); err != nil {
		return err
	}
	atTemplateClosed.Hit(ctx)
	return nil
}

func (p *Provisioner) fillTemplate(ctx context.Context, run Run, node tenants.Node, releaseID, name, password string) error {
	admin, err := p.admin.ConnectProvisioner(ctx, node, name, run)
	if err != nil {
		return err
	}
	_, err = admin.Exec(ctx, "GRANT ALL ON SCHEMA public TO "+tenants.Ident(node.TemplateRole()))
	closeConn(admin)
	if err != nil {
		return fmt.Errorf("open schema public to the template role: %w", err)
	}
	conn, err := p.admin.Connect(ctx, node, name, node.TemplateRole(), password, run)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if err := p.schema.Apply(ctx, conn, releaseID, "", run); err != nil {
		return fmt.Errorf("apply release: %w", err)
	}
	return nil
}
