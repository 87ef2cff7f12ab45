package workers

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// guard is the outermost middleware: whatever happens inside, River gets an error it can store. A NUL in an error's text would
// make River's batch of completions fail for ever, and with it every later job of the process; a panic would lose the
// cause; and an error that hides a shutdown would burn an attempt.
type guard struct {
	river.MiddlewareDefaults
}

func (*guard) Work(ctx context.Context, _ *rivertype.JobRow, inner func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err == nil {
			return
		}
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = errors.Join(err, ctx.Err())
		}
		if text := err.Error(); strings.ContainsRune(text, 0) || clean(text) != text {
			err = &cleaned{text: clean(text), inner: err}
		}
	}()
	return inner(ctx)
}

// cleaned says an error without what PostgreSQL cannot store, and is still recognised as what it was.
type cleaned struct {
	text  string
	inner error
}

func (c *cleaned) Error() string { return c.text }

func (c *cleaned) Unwrap() error { return c.inner }

func stack() []byte { return debug.Stack() }
