package stall_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// perSecond is how many queries a client asks in a second.
const perSecond = 200

// client asks queries at a steady rate over one connection, one after the other.
type client struct {
	name string
	ask  func(ctx context.Context, conn *pgx.Conn, n int) error

	mu    sync.Mutex
	moved *sync.Cond
	asked []query
}

// query is one that was asked.
type query struct {
	due  time.Time
	took time.Duration // since it was due
	err  error
}

// run asks until the context ends. The connection is the client's.
func (c *client) run(ctx context.Context, conn *pgx.Conn) {
	begun := time.Now()
	for n := 0; ; n++ {
		due := begun.Add(time.Duration(n) * time.Second / perSecond)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		err := c.ask(context.WithoutCancel(ctx), conn, n)
		c.mu.Lock()
		c.asked = append(c.asked, query{due, time.Since(due), err})
		c.moved.Broadcast()
		c.mu.Unlock()
	}
}

// between gives what was due in a time, once all of it is answered: the longest wait, how many queries, and the first error.
func (c *client) between(from, to time.Time) (longest time.Duration, count int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.asked) == 0 || c.asked[len(c.asked)-1].due.Before(to) {
		c.moved.Wait()
	}
	for _, q := range c.asked {
		if q.due.Before(from) || q.due.After(to) {
			continue
		}
		count++
		longest = max(longest, q.took)
		if q.err != nil && err == nil {
			err = fmt.Errorf("%s: %w", c.name, q.err)
		}
	}
	return longest, count, err
}

// traffic is a tenant's own work.
type traffic struct {
	ours    []*client // on the table that is changed
	control []*client // on another one
	locks   *lockWaits
}

// begin starts the traffic; it ends with the test, or when it is stopped.
func begin(t *testing.T, f *fleettest.Fleet, rows int) (*traffic, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	start := func(name string, ask func(context.Context, *pgx.Conn, int) error) *client {
		c := &client{name: name, ask: ask}
		c.moved = sync.NewCond(&c.mu)
		conn := f.Connect(t, "big", tenants.RoleApp)
		running.Go(func() { c.run(ctx, conn) })
		return c
	}
	some := func(n int) int { return n*7919%rows + 1 }
	tr := &traffic{
		ours: []*client{
			start("reader", func(ctx context.Context, conn *pgx.Conn, n int) error {
				from := []string{"events", "events_shown"}[n%2]
				var note string
				return conn.QueryRow(ctx, `SELECT note FROM `+from+` WHERE id = $1`, some(n)).Scan(&note)
			}),
			start("writer", func(ctx context.Context, conn *pgx.Conn, n int) error {
				var err error
				if n%2 == 0 {
					_, err = conn.Exec(ctx, `INSERT INTO events (source_id, kind, note) VALUES (1, 'new', 'written')`)
				} else {
					_, err = conn.Exec(ctx, `UPDATE events SET note = 'changed' WHERE id = $1`, some(n))
				}
				return err
			}),
		},
		control: []*client{
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
	locks, look := watchLocks(ctx, t, f)
	tr.locks = locks
	running.Go(look)
	return tr, func() {
		cancel()
		running.Wait()
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
	var s seen
	var count int
	var err error
	s.reader, s.queries, err = tr.ours[0].between(from, to)
	require.NoError(t, err)
	s.writer, count, err = tr.ours[1].between(from, to)
	require.NoError(t, err)
	s.queries += count
	s.locked = tr.locks.longest(t, from, to)
	for _, c := range tr.control {
		longest, _, err := c.between(from, to)
		require.NoError(t, err)
		s.machine = max(s.machine, longest)
	}
	return s
}
