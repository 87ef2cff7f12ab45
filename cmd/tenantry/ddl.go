package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/tenants"
)

func (a *app) ddlCommand() *cobra.Command {
	c := group("ddl", "Plan and make changes of a tenant's forms, as the no-code builder does",
		a.ddlPlan(), a.ddlApply(), a.ddlHistory(), a.ddlUndo(), a.ddlPause(), a.ddlResume(), a.ddlCancel(), a.ddlPurge(), a.ddlSchema())
	c.Long = `A change set is JSON: a list of operations on forms and their fields. A worker turns it into DDL that does not stop the tenant's
traffic: all of it is made, or nothing. What a form is is kept in the tenant's own database; see tenantry forms show.

  {"operations": [
    {"op": "create_form", "form": "projects", "label": "Projects"},
    {"op": "add_field", "form": "projects", "field": "budget", "label": "Budget (EUR)", "type": "decimal", "precision": 12, "scale": 2, "default": "0.00"}]}

tenantry ddl schema prints the JSON Schema, docs/forms.md explains it.`
	return c
}

// changeFile is what -f names: a change set, or a plan that was saved.
type changeFile struct {
	change ddl.Change
	plan   string // id of the plan, "" for a change set
}

func readChangeFile(path string, stdin io.Reader) (changeFile, error) {
	var f changeFile
	if path == "" {
		return f, usageError("-f is missing: name the file with the change set, - for standard input")
	}
	var body []byte
	var err error
	if path == "-" {
		body, err = io.ReadAll(stdin)
	} else {
		body, err = os.ReadFile(path) //nolint:gosec // the user names it
	}
	if err != nil {
		return f, usageError("-f: %w", err)
	}
	var saved struct {
		ID     string          `json:"id"`
		Change json.RawMessage `json:"change"`
	}
	if json.Unmarshal(body, &saved) == nil && saved.ID != "" && saved.Change != nil {
		f.plan, body = saved.ID, saved.Change
	}
	if f.change, err = ddl.Decode(body); err != nil {
		return f, &codeError{exitUsage, fmt.Errorf("%s: %w", path, err)}
	}
	return f, nil
}

// connectTenant connects to a tenant's database as its migrator, to read only.
func (a *app) connectTenant(ctx context.Context, name string) (*pgx.Conn, tenants.Tenant, error) {
	if a.env.SecretKey == "" {
		return nil, tenants.Tenant{}, usageError("TENANTRY_SECRET_KEY is not set: the tenants' passwords are sealed with it")
	}
	reg, t, err := a.tenantOf(ctx, name)
	if err != nil {
		return nil, t, err
	}
	if t.State != tenants.StateActive {
		return nil, t, fmt.Errorf("tenant %s is %s: nobody may connect to its database", t.Slug, t.State)
	}
	url, err := reg.TenantURL(ctx, t.ID, tenants.RoleMigrator, true)
	if err != nil {
		return nil, t, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, t, errors.New("the tenant's URL cannot be read")
	}
	config.RuntimeParams["application_name"] = "tenantry/cli"
	config.RuntimeParams["default_transaction_read_only"] = "on"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, t, fmt.Errorf("connect to tenant %s: %w", t.Slug, err)
	}
	return conn, t, nil
}

// closeConn says goodbye, also when the command's context has ended.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

