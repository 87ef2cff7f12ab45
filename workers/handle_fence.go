package workers

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

// closeTenant moves a tenant to a state without sessions and returns the fence that other processes acknowledge. A run that
// finds the move made already gets the fence it left.
func (t *toolbox) closeTenant(ctx context.Context, r *run, to tenants.State, also record) (seq int64, err error) {
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var state tenants.State
		if err := tx.QueryRow(ctx, `SELECT state FROM tenantry.tenants WHERE id = $1`, *r.TenantID).Scan(&state); err != nil {
			return fmt.Errorf("read state: %w", err)
		}
		if state != to {
			if also != nil {
				if err := also(ctx, tx); err != nil {
					return err
				}
			}
			if err := move(ctx, tx, *r.TenantID, to); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `SELECT tenantry.fence_tenant($1)`, *r.TenantID).Scan(&seq)
		}
		return tx.QueryRow(ctx, `SELECT coalesce(max(seq), 0) FROM tenantry.fences WHERE tenant_id = $1`, *r.TenantID).Scan(&seq)
	})
	return seq, err
}

// reopen is the record that lets pools be opened again.
func reopen(tenantID string, to tenants.State, also record) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		if also != nil {
			if err := also(ctx, tx); err != nil {
				return err
			}
		}
		if err := move(ctx, tx, tenantID, to); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT tenantry.fence_tenant($1)`, tenantID)
		if err != nil {
			return fmt.Errorf("announce epoch: %w", err)
		}
		return nil
	}
}

// suspend ends a tenant's sessions and lets no new ones in.
func (t *toolbox) suspend(ctx context.Context, r *run) (done, error) {
	if _, err := t.tenant(ctx, r, tenants.StateActive, tenants.StateSuspended); err != nil {
		return done{}, err
	}
	seq, err := t.closeTenant(ctx, r, tenants.StateSuspended, nil)
	if err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "fence", 1, 2); err != nil {
		return done{}, err
	}
	return done{}, t.prov.Fence(ctx, r, *r.DatabaseID, seq)
}

// resume lets a suspended tenant's sessions in again.
func (t *toolbox) resume(ctx context.Context, r *run) (done, error) {
	tenant, err := t.tenant(ctx, r, tenants.StateSuspended, tenants.StateActive)
	if err != nil || tenant.State == tenants.StateActive {
		return done{}, err
	}
	if err := r.Step(ctx, "unfence", 1, 2); err != nil {
		return done{}, err
	}
	// Before anybody gets in: who has seen it closed must see that it is not the same any more, also when this run gets no further.
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT tenantry.fence_tenant($1)`, tenant.ID)
		return err //nolint:wrapcheck // the caller does
	})
	if err != nil {
		return done{}, err
	}
	if err := t.prov.Unfence(ctx, r, *r.DatabaseID); err != nil {
		return done{}, err
	}
	return done{record: reopen(tenant.ID, tenants.StateActive, nil)}, nil
}

// delete fences a tenant and sets the time of its purge.
func (t *toolbox) delete(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.Delete](r)
	if err != nil {
		return done{}, err
	}
	tenant, err := t.tenant(ctx, r, tenants.StateActive, tenants.StateSuspended, tenants.StateFailed, tenants.StateDeleting)
	if err != nil {
		return done{}, err
	}
	setGrace := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE tenantry.tenants
			SET state_before_delete = CASE WHEN state = 'deleting' THEN state_before_delete ELSE state END,
			    delete_after = (SELECT created_at FROM tenantry.operations WHERE id = $3) + coalesce(nullif($2, ''), tenantry.setting('delete_grace'))::interval
			WHERE id = $1`, tenant.ID, a.Grace, r.ID)
		if err != nil {
			return fmt.Errorf("set grace: %w", err)
		}
		return nil
	}
	if tenant.State == tenants.StateDeleting {
		// Deleted before, or by an attempt that is dead: this one says how long the grace is, counted from when it was asked for.
		if err := r.change(ctx, setGrace); err != nil {
			return done{}, err
		}
	}
	seq, err := t.closeTenant(ctx, r, tenants.StateDeleting, setGrace)
	if err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "fence", 1, 2); err != nil {
		return done{}, err
	}
	if err := t.prov.Fence(ctx, r, *r.DatabaseID, seq); err != nil {
		return done{}, err
	}
	tenant, err = t.reg.Tenant(ctx, tenant.ID)
	if err != nil {
		return done{}, err
	}
	return done{result: map[string]*time.Time{"delete_after": tenant.DeleteAfter}}, nil
}

// undelete makes a deleted tenant what it was.
func (t *toolbox) undelete(ctx context.Context, r *run) (done, error) {
	tenant, err := t.tenant(ctx, r, tenants.StateDeleting, tenants.StateActive, tenants.StateSuspended, tenants.StateFailed)
	if err != nil || tenant.State != tenants.StateDeleting {
		return done{}, err
	}
	var before tenants.State
	err = t.reg.Pool().QueryRow(ctx, `SELECT coalesce(state_before_delete, 'active') FROM tenantry.tenants WHERE id = $1`, tenant.ID).Scan(&before)
	if err != nil {
		return done{}, fmt.Errorf("read what it was: %w", err)
	}
	if before == tenants.StateActive {
		if err := r.Step(ctx, "unfence", 1, 2); err != nil {
			return done{}, err
		}
		if err := t.prov.Unfence(ctx, r, *r.DatabaseID); err != nil {
			return done{}, err
		}
	}
	return done{result: map[string]tenants.State{"state": before}, record: reopen(tenant.ID, before, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.tenants SET delete_after = NULL, state_before_delete = NULL WHERE id = $1`, tenant.ID)
		if err != nil {
			return fmt.Errorf("lift grace: %w", err)
		}
		return nil
	})}, nil
}

// rotate gives a tenant's roles new passwords.
func (t *toolbox) rotate(ctx context.Context, r *run) (done, error) {
	tenant, err := t.tenant(ctx, r, tenants.StateActive, tenants.StateSuspended)
	if err != nil {
		return done{}, err
	}
	if err := r.Step(ctx, "passwords", 1, 2); err != nil {
		return done{}, err
	}
	if err := t.prov.Rotate(ctx, r, *r.DatabaseID); err != nil {
		return done{}, err
	}
	return done{record: reopen(tenant.ID, tenant.State, nil)}, nil
}
