package workers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/archive"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/provision"
)

var (
	atVerifyRow      = crashpoint.New("verify.row.after")
	atVerifyCompared = crashpoint.New("verify.compared")
	atVerifyDropped  = crashpoint.New("verify.dropped")
)

// verified is the result of a verification.
type verified struct {
	Backup         string  `json:"backup"`
	RestoreSeconds float64 `json:"restore_seconds"`
	CompareSeconds float64 `json:"compare_seconds"`
}

// verifyDetails is what an operation's error tells programs of a backup that is not what it should be.
type verifyDetails struct {
	Backup      string              `json:"backup"`
	Differences []backup.Difference `json:"differences,omitempty"`
}

// verifyBackup restores a backup into a database of its own, which nobody else may connect to, compares it with what was dumped, and drops it.
func (t *toolbox) verifyBackup(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.VerifyBackup](r)
	if err != nil {
		return done{}, err
	}
	row, err := t.vault.catalog.Get(ctx, a.Backup)
	if err != nil {
		return done{}, err
	}
	if row.State != "complete" {
		return done{}, refuse(fmt.Sprintf("backup %s is %s", row.ID, row.State), "see tenantry backup list")
	}
	databaseID, err := t.beginVerification(ctx, r, row)
	if err != nil {
		return done{}, err
	}
	atVerifyRow.Hit(ctx)
	result, differences, lookErr := t.look(ctx, r, row, databaseID)
	if lookErr != nil && !saysOfBackup(lookErr) {
		return done{}, lookErr // inconclusive: the next attempt begins from nothing
	}
	atVerifyCompared.Hit(ctx)
	if err := t.prov.Drop(ctx, r, databaseID, 0); err != nil {
		return done{}, err
	}
	atVerifyDropped.Hit(ctx)
	outcome, detail := "verified", ""
	switch {
	case lookErr != nil:
		outcome, detail = "failed", clean(lookErr.Error())
	case len(differences) > 0:
		outcome, detail = "failed", clean(lines(differences))
	}
	rec := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE tenantry.backups
			SET outcome = $2, verify_detail = $3, verified_at = now(), restore_seconds = coalesce(nullif($4::real, 0), restore_seconds)
			WHERE id = $1`, row.ID, outcome, detail, result.RestoreSeconds)
		if err != nil {
			return fmt.Errorf("record verification: %w", err)
		}
		return forget(ctx, tx, databaseID)
	}
	if outcome == "verified" {
		return done{result: result, record: rec}, nil
	}
	// It is known now, whatever becomes of this operation.
	if err := r.change(ctx, rec); err != nil {
		return done{}, err
	}
	summary, _, _ := strings.Cut(detail, "\n")
	return done{}, &refusal{
		code: "backup_failed", message: fmt.Sprintf("backup %s of tenant %s does not restore to what was dumped: %s", row.ID, row.Tenant, summary),
		hint:    "make a new one at once: tenantry backup create " + row.Tenant + "; the older ones are in tenantry backup list",
		details: verifyDetails{Backup: row.ID, Differences: differences},
	}
}

// saysOfBackup tells errors that a backup is to blame for from those of servers and networks.
func saysOfBackup(err error) bool {
	_, corrupt := errors.AsType[*backup.CorruptError](err)
	program, failed := errors.AsType[*backup.ProgramError](err)
	return corrupt || errors.Is(err, archive.ErrDamaged) || errors.Is(err, archive.ErrVersion) || errors.Is(err, backup.ErrNotAllowed) ||
		errors.Is(err, backup.ErrNotThere) || errors.Is(err, backup.ErrOtherKey) || (failed && !program.Transient())
}

// beginVerification makes the row of the database that is restored into, before the database.
func (t *toolbox) beginVerification(ctx context.Context, r *run, row backup.Row) (databaseID string, err error) {
	node, err := t.reg.Setting(ctx, "verify_node")
	if err != nil {
		return "", err
	}
	err = r.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		databaseID, err = beginScratch(ctx, tx, r.ID, row, node)
		return err
	})
	return databaseID, err
}

// beginScratch makes the row of a database that an operation has for itself, to restore a backup into or to copy a closed one into: on the node of a name, or the
// tenant's own if there is none. An earlier attempt's is found again.
func beginScratch(ctx context.Context, tx pgx.Tx, operation string, row backup.Row, node string) (databaseID string, err error) {
	// One on a node that was lost since is given up.
	if _, err := tx.Exec(ctx, `
		UPDATE tenantry.databases d SET state = 'failed'
		FROM tenantry.verifications v, tenantry.nodes n
		WHERE v.operation_id = $1 AND d.id = v.database_id AND d.state = 'scratch' AND n.id = d.node_id AND n.state = 'lost'`, operation); err != nil {
		return "", fmt.Errorf("give up the one on a lost node: %w", err)
	}
	err = tx.QueryRow(ctx, `
		SELECT v.database_id FROM tenantry.verifications v JOIN tenantry.databases d ON d.id = v.database_id
		WHERE v.operation_id = $1 AND d.state = 'scratch'`, operation).Scan(&databaseID)
	if !errors.Is(err, pgx.ErrNoRows) {
		return databaseID, err //nolint:wrapcheck // the caller does
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO tenantry.databases (node_id, release_id, state)
		SELECT coalesce((SELECT n.id FROM tenantry.nodes n WHERE n.name = $2 AND n.state IN ('active', 'draining')), tenantry.refuge(d.id, NULL)), d.release_id, 'scratch'
		FROM tenantry.tenants t
		JOIN tenantry.databases d ON d.id = t.database_id
		WHERE t.id = $1
		RETURNING id`, row.TenantID, node).Scan(&databaseID)
	if err != nil {
		return "", fmt.Errorf("place: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO tenantry.verifications (operation_id, backup_id, database_id) VALUES ($1, $2, $3)
		ON CONFLICT (operation_id) DO UPDATE SET database_id = excluded.database_id`, operation, row.ID, databaseID)
	return databaseID, err //nolint:wrapcheck // the caller does
}

// abandonVerification gives the database to the refill, which clears away what failed.
func (t *toolbox) abandonVerification(r *run) record {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE tenantry.databases d SET state = 'failed'
			FROM tenantry.verifications v
			WHERE v.operation_id = $1 AND d.id = v.database_id AND d.state = 'scratch'`, r.ID)
		if err != nil {
			return fmt.Errorf("give up the database that an operation has made for itself: %w", err)
		}
		return nil
	}
}

