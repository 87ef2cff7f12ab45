package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

func (a *app) driftCommand() *cobra.Command {
	c := group("drift", "Compare tenants' schemas with what their releases say", a.driftCheck(), a.driftList())
	c.Long = `A tenant's schema drifts when somebody changes it by hand, or a statement has left something half done. A check compares all that
pg_dump -s would write of its database, grants and owners too, with what a database holds that was built of the same release and that nobody has
touched. Differences are missing, extra, changed, invalid (an index that is not used) or not_validated (a constraint that old rows may
break). It only reads.

Every night some tenants are checked, so that all are within a week: see tenantry schedule show drift, and the setting drift_sample.`
	return c
}

func (a *app) driftCheck() *cobra.Command {
	var all, diff bool
	var labels []string
	var w waiting
	c := &cobra.Command{
		Use: "check [TENANT... | --all | --select k=v]", Short: "Look into tenants' databases now",
		Long: `Asks for a check, waits for it and says what it found. Tenants that are not active are skipped, for nobody may connect to their
databases. Exit codes: 0 all that were checked are as their releases say, 3 some have drifted, 1 some could not be checked.`,
		Example: "  tenantry drift check acme --diff\n  tenantry drift check --select plan=pro\n  tenantry drift check --all -o json",
		RunE: func(c *cobra.Command, args []string) error {
			selector, err := parseLabels("select", labels)
			if err != nil {
				return err
			}
			ways := 0
			for _, given := range []bool{len(args) > 0, all, len(selector) > 0} {
				if given {
					ways++
				}
			}
			if ways != 1 {
				return usageError("say whom to check: TENANT, --all, or --select k=v")
			}
			checks := []jobs.Check{{Labels: selector}}
			if len(args) > 0 {
				checks = nil
				for _, name := range args {
					checks = append(checks, jobs.Check{Only: name})
				}
			}
			return a.check(c.Context(), checks, w, diff)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every tenant")
	c.Flags().StringArrayVar(&labels, "select", nil, "tenants with this label `k=v`")
	c.Flags().BoolVar(&diff, "diff", false, "show each difference: what should be there with -, what is there with +")
	c.Flags().DurationVar(&w.timeout, "timeout", time.Hour, "how long to wait; then exit 5")
	return c
}

// check asks for checks, follows them and shows what they found.
func (a *app) check(ctx context.Context, checks []jobs.Check, w waiting, diff bool) error {
	reg, err := a.registry(ctx)
	if err != nil {
		return err
	}
	filter := drift.Filter{Labels: checks[0].Labels}
	for _, check := range checks {
		if check.Only == "" {
			continue
		}
		t, err := reg.Tenant(ctx, check.Only)
		if err != nil {
			return err
		}
		filter.Only = append(filter.Only, t.ID)
	}
	client := jobs.New(reg.Pool())
	ids := make([]string, len(checks))
	for i, check := range checks {
		if ids[i], err = client.Submit(ctx, check, &jobs.Options{RequestedBy: a.requester()}); err != nil {
			return err
		}
	}
	wait, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	ops, err := a.follow(wait, client, ids)
	if err != nil && ctx.Err() == nil && wait.Err() != nil {
		return a.timedOut(ctx, client, ops, w.timeout)
	}
	if err != nil {
		return err
	}
	for _, op := range ops {
		if op.State != jobs.StateSucceeded {
			return fmt.Errorf("the check did not come through: %s", describe(op))
		}
	}
	list, err := drift.List(ctx, reg.Pool(), filter)
	if err != nil {
		return err
	}
	// Who was not looked at has become active, or was labelled, since.
	since := ops[0].CreatedAt
	list = slices.DeleteFunc(list, func(c drift.Checked) bool {
		return c.State != drift.Skipped && (c.TriedAt == nil || c.TriedAt.Before(since))
	})
	if err := a.showChecked(list, diff); err != nil {
		return err
	}
	return driftExit(list)
}

// driftExit is the exit code of a check. Drift is worth more than what could not be looked at.
func driftExit(list []drift.Checked) error {
	var open []string
	drifted := 0
	for _, c := range list {
		switch c.State {
		case drift.Drifted:
			drifted++
		case drift.Busy, drift.Unreachable, drift.Failed:
			open = append(open, c.Tenant)
		case drift.Clean, drift.Skipped:
		}
	}
	switch {
	case drifted > 0:
		return &codeError{exitPartial, fmt.Errorf("%d of %d tenants have drifted", drifted, len(list))}
	case len(open) > 0:
		return errors.New("could not be checked: " + strings.Join(open, ", "))
	default:
		return nil
	}
}

func (a *app) driftList() *cobra.Command {
	var states, labels []string
	var diff bool
	c := &cobra.Command{
		Use: "list [TENANT...]", Short: "Show what the last checks have found",
		Example: "  tenantry drift list --state drifted --diff",
		RunE: func(c *cobra.Command, args []string) error {
			selector, err := parseLabels("select", labels)
			if err != nil {
				return err
			}
			filter := drift.Filter{Only: args, Labels: selector}
			for _, s := range states {
				if !slices.Contains(drift.States(), drift.State(s)) {
					return usageError("--state %q is none of %s", s, drift.States())
				}
				filter.States = append(filter.States, drift.State(s))
			}
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			list, err := drift.List(c.Context(), pool, filter)
			if err != nil {
				return err
			}
			return a.showChecked(list, diff)
		},
	}
	c.Flags().StringSliceVar(&states, "state", nil, "only these `states`: clean, drifted, busy, unreachable, failed, skipped")
	c.Flags().StringArrayVar(&labels, "select", nil, "only tenants with this label `k=v`")
	c.Flags().BoolVar(&diff, "diff", false, "show each difference")
	return c
}

// showChecked shows what was found, in JSON always with the differences.
func (a *app) showChecked(list []drift.Checked, diff bool) error {
	if a.json() {
		return a.printJSON(append([]drift.Checked{}, list...))
	}
	rows := make([][]string, 0, len(list))
	for _, c := range list {
		when, state, found := "never", string(c.State), c.Detail
		if c.CheckedAt != nil {
			when = ago(*c.CheckedAt)
		}
		if c.State == "" {
			state = "-"
		}
		if c.Found > 0 {
			found = strings.TrimPrefix(found+"; "+classes(c), "; ")
		}
		rows = append(rows, []string{c.Tenant, state, c.Release, when, found})
	}
	table(a.out, []string{"TENANT", "STATE", "RELEASE", "CHECKED", "FOUND"}, rows)
	if diff {
		for _, c := range list {
			a.printDifferences(c)
		}
	}
	return nil
}

// classes counts differences by class: 1 changed, 2 extra.
func classes(c drift.Checked) string {
	counts := map[fingerprint.Class]int{}
	for _, d := range c.Differences {
		counts[d.Class]++
	}
	var list []string
	for _, class := range []fingerprint.Class{fingerprint.Missing, fingerprint.Extra, fingerprint.Changed, fingerprint.Invalid, fingerprint.NotValidated} {
		if n := counts[class]; n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, class))
		}
	}
	text := strings.Join(list, ", ")
	if c.Found > len(c.Differences) {
		text += fmt.Sprintf(", and %d more", c.Found-len(c.Differences))
	}
	return text
}

func (a *app) printDifferences(c drift.Checked) {
	if len(c.Differences) == 0 {
		return
	}
	a.printf("\n%s, at %s:\n", c.Tenant, c.Release)
	for _, d := range c.Differences {
		a.printf("  %s %s %s\n", d.Class, d.Kind, printable(d.Name))
		want, got := lines(d.Want), lines(d.Got)
		for _, line := range want {
			if !slices.Contains(got, line) {
				a.printf("    - %s\n", printable(line))
			}
		}
		for _, line := range got {
			if !slices.Contains(want, line) {
				a.printf("    + %s\n", printable(line))
			}
		}
		if slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))) {
			a.printf("    - %s\n    + %s\n", printable(strings.Join(want, ", ")), printable(strings.Join(got, ", "))) // the same lines in another order
		}
	}
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
