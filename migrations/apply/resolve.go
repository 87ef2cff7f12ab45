package apply

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/gentle"
)

// Outcome of a statement, as a person found it.
type Outcome string

const (
	// TookEffect records the statement as done.
	TookEffect Outcome = "took effect"
	// HadNoEffect lets the next Apply send the statement again.
	HadNoEffect Outcome = "had no effect"
)

// ErrNothingToResolve says that the history has no such statement with an open outcome.
var ErrNothingToResolve = errors.New("no such statement with an open outcome")

// Resolve records the outcome that an [UnresolvedError] asked for. Of the options OwnerRole and LockWait count.
func Resolve(ctx context.Context, conn *pgx.Conn, version string, statementNo int, outcome Outcome, opts Options) error {
	s := &session{opts: opts.withDefaults()}
	if err := s.resolve(ctx, conn, version, statementNo, outcome); err != nil {
		return fmt.Errorf("resolve statement %d of version %s: %w", statementNo, version, err)
	}
	return nil
}

func (s *session) resolve(ctx context.Context, conn *pgx.Conn, version string, statementNo int, outcome Outcome) error {
	c := gentle.Command{SQL: forgetSQL, Args: []string{version, strconv.Itoa(statementNo)}}
	switch outcome {
	case TookEffect:
		c = gentle.Command{SQL: doneSQL, Args: []string{version, strconv.Itoa(statementNo), "0"}}
	case HadNoEffect:
	default:
		return fmt.Errorf("no such outcome: %q", outcome)
	}
	if _, err := s.open(ctx, conn); err != nil {
		return err
	}
	defer s.Close(ctx)
	replies, err := s.Do(ctx, "record outcome", c)
	if err != nil {
		return err
	}
	if replies[0].Tag.RowsAffected() != 1 {
		return ErrNothingToResolve
	}
	return nil
}
