package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/backup/retention"
)

func (a *app) backupRetention() *cobra.Command {
	c := group("retention", "Say how long backups are kept, of which tenants", a.retentionShow(), a.retentionSet(), a.retentionUnset())
	c.Long = `The setting backup_retention says how long the backups of every tenant are kept; here that is said of one tenant, or of all with some labels. A tenant's own policy
counts alone. Where several for labels match a tenant, a backup stays when one of them keeps it. Whatever they say, three never go: what is held, the newest one that is
verified, and what is newer than that.`
	return c
}

// retained is a tenant's backup and what becomes of it.
type retained struct {
	Backup string     `json:"backup"`
	At     time.Time  `json:"taken_at"`
	Until  *time.Time `json:"unchanged_until,omitempty"`
	Kept   bool       `json:"kept"`
	Why    []string   `json:"why"`
}

func (a *app) retentionShow() *cobra.Command {
	return &cobra.Command{
		Use: "show [TENANT]", Short: "Show the policies, or which backups of a tenant go at the next expiry, and why the others stay", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			catalog, reg, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			rules, err := catalog.Rules(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.printRules(rules)
			}
			t, err := reg.Tenant(c.Context(), args[0])
			if err != nil {
				return err
			}
			policy, from := rules.For(t.ID, t.Labels)
			list, err := catalog.List(c.Context(), backup.Filter{Tenant: t.ID})
			if err != nil {
				return err
			}
			verdicts := verdictsOn(list, policy)
			if a.json() {
				return a.printJSON(map[string]any{"policy": policy, "from": from, "backups": verdicts})
			}
			rows := make([][]string, len(verdicts))
			for i, v := range verdicts {
				becomes := "goes"
				if v.Kept {
					becomes = "stays: " + strings.Join(v.Why, ", ")
				}
				rows[i] = []string{v.Backup, moment(&v.At), moment(v.Until), becomes}
			}
			table(a.out, []string{"BACKUP", "TAKEN", "UNCHANGED UNTIL", "AT THE NEXT EXPIRY"}, rows)
			a.printf("%s: %s (%s)\n", t.Slug, policy, from)
			return nil
		},
	}
}

func verdictsOn(list []backup.Row, policy retention.Policy) []retained {
	backups := make([]retention.Backup, len(list))
	until := map[string]*time.Time{}
	for i, b := range list {
		backups[i], until[b.ID] = b.Retained(), b.UnchangedUntil
	}
	verdicts := make([]retained, len(list))
	for i, v := range retention.Decide(policy, backups, time.UTC) {
		verdicts[i] = retained{Backup: v.ID, At: v.At, Until: until[v.ID], Kept: v.Keep(), Why: v.Why}
	}
	return verdicts
}

func (a *app) printRules(rules retention.Rules) error {
	if a.json() {
		return a.printJSON(rules)
	}
	var rows [][]string
	for _, r := range rules.Rules {
		who := r.Tenant
		if who == "" {
			who = retention.LabelsText(r.Labels)
		}
		rows = append(rows, []string{who, r.Policy.String()})
	}
	table(a.out, []string{"OF", "KEPT"}, append(rows, []string{"all others", rules.Fleet.String()}))
	return nil
}

// whose is the tenant or the labels that a policy is for.
type whose struct {
	tenant string
	labels []string
}

func (w *whose) flags(c *cobra.Command) {
	c.Flags().StringVar(&w.tenant, "tenant", "", "of this `tenant`")
	c.Flags().StringArrayVar(&w.labels, "select", nil, "of tenants with this label `k=v`; several: with all of them")
}

func (a *app) ruleOf(ctx context.Context, w whose) (r retention.Rule, err error) {
	if r.Labels, err = parseLabels("select", w.labels); err != nil {
		return r, err
	}
	if (w.tenant != "") == (len(r.Labels) > 0) {
		return r, usageError("give --tenant TENANT, or --select KEY=VALUE: one of them")
	}
	if w.tenant == "" {
		return r, nil
	}
	reg, err := a.registry(ctx)
	if err != nil {
		return r, err
	}
	t, err := reg.Tenant(ctx, w.tenant)
	r.Tenant = t.ID
	return r, err
}

func (a *app) retentionSet() *cobra.Command {
	var w whose
	var p retention.Policy
	c := &cobra.Command{
		Use: "set", Short: "Keep the backups of a tenant, or of tenants with labels, for as long as is said here", Args: cobra.NoArgs,
		Long: `Says how many backups are kept: the newest ones (--last), and one for each of the newest days, weeks, months and years that have one. What is not given is 0. It counts
from the next expiry; tenantry backup retention show TENANT tells what that would delete.`,
		Example: "  tenantry backup retention set --select plan=enterprise --daily 30 --monthly 24 --yearly 7\n  tenantry backup retention set --tenant acme --last 1",
		RunE: func(c *cobra.Command, _ []string) error {
			catalog, _, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			r, err := a.ruleOf(c.Context(), w)
			if err != nil {
				return err
			}
			if p == (retention.Policy{}) {
				return usageError("give how many are kept: --last, --daily, --weekly, --monthly, --yearly; at least one")
			}
			if r.Policy = p; p.Validate() != nil {
				return usageError("--%s", p.Validate())
			}
			if err := catalog.SetRule(c.Context(), r); err != nil {
				return err
			}
			return a.showPolicies(c.Context(), catalog)
		},
	}
	w.flags(c)
	f := c.Flags()
	f.IntVar(&p.Last, "last", 0, "how many of the newest")
	f.IntVar(&p.Daily, "daily", 0, "how many days keep one")
	f.IntVar(&p.Weekly, "weekly", 0, "how many weeks keep one")
	f.IntVar(&p.Monthly, "monthly", 0, "how many months keep one")
	f.IntVar(&p.Yearly, "yearly", 0, "how many years keep one")
	return c
}

func (a *app) retentionUnset() *cobra.Command {
	var w whose
	c := &cobra.Command{
		Use: "unset", Short: "Forget what was set for a tenant, or for labels", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			catalog, _, err := a.catalog(c.Context())
			if err != nil {
				return err
			}
			r, err := a.ruleOf(c.Context(), w)
			if err != nil {
				return err
			}
			if err := catalog.UnsetRule(c.Context(), r); err != nil {
				return err
			}
			return a.showPolicies(c.Context(), catalog)
		},
	}
	w.flags(c)
	return c
}

func (a *app) showPolicies(ctx context.Context, catalog *backup.Catalog) error {
	rules, err := catalog.Rules(ctx)
	if err != nil {
		return err
	}
	return a.printRules(rules)
}
