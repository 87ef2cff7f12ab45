package provision

import (
	"context"
	"fmt"
	"time"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atFenceBefore   = crashpoint.New("fence.before")
	atFenceClosed   = crashpoint.New("fence.closed")
	atFenceAcked    = crashpoint.New("fence.acked")
	atFenceAfter    = crashpoint.New("fence.after")
	atUnfenceBefore = crashpoint.New("unfence.before")
	atUnfenceAfter  = crashpoint.New("unfence.after")
)

// ackWait is how long a fence waits for other processes to close their pools by themselves before it ends the sessions.
const ackWait = 3 * time.Second

// Fence lets no session into a database and ends those it has. The control database's half, the new epoch, is
// recorded already as fence number seq: first nobody new gets in, then every process closes what it holds and says so, then
// what is left is ended, then it is looked at. A database that does not exist is fenced.
func (p *Provisioner) Fence(ctx context.Context, run Run, databaseID string, seq int64) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	return p.fenceOn(ctx, run, node, db, seq)
}

// UnfenceReturned is [Provisioner.Unfence] for a node that is lost, and whose server is there again, where the database is closed.
func (p *Provisioner) UnfenceReturned(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	session, err := p.admin.Session(ctx, returned(node), run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	e, err := session.entry(ctx, db.Name)
	if err != nil || !e.exists || e.invalid || e.connectable {
		return err
	}
	return p.unfence(ctx, session, db)
}

// FenceReturned is [Provisioner.Fence] for a node that is lost, and whose server is there again.
func (p *Provisioner) FenceReturned(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	return p.fenceOn(ctx, run, returned(node), db, 0)
}

// returned is a lost node as it will be: so it can be connected to.
func returned(node tenants.Node) tenants.Node {
	node.State = tenants.NodeDraining
	return node
}

func (p *Provisioner) fenceOn(ctx context.Context, run Run, node tenants.Node, db tenants.Database, seq int64) error {
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	return p.fence(ctx, session, db, seq)
}

func (p *Provisioner) fence(ctx context.Context, session *Session, db tenants.Database, seq int64) error {
	e, err := session.entry(ctx, db.Name)
	if err != nil || !e.exists || e.invalid {
		return err
	}
	atFenceBefore.Hit(ctx)
	if e.connectable {
		if err := session.Exec(ctx, "ALTER DATABASE "+tenants.Ident(db.Name)+" ALLOW_CONNECTIONS false"); err != nil {
			return fmt.Errorf("close database: %w", err)
		}
	}
	atFenceClosed.Hit(ctx)
	if err := p.reg.AwaitFence(ctx, seq, ackWait); err != nil {
		return err
	}
	atFenceAcked.Hit(ctx)
	if err := endSessions(ctx, session, db.Name); err != nil {
		return err
	}
	atFenceAfter.Hit(ctx)
	return nil
}

// Autovacuum and superusers cannot be ended by the provisioner (since CVE-2023-5870): the first makes way by itself, the second
// are the server's own administrators.
const endSessionsSQL = `
SELECT count(pg_terminate_backend(a.pid))
FROM pg_stat_activity a
WHERE a.datname = $1
  AND a.pid <> pg_backend_pid()
  AND a.backend_type = 'client backend'
  AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid AND r.rolsuper)`

// endSessions ends the sessions of a database that lets no new ones in, and looks until there are none.
func endSessions(ctx context.Context, s *Session, database string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		var n int
		err := s.QueryRow(ctx, endSessionsSQL, database).Scan(&n)
		if err != nil {
			return fmt.Errorf("end sessions of %s: %w", database, err)
		}
		if n == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("end sessions of %s: %d do not end", database, n)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end sessions of %s: %w", database, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Unfence lets a database's own roles in again.
func (p *Provisioner) Unfence(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	return p.unfence(ctx, session, db)
}

func (p *Provisioner) unfence(ctx context.Context, session *Session, db tenants.Database) error {
	atUnfenceBefore.Hit(ctx)
	if err := session.Exec(ctx, "ALTER DATABASE "+tenants.Ident(db.Name)+" ALLOW_CONNECTIONS true"); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	atUnfenceAfter.Hit(ctx)
	return nil
}

// Rotate gives a database's roles new passwords, once per operation however often it runs.
func (p *Provisioner) Rotate(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	_, err = p.ensureRoles(ctx, run, session, db, run.OperationID())
	return err
}
