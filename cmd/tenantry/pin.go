package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/migrations/rollout"
)

func (a *app) tenantPin() *cobra.Command {
	var at, reason, until string
	c := &cobra.Command{
		Use: "pin TENANT", Short: "Keep a tenant at a release for a while", Args: cobra.ExactArgs(1),
		Long:    `Rollouts of newer releases leave a pinned tenant alone. A pin has a reason and ends by itself: after 30 days if no day is given.`,
		Example: "  tenantry tenant pin acme --reason 'audit until April' --until 2027-04-01",
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return usageError("--reason is missing: who reads the plan of a rollout wants to know why")
			}
			end := time.Now().Add(rollout.PinFor)
			if until != "" {
				day, err := time.Parse(time.DateOnly, until)
				if err != nil || !day.After(time.Now()) {
					return usageError("--until %q is no day to come, such as 2027-04-01", until)
				}
				end = day
			}
			reg, t, err := a.tenantOf(c.Context(), args[0])
			if err != nil {
				return err
			}
			if at == "" {
				at = t.Release
			}
			if err := rollout.Pin(c.Context(), reg.Pool(), t.ID, at, reason, a.requester(), end.UTC()); err != nil {
				return fmt.Errorf("tenant %s at %q: %w", t.Slug, at, err)
			}
			if a.json() {
				return a.printJSON(map[string]string{"tenant": t.Slug, "release": at, "reason": reason, "until": end.UTC().Format(time.RFC3339)})
			}
			a.printf("%s stays at release %s, or below, until %s\n", t.Slug, at, end.UTC().Format(time.DateOnly))
			return nil
		},
	}
	c.Flags().StringVar(&at, "at", "", "the newest `release` it may get; the one it has if not given")
	c.Flags().StringVar(&reason, "reason", "", "why, for people")
	c.Flags().StringVar(&until, "until", "", "the `day` the pin ends, such as 2027-04-01; 30 days from now if not given")
	return c
}

func (a *app) tenantUnpin() *cobra.Command {
	return &cobra.Command{
		Use: "unpin TENANT", Short: "Let a pinned tenant come to newer releases again", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			reg, t, err := a.tenantOf(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := rollout.Unpin(c.Context(), reg.Pool(), t.ID); err != nil {
				return fmt.Errorf("tenant %s: %w", t.Slug, err)
			}
			return a.showTenant(c, t.ID, "")
		},
	}
}

func (a *app) tenantQuarantine() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List tenants whose migration failed for good, with what is known of it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			who, err := rollout.Quarantine(c.Context(), pool)
			if err != nil {
				return err
			}
			if a.json() {
				if who == nil {
					who = []rollout.Quarantined{}
				}
				return a.printJSON(who)
			}
			rows := make([][]string, len(who))
			for i, q := range who {
				rows[i] = []string{q.Slug, q.Release, fmt.Sprint(q.Evidence["code"]), shorten(fmt.Sprint(q.Evidence["message"]), 120), ago(q.At)}
			}
			table(a.out, []string{"TENANT", "RELEASE", "CODE", "MESSAGE", "SINCE"}, rows)
			return nil
		},
	}
	release := &cobra.Command{
		Use: "release TENANT...", Short: "Let tenants out: the next rollout takes them", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			failed := 0
			for _, name := range args {
				t, err := reg.Tenant(c.Context(), name)
				if err == nil {
					err = rollout.Release(c.Context(), reg.Pool(), t.ID, a.requester())
				}
				if err != nil {
					failed++
					_, _ = fmt.Fprintf(a.err, "tenantry: %s: %s\n", name, message(err))
				}
			}
			return partial(failed, len(args))
		},
	}
	return group("quarantine", "Look at tenants whose migration failed, and let them out", list, release)
}
