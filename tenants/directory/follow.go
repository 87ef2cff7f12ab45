package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/tenants/poolcache"
)

const (
	// pollEvery is how often fences are read without a notification: NOTIFY is lost while a connection is away.
	pollEvery = 5 * time.Second
	// fencePause is the least time between two readings of fences.
	fencePause = 50 * time.Millisecond
)

// Follow carries fences to the cache until ctx ends: it throws away pools that are older than a tenant's epoch, waits
// until their connections are closed and then calls gone with the fence's number. It listens, and reads again after
// every lost connection and every few seconds. gone may be nil. Of changed tables it tells the cache that it should ask.
func (d *Directory) Follow(ctx context.Context, cache *poolcache.Cache, gone func(seq int64)) {
	if gone == nil {
		gone = func(int64) {}
	}
	f := follower{dir: d, cache: cache, gone: gone}
	for ctx.Err() == nil {
		if err := f.listen(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("fences are not followed; reading again in a second")
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

type follower struct {
	dir   *Directory
	cache *poolcache.Cache
	gone  func(seq int64)
	last  int64
	begun bool
}

func (f *follower) listen(ctx context.Context) error {
	conn, err := f.dir.reg.Pool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	raw := conn.Hijack() // it listens: not for others
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = raw.Close(ctx)
	}()
	if _, err := raw.Exec(ctx, `LISTEN tenantry_epochs`); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := f.begin(ctx, raw); err != nil {
		return err
	}
	for {
		if err := f.catchUp(ctx, raw); err != nil {
			return err
		}
		if err := f.await(ctx, raw); err != nil {
			return fmt.Errorf("wait for notification: %w", err)
		}
	}
}

// await returns when it is time to read fences: when a notification tells of one, or after pollEvery. However many there are, fences are
// not read more often than every fencePause.
func (f *follower) await(ctx context.Context, conn *pgx.Conn) error {
	soonest := time.Now().Add(fencePause)
	until := time.Now().Add(pollEvery)
	for time.Now().Before(until) {
		wait, cancel := context.WithDeadline(ctx, until)
		note, err := conn.WaitForNotification(wait)
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return err //nolint:wrapcheck // the caller does
		}
		if note != nil && f.hear(note.Payload) {
			until = soonest
		}
	}
	return nil
}

// hear passes on that a tenant's tables may have changed, and reports whether a notification tells of a fence. Anybody who can log in may
// notify: nothing is believed but that it is worth a look, and that with its tenant's name.
func (f *follower) hear(payload string) (fence bool) {
	var told struct {
		Tenant string `json:"tenant"`
		Fence  bool   `json:"fence"`
	}
	if json.Unmarshal([]byte(payload), &told) != nil {
		return false
	}
	if !told.Fence {
		f.cache.AskSchema(told.Tenant)
	}
	return told.Fence
}

// begin makes up for what was missed while nobody listened. Where the fences begin for this process is read before the epochs: one
// that comes between the two must be caught up with, not taken for obeyed.
func (f *follower) begin(ctx context.Context, conn *pgx.Conn) error {
	if !f.begun {
		ctx, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		if err := conn.QueryRow(ctx, `SELECT coalesce(max(seq), 0) FROM tenantry.fences`).Scan(&f.last); err != nil {
			return fmt.Errorf("read fences: %w", err)
		}
	}
	if err := f.cache.SyncEpochs(ctx); err != nil {
		return fmt.Errorf("read epochs: %w", err)
	}
	if !f.begun {
		f.begun = true
		f.gone(f.last)
	}
	return nil
}

// catchUp acts on the fences since the last one.
func (f *follower) catchUp(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := conn.Query(ctx, `SELECT seq, tenant_id, epoch FROM tenantry.fences WHERE seq > $1 ORDER BY seq`, f.last)
	if err != nil {
		return fmt.Errorf("read fences: %w", err)
	}
	type fence struct {
		Seq      int64
		TenantID string
		Epoch    int64
	}
	fences, err := pgx.CollectRows(rows, pgx.RowToStructByPos[fence])
	if err != nil {
		return fmt.Errorf("read fences: %w", err)
	}
	var evictions []poolcache.Eviction
	for _, fc := range fences {
		evictions = append(evictions, f.cache.Evict(fc.TenantID, fc.Epoch))
	}
	for i, fc := range fences {
		if err := evictions[i].Wait(ctx); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("tenant_id", fc.TenantID).Msg("a pool does not close; its sessions will be ended on the node")
		}
		f.last = fc.Seq
		f.gone(fc.Seq)
	}
	return nil
}
