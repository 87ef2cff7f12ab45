package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/tenants/fanout"
)

func (a *app) aggregateCommand() *cobra.Command {
	c := group("aggregate", "Ask every tenant the same question for each day, and keep the answers in a table", a.aggregateDefine(), a.aggregateList(), a.aggregateShow(),
		a.aggregateRun(), a.aggregateResults(), a.aggregateSchedule(), a.aggregatePublish(), a.aggregateDrop())
	c.Long = `An aggregate is a query that every tenant's database answers for a day. What they answer lands in a table of the control database, in the schema aggregates: tenant_id,
day, and the query's columns with their types. Any program reads it that logs in as a member of the role tenantry_bi; aggregates.coverage says how complete each day is, and
aggregates.tenants who the tenants are.

Each tenant stands in a day once, however often that is run and whatever breaks meanwhile. Who has not answered is asked again, with growing pauses, until the time of
--retry-for is over; a run that ends without some fails and names them.`
	return c
}

// aggregateFlags are those of tenantry aggregate define.
type aggregateFlags struct {
	file, sql, zone, coverage, on string
	labels                        []string
	everybody                     bool
	retryFor, timeout             time.Duration
	mostRows                      int
	forget                        bool
}

func (a *app) aggregateDefine() *cobra.Command {
	var o aggregateFlags
	c := &cobra.Command{
		Use: "define NAME", Short: "Make an aggregate, or change it", Args: cobra.ExactArgs(1),
		Long: `Makes an aggregate of a query, or changes one: what is not given stays as it is.

The query is one SELECT, read-only, that may name parameters: :day is the day as a date, :day_start and :day_end are the times at which it begins and the next one
does, by the clock of --zone; :tenant_id and :tenant (the slug) are who is asked. One tenant is asked for yesterday, so that its server tells the columns, and what is wrong
with the query. The columns tenant_id and day are in the table by themselves. Types that a database has made itself are text there.

A changed query that gives the same columns, or more, goes on in the same table; days that are there stay as they are, without the new columns. One that gives other
columns begins a new table, NAME_v2, and leaves the old one alone.

--coverage says from when on a day is published, which is when tenantry_bi sees it: at once (0), when all tenants have answered (100), or P percent. It stays published.

It connects to a node from here and opens a password: it needs TENANTRY_SECRET_KEY.`,
		Example: `  tenantry aggregate define daily_invoices -f daily_invoices.sql --zone Europe/Berlin --coverage 100
  tenantry aggregate define daily_orders --sql "SELECT status, count(*) AS orders FROM orders WHERE created_at >= :day_start AND created_at < :day_end GROUP BY 1"
  tenantry aggregate define daily_invoices --retry-for 12h`,
		RunE: func(c *cobra.Command, args []string) error {
			spec, err := a.aggregateSpec(c, args[0], o)
			if err != nil {
				return err
			}
			return a.defineAggregate(c.Context(), spec)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the `FILE` with the query; - is standard input")
	f.StringVar(&o.sql, "sql", "", "the `QUERY` itself")
	f.StringArrayVar(&o.labels, "select", nil, "only tenants with this label `k=v`")
	f.BoolVar(&o.everybody, "all", false, "all tenants, whatever their labels; takes an earlier --select back")
	f.StringVar(&o.zone, "zone", "", "by whose clock days are counted, such as Europe/Berlin (default UTC)")
	f.StringVar(&o.coverage, "coverage", "", "the `PERCENT` of the tenants from which on a day is published (default 0, at once)")
	f.DurationVar(&o.retryFor, "retry-for", 0, "how long those are asked again that have not answered (default 6h)")
	f.DurationVar(&o.timeout, "timeout", 0, "how long one tenant may take (default 30s)")
	f.IntVar(&o.mostRows, "most-rows", 0, "the most rows of one tenant for one day (default 10000)")
	f.BoolVar(&o.forget, "forget-purged", false, "purging a tenant deletes what it has answered; otherwise that stays, under an id that says nothing any more")
	f.StringVar(&o.on, "try-on", "", "the `TENANT` that is asked for the columns (default any)")
	return c
}

// aggregateSpec reads what is to be defined; flags that are not given are nil.
func (a *app) aggregateSpec(c *cobra.Command, name string, o aggregateFlags) (aggregate.Spec, error) {
	spec := aggregate.Spec{Name: name, SQL: o.sql, By: a.requester(), On: o.on}
	if o.file != "" && o.sql != "" {
		return spec, usageError("--file and --sql: give one of them")
	}
	if o.file != "" {
		text, err := readText(o.file)
		if err != nil {
			return spec, usageError("--file: %w", err)
		}
		spec.SQL = strings.TrimRight(strings.TrimSpace(text), ";")
	}
	given := c.Flags().Changed
	if o.everybody && given("select") {
		return spec, usageError("--select and --all: give one of them")
	}
	if o.everybody {
		spec.Labels = map[string]string{}
	}
	if (given("file") || given("sql")) && strings.TrimSpace(spec.SQL) == "" {
		return spec, usageError("the query is empty")
	}
	if given("select") {
		labels, err := parseLabels("select", o.labels)
		if err != nil {
			return spec, err
		}
		spec.Labels = labels
	}
	if given("zone") {
		spec.Zone = &o.zone
	}
	if given("coverage") {
		percent, err := strconv.ParseFloat(strings.TrimSuffix(o.coverage, "%"), 64)
		if err != nil || !(percent >= 0 && percent <= 100) { // NaN is neither
			return spec, usageError("--coverage %q: give a percentage from 0 to 100", o.coverage)
		}
		share := percent / 100
		spec.PublishAt = &share
	}
	if given("retry-for") {
		spec.RetryFor = &o.retryFor
	}
	if given("timeout") {
		spec.Timeout = &o.timeout
	}
	if given("forget-purged") {
		spec.Forget = &o.forget
	}
	if given("most-rows") {
		spec.MostRows = &o.mostRows
	}
	return spec, nil
}

// mostText bounds a file with a query.
const mostText = 1 << 20

func readText(path string) (string, error) {
	var in io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // a file that its user names
		if err != nil {
			return "", err //nolint:wrapcheck // it names the file
		}
		defer f.Close() //nolint:errcheck // it was read
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, mostText+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > mostText {
		return "", fmt.Errorf("%s is longer than %d bytes", path, mostText)
	}
	return string(text), nil
}

func (a *app) defineAggregate(ctx context.Context, spec aggregate.Spec) error {
	reg, err := a.registry(ctx)
	if err != nil {
		return err
	}
	if spec.SQL != "" && reg.Keys() == nil {
		return usageError("TENANTRY_SECRET_KEY is not set, which opens the tenants' passwords")
	}
	d, err := aggregate.Define(ctx, reg, spec)
	if err != nil {
		return aggregateRefused(err)
	}
	if a.json() {
		return a.printJSON(d)
	}
	switch d.Change {
	case "new":
		a.printf("aggregate %s: table aggregates.%s\n", d.Aggregate, d.Table)
	case "settings":
		a.printf("aggregate %s: the query is as it was; settings are as given\n", d.Aggregate)
	case "text":
		a.printf("aggregate %s: a new query for the same columns, in aggregates.%s\n", d.Aggregate, d.Table)
	case "columns":
		a.printf("aggregate %s: aggregates.%s has more columns; days that are there have nothing in them\n", d.Aggregate, d.Table)
	case "table":
		a.printf("aggregate %s: other columns than before, in a new table: aggregates.%s\n", d.Aggregate, d.Table)
	}
	if d.Tried != "" {
		a.printf("columns: tenant_id text, day date, %s (as %s has them, which has given %d rows for yesterday)\n", columnList(d.Columns), d.Tried, d.Rows)
	}
	return nil
}

func columnList(columns []aggregate.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name + " " + c.Type
	}
	return strings.Join(list, ", ")
}

// aggregateRefused is an error of usage where what was given is at fault.
func aggregateRefused(err error) error {
	if err == nil {
		return nil
	}
	if _, is := errors.AsType[*aggregate.BadSpecError](err); is || errors.Is(err, aggregate.ErrNoAggregate) {
		return &codeError{exitUsage, err}
	}
	return refusedAsUsage(queryRefused(err))
}

func (a *app) aggregateList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List aggregates and how complete their newest day is", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			list, err := aggregate.List(c.Context(), pool, "")
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(list)
			}
			rows := make([][]string, len(list))
			for i, g := range list {
				day, state, covered := "", "", ""
				if g.Newest != nil {
					day, state = g.Newest.Day, g.Newest.State
					covered = fmt.Sprintf("%s of %s", fanout.Grouped(g.Newest.Contributed), fanout.Grouped(g.Newest.Tenants))
					if g.Newest.PublishedAt == nil {
						covered += ", not published"
					}
				}
				rows[i] = []string{g.Name, "aggregates." + g.Table, g.Zone, day, state, covered}
			}
			table(a.out, []string{"AGGREGATE", "TABLE", "ZONE", "NEWEST DAY", "RUN", "TENANTS"}, rows)
			return nil
		},
	}
}

