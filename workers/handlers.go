package workers

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
)

// Handler does one kind of operation.
type Handler struct {
	Kind string
	// Timeout bounds one attempt.
	Timeout time.Duration
	// FailsCleanly: after a permanent error nothing is half done that a later operation could not undo, so the operation
	// fails and the tenant is free. Otherwise it is parked for a person.
	FailsCleanly bool
	// Undoes: when it is cancelled while it runs, the next attempt takes back what was done, and returns errUndone.
	Undoes bool
	// NeverParks: after its last attempt it fails instead of waiting for a person. It only reads its tenant, which must not be held for that.
	NeverParks bool
	// PlacesAnew: when the node that it works on is lost, its next attempt takes another.
	PlacesAnew bool
	// Work does it, as often as it takes: it must end in the same state however often it was begun before.
	Work func(ctx context.Context, r *run) (done, error)
	// Abandon is recorded when the operation failed or was cancelled. It may be nil.
	Abandon func(r *run) record
}

// toolbox is what handlers work with.
type toolbox struct {
	reg    *tenants.Registry
	admin  *provision.Admin
	prov   *provision.Provisioner
	schema *schema
	vault  *vault
	log    zerolog.Logger
}

// buildTimeout bounds one attempt of what makes or drops a database.
const buildTimeout = 15 * time.Minute

// Handlers is the one list of what a worker can do, a line a kind. It is the same in every worker process, because a River
// leader discards stuck jobs of kinds that it does not know.
func handlers(t *toolbox) []Handler {
	const build, change = buildTimeout, 5 * time.Minute
	return []Handler{
		{Kind: jobs.Provision{}.Kind(), Timeout: build, FailsCleanly: true, Work: t.provision, Abandon: t.abandonProvision},
		{Kind: jobs.Adopt{}.Kind(), Timeout: build, FailsCleanly: true, Work: t.adopt, Abandon: t.abandonAdopt},
		{Kind: jobs.AdoptCheck{}.Kind(), Timeout: build, FailsCleanly: true, Work: t.adoptCheck},
		{Kind: jobs.KindUnadopt, Timeout: change, Work: t.unadopt},
		{Kind: jobs.Migrate{}.Kind(), Timeout: 30 * time.Minute, FailsCleanly: true, Work: t.migrate},
		{Kind: jobs.ChangeSchema{}.Kind(), Timeout: changeSchemaTimeout, FailsCleanly: true, Undoes: true, Work: t.changeSchema},
		{Kind: jobs.Suspend{}.Kind(), Timeout: change, Work: t.suspend},
		{Kind: jobs.Resume{}.Kind(), Timeout: change, Work: t.resume},
		{Kind: jobs.Delete{}.Kind(), Timeout: change, Work: t.delete},
		{Kind: jobs.Undelete{}.Kind(), Timeout: change, Work: t.undelete},
		{Kind: jobs.Purge{}.Kind(), Timeout: build, Work: t.purge},
		{Kind: jobs.Rotate{}.Kind(), Timeout: change, Work: t.rotate},
		{Kind: jobs.KindWarm, Timeout: build, FailsCleanly: true, Work: t.warm, Abandon: t.abandonWarm},
		{Kind: jobs.KindRetire, Timeout: build, Work: t.retire, Abandon: abandonRetire},
		{Kind: jobs.Check{}.Kind(), Timeout: time.Hour, FailsCleanly: true, Work: t.check},
		{Kind: jobs.Measure{}.Kind(), Timeout: time.Hour, FailsCleanly: true, NeverParks: true, Work: t.measure},
		{Kind: jobs.Backup{}.Kind(), Timeout: backupTimeout, FailsCleanly: true, NeverParks: true, Work: t.backup, Abandon: t.abandonBackup},
		{Kind: jobs.CoverBackups{}.Kind(), Timeout: time.Hour, FailsCleanly: true, NeverParks: true, Work: t.coverBackups},
		{Kind: jobs.VerifyBackup{}.Kind(), Timeout: backupTimeout, FailsCleanly: true, NeverParks: true, PlacesAnew: true, Work: t.verifyBackup, Abandon: t.abandonVerification},
		{Kind: jobs.Restore{}.Kind(), Timeout: backupTimeout, FailsCleanly: true, Work: t.restore, Abandon: t.abandonProvision},
		{Kind: jobs.RestoreInPlace{}.Kind(), Timeout: backupTimeout, Work: t.restoreInPlace, Abandon: t.abandonSwap},
		{Kind: jobs.ReturnNode{}.Kind(), Timeout: time.Hour, FailsCleanly: true, Work: t.returnNode},
		{Kind: jobs.UndoRestore{}.Kind(), Timeout: change, Work: t.undoRestore},
		{Kind: jobs.RestoreTables{}.Kind(), Timeout: backupTimeout, FailsCleanly: true, NeverParks: true, Work: t.restoreTables, Abandon: t.abandonLook},
		{Kind: jobs.DropRestoredTables{}.Kind(), Timeout: change, FailsCleanly: true, NeverParks: true, Work: t.dropRestoredTables},
		{Kind: jobs.Export{}.Kind(), Timeout: backupTimeout, FailsCleanly: true, NeverParks: true, Work: t.export, Abandon: t.abandonExport},
		{Kind: jobs.Import{}.Kind(), Timeout: backupTimeout, FailsCleanly: true, Work: t.importTenant, Abandon: t.abandonProvision},
		{Kind: jobs.ExpireBackups{}.Kind(), Timeout: time.Hour, FailsCleanly: true, NeverParks: true, Work: t.expireBackups},
		{Kind: jobs.KindAggregateBatch, Timeout: 15 * time.Minute, FailsCleanly: true, NeverParks: true, Work: t.aggregateBatch},
		{Kind: jobs.Noop{}.Kind(), Timeout: time.Minute, FailsCleanly: true, Work: noop},
	}
}

// Kinds lists the kinds that workers can do.
func Kinds() []string {
	list := handlers(nil)
	kinds := make([]string, len(list))
	for i, h := range list {
		kinds[i] = h.Kind
	}
	return kinds
}

func noop(context.Context, *run) (done, error) { return done{}, nil }
