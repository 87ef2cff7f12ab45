package stall_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle/gentletest"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// perSecond is how many queries a client asks in a second.
const perSecond = 200

// traffic is a tenant's own work.
type traffic struct {
	reader, writer *gentletest.Client   // on the table that is changed
	control        []*gentletest.Client // on another one
	locks          *gentletest.Locks
}

// begin starts the traffic; it ends with the test, or when it is stopped.
func begin(t *testing.T, f *fleettest.Fleet, rows int) (*traffic, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	start := func(name string, ask func(context.Context, *pgx.Conn, int) error) *gentletest.Client {
		conn := f.Connect(t, "big", tenants.RoleApp)
		c := gentletest.NewClient(name, perSecond, func(ctx context.Context, n int) error { return ask(ctx, conn, n) })
		running.Go(func() { c.Run(ctx) })
		return c
	}
	some := func(n int) int { return n*7919%rows + 1 }
	tr := &traffic{
		reader: start("reader", func(ctx context.Context, conn *pgx.Conn, n int) error {
			from := []string{"events", "events_shown"}[n%2]
			var note string
			return conn.QueryRow(ctx, `SELECT note FROM `+from+` WHERE id = $1`, some(n)).Scan(&note)
		}),
		writer: start("writer", func(ctx context.Context, conn *pgx.Conn, n int) error {
			var err error
			if n%2 == 0 {
				_, err = conn.Exec(ctx, `INSERT INTO events (source_id, kind, note) VALUES (1, 'new', 'written')`)
			} else {
				_, err = conn.Exec(ctx, `UPDATE events SET note = 'changed' WHERE id = $1`, some(n))
			}
			return err
		}),
		control: []*gentletest.Client{
			start("control reader", func(ctx context.Context, conn *pgx.Conn, n int) error {
				var name string
				return conn.QueryRow(ctx, `SELECT name FROM forms_seen WHERE id = $1`, n%100+1).Scan(&name)
			}),
			start("control writer", func(ctx context.Context, conn *pgx.Conn, n int) error {
				_, err := conn.Exec(ctx, `UPDATE forms_seen SET name = 'seen' WHERE id = $1`, n%100+1)
				return err
			}),
		},
	}
	watcher, err := pgx.Connect(t.Context(), fleettest.ServerURL(t))
	require.NoError(t, err)
	tr.locks = gentletest.NewLocks(watcher, f.Tenant(t, "big").Database+"_app")
	running.Go(func() { tr.locks.Run(ctx) })
	return tr, func() {
		cancel()
		running.Wait()
		require.NoError(t, watcher.Close(context.WithoutCancel(t.Context())))
	}
}

// seen is what clients have waited in a time.
type seen struct {
	reader, writer, machine time.Duration
	locked                  time.Duration // for a lock, whichever of them
	queries                 int
}

func (tr *traffic) between(t *testing.T, from, to time.Time) seen {
	t.Helper()
	longest := func(clients ...*gentletest.Client) (time.Duration, int) {
		waits := gentletest.Seen(from, to, clients...)
		require.NoError(t, waits.Err)
		return waits.Longest, waits.Count
	}
	var s seen
	var reads, writes int
	s.reader, reads = longest(tr.reader)
	s.writer, writes = longest(tr.writer)
	s.machine, _ = longest(tr.control...)
	s.queries = reads + writes
	var err error
	s.locked, err = tr.locks.Longest(from, to)
	require.NoError(t, err)
	return s
}
