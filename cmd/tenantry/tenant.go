package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

func (a *app) tenantCommand() *cobra.Command {
	return group("tenant", "Create, list, connect to, suspend and delete tenants",
		a.tenantCreate(), a.tenantList(), a.tenantShow(), a.tenantURL(), a.tenantLabel(), a.tenantStats(),
		a.tenantVerb("suspend", "End tenants' sessions and let no new ones in", func(c *cobra.Command) func(string) jobs.Args {
			reason := c.Flags().String("reason", "", "why, for people")
			return func(t string) jobs.Args { return jobs.Suspend{Tenant: t, Reason: *reason} }
		}),
		a.tenantVerb("resume", "Let suspended tenants' sessions in again", func(*cobra.Command) func(string) jobs.Args {
			return func(t string) jobs.Args { return jobs.Resume{Tenant: t} }
		}),
		a.tenantVerb("migrate", "Apply to tenants what they lack of a release", func(c *cobra.Command) func(string) jobs.Args {
			to := c.Flags().String("to", "", "the `release`; the current one if not given")
			return func(t string) jobs.Args { return jobs.Migrate{Tenant: t, Release: *to} }
		}),
		a.tenantVerb("rotate", "Give tenants' roles new passwords", func(*cobra.Command) func(string) jobs.Args {
			return func(t string) jobs.Args { return jobs.Rotate{Tenant: t} }
		}),
		a.tenantDelete(),
		a.tenantVerb("undelete", "Take a delete back within its grace", func(*cobra.Command) func(string) jobs.Args {
			return func(t string) jobs.Args { return jobs.Undelete{Tenant: t} }
		}),
		a.tenantAdopt(), a.tenantPin(), a.tenantUnpin(), a.tenantQuarantine())
}

// tenantVerb makes the command of an operation on one or more tenants.
func (a *app) tenantVerb(verb, short string, build func(*cobra.Command) func(tenant string) jobs.Args) *cobra.Command {
	var w waiting
	c := &cobra.Command{Use: verb + " TENANT...", Short: short, Args: cobra.MinimumNArgs(1)}
	args := build(c)
	w.flags(c)
	c.RunE = func(c *cobra.Command, names []string) error { return a.submitEach(c, names, args, w) }
	return c
}

// submitEach asks for one operation per tenant; those that are refused are told and do not stop the others.
func (a *app) submitEach(c *cobra.Command, names []string, args func(string) jobs.Args, w waiting) error {
	client, err := a.jobs(c.Context())
	if err != nil {
		return err
	}
	var ids []string
	var refused error
	for _, name := range names {
		key := w.key
		if key != "" && len(names) > 1 {
			key += "/" + name
		}
		id, err := client.Submit(c.Context(), args(name), &jobs.Options{IdempotencyKey: key, RequestedBy: a.requester()})
		if err != nil {
			if _, ok := errors.AsType[*jobs.Error](err); !ok {
				return err
			}
			refused = err
			_, _ = fmt.Fprintln(a.err, "tenantry:", message(err))
			continue
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 && errors.Is(refused, jobs.ErrInvalid) {
		return &codeError{exitUsage, errShown}
	}
	return a.settleUp(c.Context(), client, ids, len(names)-len(ids), w)
}

func (a *app) tenantCreate() *cobra.Command {
	var w waiting
	var p jobs.Provision
	var labels, nodeLabels []string
	c := &cobra.Command{
		Use: "create SLUG", Short: "Make a tenant with a database of its own", Args: cobra.ExactArgs(1),
		Long: `Makes a tenant. With a database ready in the warm pool it is active at once; else a worker makes one.
Placement: --node, or nodes with --region and --node-label, else all; among them one with a warm database first,
then the one with the most room.`,
		Example: "  tenantry tenant create acme --name 'Acme Ltd' --label plan=pro --wait",
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			p.Slug = args[0]
			if p.Labels, err = parseLabels("label", labels); err != nil {
				return err
			}
			if p.NodeLabels, err = parseLabels("node-label", nodeLabels); err != nil {
				return err
			}
			client, err := a.jobs(c.Context())
			if err != nil {
				return err
			}
			made, err := client.CreateTenant(c.Context(), p, &jobs.Options{IdempotencyKey: w.key, RequestedBy: a.requester()})
			if errors.Is(err, jobs.ErrInvalid) {
				return &codeError{exitUsage, err}
			}
			if err != nil {
				return err
			}
			if w.wait && made.State != string(tenants.StateActive) {
				// The operation's own output would be a second document in JSON.
				quiet := *a
				quiet.format = formatTable
				waited := quiet.settleUp(c.Context(), client, []string{made.OperationID}, 0, w)
				if waited != nil && a.json() {
					// A program wants to know how far it is.
					return errors.Join(waited, a.showTenant(c, made.TenantID, made.OperationID))
				}
				if waited != nil {
					return waited
				}
			}
			return a.showTenant(c, made.TenantID, made.OperationID)
		},
	}
	c.Flags().StringVar(&p.Name, "name", "", "display `name`; the slug if not given")
	c.Flags().StringVar(&p.Region, "region", "", "only nodes of this region")
	c.Flags().StringVar(&p.Node, "node", "", "only the node of this name")
	c.Flags().StringArrayVar(&nodeLabels, "node-label", nil, "only nodes with this label `k=v`")
	c.Flags().StringArrayVar(&labels, "label", nil, "a label `k=v` of the tenant")
	w.flags(c)
	return c
}

func (a *app) showTenant(c *cobra.Command, idOrSlug, operation string) error {
	_, t, err := a.tenantOf(c.Context(), idOrSlug)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(struct {
			tenants.Tenant
			OperationID string `json:"operation_id,omitempty"`
		}{t, operation})
	}
	a.println(tenantLine(t))
	if operation != "" && t.State != tenants.StateActive {
		a.printf("follow it with: tenantry op watch %s\n", operation)
	}
	return nil
}

