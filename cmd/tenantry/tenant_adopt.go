package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
)

const adoptHelp = `Makes a tenant of a database that goose, golang-migrate, Prisma, Drizzle or Flyway has migrated. A worker reads the tool's history
table, finds the published release whose files are applied, makes the schema that they should have made in a scratch database, and refuses with
the difference when the database has another one. Then the database is closed, gets its new name, owner, rights and history in one transaction, and is
the tenant's: tenantry tenant url gives the new URL. It is closed for about as long as that transaction takes, a tenth of a second for a hundred tables,
and sessions in it are ended. Whatever fails before the end is taken back: the database keeps its name, its owner and its users.

Publish the folder that was applied first (tenantry release publish). --dry-run looks and changes nothing. Nothing but the tool's table says what was
applied: run no migrations meanwhile. Asking again is safe: what is adopted stays, what failed begins anew. Giving up is tenantry tenant delete SLUG
--confirm SLUG, which never drops a database that was not taken over.

The node's provisioner must be a member of the roles that own the database and what is in it; the refusal gives the statements. See docs/adopting.md.`

const adoptExample = `  tenantry tenant adopt acme --database acme_prod --node eu1 --dry-run
  tenantry tenant adopt acme --database acme_prod --node eu1 --label plan=pro --wait

  # Three hundred databases named app_SLUG: first look at all, then adopt one by one. Both can be run again.
  psql "$ADMIN_URL" -Atc "SELECT datname FROM pg_database WHERE datname LIKE 'app\_%' ORDER BY 1" > databases
  while read -r db; do
    tenantry tenant adopt "${db#app_}" --database "$db" --node eu1 --dry-run || echo "$db" >> refused
  done < databases
  while read -r db; do
    tenantry tenant adopt "${db#app_}" --database "$db" --node eu1 --wait || echo "$db" >> failed
  done < databases`

func (a *app) tenantAdopt() *cobra.Command {
	var w waiting
	var adopt jobs.Adopt
	var labels []string
	var dry bool
	c := &cobra.Command{
		Use: "adopt SLUG", Short: "Make a tenant of a database that another tool has migrated", Args: cobra.ExactArgs(1),
		Long: adoptHelp, Example: adoptExample,
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			adopt.Slug = args[0]
			if adopt.Labels, err = parseLabels("label", labels); err != nil {
				return err
			}
			if adopt.Database == "" {
				return usageError("--database is missing: give the name that the database has now")
			}
			if adopt.Node == "" {
				return usageError("--node is missing: give the node that the database is on; see tenantry node list")
			}
			if dry && adopt.AcceptDrift != "" {
				return usageError("--accept-drift %q with --dry-run: a dry run shows the drift; leave one of them out", adopt.AcceptDrift)
			}
			client, err := a.jobs(c.Context())
			if err != nil {
				return err
			}
			if dry {
				return a.checkAdoption(c.Context(), client, adopt, w)
			}
			made, err := client.Adopt(c.Context(), adopt, &jobs.Options{IdempotencyKey: w.key, RequestedBy: a.requester()})
			if errors.Is(err, jobs.ErrInvalid) {
				return &codeError{exitUsage, err}
			}
			if err != nil {
				return err
			}
			return a.followAdoption(c.Context(), client, made, w)
		},
	}
	f := c.Flags()
	f.StringVar(&adopt.Database, "database", "", "the database's present `name`")
	f.StringVar(&adopt.Node, "node", "", "the `node` it is on")
	f.StringVar(&adopt.Name, "name", "", "display `name`; the slug if not given")
	f.StringArrayVar(&labels, "label", nil, "a label `k=v` of the tenant")
	f.StringVar(&adopt.Release, "release", "", "the newest `release` that it may be at; the newest published if not given")
	f.StringVar(&adopt.HistoryTable, "history-table", "", "the tool's history `table`, with or without schema, where it has a name of its own")
	f.StringVar(&adopt.AcceptDrift, "accept-drift", "", "adopt although the schema differs, and record `why`")
	f.BoolVar(&dry, "dry-run", false, "look and tell what would be done; exit 1 when it would be refused")
	w.flags(c)
	return c
}

