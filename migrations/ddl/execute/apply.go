package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// Result says what a change has done.
type Result struct {
	// Number of the change in the tenant's history.
	Number int64 `json:"number"`
	// Forms it touched, with their versions now; 0 for one that was purged.
	Forms map[string]int64 `json:"forms"`
	// Steps that this call ran, and how often one was rolled back and tried again for a lock.
	Steps   int `json:"steps"`
	Retries int `json:"retries"`
	// Rows that this call's fills have changed.
	Rows int64 `json:"rows"`
	// Notes of the plan, and what its probes found.
	Notes []string `json:"notes,omitempty"`
}

// session is one call's use of the connection.
type session struct {
	*gentle.Session

	opts   Options
	known  known
	change changeRow
	result Result

	lag       lag
	lagLooked time.Time
	disk      disk
}

// Apply makes a change, from wherever an earlier call with the same operation left it. The connection must be direct, not
// through a pooler that shares sessions, and not be used by anyone else meanwhile.
//
// Typed errors: [ddl.Problems] and [ErrOutdated], and nothing was changed; [*UndoneError], and everything was taken back;
// [ErrPaused]; [*UnfinishedError]; [*gentle.BlockedError], [*gentle.LockedError], [gentle.ErrOutcomeUnknown]. [gentle.Classify] tells which are worth
// another call.
func Apply(ctx context.Context, conn *pgx.Conn, change ddl.Change, opts Options) (Result, error) {
	opts = opts.withDefaults()
	if opts.OperationID == "" {
		return Result{}, errNoOperation
	}
	s, now, err := open(ctx, conn, scopeOf(change), opts)
	if err != nil {
		return Result{}, fmt.Errorf("change forms: %w", err)
	}
	defer s.Close(ctx)
	err = s.apply(ctx, change, now)
	s.result.Retries = s.Retries()
	if err != nil {
		return s.result, fmt.Errorf("change forms: %w", err)
	}
	return s.result, nil
}

func open(ctx context.Context, conn *pgx.Conn, of scope, opts Options) (*session, state, error) {
	gentleSession, replies, err := gentle.Open(ctx, conn, opts.session(), look(of, opts.OperationID)...)
	if err != nil {
		return nil, state{}, err
	}
	s := &session{Session: gentleSession, opts: opts}
	s.disk.look = s.smallCommit
	now, err := parse(replies)
	if err != nil {
		s.Close(ctx)
		return nil, state{}, err
	}
	s.known, s.change = known{now.registry, of.forms}, now.change
	opts.Crash(PointRead)
	if err := opts.Fence(ctx); err != nil {
		s.Close(ctx)
		return nil, state{}, err
	}
	return s, now, nil
}

func (s *session) apply(ctx context.Context, change ddl.Change, now state) error {
	switch s.change.state {
	case stateDone:
		s.conclude(s.change.number, s.change.forms)
		return nil
	case stateUndoing:
		return s.undo(ctx, nil)
	case stateApplying:
		return s.run(ctx, s.change.plan)
	}
	plan, err := s.agree(ctx, change, now)
	if err != nil {
		return err
	}
	if !now.exists {
		if err := s.bootstrap(ctx); err != nil {
			return err
		}
	}
	return s.begin(ctx, plan)
}

// agree makes the plan and looks whether it can be carried out.
func (s *session) agree(ctx context.Context, change ddl.Change, now state) (*ddl.Plan, error) {
	if err := now.foreignErr(); err != nil {
		return nil, err
	}
	plan, err := ddl.Generate(change, now.registry, now.facts)
	if err != nil {
		return nil, s.outdated(meanwhile(ctx, s.Exchange, change, err))
	}
	if s.opts.PlanID != "" && s.opts.PlanID != plan.ID {
		return nil, ErrOutdated
	}
	problems, found, err := probeAll(ctx, plan.Probes, s.ask)
	if err != nil {
		return nil, err
	}
	s.result.Notes = slices.Concat(plan.Notes, found)
	return plan, s.outdated(problems.Err())
}

// outdated tells who has agreed to a plan that what it said is not so any more.
func (s *session) outdated(err error) error {
	if err != nil && s.opts.PlanID != "" {
		return fmt.Errorf("%w: %w", ErrOutdated, err)
	}
	return err
}

// ask is an asker for probes: they read for as long as it takes.
func (s *session) ask(ctx context.Context, sql string) (gentle.Reply, error) {
	replies, err := s.Do(ctx, "look at rows", append(s.AloneTimeouts(0), gentle.Command{SQL: sql, Keep: true})...)
	if err != nil {
		return gentle.Reply{}, err
	}
	return replies[len(replies)-1], nil
}

// bootstrap makes the registry, for a tenant's first change.
func (s *session) bootstrap(ctx context.Context) error {
	var commands []gentle.Command
	statements := slices.Concat(bootstrapSQL, ddl.SchemasSQL(s.opts.AppRole, s.opts.ReadOnlyRole))
	if s.opts.AppRole != "" && s.opts.ReadOnlyRole != "" {
		statements = append(statements, rightsFor(s.opts.AppRole, s.opts.ReadOnlyRole)...)
	}
	for _, sql := range statements {
		commands = append(commands, gentle.Command{SQL: sql})
	}
	if _, err := s.Do(ctx, "make the registry of forms", commands...); err != nil {
		return err
	}
	s.opts.Crash(PointPrepared)
	return nil
}

