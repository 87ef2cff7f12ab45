package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/migrations/preflight"
	"github.com/avenit/tenantry/migrations/rollout"
)

func (a *app) rolloutCommand() *cobra.Command {
	c := group("rollout", "Bring a release to many tenants, in waves",
		a.rolloutPlan(), a.rolloutStart(), a.rolloutStatus(), a.rolloutWatch(), a.rolloutPause(), a.rolloutResume(), a.rolloutAbort(), a.rolloutRetry(), a.rolloutHistory())
	c.Long = `A rollout brings a release to every tenant that is behind it, wave by wave. Each tenant gets an operation of its own, which waits for
its turn among the tenant's other work. Between waves the rollout bakes; then its gate is asked. When more tenants fail than the policy allows, or
two in the same way, it pauses: nobody begins, what runs ends, and a person decides.

  tenantry release publish ./migrations --name 2026.12
  tenantry rollout plan 2026.12
  tenantry rollout start 2026.12 --canary acme --bake 30m
  tenantry rollout watch

A tenant whose migration failed for good is in quarantine: it keeps its release, and later rollouts leave it alone, until
tenantry rollout retry or tenantry tenant quarantine release.`
	return c
}

// rolloutFlags are those of plan and start.
type rolloutFlags struct {
	labels      []string
	channel     string
	waves       string
	canary      []string
	bake        time.Duration
	parallel    int
	maxFailures string
	gate        string
	onError     string
}

func (o *rolloutFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&o.labels, "select", nil, "only tenants with this label `k=v`")
	f.StringVar(&o.channel, "channel", "", "only tenants that follow this channel, stable or beta (their label channel; stable without one)")
	f.StringVar(&o.waves, "waves", "1%,10%,50%,100%", "the `shares` of the fleet that are done when each wave ends")
	f.StringSliceVar(&o.canary, "canary", nil, "`slugs` of tenants that come first, in a wave of their own")
	f.DurationVar(&o.bake, "bake", 10*time.Minute, "the rest between two waves; 0 is none")
	f.IntVar(&o.parallel, "parallel", 0, "tenants of one node that are under way at a time; 0 begins with 4 and goes by how fast the node lets them in")
	f.StringVar(&o.maxFailures, "max-failures", "", "how many tenants may fail, `N or P%`, before it pauses; in the first wave none may (2 or 1% if not given)")
	f.StringVar(&o.gate, "gate", "", "a `file` with a query on the control database, asked after each wave: go on if its one row is true")
	f.StringVar(&o.onError, "on-error", "pause", "pause or continue when tenants fail")
}

func (o *rolloutFlags) read() (rollout.Selector, rollout.Policy, error) {
	var s rollout.Selector
	var p rollout.Policy
	var err error
	if s.Labels, err = parseLabels("select", o.labels); err != nil {
		return s, p, err
	}
	if o.channel != "" && o.channel != rollout.ChannelStable && o.channel != rollout.ChannelBeta {
		return s, p, usageError("--channel %q is no channel; channels are %s and %s", o.channel, rollout.ChannelStable, rollout.ChannelBeta)
	}
	s.Channel = o.channel
	if p.Waves, err = rollout.ParseWaves(o.waves); err != nil {
		return s, p, usageError("--waves: %w", err)
	}
	if o.maxFailures != "" {
		if p.MaxFailures, err = rollout.ParseFailures(o.maxFailures); err != nil {
			return s, p, usageError("--max-failures: %w", err)
		}
	}
	if o.gate != "" {
		body, err := os.ReadFile(o.gate)
		if err != nil {
			return s, p, usageError("--gate: %w", err)
		}
		p.Gate = strings.TrimSuffix(strings.TrimSpace(string(body)), ";")
	}
	if o.parallel < 0 {
		return s, p, usageError("--parallel: %d is not from 0 to 1000", o.parallel)
	}
	p.Canary, p.Parallel, p.OnError, p.Bake = o.canary, o.parallel, rollout.OnError(o.onError), o.bake
	if o.bake <= 0 {
		p.Bake = -1
	}
	if err := p.WithDefaults().Validate(); err != nil {
		return s, p, usageError("--%w", err)
	}
	return s, p, nil
}

