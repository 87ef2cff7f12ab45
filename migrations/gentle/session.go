package gentle

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
)

// Session is one call's use of a connection, with the database's lock held. It is not for use by several goroutines.
type Session struct {
	conn *pgconn.PgConn
	opts Options
	// name is the application_name to leave behind, "" on a dedicated connection.
	name   string
	locked bool
	// settled: the session has the settings of [Session.settings], and nothing since can have changed them.
	settled bool
	// kept is what is left to the connection's next session, nil unless it is kept; own are this one's role and settings.
	kept    *kept
	own     string
	left    bool
	retries int
}

const (
	// closeTimeout bounds the tidying at the end, which goes on when the caller's context has ended.
	closeTimeout = 5 * time.Second
	// bookkeepingTimeout bounds the statements that are sent without timeouts of their own: looking and recording.
	bookkeepingTimeout = 30 * time.Second
	// idleTimeout ends a transaction whose process was stopped in the middle, so that it does not keep its locks.
	idleTimeout = 10 * time.Second
	// checkInterval is how soon the server notices that its client is gone while a statement runs.
	checkInterval = 250 * time.Millisecond
)

// Open takes the owner's role, the session's settings and the database's lock, in one round trip when the lock is free.
// look is sent behind it in the same one, and again when the lock had to be waited for: each command of it is a part of
// its own, and its replies are returned, refusals among them. The connection must be direct, not through a pooler that
// shares sessions, and not be used by anyone else meanwhile. Callers must Close the session; when Open fails, that was done.
//
// Typed errors: [*LockedError].
func Open(ctx context.Context, conn *pgx.Conn, opts Options, look ...Command) (*Session, []Reply, error) {
	opts = opts.WithDefaults()
	if err := opts.Validate(); err != nil {
		return nil, nil, fmt.Errorf("open session: %w", err)
	}
	look = slices.Clone(look)
	for i := range look {
		look[i].Cut = true
	}
	s := &Session{conn: conn.PgConn(), opts: opts}
	if opts.Kept {
		s.kept = keptOf(s.conn)
	}
	replies, err := s.open(ctx, look)
	if err != nil {
		s.Close(ctx)
		return nil, nil, err
	}
	return s, replies, nil
}

func (s *Session) open(ctx context.Context, look []Command) ([]Reply, error) {
	commands := s.enter()
	commands = append(commands, Command{SQL: tryLockSQL, Args: lockKey(), Keep: true, Plan: true, Cut: true})
	head := len(commands)
	replies, err := s.Exchange(ctx, append(commands, look...))
	if err != nil {
		return nil, fmt.Errorf("open session: %w", err)
	}
	for _, r := range replies[:head] {
		if r.Err != nil {
			return nil, fmt.Errorf("open session: %w", r.Err)
		}
	}
	s.settled = s.opts.Dedicated || s.opts.Kept
	if replies[head-1].Text(0) == "t" {
		s.locked = true
		return replies[head:], nil
	}
	if err := s.waitForLock(ctx); err != nil {
		return nil, err
	}
	if len(look) == 0 {
		return nil, nil
	}
	replies, err = s.Exchange(ctx, look)
	if err != nil {
		return nil, fmt.Errorf("look behind the lock: %w", err)
	}
	return replies, nil
}

// enter gives the commands that make the connection the session's: its name, its role, its settings.
func (s *Session) enter() []Command {
	if !s.opts.Dedicated {
		s.name = s.conn.ParameterStatus("application_name") // the server reports it with every change
	}
	own := s.settings()
	if s.opts.OwnerRole != "" {
		own = append([]Command{{SQL: "SET ROLE " + pgx.Identifier{s.opts.OwnerRole}.Sanitize()}}, own...)
	}
	if s.kept == nil {
		return own
	}
	s.own = settledAs(own)
	if s.kept.settled == s.own {
		own = nil
	} else {
		own = append([]Command{{SQL: "RESET ALL"}}, own...)
		s.kept.settled = ""
	}
	s.opts.IdleName = cmp.Or(s.opts.IdleName, s.name)
	s.name = cmp.Or(s.opts.Name, s.name)
	return append(own, Command{SQL: "SET application_name = " + tenants.Literal(s.name)})
}

// Exchange sends commands in one round trip and returns the replies, one for each command. Commands up to a cut share one
// implicit transaction unless they hold BEGIN. The error is the connection's: it is lost then, and what took effect is not
// known. The server's refusals are in the replies.
func (s *Session) Exchange(ctx context.Context, commands []Command) ([]Reply, error) {
	return s.ExchangeSeen(ctx, commands, nil)
}

// ExchangeSeen is an Exchange that calls seen as replies arrive, those of live commands at once.
func (s *Session) ExchangeSeen(ctx context.Context, commands []Command, seen func(i int, r Reply)) ([]Reply, error) {
	var plans map[string]bool
	if s.kept != nil {
		plans = s.kept.plans
	}
	return exchange(ctx, s.conn, commands, plans, seen)
}

// Do is an exchange of which every command must succeed; step names it in the error.
func (s *Session) Do(ctx context.Context, step string, commands ...Command) ([]Reply, error) {
	replies, err := s.Exchange(ctx, commands)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", step, err)
	}
	for _, r := range replies {
		if r.Err != nil {
			return nil, fmt.Errorf("%s: %w", step, r.Err)
		}
	}
	return replies, nil
}

