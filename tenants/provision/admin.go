package provision

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

// idleName is the application_name of a provisioner's session that nobody uses.
const idleName = "tenantry/idle"

// Admin keeps the provisioner's sessions on each node's maintenance database. Connecting costs 5 to 10 ms of CPU, so
// sessions are reused; what a run left in one (name, locks) is cleaned before the next gets it.
type Admin struct {
	reg      *tenants.Registry
	sessions int32

	mu    sync.Mutex
	pools map[string]*pgxpool.Pool // by node id and sealed password: a changed password is another pool
	// kept are sessions in tenants' databases, see [Admin.Return].
	kept   []*keptSession
	closed bool
}

// NewAdmin makes an Admin with at most so many sessions per node; 0 is 8.
func NewAdmin(reg *tenants.Registry, sessionsPerNode int) *Admin {
	if sessionsPerNode <= 0 {
		sessionsPerNode = 8
	}
	return &Admin{reg: reg, sessions: int32(min(sessionsPerNode, 1000)), pools: map[string]*pgxpool.Pool{}}
}

// Close ends every session. Sessions in use are waited for.
func (a *Admin) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, pool := range a.pools {
		pool.Close()
	}
	a.pools = map[string]*pgxpool.Pool{}
	for _, s := range a.kept {
		s.end.Stop()
		closeConn(s.conn)
	}
	a.kept, a.closed = nil, true
}

// pool is [tenants.ErrNodeLost] for a node that is lost: every way to a node begins here or in [Admin.Connect], so that nobody waits for one.
func (a *Admin) pool(node tenants.Node) (*pgxpool.Pool, error) {
	if err := node.Usable(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := node.ID + "/" + node.URL + "/" + node.SealedPassword
	if pool := a.pools[key]; pool != nil {
		return pool, nil
	}
	password, err := a.reg.NodePassword(node)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", node.Name, err)
	}
	config, err := pgxpool.ParseConfig(node.URL)
	if err != nil {
		return nil, fmt.Errorf("node %s: read URL: %w", node.Name, tenants.RedactURLError(err))
	}
	config.ConnConfig.User, config.ConnConfig.Password = node.Provisioner, password
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = idleName
	// A server that loses the client in the middle of CREATE DATABASE should notice soon.
	config.ConnConfig.RuntimeParams["client_connection_check_interval"] = "250"
	config.MaxConns, config.MinConns = a.sessions, 0
	config.MaxConnIdleTime = time.Minute
	// Sessions that nobody uses end with their server. Who gets one would take that for its answer, and pay an attempt for it.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("node %s: open pool: %w", node.Name, err)
	}
	a.pools[key] = pool
	return pool, nil
}

// Session is one session of a node's provisioner that holds one advisory lock.
type Session struct {
	node tenants.Node
	conn *pgxpool.Conn
}

// Session opens a session for a run and takes the lock named after a thing on the node, such as a database. It first ends what
// older attempts of the same operation still have open anywhere on the node; the lock is polled, never waited for inside
// the server; and last the ledger is asked whether this attempt is still the newest. Close it in every case.
func (a *Admin) Session(ctx context.Context, node tenants.Node, run Run, thing string) (*Session, error) {
	pool, err := a.pool(node)
	if err != nil {
		return nil, err
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("node %s: connect: %w", node.Name, err)
	}
	s := &Session{node: node, conn: conn}
	if err := s.begin(ctx, run, thing); err != nil {
		s.Close()
		return nil, fmt.Errorf("node %s: %w", node.Name, err)
	}
	return s, nil
}

// EndOlder ends what older attempts of a run's operation still have open anywhere on the node.
func (a *Admin) EndOlder(ctx context.Context, node tenants.Node, run Run) error {
	if crashpoint.Off("fence") {
		return nil
	}
	pool, err := a.pool(node)
	if err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, endOlderSQL, sessionPrefix(run), run.Attempt()); err != nil {
		return fmt.Errorf("node %s: end older attempts' sessions: %w", node.Name, err)
	}
	return nil
}

const endOlderSQL = `
SELECT count(pg_terminate_backend(pid))
FROM pg_stat_activity
WHERE application_name LIKE $1 || '%'
  AND split_part(application_name, '/', 3) ~ '^[0-9]{1,9}$'
  AND split_part(application_name, '/', 3)::integer < $2
  AND pid <> pg_backend_pid()`

func (s *Session) begin(ctx context.Context, run Run, thing string) error {
	if _, err := s.conn.Exec(ctx, `SELECT set_config('application_name', $1, false)`, SessionName(run)); err != nil {
		return fmt.Errorf("name session: %w", err)
	}
	if run.Attempt() > 1 && !crashpoint.Off("fence") {
		if _, err := s.conn.Exec(ctx, endOlderSQL, sessionPrefix(run), run.Attempt()); err != nil {
			return fmt.Errorf("end older attempts' sessions: %w", err)
		}
	}
	if err := s.lock(ctx, thing); err != nil {
		return err
	}
	if crashpoint.Off("fence") {
		return nil
	}
	return run.Current(ctx)
}

func (s *Session) lock(ctx context.Context, thing string) error {
	if crashpoint.Off("lock") {
		return nil
	}
	pause := 5 * time.Millisecond
	for {
		var locked bool
		err := s.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, lockName(thing)).Scan(&locked)
		if err != nil {
			return fmt.Errorf("lock %s: %w", thing, err)
		}
		if locked {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s: held by another session: %w", thing, ctx.Err())
		case <-time.After(pause):
			pause = min(pause*2, 200*time.Millisecond)
		}
	}
}

func lockName(thing string) string { return "tenantry/" + thing }

// Close gives the session back, without its lock and its name. One that is broken is closed.
func (s *Session) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := s.conn.Exec(ctx, `SELECT pg_advisory_unlock_all(), set_config('application_name', $1, false)`, idleName)
	if err != nil {
		_ = s.conn.Conn().Close(ctx)
	}
	s.conn.Release()
}

// Exec runs one or more statements without parameters as one implicit transaction, except those that allow none.
func (s *Session) Exec(ctx context.Context, sql string) error {
	_, err := s.conn.Conn().PgConn().Exec(ctx, sql).ReadAll()
	return err //nolint:wrapcheck // callers name the step
}

// QueryRow runs one query.
func (s *Session) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return s.conn.QueryRow(ctx, sql, args...)
}

// Query runs one query.
func (s *Session) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return s.conn.Query(ctx, sql, args...) //nolint:wrapcheck // callers name the step
}

// Connect opens a session of a run in a database of the node, as the given login. The caller closes it. A node that is lost is [tenants.ErrNodeLost].
func (a *Admin) Connect(ctx context.Context, node tenants.Node, database, user, password string, run Run) (*pgx.Conn, error) {
	if err := node.Usable(); err != nil {
		return nil, err
	}
	config, err := node.Direct(database, user, password)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = SessionName(run)
	config.RuntimeParams["client_connection_check_interval"] = "250"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to database %s of node %s as %s: %w", database, node.Name, user, connectError(err))
	}
	return conn, nil
}

// ConnectProvisioner is [Admin.Connect] as the node's provisioner.
func (a *Admin) ConnectProvisioner(ctx context.Context, node tenants.Node, database string, run Run) (*pgx.Conn, error) {
	password, err := a.reg.NodePassword(node)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", node.Name, err)
	}
	return a.Connect(ctx, node, database, node.Provisioner, password, run)
}

// connectError keeps the server's answer and drops the rest of pgconn's text, which lists connection settings.
func connectError(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg
	}
	return err
}

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
