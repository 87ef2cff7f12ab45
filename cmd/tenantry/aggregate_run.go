package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/tenants/fanout"
)

// mostDays is how many days one command asks for.
const mostDays = 366

func (a *app) aggregateRun() *cobra.Command {
	var w waiting
	var day, from, to string
	var onlyMissing bool
	c := &cobra.Command{
		Use: "run NAME", Short: "Ask every tenant for a day, or for several", Args: cobra.ExactArgs(1),
		Long: `Asks every active tenant for a day: yesterday, or the one that is given, or each from one to another. A day that was asked for before is asked for anew: what a tenant
answers takes the place of what it had answered. --only-missing asks those only who have not answered yet.

Each day is an operation; with --wait it is followed, and Ctrl-C leaves it to the workers.`,
		Example: `  tenantry aggregate run daily_invoices --wait
  tenantry aggregate run daily_invoices --day 2026-11-27 --only-missing --wait
  tenantry aggregate run daily_invoices --from 2026-10-01 --to 2026-10-31`,
		RunE: func(c *cobra.Command, args []string) error {
			days, err := daysOf(day, from, to)
			if err != nil {
				return err
			}
			only := ""
			if onlyMissing {
				only = "missing"
			}
			client, err := a.jobs(c.Context())
			if err != nil {
				return err
			}
			return a.runDays(c.Context(), client, args[0], days, only, w)
		},
	}
	f := c.Flags()
	f.StringVar(&day, "day", "", "which day: one such as 2026-11-27, today, or yesterday, which is so when nothing is given")
	f.StringVar(&from, "from", "", "the first of several days")
	f.StringVar(&to, "to", "", "the last of several days, itself included")
	f.BoolVar(&onlyMissing, "only-missing", false, "leave out who has answered already")
	w.flags(c)
	return c
}

// daysOf lists the days that flags mean.
func daysOf(day, from, to string) ([]string, error) {
	if from == "" && to == "" {
		return []string{day}, nil
	}
	if day != "" || from == "" || to == "" {
		return nil, usageError("give --day, or --from and --to")
	}
	first, last, err := rangeOf(from, to)
	if err != nil {
		return nil, err
	}
	var days []string
	for at := first; !at.After(last); at = at.AddDate(0, 0, 1) {
		days = append(days, at.Format(time.DateOnly))
	}
	if len(days) > mostDays {
		return nil, usageError("--from %s --to %s: that are %d days, and one command asks for %d at most", from, to, len(days), mostDays)
	}
	return days, nil
}

// rangeOf reads two days, both included.
func rangeOf(from, to string) (first, last time.Time, err error) {
	if first, err = time.Parse(time.DateOnly, from); err != nil {
		return first, last, usageError("--from %q is no day: give one such as 2026-11-27", from)
	}
	if last, err = time.Parse(time.DateOnly, to); err != nil {
		return first, last, usageError("--to %q is no day: give one such as 2026-11-27", to)
	}
	if last.Before(first) {
		return first, last, usageError("--to %s is before --from %s", to, from)
	}
	return first, last, nil
}

// runDays asks for days, each as an operation of its own.
func (a *app) runDays(ctx context.Context, client *jobs.Client, name string, days []string, only string, w waiting) error {
	var ids []string
	failed := 0
	for _, day := range days {
		opts := &jobs.Options{RequestedBy: a.requester()}
		if w.key != "" {
			opts.IdempotencyKey = w.key
			if len(days) > 1 {
				opts.IdempotencyKey += "/" + day
			}
		}
		id, err := client.Submit(ctx, jobs.Aggregate{Aggregate: name, Day: day, Only: only}, opts)
		if err != nil {
			if _, refused := errors.AsType[*jobs.Error](err); !refused || len(days) == 1 {
				return err
			}
			failed++
			_, _ = fmt.Fprintf(a.err, "tenantry: %s: %s\n", day, printable(err.Error()))
			continue
		}
		ids = append(ids, id)
	}
	return a.settleUp(ctx, client, ids, failed, w)
}

func (a *app) aggregateResults() *cobra.Command {
	var output queryFormat
	var day, from, to, tenant string
	var unpublished bool
	c := &cobra.Command{
		Use: "results NAME", Short: "Show what tenants have answered", Args: cobra.ExactArgs(1),
		Long: `Shows the rows of published days: of the newest one, or of those that are given. It ends with how complete each day is, and exit code 3
when one is not, or is not there.`,
		Example: `  tenantry aggregate results daily_invoices
  tenantry aggregate results daily_invoices --from 2026-10-01 --to 2026-10-31 -o csv > october.csv`,
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			g, err := aggregate.Get(c.Context(), pool, args[0])
			if err != nil {
				return aggregateRefused(err)
			}
			r := aggregate.Range{Tenant: tenant, Unpublished: unpublished}
			switch {
			case from != "" || to != "":
				if day != "" || from == "" || to == "" {
					return usageError("give --day, or --from and --to")
				}
			case day != "":
				if _, err := time.Parse(time.DateOnly, day); err != nil {
					return usageError("--day %q is no day: give one such as 2026-11-27", day)
				}
				from, to = day, day
			default:
				days, err := aggregate.Days(c.Context(), pool, args[0], mostDays)
				if err != nil {
					return err
				}
				if from = newestShown(days, g.Table, unpublished); from == "" {
					return fmt.Errorf("there is no published day in aggregates.%s: tenantry aggregate show %s", g.Table, g.Name)
				}
				to = from
			}
			if r.From, r.To, err = rangeOf(from, to); err != nil {
				return err
			}
			return a.showResults(c.Context(), g, r, newRowWriter(a.out, output))
		},
	}
	f := c.Flags()
	f.StringVar(&day, "day", "", "which day, such as 2026-11-27 (default the newest that is published)")
	f.StringVar(&from, "from", "", "the first of several days")
	f.StringVar(&to, "to", "", "the last of several days, itself included")
	f.StringVar(&tenant, "tenant", "", "only this `TENANT`")
	f.BoolVar(&unpublished, "unpublished", false, "also days that are not published")
	f.VarP(&output, "output", "o", "output `format`: table, json, csv or ndjson")
	return c
}

