package jobs

import "encoding/json"

// Args are the arguments of one kind of operation. The zero value of an optional field means "not given".
type Args interface {
	// Kind is the operation's kind, such as "suspend".
	Kind() string
}

// Provision makes a tenant: a database of its own with roles, isolation and the current release's schema.
type Provision struct {
	// Slug names the tenant for people: 1 to 63 of a-z 0-9 -, unique among tenants that are not deleted.
	Slug string `json:"slug"`
	// Name is free text for display. Defaults to the slug.
	Name string `json:"name,omitempty"`
	// Region restricts placement to nodes of that region.
	Region string `json:"region,omitempty"`
	// Node places the tenant on the node of that name.
	Node string `json:"node,omitempty"`
	// NodeLabels restricts placement to nodes that have all of these labels.
	NodeLabels map[string]string `json:"node_labels,omitempty"`
	// Labels are the tenant's own, for selecting it later.
	Labels map[string]string `json:"labels,omitempty"`
}

// Migrate applies what a tenant's schema lacks of a release.
type Migrate struct {
	Tenant string `json:"tenant"` // slug or id
	// Release to bring it to. Defaults to the current release.
	Release string `json:"release,omitempty"`
}

// ChangeSchema changes a tenant's forms as the no-code builder asks: fields become real columns. All of a change is made, or nothing.
type ChangeSchema struct {
	Tenant string `json:"tenant"` // slug or id
	// Change is a change set, {"operations": [{"op": "add_field", …}, …]}; docs/forms.md tells it, and tenantry ddl schema prints its JSON Schema.
	Change json.RawMessage `json:"change"`
	// Plan is the id of a plan that somebody has agreed to: when another one would be carried out by now, nothing is. Defaults to any.
	Plan string `json:"plan,omitempty"`
}

// Suspend ends a tenant's sessions and lets no new ones in, until [Resume].
type Suspend struct {
	Tenant string `json:"tenant"`           // slug or id
	Reason string `json:"reason,omitempty"` // for people
}

// Resume lets a suspended tenant's sessions in again.
type Resume struct {
	Tenant string `json:"tenant"` // slug or id
}

// Delete fences a tenant and purges it once the grace is over; until then [Undelete] brings it back.
type Delete struct {
	Tenant string `json:"tenant"` // slug or id
	// Grace is a PostgreSQL interval from 1 hour to 366 days, such as "36 hours". Defaults to the setting delete_grace, 7 days.
	Grace string `json:"grace,omitempty"`
	// Confirm is the tenant's slug, for a Grace of less than an hour.
	Confirm string `json:"confirm,omitempty"`
	// Force is the tenant's slug, to delete it although a limit against mass mistakes refuses.
	Force string `json:"force,omitempty"`
}

// Undelete takes a Delete back within its grace: the tenant is again what it was.
type Undelete struct {
	Tenant string `json:"tenant"` // slug or id
}

// Purge removes a tenant's database, roles and credentials for good, without waiting for a grace.
type Purge struct {
	Tenant string `json:"tenant"` // slug or id
	// Confirm is the tenant's slug: purging cannot be undone.
	Confirm string `json:"confirm"`
	// Force is the tenant's slug, to purge it although a limit against mass mistakes refuses.
	Force string `json:"force,omitempty"`
}

// Rotate gives a tenant's roles new passwords.
type Rotate struct {
	Tenant string `json:"tenant"` // slug or id
}

// Check compares tenants' schemas with what their releases say, and keeps what it finds. It changes nothing and takes no turn in a mailbox.
// The zero value is about every active tenant.
type Check struct {
	// Only is the one tenant to check: slug or id.
	Only string `json:"only,omitempty"`
	// Labels restricts it to tenants that have all of these.
	Labels map[string]string `json:"labels,omitempty"`
	// Share is how many of those it checks, as a number from 0 to 1, those first that were not checked for longest. Defaults to 1.
	Share string `json:"share,omitempty"`
}

// Backup copies a tenant's database into the object store: encrypted to the tenant's key, with what is needed to prove that it restores.
type Backup struct {
	Tenant string `json:"tenant"`         // slug or id
	Note   string `json:"note,omitempty"` // for people
}