func (a *app) rolloutPlan() *cobra.Command {
	var o rolloutFlags
	var look preflightFlags
	c := &cobra.Command{
		Use: "plan RELEASE", Short: "Show what a rollout would do and who would fail; it changes nothing", Args: cobra.ExactArgs(1),
		Long: `Shows who is in which wave, who is skipped and why, and what the preflight finds: every tenant's database is looked at, read-only, and compared
with what the release does. Exit codes: 0 nobody would fail, 3 some would.`,
		Example: `  tenantry rollout plan 2026.12 --canary acme
  tenantry rollout plan 2026.12 --no-preflight`,
		RunE: func(c *cobra.Command, args []string) error {
			s, p, err := o.read()
			if err != nil {
				return err
			}
			plan, report, err := a.makePlan(c.Context(), args[0], s, p, look)
			if errors.Is(err, errNoKey) { // a plan without a look is worth showing
				_, _ = fmt.Fprintln(a.err, "tenantry: the preflight is not run:", err)
				report, err = nil, nil
			}
			if err != nil {
				return err
			}
			if a.json() {
				err = a.printJSON(planView{plan, report})
			} else {
				a.printPlan(plan)
			}
			if err != nil || report == nil {
				return err
			}
			if !a.json() {
				a.printPreflight(*report)
			}
			if len(report.Blocked) > 0 {
				return &codeError{exitPartial, errShown}
			}
			return nil
		},
	}
	look.register(c)
	o.register(c)
	return c
}

func (a *app) printPlan(plan rollout.Plan) {
	a.printf("release %s: %d tenants in %d waves, %s\n", plan.Release, plan.Count(rollout.Pending, -1), plan.Waves, policyText(plan.Policy))
	for wave := range plan.Waves {
		var some []string
		for _, m := range plan.Members {
			if m.State == rollout.Pending && m.Wave == wave {
				some = append(some, m.Slug)
			}
		}
		const most = 8
		more := ""
		if len(some) > most {
			some, more = some[:most], ", …"
		}
		a.printf("  wave %d: %4d tenants  %s%s\n", wave+1, plan.Count(rollout.Pending, wave), strings.Join(some, ", "), more)
	}
	if n := plan.Count(rollout.SkippedUpToDate, -1); n > 0 {
		a.printf("  %d have the release already\n", n)
	}
	for _, m := range plan.Members {
		if m.State != rollout.Pending && m.State != rollout.SkippedUpToDate {
			a.printf("  skipped: %s %s\n", m.Slug, printable(m.Why))
		}
	}
}

func policyText(p rollout.Policy) string {
	text := "as many at a time as each node takes"
	if p.Parallel > 0 {
		text = fmt.Sprintf("%d at a time on each node", p.Parallel)
	}
	if p.Bake > 0 {
		text += fmt.Sprintf(", %s between waves", p.Bake)
	}
	if p.Gate != "" {
		text += ", with a gate"
	}
	if p.OnError == rollout.ContinueOnError {
		return text + ", failures do not stop it"
	}
	return text + fmt.Sprintf(", at most %s failures", p.MaxFailures)
}

func (a *app) rolloutStart() *cobra.Command {
	var o rolloutFlags
	var look preflightFlags
	var w waiting
	c := &cobra.Command{
		Use: "start RELEASE", Short: "Start a rollout", Args: cobra.ExactArgs(1),
		Long: `Looks at every tenant's database first, as tenantry rollout plan does, and starts only if no tenant would fail. Then it says what to mend, or starts
without those tenants (--leave-out), or starts anyway (--accept-risk REASON). What was seen is kept with the rollout.`,
		Example: `  tenantry rollout start 2026.12 --canary acme,globex --waves 5%,50%,100% --bake 1h --gate errors.sql --wait
  tenantry rollout start 2026.12 --leave-out
  tenantry rollout start 2026.12 --accept-risk "the two test tenants may fail"`,
		RunE: func(c *cobra.Command, args []string) error {
			s, p, err := o.read()
			if err != nil {
				return err
			}
			if err := look.validate(c); err != nil {
				return err
			}
			plan, report, err := a.makePlan(c.Context(), args[0], s, p, look)
			if err != nil {
				if report != nil && !a.json() { // why a canary cannot be left out
					a.printPreflight(*report)
				}
				return err
			}
			if !a.json() {
				a.printPlan(plan)
				if report != nil {
					a.printPreflight(*report)
				}
			}
			id, err := a.startPlan(c.Context(), plan, report, look)
			if err != nil {
				return err
			}
			if !a.json() {
				if report != nil && newcomers(plan, *report) > 0 {
					a.printf("%d tenants came since the preflight and were not looked at\n", newcomers(plan, *report))
				}
				a.printf("%s started; follow it with: tenantry rollout watch %s\n", id, id)
			}
			if w.wait {
				return a.watchRollout(c, id, w.timeout)
			}
			if a.json() {
				return a.showRollout(c, id)
			}
			return nil
		},
	}
	o.register(c)
	look.registerStart(c)
	c.Flags().BoolVar(&w.wait, "wait", false, "wait until it has ended or is paused")
	c.Flags().DurationVar(&w.timeout, "timeout", 24*time.Hour, "with --wait: how long; then exit 5")
	return c
}

func (a *app) showRollout(c *cobra.Command, id string) error {
	pool, err := a.control(c.Context())
	if err != nil {
		return err
	}
	r, err := rollout.Get(c.Context(), pool, id)
	if err != nil {
		return err
	}
	kept, err := preflight.Of(c.Context(), pool, r.ID)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(rolloutView{r, kept})
	}
	for _, line := range board(r) {
		a.println(line)
	}
	if kept != nil {
		a.println(keptLine(*kept))
	}
	return nil
}

