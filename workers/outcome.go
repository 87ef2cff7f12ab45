package workers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/rivertype"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/tenants/provision"
)

// outcome is how a run ends; tenantry.settle knows the same words.
type outcome string

const (
	outcomeSucceeded outcome = "succeeded"
	outcomeFailed    outcome = "failed"    // for good, cleanly: the tenant is free
	outcomeCancelled outcome = "cancelled" // a person asked
	outcomeRetry     outcome = "retry"     // again after a delay; counted
	outcomeWait      outcome = "wait"      // again after a delay; not counted, its node is away
	outcomeParked    outcome = "parked"    // a person must decide; the tenant is held
	outcomeHandover  outcome = "handover"  // this worker stops; another goes on at once
	outcomeNone      outcome = "superseded"
)

// problem is an error as the ledger keeps it. It holds no secret: errors are made without them.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Step    string `json:"step,omitempty"`
	// Details for programs, as the kind documents them.
	Details any `json:"details,omitempty"`
}

// Causes with which a worker ends its own runs.
var (
	errStopping  = errors.New("this worker is stopping")
	errLeaseLost = errors.New("this worker cannot renew its lease")
)

// errCancelAsked: a person asked to cancel the operation.
var errCancelAsked = errors.New("asked to cancel")

// errUndone: a person asked to cancel the operation, and what it had done was taken back.
var errUndone = errors.New("cancelled: what was done has been taken back")

// refusal ends a run cleanly before it has changed anything: what was asked makes no sense (any more).
type refusal struct {
	message, hint string
	code          string // "" is refused
	details       any
}

func (r *refusal) Error() string { return r.message }

func refuse(message, hint string) error { return &refusal{message: message, hint: hint} }

// fate turns an error into an outcome. It is the only place that does.
//
//	error                                        outcome
//	none                                         succeeded
//	a newer attempt owns the operation           superseded: nothing is written
//	the worker stops or lost its lease           handover
//	cancelled by a person                        cancelled where the kind fails cleanly, else handover: it runs to its end;
//	                                             handover as well where it undoes itself: the next attempt does that
//	cancelled, and undone                        cancelled
//	a person asked to pause                      parked
//	refusal                                      failed; so is whose node is lost, see delivery.conclude
//	the server cannot be reached                 wait
//	an administrator's session is in the way     wait
//	transient (SQLSTATE classes of apply, the    retry; after the last attempt parked, or failed where it never parks
//	store of backups, a server that went away,
//	a change of forms that is half done,
//	a lost node in a swap that has begun, or
//	where the next attempt takes another one)
//	anything else                                failed where the kind fails cleanly, else parked
func fate(err, cause error, op started, h Handler) (outcome, time.Duration) {
	var r *refusal
	switch {
	case err == nil:
		return outcomeSucceeded, 0
	case errors.Is(err, provision.ErrSuperseded):
		return outcomeNone, 0
	case errors.Is(err, errUndone):
		return outcomeCancelled, 0
	case errors.Is(err, execute.ErrPaused):
		return outcomeParked, 0
	case errors.Is(cause, rivertype.ErrJobCancelledRemotely), errors.Is(err, errCancelAsked):
		if !h.FailsCleanly || h.Undoes {
			return outcomeHandover, 0
		}
		return outcomeCancelled, 0
	case errors.Is(cause, errStopping), errors.Is(cause, errLeaseLost):
		return outcomeHandover, 0
	case errors.As(err, &r):
		return outcomeFailed, 0
	case unreachable(err), errors.Is(err, provision.ErrAdministrator):
		return outcomeWait, backoff(op.Attempt, 30*time.Second)
	case transient(err, cause):
		if op.Failures+1 >= op.MaxAttempts && h.NeverParks {
			return outcomeFailed, 0
		}
		if op.Failures+1 >= op.MaxAttempts {
			return outcomeParked, 0
		}
		return outcomeRetry, backoff(op.Failures+1, time.Minute)
	case h.FailsCleanly:
		return outcomeFailed, 0
	default:
		return outcomeParked, 0
	}
}