// newestShown is the newest day of a table that may be shown, "" where there is none.
func newestShown(days []aggregate.Day, table string, unpublished bool) string {
	for _, d := range days {
		if d.Table == table && (unpublished || d.PublishedAt != nil) {
			return d.Day
		}
	}
	return ""
}

// dayView is a day with who is missing, for programs.
type dayView struct {
	aggregate.Day

	Text    string              `json:"text"`
	Missing []aggregate.Missing `json:"missing"`
}

func (a *app) showResults(ctx context.Context, g aggregate.Aggregate, r aggregate.Range, out rowWriter) error {
	pool, err := a.control(ctx)
	if err != nil {
		return err
	}
	columns := []outColumn{{name: "tenant"}, {name: "day"}}
	for _, c := range g.Columns {
		columns = append(columns, outColumn{name: c.Name, literal: c.Literal()})
	}
	if err := out.begin(columns); err != nil {
		return err
	}
	days, err := aggregate.Results(ctx, pool, g, r, func(row fanout.Row) error {
		return out.row(append([][]byte{[]byte(row.Tenant)}, row.Values...), nil)
	})
	if err != nil {
		return aggregateRefused(err)
	}
	complete := true
	views := []dayView{}
	var lines []string
	names := make([]string, len(days))
	for i, d := range days {
		names[i] = d.Day
	}
	missing, err := aggregate.MissingOf(ctx, pool, g.Table, 100, names...)
	if err != nil {
		return err
	}
	for _, d := range days {
		v := dayView{Day: d, Text: d.Day + ": " + d.Coverage(missing[d.Day]), Missing: missing[d.Day]}
		complete = complete && d.Contributed >= d.Tenants
		views = append(views, v)
		lines = append(lines, v.Text)
	}
	if absent := absentDays(r, days); absent != "" {
		lines, complete = append(lines, absent+": tenantry aggregate show "+g.Name), false
	}
	text := strings.Join(lines, "\n")
	if err := out.end(lastWords{text: text, name: "days", view: views}); err != nil {
		return err
	}
	if !out.told() {
		_, _ = fmt.Fprintln(a.err, printableLines(text))
	}
	if !complete {
		return &codeError{exitPartial, errShown}
	}
	return nil
}

// mostAbsent is how many days are named that are not there.
const mostAbsent = 10

// absentDays says which days of a range are not there, "" where all are: one that nobody has asked for, or that is not published, is never a zero.
func absentDays(r aggregate.Range, days []aggregate.Day) string {
	n := int(r.To.Sub(r.From)/(24*time.Hour)) + 1 - len(days)
	if n <= 0 {
		return ""
	}
	there := map[string]bool{}
	for _, d := range days {
		there[d.Day] = true
	}
	var names []string
	for at := r.From; !at.After(r.To) && len(names) < mostAbsent; at = at.AddDate(0, 0, 1) {
		if day := at.Format(time.DateOnly); !there[day] {
			names = append(names, day)
		}
	}
	if n > len(names) {
		names = append(names, "…")
	}
	return fmt.Sprintf("%s not there, because nobody has asked for them or they are not published: %s", counted(n, "day"), strings.Join(names, ", "))
}

func (a *app) aggregateSchedule() *cobra.Command {
	var zone, day string
	var off bool
	c := &cobra.Command{
		Use: "schedule NAME CRON", Short: "Run an aggregate by itself", Args: cobra.RangeArgs(1, 2),
		Long: `Runs an aggregate at the times of a cron expression, for the day before. It is the schedule aggregate.NAME of tenantry schedule, which shows and changes it. Times that
were missed are all made up for, each for its own day.`,
		Example: `  tenantry aggregate schedule daily_invoices "15 2 * * *" --zone Europe/Berlin
  tenantry aggregate schedule live_orders "*/10 * * * *" --of today
  tenantry aggregate schedule daily_invoices --off`,
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			if off != (len(args) == 1) {
				return usageError("give the times, such as \"15 2 * * *\", or --off")
			}
			if off {
				if err := aggregate.Unschedule(c.Context(), pool, args[0]); err != nil {
					return aggregateRefused(err)
				}
				a.printf("aggregate %s does not run by itself any more\n", args[0])
				return nil
			}
			if err := aggregate.Schedule(c.Context(), pool, args[0], args[1], zone, day); err != nil {
				return aggregateRefused(err)
			}
			return a.printSchedules(c.Context(), aggregate.ScheduleName(args[0]))
		},
	}
	c.Flags().StringVar(&zone, "zone", "", "by whose clock, such as Europe/Berlin (default the aggregate's)")
	c.Flags().StringVar(&day, "of", "yesterday", "which day, as seen from each of these times: yesterday or today")
	c.Flags().BoolVar(&off, "off", false, "run it no more")
	return c
}