// optionalID gives the rollout that a command is about: the only argument, or "" for the newest one.
func optionalID(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (a *app) rolloutStatus() *cobra.Command {
	var members bool
	var states []string
	c := &cobra.Command{
		Use: "status [ROLLOUT]", Short: "Show a rollout, the newest if none is named", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !members {
				return a.showRollout(c, optionalID(args))
			}
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			r, err := rollout.Get(c.Context(), pool, optionalID(args))
			if err != nil {
				return err
			}
			var wanted []rollout.MemberState
			for _, s := range states {
				wanted = append(wanted, rollout.MemberState(s))
			}
			list, err := rollout.Members(c.Context(), pool, r.ID, wanted...)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(list)
			}
			rows := make([][]string, len(list))
			for i, m := range list {
				rows[i] = []string{m.Slug, m.Node, fmt.Sprint(m.Wave + 1), string(m.State), m.FromRelease, deref(m.OperationID), shorten(string(m.Failure), 100)}
			}
			table(a.out, []string{"TENANT", "NODE", "WAVE", "STATE", "FROM", "OPERATION", "FAILURE"}, rows)
			return nil
		},
	}
	c.Flags().BoolVar(&members, "tenants", false, "list its tenants")
	c.Flags().StringSliceVar(&states, "state", nil, "with --tenants: only these states, such as failed")
	return c
}

func (a *app) rolloutWatch() *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use: "watch [ROLLOUT]", Short: "Follow a rollout until it has ended or is paused", Args: cobra.MaximumNArgs(1),
		Long: `Shows waves, rate, what is left and how tenants failed, until the rollout has ended or is paused. Exit codes: 0 completed,
3 completed with exceptions, 1 paused or aborted, 5 timeout.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.watchRollout(c, optionalID(args), timeout)
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", 24*time.Hour, "how long to watch; then exit 5")
	return c
}

// decide makes the command of a person's decision.
func (a *app) decide(use, short string, do func(c *cobra.Command, id string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			r, err := rollout.Get(c.Context(), pool, optionalID(args))
			if err != nil {
				return err
			}
			if err := do(c, r.ID); err != nil {
				return err
			}
			return a.showRollout(c, r.ID)
		},
	}
}

func (a *app) rolloutPause() *cobra.Command {
	return a.decide("pause [ROLLOUT]", "Let no further tenant begin; what runs ends", func(c *cobra.Command, id string) error {
		return rollout.Pause(c.Context(), a.pool, id, a.requester())
	})
}

func (a *app) rolloutResume() *cobra.Command {
	var pastGate bool
	c := a.decide("resume [ROLLOUT]", "Go on; failures so far do not count any more", func(c *cobra.Command, id string) error {
		return rollout.Resume(c.Context(), a.pool, id, pastGate)
	})
	c.Flags().BoolVar(&pastGate, "past-gate", false, "do not ask the gate of the present wave")
	return c
}

func (a *app) rolloutAbort() *cobra.Command {
	return a.decide("abort [ROLLOUT]", "End a rollout when what runs has ended; who has the release keeps it", func(c *cobra.Command, id string) error {
		return rollout.Abort(c.Context(), a.pool, id, a.requester())
	})
}

func (a *app) rolloutRetry() *cobra.Command {
	var tenant string
	c := a.decide("retry [ROLLOUT]", "Take failed tenants up again, out of quarantine", func(c *cobra.Command, id string) error {
		tenantID := ""
		if tenant != "" {
			_, t, err := a.tenantOf(c.Context(), tenant)
			if err != nil {
				return err
			}
			tenantID = t.ID
		}
		n, err := rollout.Retry(c.Context(), a.pool, id, tenantID, a.requester())
		if err == nil && n == 0 {
			return errors.New("no tenant of this rollout has failed: see tenantry rollout status --tenants")
		}
		return err
	})
	c.Flags().StringVar(&tenant, "tenant", "", "only this one, also if it was waived or skipped")
	return c
}

func (a *app) rolloutHistory() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "history", Short: "List rollouts, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			list, err := rollout.List(c.Context(), pool, limit)
			if err != nil {
				return err
			}
			if a.json() {
				if list == nil {
					list = []rollout.Rollout{}
				}
				return a.printJSON(list)
			}
			rows := make([][]string, len(list))
			for i, r := range list {
				rows[i] = []string{r.ID, r.Release, string(r.State), string(r.Reason), fmt.Sprintf("%d of %d", r.Wave+1, r.Waves), r.StartedBy, ago(r.CreatedAt)}
			}
			table(a.out, []string{"ROLLOUT", "RELEASE", "STATE", "REASON", "WAVE", "BY", "STARTED"}, rows)
			return nil
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "how many at most")
	return c
}
