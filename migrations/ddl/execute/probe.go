package execute

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// Planned is a plan with what was found in the rows.
type Planned struct {
	*ddl.Plan

	// Problems stand in the way: the change would be refused. Nil when nothing does.
	Problems ddl.Problems `json:"problems,omitempty"`
	// Found is worth knowing and stands in nobody's way.
	Found []string `json:"found,omitempty"`
	// Planned is when, by the database's clock.
	At time.Time `json:"at"`
}

// Plan says how a change would be made and what would fail. It changes nothing and takes no lock that anybody waits for. Its error is
// [ddl.Problems] when the change makes no sense on these forms, whatever the rows are.
func Plan(ctx context.Context, conn *pgx.Conn, change ddl.Change) (*Planned, error) {
	s, err := read(ctx, conn, scopeOf(change), "")
	if err != nil {
		return nil, err
	}
	if err := s.foreignErr(); err != nil {
		return nil, err
	}
	plan, err := ddl.Generate(change, s.registry, s.facts)
	exchange := func(ctx context.Context, commands []gentle.Command) ([]gentle.Reply, error) {
		return gentle.Exchange(ctx, conn, commands)
	}
	if err != nil {
		return nil, meanwhile(ctx, exchange, change, err)
	}
	planned := &Planned{Plan: plan, At: s.facts.Now}
	ask := func(ctx context.Context, sql string) (gentle.Reply, error) {
		replies, err := exchange(ctx, []gentle.Command{{SQL: sql, Keep: true}})
		if err == nil {
			err = replies[0].Err
		}
		if err != nil {
			return gentle.Reply{}, err
		}
		return replies[0], nil
	}
	planned.Problems, planned.Found, err = probeAll(ctx, plan.Probes, ask)
	return planned, err
}

type asker func(ctx context.Context, sql string) (gentle.Reply, error)

func probeAll(ctx context.Context, probes []ddl.Probe, ask asker) (ddl.Problems, []string, error) {
	var problems ddl.Problems
	var found []string
	for _, probe := range probes {
		problem, err := probeOne(ctx, probe, ask)
		switch {
		case err != nil:
			return nil, nil, err
		case problem == nil:
		case probe.Note:
			found = append(found, ddl.Problems{*problem}.WithoutValues().Summary())
		default:
			problems = append(problems, *problem)
		}
	}
	return problems, found, nil
}

// probeOne counts the rows that are in the way, nil for none.
func probeOne(ctx context.Context, probe ddl.Probe, ask asker) (*ddl.Problem, error) {
	reply, err := ask(ctx, probe.SQL)
	if err != nil {
		return nil, fmt.Errorf("look at the rows of %s: %w", probe.Table, err)
	}
	rows, _ := strconv.ParseInt(reply.Text(0), 10, 64)
	if rows == 0 {
		return nil, nil //nolint:nilnil // nothing is in the way
	}
	problem := probe.Found(rows, parseTextArray(reply.Text(1)))
	return &problem, nil
}

// parseTextArray reads an array of texts, as PostgreSQL writes it.
func parseTextArray(text string) []string {
	if text == "" {
		return nil
	}
	var list []string
	if err := pgtype.NewMap().Scan(pgtype.TextArrayOID, pgtype.TextFormatCode, []byte(text), &list); err != nil {
		return []string{text} // it is for people to read
	}
	return list
}
