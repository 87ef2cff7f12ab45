package ddlbench_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle/gentletest"
)

// The application has a pool: so many connections for what it writes, and as many for what it reads.
const (
	connections     = 4
	perConnection   = 50
	trafficInSecond = connections * perConnection
)

// traffic is the application's work.
type traffic struct {
	writers, readers []*gentletest.Client
	control          []*gentletest.Client // on a table that nothing changes: what they wait is the machine's doing
	locks            *gentletest.Locks
	journals         []*journal
	at               atomic.Pointer[statements]
	stale            atomic.Int64 // queries that were asked again because of 0A000
	stop             func()
}

// statements are what the application asks of a table. Their texts are what pgx prepares them by.
type statements struct {
	table
	insert, updateDay, updateCode, read, readView, sum string
	kept                                               bool // what is written is kept in the journals
}

// aim has everything go to a table from now on.
func (tr *traffic) aim(tb table, kept bool) {
	c := tb.column
	tr.at.Store(&statements{
		table: tb, kept: kept,
		insert: fmt.Sprintf("INSERT INTO %s (%s, %s, %s, %s, %s, %s, %s, %s) VALUES ($1, $2, $3, $4, $5, $6, 'south', 'new') RETURNING id",
			tb.name, c["name"], c["code"], c["day"], c["grp"], c["account"], c["note"], c["region"], c["state"]),
		updateDay:  fmt.Sprintf("UPDATE %s SET %s = $2, updated_at = now() WHERE id = $1", tb.name, c["day"]),
		updateCode: fmt.Sprintf("UPDATE %s SET %s = $2, %s = $3, updated_at = now() WHERE id = $1", tb.name, c["code"], c["note"]),
		read:       fmt.Sprintf("SELECT id, %s, %s, %s, %s FROM %s WHERE id = $1", c["name"], c["code"], c["day"], c["note"], tb.name),
		readView:   fmt.Sprintf("SELECT id, name, code, day, note FROM %s WHERE id = $1", tb.view),
		sum:        fmt.Sprintf("SELECT count(*), sum(%s) FROM %s WHERE %s = $1", c["account"], tb.name, c["grp"]),
	})
}

// begin starts the traffic on a table; it ends with the test, or when it is stopped.
func (tn *tenant) begin(t *testing.T, tb table) *traffic {
	t.Helper()
	run(t, tn.admin, "SET ROLE "+tn.owner)
	run(t, tn.admin, "CREATE TABLE public.elsewhere (id bigint PRIMARY KEY, name text)")
	run(t, tn.admin, "RESET ROLE")
	run(t, tn.admin, "INSERT INTO public.elsewhere SELECT n, 'name' FROM generate_series(1, 1000) n")
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	tr := &traffic{}
	tr.aim(tb, true)
	client := func(name string, ask func(ctx context.Context, conn *pgx.Conn, n int) error) *gentletest.Client {
		conn := tn.dial(t, tn.database, tn.app)
		c := gentletest.NewClient(name, perConnection, func(ctx context.Context, n int) error {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			err := ask(ctx, conn, n)
			if state, ok := errors.AsType[*pgconn.PgError](err); ok && state.Code == pgerrcode.FeatureNotSupported {
				tr.stale.Add(1)
				err = ask(ctx, conn, n)
			}
			return err
		})
		running.Go(func() { c.Run(ctx) })
		return c
	}
	for i := range connections {
		j := newJournal(i)
		tr.journals = append(tr.journals, j)
		tr.writers = append(tr.writers, client("writer", func(ctx context.Context, conn *pgx.Conn, n int) error { return j.write(ctx, conn, tr.at.Load(), n) }))
		tr.readers = append(tr.readers, client("reader", func(ctx context.Context, conn *pgx.Conn, n int) error {
			return read(ctx, conn, tr.at.Load(), n*connections+i)
		}))
	}
	tr.control = []*gentletest.Client{
		client("control writer", func(ctx context.Context, conn *pgx.Conn, n int) error {
			_, err := conn.Exec(ctx, "UPDATE public.elsewhere SET name = $2 WHERE id = $1", n%1000+1, "other")
			return err
		}),
		client("control reader", func(ctx context.Context, conn *pgx.Conn, n int) error {
			var name string
			return conn.QueryRow(ctx, "SELECT name FROM public.elsewhere WHERE id = $1", n%1000+1).Scan(&name)
		}),
	}
	tr.locks = gentletest.NewLocks(tn.dial(t, tn.database, ""), tn.app)
	running.Go(func() { tr.locks.Run(ctx) })
	tr.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(tr.stop)
	return tr
}

// some spreads numbers over the ids that were loaded.
func some(n, rows int) int64 { return int64(n)*7919%int64(rows) + 1 }

// read asks for one row, of the table and of the view in turn, and now and then for a sum over an index.
func read(ctx context.Context, conn *pgx.Conn, s *statements, n int) error {
	id := some(n, s.rows)
	if n%4 == 0 {
		var count int64
		var sum any
		if err := conn.QueryRow(ctx, s.sum, id/20).Scan(&count, &sum); err != nil {
			return fmt.Errorf("%s: %w", s.sum, err)
		}
		return nil
	}
	sql := s.read
	if n%2 == 0 {
		sql = s.readView
	}
	var got int64
	var rest [4]any // whatever the types are by now
	if err := conn.QueryRow(ctx, sql, id).Scan(&got, &rest[0], &rest[1], &rest[2], &rest[3]); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	if got != id || rest[0] == nil || rest[1] == nil || rest[2] == nil {
		return fmt.Errorf("%s gave %d %v for %d", sql, got, rest, id)
	}
	return nil
}

// seen is what the application has waited in a time.
type seen struct {
	gentletest.Waits
	locked, elsewhere time.Duration
}

// clients are those of the table that is changed.
func (tr *traffic) clients() []*gentletest.Client { return slices.Concat(tr.writers, tr.readers) }

func (tr *traffic) between(t *testing.T, from, to time.Time) seen {
	t.Helper()
	s := seen{Waits: gentletest.Seen(from, to, tr.clients()...)}
	s.elsewhere = gentletest.Seen(from, to, tr.control...).Longest
	var err error
	s.locked, err = tr.locks.Longest(from, to)
	require.NoError(t, err)
	return s
}
