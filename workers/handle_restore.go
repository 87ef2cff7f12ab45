package workers

import (
	"context"
	"fmt"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atRestoreCompared = crashpoint.New("restore.compared")
	atRestoreAnalyzed = crashpoint.New("restore.analyzed")
	atRestoreOpen     = crashpoint.New("restore.open")
)

// restoredAs is the result of a restore.
type restoredAs struct {
	Backup  string `json:"backup"`
	At      string `json:"at"` // what the database is as of
	Node    string `json:"node"`
	Rows    int64  `json:"rows"`
	Release string `json:"release"`
	// Skipped is what is not restored: grants to roles that are not the tenant's, and publications.
	Skipped []string `json:"skipped,omitempty"`
}

// restore makes a tenant of what a backup holds. It is the tenant's only when it was compared with what was dumped.
func (t *toolbox) restore(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.Restore](r)
	if err != nil {
		return done{}, err
	}
	tenant, err := t.tenant(ctx, r, tenants.StateRequested, tenants.StateProvisioning, tenants.StateFailed, tenants.StateActive)
	if err != nil {
		return done{}, err
	}
	row, err := t.vault.catalog.Get(ctx, a.Backup)
	if err != nil {
		return done{}, err
	}
	result := restoredAs{Backup: row.ID, Node: tenant.Node, Release: row.Release}
	if row.Manifest != nil {
		result.At, result.Rows = row.Manifest.At.Format("2006-01-02T15:04:05Z07:00"), row.Manifest.Rows
	}
	if tenant.State == tenants.StateActive {
		return done{result: result}, nil
	}
	if err := r.change(ctx, r.tenantBuilding); err != nil {
		return done{}, err
	}
	if err := t.bringBackTo(ctx, r, row, &result); err != nil {
		if saysOfBackup(err) {
			err = &refusal{code: "backup_failed", message: clean(err.Error()), hint: "restore another backup: tenantry backup list " + row.Tenant}
		}
		return done{}, err
	}
	if err := r.Step(ctx, "open", 0, 0); err != nil {
		return done{}, err
	}
	if err := t.prov.Open(ctx, r, *r.DatabaseID); err != nil {
		return done{}, err
	}
	atRestoreOpen.Hit(ctx)
	return done{result: result, record: r.tenantBuilt}, nil
}

// bringBackTo restores, compares and analyzes.
func (t *toolbox) bringBackTo(ctx context.Context, r *run, row backup.Row, result *restoredAs) error {
	restored, err := t.bringBackSame(ctx, r, row, *r.DatabaseID)
	if err != nil {
		return err
	}
	defer restored.close(ctx)
	atRestoreCompared.Hit(ctx)
	result.Skipped = restored.Skipped
	if err := r.Step(ctx, "analyze", 0, 0); err != nil {
		return err
	}
	// Without statistics the first queries would be planned for empty tables.
	if _, err := restored.conn.Exec(ctx, "ANALYZE"); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	atRestoreAnalyzed.Hit(ctx)
	return nil
}
