package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/timetable"
)

func (a *app) scheduleCommand() *cobra.Command {
	c := group("schedule", "See and change what the fleet does by itself, and when",
		a.scheduleList(), a.scheduleShow(), a.scheduleSet(), a.scheduleEnable("enable", "Let a schedule run", true), a.scheduleEnable("disable", "Let a schedule rest", false), a.scheduleRunNow())
	c.Long = `Everything that the fleet does by itself stands in one list, with the times of a cron expression of five fields: minute, hour, day of month, month, day of week (0 is
Sunday); in UTC, or by the clock of a zone. Where that clock is set forward, a time that it leaps over is due at the leap; where it is set back, a time that it shows
twice is due the first time. With * for the hour it is due in every hour that passes.

Each time is asked for once, by whichever worker sees first that it has come. Of times that were missed while no worker ran, the newest is made up for; the policy --missed
says otherwise. The others are recorded as missed.`
	return c
}

func (a *app) scheduleList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what the fleet does by itself: when it did last, how that ended, and when it does next", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.printSchedules(c.Context(), "")
		},
	}
}

func (a *app) printSchedules(ctx context.Context, only string) error {
	pool, err := a.control(ctx)
	if err != nil {
		return err
	}
	list, err := workers.Schedules(ctx, pool, only)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(list)
	}
	rows := make([][]string, len(list))
	for i, s := range list {
		when := s.Expression
		if s.Zone != "UTC" {
			when += " " + s.Zone
		}
		next := "off"
		if s.Enabled {
			next = moment(s.Next)
		}
		rows[i] = []string{s.Name, when, next, moment(s.Last), shorten(s.Outcome, 40), s.Does}
	}
	table(a.out, []string{"SCHEDULE", "WHEN", "NEXT", "LAST", "OUTCOME", "DOES"}, rows)
	return nil
}

func (a *app) scheduleShow() *cobra.Command {
	var most int
	c := &cobra.Command{
		Use: "show NAME", Short: "Show a schedule and its newest times", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			list, err := workers.Schedules(c.Context(), pool, args[0])
			if err != nil {
				return err
			}
			slots, err := workers.Slots(c.Context(), pool, args[0], most)
			if err != nil {
				return err
			}
			s := list[0]
			if a.json() {
				return a.printJSON(struct {
					workers.Schedule

					Slots []workers.Slot `json:"slots"`
				}{s, slots})
			}
			on := "yes"
			if !s.Enabled {
				on = "no"
			}
			for _, r := range [][2]string{
				{"schedule", s.Name},
				{"does", s.Does},
				{"asks for", s.Kind},
				{"when", s.Expression},
				{"zone", s.Zone},
				{"missed times", string(s.Missed)},
				{"enabled", on},
				{"last", moment(s.Last)},
				{"outcome", s.Outcome},
				{"next", moment(s.Next)},
			} {
				if r[1] != "" {
					a.printf("%-12s  %s\n", r[0], printable(r[1]))
				}
			}
			rows := make([][]string, len(slots))
			for i, one := range slots {
				rows[i] = []string{moment(&one.At), one.State, deref(one.OperationID)}
			}
			if len(rows) > 0 {
				table(a.out, []string{"TIME", "OUTCOME", "OPERATION"}, rows)
			}
			return nil
		},
	}
	c.Flags().IntVar(&most, "limit", 20, "how many of its newest times")
	return c
}

func (a *app) scheduleSet() *cobra.Command {
	var expression, zone, missed string
	c := &cobra.Command{
		Use: "set NAME", Short: "Give a schedule other times", Args: cobra.ExactArgs(1),
		Example: "  tenantry schedule set night --cron '30 22 * * *' --zone Europe/Berlin\n  tenantry schedule set drift --missed never",
		RunE: func(c *cobra.Command, args []string) error {
			var change workers.ScheduleChange
			if expression != "" {
				change.Expression = &expression
			}
			if zone != "" {
				change.Zone = &zone
			}
			switch m := timetable.Missed(missed); m {
			case "":
			case timetable.Once, timetable.Each, timetable.Never:
				change.Missed = &m
			default:
				return usageError("--missed %q is not known: give once, each or never", missed)
			}
			if change == (workers.ScheduleChange{}) {
				return usageError("give --cron, --zone or --missed: at least one")
			}
			if _, err := timetable.Parse("* * * * *", zone); err != nil {
				return usageError("--zone: %s", err)
			}
			return a.changeSchedule(c.Context(), args[0], change)
		},
	}
	f := c.Flags()
	f.StringVar(&expression, "cron", "", "minute, hour, day of month, month, day of week from 0, Sunday, such as '15 2 * * *'")
	f.StringVar(&zone, "zone", "", "by whose clock, such as Europe/Berlin, or UTC")
	f.StringVar(&missed, "missed", "", "of times that were missed: once makes up for the newest, each for all, never for none that is ten minutes old")
	return c
}

func (a *app) changeSchedule(ctx context.Context, name string, change workers.ScheduleChange) error {
	pool, err := a.control(ctx)
	if err != nil {
		return err
	}
	if err := refusedAsUsage(workers.ChangeSchedule(ctx, pool, name, change)); err != nil {
		return err
	}
	return a.printSchedules(ctx, name)
}

func (a *app) scheduleEnable(use, short string, enabled bool) *cobra.Command {
	return &cobra.Command{
		Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeSchedule(c.Context(), args[0], workers.ScheduleChange{Enabled: &enabled})
		},
	}
}

func (a *app) scheduleRunNow() *cobra.Command {
	var w waiting
	c := &cobra.Command{
		Use: "run-now NAME", Short: "Do what a schedule does, at once", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			id, err := workers.RunNow(c.Context(), pool, args[0], a.requester())
			if err != nil {
				return err
			}
			if id != "" {
				client, err := a.jobs(c.Context())
				if err != nil {
					return err
				}
				return a.settleUp(c.Context(), client, []string{id}, 0, w)
			}
			if w.wait {
				within, cancel := context.WithTimeoutCause(c.Context(), w.timeout, &codeError{exitTimeout, errors.New("no worker has done it in time: see tenantry doctor")})
				defer cancel()
				if err := a.awaitChore(within, args[0]); err != nil {
					return err
				}
			}
			return a.printSchedules(c.Context(), args[0])
		},
	}
	c.Flags().BoolVar(&w.wait, "wait", false, "wait until it has ended")
	c.Flags().DurationVar(&w.timeout, "timeout", 10*time.Minute, "with --wait: how long; then exit 5")
	return c
}

// awaitChore waits until a worker has done a chore that was asked for.
func (a *app) awaitChore(ctx context.Context, name string) error {
	pool, err := a.control(ctx)
	if err != nil {
		return err
	}
	for {
		var waits bool
		if err := pool.QueryRow(ctx, `SELECT run_now FROM tenantry.schedules WHERE name = $1`, name).Scan(&waits); err != nil || !waits {
			return err //nolint:wrapcheck // the caller names the command
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