// backoff doubles from half a second, with jitter, up to a limit.
func backoff(n int, limit time.Duration) time.Duration {
	d := 250 * time.Millisecond << min(max(n, 1), 12)
	d = min(d, limit)
	return d/2 + rand.N(d)/2
}

// unreachable: nobody answered, or the server says that it takes nobody just now.
func unreachable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "57P03" || pg.Code == "53300" // starting up or shutting down; out of connections
	}
	if errors.Is(err, poolcache.ErrNodeDown) || errors.Is(err, poolcache.ErrNoBudget) {
		return true
	}
	var connect *pgconn.ConnectError
	var op *net.OpError
	return errors.As(err, &connect) || (errors.As(err, &op) && op.Op == "dial")
}

// ofStore: it is the store of backups that does not answer, and no node.
func ofStore(err error) bool {
	_, is := errors.AsType[*backup.StoreError](err)
	return is
}

func swapBegun(err error) bool {
	_, begun := errors.AsType[*swapBegunError](err)
	return begun
}

func transient(err, cause error) bool {
	if errors.Is(cause, context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	if swapBegun(err) || errors.Is(err, tenants.ErrNodeLost) {
		return true
	}
	if _, unfinished := errors.AsType[*execute.UnfinishedError](err); unfinished {
		return true
	}
	if store, is := errors.AsType[*backup.StoreError](err); is {
		return store.Transient()
	}
	if program, is := errors.AsType[*backup.ProgramError](err); is {
		return program.Transient()
	}
	return errors.Is(err, provision.ErrTemplateLost) || tenants.IsCatalogRace(err) || gentle.Classify(err) != gentle.Permanent
}

// problemOf says an error in the ledger's form.
func problemOf(err error, step string) *problem {
	p := &problem{Code: "error", Message: clean(err.Error()), Step: step}
	var r *refusal
	var pg *pgconn.PgError
	if statement, ok := errors.AsType[*apply.StatementError](err); ok && statement.File != "" {
		p.Step = fmt.Sprintf("%s:%d", statement.File, statement.Line) // what a rollout groups failures by
	}
	switch {
	case errors.As(err, &r):
		p.Code, p.Hint, p.Details = cmp.Or(r.code, "refused"), r.hint, r.details
	case errors.Is(err, execute.ErrPaused):
		p.Code, p.Message, p.Hint = "paused", "paused because somebody asked", "tenantry ddl resume goes on with it, tenantry ddl cancel takes it back"
	case errors.As(err, &pg):
		p.Code, p.Hint = pg.Code, clean(pg.Hint)
	case unreachable(err) && ofStore(err):
		p.Code, p.Hint = "store_unreachable", "it goes on by itself once the store of backups answers; workers have its address in TENANTRY_BACKUP_URL"
	case unreachable(err):
		p.Code, p.Hint = "unreachable", "it goes on by itself once the node answers; tenantry doctor looks at every node"
	case errors.Is(err, provision.ErrAdministrator):
		p.Code, p.Hint = "administrator", "it goes on by itself once that session has ended; a pooler ends its own when they are idle for long enough"
	case errors.Is(err, tenants.ErrNoKey):
		p.Code, p.Hint = "no_key", "give this worker every key in TENANTRY_SECRET_KEY that is still in use"
	}
	return p
}

// clean makes text that can be kept: a NUL in an error would jam River's completer for ever.
func clean(text string) string { return tenants.Storable(text, mostText) }

// mostText bounds what is kept of an error, in bytes.
const mostText = 4000

// cleanJSON drops escaped NULs, which jsonb refuses.
func cleanJSON(encoded []byte) []byte {
	if !strings.Contains(string(encoded), `\u0000`) {
		return encoded
	}
	var out strings.Builder
	for i := 0; i < len(encoded); {
		switch {
		case strings.HasPrefix(string(encoded[i:]), `\u0000`):
			i += 6
		case encoded[i] == '\\' && i+1 < len(encoded):
			out.Write(encoded[i : i+2])
			i += 2
		default:
			out.WriteByte(encoded[i])
			i++
		}
	}
	return []byte(out.String())
}
