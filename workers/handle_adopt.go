package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
)

type adopted struct {
	AdoptionReport
	// Name of the database now.
	Name string `json:"name"`
	// ClosedMS is how long nobody could use it, in milliseconds; 0 when the attempt that closed it did not live to tell.
	ClosedMS int64 `json:"closed_ms"`
}

// adopt makes a tenant of a database that another tool has migrated. Until it is taken over everything can be, and on an error is, taken back.
func (t *toolbox) adopt(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.Adopt](r)
	if err != nil {
		return done{}, err
	}
	tenant, err := t.tenant(ctx, r, tenants.StateRequested, tenants.StateProvisioning, tenants.StateFailed, tenants.StateActive)
	if err != nil {
		return done{}, err
	}
	if tenant.State == tenants.StateActive {
		return done{result: map[string]string{"database": a.Database, "name": tenant.Database, "node": tenant.Node, "release": tenant.Release}}, nil
	}
	if err := r.change(ctx, r.tenantBuilding); err != nil {
		return done{}, err
	}
	result, err := t.takeOver(ctx, r, a)
	if err != nil {
		return done{}, told(err)
	}
	return done{result: result, record: func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.adoptions SET state = 'taken', taken_at = now() WHERE database_id = $1`, *r.DatabaseID)
		if err != nil {
			return fmt.Errorf("record adoption: %w", err)
		}
		return r.tenantBuilt(ctx, tx)
	}}, nil
}

// takeOver looks at the database and takes it over, or finishes what an attempt before this one has begun.
func (t *toolbox) takeOver(ctx context.Context, r *run, a jobs.Adopt) (adopted, error) {
	db, err := t.reg.Database(ctx, *r.DatabaseID)
	if err != nil {
		return adopted{}, err
	}
	node, err := t.reg.Node(ctx, db.NodeID)
	if err != nil {
		return adopted{}, err
	}
	if err := t.sweep(ctx, r, node); err != nil {
		return adopted{}, err
	}
	// An attempt that died may have left it closed: it is given back before anybody takes his time over it.
	err = t.prov.Restore(ctx, r, db.ID)
	if errors.Is(err, provision.ErrTaken) {
		return t.finish(ctx, r, db)
	}
	if err != nil {
		return adopted{}, err
	}
	e := examination{toolbox: t, run: r, node: node, source: a.Database, release: a.Release, table: a.HistoryTable, accept: a.AcceptDrift}
	found, err := e.look(ctx)
	if err != nil {
		return adopted{}, err
	}
	if err := t.recordLook(ctx, r, found); err != nil {
		return adopted{}, err
	}
	if found.report.Refused != "" {
		return adopted{}, &tenants.RefusedError{Message: found.report.Refused, Fix: found.report.Fix, SQL: found.report.SQL}
	}
	closed, err := t.prov.TakeOver(ctx, r, db.ID, provision.Foreigner{
		Before:  found.foreign,
		History: found.history.Table.Identifier(),
		Verify:  found.unchanged,
		Seal:    found.seal(db, r.ID),
	})
	return adopted{AdoptionReport: found.report, Name: db.Name, ClosedMS: closed.Milliseconds()}, err
}

// sweep drops scratch databases that nobody can be using: after a start that was lost, all; else those older than an attempt may be.
func (t *toolbox) sweep(ctx context.Context, r *run, node tenants.Node) error {
	age := buildTimeout
	if r.Attempt() > 1 {
		age = 0
	}
	return t.prov.SweepScratches(ctx, r, node, age)
}

// recordLook keeps what was found beside the adoption, also when it is refused: people read it there.
func (t *toolbox) recordLook(ctx context.Context, r *run, found examined) error {
	report, err := json.Marshal(found.report)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	return r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.adoptions SET report = $2, history_table = $3 WHERE database_id = $1`,
			*r.DatabaseID, string(cleanJSON(report)), found.report.HistoryTable)
		if err == nil && found.stands != nil {
			_, err = tx.Exec(ctx, `UPDATE tenantry.databases SET release_id = $2 WHERE id = $1`, *r.DatabaseID, found.stands.ID)
		}
		if err != nil {
			return fmt.Errorf("record what was found: %w", err)
		}
		return nil
	})
}

