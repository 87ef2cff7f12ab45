package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
)

func (a *app) backupCommand() *cobra.Command {
	c := group("backup", "Back up tenants, prove that it restores, and restore",
		a.backupCreate(), a.backupList(), a.backupShow(), a.backupVerify(), a.backupRestore(), a.backupUndo(), a.backupHold(), a.backupRelease(), a.backupExpire(), a.backupStatus(),
		group("catalog", "Rebuild what the control database knows of backups", a.backupRebuild()))
	c.Long = `Backs up tenants' databases into an object store, each encrypted to a key of its own, and proves that they restore: every backup can be
restored into a database of its own and compared with what was dumped, table by table, and the fleet does that by itself for the newest one of
each tenant (settings verify_period, verify_at_once). Every night each active tenant is backed up at its own time (backup_schedule, backup_spread).

Workers read where backups are kept from TENANTRY_BACKUP_URL: file:///var/lib/tenantry/backups if it is not set, s3://bucket?region=eu-central-1,
gs://bucket, azblob://container. They need pg_dump and pg_restore of the servers' version or newer. A store in S3 must know conditional writes
(If-None-Match), and allow s3:ListBucketMultipartUploads and s3:AbortMultipartUpload besides reading, writing, deleting and listing objects.`
	return c
}

func (a *app) catalog(ctx context.Context) (*backup.Catalog, *tenants.Registry, error) {
	reg, err := a.registry(ctx)
	if err != nil {
		return nil, nil, err
	}
	return backup.NewCatalog(reg), reg, nil
}

func (a *app) backupCreate() *cobra.Command {
	var w waiting
	var all bool
	var labels []string
	var note string
	c := &cobra.Command{
		Use: "create [TENANT...]", Short: "Back up tenants now",
		Long: `Backs up tenants. Each takes its turn in its tenant's mailbox, so that no release and no change of its forms runs meanwhile; the tenant's
application is not disturbed.`,
		Example: "  tenantry backup create acme --wait\n  tenantry backup create --all\n  tenantry backup create --select plan=enterprise --wait",
		RunE: func(c *cobra.Command, names []string) error {
			selected, err := parseLabels("select", labels)
			if err != nil {
				return err
			}
			if given := len(names) > 0; given == (all || len(selected) > 0) {
				return usageError("give tenants, or --all, or --select KEY=VALUE: one of them")
			}
			if len(names) == 0 {
				reg, err := a.registry(c.Context())
				if err != nil {
					return err
				}
				list, err := reg.Tenants(c.Context(), tenants.TenantFilter{States: []tenants.State{tenants.StateActive}, Labels: selected})
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return errors.New("no active tenant is selected; see tenantry tenant list")
				}
				for _, t := range list {
					names = append(names, t.ID)
				}
			}
			return a.submitEach(c, names, func(t string) jobs.Args { return jobs.Backup{Tenant: t, Note: note} }, w)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every active tenant")
	c.Flags().StringArrayVar(&labels, "select", nil, "active tenants with this label `k=v`")
	c.Flags().StringVar(&note, "note", "", "why, for people")
	w.flags(c)
	return c
}

func (a *app) backupList() *cobra.Command {
	var f backup.Filter
	c := &cobra.Command{
		Use: "list [TENANT]", Short: "List backups, newest first", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			catalog, reg, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				t, err := reg.Tenant(c.Context(), args[0])
				if err != nil {
					return err
				}
				f.Tenant = t.ID
			}
			list, err := catalog.List(c.Context(), f)
			if err != nil {
				return err
			}
			if a.json() {
				if list == nil {
					list = []backup.Row{}
				}
				return a.printJSON(list)
			}
			rows := make([][]string, len(list))
			for i, b := range list {
				state := b.State
				if b.HeldBy != nil {
					state += ", held"
				}
				rows[i] = []string{b.ID, b.Tenant, state, moment(b.TakenAt), size(deref(b.Bytes)), size(deref(b.Size)), strconv.FormatInt(deref(b.Rows), 10), b.Release, b.Outcome}
			}
			table(a.out, []string{"BACKUP", "TENANT", "STATE", "TAKEN", "STORED", "DATABASE", "ROWS", "RELEASE", "VERIFIED"}, rows)
			return nil
		},
	}
	c.Flags().BoolVar(&f.All, "all", false, "also those that failed, are being made, or are deleted")
	c.Flags().IntVar(&f.Limit, "limit", 0, "how many at most; 0 is all")
	return c
}

