package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atAdoptBefore  = crashpoint.New("adopt.close.before")    // it is recorded that the database may be closed
	atAdoptClosed  = crashpoint.New("adopt.close.after")     // nobody gets in, nobody is in
	atAdoptRenamed = crashpoint.New("adopt.rename.after")    // it has its new name
	atAdoptWithin  = crashpoint.New("adopt.contents.within") // everything is handed over, and not committed
	atAdoptTaken   = crashpoint.New("adopt.contents.after")
	takeOverSteps  = []string{"roles", "close", "contents", "connect", "record"}
)

// ErrTaken says that a database has been taken over and cannot be given back.
var ErrTaken = errors.New("the database is taken over")

// Foreigner is a database to take over.
type Foreigner struct {
	Before Foreign
	// History is the tool's table, which the application may read and not write. nil: none.
	History pgx.Identifier
	// Verify looks, when nobody else is in the database any more, whether it is still what was found before. It is in no transaction.
	Verify func(ctx context.Context, conn *pgx.Conn) error
	// Seal writes, in the transaction that takes the database over, what else must be true from then on: its history.
	Seal func(ctx context.Context, tx pgx.Tx) error
}

// TakeOver makes a database that Tenantry did not make a tenant's: its roles, its new name, its owner, rights and history. From closing it to the end of
// one transaction nobody gets in, which takes as long as that transaction; every change before its commit is taken back when something fails, so
// that whoever used the database goes on as before. After the commit it can only go forward. It returns how long the database was closed in
// this attempt, 0 when an earlier one had taken it over.
func (p *Provisioner) TakeOver(ctx context.Context, run Run, databaseID string, what Foreigner) (time.Duration, error) {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return 0, err
	}
	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	if err := takeOverStep(ctx, run, "roles"); err != nil {
		return 0, err
	}
	credentials, err := p.ensureRoles(ctx, run, session, db, "")
	if err != nil {
		return 0, fmt.Errorf("roles: %w", err)
	}
	is, err := session.whereIs(ctx, what.Before.OID)
	if err != nil {
		return 0, err
	}
	var closed time.Duration
	if is.owner != db.Owner() {
		h := handover{Provisioner: p, run: run, session: session, node: node, db: db, what: what, before: what.Before}
		if closed, err = h.do(ctx); err != nil {
			return 0, err
		}
	}
	if err := takeOverStep(ctx, run, "connect"); err != nil {
		return closed, err
	}
	if err := p.firstConnection(ctx, run, node, db, credentials); err != nil {
		return closed, fmt.Errorf("connect: %w", err)
	}
	return closed, takeOverStep(ctx, run, "record")
}

func takeOverStep(ctx context.Context, run Run, name string) error {
	return run.Step(ctx, name, int64(slices.Index(takeOverSteps, name)), int64(len(takeOverSteps)))
}

// handover is one attempt to take a database over.
type handover struct {
	*Provisioner
	run     Run
	session *Session
	node    tenants.Node
	db      tenants.Database
	what    Foreigner
	before  Foreign // the same as what's
}

// do closes the database, takes it over and opens it to its own roles. What fails before it is taken over is taken back.
func (h *handover) do(ctx context.Context) (time.Duration, error) {
	if err := h.session.superusers(ctx, h.before.Name); err != nil {
		return 0, err
	}
	if err := takeOverStep(ctx, h.run, "close"); err != nil {
		return 0, err
	}
	if err := superseded(h.reg.SetAdoption(ctx, h.db.ID, tenants.AdoptionClosing, h.before, attempt(h.run))); err != nil {
		return 0, err
	}
	atAdoptBefore.Hit(ctx)
	begun := time.Now()
	err := h.closeAndTake(ctx)
	if err == nil {
		return time.Since(begun), nil
	}
	if errors.Is(err, ErrSuperseded) {
		return 0, err
	}
	return 0, h.giveBack(ctx, err)
}

// giveBack takes back what an attempt that failed has done, also when its context has ended, and returns why it failed.
func (h *handover) giveBack(ctx context.Context, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	err := h.session.giveBack(ctx, h.node, h.db, h.before)
	if errors.Is(err, ErrTaken) {
		// The answer to the commit was lost, and it took effect: the next attempt finds it.
		return failure
	}
	if err == nil {
		err = h.reg.SetAdoption(ctx, h.db.ID, tenants.AdoptionOpen, nil, attempt(h.run))
	}
	if err != nil {
		return fmt.Errorf("%w; give the database back: %w", failure, err)
	}
	return failure
}

func (h *handover) closeAndTake(ctx context.Context) error {
	is, err := h.session.whereIs(ctx, h.before.OID)
	if err != nil {
		return err
	}
	switch {
	case is.name == h.before.Name:
		err = h.rename(ctx)
	case !is.open: // an attempt died while it gave the database back
		err = h.session.reopen(ctx, is.name)
	}
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	atAdoptRenamed.Hit(ctx)
	if err := takeOverStep(ctx, h.run, "contents"); err != nil {
		return err
	}
	if err := h.take(ctx); err != nil {
		return fmt.Errorf("contents: %w", err)
	}
	atAdoptTaken.Hit(ctx)
	return nil
}
