package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/tenants"
)

// printChangePlan shows the plan of a change to a person.
func (a *app) printChangePlan(t tenants.Tenant, p *execute.Planned) {
	a.printf("%s for %s: %s, %s; nothing was changed\n", p.ID, t.Slug, counted(len(p.Steps), "step"), about(p.Estimate()))
	for i, step := range p.Steps {
		a.printf("\n%d. %s, %s\n", i+1, step.Title(), about(step.Estimate))
		if len(step.SQL) > 0 {
			a.printf("   locks: %s\n", step.Lock)
		}
		if step.Rows > 0 && step.Kind != ddl.StepTx {
			a.printf("   rows:  about %d\n", step.Rows)
		}
		for _, sql := range step.SQL {
			a.println("   " + strings.ReplaceAll(beginning(printableLines(sql)+";"), "\n", "\n   "))
		}
		if step.Phase == ddl.Commit {
			a.println("   and the registry of forms, the history")
		}
	}
	for _, text := range append(p.Notes, p.Found...) {
		a.printf("\nnote: %s\n", printable(text))
	}
	for _, problem := range p.Problems {
		a.printf("\nwould fail: %s\n  %s\n", printable(problem.String()), printable(problem.Fix))
	}
}

func about(d time.Duration) string {
	if d < time.Second {
		return roughly(d)
	}
	return "about " + roughly(d)
}

// beginning is what people read of a statement: a look at all that the catalog has on a table goes over a hundred lines.
func beginning(sql string) string {
	const most, shown = 30, 20
	lines := strings.Split(sql, "\n")
	if len(lines) <= most {
		return sql
	}
	return strings.Join(lines[:shown], "\n") + fmt.Sprintf("\n… and %d more lines; -o json has all of them", len(lines)-shown)
}

// printableLines keeps the ends of lines.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// changeText says in a few words what a change is about.
func changeText(e execute.Entry) string {
	const most = 3
	var parts []string
	for i, op := range e.Change.Operations {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(e.Change.Operations)-most))
			break
		}
		parts = append(parts, ddl.Describe(op))
	}
	text := strings.Join(parts, ", ")
	if e.Why != nil {
		text += ": " + e.Why.Message
	}
	return shorten(text, 100)
}
