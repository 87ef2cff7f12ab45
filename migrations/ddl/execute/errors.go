package execute

import (
	"errors"
	"fmt"

	"github.com/avenit/tenantry/migrations/ddl"
)

// ErrOutdated says that the plan that was agreed to is not the one that would be carried out now. Nothing was changed.
var ErrOutdated = errors.New("the plan is outdated: forms or rows have changed since it was made; plan again")

// ErrPaused says that Options.Pause stopped the change between two steps. Another Apply goes on with it.
var ErrPaused = errors.New("paused")

// ErrCommitted says that a change is visible already: it cannot be undone this way, and Apply has to end it.
var ErrCommitted = errors.New("the change is visible already")

// UndoneError says why a change was not made. The forms are what they were before it.
type UndoneError struct {
	// Message for people; nothing of a row is in it, but Problems may have examples. SQLState is the server's code, "" when it was not the server.
	Message  string `json:"message"`
	SQLState string `json:"sqlstate,omitempty"`
	// Problems that were found in rows, nil when the server refused a step.
	Problems ddl.Problems `json:"problems,omitempty"`
	// Err is what happened; it is nil when an earlier call has met it.
	Err error `json:"-"`
}

// Error gives the reason.
func (e *UndoneError) Error() string {
	return e.Message + "; the change was taken back, the forms are as they were"
}

// Unwrap returns Err.
func (e *UndoneError) Unwrap() error { return e.Err }

// UnfinishedError says that a change failed where there is no way but on: another Apply goes on with it, or Undo where it is taken back.
type UnfinishedError struct {
	Err error
	// Undoing: it is being taken back. Otherwise it is visible, and something is left to tidy up.
	Undoing bool
}

// Error says what is left.
func (e *UnfinishedError) Error() string {
	if e.Undoing {
		return fmt.Sprintf("the change is being taken back, and that is not at its end: %v", e.Err)
	}
	return fmt.Sprintf("the change is visible, and something is left to tidy up: %v", e.Err)
}

// Unwrap returns Err.
func (e *UnfinishedError) Unwrap() error { return e.Err }
