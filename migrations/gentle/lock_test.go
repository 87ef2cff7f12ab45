package gentle_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/gentle"
)

func TestOpenWaitsForTheLock(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	holder := tn.connect(t)
	run(t, holder, "SELECT pg_advisory_lock($1)", gentle.LockKey)
	run(t, holder, "SET application_name = 'somebody else'")

	opts := tn.options()
	opts.LockWait = 50 * time.Millisecond
	conn := tn.connect(t)
	before := sessionOf(t, conn)
	_, _, err := gentle.Open(t.Context(), conn, opts)
	var locked *gentle.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, gentle.Holder{PID: int(holder.PgConn().PID()), ApplicationName: "somebody else"}, locked.Holder)
	require.GreaterOrEqual(t, locked.Waited, opts.LockWait)
	require.Regexp(t, `^take the lock on the database: not free after \S+, last held by pid \d+ \(somebody else\)$`, err.Error())
	require.Equal(t, gentle.Blocked, gentle.Classify(err))
	require.Equal(t, before, sessionOf(t, conn), "the connection is as it was")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var trips atomic.Int64
	conn = tn.connectThrough(t, func(conn net.Conn) net.Conn {
		return &countingConn{Conn: conn, trips: &trips, seen: func(n int64) {
			if n == 10 {
				cancel()
			}
		}}
	})
	_, _, err = gentle.Open(ctx, conn, tn.options())
	require.ErrorAs(t, err, &locked)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, int(holder.PgConn().PID()), locked.Holder.PID)

	conn = tn.connect(t)
	opened := make(chan error)
	var looked []gentle.Reply
	go func() {
		s, replies, err := gentle.Open(t.Context(), conn, tn.options(), gentle.Command{SQL: "SELECT count(*) FROM pg_class WHERE relname = 'late'", Keep: true})
		if err == nil {
			looked = replies
			s.Close(t.Context())
		}
		opened <- err
	}()
	require.Eventually(t, func() bool {
		return number(t, tn.admin, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' AND datname = current_database() AND pid <> pg_backend_pid()") > 0
	}, testTimeout, time.Millisecond)
	run(t, tn.admin, "CREATE TABLE late ()")
	run(t, holder, "SELECT pg_advisory_unlock($1)", gentle.LockKey)
	require.NoError(t, <-opened)
	require.Equal(t, "1", looked[0].Text(0), "it is looked again once the lock is held")
	require.Zero(t, number(t, tn.admin, advisoryLocks))
}

func TestOpenRefusesOptions(t *testing.T) {
	t.Parallel()
	_, _, err := gentle.Open(t.Context(), nil, gentle.Options{LockWait: -1})
	require.ErrorContains(t, err, "LockWait is -1ns")
	_, _, err = gentle.Open(t.Context(), nil, gentle.Options{LockPolicy: gentle.LockPolicy{Pause: -1}})
	require.ErrorContains(t, err, "LockPolicy has Pause -1ns")
}