func tenantLine(t tenants.Tenant) string {
	return fmt.Sprintf("%s is %s: %s on %s, release %s (%s)", t.Slug, t.State, t.Database, t.Node, t.Release, t.ID)
}

func (a *app) tenantList() *cobra.Command {
	var f tenants.TenantFilter
	var states, labels []string
	var everything bool
	c := &cobra.Command{
		Use: "list", Short: "List tenants", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if f.Labels, err = parseLabels("select", labels); err != nil {
				return err
			}
			for _, s := range states {
				if !slices.Contains(tenants.States(), tenants.State(s)) {
					return usageError("--state %q is no state of a tenant; states are %v", s, tenants.States())
				}
				f.States = append(f.States, tenants.State(s))
			}
			if everything {
				f.States = tenants.States()
			}
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			list, err := reg.Tenants(c.Context(), f)
			if err != nil {
				return err
			}
			if a.json() {
				if list == nil {
					list = []tenants.Tenant{}
				}
				return a.printJSON(list)
			}
			rows := make([][]string, len(list))
			for i, t := range list {
				rows[i] = []string{t.Slug, t.Name, string(t.State), t.Node, t.Database, t.Release, labelText(t.Labels), ago(t.CreatedAt)}
			}
			table(a.out, []string{"SLUG", "NAME", "STATE", "NODE", "DATABASE", "RELEASE", "LABELS", "CREATED"}, rows)
			return nil
		},
	}
	c.Flags().StringSliceVar(&states, "state", nil, "only these states")
	c.Flags().StringArrayVar(&labels, "select", nil, "only tenants with this label `k=v`")
	c.Flags().StringVar(&f.Node, "node", "", "only on the node of this name")
	c.Flags().StringVar(&f.Region, "region", "", "only in this region")
	c.Flags().BoolVar(&everything, "all", false, "deleted tenants too")
	return c
}

