package gentle

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// Class is the fate of an error.
type Class string

const (
	// Transient errors pass by themselves: call again soon, with jitter. Nothing is wrong with what was asked for, or with data.
	Transient Class = "transient"
	// Blocked errors mean that someone else holds a lock: call again later, or look at who it is.
	Blocked Class = "blocked"
	// Permanent errors come back unless what was asked for, data or rights change.
	Permanent Class = "permanent"
)

// Classify tells what becomes of an error of this package, of one that wraps the server's, or of connecting. It is "" for nil. An error that it does not
// know is permanent.
func Classify(err error) Class {
	var (
		locked  *LockedError
		blocked *BlockedError
		pgErr   *pgconn.PgError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &locked), errors.As(err, &blocked):
		return Blocked
	case errors.Is(err, ErrOutcomeUnknown):
		return Transient
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Transient
	case errors.As(err, &pgErr):
		return classifyState(pgErr.Code)
	case isConnectionLoss(err):
		return Transient
	default:
		return Permanent
	}
}

// classifyState sorts the server's codes. A statement timeout (57014) is permanent: the next try would hold its locks
// as long and end the same way.
func classifyState(code string) Class {
	switch code {
	case pgerrcode.LockNotAvailable:
		return Blocked
	case pgerrcode.DeadlockDetected,
		pgerrcode.SerializationFailure,
		pgerrcode.IdleInTransactionSessionTimeout,
		pgerrcode.AdminShutdown,
		pgerrcode.CrashShutdown,
		pgerrcode.CannotConnectNow,
		pgerrcode.IdleSessionTimeout:
		return Transient
	}
	switch {
	case strings.HasPrefix(code, "08"): // The connection failed.
		return Transient
	case strings.HasPrefix(code, "53"): // Out of connections, memory or disk.
		return Transient
	default:
		return Permanent
	}
}

func isConnectionLoss(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) ||
		errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err)
}

// SQLState returns the server's code, "" when the error is not the server's.
func SQLState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}
