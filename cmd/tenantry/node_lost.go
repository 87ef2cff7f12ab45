package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/provision"
)

func (a *app) nodeLost() *cobra.Command {
	var confirm string
	var force bool
	c := &cobra.Command{
		Use: "lost NAME", Short: "Say that a node does not come back", Args: cobra.ExactArgs(1),
		Long: `Says that a node does not come back. Nobody connects to it any more and nothing is asked of its tenants but restoring and purging them; what is under way there fails at once,
also what hangs on its server, and tenantry tenant url refuses. Then tenantry node restore brings its
tenants back from their backups, on other nodes. While its server answers that is refused, for its tenants write there: stop the server first. --force does it all the
same, and what applications that are connected write there from now on is lost.`,
		Example: "  tenantry node lost eu1 --confirm eu1\n  tenantry node restore eu1 --confirm eu1 --wait",
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			node, err := reg.Node(c.Context(), args[0])
			if err != nil {
				return err
			}
			if confirm != node.Name {
				return usageError("--confirm %q is not the node's name: repeat %s", confirm, node.Name)
			}
			if !force && answers(c.Context(), reg, node) {
				return fmt.Errorf("node %s answers: what its tenants write there would be lost; stop the server first, or --force", node.Name)
			}
			ended, err := reg.LoseNode(c.Context(), node.ID)
			if err != nil {
				return err
			}
			if len(ended) > 0 {
				_, _ = fmt.Fprintf(a.err, "%d operations that were under way there have failed: %s\n", len(ended), strings.Join(ended, " "))
			}
			if node, err = reg.Node(c.Context(), node.ID); err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(node)
			}
			a.printf("node %s is lost; tenantry node restore %s --dry-run shows what of its tenants can be brought back\n", node.Name, node.Name)
			return nil
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the node's `name`")
	c.Flags().BoolVar(&force, "force", false, "although its server answers")
	return c
}

// answers says whether a node's server lets us in, or says anything at all.
func answers(ctx context.Context, reg *tenants.Registry, node tenants.Node) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := provision.Inspect(ctx, reg, node)
	_, refused := errors.AsType[*pgconn.PgError](err) // it is there, and has no room or does not know us
	return err == nil || refused || errors.Is(err, tenants.ErrNoKey)
}

// stranded is a tenant on a lost node, and what it can be restored from.
type stranded struct {
	backup.Stranded

	Backup *backup.Row `json:"backup"`        // nil: it has none
	Why    string      `json:"why,omitempty"` // it is not restored
}

func (a *app) nodeRestore() *cobra.Command {
	var w waiting
	var confirm, at, to string
	var labels []string
	var dryRun bool
	c := &cobra.Command{
		Use: "restore NAME", Short: "Restore every tenant of a lost node from its newest backup, on other nodes", Args: cobra.ExactArgs(1),
		Long: `Restores every tenant that is still on a lost node, active or suspended (it stays that), from its newest backup that has not failed verification: beside, compared with what was dumped, brought to
the tenant's release; then it lives there. It is made on an active node of the same region, or on --to. --dry-run shows what each tenant would lose. Run again, it goes on with those
that are left. Exit code 3 when not all could be restored.`,
		Example: "  tenantry node restore eu1 --dry-run\n  tenantry node restore eu1 --confirm eu1 --wait\n  tenantry node restore eu1 --confirm eu1 --select plan=enterprise --to eu2 --wait",
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			node, err := reg.Node(c.Context(), args[0])
			if err != nil {
				return err
			}
			if node.State != tenants.NodeLost {
				return fmt.Errorf("node %s is %s: tenantry node lost %s first", node.Name, node.State, node.Name)
			}
			if confirm != node.Name && !dryRun {
				return usageError("--confirm %q is not the node's name: repeat %s, for what was written since the backups is not there any more", confirm, node.Name)
			}
			list, err := a.stranded(c.Context(), reg, node, labels, at)
			if err != nil {
				return err
			}
			if dryRun && a.json() {
				return a.printJSON(list)
			}
			a.printStranded(list)
			if dryRun {
				return nil
			}
			return a.restoreStranded(c.Context(), list, to, w)
		},
	}
	f := c.Flags()
	f.StringVar(&confirm, "confirm", "", "the node's `name`")
	f.StringVar(&at, "at", "", "the newest backups before this `time`, such as 2026-11-27T18:00:00Z; now if not given")
	f.StringVar(&to, "to", "", "on this `node`")
	f.StringArrayVar(&labels, "select", nil, "only tenants with this label `k=v`")
	f.BoolVar(&dryRun, "dry-run", false, "only show what would be restored")
	f.BoolVar(&w.wait, "wait", false, "wait until all have ended")
	f.DurationVar(&w.timeout, "timeout", 12*time.Hour, "with --wait: how long; then exit 5")
	return c
}

