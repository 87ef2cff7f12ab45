package poolcache

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Lease keeps a tenant's pool open until Release. It is for one attempt of one job.
//
// It is a small value, so that a hit allocates nothing. Like a pgxpool.Conn it belongs to one goroutine at a time;
// copying it does not make two leases of it. The zero value is a released lease.
type Lease struct {
	entry *entry
	quiet bool // releasing it is no use of the entry
}

// Pool returns the tenant's pool. It panics when the lease is released, as all methods but Release do. Do not close
// the pool.
func (l *Lease) Pool() *pgxpool.Pool { return l.held().pool }

// Epoch returns the [Target.Epoch] that the pool was opened for.
func (l *Lease) Epoch() int64 { return l.held().epoch }

// SchemaEpoch returns the newest [Target.SchemaEpoch] that the cache has heard of. Whoever remembers what a tenant's tables
// look like reads that again when it has grown.
func (l *Lease) SchemaEpoch() int64 { return l.held().schema.Load() }

// Node returns the [Target.Node] that the pool connects to.
func (l *Lease) Node() string { return l.held().node.name }

// Context is done when the entry was evicted and its leases were not released in time, with [ErrRevoked] as its cause.
// Soon after the lease's connections are closed. See [Lease.Bind].
func (l *Lease) Context() context.Context { return l.held().ctx }

// Bind returns ctx, which is also cancelled when [Lease.Context] is. Call cancel when done with it.
func (l *Lease) Bind(ctx context.Context) (bound context.Context, cancel context.CancelFunc) {
	revoked := l.held().ctx
	bound, cancelCause := context.WithCancelCause(ctx)
	stop := context.AfterFunc(revoked, func() { cancelCause(context.Cause(revoked)) })
	return bound, func() {
		stop()
		cancelCause(context.Canceled)
	}
}

// Acquire returns a connection of the pool, like Pool().Acquire. When a new one was needed and the server refused the
// password (28P01), it reads the password again and tries once more.
func (l *Lease) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	e := l.held()
	conn, err := e.acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("acquire connection to tenant %s: %w", e.tenant, err)
	}
	return conn, nil
}

// Release gives the lease back. Releasing it again does nothing; releasing a copy of it panics, if it is noticed.
func (l *Lease) Release() {
	e := l.entry
	if e == nil {
		return
	}
	l.entry = nil
	if !l.quiet {
		e.touch(e.cache.now.Load())
	}
	e.release()
}

func (l *Lease) held() *entry {
	if l.entry == nil {
		panic("poolcache: lease used after its release")
	}
	return l.entry
}

// acquire returns a connection of the pool, reading the password again once when it is refused.
func (e *entry) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil && isRefusedPassword(err) && e.secret.read != nil {
		conn, err = e.pool.Acquire(ctx)
	}
	return conn, err //nolint:wrapcheck // the callers do
}
