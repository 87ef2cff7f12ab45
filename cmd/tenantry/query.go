package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
)

const queryHelp = `Asks one question of every active tenant's database, read-only, and shows the rows as they come. It ends with who has answered: "998 of
1,000 tenants; 2 unreachable: …", and with exit code 3 when that is not everybody.

What it may ask: one statement that begins with SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN. It runs as each tenant's read-only role, in a
transaction that is READ ONLY and never committed, with a time limit, in UTC (current_date is UTC's), with the search path public. Ctrl-C cancels it
on every server.

What becomes of the rows:
  (nothing), --each      every row, its tenant first; where each tenant has one number, their total
  --sum, --avg           one number over all rows, exact; --avg is of rows, so that a tenant with more of them counts more
  --min, --max           the least, the greatest
  --top N [--by COLUMN]  the N rows with the greatest values
  --combine SQL          what this query makes of them: the rows are the table "rows", with the tenant's slug in the column tenant.
                         It runs in the control database, as a role that sees nothing but that table

SQL may name parameters: :tenant_id and :tenant (the slug) are those of who is asked, others are given with --param.

With several columns say which: --sum=COLUMN. A tenant that fails half-way counts nowhere but in --each, which has shown its rows by then.

It connects to the nodes from here and opens passwords: it needs TENANTRY_SECRET_KEY.

Exit codes: 0 everybody has answered, 3 not everybody has, 1 it could not be asked, 2 usage.`

const queryExamples = `  tenantry query "SELECT count(*) FROM invoices WHERE issued_at >= current_date"
  tenantry query "SELECT count(*) FROM invoices" --sum --select plan=pro
  tenantry query "SELECT status, count(*) FROM orders GROUP BY 1" --combine "SELECT status, sum(count) FROM rows GROUP BY 1 ORDER BY 2 DESC"
  tenantry query "SELECT pg_database_size(current_database()) AS bytes" --top 10
  tenantry query "SELECT id, email FROM customers WHERE email LIKE '%@example.com'" --each -o csv > found.csv
  tenantry query "SELECT count(*) FROM invoices WHERE issued_at::date = :day" --param day=2026-11-27
  tenantry query "SELECT version FROM app_settings" --tenant acme,globex -o ndjson`

// onlyColumn is what --sum and the like have for a column when none is named.
const onlyColumn = "the only one"

// queryWays are the flags that say what becomes of rows.
var queryWays = []string{"each", "sum", "avg", "min", "max", "top", "combine"}

// queryFlags are those of tenantry query.
type queryFlags struct {
	labels, slugs []string
	params        []string
	each          bool
	fold          map[fanout.Kind]*string
	top           int
	by            string
	combine       string
	output        queryFormat
	timeout       time.Duration
	total         time.Duration
	parallel      int
	searchPath    string
}

func (a *app) queryCommand() *cobra.Command {
	o := queryFlags{fold: map[fanout.Kind]*string{}}
	c := &cobra.Command{
		Use: "query SQL", Short: "Ask one question of every tenant's database", Args: oneQuery,
		Long: queryHelp, Example: queryExamples,
		RunE: func(c *cobra.Command, args []string) error {
			var given []string
			for _, way := range queryWays {
				if c.Flags().Changed(way) {
					given = append(given, "--"+way)
				}
			}
			if len(given) > 1 {
				return usageError("%s: give one of them", strings.Join(given, ", "))
			}
			return a.query(c.Context(), args[0], o)
		},
	}
	c.Flags().StringArrayVar(&o.labels, "select", nil, "only tenants with this label `k=v`")
	c.Flags().StringSliceVar(&o.slugs, "tenant", nil, "only these tenants, by `SLUG`")
	c.Flags().StringArrayVarP(&o.params, "param", "p", nil, "the value of a parameter that SQL names as in :day, as `name=value`")
	c.Flags().BoolVar(&o.each, "each", false, "every row, which is so when nothing else is asked for")
	for _, kind := range []fanout.Kind{fanout.Sum, fanout.Avg, fanout.Min, fanout.Max} {
		o.fold[kind] = c.Flags().String(string(kind), "", fmt.Sprintf("the %s of a `COLUMN`", kind))
		c.Flags().Lookup(string(kind)).NoOptDefVal = onlyColumn
	}
	c.Flags().IntVar(&o.top, "top", 0, "the `N` rows with the greatest values")
	c.Flags().StringVar(&o.by, "by", "", "for --top: the `COLUMN` with the values; the only one with numbers if not given")
	c.Flags().StringVar(&o.combine, "combine", "", "a `SQL` query over the table rows")
	c.Flags().VarP(&o.output, "output", "o", "output `format`: table, json, csv or ndjson")
	c.Flags().DurationVar(&o.timeout, "timeout", 30*time.Second, "how long one tenant may take")
	c.Flags().DurationVar(&o.total, "total-timeout", 0, "how long all may take; who has not answered by then is left out. No limit if not given")
	c.Flags().IntVar(&o.parallel, "parallel", 0, "how many tenants of a node at a time, at most a quarter of its connections (default twice the processors)")
	c.Flags().StringVar(&o.searchPath, "search-path", "public", "where names without a schema are looked for")
	return c
}