// stranded lists the tenants that are still on a lost node, with the backups that they can be restored from.
func (a *app) stranded(ctx context.Context, reg *tenants.Registry, node tenants.Node, labels []string, at string) ([]stranded, error) {
	when, err := timeFlag("at", at)
	if err != nil {
		return nil, err
	}
	selected, err := parseLabels("select", labels)
	if err != nil {
		return nil, err
	}
	catalog := backup.NewCatalog(reg)
	found, err := catalog.Stranded(ctx, node.ID, selected)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(found))
	for i, t := range found {
		ids[i] = t.TenantID
	}
	newest, err := catalog.Before(ctx, ids, when)
	if err != nil {
		return nil, err
	}
	list := make([]stranded, len(found))
	for i, t := range found {
		list[i].Stranded = t
		b, has := newest[t.TenantID]
		switch {
		case t.State != tenants.StateActive && t.State != tenants.StateSuspended:
			list[i].Why = "it is " + string(t.State)
		case !has:
			list[i].Why = "it has no backup"
		default:
			list[i].Backup = &b
		}
	}
	return list, nil
}

func (a *app) printStranded(list []stranded) {
	rows := make([][]string, len(list))
	for i, s := range list {
		rows[i] = []string{s.Tenant, "–", "", s.Why}
		if s.Backup != nil {
			rows[i] = []string{s.Tenant, s.Backup.ID, s.Backup.Outcome, "as of " + ago(s.Backup.AsOf())}
		}
	}
	table(a.err, []string{"TENANT", "BACKUP", "VERIFIED", "WHAT IT HAS"}, rows)
}

// restoreStranded asks for the restores, once each however often and by how many people it is run, and follows them.
func (a *app) restoreStranded(ctx context.Context, list []stranded, to string, w waiting) error {
	client, err := a.jobs(ctx)
	if err != nil {
		return err
	}
	var ids []string
	failed := 0
	for _, s := range list {
		if s.Backup == nil {
			failed++
			_, _ = fmt.Fprintf(a.err, "tenantry: tenant %s is not restored: %s\n", s.Tenant, s.Why)
			continue
		}
		id, err := a.restoreLost(ctx, client, s, to)
		if err != nil {
			if _, refused := errors.AsType[*jobs.Error](err); !refused {
				return err
			}
			failed++
			_, _ = fmt.Fprintf(a.err, "tenantry: tenant %s is not restored: %s\n", s.Tenant, message(err))
			continue
		}
		ids = append(ids, id)
	}
	return a.settleUp(ctx, client, ids, failed, w)
}

// restoreLost asks for the restore of a tenant; one that is parked goes on.
func (a *app) restoreLost(ctx context.Context, client *jobs.Client, s stranded, to string) (string, error) {
	id, err := client.Submit(ctx, jobs.RestoreInPlace{Tenant: s.TenantID, Backup: s.Backup.ID, Confirm: s.Tenant, Node: to, Lost: s.DatabaseID},
		&jobs.Options{IdempotencyKey: s.Key, RequestedBy: a.requester()})
	if err != nil {
		return "", err
	}
	op, err := client.Get(ctx, id)
	if err == nil && op.State == jobs.StateParked {
		_, err = client.Retry(ctx, id)
	}
	return id, err
}

func (a *app) nodeReturn() *cobra.Command {
	var w waiting
	c := &cobra.Command{
		Use: "return NAME", Short: "Take a lost node back whose server is there again", Args: cobra.ExactArgs(1),
		Long: `Takes a node back that was lost. First the databases are closed whose tenants were restored elsewhere, so that nobody reads or writes there; they are kept for the setting
retain_replaced, and tenantry backup undo brings a tenant back to what it had there. Tenants that were not restored live there as before. The node drains then: tenantry
node activate lets it take new tenants. Run this as soon as the server is up: until then an application that has an old URL gets into an old database.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.submitEach(c, args, func(name string) jobs.Args { return jobs.ReturnNode{Node: name} }, w)
		},
	}
	w.flags(c)
	return c
}