// look restores and compares.
func (t *toolbox) look(ctx context.Context, r *run, row backup.Row, databaseID string) (verified, []backup.Difference, error) {
	result := verified{Backup: row.ID}
	restored, err := t.bringBack(ctx, r, row, databaseID)
	if err != nil {
		return result, nil, err
	}
	defer restored.close(ctx)
	result.RestoreSeconds = restored.took.Seconds()
	begun := time.Now()
	differences, err := restored.compare(ctx)
	result.CompareSeconds = time.Since(begun).Seconds()
	return result, differences, err
}

// broughtBack is a database that a backup was restored into.
type broughtBack struct {
	backup.Restored

	conn       *pgx.Conn
	comparison backup.Comparison
	took       time.Duration
	progress   func(done, total int64, what string)
	stop       func()
}

func (b *broughtBack) close(ctx context.Context) {
	b.stop()
	hangUp(ctx, b.conn)
}

func (b *broughtBack) compare(ctx context.Context) ([]backup.Difference, error) {
	b.comparison.Progress = func(done, total int64) { b.progress(done, total, "compare") }
	return b.comparison.Run(ctx, b.conn)
}

// bringBackSame is bringBack of what is then the same as was dumped.
func (t *toolbox) bringBackSame(ctx context.Context, r *run, row backup.Row, databaseID string) (*broughtBack, error) {
	restored, err := t.bringBack(ctx, r, row, databaseID)
	if err != nil {
		return nil, err
	}
	differences, err := restored.compare(ctx)
	if err == nil && len(differences) > 0 {
		err = &backup.CorruptError{Key: "backup " + row.ID, Why: "restored, it is not what was dumped: " + lines(differences)}
	}
	if err != nil {
		restored.close(ctx)
		return nil, err
	}
	return restored, nil
}

