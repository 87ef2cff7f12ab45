package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atSwapRow     = crashpoint.New("swap.row.after")
	atSwapUpdated = crashpoint.New("swap.updated")
	atSwapReady   = crashpoint.New("swap.ready")
	atSwapClosed  = crashpoint.New("swap.closed")
	atSwapOpen    = crashpoint.New("swap.open")
	atSwapped     = crashpoint.New("swap.swapped")
)

// swap is a row of tenantry.swaps: a tenant's database is replaced.
type swap struct {
	Old, New  string
	State     string
	KeepUntil *time.Time
}

// swapBegunError is an error after a swap was ready: the tenant may be closed, so it is tried again until it is through.
type swapBegunError struct{ err error }

func (e *swapBegunError) Error() string { return e.err.Error() }

func (e *swapBegunError) Unwrap() error { return e.err }

// swapped is the result of a restore in place, and of its undoing.
type swapped struct {
	Backup    string     `json:"backup,omitempty"`
	Database  string     `json:"database"` // in which the tenant lives now
	Replaced  string     `json:"replaced"` // in which it lived
	KeptUntil *time.Time `json:"kept_until"`
	ClosedMS  float64    `json:"closed_ms"` // how long the tenant had no database, in milliseconds
	Skipped   []string   `json:"skipped,omitempty"`
}

// restoreInPlace replaces a tenant's database by what a backup holds.
func (t *toolbox) restoreInPlace(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.RestoreInPlace](r)
	if err != nil {
		return done{}, err
	}
	tenant, err := t.tenant(ctx, r, tenants.StateActive, tenants.StateSuspended)
	if err != nil {
		return done{}, err
	}
	row, err := t.vault.catalog.Get(ctx, a.Backup)
	if err != nil {
		return done{}, err
	}
	s, err := t.beginRestoreInPlace(ctx, r, a)
	if err != nil {
		return done{}, err
	}
	atSwapRow.Hit(ctx)
	result := swapped{Backup: row.ID}
	if s.State == "restoring" {
		if err := t.bringBackBeside(ctx, r, row, s, &result); err != nil {
			if saysOfBackup(err) {
				err = &refusal{code: "backup_failed", message: clean(err.Error()), hint: "the tenant is as it was; restore another backup: tenantry backup list " + tenant.Slug}
			}
			return done{}, err
		}
		if err := r.change(ctx, setSwap(r.ID, "ready")); err != nil {
			return done{}, err
		}
	}
	atSwapReady.Hit(ctx)
	if err := t.exchange(ctx, r, tenant.State, s, &result); err != nil {
		return done{}, &swapBegunError{err}
	}
	return done{result: result, schema: true}, nil
}

// beginRestoreInPlace makes the row of the new database, before the database, and says how far an earlier attempt has come.
func (t *toolbox) beginRestoreInPlace(ctx context.Context, r *run, a jobs.RestoreInPlace) (swap, error) {
	var s swap
	err := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if s, err = readSwap(ctx, tx, r.ID); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := stillLost(ctx, tx, *r.TenantID, a.Lost); err != nil {
			return err
		}
		// One that was given up and is asked for again begins anew.
		if _, err := tx.Exec(ctx, `DELETE FROM tenantry.swaps WHERE operation_id = $1 AND state = 'given_up'`, r.ID); err != nil {
			return err //nolint:wrapcheck // the caller does
		}
		err = tx.QueryRow(ctx, `
			WITH home AS (
			  SELECT d.* FROM tenantry.tenants t JOIN tenantry.databases d ON d.id = t.database_id WHERE t.id = $1
			), made AS (
			  INSERT INTO tenantry.databases (node_id, release_id, tenant_id)
			  SELECT tenantry.refuge(id, nullif($3, '')), release_id, $1 FROM home
			  RETURNING id
			)
			INSERT INTO tenantry.swaps (operation_id, tenant_id, backup_id, old_database_id, new_database_id)
			SELECT $2, $1, $4, home.id, made.id FROM home, made
			RETURNING old_database_id, new_database_id, state, keep_until`, *r.TenantID, r.ID, a.Node, a.Backup).Scan(&s.Old, &s.New, &s.State, &s.KeepUntil)
		return err //nolint:wrapcheck // the caller does
	})
	return s, err
}