// finish looks after a database that is taken over and was not recorded so.
func (t *toolbox) finish(ctx context.Context, r *run, db tenants.Database) (adopted, error) {
	a, err := t.reg.Adoption(ctx, db.ID)
	if err != nil {
		return adopted{}, err
	}
	result := adopted{Name: db.Name}
	var what provision.Foreigner
	if err := errors.Join(json.Unmarshal(a.Report, &result.AdoptionReport), json.Unmarshal(a.Before, &what.Before)); err != nil {
		return adopted{}, fmt.Errorf("read what was found: %w", err)
	}
	_, err = t.prov.TakeOver(ctx, r, db.ID, what)
	return result, err
}

func (t *toolbox) abandonAdopt(r *run) record {
	failed := t.abandonProvision(r)
	return func(ctx context.Context, tx pgx.Tx) error {
		if err := failed(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT tenantry.abandon_adoption($1, $2)`, *r.TenantID, *r.DatabaseID); err != nil {
			return fmt.Errorf("ask for the database to be given back: %w", err)
		}
		return nil
	}
}

// adoptCheck looks only.
func (t *toolbox) adoptCheck(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.AdoptCheck](r)
	if err != nil {
		return done{}, err
	}
	node, err := t.reg.Node(ctx, a.Node)
	if errors.Is(err, tenants.ErrNoNode) {
		return done{}, refuse("there is no node "+a.Node, "see tenantry node list")
	}
	if err != nil {
		return done{}, err
	}
	if err := t.sweep(ctx, r, node); err != nil {
		return done{}, err
	}
	found, err := examination{toolbox: t, run: r, node: node, source: a.Database, release: a.Release, table: a.HistoryTable}.look(ctx)
	return done{result: found.report}, err
}

// unadopt gives a database back that an adoption has left closed.
func (t *toolbox) unadopt(ctx context.Context, r *run) (done, error) {
	if _, err := t.tenant(ctx, r, tenants.StateFailed, tenants.StateDeleting); err != nil {
		return done{}, err
	}
	err := t.prov.Restore(ctx, r, *r.DatabaseID)
	if errors.Is(err, provision.ErrTaken) {
		return done{}, refuse("the database is taken over, and its adoption is not finished", "tenantry op retry, with the adoption's operation")
	}
	return done{}, told(err)
}

// purgeForeign ends a tenant whose adoption was not finished: the database is what it was, and the fleet knows nothing of it any more.
func (t *toolbox) purgeForeign(ctx context.Context, r *run, tenant tenants.Tenant, a tenants.Adoption) (done, error) {
	if err := t.prov.GiveUp(ctx, r, a.DatabaseID); err != nil {
		return done{}, told(err)
	}
	return done{result: map[string]string{"kept": a.Source, "node": tenant.Node}, record: func(ctx context.Context, tx pgx.Tx) error {
		if err := forget(ctx, tx, a.DatabaseID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE tenantry.adoptions SET state = 'undone' WHERE database_id = $1`, a.DatabaseID); err != nil {
			return fmt.Errorf("record adoption: %w", err)
		}
		if err := move(ctx, tx, tenant.ID, tenants.StateDeleting); err != nil {
			return err
		}
		return move(ctx, tx, tenant.ID, tenants.StateDeleted)
	}}, nil
}

// told says a refusal of the packages below in the ledger's form.
func told(err error) error {
	r, ok := errors.AsType[*tenants.RefusedError](err)
	if !ok {
		return err
	}
	hint := r.Fix
	if len(r.SQL) > 0 {
		hint += ": " + strings.Join(r.SQL, "; ")
	}
	return refuse(clean(r.Message), clean(hint))
}

// closeQuietly closes a connection, also when the run's context has ended.
func closeQuietly(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