func (a *app) aggregateShow() *cobra.Command {
	var most int
	c := &cobra.Command{
		Use: "show NAME", Short: "Show an aggregate, its newest days, and who is missing in the newest", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.showAggregate(c.Context(), args[0], most) },
	}
	c.Flags().IntVar(&most, "limit", 14, "how many of its newest days")
	return c
}

func (a *app) showAggregate(ctx context.Context, name string, most int) error {
	pool, err := a.control(ctx)
	if err != nil {
		return err
	}
	g, err := aggregate.Get(ctx, pool, name)
	if err != nil {
		return aggregateRefused(err)
	}
	days, err := aggregate.Days(ctx, pool, name, most)
	if err != nil {
		return err
	}
	missing := []aggregate.Missing{}
	if g.Newest != nil {
		of, err := aggregate.MissingOf(ctx, pool, g.Newest.Table, 1000, g.Newest.Day)
		if err != nil {
			return err
		}
		missing = of[g.Newest.Day]
	}
	if a.json() {
		return a.printJSON(struct {
			aggregate.Aggregate

			Days    []aggregate.Day     `json:"days"`
			Missing []aggregate.Missing `json:"missing"` // in the newest day
		}{g, days, missing})
	}
	labels := make([]string, 0, len(g.Labels))
	for k, v := range g.Labels {
		labels = append(labels, k+"="+v)
	}
	slices.Sort(labels)
	for _, r := range [][2]string{
		{"aggregate", g.Name},
		{"table", "aggregates." + g.Table},
		{"columns", "tenant_id text, day date, " + columnList(g.Columns)},
		{"tenants", strings.Join(labels, " ")},
		{"zone", g.Zone},
		{"published at", fmt.Sprintf("%g %%", g.PublishAt*100)},
		{"retry for", g.RetryFor.String()},
		{"timeout", g.Timeout.String()},
		{"most rows", fmt.Sprint(g.MostRows)},
		{"purged", map[bool]string{true: "tenants' answers are deleted", false: "tenants' answers stay"}[g.Forget]},
		{"definition", fmt.Sprintf("%d, by %s at %s", g.Definition, g.DefinedBy, moment(&g.DefinedAt))},
	} {
		if r[1] != "" {
			a.printf("%-12s  %s\n", r[0], printable(r[1]))
		}
	}
	a.printf("\n%s\n\n", strings.TrimSpace(g.SQL))
	rows := make([][]string, len(days))
	for i, d := range days {
		rows[i] = []string{d.Day, "aggregates." + d.Table, d.State, fmt.Sprintf("%s of %s", fanout.Grouped(d.Contributed), fanout.Grouped(d.Tenants)), moment(d.PublishedAt), d.OperationID}
	}
	if len(rows) > 0 {
		table(a.out, []string{"DAY", "TABLE", "RUN", "TENANTS", "PUBLISHED", "OPERATION"}, rows)
	}
	for _, m := range missing {
		how := "is missing"
		if m.Stale {
			how = "stands there with an earlier answer"
		}
		a.printf("%s: %s %s: %s (asked %d times)\n", g.Newest.Day, m.Tenant, how, printable(m.Reason), m.Tries)
	}
	return nil
}

func (a *app) aggregatePublish() *cobra.Command {
	var day string
	c := &cobra.Command{
		Use: "publish NAME --day D", Short: "Publish a day although it is not complete enough", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			if err := aggregate.Publish(c.Context(), pool, args[0], day); err != nil {
				return aggregateRefused(err)
			}
			return a.showAggregate(c.Context(), args[0], 14)
		},
	}
	c.Flags().StringVar(&day, "day", "", "which, such as 2026-11-27")
	_ = c.MarkFlagRequired("day")
	return c
}

func (a *app) aggregateDrop() *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use: "drop NAME --confirm NAME", Short: "Drop an aggregate with its tables and its schedule", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if confirm != args[0] {
				return usageError("--confirm: what is in its tables is lost: confirm with %s", args[0])
			}
			pool, err := a.control(c.Context())
			if err != nil {
				return err
			}
			if err := aggregate.Drop(c.Context(), pool, args[0]); err != nil {
				return aggregateRefused(err)
			}
			a.printf("aggregate %s is dropped\n", args[0])
			return nil
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the aggregate's name again")
	return c
}