// lines writes differences, a line each.
func lines(differences []backup.Difference) string {
	list := make([]string, len(differences))
	for i, d := range differences {
		list[i] = d.String()
	}
	return strings.Join(list, "\n")
}

// stored is a backup in the store.
type stored struct {
	store    *backup.Store
	manifest backup.Manifest
	key      backup.TenantKey
	contents backup.Contents
}

// readBackup reads all of a backup but the dump.
func (t *toolbox) readBackup(ctx context.Context, r *run, row backup.Row) (s stored, err error) {
	if s.store, err = t.vault.openStore(ctx); err != nil {
		return s, err
	}
	if err := r.Step(ctx, "manifest", 0, 0); err != nil {
		return s, err
	}
	trusted, err := t.vault.catalog.Trusted(ctx)
	if err != nil {
		return s, err
	}
	if s.manifest, err = s.store.Manifest(ctx, trusted, row.TenantID, row.ID); err != nil {
		return s, err
	}
	if s.key, err = t.vault.catalog.Key(ctx, s.manifest.Key); err != nil {
		return s, err
	}
	s.contents, err = backup.ReadContents(ctx, s.store, s.key, s.manifest)
	return s, err
}

// bringBack restores a backup into an empty database, which it makes of a row. Close what it returns.
func (t *toolbox) bringBack(ctx context.Context, r *run, row backup.Row, databaseID string) (*broughtBack, error) {
	_, tools, err := t.vault.open(ctx)
	if err != nil {
		return nil, err
	}
	from, err := t.readBackup(ctx, r, row)
	if err != nil {
		return nil, err
	}
	m, contents := from.manifest, from.contents
	if err := r.Step(ctx, "empty", 0, 0); err != nil {
		return nil, err
	}
	if err := t.prov.Empty(ctx, r, databaseID, contents.Locale); err != nil {
		return nil, err
	}
	b := &broughtBack{}
	db, err := t.reg.Database(ctx, databaseID)
	if err != nil {
		return nil, err
	}
	node, err := t.reg.Node(ctx, db.NodeID)
	if err != nil {
		return nil, err
	}
	if contents.LargeObjects.Rows > 0 {
		if err := t.prov.Lend(ctx, r, databaseID); err != nil {
			return nil, err
		}
	}
	login, err := t.reg.Credential(ctx, databaseID, tenants.RoleMigrator)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if b.conn, err = t.admin.Connect(ctx, node, db.Name, login.Username, login.Password, r); err != nil {
		return nil, err
	}
	b.progress, b.stop = t.reportProgress(ctx, r)
	var server int // the node's row has what it was when it was added
	if err := b.conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::integer`).Scan(&server); err != nil {
		b.close(ctx)
		return nil, fmt.Errorf("ask the server for its version: %w", err)
	}
	target := backup.Target{
		URL: node.URL, Database: db.Name, User: login.Username, Password: login.Password, Owner: db.Owner(), Session: provision.SessionName(r),
	}
	b.comparison = backup.Comparison{Tools: tools, Manifest: m, Contents: contents, Server: server, Target: target}
	b.Restored, err = backup.Restore{
		Store: from.store, Tools: tools, Key: from.key, Manifest: m, Contents: contents, Server: server, Target: target,
		Progress: func(done, total int64) { b.progress(done, total, "restore") },
	}.Run(ctx, b.conn)
	b.took = time.Since(begun)
	if err != nil {
		b.close(ctx)
		return nil, err
	}
	b.comparison.Contents = b.Contents
	return b, nil
}
