package workers

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

type migrated struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Statements int    `json:"statements"` // applied by this operation's last attempt
}

// migrate applies to a tenant's database what it lacks of a release. An up-to-date tenant costs no connection.
func (t *toolbox) migrate(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.Migrate](r)
	if err != nil {
		return done{}, err
	}
	tenant, err := t.tenant(ctx, r, tenants.StateActive)
	if err != nil {
		return done{}, err
	}
	to, err := t.target(ctx, tenant, a.Release)
	if err != nil {
		return done{}, err
	}
	if to.name == tenant.Release {
		return done{result: migrated{From: tenant.Release, To: to.name}}, nil
	}
	if to.older {
		return done{}, refuse(fmt.Sprintf("tenant %s is at release %s, which is newer than %s", tenant.Slug, tenant.Release, to.name),
			"releases only go forward; publish one that undoes what you do not want")
	}
	db, err := t.reg.Database(ctx, *r.DatabaseID)
	if err != nil {
		return done{}, err
	}
	applied, err := t.applyRelease(ctx, r, db, to.id)
	if err != nil {
		return done{}, err
	}
	result := migrated{From: tenant.Release, To: to.name, Statements: applied}
	return done{result: result, record: func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE tenantry.databases SET release_id = $2 WHERE id = $1`, db.ID, to.id); err != nil {
			return fmt.Errorf("record release: %w", err)
		}
		return nil
	}}, nil
}

type target struct {
	id, name string
	older    bool // than what the tenant has
}

func (t *toolbox) target(ctx context.Context, tenant tenants.Tenant, name string) (target, error) {
	var to target
	err := t.reg.Pool().QueryRow(ctx, `
		SELECT r.id, r.name, r.seq < have.seq
		FROM tenantry.releases r
		JOIN tenantry.releases have ON have.name = $2
		WHERE r.name = coalesce(nullif($1, ''), tenantry.setting('current_release'))`, name, tenant.Release).Scan(&to.id, &to.name, &to.older)
	if err != nil {
		return to, fmt.Errorf("read target release: %w", err)
	}
	return to, nil
}

// applyRelease works as the tenant's migrator, whose session can do nothing outside this database. The session on the node
// keeps older attempts of this operation, and everything else that changes this database, away.
func (t *toolbox) applyRelease(ctx context.Context, r *run, db tenants.Database, releaseID string) (applied int, err error) {
	node, err := t.reg.Node(ctx, db.NodeID)
	if err != nil {
		return 0, err
	}
	session, err := t.admin.Session(ctx, node, r, db.Name)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	c, err := t.reg.Credential(ctx, db.ID, tenants.RoleMigrator)
	if err != nil {
		return 0, err
	}
	conn, err := t.admin.Connect(ctx, node, db.Name, c.Username, c.Password, r)
	if err != nil {
		return 0, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	result, err := t.schema.apply(ctx, conn, releaseID, db.Owner(), r, progress)
	if err != nil {
		return 0, fmt.Errorf("apply release: %w", err)
	}
	return result.Applied, nil
}

// reportProgress writes to the ledger beside the work, twice a second at most: a statement holds locks and must not wait
// for the control database.
func (t *toolbox) reportProgress(ctx context.Context, r *run) (report func(done, total int, what string), stop func()) {
	type state struct {
		done, total int
		what        string
	}
	var now atomic.Pointer[state]
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if s := now.Swap(nil); s != nil {
				if err := r.Step(ctx, s.what, int64(s.done), int64(s.total)); err != nil && ctx.Err() == nil {
					r.log.Warn().Err(err).Msg("progress not recorded")
				}
			}
		}
	}()
	return func(done, total int, what string) { now.Store(&state{done, total, what}) }, func() {
		cancel()
		<-ended
	}
}
