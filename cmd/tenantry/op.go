package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
)

func (a *app) opCommand() *cobra.Command {
	return group("op", "List, watch, retry and cancel operations", a.opList(), a.opShow(), a.opWatch(), a.opRetry(), a.opCancel())
}

func (a *app) opList() *cobra.Command {
	var f jobs.Filter
	var states []string
	c := &cobra.Command{
		Use: "list", Short: "List operations, newest first", Args: cobra.NoArgs,
		Example: "  tenantry op list --state parked\n  tenantry op list --tenant acme --limit 10 -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.jobs(c.Context())
			if err != nil {
				return err
			}
			for _, s := range states {
				if !slices.Contains(jobs.States(), jobs.State(s)) {
					return usageError("--state %q is no state of an operation; states are %v", s, jobs.States())
				}
				f.States = append(f.States, jobs.State(s))
			}
			ops, err := client.List(c.Context(), f)
			if err != nil {
				return err
			}
			if a.json() {
				if ops == nil {
					ops = []jobs.Operation{}
				}
				return a.printJSON(ops)
			}
			rows := make([][]string, len(ops))
			for i, op := range ops {
				step := op.Step
				if op.Error != nil && op.State != jobs.StateSucceeded {
					step = op.Error.Message
				}
				rows[i] = []string{op.ID, op.Kind, deref(op.Tenant), string(op.State), shorten(step, 60), strconv.Itoa(op.Attempt), ago(op.CreatedAt), took(op)}
			}
			table(a.out, []string{"OPERATION", "KIND", "TENANT", "STATE", "STEP", "ATTEMPT", "ASKED", "TOOK"}, rows)
			return nil
		},
	}
	c.Flags().StringVar(&f.Tenant, "tenant", "", "only this tenant's (slug or id)")
	c.Flags().StringVar(&f.Kind, "kind", "", "only this kind, such as provision")
	c.Flags().StringSliceVar(&states, "state", nil, "only these states: waiting queued running retrying parked succeeded failed cancelled")
	c.Flags().StringVar(&f.Parent, "parent", "", "only children of this operation")
	c.Flags().IntVar(&f.Limit, "limit", 50, "how many at most, up to 1000")
	return c
}

func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func took(op jobs.Operation) string {
	if op.StartedAt == nil || op.FinishedAt == nil {
		return ""
	}
	return op.FinishedAt.Sub(*op.StartedAt).Round(time.Millisecond).String()
}

func (a *app) opShow() *cobra.Command {
	return &cobra.Command{
		Use: "show OPERATION", Short: "Show one operation", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.jobs(c.Context())
			if err != nil {
				return err
			}
			op, err := client.Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json() {
				return a.printOps([]jobs.Operation{op})
			}
			a.printOp(op)
			return nil
		},
	}
}

func (a *app) printOp(op jobs.Operation) {
	rows := [][]string{
		{"id", op.ID},
		{"kind", op.Kind},
		{"tenant", deref(op.Tenant)},
		{"state", string(op.State)},
		{"step", op.Step},
		{"progress", fmt.Sprintf("%d of %d", op.Progress.Done, op.Progress.Total)},
		{"attempt", fmt.Sprintf("%d (%d failed, %d lost their worker)", op.Attempt, op.Failures, op.Reaps)},
		{"args", string(op.Args)},
		{"result", string(op.Result)},
		{"asked by", op.RequestedBy},
		{"idempotency key", op.IdempotencyKey},
		{"worker", deref(op.WorkerID)},
		{"created", op.CreatedAt.UTC().Format(time.RFC3339)},
		{"took", took(op)},
	}
	if op.Error != nil {
		rows = append(rows, []string{"error", op.Error.Message}, []string{"error code", op.Error.Code}, []string{"what to do", op.Error.Hint})
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	for _, r := range rows {
		if r[1] != "" {
			a.printf("%-*s  %s\n", width, r[0], printable(r[1]))
		}
	}
}

func (a *app) opWatch() *cobra.Command {
	w := waiting{wait: true}
	c := &cobra.Command{
		Use: "watch OPERATION...", Short: "Follow operations until they end", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.jobs(c.Context())
			if err != nil {
				return err
			}
			return a.settleUp(c.Context(), client, args, 0, w)
		},
	}
	c.Flags().DurationVar(&w.timeout, "timeout", 24*time.Hour, "how long to wait; then exit 5")
	return c
}

func (a *app) opRetry() *cobra.Command {
	var w waiting
	c := &cobra.Command{
		Use: "retry OPERATION...", Short: "Give parked, failed or cancelled operations back to the workers", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.jobs(c.Context())
			if err != nil {
				return err
			}
			var ids []string
			for _, id := range args {
				if _, err := client.Retry(c.Context(), id); err != nil {
					_, _ = fmt.Fprintln(a.err, "tenantry:", message(err))
					continue
				}
				ids = append(ids, id)
			}
			return a.settleUp(c.Context(), client, ids, len(args)-len(ids), w)
		},
	}
	w.flags(c)
	return c
}

func (a *app) opCancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel OPERATION...", Short: "Cancel operations; a running one stops at its next step", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.jobs(c.Context())
			if err != nil {
				return err
			}
			failed := 0
			type answer struct {
				ID    string     `json:"id"`
				State jobs.State `json:"state"`
			}
			answers := make([]answer, 0, len(args))
			for _, id := range args {
				state, err := client.Cancel(c.Context(), id)
				if err != nil {
					failed++
					_, _ = fmt.Fprintln(a.err, "tenantry:", message(err))
					continue
				}
				answers = append(answers, answer{id, state})
				if !a.json() {
					a.printf("%s %s\n", id, map[bool]string{true: "is asked to stop", false: "is " + string(state)}[state == jobs.StateRunning])
				}
			}
			if a.json() {
				if err := a.printJSON(answers); err != nil {
					return err
				}
			}
			return partial(failed, len(args))
		},
	}
}

func (w *waiting) flags(c *cobra.Command) {
	c.Flags().BoolVar(&w.wait, "wait", false, "wait until it has ended")
	c.Flags().DurationVar(&w.timeout, "timeout", 10*time.Minute, "with --wait: how long; then exit 5")
	c.Flags().StringVar(&w.key, "idempotency-key", "", "asking again with the same `key` is the same request")
}
