package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/avenit/tenantry/migrations/lint"
	"github.com/avenit/tenantry/workers"
)

// showLint writes what was found, and fails when there are errors.
func (a *app) showLint(view lintView, locks bool) error {
	if a.json() {
		if err := a.printJSON(view); err != nil {
			return err
		}
	} else {
		if locks {
			showLocks(a.out, view.Report)
		}
		showFindings(a.out, view.Report)
		if view.note != "" {
			a.printf("%s\n", view.note)
		}
		a.printf("%s\n", lintSummary(view))
	}
	if view.Errors > 0 {
		return &codeError{exitError, errShown}
	}
	return nil
}

func lintSummary(view lintView) string {
	since := ""
	if view.Since != "" {
		since = " since " + view.Since
	}
	return fmt.Sprintf("%s%s: %s; %s, %s, %s, %d allowed", view.Linted, since, counted(len(view.Statements), "statement"),
		counted(view.Errors, "error"), counted(view.Warnings, "warning"), counted(view.Notices, "notice"), view.Allowed)
}

func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// showFindings writes the statements that have findings.
func showFindings(w io.Writer, report *lint.Report) {
	for _, s := range report.Statements {
		if len(s.Findings) == 0 {
			continue
		}
		_, _ = fmt.Fprintf(w, "%s:%d  %s\n", printable(s.File), s.Line, printable(s.SQL))
		if does := doing(s); does != "" {
			_, _ = fmt.Fprintf(w, "  %s\n", does)
		}
		for _, f := range s.Findings {
			if f.Allowed != "" {
				_, _ = fmt.Fprintf(w, "  allowed %s: %s\n", f.Rule, printable(f.Allowed))
				continue
			}
			_, _ = fmt.Fprintf(w, "  %s %s: %s\n", f.Severity, f.Rule, printable(f.Problem))
			for i, line := range strings.Split(f.Instead, "\n") {
				lead := "           "
				if i == 0 {
					lead = "  instead: "
				}
				_, _ = fmt.Fprintf(w, "  %s%s\n", lead, printable(line))
			}
		}
		_, _ = fmt.Fprintln(w)
	}
}

// doing says a statement's locks and work in one line.
func doing(s lint.Statement) string {
	var parts []string
	for _, l := range s.Locks {
		part := l.Mode.String() + " on " + printable(l.Relation)
		if l.New {
			part += " (new)"
		}
		parts = append(parts, part)
	}
	for _, e := range s.Effects {
		parts = append(parts, work(e))
	}
	if s.Unknown {
		parts = append(parts, "perhaps more")
	}
	return strings.Join(parts, " · ")
}

// work says an effect, and how long it takes where that is known.
func work(e lint.Effect) string {
	text := fmt.Sprintf("%s of %s", e.Work, printable(e.Relation))
	if e.New {
		return text + " (new)"
	}
	if e.Estimate == nil || e.Work == lint.Empties {
		return text
	}
	return fmt.Sprintf("%s, about %s at %s (%s, about %d rows)", text, roughly(e.Estimate.Duration()), e.Estimate.Tenant, byteText(e.Estimate.Bytes), e.Estimate.Rows)
}

func roughly(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than 1s"
	case d < time.Minute:
		return d.Round(time.Second).String()
	default:
		return d.Round(time.Minute).String()[:len(d.Round(time.Minute).String())-len("0s")]
	}
}

func byteText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	value, unit := float64(n), 0
	for value >= 1000 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.3g %s", value, units[unit])
}

// showLocks writes a table of all statements.
func showLocks(w io.Writer, report *lint.Report) {
	var rows [][]string
	for _, s := range report.Statements {
		place := fmt.Sprintf("%s:%d", s.File, s.Line)
		works := map[string]string{}
		for _, e := range s.Effects {
			works[e.Relation] = strings.TrimPrefix(works[e.Relation]+", "+string(e.Work), ", ")
		}
		if len(s.Locks) == 0 {
			rows = append(rows, []string{place, "-", "-", "", s.SQL})
		}
		for _, l := range s.Locks {
			relation := l.Relation
			if l.New {
				relation += " (new)"
			}
			rows = append(rows, []string{place, l.Mode.String(), relation, works[l.Relation], s.SQL})
		}
	}
	table(w, []string{"STATEMENT", "LOCK", "ON", "WORK", ""}, rows)
	_, _ = fmt.Fprintln(w)
}

// refuseRisk shows the errors for which a release is not published.
func (a *app) refuseRisk(dir string, refused *workers.RiskError) error {
	if a.json() {
		if err := a.printJSON(viewLint(dir, "", "", refused.Report)); err != nil {
			return err
		}
		return refused
	}
	showFindings(a.err, refused.Report.Only(lint.Error))
	return fmt.Errorf("%w: --accept-risk 'why'", refused)
}

// sayLint tells what else the linter found in a release that is published.
func (a *app) sayLint(name string, report *lint.Report) {
	if report == nil {
		return
	}
	if errs := report.Count(lint.Error); errs > 0 {
		a.printf("%s of the linter accepted\n", counted(errs, "error"))
	}
	if warnings, notices := report.Count(lint.Warning), report.Count(lint.Notice); warnings+notices > 0 {
		a.printf("the linter has %s and %s: tenantry release lint %s\n", counted(warnings, "warning"), counted(notices, "notice"), name)
	}
}
