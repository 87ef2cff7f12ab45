package ddlbench_test

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/gentle/gentletest"
)

// result is a line of the table.
type result struct {
	name        string
	ours, plain seen
	took        time.Duration
	plainTook   time.Duration
	rate        float64 // rows a second, 0 where none are gone through
	at          string  // what was being done when the longest wait began
	stale       int64
	steps       steps
}

func TestChanges(t *testing.T) {
	atOnce(t)
	rows := rowsOf(t)
	tn := newTenant(t)
	form := tn.load(t, rows)
	var plain table
	if besidePlain() {
		plain = tn.plain(t, form, "entries")
	}
	accounts := tn.accounts(t)
	tr := tn.begin(t, form)
	var results []result
	defer func() {
		t.Logf("%d rows, %d writes and %d reads a second\n%s", rows, trafficInSecond, trafficInSecond, text(results))
	}()
	calm := tr.over(t, tn, func() { <-time.After(2 * time.Second) })
	t.Logf("nothing changes: longest %s, p99 %s, elsewhere %s", ms(calm.Longest), ms(calm.P99), ms(calm.elsewhere))

	for _, c := range chosen(t) {
		r := result{name: c.name}
		before := tr.stale.Load()
		r.ours = tr.over(t, tn, func() {
			opts := tn.options()
			begun := time.Now()
			r.steps.watch(&opts)
			tn.apply(t, c.ours, opts)
			r.took = time.Since(begun)
		})
		r.at, r.stale = r.steps.at(r.ours.LongestAt), tr.stale.Load()-before
		if c.rows {
			r.rate = float64(rows) / r.took.Seconds()
		}
		t.Logf("%s: longest %s in %q, took %s\n%s", c.name, ms(r.ours.Longest), r.at, ms(r.took), r.steps.text(tr))
		form = tn.form(t, rows)
		if c.wrong != nil {
			wrong := one[int](t, tn.admin, "SELECT count(*) FROM "+form.name+" WHERE "+c.wrong(form))
			require.Zero(t, wrong, "%s: rows with a wrong value", c.name)
		}
		require.NoError(t, r.ours.Err, "%s: %d of %d queries failed", c.name, r.ours.Failed, r.ours.Count)

		if besidePlain() {
			tr.aim(plain, false)
		}
		if c.fills {
			tn.rest(t, form)
		}
		if besidePlain() {
			r.plain, r.plainTook = tr.beside(t, tn, c.plain(plain, accounts)...)
			if c.fills {
				tn.rest(t, plain)
			}
		}
		tr.aim(form, true)
		results = append(results, r)
		if full() && r.ours.Longest > goal {
			t.Errorf("%s: a query of the application took %s, in %q", c.name, ms(r.ours.Longest), r.at)
		}
	}
	tr.stop()
	tr.verify(t, tn, form)
}

// over measures what the application waits while something is done.
func (tr *traffic) over(t *testing.T, tn *tenant, do func()) seen {
	t.Helper()
	run(t, tn.admin, "CHECKPOINT")
	for _, c := range tr.clients() {
		c.CaughtUp(time.Now())
	}
	<-time.After(300 * time.Millisecond)
	from := time.Now()
	do()
	<-time.After(300 * time.Millisecond) // what comes after it
	return tr.between(t, from, time.Now())
}

// beside runs statements as the owner of the tables does by hand, and measures the same.
func (tr *traffic) beside(t *testing.T, tn *tenant, statements ...string) (seen, time.Duration) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), tn.config(t, tn.database, tn.migrator))
	require.NoError(t, err)
	defer hangUp(t, conn)
	run(t, conn, "SET ROLE "+tn.owner)
	var took time.Duration
	s := tr.over(t, tn, func() {
		begun := time.Now()
		for _, sql := range statements {
			run(t, conn, sql)
		}
		took = time.Since(begun)
	})
	return s, took
}

// steps are what a change did when.
type steps []step

type step struct {
	title      string
	begun      time.Time
	took       time.Duration
	rows       int64
	batches    int
	rowsFilled time.Duration // until the last batch
}

// watch has a change tell of its steps.
func (s *steps) watch(opts *execute.Options) {
	*s = append(*s, step{title: "look", begun: time.Now()})
	last := func() *step { return &(*s)[len(*s)-1] }
	next := func(title string) {
		last().took = time.Since(last().begun)
		*s = append(*s, step{title: title, begun: time.Now()})
	}
	opts.Progress = func(done, _ int64, what string) {
		if what != last().title || done == 0 {
			next(what)
		}
		last().rows, last().rowsFilled = done, time.Since(last().begun)
	}
	opts.Crash = func(point string) {
		switch point {
		case execute.PointBatch:
			last().batches++
		case execute.PointStepDone:
			next("record")
		case execute.PointDone:
			last().took = time.Since(last().begun)
		}
	}
}

// at is what was being done at a time.
func (s steps) at(when time.Time) string {
	title, into := "before", time.Duration(0)
	for _, step := range s {
		if step.begun.Before(when.Add(time.Millisecond)) {
			title, into = step.title, when.Sub(step.begun)
		}
	}
	if into > time.Second {
		title += ", after " + ms(into)
	}
	return title
}

// text lists the steps that took a while.
func (s steps) text(tr *traffic) string {
	var out strings.Builder
	for _, step := range s {
		if step.took < time.Millisecond {
			continue
		}
		fmt.Fprintf(&out, "    %s: %s", step.title, ms(step.took))
		if step.batches > 0 {
			fmt.Fprintf(&out, ", %d batches, %.0f rows/s", step.batches, float64(step.rows)/step.rowsFilled.Seconds())
		}
		waits := gentletest.Seen(step.begun, step.begun.Add(step.took), tr.clients()...)
		fmt.Fprintf(&out, ", longest query %s, p99 %s\n", ms(waits.Longest), ms(waits.P99))
	}
	return out.String()
}

func text(results []result) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "CHANGE\tLONGEST\tP99\tFOR A LOCK\tELSEWHERE\tTOOK\tROWS/S\tQUERIES\tFAILED\tASKED AGAIN\tLONGEST IN\tPLAIN: LONGEST\tP99\tTOOK\tFAILED")
	for _, r := range results {
		rate := ""
		if r.rate > 0 {
			rate = fmt.Sprintf("%.0f", r.rate)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%d\n", r.name,
			ms(r.ours.Longest), ms(r.ours.P99), ms(r.ours.locked), ms(r.ours.elsewhere), ms(r.took), rate, r.ours.Count, r.ours.Failed, r.stale, r.at,
			ms(r.plain.Longest), ms(r.plain.P99), ms(r.plainTook), r.plain.Failed)
	}
	_ = w.Flush()
	return out.String()
}
