package gentle

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// LockKey is the session advisory lock that whoever changes a tenant's database holds there. Take it with
// pg_try_advisory_lock only: a session that waits for it deadlocks with CREATE INDEX CONCURRENTLY.
const LockKey int64 = 0x74656e616e747279 // "tenantry"

const tryLockSQL = `
SELECT pg_try_advisory_lock($1::bigint)`

const unlockSQL = `
SELECT pg_advisory_unlock($1::bigint)`

// holderSQL finds who holds the key; an advisory lock's key is split over two columns.
const holderSQL = `
SELECT l.pid, coalesce(a.application_name, '')
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory'
  AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.objsubid = 1
  AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint
LIMIT 1`

// The first and the longest pause between two looks at the lock.
const (
	minLockPause = 20 * time.Millisecond
	maxLockPause = 500 * time.Millisecond
)

func lockKey() []string {
	return []string{strconv.FormatInt(LockKey, 10)}
}

// waitForLock polls until the lock is ours, for at most Options.LockWait.
func (s *Session) waitForLock(ctx context.Context) error {
	begun := time.Now()
	poll := []Command{
		{SQL: holderSQL, Args: lockKey(), Keep: true, Cut: true},
		{SQL: tryLockSQL, Args: lockKey(), Keep: true},
	}
	refusal := &LockedError{}
	for pause := minLockPause; ; pause = min(2*pause, maxLockPause) {
		replies, err := s.Exchange(ctx, poll)
		if err != nil && ctx.Err() != nil && refusal.Waited > 0 {
			refusal.Waited, refusal.Err = time.Since(begun), err
			return refusal
		}
		if err != nil {
			return fmt.Errorf("take the lock on the database: %w", err)
		}
		if replies[1].Text(0) == "t" {
			s.locked = true
			return nil
		}
		refusal.Holder, refusal.Waited = parseHolder(replies[0]), time.Since(begun)
		if refusal.Waited >= s.opts.LockWait {
			return refusal
		}
		if err := wait(ctx, min(jitter(pause), s.opts.LockWait-refusal.Waited)); err != nil {
			refusal.Waited, refusal.Err = time.Since(begun), err
			return refusal
		}
	}
}

// parseHolder reads the holder, the zero Holder when it is gone.
func parseHolder(r Reply) Holder {
	if len(r.Rows) == 0 {
		return Holder{}
	}
	pid, _ := strconv.Atoi(r.Text(0))
	return Holder{PID: pid, ApplicationName: r.Text(1)}
}

// blockersSQL finds who holds locks on tables of this database. Who blocked a statement is not to be known any more
// once it was cancelled; these are the likely ones.
const blockersSQL = `
SELECT l.pid, coalesce(a.application_name, ''), string_agg(DISTINCT l.relation::regclass::text, ', ')
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation'
  AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.relation >= 16384
  AND l.pid <> pg_backend_pid()
GROUP BY l.pid, a.application_name, a.xact_start
ORDER BY a.xact_start NULLS LAST
LIMIT 5`

// blockers tells who holds the relations of those names; when nobody does, who holds any. It is best effort: it gives nothing when it
// cannot look.
func (s *Session) blockers(ctx context.Context, names []string) []Holder {
	const most = 5
	var holders []Holder
	obstacles, err := s.obstacles(ctx, names)
	for _, o := range obstacles {
		if last := len(holders) - 1; last >= 0 && holders[last].PID == o.PID {
			holders[last].Holds += ", " + o.Holds
		} else if len(holders) < most {
			holders = append(holders, o.Holder)
		}
	}
	if err != nil || len(holders) > 0 {
		return holders
	}
	replies, err := s.Exchange(ctx, []Command{{SQL: blockersSQL, Keep: true}})
	if err != nil {
		return nil
	}
	for _, row := range replies[0].Rows {
		pid, _ := strconv.Atoi(string(row[0]))
		holders = append(holders, Holder{PID: pid, ApplicationName: string(row[1]), Holds: string(row[2])})
	}
	return holders
}