func (a *app) ddlPlan() *cobra.Command {
	var file, save string
	c := &cobra.Command{
		Use: "plan TENANT -f change.json", Short: "Show how a change would be made, and what would fail", Args: cobra.ExactArgs(1),
		Long: `Runs nothing. It reads the tenant's forms and the sizes of their tables, and looks for rows that are in the way: it shows the SQL of
every step (of a long statement its beginning; -o json has all of it), its lock and about how long it takes, and rows that would fail, with examples. Exit code 1 says that the change would be refused.

--save keeps the plan; tenantry ddl apply TENANT -f of that file carries out this plan, or says that it is outdated.`,
		Example: "  tenantry ddl plan acme -f change.json\n  tenantry ddl plan acme -f change.json --save plan.json && tenantry ddl apply acme -f plan.json --wait",
		RunE: func(c *cobra.Command, args []string) error {
			f, err := readChangeFile(file, c.InOrStdin())
			if err != nil {
				return err
			}
			return a.planChange(c.Context(), args[0], f.change, save)
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "the `file` with the change set, - for standard input")
	c.Flags().StringVar(&save, "save", "", "keep the plan in this `file`")
	return c
}

func (a *app) planChange(ctx context.Context, name string, change ddl.Change, save string) error {
	conn, t, err := a.connectTenant(ctx, name)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	planned, err := execute.Plan(ctx, conn, change)
	if err != nil {
		return err
	}
	if save != "" {
		body, err := json.MarshalIndent(planned, "", "  ")
		if err == nil {
			err = os.WriteFile(save, append(body, '\n'), 0o600)
		}
		if err != nil {
			return fmt.Errorf("--save: %w", err)
		}
	}
	if a.json() {
		if err := a.printJSON(planned); err != nil {
			return err
		}
	} else {
		a.printChangePlan(t, planned)
	}
	if len(planned.Problems) > 0 {
		return &codeError{exitError, errShown}
	}
	return nil
}

func (a *app) ddlApply() *cobra.Command {
	var w waiting
	var file string
	c := &cobra.Command{
		Use: "apply TENANT -f change.json", Short: "Make a change", Args: cobra.ExactArgs(1),
		Long: `Asks for the change; a worker makes it when the tenant's turn comes. Changes of one tenant are made in the order in which they were asked for.
A file that tenantry ddl plan --save has written is carried out as planned, or not at all.`,
		Example: "  tenantry ddl apply acme -f change.json --wait",
		RunE: func(c *cobra.Command, args []string) error {
			f, err := readChangeFile(file, c.InOrStdin())
			if err != nil {
				return err
			}
			return a.submitChange(c, args[0], f, w)
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "the `file` with the change set or the saved plan, - for standard input")
	w.flags(c)
	return c
}

func (a *app) submitChange(c *cobra.Command, tenant string, f changeFile, w waiting) error {
	encoded, err := json.Marshal(f.change)
	if err != nil {
		return fmt.Errorf("encode change: %w", err)
	}
	return a.submitEach(c, []string{tenant}, func(t string) jobs.Args {
		return jobs.ChangeSchema{Tenant: t, Change: encoded, Plan: f.plan}
	}, w)
}

func (a *app) ddlHistory() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "history TENANT", Short: "List the changes of a tenant's forms, newest first", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conn, _, err := a.connectTenant(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer closeConn(c.Context(), conn)
			list, err := execute.History(c.Context(), conn, limit)
			if err != nil {
				return err
			}
			if a.json() {
				if list == nil {
					list = []execute.Entry{}
				}
				return a.printJSON(list)
			}
			rows := make([][]string, len(list))
			for i, e := range list {
				took := ""
				if e.EndedAt != nil {
					took = e.EndedAt.Sub(e.StartedAt).Round(time.Millisecond).String()
				}
				rows[i] = []string{strconv.FormatInt(e.Number, 10), e.State, changeText(e), e.RequestedBy, ago(e.StartedAt), took, e.OperationID}
			}
			table(a.out, []string{"CHANGE", "STATE", "WHAT", "BY", "BEGUN", "TOOK", "OPERATION"}, rows)
			return nil
		},
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many at most, up to 10000")
	return c
}

func (a *app) ddlUndo() *cobra.Command {
	var w waiting
	var onlyPlan bool
	c := &cobra.Command{
		Use: "undo TENANT CHANGE", Short: "Take back a change that was made", Args: cobra.ExactArgs(2),
		Long: `Makes the change that takes another one back: a field that was added is dropped, one that was dropped is restored, a type that was
changed is what it was. CHANGE is the number that tenantry ddl history shows. What was changed after it may stand in the way; --plan only looks.
What was purged, or written meanwhile, does not come back.`,
		Example: "  tenantry ddl undo acme 12 --plan\n  tenantry ddl undo acme 12 --wait",
		RunE: func(c *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return usageError("CHANGE %q is not a number; see tenantry ddl history %s", args[1], args[0])
			}
			inverse, err := a.inverseOf(c.Context(), args[0], number)
			if err != nil {
				return err
			}
			if onlyPlan {
				return a.planChange(c.Context(), args[0], *inverse, "")
			}
			return a.submitChange(c, args[0], changeFile{change: *inverse}, w)
		},
	}
	c.Flags().BoolVar(&onlyPlan, "plan", false, "show how, and change nothing")
	w.flags(c)
	return c
}

// inverseOf finds what takes a change back.
func (a *app) inverseOf(ctx context.Context, tenant string, number int64) (*ddl.Change, error) {
	conn, t, err := a.connectTenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	defer closeConn(ctx, conn)
	list, err := execute.History(ctx, conn, execute.MostHistory)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		switch {
		case e.Number != number:
		case e.State != "done":
			return nil, fmt.Errorf("change %d of tenant %s is %s: only one that was made can be taken back; tenantry ddl cancel stops one that is under way", number, t.Slug, e.State)
		case e.Inverse == nil:
			return nil, fmt.Errorf("change %d of tenant %s cannot be taken back: it has purged something", number, t.Slug)
		default:
			return e.Inverse, nil
		}
	}
	return nil, fmt.Errorf("tenant %s has no change %d; see tenantry ddl history %s", t.Slug, number, t.Slug)
}