// InTransaction reports whether a transaction is open in which nothing was refused, so that it can be committed.
func (s *Session) InTransaction() bool {
	return s.conn.TxStatus() == 'T'
}

// Rollback gives everything back, where a transaction is open, and returns the failure that made it necessary.
func (s *Session) Rollback(ctx context.Context, failure error) error {
	if s.conn.TxStatus() == 'I' {
		return failure
	}
	if _, err := s.Do(ctx, "roll back", Command{SQL: "ROLLBACK"}); err != nil {
		return fmt.Errorf("%w; %w", failure, err)
	}
	return failure
}

// settings puts the session's settings in order, whatever the role, the database or an earlier change set. They are SETs and not
// calls of set_config: a new session pays for its first look at a function.
func (s *Session) settings() []Command {
	settings := []Command{
		set("SET client_connection_check_interval", checkInterval),
		set("SET statement_timeout", bookkeepingTimeout),
		set("SET lock_timeout", s.opts.LockPolicy.longest()),
		set("SET idle_in_transaction_session_timeout", idleTimeout),
		{SQL: "SET standard_conforming_strings = on"},
	}
	if s.opts.Kept { // plans that are kept are worth keeping from the first time on
		settings = append(settings, Command{SQL: "SET plan_cache_mode = force_generic_plan"})
	}
	return settings
}

// Renew gives the commands that undo what an earlier change has set for the session, as a part of their own; send them
// before each change. A session that was opened for this call needs it only after the first.
func (s *Session) Renew() []Command {
	settled := s.settled
	s.settled = s.opts.Kept
	if settled {
		return nil
	}
	commands := append([]Command{{SQL: "RESET ALL"}}, s.settings()...)
	if !s.opts.Dedicated { // else it was named when it was opened, and RESET goes back to that
		commands = append(commands, Command{SQL: "SELECT set_config('application_name', $1, false)", Args: []string{s.name}})
	}
	commands[len(commands)-1].Cut = true
	return commands
}

// TransactionTimeouts sets what the statements of a transaction may wait and take; zero is no limit.
func TransactionTimeouts(lock, statement time.Duration) []Command {
	return []Command{set("SET LOCAL lock_timeout", lock), set("SET LOCAL statement_timeout", statement)}
}

// AloneTimeouts does the same for a statement that runs alone; such a one takes as long as it takes. It is a part of its
// own, since the statement must be alone in its.
func (s *Session) AloneTimeouts(lock time.Duration) []Command {
	s.settled = false
	commands := []Command{set("SET lock_timeout", lock), set("SET statement_timeout", 0)}
	commands[len(commands)-1].Cut = true
	return commands
}

// set gives a duration to a setting, in milliseconds, as its unit is.
func set(setting string, d time.Duration) Command {
	return Command{SQL: setting + " = " + strconv.FormatInt(max(d, 0).Milliseconds(), 10)}
}

// Close leaves the session as it was: no transaction, no settings, no role, no lock. When it cannot, it closes the
// connection, which releases the lock too. A dedicated one is closed by its owner.
func (s *Session) Close(ctx context.Context) {
	if s.conn.IsClosed() || s.opts.Dedicated {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var commands []Command
	if s.conn.TxStatus() != 'I' {
		commands = append(commands, Command{SQL: "ROLLBACK", Cut: true})
	}
	if s.kept != nil {
		s.leave(ctx, commands)
		return
	}
	if s.opts.OwnerRole != "" {
		commands = append(commands, Command{SQL: "RESET ROLE"})
	}
	commands = append(commands, Command{SQL: "RESET ALL"})
	if s.name != "" {
		commands = append(commands, Command{SQL: "SELECT set_config('application_name', $1, false)", Args: []string{s.name}})
	}
	if s.locked {
		commands = append(commands, Command{SQL: unlockSQL, Args: lockKey()})
	}
	if _, err := s.Do(ctx, "close session", commands...); err != nil {
		// The error is left out on purpose: closing the connection does what the commands did not.
		_ = s.conn.Close(ctx)
	}
}

// Leaving gives a command that does on a kept connection what Close would do, if a query after FROM, of no more than one row, finds a row:
// it can be sent together with what makes that true, and saves a round trip. Give its reply to [Session.Left].
func (s *Session) Leaving(from string, args ...string) Command {
	sql := "SELECT pg_advisory_unlock(" + lockKey()[0] + "), set_config('application_name', " + tenants.Literal(s.opts.IdleName) + ", false)"
	if from != "" {
		sql += " FROM " + from
	}
	return Command{SQL: sql, Args: args, Keep: true, Plan: true, Cut: true}
}

// Left takes the reply to [Session.Leaving].
func (s *Session) Left(r Reply) {
	s.left = r.Err == nil && len(r.Rows) > 0
}

// leave is Close of a kept connection: only the lock is given back.
func (s *Session) leave(ctx context.Context, commands []Command) {
	if !s.left {
		commands = append(commands, s.Leaving(""))
	}
	if len(commands) > 0 {
		if _, err := s.Do(ctx, "close session", commands...); err != nil {
			_ = s.conn.Close(ctx) // as above
			return
		}
	}
	if s.kept.settled = ""; s.settled {
		s.kept.settled = s.own
	}
}