// begin writes the change, together with all of it when that is one transaction, and runs its steps.
func (s *session) begin(ctx context.Context, plan *ddl.Plan) error {
	insert, err := s.insert(plan)
	if err != nil {
		return err
	}
	if len(plan.Steps) == 1 {
		return s.runAtOnce(ctx, plan, insert)
	}
	replies, err := s.Do(ctx, "write the change", insert...)
	if err != nil {
		return err
	}
	if err := s.change.parseNumber(replies[len(replies)-1]); err != nil {
		return err
	}
	s.change.state, s.change.plan, s.change.lastKey = stateApplying, plan, beforeAll
	s.opts.Crash(PointBegun)
	return s.run(ctx, plan)
}

// insert are the commands that write a change.
func (s *session) insert(plan *ddl.Plan) ([]gentle.Command, error) {
	forms, err := json.Marshal(versions(plan))
	if err != nil {
		return nil, fmt.Errorf("encode forms: %w", err)
	}
	change, err := json.Marshal(plan.Change)
	if err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	var inverse, steps []byte
	if plan.Inverse != nil {
		if inverse, err = json.Marshal(plan.Inverse); err != nil {
			return nil, fmt.Errorf("encode inverse: %w", err)
		}
	}
	if len(plan.Steps) > 1 {
		if steps, err = json.Marshal(plan); err != nil {
			return nil, fmt.Errorf("encode plan: %w", err)
		}
	}
	var commands []gentle.Command
	if s.change.state == stateUndone {
		commands = append(commands, gentle.Command{SQL: forgetSQL, Args: []string{s.opts.OperationID}})
	}
	return append(commands, gentle.Command{
		SQL:  insertSQL,
		Args: []string{s.opts.OperationID, s.opts.RequestedBy, string(change), string(inverse), string(forms), string(steps)},
		Keep: true, Plan: true,
	}), nil
}

func versions(plan *ddl.Plan) map[string]int64 {
	list := map[string]int64{}
	for _, form := range plan.Touched {
		list[form.Key] = form.Version
	}
	for _, key := range plan.Gone {
		list[key] = 0
	}
	return list
}

// run goes on with the steps from where the change is.
func (s *session) run(ctx context.Context, plan *ddl.Plan) error {
	told := false
	for s.change.step < len(plan.Steps) {
		step := plan.Steps[s.change.step]
		if step.Phase == ddl.After && !told {
			s.opts.Visible(ctx)
			told = true
		}
		if s.opts.Pause() {
			return ErrPaused
		}
		s.opts.Crash(PointStepBefore)
		s.opts.Progress(s.change.rows, step.Rows, step.Title())
		if err := s.step(ctx, plan, step); err != nil {
			return s.failed(ctx, step, err)
		}
		s.result.Steps++
		s.change.step, s.change.lastKey, s.change.rows = s.change.step+1, beforeAll, 0
		s.opts.Crash(PointStepDone)
		if step.Phase == ddl.Commit {
			s.opts.Crash(PointCommitted)
		}
	}
	commands := make([]gentle.Command, len(doneSQL))
	for i, sql := range doneSQL {
		commands[i] = gentle.Command{SQL: sql, Args: []string{s.opts.OperationID}}
	}
	if _, err := s.Do(ctx, "end the change", commands...); err != nil {
		return err
	}
	forms, err := json.Marshal(versions(plan))
	if err != nil {
		return fmt.Errorf("encode forms: %w", err)
	}
	s.conclude(s.change.number, forms)
	s.opts.Crash(PointDone)
	return nil
}

func (s *session) conclude(number int64, forms json.RawMessage) {
	s.result.Number = number
	_ = json.Unmarshal(forms, &s.result.Forms) // written by insert
}

// failed decides what becomes of a step's error: what may pass is met by another call, anything else takes the change back, unless it is visible.
func (s *session) failed(ctx context.Context, step ddl.Step, err error) error {
	_, found := errors.AsType[ddl.Problems](err)
	if !found && gentle.Classify(err) != gentle.Permanent || errors.Is(err, ErrPaused) {
		return err
	}
	if step.Phase == ddl.After {
		return &UnfinishedError{Err: err}
	}
	return s.undo(ctx, err)
}

// runAtOnce makes a change that is one transaction.
func (s *session) runAtOnce(ctx context.Context, plan *ddl.Plan, insert []gentle.Command) error {
	step := plan.Steps[0]
	s.opts.Crash(PointStepBefore)
	s.opts.Progress(0, step.Rows, step.Title())
	commit, err := s.commitCommands(plan)
	if err != nil {
		return err
	}
	replies, err := s.transactSQL(ctx, step.SQL, statementTimeout, append(commit, insert...), s.last()...)
	if err != nil {
		if gentle.Classify(err) == gentle.Permanent {
			return &UndoneError{Message: err.Error(), SQLState: gentle.SQLState(err), Err: err}
		}
		return err
	}
	if err := s.change.parseNumber(replies[len(replies)-1]); err != nil {
		return err
	}
	s.result.Steps++
	s.result.Number, s.result.Forms = s.change.number, versions(plan)
	s.opts.Crash(PointStepDone)
	s.opts.Crash(PointCommitted)
	s.opts.Crash(PointDone)
	return nil
}

// pauseAsked reports whether a person wants the change to stop. What takes it back does not: nobody could do anything with half of it.
func (s *session) pauseAsked() bool { return s.change.state != stateUndoing && s.opts.Pause() }

// title is what a step is called while it is done, or undone.
func (s *session) title(step ddl.Step) string {
	if s.change.state == stateUndoing {
		return "undo: " + step.Title()
	}
	return step.Title()
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller says what it waited for
	case <-time.After(d):
		return nil
	}
}