// CoverBackups looks which tenants provably have not changed since their newest backup, where that is verified, and records up to when it stands for them: the
// night makes no other one then. The zero value is about every active tenant.
type CoverBackups struct {
	// Only is the one tenant to look at: slug or id.
	Only string `json:"only,omitempty"`
}

// VerifyBackup restores a backup into a database of its own, compares it with what was dumped, and drops it.
type VerifyBackup struct {
	Backup string `json:"backup"` // its id, bak_…
}

// Restore makes a new tenant of a backup. The tenant that the backup is of is not touched.
type Restore struct {
	Backup string `json:"backup"` // its id, bak_…
	// To is the new tenant's slug.
	To string `json:"to"`
	// Name, Region, Node, NodeLabels and Labels are as those of [Provision].
	Name       string            `json:"name,omitempty"`
	Region     string            `json:"region,omitempty"`
	Node       string            `json:"node,omitempty"`
	NodeLabels map[string]string `json:"node_labels,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// RestoreInPlace replaces a tenant's database by what a backup of it holds. The backup is restored beside and compared first; then the tenant's sessions are ended, and
// it lives in the restored one. What it had is kept, closed, for the setting retain_replaced: [UndoRestore] brings that back.
type RestoreInPlace struct {
	Tenant string `json:"tenant"` // slug or id
	Backup string `json:"backup"` // its id, bak_…
	// Confirm is the tenant's slug: what was written since the backup is not there any more.
	Confirm string `json:"confirm"`
	// Node is where the restored database is made. Defaults to the tenant's own, or, where that is lost, to another one of its region.
	Node string `json:"node,omitempty"`
	// Lost is the id of the database that the tenant has on a lost node: when it lives elsewhere by then, or the node is there again, nothing is restored. Not given,
	// the tenant's database is replaced whatever it is.
	Lost string `json:"lost,omitempty"`
}

// ReturnNode takes a node back that was declared lost: databases whose tenants were restored elsewhere are closed first, and kept for the setting retain_replaced.
// The node drains then.
type ReturnNode struct {
	Node string `json:"node"` // its name
}

// UndoRestore takes the newest [RestoreInPlace] of a tenant back: it lives again in the database that it had before, as that was.
type UndoRestore struct {
	Tenant string `json:"tenant"` // slug or id
	// Confirm is the tenant's slug: what was written since the restore is not there any more.
	Confirm string `json:"confirm"`
}

// RestoreTables copies tables of a tenant's backup into a schema of their own in its live database, for a look. Nothing that the tenant has is touched. The schema's
// name is in the result; it is dropped after a while, or by [DropRestoredTables].
type RestoreTables struct {
	Tenant string `json:"tenant"` // slug or id
	Backup string `json:"backup"` // its id, bak_…
	// Tables are 1 to 100 names as SQL has them: customers, billing.invoices, "Odd.Name". Without a schema it is public, or the only one with such a table.
	Tables []string `json:"tables"`
	// Keep is a PostgreSQL interval from 1 minute to 366 days after which they are dropped. Defaults to the setting retain_looks, 7 days.
	Keep string `json:"keep,omitempty"`
}

// DropRestoredTables drops what [RestoreTables] has made.
type DropRestoredTables struct {
	Tenant string `json:"tenant"` // slug or id
	// Schema is the one to drop. Defaults to all of the tenant's that RestoreTables has made.
	Schema string `json:"schema,omitempty"`
}

// Export writes a tenant's database into the object store for its customer: a zip of open formats, which is deleted after a while.
type Export struct {
	Tenant string `json:"tenant"` // slug or id
	// Format of the rows: csv, ndjson or parquet. Defaults to csv. What is parquet cannot be imported again.
	Format string `json:"format,omitempty"`
	// Keep is a PostgreSQL interval from 1 minute to 366 days after which the export is deleted. Defaults to the setting export_keep, 7 days.
	Keep string `json:"keep,omitempty"`
	Note string `json:"note,omitempty"` // for people
}

// Import makes a new tenant of an export that was made by this installation, and that lies in the store of backups below imports/.
type Import struct {
	// File is the upload's id, imp_…: the object is imports/FILE.zip.
	File string `json:"file"`
	// Release is the one that the export's manifest names. Defaults to the current release.
	Release string `json:"release,omitempty"`
	// To is the new tenant's slug.
	To string `json:"to"`
	// Name, Region, Node, NodeLabels and Labels are as those of [Provision].
	Name       string            `json:"name,omitempty"`
	Region     string            `json:"region,omitempty"`
	Node       string            `json:"node,omitempty"`
	NodeLabels map[string]string `json:"node_labels,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// ExpireBackups deletes the backups that retention does not keep, and what backups that never became one have left in the store;
// also exports whose time is over, and what was uploaded for imports.
type ExpireBackups struct{}

// Aggregate asks every active tenant for a day of an aggregate, which tenantry aggregate define has made. What they answer lands in its table; the operation ends when
// all have answered, or fails when some have not in time: then the day is there without them, and says so.
type Aggregate struct {
	Aggregate string `json:"aggregate"` // its name
	// Day is one such as 2026-11-27, today, or yesterday, by the clock of the aggregate's zone. Defaults to yesterday. A day that was asked for before is asked for
	// anew: what a tenant answers takes the place of what it had.
	Day string `json:"day,omitempty"`
	// Only may be missing: who has answered for the day is not asked again. Defaults to all.
	Only string `json:"only,omitempty"`
}

// Measure asks every node how large the databases of its tenants are, and what was done in them, and keeps that by tenant and day. The schedule measure does it each night.
type Measure struct{}

// Noop does nothing, through everything: ledger, mailbox (with a tenant), queue and worker. For probes and benchmarks.
type Noop struct {
	Tenant string `json:"tenant,omitempty"` // slug or id; without one the operation has no mailbox
	Note   string `json:"note,omitempty"`
}

// Kinds that only the fleet itself asks for.
const (
	// KindWarm builds one database for a node's warm pool.
	KindWarm = "warm"
	// KindRetire drops a database that no tenant ever had.
	KindRetire = "retire"
	// KindRollout is the parent of a rollout's operations. It has no job: every worker moves rollouts on.
	KindRollout = "rollout"
	// KindAggregateBatch asks some tenants of one node for an aggregate. Its parent is an [Aggregate], which has no job either.
	KindAggregateBatch = "aggregate_batch"
)

// Kind is the operation's kind.
func (Provision) Kind() string { return "provision" }

// Kind is the operation's kind.
func (Migrate) Kind() string { return "migrate" }

// Kind is the operation's kind.
func (ChangeSchema) Kind() string { return "change_schema" }

// Kind is the operation's kind.
func (Suspend) Kind() string { return "suspend" }

// Kind is the operation's kind.
func (Resume) Kind() string { return "resume" }

// Kind is the operation's kind.
func (Delete) Kind() string { return "delete" }

// Kind is the operation's kind.
func (Undelete) Kind() string { return "undelete" }

// Kind is the operation's kind.
func (Purge) Kind() string { return "purge" }

// Kind is the operation's kind.
func (Rotate) Kind() string { return "rotate" }

// Kind is the operation's kind.
func (Check) Kind() string { return "check" }

// Kind is the operation's kind.
func (Measure) Kind() string { return "measure" }

// Kind is the operation's kind.
func (Backup) Kind() string { return "backup" }

// Kind is the operation's kind.
func (CoverBackups) Kind() string { return "cover_backups" }

// Kind is the operation's kind.
func (VerifyBackup) Kind() string { return "verify_backup" }

// Kind is the operation's kind.
func (Restore) Kind() string { return "restore" }

// Kind is the operation's kind.
func (RestoreInPlace) Kind() string { return "restore_in_place" }

// Kind is the operation's kind.
func (ReturnNode) Kind() string { return "return_node" }

// Kind is the operation's kind.
func (UndoRestore) Kind() string { return "undo_restore" }

// Kind is the operation's kind.
func (RestoreTables) Kind() string { return "restore_tables" }

// Kind is the operation's kind.
func (DropRestoredTables) Kind() string { return "drop_restored_tables" }

// Kind is the operation's kind.
func (Export) Kind() string { return "export" }

// Kind is the operation's kind.
func (Import) Kind() string { return "import" }

// Kind is the operation's kind.
func (ExpireBackups) Kind() string { return "expire_backups" }

// Kind is the operation's kind.
func (Aggregate) Kind() string { return "aggregate" }

// Kind is the operation's kind.
func (Noop) Kind() string { return "noop" }
