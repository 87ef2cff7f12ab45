package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/avenit/tenantry/migrations/preflight"
	"github.com/avenit/tenantry/migrations/rollout"
)

// preflightFlags are those of plan and, in part, of start.
type preflightFlags struct {
	skip       bool
	leaveOut   bool
	acceptRisk string
}

func (o *preflightFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&o.skip, "no-preflight", false, "do not look at the tenants' databases first")
}

func (o *preflightFlags) registerStart(c *cobra.Command) {
	o.register(c)
	c.Flags().BoolVar(&o.leaveOut, "leave-out", false, "start without the tenants that the preflight finds blocked; they are recorded as skipped, with the reason")
	c.Flags().StringVar(&o.acceptRisk, "accept-risk", "", "start although tenants are blocked, for this `reason`; it is recorded")
}

// validate says which flags cannot be together.
func (o *preflightFlags) validate(c *cobra.Command) error {
	risk := c.Flags().Changed("accept-risk")
	switch {
	case risk && strings.TrimSpace(o.acceptRisk) == "":
		return usageError("--accept-risk: a reason is missing: who reads the rollout later wants to know")
	case risk && o.leaveOut:
		return usageError("--accept-risk and --leave-out say different things of the blocked tenants: give one")
	case o.skip && (risk || o.leaveOut):
		return usageError("--no-preflight: without a look nobody is known to be blocked: leave --accept-risk and --leave-out away")
	}
	return nil
}

var errNoKey = errors.New("TENANTRY_SECRET_KEY is not set, which opens the tenants' passwords: set it, or go without the preflight: --no-preflight")

// preflight looks at the tenants of a plan.
func (a *app) preflight(ctx context.Context, plan rollout.Plan) (preflight.Report, error) {
	reg, err := a.registry(ctx)
	if err != nil {
		return preflight.Report{}, err
	}
	if reg.Keys() == nil {
		return preflight.Report{}, usageError("%w", errNoKey)
	}
	var o preflight.Options
	f, ok := a.err.(*os.File)
	if ok && term.IsTerminal(int(f.Fd())) {
		o.Progress = func(done, total int) {
			_, _ = fmt.Fprintf(a.err, "\rpreflight: %d of %d tenants", done, total)
			if done == total {
				_, _ = fmt.Fprint(a.err, "\r\x1b[K")
			}
		}
	}
	return preflight.Run(ctx, reg, plan, o)
}

// makePlan plans a rollout and looks at its tenants, unless nobody is to be changed or told not to. The plan is made again after the look, which
// has seen sizes. The report is nil without a preflight.
func (a *app) makePlan(ctx context.Context, release string, s rollout.Selector, p rollout.Policy, o preflightFlags) (rollout.Plan, *preflight.Report, error) {
	pool, err := a.control(ctx)
	if err != nil {
		return rollout.Plan{}, nil, err
	}
	plan, err := rollout.Make(ctx, pool, release, s, p)
	if err != nil || o.skip || plan.Count(rollout.Pending, -1) == 0 {
		return plan, nil, err
	}
	report, err := a.preflight(ctx, plan)
	if err != nil {
		return plan, nil, err
	}
	var leaveOut map[string]string
	if o.leaveOut {
		leaveOut = report.LeaveOut()
	}
	plan, err = rollout.MakeWithout(ctx, pool, plan.Release, s, p, leaveOut)
	return plan, &report, err
}

// planView is a plan as it is printed in JSON.
type planView struct {
	rollout.Plan

	Preflight *preflight.Report `json:"preflight"`
}