// stillLost refuses a restore that is asked for because a database is lost, when it is not any more: the tenant lives elsewhere, or its node is there again. databaseID
// may be "".
func stillLost(ctx context.Context, tx pgx.Tx, tenantID, databaseID string) error {
	if databaseID == "" {
		return nil
	}
	var lost bool
	err := tx.QueryRow(ctx, `
		SELECT n.state = 'lost'
		FROM tenantry.tenants t
		JOIN tenantry.databases d ON d.id = t.database_id AND d.id = $2
		JOIN tenantry.nodes n ON n.id = d.node_id
		WHERE t.id = $1
		FOR SHARE OF n`, tenantID, databaseID).Scan(&lost)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !lost {
		return refuse("the tenant does not live in a database that is lost any more: nothing is restored", "see tenantry tenant show")
	}
	return err //nolint:wrapcheck // the caller does
}

func readSwap(ctx context.Context, tx pgx.Tx, operation string) (s swap, err error) {
	err = tx.QueryRow(ctx, `SELECT old_database_id, new_database_id, state, keep_until FROM tenantry.swaps WHERE operation_id = $1 AND state <> 'given_up'`, operation).
		Scan(&s.Old, &s.New, &s.State, &s.KeepUntil)
	return s, err //nolint:wrapcheck // the caller does
}

func setSwap(operation, state string) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tenantry.swaps SET state = $2 WHERE operation_id = $1`, operation, state)
		return err //nolint:wrapcheck // the caller does
	}
}

// bringBackBeside restores into the new database, compares it, and brings it to the release that the tenant has now.
func (t *toolbox) bringBackBeside(ctx context.Context, r *run, row backup.Row, s swap, result *swapped) error {
	restored, err := t.bringBackSame(ctx, r, row, s.New)
	if err != nil {
		return err
	}
	result.Skipped = restored.Skipped
	restored.close(ctx)
	if err := t.catchUp(ctx, r, s.New); err != nil {
		return err
	}
	atSwapUpdated.Hit(ctx)
	return t.prov.Open(ctx, r, s.New)
}

// catchUp applies to a restored database what it lacks of its release, and gathers statistics.
func (t *toolbox) catchUp(ctx context.Context, r *run, databaseID string) error {
	db, err := t.reg.Database(ctx, databaseID)
	if err != nil {
		return err
	}
	node, err := t.reg.Node(ctx, db.NodeID)
	if err != nil {
		return err
	}
	login, err := t.reg.Credential(ctx, databaseID, tenants.RoleMigrator)
	if err != nil {
		return err
	}
	conn, err := t.admin.Connect(ctx, node, db.Name, login.Username, login.Password, r)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	if _, err := t.schema.apply(ctx, conn, db.ReleaseID, db.Owner(), r, progress); err != nil {
		return fmt.Errorf("apply release: %w", err)
	}
	if _, err := conn.Exec(ctx, "SET ROLE "+tenants.Ident(db.Owner())+"; ANALYZE", pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	return nil
}

// exchange closes the old database, opens the new one, and lets the tenant live there. It runs to its end, as often as it takes. That of a suspended
// tenant stays closed.
func (t *toolbox) exchange(ctx context.Context, r *run, state tenants.State, s swap, result *swapped) error {
	old, err := t.reg.Database(ctx, s.Old)
	if err != nil {
		return err
	}
	now, err := t.reg.Database(ctx, s.New)
	if err != nil {
		return err
	}
	result.Database, result.Replaced, result.KeptUntil = now.Name, old.Name, s.KeepUntil
	if s.State == "swapped" {
		return nil
	}
	// Before the tenant has nothing, it is looked whether there is something for it.
	if _, err := t.prov.Facts(ctx, s.New); err != nil {
		return t.ownLost(ctx, r, state, s, err)
	}
	begun := time.Now()
	var seq int64
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT tenantry.fence_tenant($1)`, *r.TenantID).Scan(&seq)
	})
	if err != nil {
		return err
	}
	lost, err := t.closeOld(ctx, r, old, seq)
	if err != nil {
		return err
	}
	atSwapClosed.Hit(ctx)
	if err := t.letIn(ctx, r, s.New, state); err != nil {
		return t.ownLost(ctx, r, state, s, err)
	}
	atSwapOpen.Hit(ctx)
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := sameAsClosed(ctx, tx, old.NodeID, lost); err != nil {
			return err
		}
		if err := sameAsClosed(ctx, tx, now.NodeID, false); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, swapSQL, *r.TenantID, s.Old, s.New, r.ID).Scan(&result.KeptUntil); err != nil {
			return err //nolint:wrapcheck // the caller does
		}
		_, err := tx.Exec(ctx, `SELECT tenantry.fence_tenant($1)`, *r.TenantID)
		return err //nolint:wrapcheck // the caller does
	})
	if err != nil {
		return err
	}
	result.ClosedMS = milliseconds(time.Since(begun))
	atSwapped.Hit(ctx)
	return nil
}

