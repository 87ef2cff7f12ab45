package stall_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// lookEvery is how often somebody looks who waits for a lock.
const lookEvery = 10 * time.Millisecond

// lockWaits watches how long the tenant's own sessions wait for locks, by the server's account. What processors and disks make one wait is
// not in it.
type lockWaits struct {
	mu    sync.Mutex
	waits []lockWait
	err   error
}

type lockWait struct {
	at    time.Time
	since time.Duration
}

// watchLocks looks until the context ends.
func watchLocks(ctx context.Context, t *testing.T, f *fleettest.Fleet) (*lockWaits, func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fleettest.ServerURL(t))
	require.NoError(t, err)
	app := f.Tenant(t, "big").Database + "_app"
	w := &lockWaits{}
	return w, func() {
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		for ctx.Err() == nil {
			var wait lockWait
			err := conn.QueryRow(context.WithoutCancel(ctx), `
				SELECT clock_timestamp(), coalesce(max(clock_timestamp() - l.waitstart), '0')
				FROM pg_locks l
				JOIN pg_stat_activity a USING (pid)
				WHERE NOT l.granted AND a.usename = $1`, app).Scan(&wait.at, &wait.since)
			w.mu.Lock()
			w.waits, w.err = append(w.waits, wait), err
			w.mu.Unlock()
			if err != nil {
				return
			}
			<-time.After(lookEvery)
		}
	}
}

// longest is the longest wait that was seen in a time, to about lookEvery.
func (w *lockWaits) longest(t *testing.T, from, to time.Time) time.Duration {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NoError(t, w.err)
	var longest time.Duration
	looks := 0
	for _, wait := range w.waits {
		if wait.at.After(from) && wait.at.Before(to) {
			looks++
			longest = max(longest, wait.since)
		}
	}
	require.Positive(t, looks, "nobody looked")
	return longest
}
