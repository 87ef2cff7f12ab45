package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atDropBefore   = crashpoint.New("drop.database.before")
	atDropDatabase = crashpoint.New("drop.database.after")
	atDropRoles    = crashpoint.New("drop.roles.after")
	atDropVerified = crashpoint.New("drop.verified")
)

// ErrAdministrator says that a superuser has a session in a database that is to be dropped, such as the one in which PgBouncer asks for
// verifiers. The provisioner may not end it.
var ErrAdministrator = errors.New("a superuser has a session in the database")

// Drop removes a database and its roles from its node, and looks that they are gone. seq is the fence to wait for,
// 0 when no process can have a pool of it. What is gone already is no error. A database that was to be adopted and is not taken over is
// somebody else's: it is given back instead ([Provisioner.GiveUp]).
func (p *Provisioner) Drop(ctx context.Context, run Run, databaseID string, seq int64) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	if foreign, err := p.foreign(ctx, databaseID); err != nil {
		return err
	} else if foreign {
		return p.GiveUp(ctx, run, databaseID)
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := run.Step(ctx, "fence", 1, 4); err != nil {
		return err
	}
	if err := p.fence(ctx, session, db, seq); err != nil {
		return err
	}
	if err := run.Step(ctx, "drop", 2, 4); err != nil {
		return err
	}
	atDropBefore.Hit(ctx)
	if err := session.dropDatabase(ctx, db.Name); err != nil {
		return fmt.Errorf("drop database: %w", session.administrator(ctx, db, err))
	}
	atDropDatabase.Hit(ctx)
	if err := p.dropRoles(ctx, session, db); err != nil {
		return err
	}
	atDropRoles.Hit(ctx)
	if err := run.Step(ctx, "verify", 3, 4); err != nil {
		return err
	}
	if err := session.gone(ctx, db); err != nil {
		return err
	}
	atDropVerified.Hit(ctx)
	return nil
}

// dropDatabase drops a database if it is there, with the sessions that it may have.
func (s *Session) dropDatabase(ctx context.Context, name string) error {
	e, err := s.entry(ctx, name)
	if err != nil || !e.exists {
		return err
	}
	force := " WITH (FORCE)"
	if e.invalid { // it allows only the plain form
		force = ""
	}
	return s.Exec(ctx, "DROP DATABASE "+tenants.Ident(name)+force)
}

// administrator says of an error of DROP DATABASE whether a superuser's session is why.
func (s *Session) administrator(ctx context.Context, db tenants.Database, dropErr error) error {
	pg, ok := errors.AsType[*pgconn.PgError](dropErr)
	if !ok || pg.Code != pgerrcode.InsufficientPrivilege {
		return dropErr
	}
	var who string
	err := s.QueryRow(ctx, `
		SELECT coalesce(string_agg(DISTINCT a.usename, ', '), '')
		FROM pg_stat_activity a
		JOIN pg_roles r ON r.oid = a.usesysid AND r.rolsuper
		WHERE a.datname = $1`, db.Name).Scan(&who)
	if err != nil || who == "" {
		return dropErr
	}
	return fmt.Errorf("%w: %s", ErrAdministrator, who)
}

// gone looks for anything of a database that is left on the node.
func (s *Session) gone(ctx context.Context, db tenants.Database) error {
	var left string
	err := s.QueryRow(ctx, `
		SELECT coalesce(string_agg(name, ', '), '')
		FROM (SELECT datname AS name FROM pg_database WHERE datname = $1
		      UNION ALL
		      SELECT rolname FROM pg_roles WHERE rolname = ANY ($2)) AS l`, db.Name, db.Roles()).Scan(&left)
	if err != nil {
		return fmt.Errorf("look for what is left: %w", err)
	}
	if left != "" {
		return fmt.Errorf("look for what is left: %s", left)
	}
	return nil
}