func (a *app) ddlPause() *cobra.Command {
	return &cobra.Command{
		Use: "pause TENANT", Short: "Stop the change that is under way at its next step, until resume", Args: cobra.ExactArgs(1),
		Long: `The change stops between two steps, or two batches of rows, and its operation is parked. The tenant's other operations wait meanwhile:
a form half changed must not be migrated or moved. An index that is being built is built to its end first.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.decideChange(c.Context(), args[0], "is asked to pause", (*jobs.Client).Pause)
		},
	}
}

func (a *app) ddlResume() *cobra.Command {
	return &cobra.Command{
		Use: "resume TENANT", Short: "Go on with a change that was paused or parked", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.decideChange(c.Context(), args[0], "goes on", (*jobs.Client).Retry)
		},
	}
}

func (a *app) ddlCancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel TENANT", Short: "Take back the change that is under way", Args: cobra.ExactArgs(1),
		Long: `What the change has done so far is undone, rows that it has filled included: the forms are as they were before it. Once a change
is visible it cannot be cancelled; tenantry ddl undo takes it back.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.decideChange(c.Context(), args[0], "is taken back", (*jobs.Client).Cancel)
		},
	}
}

// decideChange does something with the change of a tenant that is under way.
func (a *app) decideChange(ctx context.Context, tenant, says string, do func(*jobs.Client, context.Context, string) (jobs.State, error)) error {
	client, err := a.jobs(ctx)
	if err != nil {
		return err
	}
	_, t, err := a.tenantOf(ctx, tenant)
	if err != nil {
		return err
	}
	ops, err := client.List(ctx, jobs.Filter{
		Tenant: t.ID, Kind: jobs.ChangeSchema{}.Kind(), Limit: 1,
		States: []jobs.State{jobs.StateRunning, jobs.StateQueued, jobs.StateRetrying, jobs.StateParked},
	})
	if err != nil {
		return err
	}
	if len(ops) == 0 {
		return fmt.Errorf("no change of tenant %s is under way; see tenantry op list --tenant %s", t.Slug, t.Slug)
	}
	if _, err := do(client, ctx, ops[0].ID); err != nil {
		return err
	}
	if a.json() {
		op, err := client.Get(ctx, ops[0].ID)
		if err != nil {
			return err
		}
		return a.printOps([]jobs.Operation{op})
	}
	a.printf("%s %s; follow it with: tenantry op watch %s\n", ops[0].ID, says, ops[0].ID)
	return nil
}

func (a *app) ddlPurge() *cobra.Command {
	var w waiting
	var onlyPlan bool
	c := &cobra.Command{
		Use: "purge TENANT", Short: "Remove for good what was dropped and whose grace is over", Args: cobra.ExactArgs(1),
		Long: `Removes the columns of dropped fields, the tables of dropped forms and the columns that fields had before their type changed, as far
as their grace of 30 days is over. There is no way back but a backup. Nothing is purged by itself.`,
		RunE: func(c *cobra.Command, args []string) error {
			change, err := a.dueForPurge(c.Context(), args[0])
			if err != nil {
				return err
			}
			if len(change.Operations) == 0 {
				a.println("nothing to purge")
				return nil
			}
			if onlyPlan {
				return a.planChange(c.Context(), args[0], change, "")
			}
			return a.submitChange(c, args[0], changeFile{change: change}, w)
		},
	}
	c.Flags().BoolVar(&onlyPlan, "plan", false, "show what would go, and change nothing")
	w.flags(c)
	return c
}

func (a *app) dueForPurge(ctx context.Context, tenant string) (ddl.Change, error) {
	conn, _, err := a.connectTenant(ctx, tenant)
	if err != nil {
		return ddl.Change{}, err
	}
	defer closeConn(ctx, conn)
	registry, err := execute.Read(ctx, conn)
	if err != nil {
		return ddl.Change{}, err
	}
	var now time.Time
	if err := conn.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
		return ddl.Change{}, fmt.Errorf("read the database's clock: %w", err)
	}
	return registry.Due(now), nil
}

func (a *app) ddlSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of a change set", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(ddl.Schema())
			return err //nolint:wrapcheck // standard output
		},
	}
}
