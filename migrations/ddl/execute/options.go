package execute

import (
	"context"
	"errors"
	"time"

	"github.com/avenit/tenantry/migrations/gentle"
)

// Options of Apply and Undo.
type Options struct {
	// OperationID names the change for good: applying it again goes on with it. Required.
	OperationID string
	// RequestedBy is kept in the history.
	RequestedBy string
	// OwnerRole is the role to become, so that it owns what is made. Defaults to "": none.
	OwnerRole string
	// AppRole and ReadOnlyRole are the roles that may use forms. Defaults to "": nobody gets any rights.
	AppRole, ReadOnlyRole string
	// Dedicated says that the connection was opened for this call and is closed after it; see gentle.Options.
	Dedicated bool
	// Kept, Name and IdleName are of a connection that is kept for more calls; see gentle.Options.
	Kept           bool
	Name, IdleName string
	// Visible is called when the change is visible and something is left to do, such as dropping an index of a large table, which may wait for others for
	// hours: who uses the forms must hear of it before. Another call that only goes on with what is left calls it again. Defaults to nothing.
	Visible func(ctx context.Context)
	// PlanID is the plan that somebody has agreed to: when another one would be made, nothing is, and the error is [ErrOutdated]. Defaults to "":
	// any.
	PlanID string
	// Fence is called once, when the lock is held and before anything is changed; its error ends the call. Defaults to nil.
	Fence func(ctx context.Context) error
	// LockPolicy is how locks on tables are waited for.
	LockPolicy gentle.LockPolicy
	// BatchTime is how long one batch of a fill should take. Defaults to 100 ms.
	BatchTime time.Duration
	// Replicas tells how far the server's replicas are. Between the batches of a fill it is asked about once a second; while one is too far behind nothing
	// is filled. When it fails, nobody is waited for. Defaults to nil: nobody is.
	Replicas func(ctx context.Context) (Standing, error)
	// Pause is asked between steps and between the batches of a fill whether to stop there; then the error is [ErrPaused], and another call
	// goes on. Defaults to nil: never.
	Pause func() bool
	// Progress is told how many rows of about how many the step has gone through, and which it is; it must return at once.
	// Defaults to nil.
	Progress func(done, total int64, what string)
	// Crash is called with a Point wherever a process could die with consequences. Defaults to nil.
	Crash func(point string)

	// lagPatience is how long to wait for a replica; tests have less.
	lagPatience time.Duration
}

var errNoOperation = errors.New("OperationID is empty")

func (o Options) withDefaults() Options {
	if o.Fence == nil {
		o.Fence = func(context.Context) error { return nil }
	}
	if o.Visible == nil {
		o.Visible = func(context.Context) {}
	}
	if o.Pause == nil {
		o.Pause = func() bool { return false }
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64, string) {}
	}
	if o.Crash == nil {
		o.Crash = func(string) {}
	}
	if o.BatchTime == 0 {
		o.BatchTime = 100 * time.Millisecond
	}
	if o.lagPatience == 0 {
		o.lagPatience = lagPatience
	}
	return o
}

// statementTimeout bounds each statement of a short transaction.
const statementTimeout = 15 * time.Second

func (o Options) session() gentle.Options {
	return gentle.Options{OwnerRole: o.OwnerRole, Dedicated: o.Dedicated, Kept: o.Kept, Name: o.Name, IdleName: o.IdleName, LockPolicy: o.LockPolicy, StatementTimeout: statementTimeout}
}