// moment says when something was, "" if never.
func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// size says bytes to a person.
func size(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, prefix := float64(bytes)/unit, 0
	for value >= unit && prefix < len("KMGT")-1 {
		value, prefix = value/unit, prefix+1
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGT"[prefix])
}

func (a *app) backupShow() *cobra.Command {
	return &cobra.Command{
		Use: "show BACKUP", Short: "Show a backup and what is known of it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			catalog, _, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			b, err := catalog.Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(b)
			}
			rows := [][2]string{
				{"id", b.ID},
				{"tenant", b.Tenant + " (" + b.TenantID + ")"},
				{"state", b.State},
				{"store", b.Store},
				{"release", b.Release},
				{"taken", moment(b.TakenAt)},
				{"stored", size(deref(b.Bytes))},
				{"database", size(deref(b.Size))},
				{"tables", strconv.Itoa(deref(b.Tables))},
				{"rows", strconv.FormatInt(deref(b.Rows), 10)},
				{"verified", b.Outcome + " " + moment(b.VerifiedAt)},
				{"found", b.VerifyDetail},
				{"operation", deref(b.OperationID)},
			}
			if b.RestoreSeconds != nil {
				rows = append(rows, [2]string{"restores in", (time.Duration(*b.RestoreSeconds*1000) * time.Millisecond).String()})
			}
			if b.HeldBy != nil {
				rows = append(rows, [2]string{"held by", *b.HeldBy}, [2]string{"held for", deref(b.HeldFor)})
			}
			if m := b.Manifest; m != nil {
				rows = append(rows, [2]string{"object", m.Data.Key}, [2]string{"sha256", m.Data.SHA256}, [2]string{"key", m.Key},
					[2]string{"server", strconv.Itoa(m.Server/10000) + "." + strconv.Itoa(m.Server%10000)}, [2]string{"pg_dump", m.Client})
			}
			for _, r := range rows {
				if r[1] != "" {
					a.printf("%-12s  %s\n", r[0], printable(r[1]))
				}
			}
			return nil
		},
	}
}

func (a *app) backupVerify() *cobra.Command {
	var w waiting
	var tenant string
	c := &cobra.Command{
		Use: "verify [BACKUP...]", Short: "Restore backups beside, compare them with what was dumped, and drop that again",
		Long: `Restores each backup into a database of its own, on the node of the setting verify_node or the tenant's own, compares the schema, every table's
rows, sequences and large objects with what was dumped, and drops it. A backup that is not what it should be fails the operation.`,
		Example: "  tenantry backup verify bak_018f… --wait\n  tenantry backup verify --tenant acme --wait   # its newest",
		RunE: func(c *cobra.Command, ids []string) error {
			if (tenant != "") == (len(ids) > 0) {
				return usageError("give backups, or --tenant TENANT for its newest: one of them")
			}
			if tenant != "" {
				catalog, reg, err := a.catalog(c.Context())
				if err != nil {
					return err
				}
				t, err := reg.Tenant(c.Context(), tenant)
				if err != nil {
					return err
				}
				list, err := catalog.List(c.Context(), backup.Filter{Tenant: t.ID, Limit: 1})
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return fmt.Errorf("tenant %s has no backup: tenantry backup create %s", t.Slug, t.Slug)
				}
				ids = []string{list[0].ID}
			}
			return a.submitEach(c, ids, func(id string) jobs.Args { return jobs.VerifyBackup{Backup: id} }, w)
		},
	}
	c.Flags().StringVar(&tenant, "tenant", "", "the newest backup of this `tenant`")
	w.flags(c)
	return c
}