// checkAdoption asks a worker to look and shows what it has found.
func (a *app) checkAdoption(ctx context.Context, client *jobs.Client, adopt jobs.Adopt, w waiting) error {
	id, err := client.CheckAdoption(ctx, jobs.AdoptCheck{Database: adopt.Database, Node: adopt.Node, Release: adopt.Release, HistoryTable: adopt.HistoryTable},
		&jobs.Options{IdempotencyKey: w.key, RequestedBy: a.requester()})
	if errors.Is(err, jobs.ErrInvalid) {
		return &codeError{exitUsage, err}
	}
	if err != nil {
		return err
	}
	op, err := a.quietly(ctx, client, id, w)
	if err != nil {
		return err
	}
	var report workers.AdoptionReport
	if err := json.Unmarshal(op.Result, &report); err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	if a.json() {
		err = a.printJSON(report)
	} else {
		a.printAdoption(report)
	}
	if err == nil && report.Refused != "" {
		return &codeError{exitError, errShown}
	}
	return err
}

// quietly waits for an operation without printing it.
func (a *app) quietly(ctx context.Context, client *jobs.Client, id string, w waiting) (jobs.Operation, error) {
	quiet := *a
	quiet.format = formatTable
	w.wait = true
	if err := quiet.settleUp(ctx, client, []string{id}, 0, w); err != nil {
		return jobs.Operation{}, err
	}
	return client.Get(ctx, id)
}

// adoption is what is shown of one as JSON.
type adoption struct {
	jobs.Adopted
	Tenant tenants.Tenant          `json:"tenant"`
	Report *workers.AdoptionReport `json:"report"` // null until a worker has looked
}

// followAdoption waits when that was asked for and shows how it stands.
func (a *app) followAdoption(ctx context.Context, client *jobs.Client, made jobs.Adopted, w waiting) error {
	var waited error
	if w.wait && made.State != string(tenants.StateActive) {
		_, waited = a.quietly(ctx, client, made.OperationID, w)
	}
	reg, t, err := a.tenantOf(ctx, made.TenantID)
	if err != nil {
		return errors.Join(waited, err)
	}
	shown := adoption{Adopted: made, Tenant: t}
	shown.State = string(t.State)
	if shown.Report, err = adoptionReport(ctx, reg, t.ID); err != nil {
		return errors.Join(waited, err)
	}
	if a.json() {
		return errors.Join(waited, a.printJSON(shown))
	}
	if waited != nil {
		if shown.Report != nil && shown.Report.Refused != "" {
			a.printAdoption(*shown.Report)
		}
		return waited
	}
	a.println(tenantLine(t))
	if t.State != tenants.StateActive {
		a.printf("follow it with: tenantry op watch %s\n", made.OperationID)
	}
	return nil
}

// adoptionReport reads what a worker has found, nil when none has looked yet.
func adoptionReport(ctx context.Context, reg *tenants.Registry, tenantID string) (*workers.AdoptionReport, error) {
	db, err := reg.DatabaseOf(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	row, err := reg.Adoption(ctx, db.ID)
	if err != nil || len(row.Report) == 0 {
		return nil, err
	}
	report := &workers.AdoptionReport{}
	if err := json.Unmarshal(row.Report, report); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	return report, nil
}

// mostShown is how many differences are printed.
const mostShown = 20

func (a *app) printAdoption(r workers.AdoptionReport) {
	line := func(name, text string) {
		if text != "" {
			a.printf("%-12s  %s\n", name, printable(text))
		}
	}
	line("database", r.Database+" on "+r.Node)
	if r.Tool != "" {
		line("history", r.HistoryTable+" ("+r.Tool+")")
	}
	if r.Files > 0 {
		line("applied", fmt.Sprintf("%d files, the last is %s", r.Files, r.LastFile))
		standing := r.Release
		if r.Beyond > 0 {
			standing += fmt.Sprintf(" and %d files of the next one", r.Beyond)
		}
		line("release", standing)
	}
	for _, note := range r.Notes {
		line("note", note)
	}
	for i, d := range r.Differences {
		if i == mostShown {
			a.printf("… and %d more differences; -o json shows %d\n", r.Differing-mostShown, workers.MostDifferences)
			break
		}
		a.printf("%s %s %s\n", d.Class, d.Kind, printable(d.Name))
		for _, side := range []struct{ sign, text string }{{"-", d.Want}, {"+", d.Got}} {
			for text := range strings.Lines(side.text) {
				a.printf("  %s %s\n", side.sign, printable(text))
			}
		}
	}
	if r.Refused == "" {
		a.println("it can be adopted")
		return
	}
	line("refused", r.Refused)
	line("what to do", r.Fix)
	for _, sql := range r.SQL {
		a.printf("  %s;\n", printable(sql))
	}
}
