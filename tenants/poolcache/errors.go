package poolcache

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrNotRunning is returned before Start and after Stop.
	ErrNotRunning = errors.New("pool cache is not running")
	// ErrNodeDown is what every [NodeDownError] is.
	ErrNodeDown = errors.New("node is down")
	// ErrNoBudget is what every [BudgetError] is.
	ErrNoBudget = errors.New("no connection of the node's budget came free")
	// ErrStale means that the [Resolver] keeps answering with an epoch that has been evicted.
	ErrStale = errors.New("resolved epoch is stale")
	// ErrRevoked is the cause of a cancelled [Lease.Context].
	ErrRevoked = errors.New("lease revoked")

	// errClosing is what a dial gets whose pool is being closed.
	errClosing = errors.New("pool is closing")
)

// NodeDownError is returned instead of dialling a node whose breaker is open. It says nothing about the tenant: the job
// should wait, without burning an attempt.
type NodeDownError struct {
	// Node as in [Target].
	Node string
	// RetryAfter is when the breaker lets the next dial through, at the earliest.
	RetryAfter time.Duration
	// Cause is what opened the breaker. It is not wrapped: it happened to somebody else.
	Cause error
}

func (e *NodeDownError) Error() string {
	return fmt.Sprintf("node %s is down, retry after %s: %v", e.Node, e.RetryAfter.Round(time.Millisecond), e.Cause)
}

// Unwrap returns [ErrNodeDown].
func (e *NodeDownError) Unwrap() error { return ErrNodeDown }

// BudgetError is returned by a dial that waited for a token of its node's budget for longer than Config.WaitTimeout.
type BudgetError struct {
	// Node as in [Target].
	Node string
	// Budget is the number of connections this process may have there.
	Budget int
	// Waited is how long the dial waited.
	Waited time.Duration
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("node %s: none of %d connections came free in %s", e.Node, e.Budget, e.Waited)
}

// Unwrap returns [ErrNoBudget].
func (e *BudgetError) Unwrap() error { return ErrNoBudget }

// OpenError is returned by [Cache.Acquire] when a tenant's pool could not be opened, by this caller or a moment ago by
// another.
type OpenError struct {
	// Tenant as given to Acquire.
	Tenant string
	// RetryAfter is for how much longer the failure is remembered. Until then Acquire answers with it at once.
	RetryAfter time.Duration
	// Err is the failure.
	Err error
}

func (e *OpenError) Error() string { return fmt.Sprintf("open pool of tenant %s: %v", e.Tenant, e.Err) }

// Unwrap returns the failure.
func (e *OpenError) Unwrap() error { return e.Err }

// RetryAfter returns when it is worth trying again what failed with err, and whether err says so.
func RetryAfter(err error) (time.Duration, bool) {
	if down, ok := errors.AsType[*NodeDownError](err); ok {
		return down.RetryAfter, true
	}
	if open, ok := errors.AsType[*OpenError](err); ok {
		return open.RetryAfter, true
	}
	return 0, false
}

// SQLSTATE codes that decide what happens next.
const (
	codeInvalidPassword    = "28P01"
	codeCannotConnectNow   = "57P03"
	codeTooManyConnections = "53300"
)

func isRefusedPassword(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == codeInvalidPassword
}

// blamesNode reports whether a failed connection says that its node is in trouble, rather than its tenant.
func blamesNode(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true
	}
	switch pgErr.Code {
	case codeCannotConnectNow:
		return true
	case codeTooManyConnections:
		// The server has one code for its own limit and for those of a database and of a role, which are the tenant's.
		return pgErr.Routine != "CheckMyDatabase" && pgErr.Routine != "InitializeSessionUserId"
	default:
		return false
	}
}
