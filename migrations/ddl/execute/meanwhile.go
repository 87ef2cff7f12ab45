package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// exchanger sends commands in one round trip.
type exchanger func(ctx context.Context, commands []gentle.Command) ([]gentle.Reply, error)

// meanwhile tells whoever made a change against an older version of a form what has changed since.
func meanwhile(ctx context.Context, exchange exchanger, change ddl.Change, refused error) error {
	problems, found := errors.AsType[ddl.Problems](refused)
	if !found {
		return refused
	}
	for i, problem := range problems {
		form, old := problem.OldVersion()
		if !old {
			continue
		}
		replies, err := exchange(ctx, []gentle.Command{{SQL: sinceSQL, Args: []string{form, strconv.FormatInt(change.Versions[form], 10)}, Keep: true}})
		if err == nil {
			err = replies[0].Err
		}
		if err != nil {
			return fmt.Errorf("read what has changed meanwhile: %w", err)
		}
		if list := sinceThen(replies[0]); list != "" {
			problems[i].Message += "; meanwhile: " + list
		}
	}
	return problems
}

// sinceThen says in a few words what changes did, and who asked for them.
func sinceThen(r gentle.Reply) string {
	var list []string
	for _, row := range r.Rows {
		var change ddl.Change
		if json.Unmarshal(row[2], &change) != nil {
			continue // of a newer version of this program
		}
		what := make([]string, len(change.Operations))
		for i, op := range change.Operations {
			what[i] = ddl.Describe(op)
		}
		list = append(list, fmt.Sprintf("change %s by %s (%s)", row[0], row[1], strings.Join(what, ", ")))
	}
	return strings.Join(list, "; ")
}
