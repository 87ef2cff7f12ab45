package poolcache

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// newPool makes e's pool. No connection is made yet.
func (c *Cache) newPool(e *entry, target Target) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(target.ConnString)
	if err != nil {
		// pgx masks passwords in this error as far as it can tell what is one; in a broken string it cannot.
		return nil, errors.New("parse connection string: it is malformed")
	}
	pc.MaxConns, pc.MinConns, pc.MinIdleConns = c.cfg.MaxConns, 0, 0
	pc.MaxConnIdleTime = c.cfg.ConnIdle
	pc.MaxConnLifetime = c.cfg.ConnLifetime - c.cfg.ConnLifetimeJitter
	pc.MaxConnLifetimeJitter = 2 * c.cfg.ConnLifetimeJitter
	pc.HealthCheckPeriod = c.cfg.HealthCheck
	pc.PingTimeout = c.cfg.PingTimeout
	if target.QueryExecMode != 0 {
		pc.ConnConfig.DefaultQueryExecMode = target.QueryExecMode
	}
	if c.cfg.Configure != nil {
		if err := c.cfg.Configure(e.tenant, pc); err != nil {
			return nil, fmt.Errorf("configure pool: %w", err)
		}
		if pc.BeforeAcquire != nil { //nolint:staticcheck // deprecated, but it would be ignored silently
			return nil, errors.New("configure pool: use PrepareConn instead of BeforeAcquire")
		}
	}
	e.hook(pc)
	c.attach(e.node, e, pc.ConnConfig, c.cfg.ConnectTimeout)
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return nil, fmt.Errorf("make pool: %w", err)
	}
	return pool, nil
}

// hook puts the entry's hooks before those that are configured already.
func (e *entry) hook(pc *pgxpool.Config) {
	before := pc.BeforeConnect
	pc.BeforeConnect = func(ctx context.Context, cc *pgx.ConnConfig) error {
		if err := e.beforeConnect(ctx, cc); err != nil {
			return err
		}
		if before != nil {
			return before(ctx, cc)
		}
		return nil
	}
	if after := pc.AfterConnect; after != nil {
		pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, e.cache.cfg.ConnectTimeout)
			defer cancel()
			return after(ctx, conn)
		}
	}
	prepare := pc.PrepareConn
	pc.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		s := socketOf(conn)
		switch {
		case s == nil:
		case isPurge(ctx):
			return s.state.Load() != connReclaimed, nil
		case !s.claim():
			return false, nil
		}
		if prepare == nil {
			return true, nil
		}
		ok, err := prepare(ctx, conn)
		if ok && err != nil && s != nil {
			s.state.Store(connIdle) // the pool takes it back without a release
		}
		return ok, err
	}
}

// beforeConnect prepares one attempt to connect.
func (e *entry) beforeConnect(ctx context.Context, cc *pgx.ConnConfig) error {
	if err := e.node.gate.check(); err != nil {
		return err
	}
	// pgxpool has put in two minutes. Waiting for a token is bounded by the caller's patience, the rest by the deadline
	// that dial puts on the socket.
	cc.ConnectTimeout = 0
	if e.secret.read == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.cache.cfg.ResolveTimeout)
	defer cancel()
	password, err := e.secret.password(ctx)
	if err != nil {
		return err
	}
	cc.Password = password
	return nil
}
