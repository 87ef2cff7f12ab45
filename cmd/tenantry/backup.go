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
		a.backupCreate(), a.backupList(), a.backupShow(), a.backupCheck(), a.backupVerify(), a.backupCover(), a.backupRestore(), a.backupUndo(), a.backupLooks(), a.backupDropTables(), a.backupHold(), a.backupRelease(), a.backupExpire(), a.backupRetention(), a.backupStatus(),
		group("catalog", "Rebuild what the control database knows of backups", a.backupRebuild()))
	c.Long = `Backs up tenants' databases into an object store, each encrypted to a key of its own, and proves that they restore: every backup can be
restored into a database of its own and compared with what was dumped, table by table, and the fleet does that by itself for the newest one of
each tenant (settings verify_period, verify_at_once). Every night each tenant that is active or suspended is backed up at its own time (tenantry schedule show night, and the setting backup_spread).

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
application is not disturbed. The database of a suspended tenant lets nobody in, and stays so: it is copied beside, on its node, the copy is dumped, and dropped.`,
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
				list, err := reg.Tenants(c.Context(), tenants.TenantFilter{States: []tenants.State{tenants.StateActive, tenants.StateSuspended}, Labels: selected})
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return errors.New("no tenant that is active or suspended is selected; see tenantry tenant list")
				}
				for _, t := range list {
					names = append(names, t.ID)
				}
			}
			return a.submitEach(c, names, func(t string) jobs.Args { return jobs.Backup{Tenant: t, Note: note} }, w)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every tenant that is active or suspended")
	c.Flags().StringArrayVar(&labels, "select", nil, "tenants with this label `k=v` that are active or suspended")
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
				{"unchanged", unchangedSince(b.UnchangedUntil)},
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

func (a *app) backupCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check BACKUP", Short: "Read every byte of a backup here, without a server", Args: cobra.ExactArgs(1),
		Long: `Reads a backup from the store of TENANTRY_BACKUP_URL: its manifest must be signed by this installation, every checksum must be right, and what is decrypted must
add up to the rows that were dumped. It needs TENANTRY_SECRET_KEY and no worker. That it restores, only tenantry backup verify shows.`,
		RunE: func(c *cobra.Command, args []string) error {
			if a.env.BackupURL == "" || a.env.SecretKey == "" {
				return usageError("TENANTRY_BACKUP_URL and TENANTRY_SECRET_KEY must be set: the store is read, and the keys are sealed")
			}
			ctx := c.Context()
			catalog, _, err := a.catalog(ctx)
			if err != nil {
				return err
			}
			b, err := catalog.Get(ctx, args[0])
			if err != nil {
				return err
			}
			trusted, err := catalog.Trusted(ctx)
			if err != nil {
				return err
			}
			store, err := backup.OpenStore(ctx, a.env.BackupURL)
			if err != nil {
				return err
			}
			defer func() { _ = store.Close() }()
			m, err := store.Manifest(ctx, trusted, b.TenantID, b.ID)
			if err != nil {
				return err
			}
			key, err := catalog.Key(ctx, m.Key)
			if err != nil {
				return err
			}
			if err := m.Scrub(ctx, store, key); err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(m)
			}
			a.printf("%s of %s is as it was written: %d rows of %d tables, %s\n", b.ID, b.Tenant, m.Rows, m.Tables, size(m.Data.Bytes+m.Contents.Bytes))
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

func (a *app) backupCover() *cobra.Command {
	var w waiting
	c := &cobra.Command{
		Use: "cover [TENANT]", Short: "Record which tenants have not changed since their newest verified backup", Args: cobra.MaximumNArgs(1),
		Long: `Asks the nodes what they have counted of the changes in tenants' databases, and records of those that have not changed since their newest backup, if that is verified, up
to when it is what they have. Nothing is dumped. The night begins with it by itself and then backs up the others only; the setting backup_unchanged says how old a backup
may be that stands for a tenant, and 0 switches it off. The result (tenantry op show) says why the others need another backup.`,
		RunE: func(c *cobra.Command, args []string) error {
			var cover jobs.CoverBackups
			name := "fleet"
			if len(args) == 1 {
				cover.Only, name = args[0], args[0]
			}
			return a.submitEach(c, []string{name}, func(string) jobs.Args { return cover }, w)
		},
	}
	w.flags(c)
	return c
}

func (a *app) backupExpire() *cobra.Command {
	var w waiting
	c := &cobra.Command{
		Use: "expire", Short: "Delete the backups that retention does not keep", Args: cobra.NoArgs,
		Long: `Deletes the backups that the setting backup_retention and the policies of tenantry backup retention do not keep, as the schedule expire does by itself. What is held, the newest
backup that was verified, and what is newer than that never go. What backups that never became one have left in the store goes too.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.submitEach(c, []string{"fleet"}, func(string) jobs.Args { return jobs.ExpireBackups{} }, w)
		},
	}
	w.flags(c)
	return c
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
