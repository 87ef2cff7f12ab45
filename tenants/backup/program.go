package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/avenit/tenantry/tenants"
)

// Target is a database and how to reach it.
type Target struct {
	URL      string // of the server, without a password
	Database string
	User     string // a member of Owner
	Password string
	Owner    string // the role to work as
	// Session is the application_name of sessions there.
	Session string
}

// clientOptions are the settings of the session that dumps, and of the one that reads what was restored: text must come out the same. pg_dump sets
// DateStyle, IntervalStyle and extra_float_digits by itself.
const clientOptions = "-c timezone=UTC -c bytea_output=hex -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"

// program runs a client program. Its standard output is given to read, which must read it to the end; nil where it has none. in is its standard input.
// Where the program fails, what it said is in the error.
func (t Target) program(ctx context.Context, path string, args []string, options string, in io.Reader, read func(io.Reader) error) error {
	address, err := tenants.JoinURL(t.URL, t.Database, t.User, "")
	if err != nil {
		return fmt.Errorf("node URL: %w", err)
	}
	cmd := exec.CommandContext(ctx, path, append(args, "--no-password", "--dbname="+address)...) //nolint:gosec // G204: a program that was found, arguments of ours
	// The password is in the environment, which only this user and root can read; arguments are for everybody.
	cmd.Env = append(baseEnvironment(), "PGPASSWORD="+t.Password, "PGAPPNAME="+t.Session, "PGOPTIONS="+options, "PGCONNECT_TIMEOUT=10")
	said := &tail{}
	cmd.Stdin, cmd.Stderr = in, said
	cmd.WaitDelay = 5 * time.Second
	dieWithParent(cmd)
	// The kernel ends a child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out io.ReadCloser
	if read != nil {
		if out, err = cmd.StdoutPipe(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	var readErr error
	if read != nil {
		if readErr = read(out); readErr != nil {
			_ = cmd.Process.Kill() // it waits for somebody to read
		}
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err() //nolint:wrapcheck // the caller's
	case readErr != nil && (err == nil || killedByUs(err)):
		return readErr
	case err != nil:
		return &ProgramError{Program: path, Said: said.String(), Err: errors.Join(err, readErr)}
	}
	return nil
}

// baseEnvironment is this process's without what would speak to the program: its connection comes from us alone.
func baseEnvironment() []string {
	var env []string
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "PG") || strings.HasPrefix(e, "TENANTRY_") || strings.HasPrefix(e, "LC_") || strings.HasPrefix(e, "LANG") {
			continue
		}
		env = append(env, e)
	}
	return append(env, "LC_ALL=C")
}

func killedByUs(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == -1
}

// ProgramError says that a client program has failed.
type ProgramError struct {
	Program string
	Said    string // the end of what it said
	Err     error
}

func (e *ProgramError) Error() string {
	name := e.Program[strings.LastIndexByte(e.Program, '/')+1:]
	if e.Said == "" {
		return fmt.Sprintf("%s: %v", name, e.Err)
	}
	return e.Said
}

func (e *ProgramError) Unwrap() error { return e.Err }

// LargeObject reports whether a large object is why: it belongs to a role that the owner is no member of.
func (e *ProgramError) LargeObject() bool {
	return strings.Contains(e.Said, "permission denied for large object")
}

// wentAway is what libpq and the server say when the same may work later.
var wentAway = regexp.MustCompile(`connection to server|server closed the connection|could not (?:receive data|send data|connect)|` +
	`terminating connection|the database system is|SSL SYSCALL|no connection to the server|No space left on device|canceling statement|deadlock detected|` +
	`out of memory|too many clients|remaining connection slots`)

// Transient reports whether the same may work later: the server went away, or has no room just now.
func (e *ProgramError) Transient() bool { return wentAway.MatchString(e.Said) }

// tail keeps the beginning and the end of what a program says.
type tail struct {
	first, last bytes.Buffer
}

const mostSaid = 2000

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if room := mostSaid - t.first.Len(); room > 0 {
		now := p[:min(room, len(p))]
		t.first.Write(now)
		p = p[len(now):]
	}
	t.last.Write(p)
	if over := t.last.Len() - mostSaid; over > 0 {
		t.last.Next(over)
	}
	return n, nil
}

func (t *tail) String() string {
	text := t.first.String()
	if t.last.Len() > 0 {
		text += "…" + t.last.String()
	}
	return strings.TrimSpace(text)
}
