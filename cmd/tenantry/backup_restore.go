package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
)

func (a *app) backupRestore() *cobra.Command {
	var w waiting
	var r jobs.Restore
	var tenant, at, confirm, keep string
	var inPlace bool
	var labels, nodeLabels, tables []string
	c := &cobra.Command{
		Use: "restore [BACKUP]", Short: "Make a new tenant of a backup, replace what its tenant has, or look at some of its tables", Args: cobra.MaximumNArgs(1),
		Long: `--to-new SLUG restores a backup into a new tenant's database, compares it with what was dumped, and only then makes it active. The tenant that the backup
is of is not touched.

--in-place replaces what the tenant has. The backup is restored beside, compared, and brought to the tenant's release; then the tenant's sessions are ended and it lives in the restored
database: for some tenths of a second it has none. Its URL is another one then (tenantry tenant url). What it had is kept, closed, for the setting retain_replaced (7 days):
tenantry backup undo TENANT brings that back.

--table TABLE copies that table's rows into a schema of their own in the tenant's live database, beside what it has, where its application and people can read them: nothing
else is touched. The backup is restored beside and compared first. Repeat --table for more; a name is as SQL has it, customers, billing.invoices, '"Odd.Name"', and without
a schema it is of public, or of the only schema that has one. The result names the schema, _tenantry_restored_…, which is dropped after the setting retain_looks (7 days), after
--keep, or by tenantry backup drop-tables; tenantry backup looks lists them.

Instead of a backup, --tenant and --at pick the newest one that was taken before a time.`,
		Example: "  tenantry backup restore bak_018f… --to-new acme-restored --wait\n  tenantry backup restore --tenant acme --at 2026-11-27T18:00:00Z --to-new acme-friday --wait\n" +
			"  tenantry backup restore --tenant acme --at 2026-11-27T18:00:00Z --table customers --table billing.invoices --wait",
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if r.Labels, err = parseLabels("label", labels); err != nil {
				return err
			}
			if r.NodeLabels, err = parseLabels("node-label", nodeLabels); err != nil {
				return err
			}
			if ways := count(r.To != "", inPlace, len(tables) > 0); ways != 1 {
				return usageError("give --to-new SLUG, or --in-place --confirm SLUG, or --table TABLE: one of them")
			}
			if keep != "" && len(tables) == 0 {
				return usageError("--keep %q without --table: only tables that are restored for a look go away again", keep)
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
			if len(tables) > 0 {
				return a.restoreTables(c, jobs.RestoreTables{Backup: r.Backup, Tables: tables, Keep: keep}, w)
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
	f.StringArrayVar(&tables, "table", nil, "copy this `table` into a schema of its own in the tenant's live database, for a look")
	f.StringVar(&keep, "keep", "", "with --table: after how long they are dropped, such as '2 days'; the setting retain_looks if not given")
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

// count is how many of some conditions hold.
func count(conditions ...bool) int {
	n := 0
	for _, holds := range conditions {
		if holds {
			n++
		}
	}
	return n
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

// timeFlag reads a flag's time; "" is now.
func timeFlag(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return when, usageError("--%s %q is no time such as 2026-11-27T18:00:00Z", flag, text)
	}
	return when, nil
}

// backupBefore picks a tenant's backup and says how much it lacks.
func (a *app) backupBefore(ctx context.Context, tenant, at string) (string, error) {
	when, err := timeFlag("at", at)
	if err != nil {
		return "", err
	}
	catalog, reg, err := a.catalog(ctx)
	if err != nil {
		return "", err
	}
	t, err := reg.Tenant(ctx, tenant)
	if err != nil {
		return "", err
	}
	newest, err := catalog.Before(ctx, []string{t.ID}, when)
	if err != nil {
		return "", err
	}
	b, found := newest[t.ID]
	if !found {
		return "", fmt.Errorf("tenant %s has no backup that was taken before %s: see tenantry backup list %s", t.Slug, when.UTC().Format(time.RFC3339), t.Slug)
	}
	lost := "what was written in the " + when.Sub(b.AsOf()).Round(time.Second).String() + " after it is not in it"
	if !b.AsOf().Before(when) {
		lost = "the tenant did not change until then, nothing is lost"
	}
	_, _ = fmt.Fprintf(a.err, "backup %s was taken at %s (%s): %s\n", b.ID, b.TakenAt.UTC().Format(time.RFC3339), b.Outcome, lost)
	return b.ID, nil
}
