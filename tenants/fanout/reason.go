package fanout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// judge says what an error makes of a tenant's part, and ends the query for all where the text is at fault.
func (n *node) judge(ctx context.Context, err error, o *Outcome) {
	var inactive *inactiveError
	var connect *connectError
	switch {
	case err == nil:
		o.State = Answered
	case ctx.Err() != nil:
		o.State, o.Reason = Unasked, "the query ended first"
	case errors.As(err, &inactive):
		o.State, o.Reason = Inactive, inactive.how
	case errors.As(err, &connect) && blamesNode(err):
		o.State, o.Reason = Unreachable, n.reason(err)
	case errors.As(err, &connect), isGone(err):
		o.State, o.Reason = Unreachable, reason(err)
	default:
		o.State, o.Reason = Failed, n.run.said(err)
		if text := statementError(err); text != nil && n.run.nobodyAnswered() {
			n.run.stop(text)
		}
	}
}

// said is reason, with the tenant's timeout.
func (r *run) said(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == pgerrcode.QueryCanceled {
		return fmt.Sprintf("did not answer within %s", r.req.Timeout)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("did not answer within %s", r.req.Timeout)
	}
	return reason(err)
}

// reason says an error in a line, without what pgx adds of settings.
func reason(err error) string {
	pg, isServer := errors.AsType[*pgconn.PgError](err)
	var long *pgproto3.ExceededMaxBodyLenErr
	var lookup *net.DNSError
	switch {
	case isServer && pg.Code == pgerrcode.ReadOnlySQLTransaction:
		return fmt.Sprintf("only reading is allowed: %s (%s)", oneLine(pg.Message), pg.Code)
	case isServer && pg.Code == pgerrcode.LockNotAvailable:
		return fmt.Sprintf("a table is locked: %s (%s)", oneLine(pg.Message), pg.Code)
	case isServer:
		return fmt.Sprintf("%s (%s)", oneLine(pg.Message), pg.Code)
	case errors.As(err, &long):
		return fmt.Sprintf("a row is longer than %d bytes", long.MaxExpectedBodyLen)
	case errors.Is(err, poolcache.ErrNodeDown):
		return "down"
	case errors.Is(err, poolcache.ErrNoBudget):
		return "none of the connections that it may have came free"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &lookup):
		return "its host is not known"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "no answer in time"
	default:
		return innermost(err)
	}
}

// innermost is the text of the error that began it all.
func innermost(err error) string {
	if columns, ok := errors.AsType[*otherColumnsError](err); ok {
		return columns.Error()
	}
	if many, ok := errors.AsType[*tooManyError](err); ok {
		return many.Error()
	}
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return oneLine(err.Error())
		}
		err = next
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// blamesNode says that a connection that was not made tells of its node and not of its tenant.
func blamesNode(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return !errors.Is(err, poolcache.ErrNoBudget)
	}
	return pg.Code == pgerrcode.CannotConnectNow
}

// crowded says that the server is out of connections, which passes. Limits of a database or a role have the same code, but other routines.
func crowded(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == pgerrcode.TooManyConnections && pg.Routine != "CheckMyDatabase" && pg.Routine != "InitializeSessionUserId"
}

// aboutHome says that an error may come of a home that has changed since it was read.
func aboutHome(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return errors.Is(err, poolcache.ErrRevoked)
	}
	var connect *connectError
	switch pg.Code {
	case pgerrcode.InvalidPassword, pgerrcode.InvalidAuthorizationSpecification, pgerrcode.InvalidCatalogName, pgerrcode.ObjectNotInPrerequisiteState,
		pgerrcode.InsufficientPrivilege:
		return errors.As(err, &connect)
	case pgerrcode.AdminShutdown:
		return true
	default:
		return false
	}
}

// isGone says that a session broke while it was asked.
func isGone(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == pgerrcode.AdminShutdown || pg.Code == pgerrcode.CrashShutdown || pg.Code == pgerrcode.CannotConnectNow
	}
	var long *pgproto3.ExceededMaxBodyLenErr
	return !errors.As(err, &long) && !ownEnd(err) && !errors.Is(err, context.DeadlineExceeded)
}

// ownEnd says that it is this package that has ended a tenant's part, for what it returns.
func ownEnd(err error) bool {
	var columns *otherColumnsError
	var many *tooManyError
	return errors.As(err, &columns) || errors.As(err, &many)
}