// closeOld lets nobody into the database that a tenant had. That of a lost node cannot be closed: it is when the node comes back, see returnNode. Every process throws
// its pools of it away all the same.
func (t *toolbox) closeOld(ctx context.Context, r *run, old tenants.Database, seq int64) (lost bool, err error) {
	node, err := t.reg.Node(ctx, old.NodeID)
	if err != nil {
		return false, err
	}
	if node.State == tenants.NodeLost {
		return true, t.reg.AwaitFence(ctx, seq, ackWait)
	}
	return false, t.prov.Fence(ctx, r, old.ID, seq)
}

// letIn lets a tenant's sessions into a database, or none where the tenant is suspended.
func (t *toolbox) letIn(ctx context.Context, r *run, databaseID string, state tenants.State) error {
	if state == tenants.StateActive {
		return t.prov.Unfence(ctx, r, databaseID)
	}
	return t.prov.Fence(ctx, r, databaseID, 0)
}

// ownLost takes a swap back when err is that the node of the database is lost in which the tenant was to live: it lives on where it lived.
func (t *toolbox) ownLost(ctx context.Context, r *run, state tenants.State, s swap, err error) error {
	if !errors.Is(err, tenants.ErrNodeLost) {
		return err
	}
	if err := t.letIn(ctx, r, s.Old, state); err != nil && !errors.Is(err, tenants.ErrNodeLost) {
		return err
	}
	changeErr := r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// What a restore was making is given up with its operation; what an undo was to bring back stays what it is, and may be asked for again.
		_, err := tx.Exec(ctx, `
			WITH epoch AS (SELECT tenantry.fence_tenant($2)), undo AS (
			  DELETE FROM tenantry.swaps WHERE operation_id = $1 AND backup_id IS NULL
			)
			UPDATE tenantry.swaps SET state = 'restoring' FROM epoch WHERE operation_id = $1 AND backup_id IS NOT NULL`, r.ID, *r.TenantID)
		return err //nolint:wrapcheck // the caller does
	})
	if changeErr != nil {
		return changeErr
	}
	return &refusal{
		code: "node_lost", message: "the tenant lives where it lived: " + clean(err.Error()),
		hint: "restore it onto another node, or, when the node is there again, ask again: tenantry node return",
	}
}

// errNodeChanged says that a node was lost, or came back, while a database on it was being closed. The next attempt closes it as it is by then.
var errNodeChanged = errors.New("the node of the tenant's former or new database was declared lost, or came back, meanwhile")

// sameAsClosed looks, for the rest of the transaction, whether a node is as it was when a database on it was closed, or could not be.
func sameAsClosed(ctx context.Context, tx pgx.Tx, nodeID string, lost bool) error {
	var state string
	if err := tx.QueryRow(ctx, `SELECT state FROM tenantry.nodes WHERE id = $1 FOR SHARE`, nodeID).Scan(&state); err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	if (state == tenants.NodeLost) != lost {
		return errNodeChanged
	}
	return nil
}

