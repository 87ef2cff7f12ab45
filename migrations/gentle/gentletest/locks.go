package gentletest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// lookEvery is how often somebody looks who waits for a lock.
const lookEvery = 10 * time.Millisecond

// Locks watches how long a role's sessions wait for locks, by the server's account. What processors and disks make one wait is not in it.
type Locks struct {
	conn *pgx.Conn
	role string

	mu    sync.Mutex
	waits []lockWait
	err   error
}

type lockWait struct {
	at    time.Time
	since time.Duration
}

// NewLocks makes one over a connection that it has for itself, of somebody who may see the role's sessions.
func NewLocks(conn *pgx.Conn, role string) *Locks {
	return &Locks{conn: conn, role: role}
}

// Run looks until the context ends.
func (l *Locks) Run(ctx context.Context) {
	for ctx.Err() == nil {
		var wait lockWait
		err := l.conn.QueryRow(context.WithoutCancel(ctx), `
			SELECT clock_timestamp(), coalesce(max(clock_timestamp() - l.waitstart), '0')
			FROM pg_locks l
			JOIN pg_stat_activity a USING (pid)
			WHERE NOT l.granted AND a.usename = $1`, l.role).Scan(&wait.at, &wait.since)
		l.mu.Lock()
		l.waits, l.err = append(l.waits, wait), err
		l.mu.Unlock()
		if err != nil {
			return
		}
		<-time.After(lookEvery)
	}
}

// Longest is the longest wait that was seen in a time, to about lookEvery. The time must be the server's machine's.
func (l *Locks) Longest(from, to time.Time) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, fmt.Errorf("look who waits for a lock: %w", l.err)
	}
	var longest time.Duration
	looks := 0
	for _, wait := range l.waits {
		if wait.at.After(from) && wait.at.Before(to) {
			looks++
			longest = max(longest, wait.since)
		}
	}
	if looks == 0 {
		return 0, fmt.Errorf("nobody looked who waits for a lock from %s to %s", from, to)
	}
	return longest, nil
}
