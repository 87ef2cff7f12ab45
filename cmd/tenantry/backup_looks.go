package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/backup/looks"
)

// restoreTables copies tables of a backup into its tenant's live database. Whoever waits is told where they are.
func (a *app) restoreTables(c *cobra.Command, r jobs.RestoreTables, w waiting) error {
	catalog, _, err := a.catalog(c.Context())
	if err != nil {
		return err
	}
	b, err := catalog.Get(c.Context(), r.Backup)
	if err != nil {
		return err
	}
	err = a.submitEach(c, []string{b.TenantID}, func(t string) jobs.Args {
		r.Tenant = t
		return r
	}, w)
	if err != nil || !w.wait || a.json() {
		return err
	}
	return a.printLooks(c.Context(), b.TenantID)
}

func (a *app) backupLooks() *cobra.Command {
	return &cobra.Command{
		Use: "looks [TENANT]", Short: "List tables that were restored for a look, newest first", Args: cobra.MaximumNArgs(1),
		Long: `Lists the schemas that tenantry backup restore --table has made in tenants' live databases, and when they go away by themselves. Which tables are in one, and what of
their columns is other than it was, is in the operation's result: tenantry op show OPERATION.`,
		RunE: func(c *cobra.Command, args []string) error {
			tenant := ""
			if len(args) == 1 {
				_, t, err := a.tenantOf(c.Context(), args[0])
				if err != nil {
					return err
				}
				tenant = t.ID
			}
			return a.printLooks(c.Context(), tenant)
		},
	}
}

// printLooks lists the looks of a tenant, or of all.
func (a *app) printLooks(ctx context.Context, tenant string) error {
	pool, err := a.control(ctx)
	if err != nil {
		return err
	}
	list, err := looks.List(ctx, pool, tenant)
	if err != nil {
		return err
	}
	if a.json() {
		if list == nil {
			list = []looks.Row{}
		}
		return a.printJSON(list)
	}
	rows := make([][]string, len(list))
	for i, l := range list {
		rows[i] = []string{
			l.Tenant, l.Schema, l.State, l.Backup, moment(&l.TakenAt), strconv.Itoa(deref(l.Tables)), strconv.FormatInt(deref(l.Rows), 10), moment(l.ExpiresAt), l.Operation,
		}
	}
	table(a.out, []string{"TENANT", "SCHEMA", "STATE", "BACKUP", "AS OF", "TABLES", "ROWS", "UNTIL", "OPERATION"}, rows)
	return nil
}

func (a *app) backupDropTables() *cobra.Command {
	var w waiting
	c := &cobra.Command{
		Use: "drop-tables TENANT [SCHEMA]", Short: "Drop tables that were restored for a look", Args: cobra.RangeArgs(1, 2),
		Long: `Drops one schema that tenantry backup restore --table has made in the tenant's live database, or all of them. Nothing else is dropped: not another schema, and no view
that somebody has made over such a table; then the operation says what is in the way.`,
		Example: "  tenantry backup drop-tables acme --wait\n  tenantry backup drop-tables acme _tenantry_restored_20261127t180000_1b2c3d4e",
		RunE: func(c *cobra.Command, args []string) error {
			d := jobs.DropRestoredTables{}
			if len(args) == 2 { //nolint:mnd // tenant and schema
				d.Schema = args[1]
			}
			return a.submitEach(c, args[:1], func(t string) jobs.Args {
				d.Tenant = t
				return d
			}, w)
		},
	}
	w.flags(c)
	return c
}
