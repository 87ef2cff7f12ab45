package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants"
)

// statsStale is how old a tenant's newest look may be before tenant stats says so: one night may be missed.
const statsStale = 48 * time.Hour

// mostStale is how many of those are named.
const mostStale = 10

// statsOrders are what tenants can be sorted by, the greatest first.
var statsOrders = map[string]func(tenants.Stats) *int64{
	"size":         func(s tenants.Stats) *int64 { return s.Bytes },
	"growth":       func(s tenants.Stats) *int64 { return s.Grown },
	"transactions": func(s tenants.Stats) *int64 { return s.Transactions },
	"written":      func(s tenants.Stats) *int64 { return s.RowsWritten },
	"read":         func(s tenants.Stats) *int64 { return s.RowsRead },
	"sessions":     func(s tenants.Stats) *int64 { return s.Sessions },
}

func (a *app) tenantStats() *cobra.Command {
	var days, limit int
	var sort string
	c := &cobra.Command{
		Use: "stats [TENANT]", Short: "Show how large tenants are, how they grow, and what is done in them", Args: cobra.MaximumNArgs(1),
		Long: `Shows how large each tenant's database is, how much it has grown in the last days, and what was done in it, the largest first; of one tenant, day by day. The schedule
measure reads that each night (tenantry schedule run-now measure does it at once). Rows written are those of catalogs as well, sessions those of Tenantry as well. A + behind a number says
that there was more: the server has begun to count anew in these days, the tenant has moved to another database, or nobody had looked before. Active is the last day, in
UTC, on which rows were written or a session was seen.`,
		Example: "  tenantry tenant stats --sort growth --limit 20\n  tenantry tenant stats acme --days 90 -o json",
		RunE: func(c *cobra.Command, args []string) error {
			order, known := statsOrders[sort]
			if !known {
				return usageError("--sort %q is none of size, growth, transactions, written, read, sessions", sort)
			}
			if days < 1 || limit < 0 {
				return usageError("--days is at least 1, --limit at least 0")
			}
			if len(args) == 1 {
				reg, t, err := a.tenantOf(c.Context(), args[0])
				if err != nil {
					return err
				}
				list, err := reg.StatsDays(c.Context(), t.ID, days)
				if err != nil {
					return err
				}
				return a.printStatsDays(t, list)
			}
			reg, err := a.registry(c.Context())
			if err != nil {
				return err
			}
			list, err := reg.Stats(c.Context(), days)
			if err != nil {
				return err
			}
			slices.SortStableFunc(list, func(x, y tenants.Stats) int { return greatestFirst(order(x), order(y)) })
			return a.printStats(list, limit)
		},
	}
	c.Flags().IntVar(&days, "days", 30, "of how many days")
	c.Flags().StringVar(&sort, "sort", "size", "the greatest first: size, growth, transactions, written, read or sessions")
	c.Flags().IntVar(&limit, "limit", 0, "how many tenants at most; 0 is all")
	return c
}

// greatestFirst sorts what is not known to the end.
func greatestFirst(x, y *int64) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return 1
	case y == nil:
		return -1
	}
	return cmp.Compare(*y, *x)
}

func (a *app) printStats(list []tenants.Stats, limit int) error {
	shown := list
	if limit > 0 {
		shown = list[:min(limit, len(list))]
	}
	if a.json() {
		return a.printJSON(append([]tenants.Stats{}, shown...))
	}
	rows := make([][]string, len(shown))
	for i, s := range shown {
		measured := "never"
		if s.MeasuredAt != nil {
			measured = ago(*s.MeasuredAt)
		}
		rows[i] = []string{
			s.Tenant, string(s.State), s.Node, known(s.Bytes, size), known(s.Grown, growth), countOf(s.Transactions, s.Whole), countOf(s.RowsWritten, s.Whole), countOf(s.RowsRead, s.Whole),
			countOf(s.Sessions, s.Whole), cmp.Or(deref(s.LastActive), "-"), measured,
		}
	}
	table(a.out, []string{"TENANT", "STATE", "NODE", "SIZE", "GROWN", "TRANSACTIONS", "WRITTEN", "READ", "SESSIONS", "ACTIVE", "MEASURED"}, rows)
	var sum int64
	var stale []string
	for _, s := range list {
		sum += deref(s.Bytes)
		if s.MeasuredAt == nil || time.Since(*s.MeasuredAt) > statsStale {
			stale = append(stale, s.Tenant)
		}
	}
	a.printf("%d tenants, %s\n", len(list), size(sum))
	if len(stale) > 0 {
		slices.Sort(stale)
		named := strings.Join(stale[:min(mostStale, len(stale))], ", ")
		if len(stale) > mostStale {
			named += ", …"
		}
		a.printf("%d not measured within two days: %s; tenantry schedule show measure says why\n", len(stale), named)
	}
	return nil
}

func (a *app) printStatsDays(t tenants.Tenant, list []tenants.StatsDay) error {
	if a.json() {
		return a.printJSON(append([]tenants.StatsDay{}, list...))
	}
	if len(list) == 0 {
		a.printf("%s was not measured in these days; tenantry schedule run-now measure does it\n", t.Slug)
		return nil
	}
	rows := make([][]string, len(list))
	for i, d := range list {
		rows[i] = []string{
			d.Day, size(d.Bytes), known(d.Grown, growth), countOf(d.Transactions, d.Whole), countOf(d.RowsWritten, d.Whole), countOf(d.RowsRead, d.Whole), countOf(d.Sessions, d.Whole),
			moment(&d.MeasuredAt),
		}
	}
	table(a.out, []string{"DAY", "SIZE", "GROWN", "TRANSACTIONS", "WRITTEN", "READ", "SESSIONS", "MEASURED"}, rows)
	return nil
}

// known says a number to a person, or that it is not known.
func known(n *int64, say func(int64) string) string {
	if n == nil {
		return "-"
	}
	return say(*n)
}

func growth(bytes int64) string {
	if bytes < 0 {
		return "-" + size(-bytes)
	}
	return "+" + size(bytes)
}

// countOf says a count, and when there was more.
func countOf(n *int64, whole bool) string {
	return known(n, func(n int64) string {
		if whole {
			return strconv.FormatInt(n, 10)
		}
		return fmt.Sprintf("%d+", n)
	})
}
