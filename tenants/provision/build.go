package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atTemplate        = crashpoint.New("build.template.before")
	atRolesBefore     = crashpoint.New("build.roles.before")
	atRolesIntent     = crashpoint.New("build.roles.intent")
	atRolesAfter      = crashpoint.New("build.roles.after")
	atDatabaseBefore  = crashpoint.New("build.database.before")
	atDatabaseCreated = crashpoint.New("build.database.created")
	atDatabaseAfter   = crashpoint.New("build.database.after")
	atContentsAfter   = crashpoint.New("build.contents.after")
	atConnectAfter    = crashpoint.New("build.connect.after")
	buildSteps        = []string{"template", "roles", "database", "contents", "connect", "record"}

	errIsolationBroken = errors.New("isolation check")
)

// ErrTemplateLost says that the template that was to be copied is gone from the node. The next attempt builds it anew.
var ErrTemplateLost = errors.New("the node has lost its template")

// Build makes a database what its row says: roles, isolation, the schema of its release, and a first connection
// already paid. It leaves a complete database alone.
func (p *Provisioner) Build(ctx context.Context, run Run, databaseID string) error {
	db, node, err := p.place(ctx, databaseID)
	if err != nil {
		return err
	}
	if err := p.step(ctx, run, "template"); err != nil {
		return err
	}
	atTemplate.Hit(ctx)
	template, err := p.ensureTemplate(ctx, run, node, db.ReleaseID)
	if err != nil {
		return fmt.Errorf("template: %w", err)
	}

	session, err := p.admin.Session(ctx, node, run, db.Name)
	if err != nil {
		return err
	}
	defer session.Close()

	if err := p.step(ctx, run, "roles"); err != nil {
		return err
	}
	credentials, err := p.ensureRoles(ctx, run, session, db, "")
	if err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	if err := p.step(ctx, run, "database"); err != nil {
		return err
	}
	if err := p.ensureDatabase(ctx, session, db, template); err != nil {
		if errors.Is(err, ErrTemplateLost) {
			// Somebody dropped it behind our back.
			err = errors.Join(err, superseded(p.reg.TemplateLost(ctx, node.ID, db.ReleaseID, attempt(run))))
		}
		return fmt.Errorf("database: %w", err)
	}
	if err := p.step(ctx, run, "contents"); err != nil {
		return err
	}
	if err := p.ensureContents(ctx, run, node, db); err != nil {
		return fmt.Errorf("contents: %w", err)
	}
	atContentsAfter.Hit(ctx)
	if err := p.step(ctx, run, "connect"); err != nil {
		return err
	}
	if err := p.firstConnection(ctx, run, node, db, credentials); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	atConnectAfter.Hit(ctx)
	return p.step(ctx, run, "record")
}

func (p *Provisioner) step(ctx context.Context, run Run, name string) error {
	return run.Step(ctx, name, int64(slices.Index(buildSteps, name)), int64(len(buildSteps)))
}

// ensureRoles makes the roles that are missing and sets their passwords. The provisioner becomes a member of the owner, to make
// its database and hand it what is in it.
func (p *Provisioner) ensureRoles(ctx context.Context, run Run, s *Session, db tenants.Database, renewal string) ([]tenants.Credential, error) {
	atRolesBefore.Hit(ctx)
	credentials, err := p.reg.EnsureCredentials(ctx, db, renewal, attempt(run))
	if err != nil {
		return nil, superseded(err)
	}
	atRolesIntent.Hit(ctx)
	rows, err := s.Query(ctx, `SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)`, db.Roles())
	if err != nil {
		return nil, fmt.Errorf("look for roles: %w", err)
	}
	have, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for roles: %w", err)
	}

	sql, err := rolesSQL(db, credentials, have)
	if err != nil {
		return nil, err
	}
	if err := s.Exec(ctx, sql); err != nil {
		return nil, fmt.Errorf("create roles: %w", err)
	}
	atRolesAfter.Hit(ctx)
	return credentials, nil
}

// ensureDatabase copies the template. The copy lets nobody in until it is closed to PUBLIC.
func (p *Provisioner) ensureDatabase(ctx context.Context, s *Session, db tenants.Database, template string) error {
	e, err := s.entry(ctx, db.Name)
	if err != nil {
		return err
	}
	if e.invalid {
		if err := s.Exec(ctx, "DROP DATABASE "+tenants.Ident(db.Name)); err != nil {
			return fmt.Errorf("drop the rest of an interrupted drop: %w", err)
		}
		e = entry{}
	}
	if !e.exists {
		atDatabaseBefore.Hit(ctx)
		err := s.Exec(ctx, createSQL(db, template))
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "3D000" {
			return fmt.Errorf("%w: %s", ErrTemplateLost, template)
		}
		if err != nil {
			return fmt.Errorf("copy template %s: %w", template, err)
		}
		atDatabaseCreated.Hit(ctx)
	}
	if e.connectable {
		return nil
	}
	if err := s.Exec(ctx, openSQL(db)); err != nil {
		return fmt.Errorf("close to PUBLIC, open to its roles: %w", err)
	}
	atDatabaseAfter.Hit(ctx)
	return nil
}

func (p *Provisioner) ensureContents(ctx context.Context, run Run, node tenants.Node, db tenants.Database) error {
	conn, err := p.admin.ConnectProvisioner(ctx, node, db.Name, run)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	// The batch's last statement counts the history: one round trip for all of it.
	results, err := conn.PgConn().Exec(ctx, contentsSQL(db, node)).ReadAll()
	if err != nil {
		return fmt.Errorf("hand over to the owner: %w", err)
	}
	want, err := p.schema.Statements(ctx, db.ReleaseID)
	if err != nil {
		return err
	}
	last := results[len(results)-1]
	if got := string(last.Rows[0][0]); got != fmt.Sprint(want) {
		return fmt.Errorf("its history has %s finished statements, the release %d", got, want)
	}
	return nil
}

// firstConnection logs in as the application does: it proves the password, pays for the relation cache that the first
// connection to a database builds (about 20 ms), and looks at the isolation from inside.
func (p *Provisioner) firstConnection(ctx context.Context, run Run, node tenants.Node, db tenants.Database, credentials []tenants.Credential) error {
	i := slices.IndexFunc(credentials, func(c tenants.Credential) bool { return c.Role == tenants.RoleApp })
	conn, err := p.admin.Connect(ctx, node, db.Name, credentials[i].Username, credentials[i].Password, run)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	var powerful, public bool
	var others string
	if err := conn.QueryRow(ctx, isolationSQL, pgx.QueryExecModeExec).Scan(&powerful, &public, &others); err != nil {
		return fmt.Errorf("look from inside: %w", err)
	}
	switch {
	case powerful:
		return fmt.Errorf("%w: %s has a server-wide attribute", errIsolationBroken, credentials[i].Username)
	case public:
		return fmt.Errorf("%w: PUBLIC may connect to %s", errIsolationBroken, db.Name)
	case others != "":
		return fmt.Errorf("%w: %s may connect to %s: run tenantry node add again, or REVOKE ALL ON DATABASE … FROM PUBLIC",
			errIsolationBroken, credentials[i].Username, others)
	}
	return nil
}