func oneQuery(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("give one query, in quotes; a column is given as in --sum=COLUMN")
	}
	return nil
}

func (o queryFlags) request(sql string) (fanout.Request, error) {
	labels, err := parseLabels("select", o.labels)
	switch {
	case err != nil:
		return fanout.Request{}, err
	case o.top < 0:
		return fanout.Request{}, usageError("--top %d: give how many rows", o.top)
	case o.by != "" && o.top == 0:
		return fanout.Request{}, usageError("--by goes with --top N")
	case o.parallel < 0:
		return fanout.Request{}, usageError("--parallel %d is nobody", o.parallel)
	case o.timeout < time.Millisecond || o.total < 0:
		return fanout.Request{}, usageError("--timeout and --total-timeout: give a time such as 30s")
	}
	if err := fanout.CheckStatement(sql); err != nil {
		return fanout.Request{}, usageError("%w", err)
	}
	params := map[string]fanout.Param{}
	for _, p := range o.params {
		name, value, found := strings.Cut(p, "=")
		if !found || name == "" {
			return fanout.Request{}, usageError("--param %q: give name=value", p)
		}
		params[name] = fanout.Param{Value: value}
	}
	return fanout.Request{
		SQL: sql, Params: params, Slugs: o.slugs, Labels: labels, Timeout: o.timeout, Parallel: o.parallel, SearchPath: o.searchPath, Application: "tenantry/cli-query",
	}, nil
}

// query asks, and shows what comes of it.
func (a *app) query(ctx context.Context, sql string, o queryFlags) error {
	req, err := o.request(sql)
	if err != nil {
		return err
	}
	reg, err := a.registry(ctx)
	if err != nil {
		return err
	}
	if reg.Keys() == nil {
		return usageError("TENANTRY_SECRET_KEY is not set, which opens the tenants' passwords")
	}
	out := newRowWriter(a.out, o.output)
	into, err := o.into(ctx, reg, out)
	if err != nil {
		return err
	}
	defer into.close()
	show := newQueryBar(a)
	within, cancel := ctx, func() {}
	if o.total > 0 {
		within, cancel = context.WithTimeout(ctx, o.total)
	}
	defer cancel()
	req.Begin = show.begin
	req.Ended = func(done fanout.Outcome) {
		into.ended(done)
		show.ended(done)
	}
	report, err := fanout.Query(within, reg, req, func(row fanout.Row) error {
		show.clear()
		return into.take(within, row)
	})
	show.clear()
	return a.queryEnd(ctx, report, err, into, out)
}

// queryEnd shows what came of a query and says how it ended. Time that is over is told as who has not answered.
func (a *app) queryEnd(ctx context.Context, report fanout.Report, err error, into destination, out rowWriter) error {
	if report.Outcomes == nil && err != nil {
		return queryRefused(err)
	}
	late := err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
	var total *columnTotal
	var failed error
	if err == nil || late {
		total, failed = into.finish(ctx, report.Columns)
	}
	if ended := out.end(answeredBy(total, report)); failed == nil {
		failed = ended
	}
	if told := out.told(); !told || !report.Complete() && out.format() == formatJSON {
		_, _ = fmt.Fprintln(a.err, printable(report.Coverage()))
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: nothing of it runs on any server any more")
	case err != nil && !late:
		return queryRefused(err)
	case failed != nil:
		return failed
	case !report.Complete():
		return &codeError{exitPartial, errShown}
	default:
		return nil
	}
}

// queryRefused is an error of a query, of usage where the text or a name is at fault.
func queryRefused(err error) error {
	if _, ok := errors.AsType[*fanout.StatementError](err); ok || errors.Is(err, tenants.ErrNoTenant) {
		return &codeError{exitUsage, err}
	}
	return err
}
