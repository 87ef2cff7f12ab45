package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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

// whereabouts is a database's line in the node's catalog, found by what never changes.
type whereabouts struct {
	name, owner string
	open        bool
}

func (s *Session) whereIs(ctx context.Context, oid uint32) (whereabouts, error) {
	var w whereabouts
	err := s.QueryRow(ctx, `SELECT datname, pg_get_userbyid(datdba), datallowconn FROM pg_database WHERE oid = $1`, oid).Scan(&w.name, &w.owner, &w.open)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, &tenants.Refusal{Message: "the database is not on the node any more: somebody has dropped it", Fix: "purge the tenant"}
	}
	if err != nil {
		return w, fmt.Errorf("look for the database: %w", err)
	}
	return w, nil
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

// schemasFirst puts schemas before what is in them: who gets a table must be allowed to make one there.
func schemasFirst(a, b string) int {
	schema := func(s string) int {
		if strings.HasPrefix(s, "ALTER SCHEMA ") {
			return 0
		}
		return 1
	}
	return schema(a) - schema(b)
}

func (h *handover) databaseSQL() string {
	name := tenants.Ident(h.db.Name)
	return fmt.Sprintf("ALTER DATABASE %[1]s OWNER TO %[2]s; REVOKE ALL ON DATABASE %[1]s FROM %[3]s; GRANT ALL ON DATABASE %[1]s TO %[2]s; COMMENT ON DATABASE %[1]s IS NULL;",
		name, tenants.Ident(h.db.Owner()), tenants.Ident(h.node.Provisioner)) + accessSQL(h.db)
}

// foreign says whether a database was to be adopted and is not taken over: it is not ours to drop.
func (p *Provisioner) foreign(ctx context.Context, databaseID string) (bool, error) {
	a, err := p.reg.Adoption(ctx, databaseID)
	if errors.Is(err, tenants.ErrNoAdoption) {
		return false, nil
	}
	return a.Unfinished(), err
}

// foreignOf reads what was kept of a database before something was changed, nil when nothing ever was.
func foreignOf(a tenants.Adoption) (*Foreign, error) {
	if len(a.Before) == 0 {
		return nil, nil
	}
	var f Foreign
	if err := json.Unmarshal(a.Before, &f); err != nil {
		return nil, fmt.Errorf("read what was before: %w", err)
	}
	return &f, nil
}
