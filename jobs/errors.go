package jobs

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// What an [*Error] is, for errors.Is.
var (
	// ErrInvalid: an argument is wrong. Field and Fix say which and how.
	ErrInvalid = errors.New("invalid argument")
	// ErrNotFound: the tenant, node, release or operation does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: it exists already, has another state, or the idempotency key was used for something else.
	ErrConflict = errors.New("conflict")
	// ErrRefused: a limit or a missing precondition of the fleet refuses; Fix says the way out.
	ErrRefused = errors.New("refused")
)

// Error is a refusal of a door: nothing was changed.
type Error struct {
	Field   string // the argument it is about, such as "slug"
	Message string // one line that names field and value
	Fix     string // what to do; may be empty

	is error
}

func (e *Error) Error() string {
	if e.Fix == "" {
		return e.Message
	}
	return fmt.Sprintf("%s (%s)", e.Message, e.Fix)
}

// Unwrap gives the class of the refusal: ErrInvalid, ErrNotFound, ErrConflict or ErrRefused.
func (e *Error) Unwrap() error { return e.is }

// doorError turns the control database's answer into an *Error where it is a refusal.
func doorError(what string, err error) error {
	var pg *pgconn.PgError
	if err == nil || !errors.As(err, &pg) {
		return wrap(what, err)
	}
	refusal := &Error{Field: pg.ColumnName, Message: pg.Message, Fix: pg.Hint}
	switch pg.Code {
	case "TY001":
		refusal.is = ErrInvalid
	case "TY002":
		refusal.is = ErrNotFound
	case "TY003":
		refusal.is = ErrConflict
	case "TY004":
		refusal.is = ErrRefused
	case "22P05", "22021": // a NUL, or bytes that are not UTF-8: PostgreSQL's text holds neither
		refusal.is, refusal.Field = ErrInvalid, "args"
		refusal.Message, refusal.Fix = "args: a value holds a NUL or is not UTF-8", "send text without NUL, in UTF-8"
	default:
		return wrap(what, err)
	}
	return refusal
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
