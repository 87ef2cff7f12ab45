package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/gentle"
)

// errCancelled is why a change is undone that nobody wants any more.
var errCancelled = errors.New("cancelled")

// Undo takes back what a change has done that was not finished, for whatever reason its Apply ended. When it returns nil, nothing of the
// change is left. [ErrCommitted] says that it is too late: the change is visible, and Apply ends it.
func Undo(ctx context.Context, conn *pgx.Conn, opts Options) error {
	opts = opts.withDefaults()
	if opts.OperationID == "" {
		return errNoOperation
	}
	s, _, err := open(ctx, conn, scope{}, opts)
	if err != nil {
		return fmt.Errorf("undo change: %w", err)
	}
	defer s.Close(ctx)
	switch s.change.state {
	case "", stateUndone:
		return nil
	case stateDone:
		return ErrCommitted
	case stateApplying:
		if s.change.step > commitStep(s.change.plan) {
			return ErrCommitted
		}
	}
	if _, err := s.takeBack(ctx, errCancelled); err != nil {
		return fmt.Errorf("undo change: %w", err)
	}
	return nil
}

// commitStep is the index of the step that makes a change visible.
func commitStep(plan *ddl.Plan) int {
	return slices.IndexFunc(plan.Steps, func(step ddl.Step) bool { return step.Phase == ddl.Commit })
}

// undo takes the change back and returns why: an [*UndoneError], or another error when it is not finished, and another call goes on.
func (s *session) undo(ctx context.Context, cause error) error {
	why, err := s.takeBack(ctx, cause)
	if err != nil {
		return err
	}
	return why
}

// takeBack undoes the change's steps, the last one first, and gives the reason. cause is nil when an earlier call has written it. What fails in it leaves
// something half done, whatever the server says of it.
func (s *session) takeBack(ctx context.Context, cause error) (*UndoneError, error) {
	why, err := s.beginUndo(ctx, cause)
	if err != nil {
		return nil, err
	}
	if err := s.undoSteps(ctx); err != nil {
		return nil, &UnfinishedError{Err: err, Undoing: true}
	}
	s.opts.Crash(PointUndone)
	return why, nil
}

func (s *session) undoSteps(ctx context.Context) error {
	steps := s.change.plan.Steps
	// The step that ran may have done a part of its work; a transaction never has.
	for i := min(s.change.step, len(steps)-1); i >= 0; i-- {
		begun := i < s.change.step || steps[i].Kind != ddl.StepTx
		if begun {
			s.opts.Progress(0, 0, s.title(steps[i]))
			if err := s.undoStep(ctx, i, steps[i]); err != nil {
				return fmt.Errorf("undo %s: %w", steps[i].Title(), err)
			}
			s.opts.Crash(PointUndoStep)
		}
	}
	_, err := s.Do(ctx, "record that the change was undone", gentle.Command{SQL: undoneSQL, Args: []string{s.opts.OperationID}})
	return err
}

func (s *session) beginUndo(ctx context.Context, cause error) (*UndoneError, error) {
	why := &UndoneError{Err: cause}
	if s.change.state == stateUndoing {
		if err := json.Unmarshal([]byte(s.change.err), why); err != nil {
			return nil, fmt.Errorf("read why change %d is undone: %w", s.change.number, err)
		}
		return why, nil
	}
	why.Message, why.SQLState = cause.Error(), gentle.SQLState(cause)
	if problems, found := errors.AsType[ddl.Problems](cause); found {
		why.Problems, why.Message = problems, "rows are in the way"
		if problems[0].Rows == 0 {
			why.Message = problems.Summary()
		}
	}
	encoded, err := json.Marshal(why)
	if err != nil {
		return nil, fmt.Errorf("encode why the change is undone: %w", err)
	}
	_, err = s.Do(ctx, "record that the change is undone", gentle.Command{SQL: undoingSQL, Args: []string{s.opts.OperationID, string(encoded)}})
	if err != nil {
		return nil, err
	}
	s.change.state = stateUndoing
	s.opts.Crash(PointUndoing)
	return why, nil
}

// undoStep takes one step back, as often as it takes, and records that.
func (s *session) undoStep(ctx context.Context, i int, step ddl.Step) error {
	record := gentle.Command{SQL: undoneStepSQL, Args: []string{s.opts.OperationID, strconv.Itoa(i + 1)}}
	switch {
	case step.Kind == ddl.StepBuildIndex:
		found, err := s.Index(ctx, tableName(step), step.Index)
		if err != nil {
			return err
		}
		if found.Exists {
			if err := s.clear(ctx, found); err != nil {
				return err
			}
		}
	case step.Kind == ddl.StepFill && step.Unfill != "":
		if len(step.Undo) > 0 {
			if _, err := s.transactSQL(ctx, step.Undo, statementTimeout, nil); err != nil {
				return err
			}
		}
		if err := s.unfill(ctx, i, step); err != nil {
			return err
		}
	case len(step.Undo) > 0:
		_, err := s.transactSQL(ctx, step.Undo, statementTimeout, []gentle.Command{record})
		return err
	}
	_, err := s.Do(ctx, "record the undone step", record)
	return err
}

// unfill empties the rows again that a fill has filled, those that have not been given another value meanwhile.
func (s *session) unfill(ctx context.Context, i int, step ddl.Step) error {
	for {
		if err := s.awaitReplicas(ctx, step); err != nil {
			return err
		}
		if err := s.awaitDisk(ctx, step, 0); err != nil {
			return err
		}
		begun := time.Now()
		replies, err := s.Do(ctx, "read filled rows", gentle.Command{SQL: filledBatchSQL, Args: []string{s.opts.OperationID, strconv.Itoa(i)}, Keep: true})
		if err != nil {
			return err
		}
		if len(replies[0].Rows) == 0 {
			return nil
		}
		number, ids := replies[0].Text(0), replies[0].Text(1)
		_, err = s.transactSQL(ctx, nil, statementTimeout, []gentle.Command{
			{SQL: step.Unfill, Args: []string{ids}},
			{SQL: forgetFilledSQL, Args: []string{s.opts.OperationID, strconv.Itoa(i), number}},
		})
		if err != nil {
			return err
		}
		s.opts.Crash(PointUndoStep)
		if err := rest(ctx, time.Since(begun)/fillPause); err != nil {
			return fmt.Errorf("rest between batches: %w", err)
		}
	}
}