func (a *app) backupRestore() *cobra.Command {
	var w waiting
	var r jobs.Restore
	var tenant, at, confirm string
	var inPlace bool
	var labels, nodeLabels []string
	c := &cobra.Command{
		Use: "restore [BACKUP]", Short: "Make a new tenant of a backup, or replace what its tenant has", Args: cobra.MaximumNArgs(1),
		Long: `--to-new SLUG restores a backup into a new tenant's database, compares it with what was dumped, and only then makes it active. The tenant that the backup
is of is not touched.

--in-place replaces what the tenant has. The backup is restored beside, compared, and brought to the tenant's release; then the tenant's sessions are ended and it lives in the restored
database: for some tenths of a second it has none. Its URL is another one then (tenantry tenant url). What it had is kept, closed, for the setting retain_replaced (7 days):
tenantry backup undo TENANT brings that back.

Instead of a backup, --tenant and --at pick the newest one that was taken before a time.`,
		Example: "  tenantry backup restore bak_018f… --to-new acme-restored --wait\n  tenantry backup restore --tenant acme --at 2026-11-27T18:00:00Z --to-new acme-friday --wait",
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if r.Labels, err = parseLabels("label", labels); err != nil {
				return err
			}
			if r.NodeLabels, err = parseLabels("node-label", nodeLabels); err != nil {
				return err
			}
			if (r.To != "") == inPlace {
				return usageError("give --to-new SLUG, or --in-place --confirm SLUG: one of them")
			}
			if (len(args) == 1) == (tenant != "") {
				return usageError("give a backup, or --tenant TENANT with --at TIME: one of them")
			}
			if len(args) == 1 {
				if at != "" {
					return usageError("--at %q with a backup: it was taken when it was; give --tenant instead of the backup", at)
				}
				r.Backup = args[0]
			} else if r.Backup, err = a.backupBefore(c.Context(), tenant, at); err != nil {
				return err
			}
			if inPlace {
				return a.restoreInPlace(c, jobs.RestoreInPlace{Backup: r.Backup, Confirm: confirm, Node: r.Node}, w)
			}
			return a.submitEach(c, []string{r.To}, func(string) jobs.Args { return r }, w)
		},
	}
	f := c.Flags()
	f.StringVar(&r.To, "to-new", "", "`slug` of the new tenant")
	f.BoolVar(&inPlace, "in-place", false, "replace what the tenant has")
	f.StringVar(&confirm, "confirm", "", "with --in-place: the tenant's `slug`, for what was written since the backup is not there any more")
	f.StringVar(&tenant, "tenant", "", "a backup of this `tenant`")
	f.StringVar(&at, "at", "", "the newest backup before this `time`, such as 2026-11-27T18:00:00Z; now if not given")
	f.StringVar(&r.Name, "name", "", "display `name`; the slug if not given")
	f.StringVar(&r.Region, "region", "", "only nodes of this region")
	f.StringVar(&r.Node, "node", "", "only the node of this name")
	f.StringArrayVar(&nodeLabels, "node-label", nil, "only nodes with this label `k=v`")
	f.StringArrayVar(&labels, "label", nil, "a label `k=v` of the new tenant")
	w.flags(c)
	return c
}

func (a *app) restoreInPlace(c *cobra.Command, r jobs.RestoreInPlace, w waiting) error {
	if r.Confirm == "" {
		return usageError("--confirm is missing: repeat the tenant's slug, for what was written since the backup is not there any more")
	}
	catalog, _, err := a.catalog(c.Context())
	if err != nil {
		return err
	}
	b, err := catalog.Get(c.Context(), r.Backup)
	if err != nil {
		return err
	}
	return a.submitEach(c, []string{b.TenantID}, func(t string) jobs.Args {
		r.Tenant = t
		return r
	}, w)
}

