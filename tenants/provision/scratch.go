package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atScratchIntent  = crashpoint.New("scratch.intent")
	atScratchCreated = crashpoint.New("scratch.created")
	atScratchUsed    = crashpoint.New("scratch.used")
	atScratchDropped = crashpoint.New("scratch.dropped")
)

// Scratch makes an empty database on a node, lets use work in it as the node's template role, which owns what it makes and can do nothing elsewhere,
// and drops it. still is asked when it is this call's turn, whether it is needed. What a dead worker has left is dropped by the next call, or by
// [Provisioner.SweepScratches].
func (p *Provisioner) Scratch(ctx context.Context, run Run, node tenants.Node, still func(context.Context) (bool, error), use func(context.Context, *pgx.Conn) error) error {
	// The template role is shared with the builds of templates: one at a time.
	session, err := p.admin.Session(ctx, node, run, "template/"+node.ID)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := p.dropScratches(ctx, session, node); err != nil {
		return err
	}
	if needed, err := still(ctx); err != nil || !needed {
		return err
	}
	name, err := p.reg.NewScratch(ctx, node.ID, attempt(run))
	if err != nil {
		return superseded(err)
	}
	atScratchIntent.Hit(ctx)
	err = p.useScratch(ctx, run, session, node, name, use)
	atScratchUsed.Hit(ctx)
	dropping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, p.dropScratches(dropping, session, node))
}

func (p *Provisioner) useScratch(ctx context.Context, run Run, s *Session, node tenants.Node, name string, use func(ctx context.Context, conn *pgx.Conn) error) error {
	db, role := tenants.Ident(name), tenants.Ident(node.TemplateRole())
	if err := s.Exec(ctx, "CREATE DATABASE "+db+" TEMPLATE template0 ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("create scratch database: %w", err)
	}
	atScratchCreated.Hit(ctx)
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
		return fmt.Errorf("open scratch database: %w", err)
	}
	admin, err := p.admin.ConnectProvisioner(ctx, node, name, run)
	if err != nil {
		return err
	}
	_, err = admin.Exec(ctx, "GRANT ALL ON SCHEMA public TO "+role)
	closeConn(admin)
	if err != nil {
		return fmt.Errorf("open schema public to the template role: %w", err)
	}
	conn, err := p.admin.Connect(ctx, node, name, node.TemplateRole(), password, run)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	return use(ctx, conn)
}

// SweepScratches drops the scratch databases that dead workers have left on a node, if there is one at least this old. It waits for those in use.
func (p *Provisioner) SweepScratches(ctx context.Context, run Run, node tenants.Node, age time.Duration) error {
	if left, err := p.reg.Scratches(ctx, node.ID, age); err != nil || len(left) == 0 {
		return err
	}
	session, err := p.admin.Session(ctx, node, run, "template/"+node.ID)
	if err != nil {
		return err
	}
	defer session.Close()
	return p.dropScratches(ctx, session, node)
}

// dropScratches drops every scratch database of the node. The session has the lock under which they are made: none of them is in use.
func (p *Provisioner) dropScratches(ctx context.Context, s *Session, node tenants.Node) error {
	left, err := p.reg.Scratches(ctx, node.ID, 0)
	if err != nil || len(left) == 0 {
		return err
	}
	if err := s.Exec(ctx, "ALTER ROLE "+tenants.Ident(node.TemplateRole())+" NOLOGIN PASSWORD NULL"); err != nil {
		return fmt.Errorf("close the template role: %w", err)
	}
	for _, name := range left {
		if err := s.dropDatabase(ctx, name); err != nil {
			return fmt.Errorf("drop scratch database: %w", err)
		}
		atScratchDropped.Hit(ctx)
		if err := p.reg.ForgetScratch(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
