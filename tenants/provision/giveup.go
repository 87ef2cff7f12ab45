package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atGiveUpClosed = crashpoint.New("giveup.close.after")
	atGiveUpGiven  = crashpoint.New("giveup.rename.after")
	atGiveUpRoles  = crashpoint.New("giveup.roles.after")
)

// Restore gives a database back that an adoption has left closed or renamed: whoever used it goes on as before. Its roles stay for the next attempt.
// ErrTaken: it is taken over already, and is left as it is.
func (p *Provisioner) Restore(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	return p.restore(ctx, run, session, node, db)
}

func (p *Provisioner) restore(ctx context.Context, run Run, session *Session, node tenants.Node, db tenants.Database) error {
	a, err := p.reg.Adoption(ctx, db.ID)
	if err != nil {
		return err
	}
	if err := run.Step(ctx, "give back", 0, 2); err != nil {
		return err
	}
	before, err := foreignOf(a)
	if err != nil {
		return err
	}
	if before == nil || a.State != tenants.AdoptionClosing {
		return nil // nothing of it was changed
	}
	if err := session.giveBack(ctx, node, db, *before); err != nil {
		return err
	}
	return superseded(p.reg.SetAdoption(ctx, db.ID, tenants.AdoptionOpen, nil, attempt(run)))
}

// GiveUp takes back all of an adoption that was not finished: the database is what it was, with its own name, and its new roles are gone. It
// never drops the database. One that is taken over already is refused.
func (p *Provisioner) GiveUp(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()
	err = p.restore(ctx, run, session, node, db)
	if errors.Is(err, ErrTaken) {
		return &tenants.RefusedError{
			Message: fmt.Sprintf("database %s is taken over, and its adoption is not finished", db.Name),
			Fix:     "finish it: tenantry op retry, with the adoption's operation; then it can be deleted like any other",
		}
	}
	if err != nil {
		return err
	}
	if err := run.Step(ctx, "drop roles", 1, 2); err != nil {
		return err
	}
	if err := p.dropRoles(ctx, session, db); err != nil {
		return err
	}
	atGiveUpRoles.Hit(ctx)
	if err := session.gone(ctx, db); err != nil {
		return err
	}
	return p.SweepScratches(ctx, run, node, 0)
}

func (p *Provisioner) dropRoles(ctx context.Context, session *Session, db tenants.Database) error {
	roles := make([]string, 0, 4)
	for _, role := range db.Roles() {
		roles = append(roles, tenants.Ident(role))
	}
	if err := session.Exec(ctx, "DROP ROLE IF EXISTS "+strings.Join(roles, ", ")); err != nil {
		return fmt.Errorf("drop roles: %w", err)
	}
	return nil
}

// giveBack gives a database its name and its rights back and opens it. ErrTaken: it is taken over, and stays open to its own roles. It looks
// again when nobody is in it any more, for the transaction that takes it over may be the last one there.
func (s *Session) giveBack(ctx context.Context, node tenants.Node, db tenants.Database, before Foreign) error {
	is, err := s.whereIs(ctx, before.OID)
	if err != nil {
		return err
	}
	if is.owner == db.Owner() {
		return ErrTaken
	}
	if is.name == before.Name {
		return s.reopen(ctx, is.name)
	}
	if is.open {
		if err := s.Exec(ctx, "ALTER DATABASE "+tenants.Ident(is.name)+" ALLOW_CONNECTIONS false"); err != nil {
			return fmt.Errorf("close database: %w", err)
		}
	}
	if err := endSessions(ctx, s, is.name); err != nil {
		return err
	}
	atGiveUpClosed.Hit(ctx)
	if is, err = s.whereIs(ctx, before.OID); err != nil {
		return err
	}
	if is.owner == db.Owner() {
		if err := s.reopen(ctx, is.name); err != nil {
			return err
		}
		return ErrTaken
	}
	name := tenants.Ident(before.Name)
	sql := fmt.Sprintf("ALTER DATABASE %s RENAME TO %s; REVOKE ALL ON DATABASE %[2]s FROM %[3]s; ", tenants.Ident(is.name), name, tenants.Ident(node.Provisioner)) +
		regrant(name, before.Grants) + "ALTER DATABASE " + name + " ALLOW_CONNECTIONS true"
	if err := s.Exec(ctx, sql); err != nil {
		return fmt.Errorf("rename database back: %w", occupied(err))
	}
	atGiveUpGiven.Hit(ctx)
	return nil
}

func (s *Session) reopen(ctx context.Context, database string) error {
	if err := s.Exec(ctx, "ALTER DATABASE "+tenants.Ident(database)+" ALLOW_CONNECTIONS true"); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

// regrant gives rights on a database as they were.
func regrant(name string, grants []grant) string {
	var sql strings.Builder
	for _, g := range grants {
		fmt.Fprintf(&sql, "GRANT %s ON DATABASE %s TO %s", g.Privilege, name, g.to())
		if g.Grantable && g.Grantee != "" {
			sql.WriteString(" WITH GRANT OPTION")
		}
		sql.WriteString("; ")
	}
	return sql.String()
}
