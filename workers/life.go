package workers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/tenants/crashpoint"
)

// life is one start of a worker process, as the control database knows it: a row that is renewed. All times that
// are compared are the database's; the process only measures how long ago its last renewal was asked for.
type life struct {
	id    string
	lease time.Duration
	pool  *pgxpool.Pool
	log   zerolog.Logger

	ctx    context.Context //nolint:containedctx // the span of this life: every run of it ends with it
	cancel context.CancelCauseFunc

	fenced  atomic.Int64 // newest fence whose pools are gone
	workers atomic.Int32 // live workers, this one among them

	mu   sync.Mutex
	runs map[string]int // attempts of the operations that this process runs, by their ids
}

func newLife(ctx context.Context, id string, lease time.Duration, pool *pgxpool.Pool, log zerolog.Logger) *life {
	l := &life{id: id, lease: lease, pool: pool, log: log, runs: map[string]int{}}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.workers.Store(1)
	return l
}

// running notes an attempt that this process runs.
func (l *life) running(operationID string, attempt int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs[operationID] = attempt
}

// ended notes that it does not any more. A later attempt of the same operation, in this process too, is another.
func (l *life) ended(operationID string, attempt int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs[operationID] == attempt {
		delete(l.runs, operationID)
	}
}

// has says whether this process runs an attempt.
func (l *life) has(operationID string, attempt int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.runs[operationID] == attempt
}

// bind gives the context of a run: River's, ended also by the end of this life, with its cause.
func (l *life) bind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// cause says why a run's context ended. That this life ends counts also where River, told next, has ended the context first.
func (l *life) cause(ctx context.Context) error {
	cause := context.Cause(ctx)
	if l.ctx.Err() != nil && cause != nil && !errors.Is(cause, rivertype.ErrJobCancelledRemotely) {
		return context.Cause(l.ctx)
	}
	return cause
}

// register writes the row of this life. It has obeyed no fence yet: a life that follows another in a process may have its pools.
func (l *life) register(ctx context.Context, host string, pid int, version string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := l.pool.Exec(ctx, `
		INSERT INTO tenantry.workers (id, host, pid, version, lease)
		VALUES ($1, $2, $3, $4, make_interval(secs => $5))`,
		l.id, host, pid, version, l.lease.Seconds())
	if err != nil {
		return fmt.Errorf("register worker: %w", err)
	}
	return nil
}

// keep renews the lease until the life ends. When renewing fails for most of the lease, or the row says that others gave this
// worker up, it ends the life, and with it all its runs, before others begin them.
func (l *life) keep() {
	every := l.lease / 5
	tick := time.NewTicker(every)
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		last := renewed.Add(l.lease * 7 / 10) // a beat that hangs must not outlast what is left
		alive, err := l.beat(max(time.Millisecond, min(every*2, time.Until(last))))
		switch {
		case err == nil && alive:
			renewed = asked
		case err == nil:
			l.log.Error().Msg("this worker was declared dead; it stops its work and starts anew")
			l.lose()
			return
		case !time.Now().Before(last):
			l.log.Error().Err(err).Dur("lease_ms", l.lease).Msg("lease cannot be renewed; this worker stops its work and starts anew")
			l.lose()
			return
		default:
			l.log.Warn().Err(err).Msg("heartbeat missed")
		}
	}
}

// lose ends a life that others may take for dead.
func (l *life) lose() {
	if !crashpoint.Off("lease") {
		l.cancel(errLeaseLost)
	}
}

func (l *life) beat(timeout time.Duration) (alive bool, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, timeout)
	defer cancel()
	var workers int32
	var newest int64
	err = l.pool.QueryRow(ctx, `SELECT alive, workers, fence_seq FROM tenantry.beat($1, $2)`, l.id, l.fenced.Load()).Scan(&alive, &workers, &newest)
	if err != nil {
		return false, fmt.Errorf("heartbeat: %w", err)
	}
	l.workers.Store(max(1, workers))
	return alive, nil
}

// end says that this life is over, so that what it may have left goes to others at once and not after its lease.
func (l *life) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := l.pool.Exec(ctx, `UPDATE tenantry.workers SET state = 'stopped' WHERE id = $1 AND state = 'alive'`, l.id)
	if err != nil {
		return fmt.Errorf("sign off: %w", err)
	}
	return nil
}

// acknowledge tells whoever waits for a fence that this process has no pools left that it forbids.
func (l *life) acknowledge(seq int64) {
	l.fenced.Store(seq)
	ctx, cancel := context.WithTimeout(l.ctx, queryTimeout)
	defer cancel()
	if _, err := l.pool.Exec(ctx, `UPDATE tenantry.workers SET fenced_seq = greatest(fenced_seq, $2) WHERE id = $1`, l.id, seq); err != nil && l.ctx.Err() == nil {
		l.log.Warn().Err(err).Msg("fence not acknowledged yet; the next heartbeat does")
	}
}