func (a *app) backupUndo() *cobra.Command {
	var w waiting
	var confirm string
	c := &cobra.Command{
		Use: "undo TENANT", Short: "Take a restore in place back", Args: cobra.ExactArgs(1),
		Long: `Lets a tenant live again in the database that its newest restore in place has replaced, as that was. What was written since is kept as long, and the undo can be
undone in the same way.`,
		RunE: func(c *cobra.Command, args []string) error {
			if confirm == "" {
				return usageError("--confirm is missing: repeat the tenant's slug, for what was written since the restore is not there any more")
			}
			return a.submitEach(c, args, func(t string) jobs.Args { return jobs.UndoRestore{Tenant: t, Confirm: confirm} }, w)
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the tenant's `slug`")
	w.flags(c)
	return c
}

// backupBefore picks a tenant's backup and says how much it lacks.
func (a *app) backupBefore(ctx context.Context, tenant, at string) (string, error) {
	when := time.Now()
	if at != "" {
		var err error
		if when, err = time.Parse(time.RFC3339, at); err != nil {
			return "", usageError("--at %q is no time such as 2026-11-27T18:00:00Z", at)
		}
	}
	catalog, reg, err := a.catalog(ctx)
	if err != nil {
		return "", err
	}
	t, err := reg.Tenant(ctx, tenant)
	if err != nil {
		return "", err
	}
	b, found, err := catalog.Before(ctx, t.ID, when)
	if err != nil {
		return "", err
	}
	if !found {
		return "", fmt.Errorf("tenant %s has no backup that was taken before %s: see tenantry backup list %s", t.Slug, when.UTC().Format(time.RFC3339), t.Slug)
	}
	_, _ = fmt.Fprintf(a.err, "backup %s was taken at %s (%s): what was written in the %s after it is not in it\n",
		b.ID, b.TakenAt.UTC().Format(time.RFC3339), b.Outcome, when.Sub(*b.TakenAt).Round(time.Second))
	return b.ID, nil
}

func (a *app) backupHold() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "hold BACKUP", Short: "Keep a backup whatever retention says, until it is released", Args: cobra.ExactArgs(1),
		Example: "  tenantry backup hold bak_018f… --reason 'case 4711'",
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return usageError("--reason is missing: who finds it in a year wants to know why")
			}
			catalog, _, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			if err := catalog.Hold(c.Context(), args[0], a.requester(), reason); err != nil {
				return err
			}
			return a.showHeld(c.Context(), catalog, args[0])
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for people")
	return c
}

func (a *app) backupRelease() *cobra.Command {
	return &cobra.Command{
		Use: "release BACKUP", Short: "Let retention decide on a held backup again", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			catalog, _, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			if err := catalog.Release(c.Context(), args[0]); err != nil {
				return err
			}
			return a.showHeld(c.Context(), catalog, args[0])
		},
	}
}

func (a *app) showHeld(ctx context.Context, catalog *backup.Catalog, id string) error {
	b, err := catalog.Get(ctx, id)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(b)
	}
	if b.HeldBy == nil {
		a.printf("%s of %s is not held\n", b.ID, b.Tenant)
		return nil
	}
	a.printf("%s of %s is held by %s: %s\n", b.ID, b.Tenant, *b.HeldBy, deref(b.HeldFor))
	return nil
}

