package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// Result says what one call of Apply did; it is filled in as far as the call came also when there is an error.
type Result struct {
	// Release is the name of the release that was asked for.
	Release string
	// Applied is how many statements this call applied and recorded; 0 when the database was up to date.
	Applied int
	// Pending is how many there were to apply.
	Pending int
	// Retries is how often a file was rolled back and tried again for a lock, a deadlock or a serialization failure.
	Retries int
	// Duration of the call, waits included.
	Duration time.Duration
}

// Apply brings the database of a connection to a release, from wherever an earlier call left it. The connection must be
// direct, not through a pooler that shares sessions, and not be used by anyone else meanwhile. Its role, or
// Options.OwnerRole, must be allowed to create schemas in the database. When Apply returns, the connection's settings
// are those it was opened with and its role is the session's own; after an error it may be closed.
//
// Typed errors: [*DivergedError], [*StatementError], [*UnresolvedError], [*gentle.BlockedError],
// [*gentle.LockedError], [gentle.ErrOutcomeUnknown]. [gentle.Classify] tells which are worth another call. Ending the context rolls back what is not
// committed.
func Apply(ctx context.Context, conn *pgx.Conn, rel *release.Release, opts Options) (Result, error) {
	begun := time.Now()
	opts = opts.withDefaults()
	if err := opts.validate(rel); err != nil {
		return Result{Release: rel.Name}, fmt.Errorf("apply release: %w", err)
	}
	s := &session{opts: opts, rel: rel}
	err := s.apply(ctx, conn)
	result := Result{
		Release:  rel.Name,
		Applied:  s.applied,
		Pending:  s.pending,
		Duration: time.Since(begun),
	}
	if s.Session != nil {
		result.Retries = s.Retries()
	}
	if err != nil {
		return result, fmt.Errorf("apply release %s: %w", rel.Name, err)
	}
	return result, nil
}

func (s *session) apply(ctx context.Context, conn *pgx.Conn) error {
	h, err := s.open(ctx, conn)
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	plan, err := compare(s.rel, h)
	if err != nil {
		return err
	}
	s.pending = plan.pending
	s.opts.Crash(PointLocked)
	if err := s.opts.Fence(ctx); err != nil {
		return err
	}
	if !h.exists {
		if err := s.bootstrap(ctx); err != nil {
			return err
		}
	}
	for _, u := range plan.units {
		if err := s.run(ctx, u); err != nil {
			return err
		}
	}
	if len(plan.units) == 0 {
		if err := s.stand(ctx); err != nil {
			return err
		}
	}
	s.opts.Crash(PointDone)
	return nil
}

// stand records at which release the database stands when there was nothing to run that could have recorded it.
func (s *session) stand(ctx context.Context) error {
	replies, err := s.Do(ctx, "read release", gentle.Command{SQL: metaSQL, Keep: true})
	if err != nil || parseStanding(replies[0]) == (standing{s.rel.Name, s.rel.ID}) {
		return err
	}
	s.opts.Crash(PointRelease)
	_, err = s.Do(ctx, "record release", s.releaseCommand())
	return err
}

// bootstrap makes the schema of the history in one transaction.
func (s *session) bootstrap(ctx context.Context) error {
	commands := make([]gentle.Command, len(bootstrapSQL))
	for i, sql := range bootstrapSQL {
		commands[i].SQL = sql
	}
	if _, err := s.Do(ctx, "make schema _tenantry", commands...); err != nil {
		return err
	}
	s.opts.Crash(PointPrepared)
	return nil
}

// releaseCommand records at which release the database stands.
func (s *session) releaseCommand() gentle.Command {
	return gentle.Command{SQL: releaseSQL, Args: []string{s.rel.Name, s.rel.ID}}
}

func (s *session) run(ctx context.Context, u unit) error {
	if u.alone() != nil {
		return s.runAlone(ctx, u)
	}
	return s.runTx(ctx, u)
}

// recorded counts a unit as applied.
func (s *session) recorded(u unit) {
	s.applied += len(u.statements)
}

// failed describes the failure of a unit's statement.
func (s *session) failed(u unit, statement release.Statement, err error) *StatementError {
	return &StatementError{
		File:        u.file.Name,
		Line:        errorLine(statement, err),
		StatementNo: statement.No,
		SQLState:    gentle.SQLState(err),
		Applied:     s.applied,
		Total:       s.pending,
		Err:         err,
	}
}