func (a *app) tenantShow() *cobra.Command {
	return &cobra.Command{
		Use: "show TENANT", Short: "Show a tenant", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if a.json() {
				return a.showTenant(c, args[0], "")
			}
			_, t, err := a.tenantOf(c.Context(), args[0])
			if err != nil {
				return err
			}
			rows := [][2]string{
				{"id", t.ID},
				{"slug", t.Slug},
				{"name", t.Name},
				{"state", string(t.State)},
				{"node", t.Node},
				{"region", t.Region},
				{"database", t.Database},
				{"release", t.Release},
				{"labels", labelText(t.Labels)},
				{"at work", deref(t.CurrentOperationID)},
				{"created", t.CreatedAt.UTC().Format(time.RFC3339)},
			}
			if t.DeleteAfter != nil && t.State == tenants.StateDeleting {
				rows = append(rows, [2]string{"purged after", t.DeleteAfter.UTC().Format(time.RFC3339) + " (until then: tenantry tenant undelete " + t.Slug + ")"})
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

func (a *app) tenantURL() *cobra.Command {
	var role string
	var direct bool
	c := &cobra.Command{
		Use: "url TENANT", Short: "Print what an application connects with", Args: cobra.ExactArgs(1),
		Long: `Prints a URL with the password of one of the tenant's roles: app reads and writes rows, readonly reads them,
migrator changes the schema. It needs TENANTRY_SECRET_KEY. Treat the output as a secret.`,
		Example: `  psql "$(tenantry tenant url acme --role app)"`,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(tenants.LoginRoles(), tenants.Role(role)) {
				return usageError("--role %q is no role; roles are %v", role, tenants.LoginRoles())
			}
			if a.env.SecretKey == "" {
				return usageError("TENANTRY_SECRET_KEY is not set: the password is sealed with it")
			}
			reg, t, err := a.tenantOf(c.Context(), args[0])
			if err != nil {
				return err
			}
			if t.State != tenants.StateActive && t.State != tenants.StateSuspended {
				return fmt.Errorf("tenant %s is %s: it has no URL that works", t.Slug, t.State)
			}
			u, err := reg.TenantURL(c.Context(), t.ID, tenants.Role(role), direct)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]string{"tenant": t.Slug, "role": role, "url": u})
			}
			a.println(u)
			return nil
		},
	}
	c.Flags().StringVar(&role, "role", "app", "app, readonly or migrator")
	c.Flags().BoolVar(&direct, "direct", false, "past the node's pooler")
	return c
}

func (a *app) tenantLabel() *cobra.Command {
	c := &cobra.Command{
		Use: "label TENANT KEY=VALUE... KEY-...", Short: "Set and remove a tenant's labels", Args: cobra.MinimumNArgs(2),
		Example: "  tenantry tenant label acme plan=enterprise trial-",
		RunE: func(c *cobra.Command, args []string) error {
			set, remove, err := parseLabelChanges("label", args[1:])
			if err != nil {
				return err
			}
			reg, t, err := a.tenantOf(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := reg.Label(c.Context(), t.ID, set, remove); err != nil {
				return err
			}
			return a.showTenant(c, t.ID, "")
		},
	}
	return c
}

func (a *app) tenantDelete() *cobra.Command {
	var w waiting
	var grace time.Duration
	var confirm, force string
	c := &cobra.Command{
		Use: "delete TENANT", Short: "Delete a tenant, with a grace in which undelete brings it back", Args: cobra.ExactArgs(1),
		Long: `Ends the tenant's sessions at once and removes its database, roles and credentials for good when the grace is over
(setting delete_grace, 7 days). --confirm SLUG skips the grace: the tenant is purged now, and cannot be brought back.
--force SLUG deletes although a limit against mass mistakes refuses (settings purges_per_hour, mass_delete_share).`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.submitEach(c, args, func(t string) jobs.Args {
				if confirm != "" {
					return jobs.Purge{Tenant: t, Confirm: confirm, Force: force}
				}
				d := jobs.Delete{Tenant: t, Force: force}
				if c.Flags().Changed("grace") {
					d.Grace = fmt.Sprintf("%d seconds", int64(grace.Seconds()))
				}
				return d
			}, w)
		},
	}
	c.Flags().DurationVar(&grace, "grace", 0, "how long it can be undeleted, such as 36h")
	c.Flags().StringVar(&confirm, "confirm", "", "purge now, without grace: repeat the `SLUG`")
	c.Flags().StringVar(&force, "force", "", "past the limits against mass mistakes: repeat the `SLUG`")
	c.MarkFlagsMutuallyExclusive("grace", "confirm")
	w.flags(c)
	return c
}