func (a *app) backupExpire() *cobra.Command {
	var w waiting
	c := &cobra.Command{
		Use: "expire", Short: "Delete the backups that retention does not keep", Args: cobra.NoArgs,
		Long: `Deletes the backups that the setting backup_retention does not keep, as the schedule expire_schedule does by itself. What is held, the newest
backup that was verified, and what is newer than that never go. What backups that never became one have left in the store goes too.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.submitEach(c, []string{"fleet"}, func(string) jobs.Args { return jobs.ExpireBackups{} }, w)
		},
	}
	w.flags(c)
	return c
}

func (a *app) backupStatus() *cobra.Command {
	var late bool
	c := &cobra.Command{
		Use: "status [TENANT]", Short: "Show how old each tenant's newest verified backup is", Args: cobra.MaximumNArgs(1),
		Long: `Shows, those first that are worst off, how old the newest backup of each tenant is, and the newest that is verified. A tenant is late when that is
older than the setting backup_objective. Exit code 3 when one is late.`,
		RunE: func(c *cobra.Command, args []string) error {
			catalog, reg, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			only := ""
			if len(args) == 1 {
				t, err := reg.Tenant(c.Context(), args[0])
				if err != nil {
					return err
				}
				only = t.ID
			}
			list, err := catalog.Status(c.Context(), only)
			if err != nil {
				return err
			}
			return a.printBackupStatus(list, late)
		},
	}
	c.Flags().BoolVar(&late, "late", false, "only tenants that are late")
	return c
}

func (a *app) printBackupStatus(list []backup.Status, onlyLate bool) error {
	var lateOnes, never int
	var night float64
	shown := []backup.Status{}
	for _, s := range list {
		night += deref(s.Seconds)
		if s.Verified == nil {
			never++
		}
		if s.Late {
			lateOnes++
		}
		if s.Late || !onlyLate {
			shown = append(shown, s)
		}
	}
	if a.json() {
		if err := a.printJSON(shown); err != nil {
			return err
		}
	} else {
		rows := make([][]string, len(shown))
		for i, s := range shown {
			state := "ok"
			switch {
			case s.Failed:
				state = "failed"
			case s.Late:
				state = "late"
			}
			restores := ""
			if s.RestoreSeconds != nil {
				restores = (time.Duration(*s.RestoreSeconds*1000) * time.Millisecond).Round(time.Millisecond).String()
			}
			rows[i] = []string{s.Tenant, state, since(s.Verified), since(s.Newest), strconv.Itoa(s.Backups), size(s.Bytes), restores}
		}
		table(a.out, []string{"TENANT", "STATE", "VERIFIED", "NEWEST", "BACKUPS", "STORED", "RESTORES IN"}, rows)
		a.printf("%d tenants, %d without a verified backup, %d late; a night takes about %s of work\n", len(list), never, lateOnes,
			(time.Duration(night) * time.Second).String())
	}
	if lateOnes > 0 {
		return &codeError{exitPartial, errShown}
	}
	return nil
}

func since(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return ago(*t)
}

func (a *app) backupRebuild() *cobra.Command {
	return &cobra.Command{
		Use: "rebuild", Short: "Read the store, and add the backups and keys that the control database does not know", Args: cobra.NoArgs,
		Long: `Reads the store of TENANTRY_BACKUP_URL and adds to the control database what it does not know: keys, and backups with their manifests. Tenants that it does not
know either come back as deleted ones, to whom the backups belong: tenantry backup restore makes new tenants of them. A node and the release must be there before.
Nothing is taken away, no key comes back that was destroyed, and what this installation has not signed is refused by name (exit code 3).`,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.env.BackupURL == "" || a.env.SecretKey == "" {
				return usageError("TENANTRY_BACKUP_URL and TENANTRY_SECRET_KEY must be set: the store is read, and the keys in it are sealed")
			}
			catalog, _, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			store, err := backup.OpenStore(c.Context(), a.env.BackupURL)
			if err != nil {
				return err
			}
			defer func() { _ = store.Close() }()
			n := 0
			rebuilt, err := catalog.Rebuild(c.Context(), store, func(string) {
				if n++; n%100 == 0 {
					_, _ = fmt.Fprintf(a.err, "%d tenants read\n", n)
				}
			})
			if err != nil {
				return err
			}
			if a.json() {
				err = a.printJSON(rebuilt)
			} else {
				a.printf("%d backups of %d tenants are in %s; %d were not known, %d tenants were not known either\n", rebuilt.Backups, rebuilt.Tenants, store.URL(), rebuilt.Added, len(rebuilt.Returned))
				for _, refused := range rebuilt.Refused {
					_, _ = fmt.Fprintln(a.err, "refused:", printable(refused))
				}
			}
			if err == nil && len(rebuilt.Refused) > 0 {
				return &codeError{exitPartial, errShown}
			}
			return err
		},
	}
}
