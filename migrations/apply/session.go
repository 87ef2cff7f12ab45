package apply

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/migrations/release"
)

// session is one call's use of the connection.
type session struct {
	conn *pgconn.PgConn
	opts Options
	rel  *release.Release
	// name is the application_name to leave behind, "" on a dedicated connection.
	name   string
	locked bool
	// settled: the session has the settings of [session.settings], and nothing since can have changed them.
	settled bool
	// applied counts the statements that this call has applied and recorded, of pending.
	applied, pending int
	retries          int
}

const (
	// closeTimeout bounds the tidying at the end, which goes on when the caller's context has ended.
	closeTimeout = 5 * time.Second
	// bookkeepingTimeout bounds the reading and writing of the history.
	bookkeepingTimeout = 30 * time.Second
	// idleTimeout ends a transaction whose process was stopped in the middle, so that it does not keep its locks.
	idleTimeout = 10 * time.Second
	// checkInterval is how soon the server notices that its client is gone while a statement runs.
	checkInterval = 250 * time.Millisecond
)

func (s *session) exchange(ctx context.Context, commands []command) ([]reply, error) {
	return exchange(ctx, s.conn, commands, nil)
}

// do is an exchange of which every command must succeed; step names it in the error.
func (s *session) do(ctx context.Context, step string, commands ...command) ([]reply, error) {
	replies, err := s.exchange(ctx, commands)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", step, err)
	}
	for _, r := range replies {
		if r.err != nil {
			return nil, fmt.Errorf("%s: %w", step, r.err)
		}
	}
	return replies, nil
}

// open takes the owner's role and the lock and reads the history, in one round trip when the lock is free.
func (s *session) open(ctx context.Context) (history, error) {
	var commands []command
	if !s.opts.Dedicated {
		commands = append(commands, command{sql: "SELECT current_setting('application_name')", keep: true})
	}
	if s.opts.OwnerRole != "" {
		commands = append(commands, command{sql: "SET ROLE " + pgx.Identifier{s.opts.OwnerRole}.Sanitize()})
	}
	commands = append(commands, s.settings()...)
	commands = append(commands, command{sql: tryLockSQL, args: lockKey(), keep: true, cut: true})
	head := len(commands)
	replies, err := s.exchange(ctx, append(commands, historyCommand()))
	if err != nil {
		return history{}, fmt.Errorf("open session: %w", err)
	}
	for _, r := range replies[:head] {
		if r.err != nil {
			return history{}, fmt.Errorf("open session: %w", r.err)
		}
	}
	if !s.opts.Dedicated {
		s.name = replies[0].text(0)
	}
	s.settled = s.opts.Dedicated
	if replies[head-1].text(0) == "t" {
		s.locked = true
		return parseHistory(replies[head])
	}
	if err := s.waitForLock(ctx); err != nil {
		return history{}, err
	}
	replies, err = s.exchange(ctx, []command{historyCommand()})
	if err != nil {
		return history{}, fmt.Errorf("read history: %w", err)
	}
	return parseHistory(replies[0])
}

// settings puts the session's settings in order, whatever the role, the database or an earlier file set. They are SETs and not
// calls of set_config: a new session pays for its first look at a function.
func (s *session) settings() []command {
	return []command{
		set("SET client_connection_check_interval", checkInterval),
		set("SET statement_timeout", bookkeepingTimeout),
		set("SET lock_timeout", s.opts.LockPolicy.longest()),
		set("SET idle_in_transaction_session_timeout", idleTimeout),
		{sql: "SET standard_conforming_strings = on"},
	}
}

// renew undoes what an earlier unit has set for the session. One that was opened for this call needs it only after the first.
func (s *session) renew() []command {
	if s.settled {
		return nil
	}
	commands := append([]command{{sql: "RESET ALL"}}, s.settings()...)
	if !s.opts.Dedicated { // else it was named when it was opened, and RESET goes back to that
		commands = append(commands, command{sql: "SELECT set_config('application_name', $1, false)", args: []string{s.name}})
	}
	commands[len(commands)-1].cut = true
	return commands
}

// transactionTimeouts sets what the statements of a transaction may wait and take; zero is no limit.
func transactionTimeouts(lock, statement time.Duration) []command {
	return []command{set("SET LOCAL lock_timeout", lock), set("SET LOCAL statement_timeout", statement)}
}

// aloneTimeouts does the same for a statement that runs alone; such a one takes as long as it takes. It is a part of its
// own, since the statement must be alone in its.
func (s *session) aloneTimeouts(lock time.Duration) []command {
	s.settled = false
	commands := []command{set("SET lock_timeout", lock), set("SET statement_timeout", 0)}
	commands[len(commands)-1].cut = true
	return commands
}

// set gives a duration to a setting, in milliseconds, as its unit is.
func set(setting string, d time.Duration) command {
	return command{sql: setting + " = " + strconv.FormatInt(max(d, 0).Milliseconds(), 10)}
}

// close leaves the session as it was: no transaction, no settings, no role, no lock. When it cannot, it closes the
// connection, which releases the lock too. A dedicated one is closed by its owner.
func (s *session) close(ctx context.Context) {
	if s.conn.IsClosed() || s.opts.Dedicated {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var commands []command
	if s.conn.TxStatus() != 'I' {
		commands = append(commands, command{sql: "ROLLBACK", cut: true})
	}
	if s.opts.OwnerRole != "" {
		commands = append(commands, command{sql: "RESET ROLE"})
	}
	commands = append(commands, command{sql: "RESET ALL"})
	if s.name != "" {
		commands = append(commands, command{sql: "SELECT set_config('application_name', $1, false)", args: []string{s.name}})
	}
	if s.locked {
		commands = append(commands, command{sql: unlockSQL, args: lockKey()})
	}
	if _, err := s.do(ctx, "close session", commands...); err != nil {
		// The error is left out on purpose: closing the connection does what the commands did not.
		_ = s.conn.Close(ctx)
	}
}