// startPlan begins with a plan unless its report speaks against it.
func (a *app) startPlan(ctx context.Context, plan rollout.Plan, report *preflight.Report, o preflightFlags) (string, error) {
	pool, err := a.control(ctx)
	if err != nil {
		return "", err
	}
	if report == nil {
		return rollout.Begin(ctx, pool, plan, a.requester(), nil)
	}
	if n := len(report.Blocked); n > 0 && !o.leaveOut && o.acceptRisk == "" {
		if a.json() {
			if err := a.printJSON(planView{plan, report}); err != nil {
				return "", err
			}
		}
		return "", &codeError{exitError, fmt.Errorf("not started: %d of %d tenants would fail\n  mend what is named above, or start without them: --leave-out; or start anyway: --accept-risk REASON", n, report.Tenants)}
	}
	if o.leaveOut && plan.Count(rollout.Pending, -1) == 0 {
		return "", &codeError{exitError, errors.New("not started: every tenant is blocked, so with --leave-out nobody is left")}
	}
	accepted := ""
	if len(report.Blocked) > 0 {
		accepted = o.acceptRisk
	}
	return rollout.Begin(ctx, pool, plan, a.requester(), func(ctx context.Context, tx pgx.Tx, id string) error {
		return preflight.Record(ctx, tx, id, *report, accepted, a.requester())
	})
}

// printPreflight shows a report: what is wrong, the worst first, then what was seen.
func (a *app) printPreflight(r preflight.Report) {
	a.printf("preflight: %s\n", preflightLine(r))
	for _, g := range r.Groups {
		who := ""
		if g.Tenants > 0 {
			who = fmt.Sprintf("%d tenants: ", g.Tenants)
			if g.Tenants == 1 {
				who = "1 tenant: "
			}
		}
		a.printf("  %-8s  %s%s\n", g.Severity, who, printable(g.What))
		var some []string
		for _, e := range g.Examples {
			text := e.Tenant
			if e.Detail != "" {
				text += " (" + e.Detail + ")"
			}
			some = append(some, text)
		}
		if len(some) > 0 && g.Severity != preflight.Note {
			more := ""
			if g.Tenants > len(some) {
				more = ", …"
			}
			a.printf("            %s%s\n", printable(strings.Join(some, ", ")), more)
		}
		if g.Fix != "" {
			a.printf("            → %s\n", printable(g.Fix))
		}
	}
	for _, n := range r.Nodes {
		if n.Down == "" {
			a.printf("  node %s: %d tenants, %d of %d connections in use\n", n.Node, n.Tenants, n.Connections, n.MaxConnections)
		} else {
			a.printf("  node %s: %d tenants, down: %s\n", n.Node, n.Tenants, printable(n.Down))
		}
	}
	const most = 5
	for _, t := range r.Tables[:min(most, len(r.Tables))] {
		text := fmt.Sprintf("  table %s: %s in all, at most %s (%s)", printable(t.Table), preflight.Bytes(t.Bytes), preflight.Bytes(t.LargestBytes), t.LargestTenant)
		if t.RewriteBytes > 0 {
			text += ", written anew: " + preflight.Bytes(t.RewriteBytes)
		}
		a.println(text)
	}
	if more := len(r.Tables) - most; more > 0 {
		a.printf("  and %d tables more: -o json\n", more)
	}
}

// preflightLine says a report in a line.
func preflightLine(r preflight.Report) string {
	counts := map[preflight.Severity]int{}
	for _, g := range r.Groups {
		counts[g.Severity]++
	}
	text := fmt.Sprintf("%d tenants looked at in %s, %d statements to run", r.Tenants, r.Duration.Round(100*time.Millisecond), r.Statements)
	if n := len(r.Blocked); n > 0 {
		text += fmt.Sprintf("; %d would fail", n)
	} else {
		text += "; nobody is blocked"
	}
	if n := counts[preflight.Warning]; n > 0 {
		text += fmt.Sprintf("; %d warnings", n)
	}
	return text
}

// keptLine says in a line what the preflight of a rollout saw.
func keptLine(p preflight.Recorded) string {
	text := fmt.Sprintf("  preflight %s: %s", ago(p.At), preflightLine(p.Report))
	if p.Accepted != "" {
		text += fmt.Sprintf("; accepted by %s: %s", p.By, p.Accepted)
	}
	return printable(text)
}

// rolloutView is a rollout as it is printed in JSON.
type rolloutView struct {
	rollout.Rollout

	Preflight *preflight.Recorded `json:"preflight"`
}

// newcomers is how many tenants are to be changed that a report does not know.
func newcomers(plan rollout.Plan, report preflight.Report) int {
	return max(0, plan.Count(rollout.Pending, -1)+plan.Count(rollout.SkippedPreflight, -1)-report.Tenants)
}