// ackWait is how long other processes are waited for that close their pools of a database that cannot be closed itself.
const ackWait = 3 * time.Second

// swapSQL lets a tenant live in another database. Operations that wait for their turn were asked about the one that it had.
const swapSQL = `
WITH tenant AS (
  UPDATE tenantry.tenants SET database_id = $3 WHERE id = $1
), waiting AS (
  UPDATE tenantry.operations SET database_id = $3 WHERE tenant_id = $1 AND database_id = $2 AND finished_at IS NULL
), old AS (
  UPDATE tenantry.databases d SET state = CASE WHEN n.state = 'lost' THEN 'lost' ELSE 'retained' END
  FROM tenantry.nodes n
  WHERE d.id = $2 AND n.id = d.node_id
  RETURNING d.state
), new AS (
  UPDATE tenantry.databases SET state = 'assigned', assigned_at = coalesce(assigned_at, now()), built_at = coalesce(built_at, now()) WHERE id = $3
), undone AS (
  -- The one that it lives in now is not dropped when its time is over.
  UPDATE tenantry.swaps SET keep_until = NULL WHERE tenant_id = $1 AND old_database_id = $3
)
UPDATE tenantry.swaps SET state = 'swapped', swapped_at = now(), keep_until = CASE WHEN old.state = 'retained' THEN now() + tenantry.setting('retain_replaced')::interval END
FROM old
WHERE operation_id = $4
RETURNING keep_until`

// abandonSwap gives the database that was to be the tenant's to the refill, which clears away what failed. The tenant is as it was.
func (t *toolbox) abandonSwap(r *run) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			WITH given AS (
			  UPDATE tenantry.swaps SET state = 'given_up' WHERE operation_id = $1 AND state = 'restoring' RETURNING new_database_id
			)
			UPDATE tenantry.databases d SET state = 'failed', tenant_id = NULL FROM given WHERE d.id = given.new_database_id`, r.ID)
		if err != nil {
			return fmt.Errorf("give up the restored database: %w", err)
		}
		return nil
	}
}

// undoRestore lets a tenant live again in the database that its newest restore in place has replaced.
func (t *toolbox) undoRestore(ctx context.Context, r *run) (done, error) {
	tenant, err := t.tenant(ctx, r, tenants.StateActive)
	if err != nil {
		return done{}, err
	}
	var s swap
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if s, err = readSwap(ctx, tx, r.ID); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		err = tx.QueryRow(ctx, `
			INSERT INTO tenantry.swaps (operation_id, tenant_id, old_database_id, new_database_id, state)
			SELECT $2, t.id, s.new_database_id, s.old_database_id, 'ready'
			FROM tenantry.tenants t
			JOIN tenantry.swaps s ON s.tenant_id = t.id AND s.new_database_id = t.database_id AND s.state = 'swapped'
			JOIN tenantry.databases d ON d.id = s.old_database_id AND d.state = 'retained'
			JOIN tenantry.nodes n ON n.id = d.node_id AND n.state <> 'lost'
			WHERE t.id = $1
			ORDER BY s.swapped_at DESC
			LIMIT 1
			RETURNING old_database_id, new_database_id, state, keep_until`, *r.TenantID, r.ID).Scan(&s.Old, &s.New, &s.State, &s.KeepUntil)
		if errors.Is(err, pgx.ErrNoRows) {
			return refuse(fmt.Sprintf("tenant %s has no restore in place that can be undone: what it replaced is dropped, or there was none", tenant.Slug), "see tenantry backup list "+tenant.Slug)
		}
		return err //nolint:wrapcheck // the caller does
	})
	if err != nil {
		return done{}, err
	}
	atSwapRow.Hit(ctx)
	var result swapped
	atSwapReady.Hit(ctx)
	if err := t.exchange(ctx, r, tenant.State, s, &result); err != nil {
		return done{}, &swapBegunError{err}
	}
	return done{result: result, schema: true}, nil
}
